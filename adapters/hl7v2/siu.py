"""SIU: appointments, told to the hospital that keeps them and heard from it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from adapters.hl7v2 import parts, pid, pv1, times
from adapters.hl7v2.acknowledgements import APPLICATION, Complaint
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Line, Message, Value
from adapters.hl7v2.structures import Location
from hub import booking, journeys, people
from hub.booking import Appointment, Numbered, Offer, SlotUnknown
from hub.faults import Missing, Unknown
from hub.people import Person
from hub.trust import Caller
from hub.units import day_of

SENT = {
    "appointment.booked": ("S12", "A", "Booked"),
    "appointment.rescheduled": ("S13", "U", "Booked"),
    "appointment.cancelled": ("S15", "D", "Cancelled"),
    "appointment.noshow": ("S26", "U", "Noshow"),
}
"""Kind of the row: trigger event, action code (table 0206), filler status (table 0278)."""


class AppointmentUnknown(Unknown):
    zh = "找不到这条预约（SCH-1 {number}）：请在 SCH-1 填平台预约编号，或核对病人与时间。"
    en = "No such appointment (SCH-1 {number}): put the hub's number into SCH-1, or check patient and time."


ELEMENTS = {"appointment_number": "SCH-2"}


def book(session: Session, caller: Caller, message: Message) -> Done:
    """S12: the hospital gives out a place of its own, and the hub's book must hold it; what came before it follows."""
    person_id = pid.register(session, caller, message["PID"])
    number = _own_number(message)
    known = _numbered(session, caller, number)
    if known is not None:
        row = booking.appointment(session, caller, known.appointment_id)
        _same_patient(session, row, person_id, number)
        if times.told_at(message, caller.at) < known.told_at:
            return _overtaken(row)
        if row.state == "booked":
            return _told(session, caller, message, _moved(session, caller, message, row))
    row = booking.book(
        session,
        caller,
        slot_id=_slot(session, caller, message).slot_id,
        person_id=person_id,
        channel="his",
        reason=_reason(message, 7),
        referral_id=_hub_number(message["SCH"].text(26), message["SCH"].text(26, 2)),
    )
    return replace(_told(session, caller, message, row), brings=_name(caller, number) if number else None)


def reschedule(session: Session, caller: Caller, message: Message) -> Done:
    """S13, S14: another time for the same appointment; details without another time change nothing here."""
    return _change(session, caller, message, lambda row: _moved(session, caller, message, row), of_that_time=False)


def cancel(session: Session, caller: Caller, message: Message) -> Done:
    """S15, S16, S17: the appointment is given up; the trigger counts, whatever the status fields say."""
    reason = _reason(message, 6)
    return _change(
        session,
        caller,
        message,
        lambda row: journeys.cancel_appointment(session, caller, appointment_id=row.id, reason=reason),
    )


def miss(session: Session, caller: Caller, message: Message) -> Done:
    """S26: the patient did not come; a referral stands."""
    return _change(
        session, caller, message, lambda row: journeys.miss_appointment(session, caller, appointment_id=row.id)
    )


def stop(session: Session, caller: Caller, message: Message) -> Done:
    """S23: a clinic is stopped; whoever had booked there is moved or cancelled, and told. Twice is once."""
    where, who = message["AIL"].text(3), message["AIP"].text(3)
    if not where:
        raise Missing(element="AIL-3", allowed="AIL-3")
    row = booking.stop(
        session,
        caller,
        department_id=pv1.department_id(caller.organisation_id, where),
        practitioner_id=who or None,
        since=_start(message),
        until=_end(message),
        reason=_reason(message, 6),
    )
    return Done(subject=f"stop/{row.id}")


