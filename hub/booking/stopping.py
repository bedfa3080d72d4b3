"""A clinic is stopped: its slots are blocked, its holds freed, and everybody who had booked is seen to, one by one.

`stop` blocks at once and writes down who was booked; nobody can book there from then on. Each of them is then
moved to another place or cancelled in a transaction of their own (`settle_visit`), so that a stop of hundreds
holds no lock for long, and one that is interrupted goes on where it was. Who could not be told stays on a list
with telephone and outcome until the hotline has dealt with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import directory, exchange, people, trust
from hub.booking import change
from hub.booking.calendar import Offer, lock_stops, move_slot, offer, offers, require_own, search
from hub.booking.faults import ClinicStopped, StopOver, StopTooLong
from hub.booking.places import lock_places, move_counters
from hub.booking.tables import SLOT, Appointment, Hold, Schedule, Slot
from hub.booking.telling import snapshot, spoken
from hub.db import Base, identity
from hub.faults import LONGEST_TEXT, Invalid, Missing, Problem, within
from hub.lifecycle import Lifecycle
from hub.trust import Caller, RecordUnknown
from hub.units import Money, day_of

STOPPED_VISIT = Lifecycle(
    "stopped visit",
    start="waiting",
    moves={
        ("waiting", "move"): "moved",
        ("waiting", "cancel"): "cancelled",
        ("waiting", "leave"): "left",
        ("waiting", "stay"): "here",
    },
)
"""left: the patient had moved or cancelled by then. here: already checked in, so the desk talks to them."""

OUTCOMES = ("reached", "no-answer", "wrong-number", "gave-up")
"""What came of a call of the hotline."""

LONGEST = timedelta(days=92)
REACH = timedelta(days=730)
LONGEST_REASON = 200
"""It goes into text messages."""

ALTERNATIVES_WITHIN = timedelta(days=14)
HEADWAY = timedelta(hours=2)
"""Nobody is moved to a time that is nearer than this."""

SMS_PATIENCE = timedelta(minutes=30)
"""A text message that has not left by then counts as not delivered: somebody should call."""


class ClinicStop(Base):
    """No visits in a department (or of one doctor, or of one schedule) from `since` until `until`."""

    __tablename__ = "clinic_stop"
    __table_args__ = (
        UniqueConstraint(
            "department_id",
            "practitioner_id",
            "schedule_id",
            "since",
            "until",
            name="clinic_stop_key",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("since < until", name="since_before_until"),
        Index("clinic_stop_organisation_id_idx", "organisation_id", "since"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    practitioner_id: Mapped[str | None] = mapped_column(ForeignKey("practitioner.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    rebook: Mapped[bool]
    reason: Mapped[str]
    slots: Mapped[int]
    holds: Mapped[int]
    stopped_by: Mapped[str]
    stopped_at: Mapped[datetime]


class StoppedVisit(Base):
    """One who had booked in a clinic that was stopped: what became of the appointment, and who has been told."""

    __tablename__ = "stopped_visit"
    __table_args__ = (
        UniqueConstraint("stop_id", "appointment_id"),
        Index("stopped_visit_waiting_idx", "id", postgresql_where="state = 'waiting'"),
        STOPPED_VISIT.check(),
        CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome_known"),
        CheckConstraint("calls >= 0", name="calls_counted"),
    )

    id: Mapped[int] = identity()
    stop_id: Mapped[int] = mapped_column(ForeignKey("clinic_stop.id"))
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"))
    state: Mapped[str] = mapped_column(default=STOPPED_VISIT.start)
    new_slot_id: Mapped[int | None] = mapped_column(ForeignKey("slot.id"))
    notice_id: Mapped[int | None]
    settled_at: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str | None]
    note: Mapped[str | None]
    called_by: Mapped[str | None]
    called_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a stop would meet."""

    slots: int
    holds: int
    booked: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A stopped visit and whether its patient knows.

    `known` is waiting, told, not-reached, reached or nothing (the patient had left by then).
    """

    visit: StoppedVisit
    known: str
    was: Offer
    new: Offer | None


def preview_stop(
    session: Session,
    caller: Caller,
    *,
    department_id: str,
    since: datetime,
    until: datetime,
    practitioner_id: str | None = None,
    schedule_id: int | None = None,
) -> Preview:
    """How many slots, holds and visits a stop would meet. Refuses: as `stop`."""
    _check(session, caller, department_id, since, until, practitioner_id, schedule_id)
    met = _met(department_id, practitioner_id, schedule_id, since, until)
    ids = select(Slot.id).where(met, Slot.state == "free")
    holds = select(func.count()).where(Hold.slot_id.in_(ids), Hold.expires_at > caller.at)
    booked = select(func.count()).where(Appointment.slot_id.in_(select(Slot.id).where(met)), _STANDING)
    return Preview(
        session.scalar(select(func.count()).select_from(ids.subquery())) or 0,
        session.scalar(holds) or 0,
        session.scalar(booked) or 0,
    )


def stop(
    session: Session,
    caller: Caller,
    *,
    department_id: str,
    since: datetime,
    until: datetime,
    reason: str,
    practitioner_id: str | None = None,
    schedule_id: int | None = None,
    rebook: bool = True,
) -> ClinicStop:
    """Stop a clinic; `rebook` moves its visits where there is room, else they are cancelled. Twice is once.

    Slots that are made later for this time are born blocked. Refuses: NotAllowed, DepartmentUnknown,
    PractitionerUnknown, RecordUnknown (the schedule), Missing, Invalid, StopTooLong, StopOver.
    """
    organisation_id = _check(session, caller, department_id, since, until, practitioner_id, schedule_id)
    if not reason.strip():
        raise Missing(element="reason")
    lock_stops(session)
    facts = {
        "department_id": department_id,
        "practitioner_id": practitioner_id,
        "schedule_id": schedule_id,
        "since": since,
        "until": until,
    }
    made = session.execute(
        insert(ClinicStop)
        .values(
            organisation_id=organisation_id,
            rebook=rebook,
            reason=within(reason.strip(), LONGEST_REASON, element="reason"),
            slots=0,
            holds=0,
            stopped_by=f"{caller.kind}/{caller.id}",
            stopped_at=caller.at,
            **facts,
        )
        .on_conflict_do_nothing()
        .returning(ClinicStop.id)
    ).scalar()
    same = [column.is_not_distinct_from(facts[name]) for name, column in _columns().items()]
    row = session.scalars(select(ClinicStop).where(*same)).one()
    if made is not None:
        _block(session, row)
    return row


def waiting_visits(session: Session, *, limit: int = 200) -> Sequence[int]:
    """Stopped visits that nobody has seen to yet, the oldest first."""
    wanted = select(StoppedVisit.id).where(StoppedVisit.state == STOPPED_VISIT.start)
    return session.scalars(wanted.order_by(StoppedVisit.id).limit(limit)).all()


def settle_visit(session: Session, caller: Caller, *, visit_id: int) -> StoppedVisit:
    """Move one patient of a stopped clinic to another place, or cancel, and tell them; done already, it stays so.

    The appointment keeps its id. What the patient paid moves along, or is owed back. For the hub's own job.
    """
    visit = session.get_one(StoppedVisit, visit_id)
    row = change.changeable(session, caller, visit.appointment_id)
    visit = session.get_one(StoppedVisit, visit_id, with_for_update=True, populate_existing=True)
    if visit.state != STOPPED_VISIT.start:
        return visit
    visit.settled_at = caller.at
    if row.state == "arrived" and row.slot_id == visit.slot_id:
        STOPPED_VISIT.move(visit, "stay")
    elif row.state != "booked" or row.slot_id != visit.slot_id:
        STOPPED_VISIT.move(visit, "leave")
    else:
        _see_to(session, caller, visit, row)
    session.flush()
    return visit


def stops(session: Session, caller: Caller, *, limit: int = 100) -> Sequence[ClinicStop]:
    """The stops of the caller's hospital, the latest first. Refuses: NotAllowed."""
    trust.require(caller, "booking.read")
    wanted = select(ClinicStop).where(ClinicStop.organisation_id == caller.organisation_id)
    return session.scalars(wanted.order_by(ClinicStop.since.desc(), ClinicStop.id.desc()).limit(limit)).all()


