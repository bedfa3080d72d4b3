"""What every page of the workbench shows: what waits for an answer, and which places this account may open."""

from dataclasses import replace

from sqlalchemy.orm import Session
from starlette.requests import Request

from adapters.web import sessions
from adapters.web.sessions import Clerk
from hub import consultations, referrals

OPEN_CONSULTATIONS = ("requested", "scheduled", "in-progress", "opinion-signed")
PLACES = {
    "today": "booking.read",
    "charge": "settlement.write",
    "window": "people.write",
    "stops": "booking.write",
    "incoming": "referral.read",
    "outgoing": "referral.read",
    "duty": "referral.read",
    "consultations": "consultation.write",
}
"""Which scope opens which entry of the left navigation."""


def clerk_of(session: Session, request: Request) -> Clerk:
    """The member of staff at the workbench, with the numbers beside the navigation."""
    clerk = sessions.clerk(session, request, "desk")
    places = tuple(name for name, scope in PLACES.items() if scope in clerk.caller.scopes)
    counts: list[tuple[str, int]] = []
    if "incoming" in places:
        waiting = referrals.waiting(session, clerk.caller)
        counts.append(("incoming", waiting["to-answer"]))
        counts.append(("outgoing", waiting["to-inform"] + waiting["to-decide"]))
        late = referrals.unconfirmed(session, at=clerk.at, receiver_id=clerk.organisation_id)
        counts.append(("duty", len(late)))
    if "consultations" in places:
        rows = consultations.consultations(session, clerk.caller, states=OPEN_CONSULTATIONS)
        counts.append(("consultations", len(rows)))
    return replace(clerk, frame=replace(clerk.frame, counts=tuple(counts), places=places))
