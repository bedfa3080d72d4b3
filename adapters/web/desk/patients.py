"""Finding a patient at a counter by whatever code is shown: card, citizen, record or insurer number."""

from sqlalchemy.orm import Session

from adapters.web.sessions import Clerk
from hub import people, trust
from hub.people import Person, PersonUnknown

SYSTEMS = ("card", "certno/01", "psn_no")


def patient(session: Session, clerk: Clerk, number: str) -> Person:
    """The person behind a number, whichever kind it is. Refuses: NotAllowed, PersonUnknown."""
    trust.require(clerk.caller, "people.read")
    value = "".join(number.split())
    for system in (*SYSTEMS, f"mrn/{clerk.organisation_id}"):
        try:
            return people.resolve(session, system=system, value=value)
        except PersonUnknown:
            continue
    raise PersonUnknown(system="card / ID", shown=value[:2] + "*" * max(0, len(value) - 6) + value[-4:])
