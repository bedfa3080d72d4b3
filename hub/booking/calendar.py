"""Schedules become slots; slots are searched.

A search may be stale the moment it is answered: its freshness is `caller.at`, and only hold and
book decide.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, case, func, or_, select, text, update
from sqlalchemy.orm import Session

from hub import directory, trust
from hub.booking.faults import ScheduleOverlaps, SlotUnknown
from hub.booking.tables import POOLS, SLOT, Hold, Schedule, Slot
from hub.db import Instant, Ready, Statement, run
from hub.directory import Department, Organisation, Practitioner, Service
from hub.faults import Invalid, Problem
from hub.trust import Caller
from hub.units import CHINA, Money, bounds_of

SEARCH_LIMIT = 1000
_STOP_LOCK = 421_202


@dataclass(frozen=True, slots=True)
class Offer:
    """A slot as people read it: its counters, and the names of where and with whom.

    `held` are the holds alive at the instant of the search, `rows_held` also those not yet swept.
    """

    slot_id: int
    schedule_id: int
    start_at: datetime
    end_at: datetime
    capacity: int
    taken: int
    held: int
    rows_held: int
    state: str
    pool: str
    fee: Money
    organisation_id: str
    organisation_name: str
    organisation_name_en: str
    department_id: str
    department_name: str
    department_name_en: str
    location: str | None
    practitioner_id: str | None
    practitioner_name: str | None
    practitioner_title: str | None
    service_id: str
    service_code: str
    service_name: str
    service_name_en: str

    @property
    def available(self) -> int:
        """Places that nobody has booked or holds, at the instant of the search."""
        return 0 if self.state == "blocked" else self.capacity - self.taken - self.held


def add_schedule(
    session: Session,
    caller: Caller,
    *,
    service_id: str,
    weekdays: str,
    begins: time,
    ends: time,
    slot_minutes: int,
    capacity: int,
    fee: Money,
    practitioner_id: str | None = None,
    pool: str = "public",
    since: date,
    until: date | None = None,
) -> Schedule:
    """A template for slots; `weekdays` are ISO digits ("135" is Monday, Wednesday, Friday). Adding it twice is once.

    Refuses: NotAllowed, ServiceUnknown, PractitionerUnknown, Invalid, ScheduleOverlaps (nobody is in two places).
    """
    trust.require(caller, "booking.write")
    service = directory.service(session, service_id)
    require_own(caller, service.organisation_id)
    if pool not in POOLS:
        raise Invalid(element="pool", found=pool, allowed="、".join(POOLS), problem=Problem.CODE)
    if not weekdays or set(weekdays) - set("1234567"):
        raise Invalid(element="weekdays", found=weekdays, allowed="1-7")
    if begins >= ends or slot_minutes < 1 or capacity < 1:
        raise Invalid(
            element="begins, ends, slot_minutes, capacity", found=f"{begins}-{ends}/{slot_minutes}/{capacity}"
        )
    if practitioner_id is not None:
        directory.practitioner(session, practitioner_id)
    wanted = Schedule(
        organisation_id=service.organisation_id,
        department_id=service.department_id,
        practitioner_id=practitioner_id,
        service_id=service_id,
        weekdays=weekdays,
        begins=begins,
        ends=ends,
        slot_minutes=slot_minutes,
        capacity=capacity,
        pool=pool,
        fee=fee,
        since=since,
        until=until,
    )
    for other in _meeting(session, wanted):
        if (other.service_id, other.weekdays, other.begins, other.pool) == (service_id, weekdays, begins, pool):
            return other
        if practitioner_id is not None:
            raise ScheduleOverlaps(practitioner=practitioner_id, schedule_id=other.id)
    session.add(wanted)
    session.flush()
    return wanted


def make_slots(session: Session, caller: Caller, *, day_from: date, days: int) -> int:
    """The slots of every schedule for `days` days from `day_from`; answers how many are new.

    May run at any time, twice and by two processes: the key (schedule, start) decides. What falls into a stopped
    clinic is born blocked.
    """
    if caller.kind != "job":
        trust.require(caller, "operations")
    lock_stops(session)
    last = day_from + timedelta(days=days - 1)
    return session.execute(_MAKE_SLOTS, {"first": day_from, "last": last}).rowcount  # type: ignore[attr-defined, no-any-return]


def search(
    session: Session,
    caller: Caller,
    *,
    day_from: date,
    day_to: date,
    organisation_id: str | None = None,
    department_id: str | None = None,
    practitioner_id: str | None = None,
    service_id: str | None = None,
    schedule_id: int | None = None,
    pool: str | None = None,
    only_free: bool = False,
    limit: int = SEARCH_LIMIT,
) -> list[Offer]:
    """Slots that have not begun, first the earliest, of the days from `day_from` to `day_to` (both included).

    Full and blocked ones are listed too, so that a page can say why; `only_free` leaves them out.
    """
    begin = max(bounds_of(day_from)[0], caller.at)
    wanted = _OFFERS.where(Slot.start_at >= begin, Slot.start_at < bounds_of(day_to)[1])
    for column, value in (
        (Schedule.organisation_id, organisation_id),
        (Schedule.department_id, department_id),
        (Schedule.practitioner_id, practitioner_id),
        (Schedule.service_id, service_id),
        (Schedule.id, schedule_id),
        (Schedule.pool, pool),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if only_free:
        wanted = wanted.where(Slot.state == "free", Slot.taken + _LIVE_HOLDS < Slot.capacity)
    rows = session.execute(wanted.order_by(Slot.start_at, Slot.id).limit(limit), {"at": caller.at})
    return [_offer(row) for row in rows]


def offers(session: Session, slot_ids: Collection[int], *, at: datetime) -> dict[int, Offer]:
    """Slots by id, as they stand; past ones too. An id that was never given is simply absent."""
    session.flush()
    return offers_in(run(session, *asking_offers(slot_ids, at=at)))


def asking_offers(slot_ids: Collection[int], *, at: datetime) -> Statement:
    """What `offers` runs, for who runs it together with others; `offers_in` reads its rows."""
    return _OFFERS_BY_ID.asking(at=at, ids=list(slot_ids))


def offers_in(rows: Iterable[Any]) -> dict[int, Offer]:
    """What `offers` answers, from the rows of `asking_offers`."""
    return {row.slot_id: _offer(row) for row in rows}


def offer(session: Session, slot_id: int, *, at: datetime) -> Offer:
    """One slot. Refuses: SlotUnknown."""
    found = offers(session, [slot_id], at=at)
    if slot_id not in found:
        raise SlotUnknown(slot_id=slot_id)
    return found[slot_id]


def schedules(
    session: Session,
    caller: Caller,
    *,
    ids: Collection[int] | None = None,
    organisation_id: str | None = None,
    department_id: str | None = None,
    practitioner_id: str | None = None,
    service_id: str | None = None,
    limit: int = SEARCH_LIMIT,
) -> Sequence[Schedule]:
    """Templates in force or to come."""
    today = caller.at.astimezone(CHINA).date()
    wanted = select(Schedule).where(or_(Schedule.until.is_(None), Schedule.until >= today))
    if ids is not None:
        wanted = wanted.where(Schedule.id.in_(ids))
    for column, value in (
        (Schedule.organisation_id, organisation_id),
        (Schedule.department_id, department_id),
        (Schedule.practitioner_id, practitioner_id),
        (Schedule.service_id, service_id),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    return session.scalars(wanted.order_by(Schedule.id).limit(limit)).all()


def block(session: Session, caller: Caller, *, slot_id: int) -> None:
    """Stop selling a slot; what is booked stands. Refuses: NotAllowed, SlotUnknown, IllegalMove."""
    move_slot(session, caller, slot_id, "block")


def lock_stops(session: Session) -> None:
    """Slots are made and clinics stopped one after the other: neither may miss what the other is about to write."""
    session.execute(select(func.pg_advisory_xact_lock(_STOP_LOCK, 0)))


def move_slot(session: Session, caller: Caller, slot_id: int, event: str) -> None:
    """Block or unblock a slot of one's own. Refuses: NotAllowed, SlotUnknown, IllegalMove."""
    trust.require(caller, "booking.write")
    found = offer(session, slot_id, at=caller.at)
    require_own(caller, found.organisation_id)
    state = session.scalars(select(Slot.state).where(Slot.id == slot_id).with_for_update(key_share=True)).one()
    session.execute(update(Slot).where(Slot.id == slot_id).values(state=SLOT.after(state, event)))


