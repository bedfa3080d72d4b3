"""Amounts of one message that do not add up: kept as items of their own until somebody has explained them.

A break is between two sides; a breach is within one message, whoever sent it. The door knows the
identities its protocol promises; here they are remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.faults import Unknown
from hub.lifecycle import Lifecycle
from hub.reconciliation.statements import require_books
from hub.trust import Caller, require
from hub.units import Money

BREACH = Lifecycle("breach", start="open", moves={("open", "explain"): "explained"})


class BreachUnknown(Unknown):
    zh = "查不到编号为 {breach_id} 的勾稽不平记录。"
    en = "There is no message {breach_id} whose amounts do not add up."


class IdentityBreach(Base):
    """One identity that one message breaks: what the field says, and what its parts add up to."""

    __tablename__ = "identity_breach"
    __table_args__ = (
        BREACH.check(),
        CheckConstraint("direction IN ('received', 'sent')", name="direction_known"),
        UniqueConstraint("organisation_id", "direction", "msgid", "rule"),
        Index("identity_breach_open_idx", "organisation_id", postgresql_where="state = 'open'"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    direction: Mapped[str]
    infno: Mapped[str]
    msgid: Mapped[str]
    rule: Mapped[str]
    element: Mapped[str]
    said: Mapped[Money]
    summed: Mapped[Money]
    found_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=BREACH.start)
    explained_at: Mapped[datetime | None]
    explained_by: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """A rule by name, the element that states a sum, and in fen what it says and what its parts are together."""

    rule: str
    element: str
    said: int
    summed: int


def note_breaches(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    direction: str,
    infno: str,
    msgid: str,
    found: Sequence[Unbalanced],
) -> None:
    """Remember what does not add up in a message; the same message again adds nothing."""
    if not found:
        return
    common = {
        "organisation_id": organisation_id,
        "direction": direction,
        "infno": infno,
        "msgid": msgid,
        "found_at": caller.at,
        "state": BREACH.start,
        "note": "",
    }
    rows = [
        common | {"rule": one.rule, "element": one.element, "said": Money(one.said), "summed": Money(one.summed)}
        for one in found
    ]
    session.execute(insert(IdentityBreach).on_conflict_do_nothing(), rows)


def breaches(
    session: Session, caller: Caller, *, organisation_id: str | None = None, open_only: bool = True
) -> Sequence[IdentityBreach]:
    """Oldest first; without an institution those of all, for the bureau. Refuses: NotAllowed, ForeignBooks."""
    require(caller, "reconciliation.read")
    require_books(session, caller, organisation_id or "")
    wanted = select(IdentityBreach).order_by(IdentityBreach.found_at, IdentityBreach.id)
    if organisation_id is not None:
        wanted = wanted.where(IdentityBreach.organisation_id == organisation_id)
    if open_only:
        wanted = wanted.where(IdentityBreach.state == "open")
    return session.scalars(wanted).all()


def explain_breach(session: Session, caller: Caller, *, breach_id: int, note: str) -> IdentityBreach:
    """Say why the amounts do not add up. Refuses: NotAllowed, BreachUnknown, ForeignBooks, IllegalMove."""
    require(caller, "reconciliation.write")
    row = session.get(IdentityBreach, breach_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise BreachUnknown(breach_id=breach_id)
    require_books(session, caller, row.organisation_id)
    BREACH.move(row, "explain")
    row.explained_at, row.explained_by, row.note = caller.at, caller.id, note
    session.flush()
    return row
