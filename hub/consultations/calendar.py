"""Finding time that several people have in common, and holding it for all of them or for none."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.orm import Session

from hub import booking
from hub.consultations.tables import ExpertTime
from hub.trust import Caller
from hub.units import CHINA, day_of

GRID = timedelta(minutes=15)

# The region's clinic hours; an urgent consultation is not bound to them.
WORKING_HOURS = ((time(8), time(12)), (time(14), time(17, 30)))


class Interval(NamedTuple):
    """Half open: from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


def common_free_times(
    busy: Mapping[str, Sequence[Interval]], *, since: datetime, until: datetime, minutes: int, any_hour: bool = False
) -> Iterator[datetime]:
    """The starts, earliest first, of stretches of `minutes` in which nobody in `busy` is busy.

    Starts stand on a grid of a quarter of an hour, inside working hours of Monday to Friday unless `any_hour`.
    """
    taken = sorted(interval for intervals in busy.values() for interval in intervals)
    length = timedelta(minutes=minutes)
    for opens, closes in _open_hours(since, until, any_hour=any_hour):
        start = _on_grid(max(opens, since))
        while start + length <= min(closes, until):
            meets = [i.end for i in taken if i.start < start + length and start < i.end]
            if not meets:
                yield start
            start = _on_grid(max(meets)) if meets else start + GRID


def busy_times(
    session: Session, caller: Caller, practitioner_ids: Sequence[str], *, since: datetime, until: datetime
) -> dict[str, list[Interval]]:
    """When each of these people is with patients or in another consultation."""
    busy: dict[str, list[Interval]] = {who: [] for who in practitioner_ids}
    window = Range(since, until)
    held = select(ExpertTime.practitioner_id, func.lower(ExpertTime.during), func.upper(ExpertTime.during))
    theirs = ExpertTime.practitioner_id.in_(practitioner_ids)
    for who, start, end in session.execute(held.where(theirs, ExpertTime.during.op("&&")(window))):
        busy[who].append(Interval(start, end))
    for who in practitioner_ids:
        for slot in booking.search(session, caller, practitioner_id=who, day_from=day_of(since), day_to=day_of(until)):
            if slot.taken or slot.held:
                busy[who].append(Interval(slot.start_at, slot.end_at))
    return busy


def hold(
    session: Session, practitioner_ids: Sequence[str], *, start: datetime, end: datetime, consultation_id: int
) -> list[str]:
    """Hold one stretch for everybody, or for nobody; answers who was not free.

    The exclusion constraint decides between two consultations that want one person. Rows go in in one
    order, so that two panels which share people wait for each other and do not deadlock.
    """
    wanted = [
        {"practitioner_id": who, "during": Range(start, end), "consultation_id": consultation_id}
        for who in sorted(practitioner_ids)
    ]
    attempt = session.begin_nested()
    statement = insert(ExpertTime).values(wanted).on_conflict_do_nothing().returning(ExpertTime.practitioner_id)
    got = set(session.scalars(statement))
    missing = [who for who in practitioner_ids if who not in got]
    if missing:
        attempt.rollback()
    else:
        attempt.commit()
    return missing


def release(session: Session, consultation_id: int) -> None:
    """Give the time back."""
    session.execute(delete(ExpertTime).where(ExpertTime.consultation_id == consultation_id))


def shorten(session: Session, consultation_id: int, *, at: datetime) -> None:
    """Give back what is left of the time; what has passed stays on record."""
    rest = Range(at, None)
    mine = ExpertTime.consultation_id == consultation_id
    session.execute(delete(ExpertTime).where(mine, func.lower(ExpertTime.during) >= at))
    for row in session.scalars(select(ExpertTime).where(mine, ExpertTime.during.op("&&")(rest))):
        row.during = Range(row.during.lower, at)


def _open_hours(since: datetime, until: datetime, *, any_hour: bool) -> Iterator[Interval]:
    if any_hour:
        yield Interval(since, until)
        return
    day = day_of(since)
    while day <= day_of(until):
        if day.isoweekday() <= 5:
            for opens, closes in WORKING_HOURS:
                yield Interval(_instant(day, opens), _instant(day, closes))
        day += timedelta(days=1)


def _instant(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, tzinfo=CHINA)


def _on_grid(instant: datetime) -> datetime:
    """The first point of the grid that is not before an instant."""
    past = (instant - datetime(2000, 1, 1, tzinfo=CHINA)) % GRID
    return instant if not past else instant - past + GRID