def require_own(caller: Caller, organisation_id: str) -> None:
    """The hub's own jobs, the institution itself, or an operator. Refuses: NotAllowed."""
    if caller.kind != "job" and caller.organisation_id != organisation_id:
        trust.require(caller, "operations")


def _meeting(session: Session, wanted: Schedule) -> list[Schedule]:
    """Schedules of the same person (or, without a person, the same service) that share a weekday and an hour."""
    who = (
        Schedule.practitioner_id == wanted.practitioner_id
        if wanted.practitioner_id is not None
        else (Schedule.practitioner_id.is_(None)) & (Schedule.service_id == wanted.service_id)
    )
    rows = session.scalars(
        select(Schedule).where(
            who,
            Schedule.begins < wanted.ends,
            Schedule.ends > wanted.begins,
            or_(Schedule.until.is_(None), Schedule.until >= wanted.since),
        )
    )
    return [row for row in rows if set(row.weekdays) & set(wanted.weekdays)]


def _offer(row: Any) -> Offer:
    return Offer(**row._asdict() | {"fee": Money(row.fee)})


# Held places whose time has not run out; slots without a hold (nearly all) look nowhere else.
_LIVE_HOLDS = case(
    (Slot.held == 0, 0),
    else_=select(func.count())
    .where(Hold.slot_id == Slot.id, Hold.expires_at > bindparam("at", type_=Instant()))
    .scalar_subquery(),
)
_OFFERS = (
    select(
        Slot.id.label("slot_id"),
        Slot.schedule_id,
        Slot.start_at,
        Slot.end_at,
        Slot.capacity,
        Slot.taken,
        _LIVE_HOLDS.label("held"),
        Slot.held.label("rows_held"),
        Slot.state,
        Schedule.pool,
        Schedule.fee,
        Schedule.organisation_id,
        Organisation.name.label("organisation_name"),
        Organisation.name_en.label("organisation_name_en"),
        Schedule.department_id,
        Department.name.label("department_name"),
        Department.name_en.label("department_name_en"),
        Department.location,
        Schedule.practitioner_id,
        Practitioner.name.label("practitioner_name"),
        Practitioner.title.label("practitioner_title"),
        Schedule.service_id,
        Service.code.label("service_code"),
        Service.name.label("service_name"),
        Service.name_en.label("service_name_en"),
    )
    .join(Schedule, Schedule.id == Slot.schedule_id)
    .join(Organisation, Organisation.id == Schedule.organisation_id)
    .join(Department, Department.id == Schedule.department_id)
    .join(Service, Service.id == Schedule.service_id)
    .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
)
_OFFERS_BY_ID = Ready(_OFFERS.where(Slot.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))))

