"""Changes of an appointment that come before its booking: kept, and done once it has come, in any order."""

from itertools import permutations

import pytest
from sqlalchemy import select

from adapters import door
from adapters.hl7v2 import times
from hub import booking, exchange
from hub.booking import Offer, Slot
from tests.adapters.hl7v2.conftest import Door, document
from tests.adapters.hl7v2.test_families import ok, slots
from tests.region import TERTIARY, system

BOOKS = document("siu-s12_his-books.request.hl7").decode()


def told(event: str, offer: Offer, *, hour: int, text: str = BOOKS) -> bytes:
    """What the hospital's system says of its number GH-3001 at an hour of its own clock."""
    start, end = times.stamp(offer.start_at), times.stamp(offer.end_at)
    text = text.replace("{start}", start).replace("{end}", end).replace("20261122080000", f"20261122{hour:02d}0000")
    return text.replace("SIU^S12^SIU_S12|ZX20261122000301", f"SIU^{event}^SIU_S12|M{event}{hour}").encode()


def standing(hl7: Door) -> tuple[list[tuple[str, int]], dict[int, int], set[str | None]]:
    """The appointments with their places, what is taken of each place, and how every message went."""
    with hl7.session() as session:
        rows = [(row.state, row.slot_id) for row in session.scalars(select(booking.Appointment))]
        taken = {row.id: row.taken for row in session.scalars(select(Slot)) if row.taken}
        return rows, taken, {row.outcome for row in exchange.search_heard(session)}


def test_a_change_before_its_booking_waits_is_told_so_and_is_done_when_the_booking_comes(hl7: Door) -> None:
    first, second = slots(hl7)
    answer = ok(hl7, told("S13", second, hour=9), TERTIARY)
    assert [answer["ERR"].text(n) for n in (3, 4, 5)] == ["204", "I", "parked"]
    assert "GH-3001" in answer["ERR"].text(8)
    with hl7.session() as session:
        (waits,) = exchange.search_heard(session, only_parked=True)
        assert (waits.kind, exchange.search_heard(session, only_faults=True)) == ("SIU^S13", [])
    ok(hl7, told("S12", first, hour=8), TERTIARY)
    assert standing(hl7) == ([("booked", second.slot_id)], {second.slot_id: 1}, {"ok"})
    assert "parked" not in hl7.counts()


def test_what_waits_and_comes_again_gets_the_same_answer_and_is_done_once(hl7: Door) -> None:
    first, second = slots(hl7)
    answers = [ok(hl7, told("S13", second, hour=9), TERTIARY).raw for _ in range(2)]
    ok(hl7, told("S12", first, hour=8), TERTIARY)
    answers.append(ok(hl7, told("S13", second, hour=9), TERTIARY).raw)
    assert len(set(answers)) == 1
    assert standing(hl7)[0] == [("booked", second.slot_id)]


@pytest.mark.parametrize(
    ("later", "end", "place"),
    [
        ([("S13", 1, 9), ("S13", 2, 10)], "booked", 2),
        ([("S13", 1, 9), ("S14", 1, 10)], "booked", 1),
        ([("S14", 0, 9), ("S15", 0, 10)], "cancelled", 0),
        ([("S14", 0, 9), ("S17", 0, 10)], "cancelled", 0),
        ([("S26", 0, 9)], "noshow", 0),
    ],
)
def test_any_order_ends_in_the_same_state(hl7: Door, later: list[tuple[str, int, int]], end: str, place: int) -> None:
    offers = slots(hl7, 4)
    for number, order in enumerate(permutations([("S12", 0, 8), *later])):
        free = offers[number:] if end == "noshow" else offers  # a place is not given out again after a no-show
        for event, at, hour in order:
            raw = told(event, free[at], hour=hour).replace(b"GH-3001", b"GH-%d" % number)
            ok(hl7, raw.replace(b"|MS", b"|M%dS" % number), TERTIARY)
        with hl7.session() as session, session.begin():
            row = session.scalars(select(booking.Appointment).order_by(booking.Appointment.id.desc())).first()
            assert row is not None
            assert (row.state, row.slot_id) == (end, free[place].slot_id), order
            assert exchange.search_heard(session, only_parked=True) == []
            if row.state == "booked":
                caller = system(TERTIARY, at=door.now())
                booking.cancel(session, caller, appointment_id=row.id, reason="下一轮")
    assert standing(hl7)[2] == {"ok"}


def test_what_cannot_be_done_when_its_booking_comes_is_a_fault_and_the_booking_stands(hl7: Door) -> None:
    first, _ = slots(hl7)
    nowhere = told("S13", first, hour=9).replace(times.stamp(first.start_at).encode(), b"20991122080000+0800")
    ok(hl7, nowhere, TERTIARY)
    ok(hl7, told("S12", first, hour=8), TERTIARY)
    assert standing(hl7) == ([("booked", first.slot_id)], {first.slot_id: 1}, {"ok", "slot-unknown"})


def test_a_number_of_another_patients_appointment_and_none_at_all_are_refused(hl7: Door) -> None:
    first, _ = slots(hl7)
    ok(hl7, told("S12", first, hour=8), TERTIARY)
    other = told("S15", first, hour=9).replace(b"ZX-900", b"ZX-901").replace(b"~420500199003070028^^^^NI", b"")
    for raw in (other, other.replace(b"GH-3001", b"").replace(b"MS15", b"NS15")):
        answer = hl7.answer(raw, sender=TERTIARY)
        assert (answer["MSA"].text(1), answer["ERR"].text(5)) == ("AE", "appointment-unknown")
    assert standing(hl7)[0] == [("booked", first.slot_id)]


def test_a_booking_under_another_number_brings_nothing(hl7: Door) -> None:
    first, second = slots(hl7)
    ok(hl7, told("S13", second, hour=9).replace(b"GH-3001", b"GH-3002"), TERTIARY)
    ok(hl7, told("S12", first, hour=8), TERTIARY)
    assert standing(hl7)[2] == {"ok", "parked"}
