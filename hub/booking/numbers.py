"""What a hospital's own system calls an appointment, and when it last said something about it.

A hospital may tell of a change before it tells of the booking, or out of order; the number ties its messages together.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.booking.tables import Appointment
from hub.db import Base, run, run_later
from hub.faults import LONGEST_NUMBER, within


class AppointmentNumber(Base):
    """`told_at` is the hospital's own time of the latest message that was followed."""

    __tablename__ = "appointment_number"

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"), index=True)
    told_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Numbered:
    """An appointment under a hospital's own number."""

    appointment_id: int
    told_at: datetime


def numbered(session: Session, *, organisation_id: str, number: str) -> Numbered | None:
    """The appointment that a hospital calls by a number, if it has named one.

    Messages about one number wait for each other from here to their commit: an advisory lock decides.
    """
    within(number, LONGEST_NUMBER, element="appointment_number")
    said = {"organisation": organisation_id, "number": number, "key": f"{organisation_id}/appointment/{number}"}
    run(session, "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", {"key": said["key"]})
    rows = run(session, _FIND, said)
    return Numbered(rows[0].appointment_id, rows[0].told_at) if rows else None


def number_of(session: Session, appointment: Appointment) -> str | None:
    """The number under which the appointment's own hospital knows it."""
    rows = run(session, _NUMBER_OF, {"organisation": appointment.organisation_id, "id": appointment.id})
    return rows[0].number if rows else None


def give_number(session: Session, appointment: Appointment, *, number: str, told_at: datetime) -> None:
    """From now on the hospital's number means this appointment; `told_at` never goes back."""
    said = {
        "organisation": appointment.organisation_id,
        "number": number,
        "appointment_id": appointment.id,
        "told_at": told_at,
    }
    session.flush()
    run_later(session, (_GIVE, said))


_FIND = """
SELECT appointment_id, told_at FROM appointment_number
WHERE organisation_id = %(organisation)s AND number = %(number)s
"""
_NUMBER_OF = """
SELECT number FROM appointment_number WHERE appointment_id = %(id)s AND organisation_id = %(organisation)s LIMIT 1
"""
_GIVE = """
INSERT INTO appointment_number AS known (organisation_id, number, appointment_id, told_at)
VALUES (%(organisation)s, %(number)s, %(appointment_id)s, %(told_at)s)
ON CONFLICT (organisation_id, number) DO UPDATE
SET appointment_id = excluded.appointment_id, told_at = greatest(known.told_at, excluded.told_at)
"""
