"""Whatever happens at once to the places of a clinic, none is sold twice and none is lost.

A seed draws what many threads do: book, hold, release, cancel, move, stop a clinic, see to its patients, wait,
accept, decline, pass places on, and the hospital's own SIU over its door. Then the books must foot.
"""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import door
from hub import booking, journeys
from hub.booking import Appointment, Hold, Slot, WaitingOffer
from hub.faults import Fault, Kind
from hub.trust import SCOPES, Caller
from tests.hub.test_booking import a_schedule, slots_of
from tests.hub.test_booking_races import assert_the_books_foot
from tests.region import CARDIOLOGY, NOW, TERTIARY, a_person, citizen, staff, system

PEOPLE, CAPACITY = 16, 3
TOMORROW = NOW.date() + timedelta(days=1)


def act(session: Session, dice: random.Random, ids: list[int], slots: list[int], at: datetime) -> object:
    """One thing that somebody does; what it is about is drawn anew."""
    person, slot = dice.choice(ids), dice.choice(slots)
    caller = citizen(person, at=at)
    job = Caller(kind="job", id="test", at=at, scopes=SCOPES)
    mine = select(Appointment.id).where(Appointment.person_id == person, Appointment.state == "booked").limit(1)
    match dice.randrange(14):
        case 0 | 1 | 2:
            return booking.book(session, caller, slot_id=slot, person_id=person, channel="app")
        case 3:  # what SIU^S12 comes to: the hospital gives out the place
            his = system(TERTIARY, at=at)
            return booking.book(session, his, slot_id=slot, person_id=person, channel="his")
        case 4:
            return booking.hold(session, caller, slot_id=slot, person_id=person, channel="app")
        case 5:
            held = session.scalar(select(Hold.id).where(Hold.person_id == person).limit(1))
            return held and booking.release(session, caller, hold_id=held)
        case 6 | 7:
            row = session.scalar(mine)
            return row and booking.cancel(session, caller, appointment_id=row, reason="")
        case 8:
            row = session.scalar(mine)
            return row and booking.reschedule(session, caller, appointment_id=row, slot_id=slot)
        case 9 if dice.random() < 0.2:
            begin = session.get_one(Slot, slot).start_at
            until = begin + timedelta(minutes=30)
            where = {"department_id": CARDIOLOGY, "since": begin, "until": until}
            return booking.stop(session, staff(TERTIARY, at=at), **where, reason="停电")  # type: ignore[arg-type]
        case 10:
            for visit_id in booking.waiting_visits(session, limit=2):
                journeys.settle_visit(session, job, visit_id=visit_id)
            return None
        case 11:
            day = {"day_from": TOMORROW, "day_to": TOMORROW + timedelta(days=4), "channel": "app"}
            return booking.join_waiting(session, caller, person_id=person, department_id=CARDIOLOGY, **day)  # type: ignore[arg-type]
        case 12:
            return booking.pass_places_on(session, job)
    wish = next(iter(booking.waiting_of(session, caller, person_id=person)), None)
    if wish is None:
        return None
    answer = dice.choice((booking.accept_offer, booking.decline_offer, booking.leave_waiting))
    return answer(session, caller, wish_id=wish.wish.id)


def assert_every_number_is_accounted_for(session: Session) -> None:
    """The counters are the rows; a blocked slot holds nothing; an open offer has at most the one hold it names."""
    assert_the_books_foot(session)
    assert session.scalar(select(func.count()).select_from(Slot).where(Slot.state == "blocked", Slot.held > 0)) == 0
    offers = session.execute(
        select(WaitingOffer.hold_id, WaitingOffer.slot_id).where(WaitingOffer.state == "open")
    ).all()
    kept = {row.id: row for row in session.scalars(select(Hold).where(Hold.held_by.startswith("waiting/")))}
    assert set(kept) <= {hold_id for hold_id, _ in offers}
    assert all(kept[hold_id].slot_id == slot_id for hold_id, slot_id in offers if hold_id in kept)


def live(engine: Engine, *, seed: int, steps: int, threads: int = 8) -> Counter[str]:
    with Session(engine) as session, session.begin():
        ids = [a_person(session, serial).id for serial in range(1, PEOPLE + 1)]
        slots = [slot.id for slot in slots_of(session, a_schedule(session, capacity=CAPACITY), days=3)]

    def attempt(n: int) -> str:
        dice = random.Random(seed * 1_000_003 + n)
        at = NOW + timedelta(seconds=20 * n)
        state = dice.getstate()

        def work(session: Session) -> object:
            dice.setstate(state)  # a transaction that is rerun does the same again
            return act(session, dice, ids, slots, at)

        try:
            door.transact(work)
        except Fault as fault:
            return f"{fault.kind}: {fault.code}"
        return "ok"

    with ThreadPoolExecutor(threads) as pool:
        answers = Counter(pool.map(attempt, range(steps)))
    kinds = {answer.partition(":")[0] for answer in answers}
    assert kinds <= {"ok", Kind.CONFLICT, Kind.REFUSED, Kind.UNKNOWN}, answers
    with Session(engine) as session:
        assert_every_number_is_accounted_for(session)
    return answers


def test_whatever_happens_at_once_no_place_is_sold_twice_or_lost(engine: Engine) -> None:
    answers = live(engine, seed=1, steps=250)
    assert answers["ok"] > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_the_same_for_thousands_of_steps(engine: Engine, seed: int) -> None:
    answers = live(engine, seed=seed, steps=1500)
    assert answers["ok"] > 600