def render(kind: str, facts: Mapping[str, Any], organisation_id: str) -> tuple[tuple[str, str, str], list[Line]]:
    """SIU^S12, S13, S15 or S26 for the hospital. The hub's number stands in SCH-1 and SCH-2: it keeps the book."""
    event, action, status = SENT[kind]
    number: Value = (str(facts["appointment_id"]), APPLICATION)
    start, end = parts.stamp(facts["start"]), parts.stamp(facts["end"])
    minutes = _minutes(facts)
    desk: Value = (None, "区域平台")
    sch: Line = (
        "SCH",
        {
            1: number,
            2: number,
            6: (kind.partition(".")[2], facts.get("cancel_reason")),
            7: (None, facts["reason"]),
            9: minutes,
            10: "min",
            11: (None, None, minutes, start, end),
            16: desk,
            20: desk,
            25: (status, None, "HL70278"),
            26: (str(facts["referral_id"]), APPLICATION) if facts["referral_id"] else None,
        },
    )
    lines: list[Line] = [
        sch,
        ("TQ1", {1: 1, 7: start, 8: end}),
        *parts.notes([("QN", str(facts["queue_number"] or ""))]),
        parts.pid(facts["person"], organisation_id),
        ("PV1", {1: 1, 2: "O"}),
        *_resources(facts, action, start, minutes, status),
    ]
    return ("SIU", event, "SIU_S12"), lines


def _resources(facts: Mapping[str, Any], action: str, start: str | None, minutes: int, status: str) -> list[Line]:
    department, practitioner, service = facts["department"], facts["practitioner"], facts["service"]
    lines: list[Line] = [
        ("RGS", {1: 1, 2: action}),
        ("AIS", {1: 1, 2: action, 3: (service["code"], service["name"]), 4: start, 7: minutes, 8: "min", 10: status}),
        ("AIL", {1: 1, 2: action, 3: (department["id"], None, None, facts["organisation_id"]), 12: status}),
    ]
    if practitioner:
        lines.append(("AIP", {1: 1, 2: action, 3: (practitioner["id"], practitioner["name"]), 6: start, 12: status}))
    return lines


