"""A stopped clinic: nobody books there again, everybody who had is seen to once, and who was not reached is known."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

import pytest
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from adapters import door, jobs
from hub import booking, journeys, people, referrals
from hub.booking import Appointment, ClinicStop, Hold, Slot, StoppedVisit
from hub.booking.change import changeable
from hub.exchange import Due
from hub.faults import Fault, Invalid, Missing
from hub.trust import SCOPES, Caller, NotAllowed, RecordUnknown
from hub.units import Money
from tests.hub.test_booking import JOB, MONDAY, SERVICE, a_schedule, counters, slots_of
from tests.hub.test_booking_races import assert_the_books_foot
from tests.hub.test_referrals import stated
from tests.region import (
    CARDIOLOGY,
    COMMUNITY,
    COMMUNITY_DOCTOR,
    COUNTY,
    EXPERT,
    LIMITS,
    NOW,
    TERTIARY,
    a_person,
    citizen,
    staff,
    system,
)

CLERK = staff(TERTIARY)
HUB = Caller(kind="job", id="see-to-stopped", at=NOW, scopes=SCOPES)
DAY = timedelta(days=1)


def stop(session: Session, slot: Slot, **more: object) -> ClinicStop:
    facts: dict[str, object] = {
        "department_id": CARDIOLOGY,
        "practitioner_id": EXPERT,
        "since": slot.start_at,
        "until": slot.start_at + timedelta(hours=1),
        "reason": "医生临时出诊",
    }
    return booking.stop(session, CLERK, **(facts | more))  # type: ignore[arg-type]


def see_to_all(session: Session) -> list[StoppedVisit]:
    return [journeys.settle_visit(session, HUB, visit_id=each) for each in booking.waiting_visits(session)]


def booked(session: Session, slot: Slot, serial: int = 1) -> Appointment:
    who = a_person(session, serial)
    return booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")


def texts(session: Session) -> list[str]:
    rows = session.scalars(select(Due).where(Due.destination == "sms").order_by(Due.id))
    return [row.snapshot["text"] for row in rows if row.snapshot["template"].endswith(".stopped")]


def known(session: Session, row: ClinicStop, *, at: timedelta = timedelta()) -> list[str]:
    return [each.known for each in booking.contacts(session, staff(TERTIARY, at=NOW + at), stop_id=row.id)[1]]


@pytest.fixture
def places(session: Session) -> list[Slot]:
    """The doctor's two places of half an hour on Monday and on Tuesday."""
    return slots_of(session, a_schedule(session), days=2)


def test_blocked_slots_cannot_be_sold_and_held_places_are_freed(session: Session, places: list[Slot]) -> None:
    holder, other = a_person(session, 1), a_person(session, 2)
    booking.hold(session, citizen(holder.id), slot_id=places[0].id, person_id=holder.id, channel="app")
    row = stop(session, places[0])
    assert (row.slots, row.holds) == (2, 1)
    assert [counters(session, slot) for slot in places] == [(0, 0)] * 4
    for person in (holder, other):
        with pytest.raises(booking.SlotBlocked):
            booking.book(session, citizen(person.id), slot_id=places[0].id, person_id=person.id, channel="app")
    with pytest.raises(booking.ClinicStopped):
        booking.unblock(session, CLERK, slot_id=places[0].id)
    booking.book(session, citizen(other.id), slot_id=places[2].id, person_id=other.id, channel="app")


def test_slots_made_later_for_the_time_are_born_blocked(session: Session, places: list[Slot]) -> None:
    stop(session, places[0], since=places[0].start_at + 2 * DAY, until=places[0].start_at + 3 * DAY)
    booking.make_slots(session, JOB, day_from=MONDAY + 2 * DAY, days=2)
    states = session.scalars(select(Slot.state).order_by(Slot.start_at)).all()
    assert states == ["free"] * 4 + ["blocked"] * 2 + ["free"] * 2


