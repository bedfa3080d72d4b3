"""Booking: the ladder of refusals, the life of an appointment, what is told and to whom."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import booking, people, trust
from hub.booking import Appointment, Hold, Schedule, Slot
from hub.exchange import Due
from hub.faults import Fault, Invalid
from hub.lifecycle import IllegalMove
from hub.trust import Caller, Grant, NotAllowed, RecordUnknown
from hub.units import Money
from tests.region import CARDIOLOGY, COMMUNITY, COUNTY, EXPERT, LIMITS, NOW, TERTIARY, a_person, citizen, staff, system

MONDAY = date(2026, 11, 23)
SERVICE = f"{TERTIARY}-0301-01"
JOB = Caller(kind="job", id="jobs", at=NOW, scopes=frozenset({"operations"}))


def a_schedule(session: Session, **changes: object) -> Schedule:
    facts: dict[str, object] = {
        "service_id": SERVICE,
        "practitioner_id": EXPERT,
        "weekdays": "12345",
        "begins": time(9),
        "ends": time(10),
        "slot_minutes": 30,
        "capacity": 2,
        "fee": Money.yuan("28.00"),
        "since": date(2026, 1, 1),
    }
    return booking.add_schedule(session, system(TERTIARY), **(facts | changes))  # type: ignore[arg-type]


def slots_of(session: Session, schedule: Schedule, days: int = 1) -> list[Slot]:
    booking.make_slots(session, JOB, day_from=MONDAY, days=days)
    return list(session.scalars(select(Slot).where(Slot.schedule_id == schedule.id).order_by(Slot.start_at)))


def a_slot(session: Session, **changes: object) -> Slot:
    return slots_of(session, a_schedule(session, **changes))[0]


def counters(session: Session, slot: Slot) -> tuple[int, int]:
    session.refresh(slot)
    return slot.taken, slot.held


def told(session: Session) -> list[tuple[str, str]]:
    return [(row.destination, row.kind) for row in session.scalars(select(Due).order_by(Due.id))]


def everything(session: Session) -> tuple[int | None, ...]:
    return tuple(session.scalar(select(func.count()).select_from(t)) for t in (Appointment, Hold, Due, Grant))


def test_a_template_becomes_slots_in_chinese_time_and_twice_is_once(session: Session) -> None:
    schedule = a_schedule(session, weekdays="135")
    assert booking.make_slots(session, JOB, day_from=MONDAY, days=7) == 6
    assert booking.make_slots(session, JOB, day_from=MONDAY, days=7) == 0
    first = slots_of(session, schedule)[0]
    assert (first.start_at, first.end_at) == (
        datetime(2026, 11, 23, 1, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 1, 30, tzinfo=UTC),
    )


def test_a_last_slot_that_does_not_fit_is_not_made(session: Session) -> None:
    assert len(slots_of(session, a_schedule(session, ends=time(9, 50), slot_minutes=30))) == 1


def test_the_same_schedule_twice_is_one_and_a_doctor_is_not_in_two_places(session: Session) -> None:
    first = a_schedule(session)
    assert a_schedule(session).id == first.id
    with pytest.raises(booking.ScheduleOverlaps):
        a_schedule(session, begins=time(9, 30), ends=time(11), weekdays="5")
    a_schedule(session, begins=time(10), ends=time(11))


def test_another_hospital_cannot_add_a_schedule(session: Session) -> None:
    caller = system(COUNTY, scopes=frozenset({"booking.write"}))
    with pytest.raises(NotAllowed):
        booking.add_schedule(
            session,
            caller,
            service_id=SERVICE,
            weekdays="1",
            begins=time(9),
            ends=time(10),
            slot_minutes=30,
            capacity=1,
            fee=Money(0),
            since=MONDAY,
        )


def test_a_search_lists_free_full_and_blocked_but_not_what_has_begun(session: Session) -> None:
    schedule = a_schedule(session, capacity=1, ends=time(11))
    first, second, third, fourth = slots_of(session, schedule)
    who = a_person(session)
    booking.book(session, citizen(who.id), slot_id=second.id, person_id=who.id, channel="app")
    booking.block(session, staff(TERTIARY), slot_id=third.id)
    at = first.start_at + timedelta(minutes=1)
    found = booking.search(session, citizen(who.id, at=at), organisation_id=TERTIARY, day_from=MONDAY, day_to=MONDAY)
    assert [(o.slot_id, o.available, o.state) for o in found] == [
        (second.id, 0, "free"),
        (third.id, 0, "blocked"),
        (fourth.id, 1, "free"),
    ]
    assert (found[0].practitioner_name, found[0].fee, found[0].department_name) == ("陈示范", Money(2800), "心血管内科")
    free = booking.search(
        session, citizen(who.id, at=at), department_id=CARDIOLOGY, day_from=MONDAY, day_to=MONDAY, only_free=True
    )
    assert [o.slot_id for o in free] == [fourth.id]


def test_a_booking_takes_a_place_tells_hospital_and_citizen_and_lets_the_hospital_see(session: Session) -> None:
    slot, who = a_slot(session), a_person(session)
    row = booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app", reason="胸闷")
    assert (row.state, row.queue_number, row.organisation_id, row.booked_by) == (
        "booked",
        1,
        TERTIARY,
        f"citizen/person/{who.id}",
    )
    assert counters(session, slot) == (1, 0)
    assert told(session) == [(TERTIARY, "appointment.booked"), ("sms", "notice")]
    message, notice = session.scalars(select(Due).order_by(Due.id)).all()
    assert message.snapshot["appointment_id"] == row.id
    assert message.snapshot["start"] == "2026-11-23T01:00:00+00:00"
    assert message.snapshot["practitioner"] == {"id": EXPERT, "name": "陈示范"}
    assert message.snapshot["person"]["certno"] == who.certno
    assert "11月23日 周一 上午9:00" in notice.snapshot["text"]
    trust.admit(session, system(TERTIARY), [who.id], "visit")


def refused_cases() -> dict[str, tuple[Callable[[Session, Slot], dict[str, object]], type[Fault]]]:
    return {
        "unknown slot": (lambda s, slot: {"slot_id": 999_999_999}, booking.SlotUnknown),
        "begun": (lambda s, slot: {"at": slot.start_at}, booking.SlotPast),
        "blocked": (lambda s, slot: booking.block(s, staff(TERTIARY), slot_id=slot.id) or {}, booking.SlotBlocked),
        "channel": (lambda s, slot: {"channel": "carrier pigeon"}, Invalid),
        "a stranger": (lambda s, slot: {"person_id": a_person(s, 7).id}, people.PersonUnknown),
        "nobody": (lambda s, slot: {"person_id": 999_999_999}, people.PersonUnknown),
    }


@pytest.mark.parametrize("case", refused_cases())
def test_a_refused_booking_says_why_and_writes_nothing(session: Session, case: str) -> None:
    prepare, fault = refused_cases()[case]
    slot, who = a_slot(session), a_person(session)
    changes = prepare(session, slot)
    at = changes.pop("at", NOW)
    before = everything(session)
    facts = {"slot_id": slot.id, "person_id": who.id, "channel": "app"} | changes
    with pytest.raises(fault) as refusal:
        booking.book(session, citizen(who.id, at=at), **facts)  # type: ignore[arg-type]
    assert "{" not in refusal.value.sentence("zh") + refusal.value.sentence("en")
    assert everything(session) == before
    assert counters(session, slot) == (0, 0)


def test_a_full_slot_is_refused_by_name_and_time(session: Session) -> None:
    slot = a_slot(session, capacity=1)
    first, second = a_person(session, 1), a_person(session, 2)
    booking.book(session, citizen(first.id), slot_id=slot.id, person_id=first.id, channel="app")
    before = everything(session)
    with pytest.raises(booking.SlotTaken, match="Cardiology, Mon 23 Nov 09:00 is full"):
        booking.book(session, citizen(second.id), slot_id=slot.id, person_id=second.id, channel="app")
    assert everything(session) == before


def test_the_same_slot_twice_names_the_appointment_that_stands(session: Session) -> None:
    slot, who = a_slot(session), a_person(session)
    row = booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    with pytest.raises(booking.AlreadyBooked) as refusal:
        booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    assert refusal.value.facts["appointment_id"] == row.id


def test_a_place_kept_for_referrals_needs_a_referral(session: Session) -> None:
    slot, who = a_slot(session, pool="referral"), a_person(session)
    with pytest.raises(booking.SlotReserved):
        booking.book(session, staff(TERTIARY), slot_id=slot.id, person_id=who.id, channel="window")
    row = booking.book(
        session, system(COMMUNITY), slot_id=slot.id, person_id=who.id, channel="referral", referral_id=12
    )
    assert row.referral_id == 12


def test_a_proxy_books_for_family_and_only_while_the_link_lives(session: Session) -> None:
    slot, child, mother = a_slot(session), a_person(session, 1), a_person(session, 2)
    people.link_family(
        session,
        staff(COMMUNITY),
        proxy_id=mother.id,
        person_id=child.id,
        relation="child",
        until=NOW + timedelta(days=1),
    )
    late = citizen(mother.id, at=NOW + timedelta(days=2))
    with pytest.raises(people.PersonUnknown):
        booking.book(session, late, slot_id=slot.id, person_id=child.id, channel="app")
    assert (
        booking.book(session, citizen(mother.id), slot_id=slot.id, person_id=child.id, channel="app").person_id
        == child.id
    )


def test_a_hold_keeps_the_place_and_the_booking_uses_it_up(session: Session) -> None:
    slot = a_slot(session, capacity=1)
    first, second = a_person(session, 1), a_person(session, 2)
    kept = booking.hold(session, citizen(first.id), slot_id=slot.id, person_id=first.id, channel="app")
    assert kept.expires_at == NOW + booking.HOLD_LASTS
    assert counters(session, slot) == (0, 1)
    for take in (booking.book, booking.hold):
        with pytest.raises(booking.SlotTaken):
            take(session, citizen(second.id), slot_id=slot.id, person_id=second.id, channel="app")
    booking.book(session, citizen(first.id), slot_id=slot.id, person_id=first.id, channel="app")
    assert counters(session, slot) == (1, 0)
    assert session.scalar(select(func.count()).select_from(Hold)) == 0


def test_an_expired_hold_gives_way_with_nobody_sweeping(session: Session) -> None:
    slot = a_slot(session, capacity=1)
    first, second = a_person(session, 1), a_person(session, 2)
    booking.hold(session, citizen(first.id), slot_id=slot.id, person_id=first.id, channel="app")
    later = citizen(second.id, at=NOW + booking.HOLD_LASTS)
    assert booking.offer(session, slot.id, at=later.at).available == 1
    booking.book(session, later, slot_id=slot.id, person_id=second.id, channel="app")
    assert counters(session, slot) == (1, 0)
    with pytest.raises(booking.SlotTaken):
        booking.book(session, citizen(first.id, at=later.at), slot_id=slot.id, person_id=first.id, channel="app")


def test_choosing_another_time_moves_the_hold_and_asking_twice_does_not_prolong_it(session: Session) -> None:
    first, second = slots_of(session, a_schedule(session))
    who = a_person(session)
    kept = booking.hold(session, citizen(who.id), slot_id=first.id, person_id=who.id, channel="app")
    later = citizen(who.id, at=NOW + timedelta(minutes=3))
    again = booking.hold(session, later, slot_id=first.id, person_id=who.id, channel="app")
    assert (again.id, again.expires_at) == (kept.id, kept.expires_at)
    moved = booking.hold(session, later, slot_id=second.id, person_id=who.id, channel="app")
    assert (counters(session, first), counters(session, second)) == ((0, 0), (0, 1))
    booking.release(session, later, hold_id=moved.id)
    assert counters(session, second) == (0, 0)
    with pytest.raises(booking.HoldUnknown):
        booking.release(session, later, hold_id=moved.id)


def test_a_hold_of_another_channel_is_not_used(session: Session) -> None:
    slot, who = a_slot(session, capacity=1), a_person(session)
    booking.hold(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    with pytest.raises(booking.SlotTaken):
        booking.book(session, staff(TERTIARY), slot_id=slot.id, person_id=who.id, channel="window")


def test_a_stranger_cannot_release_a_hold(session: Session) -> None:
    slot, who, other = a_slot(session), a_person(session), a_person(session, 2)
    kept = booking.hold(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    with pytest.raises(booking.HoldUnknown):
        booking.release(session, citizen(other.id), hold_id=kept.id)


def test_a_limit_names_its_rule_and_the_day_it_ends(session: Session) -> None:
    schedule = a_schedule(session)
    slots = slots_of(session, schedule, days=8)
    who = a_person(session)
    booking.set_limits(session, system(TERTIARY), LIMITS, since=date(2026, 1, 1))
    booking.set_limits(session, system(TERTIARY), LIMITS, since=date(2026, 1, 1))
    caller = citizen(who.id)
    booking.book(session, caller, slot_id=slots[0].id, person_id=who.id, channel="app")
    with pytest.raises(booking.LimitReached) as refusal:
        booking.book(session, caller, slot_id=slots[1].id, person_id=who.id, channel="app")
    assert (refusal.value.facts["rule"], refusal.value.facts["free_from"]) == ("同一科室每日一号", "2026-11-24")
    for slot in (slots[2], slots[4]):
        booking.book(session, caller, slot_id=slot.id, person_id=who.id, channel="app")
    with pytest.raises(booking.LimitReached) as refusal:
        booking.book(session, caller, slot_id=slots[6].id, person_id=who.id, channel="app")
    assert (refusal.value.facts["rule"], refusal.value.facts["free_from"]) == ("七日三号", "2026-11-30")
    booking.book(session, caller, slot_id=slots[-1].id, person_id=who.id, channel="app")


def test_a_rule_holds_to_its_last_day_and_its_end_can_be_said_later(session: Session) -> None:
    monday, same_day, tuesday, next_day = slots_of(session, a_schedule(session, ends=time(10)), days=2)
    who, rule = a_person(session), replace(LIMITS[0], until=MONDAY)
    caller = citizen(who.id)
    booking.set_limits(session, system(TERTIARY), [LIMITS[0]], since=MONDAY)
    booking.set_limits(session, system(TERTIARY), [rule], since=MONDAY)
    for slot in (monday, tuesday, next_day):
        booking.book(session, caller, slot_id=slot.id, person_id=who.id, channel="app")
    with pytest.raises(booking.LimitReached) as refusal:
        booking.book(session, caller, slot_id=same_day.id, person_id=who.id, channel="app")
    assert (refusal.value.facts["rule"], refusal.value.facts["free_from"]) == ("同一科室每日一号", "2026-11-24")


def test_limits_count_the_card_not_the_record(session: Session) -> None:
    slots = slots_of(session, a_schedule(session))
    first, second = a_person(session, 1), a_person(session, 2)
    second.card_number = first.card_number
    session.flush()
    booking.set_limits(session, system(TERTIARY), LIMITS, since=date(2026, 1, 1))
    booking.book(session, staff(TERTIARY), slot_id=slots[0].id, person_id=first.id, channel="window")
    with pytest.raises(booking.LimitReached):
        booking.book(session, staff(TERTIARY), slot_id=slots[1].id, person_id=second.id, channel="window")


def test_a_cancelled_place_is_free_again_and_its_queue_number_is_not_reused(session: Session) -> None:
    slot = a_slot(session, capacity=1)
    first, second = a_person(session, 1), a_person(session, 2)
    row = booking.book(session, citizen(first.id), slot_id=slot.id, person_id=first.id, channel="app")
    gone = booking.cancel(session, citizen(first.id), appointment_id=row.id, reason="有事")
    assert (gone.state, gone.cancel_reason, gone.version) == ("cancelled", "有事", 2)
    assert counters(session, slot) == (0, 0)
    assert told(session)[2:] == [(TERTIARY, "appointment.cancelled"), ("sms", "notice")]
    with pytest.raises(RecordUnknown):
        trust.admit(session, system(TERTIARY, at=NOW + timedelta(seconds=1)), [first.id], "visit")
    again = booking.book(session, citizen(second.id), slot_id=slot.id, person_id=second.id, channel="app")
    assert again.queue_number == 2
    with pytest.raises(IllegalMove):
        booking.cancel(session, citizen(first.id), appointment_id=row.id, reason="有事")


def test_a_citizen_cannot_cancel_once_the_visit_has_begun_but_the_hospital_can(session: Session) -> None:
    slot, who = a_slot(session), a_person(session)
    row = booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    with pytest.raises(booking.AppointmentStarted):
        booking.cancel(session, citizen(who.id, at=slot.start_at), appointment_id=row.id, reason="有事")
    booking.cancel(session, staff(TERTIARY, at=slot.start_at), appointment_id=row.id, reason="医生停诊")


def test_a_reschedule_keeps_the_id_and_moves_the_place(session: Session) -> None:
    first, second = slots_of(session, a_schedule(session))
    who = a_person(session)
    row = booking.book(session, citizen(who.id), slot_id=first.id, person_id=who.id, channel="app")
    moved = booking.reschedule(session, citizen(who.id), appointment_id=row.id, slot_id=second.id)
    assert (moved.id, moved.slot_id, moved.start_at, moved.state) == (row.id, second.id, second.start_at, "booked")
    assert (counters(session, first), counters(session, second)) == ((0, 0), (1, 0))
    assert told(session)[2:] == [(TERTIARY, "appointment.rescheduled"), ("sms", "notice")]


@pytest.mark.parametrize("why", ["full", "past", "blocked", "reserved", "unknown", "elsewhere"])
def test_a_refused_reschedule_leaves_the_old_appointment_standing(session: Session, why: str) -> None:
    first, second = slots_of(session, a_schedule(session, capacity=1))
    who, other = a_person(session, 1), a_person(session, 2)
    row = booking.book(session, citizen(who.id), slot_id=first.id, person_id=who.id, channel="app")
    target, caller = second.id, staff(TERTIARY)
    if why == "full":
        booking.book(session, citizen(other.id), slot_id=second.id, person_id=other.id, channel="app")
    elif why == "past":
        target = a_slot(session, begins=time(8), ends=time(9)).id
        session.get_one(Slot, target).start_at = NOW
        session.flush()
    elif why == "blocked":
        booking.block(session, staff(TERTIARY), slot_id=second.id)
    elif why == "reserved":
        target = a_slot(session, begins=time(11), ends=time(12), pool="referral").id
    elif why == "unknown":
        target = 999_999_999
    else:
        target = _elsewhere(session)
    before = everything(session)
    taken = counters(session, first), counters(session, second)
    with pytest.raises(Fault):
        booking.reschedule(session, caller, appointment_id=row.id, slot_id=target)
    session.refresh(row)
    assert (row.slot_id, row.state, row.version) == (first.id, "booked", 1)
    assert everything(session) == before
    assert (counters(session, first), counters(session, second)) == taken


def _elsewhere(session: Session) -> int:
    schedule = booking.add_schedule(
        session,
        system(COMMUNITY),
        service_id=f"{COMMUNITY}-0201-01",
        weekdays="1",
        begins=time(9),
        ends=time(10),
        slot_minutes=30,
        capacity=5,
        fee=Money(0),
        since=MONDAY,
    )
    return slots_of(session, schedule)[0].id


def test_a_missed_appointment_keeps_its_place_and_is_told(session: Session) -> None:
    slot, who = a_slot(session), a_person(session)
    row = booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    assert booking.noshow(session, staff(TERTIARY), appointment_id=row.id).state == "noshow"
    assert counters(session, slot) == (1, 0)
    assert told(session)[2:] == [(TERTIARY, "appointment.noshow"), ("sms", "notice")]


def test_only_the_hospital_says_who_came(session: Session) -> None:
    slot, who = a_slot(session), a_person(session)
    row = booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app")
    for caller in (citizen(who.id), staff(COUNTY)):
        with pytest.raises(RecordUnknown):
            booking.arrive(session, caller, appointment_id=row.id)
    assert booking.arrive(session, staff(TERTIARY), appointment_id=row.id).state == "arrived"
    assert booking.fulfil(session, staff(TERTIARY), appointment_id=row.id).state == "fulfilled"


@pytest.mark.parametrize("event", booking.APPOINTMENT.events)
@pytest.mark.parametrize("state", booking.APPOINTMENT.states)
def test_every_verb_follows_the_table_of_states(session: Session, state: str, event: str) -> None:
    first, second = slots_of(session, a_schedule(session))
    who = a_person(session)
    row = booking.book(session, staff(TERTIARY), slot_id=first.id, person_id=who.id, channel="window")
    row.state, row.cancel_reason = state, "x" if state == "cancelled" else None
    session.flush()
    verbs = {
        "reschedule": lambda: booking.reschedule(session, staff(TERTIARY), appointment_id=row.id, slot_id=second.id),
        "cancel": lambda: booking.cancel(session, staff(TERTIARY), appointment_id=row.id, reason="x"),
        "arrive": lambda: booking.arrive(session, staff(TERTIARY), appointment_id=row.id),
        "noshow": lambda: booking.noshow(session, staff(TERTIARY), appointment_id=row.id),
        "fulfil": lambda: booking.fulfil(session, staff(TERTIARY), appointment_id=row.id),
    }
    target = booking.APPOINTMENT.moves.get((state, event))
    if target is None:
        with pytest.raises(IllegalMove):
            verbs[event]()
    else:
        assert verbs[event]().state == target


def test_an_appointment_is_unknown_to_strangers_and_known_to_those_concerned(session: Session) -> None:
    slot, who, other = a_slot(session), a_person(session, 1), a_person(session, 2)
    row = booking.book(session, staff(COMMUNITY), slot_id=slot.id, person_id=who.id, channel="window")
    for caller in (citizen(who.id), staff(TERTIARY), staff(COMMUNITY)):
        assert booking.appointment(session, caller, row.id).id == row.id
        assert [a.id for a in booking.appointments_of(session, caller, person_id=who.id)] == [row.id]
    for caller in (citizen(other.id), staff(COUNTY)):
        with pytest.raises(RecordUnknown):
            booking.appointment(session, caller, row.id)
    with pytest.raises(RecordUnknown):
        booking.appointment(session, staff(TERTIARY), 999_999_999)
    assert list(booking.appointments_of(session, staff(COUNTY), person_id=who.id)) == []
    assert [a.id for a in booking.day_list(session, staff(TERTIARY), day=MONDAY)] == [row.id]
