"""What a key stands for later: the settlement, unless it was undone since; and where a second message differs."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import trust
from hub.faults import Conflict, Fault
from hub.settlement.charges import Charge
from hub.settlement.keys import KeyReversed, KeyUndone, known_keys
from hub.settlement.rows import by_id
from hub.settlement.tables import SETTLEMENT, Refund, Settlement
from hub.trust import Caller

CONTENT = "content"


class RefundedInPart(Conflict):
    """`stands` is the settlement of the rest."""

    zh = "结算 {settlement_id} 已部分退费，现在有效的是结算 {stands}。请按结算 {stands} 办理。"
    en = "Settlement {settlement_id} was refunded in part; settlement {stands} stands for the rest. Name that one."


def still(session: Session, row: Settlement, key: str) -> Settlement | Fault:
    """A settlement that a message is answered with, or why it stands no longer: RefundedInPart, KeyUndone."""
    if row.state == SETTLEMENT.start or row.undoes is not None:
        return row
    try:
        require_not_refunded(session, row.id)
    except RefundedInPart as refunded:
        return refunded
    return KeyUndone(key=key, settlement_id=row.id)


def require_standing(session: Session, caller: Caller, *, key: str) -> None:
    """What was done under a key has not been undone since; a key never seen is none's.

    Refuses: NotAllowed, KeyReversed, KeyUndone, RefundedInPart.
    """
    trust.require(caller, "settlement.write")
    name = (caller.organisation_id or "", key)
    known = known_keys(session, [name]).get(name)
    if known is None:
        return
    if known.settlement_id is None:
        raise KeyReversed(key=key)
    row = by_id(session, [known.settlement_id]).get(known.settlement_id)
    outcome = None if row is None else still(session, row, key)  # none yet: a platform is being asked
    if isinstance(outcome, Fault):
        raise outcome


def differing(charge: Charge, row: Settlement) -> str:
    """The first thing in which a charge differs from the settlement that its key stands for, in Charge's words."""
    wishes = {
        "visit_id": (charge.visit_id, row.visit_id),
        "batch": (charge.batch or row.batch, row.batch),
        "total": (charge.total, row.total),
        "insutype": (charge.insutype, row.insutype),
        "med_type": (charge.med_type, row.med_type),
        "disease": (charge.disease, row.disease),
        "account_used": (charge.account_used, row.bill["account_used"]),
        "shared_used": (charge.shared_used, "shared_balance" in row.bill),
        "emergency": (charge.emergency, row.bill["emergency"]),
    }
    named = (name for name, (wish, stands) in wishes.items() if wish is not None and wish != stands)
    return next(named, CONTENT)


def replaced_by(session: Session, settlement_id: int) -> int | None:
    """The settlement that stands for the rest of one that was refunded in part, or stood for it then."""
    return session.scalars(select(Refund.settlement_id).where(Refund.replaces == settlement_id)).one_or_none()


def require_not_refunded(session: Session, settlement_id: int) -> None:
    """Refuses: RefundedInPart, naming the last of the chain."""
    last, after = settlement_id, replaced_by(session, settlement_id)
    while after is not None:
        last, after = after, replaced_by(session, after)
    if last != settlement_id:
        raise RefundedInPart(settlement_id=settlement_id, stands=last)