def contacts(session: Session, caller: Caller, *, stop_id: int) -> tuple[ClinicStop, list[Contact]]:
    """A stop with everybody it met, those not reached first. Refuses: NotAllowed, RecordUnknown."""
    trust.require(caller, "booking.read")
    row = session.get(ClinicStop, stop_id)
    if row is None or row.organisation_id != caller.organisation_id:
        raise RecordUnknown(noun="clinic stop")
    visits = session.scalars(select(StoppedVisit).where(StoppedVisit.stop_id == stop_id).order_by(StoppedVisit.id))
    return row, _contacts(session, caller, list(visits))


def record_call(
    session: Session, caller: Caller, *, visit_id: int, outcome: str, after_calls: int, note: str = ""
) -> StoppedVisit:
    """What came of calling a patient; `after_calls` is how many calls the clerk had seen, so twice is one call.

    Refuses: NotAllowed, RecordUnknown, Invalid.
    """
    trust.require(caller, "booking.write")
    if outcome not in OUTCOMES:
        raise Invalid(element="outcome", found=outcome, allowed="、".join(OUTCOMES), problem=Problem.CODE)
    visit = session.get(StoppedVisit, visit_id, with_for_update=True, populate_existing=True)
    if visit is None or session.get_one(ClinicStop, visit.stop_id).organisation_id != caller.organisation_id:
        raise RecordUnknown(noun="stopped visit")
    if visit.calls != after_calls:
        return visit
    visit.calls, visit.outcome = visit.calls + 1, outcome
    visit.note = within(note.strip(), LONGEST_TEXT, element="note") or None
    visit.called_by, visit.called_at = f"{caller.kind}/{caller.id}", caller.at
    session.flush()
    return visit