# A template's hours are Chinese wall time; generate_series counts its slots.
_MAKE_SLOTS = text("""
INSERT INTO slot (schedule_id, start_at, end_at, capacity, taken, held, issued, state)
SELECT t.id, place.start_at, place.start_at + make_interval(mins => t.slot_minutes), t.capacity, 0, 0, 0,
    CASE WHEN EXISTS (
        SELECT FROM clinic_stop s
        WHERE s.department_id = t.department_id AND s.since <= place.start_at AND place.start_at < s.until
          AND (s.practitioner_id IS NULL OR s.practitioner_id = t.practitioner_id)
          AND (s.schedule_id IS NULL OR s.schedule_id = t.id)
    ) THEN 'blocked' ELSE 'free' END
FROM schedule t
CROSS JOIN generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS day
CROSS JOIN LATERAL (
    SELECT (day::date + t.begins) AT TIME ZONE 'Asia/Shanghai' + make_interval(mins => t.slot_minutes * n) AS start_at
    FROM generate_series(0, (extract(epoch FROM t.ends - t.begins)::int / 60 / t.slot_minutes) - 1) AS n
) AS place
WHERE strpos(t.weekdays, extract(isodow FROM day)::text) > 0
  AND t.since <= day::date AND (t.until IS NULL OR t.until >= day::date)
ON CONFLICT (schedule_id, start_at) DO NOTHING
""")
