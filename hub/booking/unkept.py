"""Appointments whose day is over and of which nobody said that the patient came.

Silence is no proof: a hospital that tells of no arrivals, or whose line was down that day, would put
every one of its patients in the wrong. So a day counts only where the hospital told of somebody's arrival.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from hub.units import bounds_of, day_of

TOLD_LATE = timedelta(hours=12)
"""What a hospital tells of a day until the next noon is believed."""
LOOKED_BACK_DAYS = 14


def unkept(session: Session, *, at: datetime, most: int = 1000) -> Sequence[int]:
    """Ids of appointments that count as missed, the oldest first: of the last days, where arrivals were told."""
    found: list[int] = []
    last = day_of(at - TOLD_LATE)
    for days in range(LOOKED_BACK_DAYS, 0, -1):
        found += _unkept_on(session, last - timedelta(days=days), most - len(found))
    return found


def _unkept_on(session: Session, day: date, most: int) -> Sequence[int]:
    begin, end = bounds_of(day)
    return session.scalars(_UNKEPT, {"begin": begin, "end": end, "most": most}).all()


_UNKEPT = text("""
SELECT id FROM appointment
WHERE state = 'booked' AND start_at >= :begin AND start_at < :end
  AND organisation_id IN (
    SELECT organisation.id FROM organisation WHERE EXISTS (
      SELECT FROM appointment kept
      WHERE kept.organisation_id = organisation.id AND kept.start_at >= :begin AND kept.start_at < :end
        AND kept.state IN ('arrived', 'fulfilled')))
ORDER BY start_at, id LIMIT :most
""")
