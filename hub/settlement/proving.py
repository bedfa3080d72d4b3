"""The books prove themselves: legs against legs, legs against settlements. What the proof names is a bug of ours."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hub.settlement.tables import Posting, Settlement

RECEIVABLE = "hospital.receivable"


@dataclass(frozen=True, slots=True)
class Proof:
    """How many settlements were looked at, and the first of those whose legs do not foot."""

    settlements: int
    broken: tuple[int, ...]


def prove(session: Session, *, since: datetime, name_at_most: int = 20) -> Proof:
    """Every settlement since an instant: its legs sum to zero, and the hospital is owed what the bill comes to."""
    looked_at = session.scalar(select(func.count()).where(Settlement.settled_at >= since)) or 0
    legs = (
        select(
            Settlement.id,
            func.coalesce(func.sum(Posting.amount), 0).label("balance"),
            func.coalesce(func.sum(Posting.amount).filter(Posting.account == RECEIVABLE), 0).label("owed"),
            Settlement.total,
        )
        .outerjoin(Posting, Posting.settlement_id == Settlement.id)
        .where(Settlement.settled_at >= since)
        .group_by(Settlement.id)
        .subquery()
    )
    wrong: ColumnElement[bool] = (legs.c.balance != 0) | (legs.c.owed != legs.c.total)
    broken = session.scalars(select(legs.c.id).where(wrong).order_by(legs.c.id).limit(name_at_most)).all()
    return Proof(looked_at, tuple(broken))
