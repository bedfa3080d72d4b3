"""ADT: persons and visits as the hospital's registration desk tells them."""

from sqlalchemy.orm import Session

from adapters.hl7v2 import pid, pv1
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Message
from hub import journeys, people, records
from hub.records import Visit
from hub.trust import Caller


def register(session: Session, caller: Caller, message: Message) -> Done:
    """A05, A28, A31: a person is added or changed; a stay that is only planned (A05) is no visit yet."""
    return Done(person_id=pid.register(session, caller, message["PID"]))


def admit(session: Session, caller: Caller, message: Message) -> Done:
    """A01: the patient is in the hospital; the referral that brought them shows arrival."""
    number = pv1.required_number(message)
    return _open(session, caller, message, number)


def attend(session: Session, caller: Caller, message: Message) -> Done:
    """A04: registered at the clinic or in the emergency room; without a visit number only the person is."""
    number = pv1.number(message)
    return _open(session, caller, message, number) if number else register(session, caller, message)


def update(session: Session, caller: Caller, message: Message) -> Done:
    """A02, A08, A12 (a transfer taken back): what changed about the person, and about a visit the hub knows."""
    person_id = pid.register(session, caller, message["PID"])
    number = pv1.number(message)
    try:
        visit = _visit(session, caller, message, number)
    except records.VisitUnknown:  # begun before the hospital was connected
        return Done(person_id=person_id)
    records.amend_visit(
        session,
        caller,
        visit_id=visit.id,
        department_id=pv1.department(session, caller, message),
        practitioner_id=pv1.practitioner(session, caller, message),
        diagnoses=pv1.diagnoses(message) or None,
    )
    return _done(visit)


def discharge(session: Session, caller: Caller, message: Message) -> Done:
    """A03: the visit ends."""
    visit = _visit(session, caller, message, pv1.required_number(message))
    ended_at, diagnoses = pv1.moment(message, 45), pv1.diagnoses(message) or None
    journeys.discharge(session, caller, visit_id=visit.id, ended_at=ended_at, diagnoses=diagnoses)
    return _done(visit)


def cancel_admission(session: Session, caller: Caller, message: Message) -> Done:
    """A11: the admission was a mistake."""
    visit = _visit(session, caller, message, pv1.required_number(message))
    journeys.cancel_admission(session, caller, visit_id=visit.id)
    return _done(visit)


def cancel_discharge(session: Session, caller: Caller, message: Message) -> Done:
    """A13: the discharge was a mistake."""
    visit = _visit(session, caller, message, pv1.required_number(message))
    records.reopen_visit(session, caller, visit_id=visit.id)
    return _done(visit)


def _open(session: Session, caller: Caller, message: Message, number: str) -> Done:
    person_id = pid.register(session, caller, message["PID"])
    assert caller.organisation_id is not None
    visit = journeys.admit(
        session,
        caller,
        organisation_id=caller.organisation_id,
        number=number,
        person_id=person_id,
        care=pv1.care(message),
        begun_at=pv1.moment(message, 44),
        department_id=pv1.department(session, caller, message),
        practitioner_id=pv1.practitioner(session, caller, message),
        diagnoses=pv1.diagnoses(message),
    )
    return _done(visit)


def _visit(session: Session, caller: Caller, message: Message, number: str) -> Visit:
    """The visit under a number, once PID does not name another patient. Refuses: VisitUnknown, VisitNumberTaken."""
    assert caller.organisation_id is not None
    visit = records.visit(session, caller.organisation_id, number)
    patient = pid.known(session, caller, message["PID"])
    if patient is not None and visit.person_id not in people.cluster(session, patient.id):
        raise records.VisitNumberTaken(number=number)
    return visit


def _done(visit: Visit) -> Done:
    return Done(person_id=visit.person_id, subject=f"visit/{visit.id}")
