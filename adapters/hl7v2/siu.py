"""SIU: appointments, told to the hospital that keeps them and heard from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from adapters.hl7v2 import parts, pid, pv1, times
from adapters.hl7v2.acknowledgements import APPLICATION
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Line, Message, Value
from hub import booking, journeys
from hub.booking import Appointment, Offer, SlotUnknown
from hub.faults import Missing, Unknown
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


def book(session: Session, caller: Caller, message: Message) -> Done:
    """S12: the hospital gives out a place of its own, and the hub's book must hold it."""
    person_id = pid.register(session, caller, message["PID"])
    slot = _slot(session, caller, message)
    row = booking.book(
        session,
        caller,
        slot_id=slot.slot_id,
        person_id=person_id,
        channel="his",
        reason=_reason(message, 7),
        referral_id=_hub_number(message["SCH"].text(26), message["SCH"].text(26, 2)),
    )
    return _done(row)


def reschedule(session: Session, caller: Caller, message: Message) -> Done:
    """S13, S14: another time for the same appointment; details without another time change nothing here."""
    row = _appointment(session, caller, message, of_that_time=False)
    if row.start_at != _start(message):
        row = booking.reschedule(
            session, caller, appointment_id=row.id, slot_id=_slot(session, caller, message).slot_id
        )
    return _done(row)


def cancel(session: Session, caller: Caller, message: Message) -> Done:
    """S15: the appointment is given up; the trigger counts, whatever the status fields say."""
    row = _appointment(session, caller, message)
    return _done(journeys.cancel_appointment(session, caller, appointment_id=row.id, reason=_reason(message, 6)))


def miss(session: Session, caller: Caller, message: Message) -> Done:
    """S26: the patient did not come; a referral stands."""
    row = _appointment(session, caller, message)
    return _done(journeys.miss_appointment(session, caller, appointment_id=row.id))


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


def _appointment(session: Session, caller: Caller, message: Message, *, of_that_time: bool = True) -> Appointment:
    """By the hub's number in SCH-1 or SCH-2, else the patient's only booked one here (at that time).

    Refuses: AppointmentUnknown, and as booking.appointment.
    """
    sch = message["SCH"]
    for field in (1, 2):
        if number := _hub_number(sch.text(field), sch.text(field, 2)):
            return booking.appointment(session, caller, number)
    person = pid.known(session, caller, message["PID"])
    booked = booking.appointments_of(session, caller, person_id=person.id, states=("booked",)) if person else ()
    here = [row for row in booked if row.organisation_id == caller.organisation_id]
    if of_that_time:
        here = [row for row in here if row.start_at == _start(message)]
    if len(here) != 1:
        raise AppointmentUnknown(number=sch.text(1) or "–")
    return here[0]


def _hub_number(number: str, authority: str) -> int | None:
    return int(number) if authority == APPLICATION and number.isdecimal() and len(number) < 19 else None


def _reason(message: Message, field: int) -> str:
    return message["SCH"].text(field, 2) or message["SCH"].text(field)


def _done(row: Appointment) -> Done:
    return Done(person_id=row.person_id, subject=f"appointment/{row.id}")