def _minutes(facts: Mapping[str, Any]) -> int:
    start, end = datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"])
    return int((end - start).total_seconds() // 60)


def _start(message: Message) -> datetime:
    """Senders put the time in one of three places: TQ1-7, AIS-4, SCH-11.4. Refuses: Missing, Invalid."""
    zone = times.zone_of(message.header.text(7))
    places = (("TQ1", 7, 1), ("AIS", 4, 1), ("SCH", 11, 4))
    for segment, field, component in places:
        text = message[segment].text(field, component)
        if found := times.instant(text, element=f"{segment}-{field}", zone=zone):
            return found
    raise Missing(element="TQ1-7", allowed="TQ1-7 / AIS-4 / SCH-11.4")


def _end(message: Message) -> datetime:
    """TQ1-8, else SCH-11.5. Refuses: Missing, Invalid."""
    zone = times.zone_of(message.header.text(7))
    for segment, field, component in (("TQ1", 8, 1), ("SCH", 11, 5)):
        text = message[segment].text(field, component)
        if found := times.instant(text, element=f"{segment}-{field}", zone=zone):
            return found
    raise Missing(element="TQ1-8", allowed="TQ1-8 / SCH-11.5")


def _slot(session: Session, caller: Caller, message: Message) -> Offer:
    """The place at that time in the department (AIL-3) or with the practitioner (AIP-3) named. Refuses: SlotUnknown."""
    start, where, who = _start(message), message["AIL"].text(3), message["AIP"].text(3)
    found = booking.search(
        session,
        caller,
        day_from=day_of(start),
        day_to=day_of(start),
        organisation_id=caller.organisation_id,
        department_id=pv1.department_id(caller.organisation_id, where) if where else None,
        practitioner_id=who or None,
    )
    referred = bool(message["SCH"].text(26))
    at_that_time = [offer for offer in found if offer.start_at == start]
    if not at_that_time:
        raise SlotUnknown(slot_id=" ".join(filter(None, (times.stamp(start), where, who))))
    return max(at_that_time, key=lambda offer: ((offer.pool == "referral") == referred, offer.available))


def _change(
    session: Session,
    caller: Caller,
    message: Message,
    change: Callable[[Appointment], Appointment],
    *,
    of_that_time: bool = True,
) -> Done:
    """A change of an appointment, told before its booking, after it, or too late. Refuses: AppointmentUnknown."""
    sch = message["SCH"]
    for field in (1, 2):
        if hub_number := _hub_number(sch.text(field), sch.text(field, 2)):
            return _told(session, caller, message, change(booking.appointment(session, caller, hub_number)))
    number = _own_number(message)
    known = _numbered(session, caller, number)
    person = pid.known(session, caller, message["PID"])
    if known is not None:
        row = booking.appointment(session, caller, known.appointment_id)
        if message["PID"]:
            _same_patient(session, row, person.id if person else None, number)
        if times.told_at(message, caller.at) < known.told_at:
            return _overtaken(row)
        return _told(session, caller, message, change(row))
    found = _by_patient(session, caller, message, person, of_that_time) if of_that_time or not number else None
    if found is not None:
        return _told(session, caller, message, change(found))
    if not number:
        raise AppointmentUnknown(number="–")
    zh = f"预约 {number} 还没有到达，本消息已暂存，预约到达后自动办理。"
    en = f"Appointment {number} has not come yet; this message waits and is done once it has."
    waits = Complaint("204", "parked", zh, en, Location("SCH", 1, 2 if sch.text(2) else 1, 1), "I")
    return Done(person_id=person.id if person else None, warnings=(waits,), waits_for=_name(caller, number))


def _by_patient(
    session: Session, caller: Caller, message: Message, person: Person | None, of_that_time: bool
) -> Appointment | None:
    """The patient's only booked appointment here (at that time); not one with another number of the sender's."""
    booked = booking.appointments_of(session, caller, person_id=person.id, states=("booked",)) if person else ()
    here = [row for row in booked if row.organisation_id == caller.organisation_id]
    if of_that_time:
        here = [row for row in here if row.start_at == _start(message)]
    here = [row for row in here if not _own_number(message) or booking.number_of(session, row) is None]
    return here[0] if len(here) == 1 else None


def _moved(session: Session, caller: Caller, message: Message, row: Appointment) -> Appointment:
    if row.start_at == _start(message):
        return row
    slot_id = _slot(session, caller, message).slot_id
    return booking.reschedule(session, caller, appointment_id=row.id, slot_id=slot_id)


def _told(session: Session, caller: Caller, message: Message, row: Appointment) -> Done:
    """Done, and remembered under the hospital's own number with the time at which it told us."""
    if number := _own_number(message):
        booking.give_number(session, row, number=number, told_at=times.told_at(message, caller.at))
    return _done(row)


def _overtaken(row: Appointment) -> Done:
    """An older message than one that was followed: nothing is changed."""
    zh = "此消息早于已办理的消息（按 MSH-7），未再改动预约。"
    en = "This message is older than one that was followed (by MSH-7); the appointment was not changed."
    late = Complaint("205", "overtaken", zh, en, Location("MSH", 1, 7, 1), "W")
    return replace(_done(row), warnings=(late,))


def _same_patient(session: Session, row: Appointment, person_id: int | None, number: str) -> None:
    """Refuses: AppointmentUnknown, for a number that means somebody else's appointment."""
    if person_id is None or row.person_id not in people.cluster(session, person_id):
        raise AppointmentUnknown(number=number)


def _numbered(session: Session, caller: Caller, number: str) -> Numbered | None:
    assert caller.organisation_id is not None
    return booking.numbered(session, organisation_id=caller.organisation_id, number=number) if number else None


def _own_number(message: Message) -> str:
    """The sender's own number: SCH-2 where it keeps the book, else SCH-1."""
    sch = message["SCH"]
    return next((sch.text(n) for n in (2, 1) if sch.text(n) and sch.text(n, 2) != APPLICATION), "")


def _name(caller: Caller, number: str) -> str:
    return f"{caller.organisation_id}/appointment/{number}"


def _hub_number(number: str, authority: str) -> int | None:
    return int(number) if authority == APPLICATION and number.isdecimal() and len(number) < 19 else None


def _reason(message: Message, field: int) -> str:
    return message["SCH"].text(field, 2) or message["SCH"].text(field)


def _done(row: Appointment) -> Done:
    return Done(person_id=row.person_id, subject=f"appointment/{row.id}")