def test_a_visit_moves_to_the_same_doctor_keeps_its_id_and_is_told(session: Session, places: list[Slot]) -> None:
    row = booked(session, places[0])
    stopped = stop(session, places[0])
    (visit,) = see_to_all(session)
    session.refresh(row)
    assert (visit.state, visit.new_slot_id, row.slot_id, row.state) == ("moved", places[2].id, places[2].id, "booked")
    assert [counters(session, slot)[0] for slot in places] == [0, 0, 1, 0]
    (text,) = texts(session)
    assert "医生临时出诊" in text
    assert "11月24日 周二 上午9:00陈示范，1 号" in text
    kinds = session.scalars(select(Due.kind).where(Due.destination == TERTIARY).order_by(Due.id)).all()
    assert kinds == ["appointment.booked", "appointment.rescheduled"]
    assert known(session, stopped) == ["waiting"]


def test_without_room_it_is_cancelled_with_what_is_left_and_the_fee_is_owed_back(
    session: Session, places: list[Slot]
) -> None:
    row = booked(session, places[0])
    booking.pay_fee(session, system(TERTIARY), appointment_id=row.id, amount=Money.yuan("28.00"), receipt="R-1")
    stop(session, places[0], rebook=False)
    (visit,) = see_to_all(session)
    session.refresh(row)
    assert (visit.state, row.state, row.cancel_reason) == ("cancelled", "cancelled", "医院停诊：医生临时出诊")
    (text,) = texts(session)
    assert "不算爽约" in text
    assert "已付的 28.00 元会退给您" in text
    assert "还有号：11月24日 周二 上午9:00陈示范；11月24日 周二 上午9:30陈示范" in text
    assert [(fee.state, fee.amount) for fee in booking.refunds_due(session, CLERK)] == [("refund-due", Money(2800))]


def test_a_dearer_or_earlier_place_is_no_alternative(session: Session, places: list[Slot]) -> None:
    booking.block(session, CLERK, slot_id=places[2].id)
    booking.block(session, CLERK, slot_id=places[3].id)
    common = {"service_id": SERVICE, "practitioner_id": None, "weekdays": "2", "capacity": 5}
    a_schedule(session, **common, begins=time(14), ends=time(15), fee=Money.yuan("50.00"))
    cheaper = a_schedule(session, **common, begins=time(16), ends=time(17), fee=Money.yuan("9.00"))
    cheap = slots_of(session, cheaper, days=2)
    was = booking.offer(session, places[1].id, at=NOW)
    found = booking.alternatives(session, CLERK, was)
    assert [each.slot_id for each in found] == [slot.id for slot in cheap]


def test_stopping_twice_changes_nothing(session: Session, places: list[Slot]) -> None:
    booked(session, places[0])
    first = stop(session, places[0])
    see_to_all(session)
    before = [session.scalar(select(func.count()).select_from(table)) for table in (ClinicStop, StoppedVisit, Due)]
    assert stop(session, places[0], reason="再说一次").id == first.id
    assert see_to_all(session) == []
    after = [session.scalar(select(func.count()).select_from(table)) for table in (ClinicStop, StoppedVisit, Due)]
    assert after == before
    assert first.reason == "医生临时出诊"


