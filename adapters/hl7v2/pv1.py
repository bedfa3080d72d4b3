"""What the registration desk says of a visit: PV1, DG1 and the times around them."""

import time
from datetime import datetime
from typing import Literal
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2 import times
from adapters.hl7v2.er7 import Message
from hub import directory
from hub.directory import DepartmentUnknown, PractitionerUnknown
from hub.faults import Missing
from hub.records import Diagnosis
from hub.trust import Caller

Care = Literal["inpatient", "outpatient", "emergency"]

BELIEVED_SECONDS = 60.0
"""How long a department once found is believed to be there; one that is not there is asked for every time."""

_seen: WeakKeyDictionary[Engine, dict[str, float]] = WeakKeyDictionary()
_CARE: dict[str, Care] = {"I": "inpatient", "E": "emergency"}


def care(message: Message) -> Care:
    """PV1-2 (table 0004): I in-patient, E emergency, all others at the clinic."""
    return _CARE.get(message["PV1"].text(2), "outpatient")


def number(message: Message) -> str:
    """The hospital's number of the visit: PV1-19, or PID-18 where older senders put it."""
    return message["PV1"].text(19) or message["PID"].text(18)


def required_number(message: Message) -> str:
    """Refuses: Missing."""
    found = number(message)
    if not found:
        raise Missing(element="PV1-19")
    return found


def moment(message: Message, pv1_field: int) -> datetime:
    """When it happened: the field of PV1 for it, else EVN-6, EVN-2, MSH-7. Refuses: Invalid, Missing."""
    zone = times.zone_of(message.header.text(7))
    places = (("PV1", pv1_field), ("EVN", 6), ("EVN", 2), ("MSH", 7))
    for segment, field in places:
        if found := times.instant(message[segment].text(field), element=f"{segment}-{field}", zone=zone):
            return found
    raise Missing(element=f"PV1-{pv1_field}", allowed="YYYYMMDDHHMM")


def diagnoses(message: Message) -> tuple[Diagnosis, ...]:
    """DG1-3 of every DG1 with a code; DG1-4 has the words of older senders."""
    return tuple(
        Diagnosis(code=segment.text(3), name=segment.text(3, 2) or segment.text(4))
        for segment in message.every("DG1")
        if segment.text(3)
    )


def department(session: Session, caller: Caller, message: Message) -> str | None:
    """PV1-10 or PV1-3.1 where it is a department of the directory; wards that the region does not know are none."""
    for text in (message["PV1"].text(10), message["PV1"].text(3)):
        if text and (found := known_department(session, caller.organisation_id, text)):
            return found
    return None


def practitioner(session: Session, caller: Caller, message: Message) -> str | None:
    """PV1-7 where it is a practitioner of the directory."""
    text = message["PV1"].text(7)
    try:
        return directory.practitioner(session, text).id if text else None
    except PractitionerUnknown:
        return None


def known_department(session: Session, organisation_id: str | None, text: str) -> str | None:
    """A department by its id, or by its code within an institution; None where the directory has none."""
    wanted = department_id(organisation_id, text)
    seen = _seen.setdefault(door.engine(), {})
    if time.monotonic() - seen.get(wanted, -BELIEVED_SECONDS) < BELIEVED_SECONDS:
        return wanted
    try:
        directory.department(session, wanted)
    except DepartmentUnknown:
        return None
    seen[wanted] = time.monotonic()
    return wanted


def department_id(organisation_id: str | None, text: str) -> str:
    """The region's id of a department that a message may name by its short code."""
    return text if "-" in text else f"{organisation_id}-{text}"
