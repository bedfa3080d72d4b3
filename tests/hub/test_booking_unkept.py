"""Whose day is over and who never came: missed where the hospital told who came, and nowhere else."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy.orm import Session

from hub import booking, journeys
from hub.booking import Appointment
from hub.people import Person
from hub.trust import SCOPES
from tests.hub.test_booking import JOB, a_schedule, slots_of
from tests.region import TERTIARY, a_person, citizen, system

MONDAY_NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
NEXT_NOON = MONDAY_NOON + timedelta(days=1)


@pytest.fixture
def booked(session: Session) -> tuple[Appointment, Appointment]:
    """Two patients of one Monday morning, in different slots."""
    first, second = slots_of(session, a_schedule(session))

    def book(person: Person, slot_id: int) -> Appointment:
        return booking.book(session, citizen(person.id), slot_id=slot_id, person_id=person.id, channel="app")

    return book(a_person(session, 1), first.id), book(a_person(session, 2), second.id)


def test_who_is_not_told_of_is_missed_at_noon_of_the_next_day_where_another_was(
    session: Session, booked: tuple[Appointment, Appointment]
) -> None:
    came, absent = booked
    booking.arrive(session, system(TERTIARY), appointment_id=came.id)
    assert booking.unkept(session, at=MONDAY_NOON + timedelta(hours=8)) == []
    assert booking.unkept(session, at=NEXT_NOON - timedelta(minutes=1)) == []
    assert booking.unkept(session, at=NEXT_NOON) == [absent.id]


def test_a_hospital_that_tells_of_nobody_holds_nothing_against_anybody(
    session: Session, booked: tuple[Appointment, Appointment]
) -> None:
    assert booking.unkept(session, at=NEXT_NOON) == []
    assert booking.unkept(session, at=NEXT_NOON + timedelta(days=5)) == []


def test_a_day_on_which_nobody_was_told_of_does_not_count_though_another_day_does(
    session: Session, booked: tuple[Appointment, Appointment]
) -> None:
    afternoon = a_schedule(session, begins=time(15), ends=time(16))
    tuesday = slots_of(session, afternoon, days=2)[-1]
    person = a_person(session, 3)
    there = booking.book(session, citizen(person.id), slot_id=tuesday.id, person_id=person.id, channel="app")
    booking.arrive(session, system(TERTIARY), appointment_id=there.id)
    assert booking.unkept(session, at=NEXT_NOON + timedelta(days=2)) == []


def test_what_is_older_than_the_days_looked_back_on_is_left_alone(
    session: Session, booked: tuple[Appointment, Appointment]
) -> None:
    booking.arrive(session, system(TERTIARY), appointment_id=booked[0].id)
    assert booking.unkept(session, at=NEXT_NOON + timedelta(days=13)) == [booked[1].id]
    assert booking.unkept(session, at=NEXT_NOON + timedelta(days=14)) == []


def test_who_gave_up_or_was_seen_is_not_missed_and_twice_is_once(
    session: Session, booked: tuple[Appointment, Appointment]
) -> None:
    came, absent = booked
    booking.arrive(session, system(TERTIARY), appointment_id=came.id)
    booking.fulfil(session, system(TERTIARY), appointment_id=came.id)
    job = replace(JOB, at=NEXT_NOON, scopes=SCOPES)
    journeys.miss_appointment(session, job, appointment_id=absent.id)
    assert (came.state, absent.state) == ("fulfilled", "noshow")
    assert booking.unkept(session, at=NEXT_NOON) == []


def test_no_more_are_answered_than_asked_for(session: Session, booked: tuple[Appointment, Appointment]) -> None:
    booking.arrive(session, system(TERTIARY), appointment_id=booked[0].id)
    assert booking.unkept(session, at=NEXT_NOON, most=0) == []
