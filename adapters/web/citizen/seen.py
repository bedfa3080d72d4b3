"""An appointment as a page shows it: the row, the slot's names, the hospital's telephone, and what may be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from hub import booking, directory
from hub.booking import APPOINTMENT, Appointment, Offer


@dataclass(frozen=True)
class Seen:
    """`changeable` is whether the citizen may still move or cancel it on the page."""

    appointment: Appointment
    offer: Offer
    telephone: str
    changeable: bool


def seen(session: Session, rows: Sequence[Appointment], *, at: datetime) -> list[Seen]:
    """The appointments with what a reader needs, in the order given."""
    offers = booking.offers(session, {row.slot_id for row in rows}, at=at)
    telephones = {
        organisation_id: directory.organisation(session, organisation_id).telephone
        for organisation_id in {row.organisation_id for row in rows}
    }
    return [
        Seen(
            row,
            offers[row.slot_id],
            telephones[row.organisation_id],
            changeable="cancel" in APPOINTMENT.allowed(row.state) and row.start_at > at,
        )
        for row in rows
    ]
