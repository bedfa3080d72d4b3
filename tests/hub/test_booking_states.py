"""Whatever people do in whatever order: the books foot, and a refusal changes nothing."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters import door
from hub import booking
from hub.booking import Appointment, Hold, Slot
from hub.faults import Fault
from tests.hub.test_booking import a_schedule, slots_of
from tests.hub.test_booking_races import assert_the_books_foot, people_and_slots
from tests.region import NOW, a_person, citizen

VERBS = ("book", "hold", "release", "cancel", "reschedule")
steps = st.tuples(st.sampled_from(VERBS), st.integers(0, 3), st.integers(0, 2), st.integers(0, 12))


def do(session: Session, verb: str, person_id: int, slot_id: int, minute: int) -> None:
    """One step of one person on one slot, `minute` minutes after the start; a hold may have expired by then."""
    caller = citizen(person_id, at=NOW + timedelta(minutes=minute))
    if verb in ("book", "hold"):
        getattr(booking, verb)(session, caller, slot_id=slot_id, person_id=person_id, channel="app")
    elif verb == "release":
        for row in session.scalars(select(Hold.id).where(Hold.person_id == person_id)).all():
            booking.release(session, caller, hold_id=row)
    else:
        mine = select(Appointment.id).where(Appointment.person_id == person_id, Appointment.state == "booked")
        row_id = session.scalars(mine.order_by(Appointment.id).limit(1)).first()
        if row_id is not None and verb == "cancel":
            booking.cancel(session, caller, appointment_id=row_id, reason="x")
        elif row_id is not None:
            booking.reschedule(session, caller, appointment_id=row_id, slot_id=slot_id)


def picture(session: Session) -> list[tuple[object, ...]]:
    session.expire_all()
    slots = session.execute(select(Slot.id, Slot.taken, Slot.held, Slot.issued).order_by(Slot.id)).all()
    rows = session.execute(
        select(Appointment.id, Appointment.slot_id, Appointment.state).order_by(Appointment.id)
    ).all()
    return [tuple(row) for row in (*slots, *rows)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(steps, max_size=14))
def test_any_story_keeps_the_books_footed(session: Session, story: list[tuple[str, int, int, int]]) -> None:
    with session.begin_nested() as chapter:
        people = [a_person(session, serial).id for serial in range(1, 5)]
        slots = [slot.id for slot in slots_of(session, a_schedule(session, capacity=2, slot_minutes=20))]
        minute = 0
        for verb, person, slot, pause in story:
            minute += pause
            before = picture(session)
            try:
                with session.begin_nested():
                    do(session, verb, people[person], slots[slot], minute)
            except Fault:
                assert picture(session) == before
            session.expire_all()
            assert_the_books_foot(session)
        chapter.rollback()


@pytest.mark.parametrize("seed", [1, 2])
def test_any_interleaving_keeps_the_books_footed(engine: Engine, seed: int) -> None:
    people, slots = people_and_slots(engine, people=10, capacity=3)
    dice = random.Random(seed)
    story = [(dice.choice(VERBS), dice.choice(people), dice.choice(slots), dice.randrange(15)) for _ in range(150)]

    def step(facts: tuple[str, int, int, int]) -> None:
        try:
            door.transact(lambda session: do(session, *facts))
        except Fault:
            return

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(step, story))
    with Session(engine) as session:
        assert_the_books_foot(session)
