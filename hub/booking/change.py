"""What happens to an appointment after it is made: it moves, is given up, is kept or is missed.

Who may: the citizen (or family), the hospital it is with, and the institution that booked it. Only
the hospital says who came.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import people, trust
from hub.booking import fees, waiting
from hub.booking.book import SEEN_AFTER, Wish, refusal, slot_facts, standing_of
from hub.booking.calendar import Offer, offers
from hub.booking.faults import AppointmentStarted, OtherDepartment, SlotTaken, SlotUnknown
from hub.booking.limits import limits_in_force
from hub.booking.places import lock_cards, lock_places, move_counters
from hub.booking.tables import APPOINTMENT, Appointment
from hub.booking.telling import spoken, tell
from hub.db import Statement
from hub.trust import Caller, RecordUnknown
from hub.units import Money, bounds_of, day_of


def appointment(session: Session, caller: Caller, appointment_id: int) -> Appointment:
    """One appointment. Refuses: NotAllowed, RecordUnknown (also when this caller may not know of it)."""
    trust.require(caller, "booking.read")
    row = session.get(Appointment, appointment_id)
    if row is None:
        raise RecordUnknown(noun="appointment")
    if not _concerned(session, caller, row):
        ids = people.cluster(session, row.person_id)
        trust.admit(session, caller, ids, "appointment", owner=row.organisation_id)
    return row


def appointments_of(
    session: Session, caller: Caller, *, person_id: int, states: Sequence[str] = APPOINTMENT.states, limit: int = 100
) -> Sequence[Appointment]:
    """What a human has booked, last first; a hospital sees its own, and all once it may see the person.

    Refuses: NotAllowed, RecordUnknown.
    """
    trust.require(caller, "booking.read")
    ids = people.cluster(session, person_id)
    wanted = select(Appointment).where(Appointment.person_id.in_(ids), Appointment.state.in_(states))
    try:
        trust.admit(session, caller, ids, "appointment")
    except RecordUnknown:
        if caller.organisation_id is None:
            raise
        wanted = wanted.where(_ours(caller.organisation_id))
    return session.scalars(wanted.order_by(Appointment.start_at.desc()).limit(limit)).all()


def booked_on(*, organisation_id: str, person_id: int, day: date) -> Statement:
    """What a human has booked at one hospital on a day and not yet kept, the earliest first: ids and departments."""
    begin, end = bounds_of(day)
    return _BOOKED_ON, {"person": person_id, "organisation": organisation_id, "begin": begin, "end": end}


def day_list(
    session: Session, caller: Caller, *, day: date, department_id: str | None = None, limit: int = 1000
) -> Sequence[Appointment]:
    """The appointments of the caller's own hospital on a day, first the earliest. Refuses: NotAllowed."""
    trust.require(caller, "booking.read")
    begin, end = bounds_of(day)
    wanted = select(Appointment).where(
        Appointment.organisation_id == caller.organisation_id, Appointment.start_at >= begin, Appointment.start_at < end
    )
    if department_id is not None:
        wanted = wanted.where(Appointment.department_id == department_id)
    return session.scalars(wanted.order_by(Appointment.start_at, Appointment.queue_number).limit(limit)).all()


def reschedule(session: Session, caller: Caller, *, appointment_id: int, slot_id: int) -> Appointment:
    """Move an appointment to another slot of its department; it keeps its id, and gets a new queue number.

    Both slots are locked in id order; when the new place is refused, nothing has changed.
    Refuses: RecordUnknown, IllegalMove, AppointmentStarted, SlotUnknown, OtherDepartment, and what `book` refuses.
    """
    row = changeable(session, caller, appointment_id)
    APPOINTMENT.after(row.state, "reschedule")
    _not_started(row, caller, verb="改约", verb_en="rescheduling")
    if slot_id == row.slot_id:
        return row
    new = offers(session, [slot_id], at=caller.at).get(slot_id)
    if new is None:
        raise SlotUnknown(slot_id=slot_id)
    _check_move(session, caller, row, new)
    number = lock_places(session, [row.slot_id, slot_id], at=caller.at)[slot_id].take()
    if number is None:
        raise SlotTaken(**slot_facts(new))
    move_counters(session, row.slot_id, taken=-1)
    move_counters(session, slot_id, taken=1, issued=1)
    left = row.slot_id
    put(session, caller, row, new, number)
    tell(session, caller, "appointment.rescheduled", row, new)
    waiting.pass_on(session, caller, slot_id=left)
    return row


def put(session: Session, caller: Caller, row: Appointment, new: Offer, queue_number: int) -> None:
    """Write an appointment into a place whose counters have been moved; who may see the record moves along."""
    APPOINTMENT.move(row, "reschedule")
    row.slot_id, row.start_at, row.end_at, row.queue_number = new.slot_id, new.start_at, new.end_at, queue_number
    row.practitioner_id, row.service_id = new.practitioner_id, new.service_id
    _changed(session, caller, row)
    source = f"appointment/{row.id}"
    trust.end_grants(session, caller, source=source, until=caller.at)
    trust.grant(
        session,
        caller,
        person_id=row.person_id,
        organisation_id=row.organisation_id,
        basis="appointment",
        source=source,
        since=caller.at,
        until=row.end_at + SEEN_AFTER,
    )