def alternatives(
    session: Session, caller: Caller, was: Offer, *, person_id: int | None = None, limit: int = 3
) -> list[Offer]:
    """Free places instead of one that is gone, not dearer and not earlier: the same doctor's first, then the soonest.

    Where `person_id` has booked already is left out.
    """
    first = max(was.start_at, caller.at + HEADWAY)
    found = search(
        session,
        caller,
        day_from=day_of(first),
        day_to=day_of(first + ALTERNATIVES_WITHIN),
        department_id=was.department_id,
        pool=was.pool,
        only_free=True,
    )
    taken: set[int] = set()
    if person_id is not None:
        own = select(Appointment.slot_id).where(Appointment.person_id == person_id, _STANDING)
        taken = set(session.scalars(own))
    fitting = [
        each
        for each in found
        if each.start_at >= first and each.fee <= was.fee and each.slot_id not in {*taken, was.slot_id}
    ]
    fitting.sort(key=lambda each: (each.practitioner_id != was.practitioner_id, each.start_at))
    return fitting[:limit]


def unblock(session: Session, caller: Caller, *, slot_id: int) -> None:
    """Sell a blocked slot again. Refuses: NotAllowed, SlotUnknown, ClinicStopped, IllegalMove."""
    trust.require(caller, "booking.write")
    found = offer(session, slot_id, at=caller.at)
    require_own(caller, found.organisation_id)
    lock_stops(session)
    stopped = session.scalars(
        select(ClinicStop).where(
            ClinicStop.department_id == found.department_id,
            ClinicStop.since <= found.start_at,
            ClinicStop.until > found.start_at,
            or_(ClinicStop.practitioner_id.is_(None), ClinicStop.practitioner_id == found.practitioner_id),
            or_(ClinicStop.schedule_id.is_(None), ClinicStop.schedule_id == found.schedule_id),
        )
    ).first()
    if stopped is not None:
        raise ClinicStopped(stop_id=stopped.id, reason=stopped.reason)
    move_slot(session, caller, slot_id, "unblock")


