"""What an admission, a discharge, a result or a cancelled appointment means for a referral."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hub import booking, records, referrals
from hub.booking import Appointment
from hub.db import run_together
from hub.records import Author, Diagnosis, ObservationFacts, Order, Report, Visit
from hub.referrals import Referral
from hub.trust import Caller
from hub.units import day_of


def admit(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    number: str,
    person_id: int,
    care: str,
    begun_at: datetime,
    department_id: str | None = None,
    practitioner_id: str | None = None,
    diagnoses: Sequence[Diagnosis] = (),
) -> Visit:
    """A patient is there (ADT^A01, A04): the visit opens, the referral and the appointment show arrival.

    Whom a hospital admits before it has answered the referral, it has accepted. Said twice it is one
    arrival. Refuses: what `records.open_visit` refuses.
    """
    visiting = records.opening(
        caller,
        organisation_id=organisation_id,
        number=number,
        person_id=person_id,
        care=care,
        begun_at=begun_at,
        department_id=department_id,
        practitioner_id=practitioner_id,
        diagnoses=diagnoses,
    )
    session.flush()
    made, found, booked = run_together(
        session,
        [
            visiting,
            referrals.concerning(visit_id=None, organisation_id=organisation_id, person_id=person_id),
            booking.booked_on(organisation_id=organisation_id, person_id=person_id, day=day_of(begun_at)),
        ],
    )
    visit = records.opened(session, caller, visiting, made)
    if visit.state != "in-progress":
        return visit
    if made:
        about = referrals.concerned_of(session, found, visit_id=visit.id, at=caller.at)
    else:
        about = referrals.concerned(
            session, visit_id=visit.id, organisation_id=organisation_id, person_id=person_id, at=caller.at
        )
    if about.brought is not None:
        return visit
    if about.here is not None:
        # The desk said so before the system did.
        referrals.join_visit(session, referral=about.here, visit_id=visit.id)
    elif about.expected is not None:
        _arrive(session, caller, about.expected, visit)
    else:
        _check_in(session, caller, visit, booked)
    return visit


def discharge(
    session: Session, caller: Caller, *, visit_id: int, ended_at: datetime, diagnoses: Sequence[Diagnosis] | None = None
) -> Visit:
    """The visit ends; the referral stays open until its letter, which is due now.

    Refuses: what `records.close_visit` refuses.
    """
    visit = records.close_visit(session, caller, visit_id=visit_id, ended_at=ended_at, diagnoses=diagnoses)
    referrals.owe_letter(session, visit_id=visit_id, at=ended_at)
    return visit


def cancel_admission(session: Session, caller: Caller, *, visit_id: int) -> Visit:
    """The admission was a mistake (ADT^A11): the referral waits for the patient again.

    Refuses: what `records.cancel_visit` refuses.
    """
    visit = records.cancel_visit(session, caller, visit_id=visit_id)
    arrived = referrals.brought_into(session, visit_id=visit_id)
    if arrived is not None and arrived.state == "arrived":
        referrals.undo_arrival(session, caller, referral_id=arrived.id)
    return visit


def publish(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    person_id: int,
    visit_id: int | None,
    order: Order,
    observations: Sequence[ObservationFacts],
    text: str,
    issued_at: datetime,
    author: Author,
    filler_number: str,
) -> Report:
    """A result, which also goes to the hospitals that referred the patient there.

    Refuses: what `records.publish` refuses.
    """
    following = referrals.following(session, person_id=person_id, receiver_id=organisation_id)
    return records.publish(
        session,
        caller,
        organisation_id=organisation_id,
        person_id=person_id,
        visit_id=visit_id,
        order=order,
        observations=observations,
        text=text,
        issued_at=issued_at,
        author=author,
        filler_number=filler_number,
        copies_to=sorted({row.sender_id for row in following}),
    )


def cancel_appointment(session: Session, caller: Caller, *, appointment_id: int, reason: str) -> Appointment:
    """Give a place back; a referral that held it stands without one. Refuses: what `booking.cancel` refuses."""
    held = referrals.holding(session, appointment_id=appointment_id)
    appointment = booking.cancel(session, caller, appointment_id=appointment_id, reason=reason)
    if held is not None:
        referrals.lose_place(session, caller, referral_id=held.id)
    return appointment


def miss_appointment(session: Session, caller: Caller, *, appointment_id: int) -> Appointment:
    """The patient did not come; the referrer is told, the referral stands. Refuses: what `booking.noshow` refuses."""
    held = referrals.holding(session, appointment_id=appointment_id)
    appointment = booking.noshow(session, caller, appointment_id=appointment_id)
    if held is not None and held.state == "booked":
        referrals.miss(session, caller, referral_id=held.id)
    elif held is not None:
        referrals.lose_place(session, caller, referral_id=held.id)
    return appointment


def _arrive(session: Session, caller: Caller, referral: Referral, visit: Visit) -> None:
    if "accept" in referrals.available_actions(caller, referral):
        referrals.accept(session, caller, referral_id=referral.id)
    if referral.slot_leg == "booked" and referral.appointment_id is not None:
        appointment = session.get_one(Appointment, referral.appointment_id)
        if appointment.state == "booked":
            booking.arrive(session, caller, appointment_id=appointment.id)
    referrals.arrive(session, caller, referral_id=referral.id, visit_id=visit.id)


def _check_in(session: Session, caller: Caller, visit: Visit, booked: Sequence[Any]) -> None:
    """Without a referral, the day's appointment at this hospital is the one the patient came for."""
    for row in booked:
        if visit.department_id in (None, row.department_id):
            booking.arrive(session, caller, appointment_id=row.id)
            return
