"""Two hands on one referral at once: one of them is right, and nothing stands halfway."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hub import booking, journeys, referrals
from hub.booking import Appointment, Slot
from hub.coverage.tables import Filing
from hub.faults import Conflict
from hub.referrals import Referral
from tests.hub.test_journeys import JOB, RECEIVER, SENDER, a_slot, insured, referred, stated
from tests.region import COUNTY, NOW, a_person, citizen

Step = Callable[[Session, int], object]
LATE = replace(JOB, at=NOW + referrals.time_for("validity"))
STEPS: dict[str, Step] = {
    "accept": lambda s, n: referrals.accept(s, RECEIVER, referral_id=n),
    "reject": lambda s, n: journeys.reject(s, RECEIVER, referral_id=n, reason="床位已满"),
    "redirect": lambda s, n: journeys.redirect(s, RECEIVER, referral_id=n, receiver_id=COUNTY, reason="县医院可做"),
    "recall": lambda s, n: journeys.recall(s, SENDER, referral_id=n, reason="好转"),
    "decline": lambda s, n: journeys.decline(
        s, citizen(s.get_one(Referral, n).person_id), referral_id=n, reason="不想去"
    ),
    "expire": lambda s, n: journeys.expire_overdue(s, LATE),
}
PAIRS = [
    ("accept", "reject"),
    ("accept", "accept"),
    ("reject", "reject"),
    ("accept", "recall"),
    ("redirect", "recall"),
    ("redirect", "redirect"),
    ("reject", "decline"),
    ("recall", "expire"),
    ("accept", "expire"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_at_once_leave_one_whole_outcome(engine: Engine, one: str, other: str) -> None:
    with Session(engine) as session, session.begin():
        person, slot = insured(session, a_person(session)), a_slot(session)
        number, slot_id = referred(session, person, slot).id, slot.id
    begin = Barrier(2)

    def attempt(name: str) -> bool:
        with Session(engine) as session, session.begin():
            begin.wait(timeout=10)
            try:
                STEPS[name](session, number)
            except Conflict:
                session.rollback()
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(attempt, (one, other)))
    assert any(done), "one of the two is right"
    with Session(engine) as session:
        _whole(session, number, slot_id)


def test_a_referral_clicked_many_times_is_one_with_one_place_and_one_filing(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        facts, slot_id = stated(insured(session, a_person(session))), a_slot(session, capacity=5).id

    def click(_: int) -> int:
        with Session(engine) as session, session.begin():
            return journeys.refer(session, SENDER, facts=facts, slot_id=slot_id).id

    with ThreadPoolExecutor(6) as pool:
        (number,) = set(pool.map(click, range(12)))
    with Session(engine) as session:
        _whole(session, number, slot_id)
        assert session.get_one(Slot, slot_id).taken == 1
        assert [e.event for e in referrals.history(session, number)] == ["draft", "book", "send"]


def test_the_last_place_goes_to_one_referral_and_the_others_are_not_there(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        people = [stated(a_person(session, n), placer_number=f"RF-{n}") for n in range(1, 6)]
        slot_id = a_slot(session, capacity=1).id

    def refer(n: int) -> bool:
        with Session(engine) as session, session.begin():
            try:
                journeys.refer(session, SENDER, facts=people[n], slot_id=slot_id)
            except booking.SlotTaken:
                session.rollback()
                return False
            return True

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(refer, range(5))) == [False] * 4 + [True]
    with Session(engine) as session:
        (row,) = session.scalars(select(Referral)).all()
        _whole(session, row.id, slot_id)


def _whole(session: Session, number: int, slot_id: int) -> None:
    """Every leg says the same as what it stands for, on this referral and on its successor."""
    rows = session.scalars(select(Referral).where(Referral.chain_id == number)).all()
    for row in rows:
        booked = session.scalars(
            select(Appointment).where(Appointment.referral_id == row.id, Appointment.state == "booked")
        ).all()
        filed = session.scalars(
            select(Filing).where(Filing.source == f"referral/{row.id}", Filing.state == "filed")
        ).all()
        assert (row.slot_leg == "booked") == (len(booked) == 1), (row.state, row.slot_leg)
        assert (row.insurance_leg == "filed") == (len(filed) == 1), (row.state, row.insurance_leg)
        if row.state in ("rejected", "redirected", "recalled", "expired"):
            assert (row.slot_leg, booked, filed) == ("none", [], [])
    assert session.get_one(Slot, slot_id).taken == sum(row.slot_leg == "booked" for row in rows)
    assert referrals.astray(session) == []