def _check(
    session: Session,
    caller: Caller,
    department_id: str,
    since: datetime,
    until: datetime,
    practitioner_id: str | None,
    schedule_id: int | None,
) -> str:
    """The ladder of a stop; answers whose clinic it is."""
    trust.require(caller, "booking.write")
    department = directory.department(session, department_id)
    require_own(caller, department.organisation_id)
    if practitioner_id is not None:
        directory.practitioner(session, practitioner_id)
    if schedule_id is not None:
        schedule = session.get(Schedule, schedule_id)
        if schedule is None or schedule.department_id != department_id:
            raise RecordUnknown(noun="schedule")
    for element, instant in (("since", since), ("until", until)):
        if not caller.at - REACH <= instant <= caller.at + REACH:
            raise Invalid(element=element, found=instant.isoformat(), allowed=f"± {REACH.days} d")
    if since >= until:
        raise Invalid(element="until", found=until.isoformat(), allowed=f"> {since.isoformat()}")
    begin, end = spoken(since)[0], spoken(until)[0]
    if until - since > LONGEST:
        raise StopTooLong(days=LONGEST.days, since=begin, until=end)
    if until <= caller.at:
        raise StopOver(since=begin, until=end)
    return department.organisation_id


def _columns() -> dict[str, Any]:
    names = ("department_id", "practitioner_id", "schedule_id", "since", "until")
    return {name: getattr(ClinicStop, name) for name in names}


def _met(
    department_id: str, practitioner_id: str | None, schedule_id: int | None, since: datetime, until: datetime
) -> Any:
    schedules = select(Schedule.id).where(Schedule.department_id == department_id)
    if practitioner_id is not None:
        schedules = schedules.where(Schedule.practitioner_id == practitioner_id)
    if schedule_id is not None:
        schedules = schedules.where(Schedule.id == schedule_id)
    return Slot.schedule_id.in_(schedules) & (Slot.start_at >= since) & (Slot.start_at < until)


def _block(session: Session, row: ClinicStop) -> None:
    """Lock the slots in order; from here nobody takes a place. Then no hold is left, and who is booked is known."""
    met = _met(row.department_id, row.practitioner_id, row.schedule_id, row.since, row.until)
    ids = list(session.scalars(select(Slot.id).where(met).order_by(Slot.id).with_for_update(key_share=True)))
    row.holds = session.execute(_FREE_HOLDS, {"slots": ids}).rowcount  # type: ignore[attr-defined]
    blocked = update(Slot).where(Slot.id.in_(ids), Slot.state.in_(SLOT.sources("block")))
    row.slots = session.execute(blocked.values(state=SLOT.target("block"), held=0)).rowcount  # type: ignore[attr-defined]
    standing = select(Appointment.id, Appointment.person_id, Appointment.slot_id)
    for found in session.execute(standing.where(Appointment.slot_id.in_(ids), _STANDING).order_by(Appointment.id)):
        session.add(
            StoppedVisit(stop_id=row.id, appointment_id=found.id, person_id=found.person_id, slot_id=found.slot_id)
        )
    session.flush()


def _see_to(session: Session, caller: Caller, visit: StoppedVisit, row: Appointment) -> None:
    stopped = session.get_one(ClinicStop, visit.stop_id)
    was = offers(session, [row.slot_id], at=caller.at)[row.slot_id]
    others = alternatives(session, caller, was, person_id=row.person_id, limit=8)
    new = next((each for each in others if _moved(session, caller, row, each)), None) if stopped.rebook else None
    gone = f"{was.organisation_name}{was.department_name}{was.practitioner_name or ''} {spoken(was.start_at)[0]}"
    if new is not None:
        STOPPED_VISIT.move(visit, "move")
        visit.new_slot_id = new.slot_id
        words = _moved_words(gone, stopped, row, new)
        visit.notice_id = _tell(session, caller, "appointment.rescheduled", row, new, words)
        return
    back = change.give_up(session, caller, row, reason=f"医院停诊：{stopped.reason}")
    STOPPED_VISIT.move(visit, "cancel")
    words = _cancelled_words(gone, stopped, row, others[:3], back)
    visit.notice_id = _tell(session, caller, "appointment.cancelled", row, was, words)