def test_who_moved_or_came_before_their_turn_is_left_alone(session: Session, places: list[Slot]) -> None:
    moves, comes, cancels = (booked(session, places[n // 2], n + 1) for n in range(3))
    stopped = stop(session, places[0])
    booking.reschedule(session, citizen(moves.person_id), appointment_id=moves.id, slot_id=places[2].id)
    booking.arrive(session, CLERK, appointment_id=comes.id)
    booking.cancel(session, citizen(cancels.person_id), appointment_id=cancels.id, reason="")
    assert [visit.state for visit in see_to_all(session)] == ["left", "here", "left"]
    assert texts(session) == []
    assert known(session, stopped) == ["not-reached", "nothing", "nothing"]


def test_a_referral_keeps_a_moved_place_and_loses_a_cancelled_one(session: Session) -> None:
    slots = slots_of(session, a_schedule(session, pool="referral"), days=2)
    doctor = staff(COMMUNITY, COMMUNITY_DOCTOR)
    referral = journeys.refer(session, doctor, facts=stated(a_person(session)), slot_id=slots[0].id)
    stop(session, slots[0])
    assert [visit.state for visit in see_to_all(session)] == ["moved"]
    assert (referral.slot_leg, referral.appointment_id is not None) == ("booked", True)
    stop(session, slots[2], rebook=False)
    assert [visit.state for visit in see_to_all(session)] == ["cancelled"]
    assert referrals.referral(session, CLERK, referral.id).slot_leg == "lost"


def test_who_is_not_reached_follows_the_gateway_and_then_the_hotline(session: Session, places: list[Slot]) -> None:
    rows = [booked(session, places[n // 2], n + 1) for n in range(3)]
    mute = people.person(session, rows[2].person_id)
    mute.telephone = None
    session.flush()
    stopped = stop(session, places[0])
    visits = see_to_all(session)
    assert known(session, stopped) == ["not-reached", "waiting", "waiting"]
    session.execute(update(Due).where(Due.id == visits[0].notice_id).values(state="sent"))
    assert known(session, stopped) == ["not-reached", "waiting", "told"]
    assert known(session, stopped, at=timedelta(minutes=31)) == ["not-reached", "not-reached", "told"]
    session.execute(update(Due).where(Due.id == visits[1].notice_id).values(state="refused"))
    assert known(session, stopped) == ["not-reached", "not-reached", "told"]
    for _ in range(2):
        booking.record_call(session, CLERK, visit_id=visits[1].id, outcome="no-answer", after_calls=0, note="下午再打")
    assert (visits[1].calls, visits[1].note, visits[1].called_by) == (1, "下午再打", "staff/doctor")
    booking.record_call(session, CLERK, visit_id=visits[1].id, outcome="reached", after_calls=1)
    assert (visits[1].calls, known(session, stopped)) == (2, ["not-reached", "told", "reached"])


def test_a_stop_never_counts_against_the_patient(session: Session, places: list[Slot]) -> None:
    booking.set_limits(session, system(TERTIARY), LIMITS, since=MONDAY)
    row = booked(session, places[0])
    stop(session, places[0], rebook=False)
    see_to_all(session)
    again = booking.book(session, citizen(row.person_id), slot_id=places[2].id, person_id=row.person_id, channel="app")
    assert again.state == "booked"


@pytest.mark.parametrize(
    ("caller", "more", "fault"),
    [
        (CLERK, {"reason": " "}, Missing),
        (CLERK, {"reason": "长" * 201}, Invalid),
        (CLERK, {"department_id": "H42050000101-9999"}, Fault),
        (CLERK, {"practitioner_id": "D000000000000"}, Fault),
        (CLERK, {"schedule_id": 999_999_999}, RecordUnknown),
        (CLERK, {"until": NOW}, Invalid),
        (CLERK, {"since": NOW.replace(year=1)}, Invalid),
        (CLERK, {"since": NOW - 2 * DAY, "until": NOW - DAY}, booking.StopOver),
        (CLERK, {"until": NOW + 200 * DAY}, booking.StopTooLong),
        (staff(COUNTY, scopes=frozenset({"booking.write"})), {}, NotAllowed),
        (staff(TERTIARY, scopes=frozenset({"booking.read"})), {}, NotAllowed),
    ],
)
def test_a_stop_that_is_refused_says_why_and_writes_nothing(
    session: Session, places: list[Slot], caller: Caller, more: dict[str, object], fault: type[Fault]
) -> None:
    facts = {"department_id": CARDIOLOGY, "since": places[0].start_at, "until": places[1].end_at, "reason": "开会"}
    with pytest.raises(fault) as refusal:
        booking.stop(session, caller, **(facts | more))  # type: ignore[arg-type]
    assert "{" not in refusal.value.sentence("zh") + refusal.value.sentence("en")
    assert session.scalar(select(func.count()).select_from(ClinicStop)) == 0
    assert session.scalars(select(Slot.state).distinct()).all() == ["free"]


def test_another_hospital_sees_no_stop_and_calls_nobody(session: Session, places: list[Slot]) -> None:
    booked(session, places[0])
    stopped = stop(session, places[0])
    (visit,) = see_to_all(session)
    with pytest.raises(RecordUnknown):
        booking.contacts(session, staff(COUNTY), stop_id=stopped.id)
    with pytest.raises(RecordUnknown):
        booking.record_call(session, staff(COUNTY), visit_id=visit.id, outcome="reached", after_calls=0)
    with pytest.raises(Invalid):
        booking.record_call(session, CLERK, visit_id=visit.id, outcome="maybe", after_calls=0)
    assert visit.calls == 0


def test_a_fee_is_paid_once_owed_back_once_and_paid_back_once(session: Session, places: list[Slot]) -> None:
    row, his = booked(session, places[0]), system(TERTIARY)
    pay = {"appointment_id": row.id, "amount": Money.yuan("28.00")}
    assert booking.pay_fee(session, his, **pay, receipt="R-1") is booking.pay_fee(session, his, **pay, receipt="R-1")
    with pytest.raises(booking.FeePaid):
        booking.pay_fee(session, his, **pay, receipt="R-2")
    with pytest.raises(Fault, match="booking fee is paid"):
        booking.refund_fee(session, his, appointment_id=row.id, receipt="B-1")
    booking.cancel(session, citizen(row.person_id), appointment_id=row.id, reason="好了")
    with pytest.raises(booking.FeeNotDue):
        booking.pay_fee(session, his, **pay, receipt="R-1")
    for _ in range(2):
        assert booking.refund_fee(session, his, appointment_id=row.id, receipt="B-1").state == "refunded"
    assert booking.refunds_due(session, his) == []
    other = booked(session, places[1], 2)
    with pytest.raises(booking.FeeUnknown):
        booking.refund_fee(session, his, appointment_id=other.id, receipt="B-2")
    with pytest.raises(RecordUnknown):
        booking.pay_fee(session, system(COUNTY), appointment_id=other.id, amount=Money(1), receipt="R-3")


def test_a_stop_does_not_wait_for_an_appointment_that_is_being_changed(engine: Engine) -> None:
    """It has the slot already, for which the other will come: each would wait for the other."""
    with Session(engine) as session, session.begin():
        place = slots_of(session, a_schedule(session), days=1)[0]
        visit, slot_id = booked(session, place).id, place.id
    with Session(engine) as changing, changing.begin(), Session(engine) as stopping, stopping.begin():
        changeable(changing, citizen(changing.get_one(Appointment, visit).person_id), visit)
        stopping.execute(text("SET LOCAL lock_timeout = '2s'"))
        assert stop(stopping, stopping.get_one(Slot, slot_id)).slots == 2


def test_stops_bookings_moves_and_holds_at_once_leave_books_that_foot(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        ids = [a_person(session, serial).id for serial in range(1, 25)]
        slots = [slot.id for slot in slots_of(session, a_schedule(session, capacity=6), days=2)]
        since = session.get_one(Slot, slots[0]).start_at

    def attempt(n: int) -> str:
        person, slot = ids[n % 24], slots[n % 4]

        def work(session: Session) -> object:
            match n % 5:
                case 0 | 1:
                    return booking.book(session, citizen(person), slot_id=slot, person_id=person, channel="app")
                case 2:
                    return booking.hold(session, citizen(person), slot_id=slot, person_id=person, channel="app")
                case 3:
                    until = since + timedelta(minutes=30)
                    return booking.stop(
                        session, CLERK, department_id=CARDIOLOGY, since=since, until=until, reason="停电"
                    )
            own = select(Appointment.id).where(Appointment.person_id == person, Appointment.state == "booked").limit(1)
            mine = session.scalar(own)
            return mine and booking.reschedule(session, citizen(person), appointment_id=mine, slot_id=slot)

        try:
            door.transact(work)
        except Fault as fault:
            return fault.code
        return "ok"

    def see_to(_: int) -> str:
        return jobs.see_to_stopped(HUB)

    with ThreadPoolExecutor(8) as threads:
        seen = [threads.submit(see_to, n) for n in range(3)]
        answers = Counter(threads.map(attempt, range(120)))
        assert all(each.result() for each in seen)
    jobs.see_to_stopped(HUB)
    assert set(answers) <= {"ok", "slot-taken", "slot-blocked", "already-booked"}
    with Session(engine) as session:
        assert_the_books_foot(session)
        assert session.scalar(select(func.count()).select_from(ClinicStop)) == 1
        assert session.scalar(select(Slot.state).where(Slot.id == slots[0])) == "blocked"
        there = select(func.count()).where(Appointment.slot_id == slots[0], Appointment.state == "booked")
        assert session.scalar(there) == 0
        assert session.scalar(select(func.count()).select_from(Hold).where(Hold.slot_id == slots[0])) == 0
        assert booking.waiting_visits(session) == []
