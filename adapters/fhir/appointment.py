"""Appointment: booked by create, moved or given up by update."""

from typing import Any

from adapters.fhir.outcome import Issue, NotSupported, ResourceInvalid, ResourceUnknown, VersionOld
from adapters.fhir.resources import (
    Call,
    Parameter,
    Query,
    Resource,
    ResourceType,
    number_of,
    numbered_target,
    reference,
    text_of,
)
from adapters.fhir.search import codes, days
from hub import booking, journeys
from hub.booking import Appointment, Offer
from hub.faults import Invalid, Missing, Problem
from hub.trust import RecordUnknown
from hub.units import CHINA


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    return told(call, _row(call, logical_id))


def search(call: Call, query: Query) -> list[Resource]:
    """The appointments of a patient, or those of the caller's hospital on a day. Refuses: NotAllowed, Missing."""
    wanted = codes(query.all("status"), allowed=booking.APPOINTMENT.states, element="status")
    span = days(query.all("date"), element="date")
    if query.all("_id"):
        rows = _rows_by_id(call, query.all("_id"))
    elif (said := query.one("patient") or query.one("actor")) is not None:
        person_id = numbered_target(said if "/" in said else f"Patient/{said}", "Patient", "patient")
        call.about(person_id=person_id)
        rows = list(booking.appointments_of(call.session, call.caller, person_id=person_id))
    elif span.first is not None and span.first == span.last:
        rows = list(booking.day_list(call.session, call.caller, day=span.first))
    else:
        raise Missing(element="patient", allowed="patient=Patient/… / date=2026-11-23")
    rows = [row for row in rows if (not wanted or row.state in wanted) and span.holds(row.start_at)]
    return [told(call, row) for row in rows[: query.count]]


def create(call: Call, body: Resource) -> tuple[Resource, bool]:
    """Book the slot for the patient; with `basedOn` for the referral. Refuses: what `booking.book` refuses."""
    check_new(body)
    slot_id, person_id = slot_of(body), patient_of(body)
    call.about(person_id=person_id, subject=f"slot/{slot_id}")
    if body.get("basedOn"):
        referral_id = numbered_target(body["basedOn"][0], "ServiceRequest", "Appointment.basedOn[0].reference")
        referral = journeys.reserve(call.session, call.caller, referral_id=referral_id, slot_id=slot_id)
        row = call.session.get_one(Appointment, referral.appointment_id)
        if row.person_id != person_id:
            allowed = f"Patient/{row.person_id}"
            raise Invalid(element="Appointment.participant", found=f"Patient/{person_id}", allowed=allowed)
    else:
        row = booking.book(
            call.session, call.caller, slot_id=slot_id, person_id=person_id, channel="his", reason=reason_of(body)
        )
    return told(call, row), True


def update(call: Call, logical_id: str, body: Resource) -> Resource:
    """Move to another slot, or change the status by one step. Refuses: VersionOld, what the verb refuses."""
    row = _row(call, logical_id)
    version = row.version
    _check_version(call, version)
    if patient_of(body) != row.person_id:
        allowed = f"Patient/{row.person_id}"
        raise Invalid(element="Appointment.participant", found=f"Patient/{patient_of(body)}", allowed=allowed)
    slot_id, wanted = slot_of(body), body["status"]
    if wanted != row.state:
        row = _step(call, row, wanted, body)
    elif slot_id != row.slot_id:
        row = booking.reschedule(call.session, call.caller, appointment_id=row.id, slot_id=slot_id)
    # The verb locked the row; if somebody was faster, it has grown by more than this step.
    if call.if_match is not None and row.version > version + 1:
        raise VersionOld(given=version, current=row.version)
    return told(call, row)


def check_new(body: Resource) -> None:
    """A new appointment is booked, nothing else. Refuses: Invalid."""
    if body["status"] != "booked":
        allowed = "booked"
        raise Invalid(element="Appointment.status", found=body["status"], allowed=allowed, problem=Problem.CODE)


def slot_of(body: Resource) -> int:
    """Refuses: ResourceInvalid, Invalid."""
    slots = body.get("slot", [])
    if len(slots) != 1:
        raise ResourceInvalid([Issue("Appointment.slot", "required", "exactly one slot")])
    return numbered_target(slots[0], "Slot", "Appointment.slot[0].reference")