def cancel(session: Session, caller: Caller, *, appointment_id: int, reason: str) -> Appointment:
    """Give the place back; it is free at once or offered to who waits for it, and a fee that was paid is owed back.

    A citizen may until the visit begins, a hospital also later.
    Refuses: RecordUnknown, IllegalMove, AppointmentStarted.
    """
    row = changeable(session, caller, appointment_id)
    APPOINTMENT.after(row.state, "cancel")
    if caller.kind == "citizen":
        _not_started(row, caller, verb="取消", verb_en="cancelling")
    give_up(session, caller, row, reason=reason)
    tell(session, caller, "appointment.cancelled", row, _offer_of(session, caller, row))
    waiting.pass_on(session, caller, slot_id=row.slot_id)
    return row


def give_up(session: Session, caller: Caller, row: Appointment, *, reason: str) -> Money | None:
    """An appointment that may be cancelled is; its place is free, its hospital sees the record no longer.

    Answers the fee that is owed back, if one was paid.
    """
    row.cancel_reason = reason.strip() or "未说明"
    APPOINTMENT.move(row, "cancel")
    _changed(session, caller, row)
    move_counters(session, row.slot_id, taken=-1)
    trust.end_grants(session, caller, source=f"appointment/{row.id}", until=caller.at)
    return fees.owe_back(session, appointment_id=row.id, reason=row.cancel_reason)


def arrive(session: Session, caller: Caller, *, appointment_id: int) -> Appointment:
    """The patient has checked in. Refuses: RecordUnknown, IllegalMove."""
    return _at_the_hospital(session, caller, appointment_id, "arrive")


def fulfil(session: Session, caller: Caller, *, appointment_id: int) -> Appointment:
    """The visit has taken place. Refuses: RecordUnknown, IllegalMove."""
    return _at_the_hospital(session, caller, appointment_id, "fulfil")


def noshow(session: Session, caller: Caller, *, appointment_id: int) -> Appointment:
    """The patient did not come; the place is not given back. Refuses: RecordUnknown, IllegalMove."""
    row = _at_the_hospital(session, caller, appointment_id, "noshow")
    tell(session, caller, "appointment.noshow", row, _offer_of(session, caller, row))
    return row


def _at_the_hospital(session: Session, caller: Caller, appointment_id: int, event: str) -> Appointment:
    row = changeable(session, caller, appointment_id)
    if caller.kind != "job" and caller.organisation_id != row.organisation_id:
        raise RecordUnknown(noun="appointment")
    APPOINTMENT.move(row, event)
    _changed(session, caller, row)
    return row


def changeable(session: Session, caller: Caller, appointment_id: int) -> Appointment:
    """The row, locked, for one who may change it. The card is locked first, as in booking."""
    trust.require(caller, "booking.write")
    person_id = session.scalar(select(Appointment.person_id).where(Appointment.id == appointment_id))
    if person_id is None:
        raise RecordUnknown(noun="appointment")
    lock_cards(session, [people.cluster(session, person_id)])
    # Not against rows that only point here: a stop, which holds the slots already, writes one for each appointment.
    row = session.get_one(Appointment, appointment_id, with_for_update={"key_share": True}, populate_existing=True)
    if not _concerned(session, caller, row):
        raise RecordUnknown(noun="appointment")
    return row


def _concerned(session: Session, caller: Caller, row: Appointment) -> bool:
    if caller.kind == "job":
        return True
    if caller.kind == "citizen":
        return people.may_act_for(session, caller, row.person_id)
    return caller.organisation_id in (row.organisation_id, row.booked_by_organisation)


def _ours(organisation_id: str):  # type: ignore[no-untyped-def]
    return (Appointment.organisation_id == organisation_id) | (Appointment.booked_by_organisation == organisation_id)


def _not_started(row: Appointment, caller: Caller, *, verb: str, verb_en: str) -> None:
    if row.start_at <= caller.at:
        start, start_en = spoken(row.start_at)
        raise AppointmentStarted(appointment_id=row.id, start=start, start_en=start_en, verb=verb, verb_en=verb_en)


def _check_move(session: Session, caller: Caller, row: Appointment, new: Offer) -> None:
    old = _offer_of(session, caller, row)
    if new.department_id != row.department_id:
        raise OtherDepartment(department=old.department_name, department_en=old.department_name_en)
    ids = people.cluster(session, row.person_id)
    others = [other for other in standing_of(session, ids, around=[new]) if other.id != row.id]
    rules = limits_in_force(session, {day_of(new.start_at)})
    wish = Wish(caller, new.slot_id, row.person_id, row.channel, row.reason, row.referral_id)
    fault = refusal(new, others, rules, wish)
    if fault is not None:
        raise fault


def _offer_of(session: Session, caller: Caller, row: Appointment) -> Offer:
    return offers(session, [row.slot_id], at=caller.at)[row.slot_id]


def _changed(session: Session, caller: Caller, row: Appointment) -> None:
    row.changed_at, row.version = caller.at, row.version + 1
    session.flush()


_BOOKED_ON = """
SELECT id, department_id FROM appointment
WHERE person_id IN (SELECT id FROM person WHERE card_number = (SELECT card_number FROM person WHERE id = %(person)s))
  AND organisation_id = %(organisation)s AND state = 'booked' AND start_at >= %(begin)s AND start_at < %(end)s
ORDER BY start_at
"""
