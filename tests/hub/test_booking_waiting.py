"""The waiting list: in order, one hold an offer, nobody jumps the queue, and every race ends with books that foot."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters import door
from hub import booking
from hub.booking import Appointment, Hold, Slot, WaitingOffer, WaitingWish
from hub.exchange import Due
from hub.faults import Fault, Invalid
from hub.lifecycle import IllegalMove
from hub.people import PersonUnknown
from hub.trust import SCOPES, Caller
from tests.hub.test_booking import MONDAY, a_schedule, counters, slots_of
from tests.hub.test_booking_races import assert_the_books_foot
from tests.region import CARDIOLOGY, COUNTY, EXPERT, LIMITS, NOW, TERTIARY, a_person, citizen, staff, system

FRIDAY = date(2026, 11, 27)


def job(at: datetime = NOW) -> Caller:
    return Caller(kind="job", id="pass-places-on", at=at, scopes=SCOPES)


def wait(session: Session, person_id: int, **more: object) -> WaitingWish:
    facts: dict[str, object] = {
        "person_id": person_id,
        "department_id": CARDIOLOGY,
        "day_from": MONDAY,
        "day_to": FRIDAY,
        "channel": "app",
    }
    return booking.join_waiting(session, citizen(person_id), **(facts | more))  # type: ignore[arg-type]


@pytest.fixture
def full(session: Session) -> tuple[list[Slot], list[Appointment]]:
    """Both places of Monday are booked."""
    slots = slots_of(session, a_schedule(session, capacity=1))
    rows = []
    for n, slot in enumerate(slots):
        who = a_person(session, 90 + n)
        rows.append(booking.book(session, citizen(who.id), slot_id=slot.id, person_id=who.id, channel="app"))
    return slots, rows


def give_back(session: Session, row: Appointment, at: datetime = NOW) -> None:
    booking.cancel(session, citizen(row.person_id, at=at), appointment_id=row.id, reason="")


def offered(session: Session) -> list[tuple[int, str]]:
    rows = session.execute(
        select(WaitingWish.person_id, WaitingOffer.state).join(WaitingOffer).order_by(WaitingOffer.id)
    )
    return [tuple(row) for row in rows]


def test_a_freed_place_is_offered_to_the_first_with_a_hold_and_a_text(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    slots, rows = full
    first, second, stranger = (a_person(session, n) for n in (1, 2, 3))
    wishes = [wait(session, who.id) for who in (first, second)]
    assert wait(session, first.id).id == wishes[0].id
    seen = [booking.waiting_of(session, citizen(who.id), person_id=who.id)[0] for who in (first, second)]
    assert [one.before for one in seen] == [0, 1]
    give_back(session, rows[0])
    assert offered(session) == [(first.id, "open")]
    assert counters(session, slots[0]) == (0, 1)
    (one,) = booking.waiting_of(session, citizen(first.id), person_id=first.id)
    assert one.offer is not None
    assert one.place is not None
    assert (one.place.slot_id, one.offer.expires_at) == (slots[0].id, NOW + timedelta(minutes=30))
    text = session.scalars(select(Due).where(Due.destination == "sms").order_by(Due.id.desc())).first()
    assert text is not None
    assert "【候补到号】张示例" in text.snapshot["text"]
    assert "11月22日 周日 上午9:30前" in text.snapshot["text"]
    with pytest.raises(booking.SlotTaken):
        booking.book(session, citizen(stranger.id), slot_id=slots[0].id, person_id=stranger.id, channel="app")
    made = booking.accept_offer(session, citizen(first.id), wish_id=wishes[0].id)
    assert (made.slot_id, made.state, wishes[0].state) == (slots[0].id, "booked", "booked")
    assert counters(session, slots[0]) == (1, 0)
    assert [one.before for one in booking.waiting_of(session, citizen(second.id), person_id=second.id)] == [0]


def test_a_declined_place_goes_to_the_next_and_the_turn_is_kept(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    slots, rows = full
    first, second = a_person(session, 1), a_person(session, 2)
    one, two = wait(session, first.id), wait(session, second.id)
    give_back(session, rows[0])
    booking.decline_offer(session, citizen(first.id), wish_id=one.id)
    assert offered(session) == [(first.id, "declined"), (second.id, "open")]
    assert counters(session, slots[0]) == (0, 1)
    booking.decline_offer(session, citizen(second.id), wish_id=two.id)
    assert counters(session, slots[0]) == (0, 0), "nobody is left who wants it: it is free for all"
    give_back(session, rows[1])
    assert offered(session)[-1] == (first.id, "open")


def test_an_offer_that_runs_out_goes_on_and_two_missed_end_the_wish(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    slots, rows = full
    first, second = a_person(session, 1), a_person(session, 2)
    one, two = wait(session, first.id), wait(session, second.id)
    give_back(session, rows[0])
    late = NOW + timedelta(minutes=31)
    assert booking.waiting_of(session, citizen(first.id, at=late), person_id=first.id)[0].offer is None
    with pytest.raises(booking.NothingOffered):
        booking.accept_offer(session, citizen(first.id, at=late), wish_id=one.id)
    assert booking.pass_places_on(session, job(late)) == 1
    assert (one.state, one.missed) == ("waiting", 1)
    assert offered(session) == [(first.id, "expired"), (second.id, "open")]
    give_back(session, rows[1], at=late)
    assert offered(session)[-1] == (first.id, "open")
    booking.pass_places_on(session, job(late + timedelta(minutes=31)))
    assert (one.state, two.state) == ("lapsed", "offered")
    assert counters(session, slots[0])[1] + counters(session, slots[1])[1] == 1


def test_without_any_worker_the_place_is_free_once_the_hold_is_over(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    slots, rows = full
    who, other = a_person(session, 1), a_person(session, 2)
    wait(session, who.id)
    give_back(session, rows[0])
    at = NOW + timedelta(minutes=33)
    made = booking.book(session, citizen(other.id, at=at), slot_id=slots[0].id, person_id=other.id, channel="app")
    assert made.state == "booked"
    assert counters(session, slots[0]) == (1, 0)
    assert booking.pass_places_on(session, job(at)) == 1
    assert offered(session) == [(who.id, "expired")]


def test_whoever_leaves_gives_the_offer_on_and_twice_is_once(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    _, rows = full
    first, second = a_person(session, 1), a_person(session, 2)
    one = wait(session, first.id)
    wait(session, second.id)
    give_back(session, rows[0])
    for _ in range(2):
        assert booking.leave_waiting(session, citizen(first.id), wish_id=one.id).state == "left"
    assert offered(session) == [(first.id, "declined"), (second.id, "open")]
    with pytest.raises(booking.NothingOffered):
        booking.decline_offer(session, citizen(first.id), wish_id=one.id)
    assert wait(session, first.id).id != one.id


def test_a_limit_and_another_doctor_pass_a_wish_over(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    _, rows = full
    booking.set_limits(session, system(TERTIARY), LIMITS, since=MONDAY)
    limited, elsewhere, fits = rows[1].person_id, a_person(session, 1).id, a_person(session, 2).id
    wait(session, limited)
    wait(session, elsewhere, practitioner_id="D420500000012")
    wait(session, fits, practitioner_id=EXPERT)
    give_back(session, rows[0])
    assert offered(session) == [(fits, "open")]


def test_what_became_free_by_itself_is_offered_by_the_job(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    slots, rows = full
    who = a_person(session, 1)
    wait(session, who.id)
    booking.block(session, staff(TERTIARY), slot_id=slots[0].id)
    give_back(session, rows[0])
    assert offered(session) == []
    booking.unblock(session, staff(TERTIARY), slot_id=slots[0].id)
    assert booking.pass_places_on(session, job()) == 1
    assert offered(session) == [(who.id, "open")]
    assert booking.pass_places_on(session, job()) == 0


def test_a_place_that_begins_soon_is_offered_to_nobody(
    session: Session, full: tuple[list[Slot], list[Appointment]]
) -> None:
    slots, rows = full
    wait(session, a_person(session, 1).id)
    booking.cancel(
        session, staff(TERTIARY, at=slots[0].start_at - timedelta(minutes=50)), appointment_id=rows[0].id, reason=""
    )
    assert offered(session) == []


def test_at_night_there_is_time_until_the_morning(session: Session, full: tuple[list[Slot], list[Appointment]]) -> None:
    _, rows = full
    who = a_person(session, 1)
    wait(session, who.id)
    give_back(session, rows[1], at=datetime(2026, 11, 22, 15, 0, tzinfo=UTC))
    until = session.scalars(select(WaitingOffer.expires_at)).one()
    assert until == datetime(2026, 11, 23, 0, 30, tzinfo=UTC), "half past eight in China"


def test_a_wish_ends_with_its_last_day(session: Session, full: tuple[list[Slot], list[Appointment]]) -> None:
    row = wait(session, a_person(session, 1).id)
    assert booking.pass_places_on(session, job(datetime(2026, 11, 28, 1, tzinfo=UTC))) == 1
    assert row.state == "ended"
    with pytest.raises(IllegalMove):
        booking.leave_waiting(session, citizen(row.person_id), wish_id=row.id)


def refused_cases() -> dict[str, tuple[Callable[[Session, int], object], type[Fault]]]:
    return {
        "days the wrong way": (lambda s, p: wait(s, p, day_from=FRIDAY, day_to=MONDAY), Invalid),
        "too far": (lambda s, p: wait(s, p, day_to=date(2027, 11, 1)), Invalid),
        "no such department": (lambda s, p: wait(s, p, department_id="x"), Fault),
        "no such doctor": (lambda s, p: wait(s, p, practitioner_id="x"), Fault),
        "a channel": (lambda s, p: wait(s, p, channel="pigeon"), Invalid),
        "a stranger": (lambda s, p: booking.waiting_of(s, citizen(p), person_id=a_person(s, 9).id), PersonUnknown),
        "not mine": (
            lambda s, p: booking.leave_waiting(s, citizen(a_person(s, 9).id), wish_id=wait(s, p).id),
            booking.WaitingUnknown,
        ),
        "another hospital": (
            lambda s, p: booking.waiting_one(s, staff(COUNTY), wish_id=wait(s, p).id),
            booking.WaitingUnknown,
        ),
        "never given": (lambda s, p: booking.accept_offer(s, citizen(p), wish_id=999_999), booking.WaitingUnknown),
        "nothing offered": (
            lambda s, p: booking.accept_offer(s, citizen(p), wish_id=wait(s, p).id),
            booking.NothingOffered,
        ),
    }


@pytest.mark.parametrize("case", refused_cases())
def test_a_wish_that_is_refused_says_why(
    session: Session, full: tuple[list[Slot], list[Appointment]], case: str
) -> None:
    work, fault = refused_cases()[case]
    with pytest.raises(fault) as refusal:
        work(session, a_person(session, 1).id)
    assert "{" not in refusal.value.sentence("zh") + refusal.value.sentence("en")


def test_nobody_waits_where_there_is_a_free_place(session: Session) -> None:
    slot = slots_of(session, a_schedule(session))[0]
    with pytest.raises(booking.PlaceFree) as refusal:
        wait(session, a_person(session, 1).id)
    assert refusal.value.facts["slot_id"] == slot.id
    assert session.scalars(select(WaitingWish)).all() == []


def test_cancels_bookings_offers_and_answers_at_once_never_sell_a_place_twice(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        ids = [a_person(session, serial).id for serial in range(1, 31)]
        slots = [slot.id for slot in slots_of(session, a_schedule(session, capacity=3))]
        for n, person in enumerate(ids[:6]):
            booking.book(session, citizen(person), slot_id=slots[n % 2], person_id=person, channel="app")
        for person in ids[6:18]:
            wait(session, person)

    def attempt(n: int) -> str:
        person = ids[n % 30]
        at = NOW + timedelta(minutes=n // 3)

        def work(session: Session) -> object:
            caller = citizen(person, at=at)
            mine = session.scalar(
                select(Appointment.id).where(Appointment.person_id == person, Appointment.state == "booked").limit(1)
            )
            if mine is not None and n % 2:
                return booking.cancel(session, caller, appointment_id=mine, reason="")
            wish = next(iter(booking.waiting_of(session, caller, person_id=person)), None)
            match n % 4:
                case 0 if wish:
                    return booking.accept_offer(session, caller, wish_id=wish.wish.id)
                case 1 if wish:
                    return booking.decline_offer(session, caller, wish_id=wish.wish.id)
                case 2:
                    return booking.pass_places_on(session, job(at))
            return booking.book(session, caller, slot_id=slots[n % 2], person_id=person, channel="app")

        try:
            door.transact(work)
        except Fault as fault:
            return fault.code
        return "ok"

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(attempt, range(180)))
    assert set(answers) <= {"ok", "slot-taken", "already-booked", "nothing-offered", "illegal-move"}
    assert answers["ok"] > 20
    with Session(engine) as session:
        assert_the_books_foot(session)
        open_holds = {
            (row.slot_id, row.wish_id)
            for row in session.scalars(select(WaitingOffer).where(WaitingOffer.state == "open"))
        }
        held = session.scalars(select(Hold.held_by)).all()
        assert {f"waiting/{wish}" for _, wish in open_holds} >= set(held)