def patient_of(body: Resource) -> int:
    """Refuses: ResourceInvalid, Invalid."""
    for n, participant in enumerate(body.get("participant", [])):
        actor = participant.get("actor", {})
        if str(actor.get("reference", "")).startswith("Patient/"):
            return numbered_target(actor, "Patient", f"Appointment.participant[{n}].actor.reference")
    raise ResourceInvalid([Issue("Appointment.participant", "required", "one participant is a Patient/…")])


def reason_of(body: Resource) -> str:
    said = [text_of(concept) for concept in body.get("reasonCode", [])]
    return "；".join(filter(None, said)) or body.get("description", "")


def told(call: Call, row: Appointment) -> Resource:
    """An appointment as it stands, with the names of where and with whom."""
    call.about(person_id=row.person_id, subject=f"appointment/{row.id}")
    return appointment(row, booking.offer(call.session, row.slot_id, at=call.caller.at))


def appointment(row: Appointment, offer: Offer) -> Resource:
    """An appointment as a resource."""
    participants: list[dict[str, Any]] = [
        {"actor": reference("Patient", row.person_id), "status": "accepted"},
        {"actor": reference("HealthcareService", row.service_id, offer.service_name), "status": "accepted"},
        {"actor": reference("Location", row.department_id, offer.department_name), "status": "accepted"},
    ]
    if row.practitioner_id is not None:
        practitioner = reference("Practitioner", row.practitioner_id, offer.practitioner_name)
        participants.append({"actor": practitioner, "status": "accepted"})
    told: Resource = {
        "resourceType": "Appointment",
        "id": str(row.id),
        "meta": {"versionId": str(row.version), "lastUpdated": row.changed_at.astimezone(CHINA).isoformat()},
        "status": row.state,
        "start": row.start_at.astimezone(CHINA).isoformat(),
        "end": row.end_at.astimezone(CHINA).isoformat(),
        "slot": [reference("Slot", row.slot_id)],
        "created": row.booked_at.astimezone(CHINA).isoformat(timespec="seconds"),
        "comment": f"{row.queue_number} 号",
        "participant": participants,
    }
    if row.reason:
        told["reasonCode"] = [{"text": row.reason}]
    if row.referral_id is not None:
        told["basedOn"] = [reference("ServiceRequest", row.referral_id)]
    if row.cancel_reason is not None:
        told["cancelationReason"] = {"text": row.cancel_reason}
    return told


def _step(call: Call, row: Appointment, wanted: str, body: Resource) -> Appointment:
    session, caller = call.session, call.caller
    match wanted:
        case "cancelled":
            reason = text_of(body.get("cancelationReason")) or body.get("comment", "")
            return journeys.cancel_appointment(session, caller, appointment_id=row.id, reason=reason)
        case "arrived":
            return booking.arrive(session, caller, appointment_id=row.id)
        case "fulfilled":
            return booking.fulfil(session, caller, appointment_id=row.id)
        case "noshow":
            return journeys.miss_appointment(session, caller, appointment_id=row.id)
    raise NotSupported(what=f"Appointment.status {row.state} → {wanted}")


def _row(call: Call, logical_id: str) -> Appointment:
    appointment_id = number_of("Appointment", logical_id)
    call.about(subject=f"appointment/{appointment_id}")
    try:
        row = booking.appointment(call.session, call.caller, appointment_id)
    except RecordUnknown:
        raise ResourceUnknown(reference=f"Appointment/{logical_id}") from None
    call.about(person_id=row.person_id, subject=f"appointment/{row.id}")
    return row


def _rows_by_id(call: Call, said: tuple[str, ...]) -> list[Appointment]:
    rows = []
    for logical_id in (one for value in said for one in value.split(",")):
        try:
            rows.append(_row(call, logical_id))
        except ResourceUnknown:
            continue
    return rows


def _check_version(call: Call, version: int) -> None:
    given = (call.if_match or "").removeprefix("W/").strip('"')
    if call.if_match is not None and given != str(version):
        raise VersionOld(given=given, current=version)


APPOINTMENT = ResourceType(
    "Appointment",
    parameters={
        "_id": Parameter("token", "our logical id"),
        "patient": Parameter("reference", "Patient/…"),
        "actor": Parameter("reference", "Patient/…"),
        "date": Parameter("date", "ge, le, gt, lt; a day is a day in China"),
        "status": Parameter("token", ", ".join(booking.APPOINTMENT.states)),
    },
    read=read,
    search=search,
    create=create,
    update=update,
)