def _moved(session: Session, caller: Caller, row: Appointment, new: Offer) -> bool:
    """Whether the appointment could be put there. Limits do not ask: it was not the patient's wish."""
    with session.begin_nested() as attempt:
        number = lock_places(session, [row.slot_id, new.slot_id], at=caller.at)[new.slot_id].take()
        if number is None:
            attempt.rollback()  # and with it the locks
            return False
        move_counters(session, row.slot_id, taken=-1)
        move_counters(session, new.slot_id, taken=1, issued=1)
        change.put(session, caller, row, new, number)
    return True


def _tell(session: Session, caller: Caller, kind: str, row: Appointment, where: Offer, words: str) -> int | None:
    """The hospital gets its message, the patient a text; answers the text's id, None without a telephone."""
    person = people.snapshots(session, [(row.person_id, row.organisation_id)])[row.person_id, row.organisation_id]
    lane = f"person/{row.person_id}"
    rows: list[exchange.Posted] = [(row.organisation_id, lane, kind, snapshot(row, where, person))]
    if person["telephone"]:
        text_message = {"telephone": person["telephone"], "person_id": row.person_id, "template": f"{kind}.stopped"}
        rows.append(("sms", lane, "notice", text_message | {"text": words.replace("{name}", person["name"])}))
    ids = exchange.post_many(session, [(caller, each) for each in rows])
    return ids[1] if len(ids) == 2 else None


def _moved_words(gone: str, stopped: ClinicStop, row: Appointment, new: Offer) -> str:
    return (
        f"【停诊改期】{{name}}，{gone}停诊（{stopped.reason}）。已为您改到 {spoken(new.start_at)[0]}"
        f"{new.practitioner_name or ''}，{row.queue_number} 号。不合适可免费改期或取消，不算爽约。预约编号 {row.id}。"
    )


def _cancelled_words(
    gone: str, stopped: ClinicStop, row: Appointment, others: Sequence[Offer], back: Money | None
) -> str:
    instead = "；".join(f"{spoken(each.start_at)[0]}{each.practitioner_name or ''}" for each in others)
    money = f"已付的 {back} 元会退给您。" if back is not None else ""
    advice = f"还有号：{instead}。" if instead else "近两周没有合适的号，请打电话，我们帮您安排。"
    return (
        f"【停诊取消】{{name}}，{gone}停诊（{stopped.reason}），您的预约已取消，不算爽约。{money}{advice}"
        f"预约编号 {row.id}。"
    )


def _contacts(session: Session, caller: Caller, visits: list[StoppedVisit]) -> list[Contact]:
    sent = exchange.states_of(session, [visit.notice_id for visit in visits if visit.notice_id is not None])
    places = offers(
        session,
        {visit.slot_id for visit in visits} | {visit.new_slot_id for visit in visits if visit.new_slot_id},
        at=caller.at,
    )
    found = [
        Contact(
            visit,
            _known(visit, sent.get(visit.notice_id or 0), caller.at),
            places[visit.slot_id],
            places[visit.new_slot_id] if visit.new_slot_id else None,
        )
        for visit in visits
    ]
    return sorted(found, key=lambda each: (_ORDER.index(each.known), each.was.start_at, each.visit.id))


_ORDER = ("not-reached", "waiting", "told", "reached", "nothing")


def _known(visit: StoppedVisit, sent: str | None, at: datetime) -> str:
    """Whether the patient knows, from the clerk's word first, then from what the gateway said."""
    if visit.outcome is not None:
        return "reached" if visit.outcome == "reached" else "not-reached"
    if visit.state == "left":
        return "nothing"
    if visit.state == STOPPED_VISIT.start:
        return "waiting"
    if sent == "sent":
        return "told"
    late = visit.settled_at is not None and at - visit.settled_at > SMS_PATIENCE
    return "waiting" if sent == "due" and not late else "not-reached"


_STANDING = Appointment.state.in_(("booked", "arrived"))
_FREE_HOLDS = text("DELETE FROM slot_hold WHERE slot_id = ANY(:slots)")
