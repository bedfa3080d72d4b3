"""Everybody who had booked in a stopped clinic is seen to, with the referral that may travel with the place."""

from sqlalchemy.orm import Session

from hub import booking, referrals
from hub.booking import StoppedVisit
from hub.trust import Caller


def settle_visit(session: Session, caller: Caller, *, visit_id: int) -> StoppedVisit:
    """One patient of a stopped clinic: moved or cancelled, and told; a referral keeps its place or loses it."""
    appointment_id = session.get_one(StoppedVisit, visit_id).appointment_id
    held = referrals.holding(session, appointment_id=appointment_id)
    visit = booking.settle_visit(session, caller, visit_id=visit_id)
    if held is not None and visit.state == "cancelled":
        referrals.lose_place(session, caller, referral_id=held.id)
    return visit
