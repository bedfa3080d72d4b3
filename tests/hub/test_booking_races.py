"""Booking under contention: real threads, real commits, counters that always foot."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import time

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import door
from hub import booking
from hub.booking import Appointment, Hold, Slot, Wish
from hub.exchange import Due
from hub.faults import Fault
from hub.trust import Grant
from tests.hub.test_booking import a_schedule, slots_of
from tests.region import LIMITS, NOW, TERTIARY, a_person, citizen, system


def people_and_slots(engine: Engine, *, people: int, capacity: int) -> tuple[list[int], list[int]]:
    with Session(engine) as session, session.begin():
        ids = [a_person(session, serial).id for serial in range(1, people + 1)]
        slots = slots_of(session, a_schedule(session, capacity=capacity, ends=time(10, 30)))
        return ids, [slot.id for slot in slots]


def outcome(work: Callable[[Session], object]) -> str:
    try:
        door.transact(work)
    except Fault as fault:
        return fault.code
    return "ok"


def assert_the_books_foot(session: Session) -> None:
    """taken and held of every slot are exactly its rows, and never more than its capacity."""
    standing = Appointment.state != "cancelled"
    booked = dict(
        session.execute(select(Appointment.slot_id, func.count()).where(standing).group_by(Appointment.slot_id)).all()
    )
    held = dict(session.execute(select(Hold.slot_id, func.count()).group_by(Hold.slot_id)).all())
    for slot in session.scalars(select(Slot)):
        assert (slot.taken, slot.held) == (booked.get(slot.id, 0), held.get(slot.id, 0))
        assert slot.taken + slot.held <= slot.capacity
    numbers = session.execute(select(Appointment.slot_id, Appointment.queue_number)).all()
    assert len(numbers) == len(set(numbers))


def test_two_hundred_requests_for_three_places_book_three_and_write_nothing_else(engine: Engine) -> None:
    ids, (slot_id, *_) = people_and_slots(engine, people=200, capacity=3)

    def attempt(person_id: int) -> str:
        return outcome(
            lambda session: booking.book(
                session, citizen(person_id), slot_id=slot_id, person_id=person_id, channel="app"
            )
        )

    with ThreadPoolExecutor(16) as threads:
        answers = Counter(threads.map(attempt, ids))
    assert answers == {"ok": 3, "slot-taken": 197}
    with Session(engine) as session:
        assert_the_books_foot(session)
        rows = session.scalars(select(Appointment)).all()
        assert sorted(row.queue_number for row in rows) == [1, 2, 3]
        assert [session.scalar(select(func.count()).select_from(t)) for t in (Grant, Hold, Due)] == [3, 0, 6]


def test_one_card_that_asks_many_times_at_once_gets_one_appointment(engine: Engine) -> None:
    (person_id,), slots = people_and_slots(engine, people=1, capacity=5)
    with Session(engine) as session, session.begin():
        booking.set_limits(session, system(TERTIARY), LIMITS, since=NOW.date())

    def attempt(n: int) -> str:
        slot_id = slots[n % len(slots)]
        return outcome(
            lambda session: booking.book(
                session, citizen(person_id), slot_id=slot_id, person_id=person_id, channel="app"
            )
        )

    with ThreadPoolExecutor(12) as threads:
        answers = Counter(threads.map(attempt, range(24)))
    assert answers["ok"] == 1
    assert set(answers) <= {"ok", "already-booked", "limit-reached"}
    with Session(engine) as session:
        assert_the_books_foot(session)


def test_people_who_swap_times_do_not_deadlock(engine: Engine) -> None:
    ids, (first, second, third) = people_and_slots(engine, people=12, capacity=8)
    rows = {}
    for n, person_id in enumerate(ids):
        slot_id = (first, second)[n % 2]
        rows[person_id] = door.transact(
            lambda session, p=person_id, s=slot_id: (
                booking.book(session, citizen(p), slot_id=s, person_id=p, channel="app").id
            )
        )

    def swap(n: int) -> str:
        person_id = ids[n % len(ids)]
        target = (second, first, third)[(n // len(ids) + n) % 3]
        return outcome(
            lambda session: booking.reschedule(
                session, citizen(person_id), appointment_id=rows[person_id], slot_id=target
            )
        )

    with ThreadPoolExecutor(12) as threads:
        answers = Counter(threads.map(swap, range(60)))
    assert set(answers) <= {"ok", "slot-taken"}
    with Session(engine) as session:
        assert_the_books_foot(session)
        assert session.scalar(select(func.count()).select_from(Appointment)) == len(ids)


def test_a_batch_gives_the_same_as_one_by_one(engine: Engine) -> None:
    ids, (slot_id, other, _) = people_and_slots(engine, people=8, capacity=3)
    wishes = [Wish(citizen(p), slot_id if n < 6 else other, p, "app") for n, p in enumerate(ids)]
    wishes.append(Wish(citizen(ids[0]), slot_id, ids[0], "app"))
    wishes.append(Wish(citizen(ids[1]), 999_999_999, ids[1], "app"))
    answers = door.transact(lambda session: booking.book_many(session, wishes))
    said = [answer.code if isinstance(answer, Fault) else answer.queue_number for answer in answers]
    assert said == [1, 2, 3, *["slot-taken"] * 3, 1, 2, "already-booked", "slot-unknown"]
    with Session(engine) as session:
        assert_the_books_foot(session)
        assert session.scalar(select(func.count()).select_from(Due)) == 10


def test_in_a_batch_the_one_who_holds_the_place_gets_it(engine: Engine) -> None:
    ids, (slot_id, *_) = people_and_slots(engine, people=2, capacity=1)
    first, holder = ids
    door.transact(
        lambda session: booking.hold(session, citizen(holder), slot_id=slot_id, person_id=holder, channel="app")
    )
    wishes = [Wish(citizen(p), slot_id, p, "app") for p in (first, holder)]
    answers = door.transact(lambda session: booking.book_many(session, wishes))
    assert isinstance(answers[0], booking.SlotTaken)
    assert isinstance(answers[1], Appointment)
