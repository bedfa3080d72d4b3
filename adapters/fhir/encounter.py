"""Encounter: a stay or an attendance; creating one admits, a status ends it."""

from datetime import datetime
from typing import Any

from adapters.fhir.outcome import Issue, NotSupported, ResourceInvalid, ResourceUnknown
from adapters.fhir.resources import (
    Call,
    Parameter,
    Query,
    Resource,
    ResourceType,
    number_of,
    numbered_target,
    reference,
)
from adapters.fhir.search import instant, token
from adapters.fhir.systems import ICD10, VISIT_NUMBER
from hub import journeys, records, settlement
from hub.faults import Invalid, Missing, Problem
from hub.records import Diagnosis, Visit, VisitUnknown
from hub.trust import RecordUnknown
from hub.units import CHINA

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CARES = {"IMP": "inpatient", "ACUTE": "inpatient", "AMB": "outpatient", "EMER": "emergency"}
_CLASSES = {"inpatient": "IMP", "outpatient": "AMB", "emergency": "EMER"}


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    return encounter(call, visit_of(call, number_of("Encounter", logical_id), f"Encounter/{logical_id}"))


def search(call: Call, query: Query) -> list[Resource]:
    """By the hospital's own number, or a patient's that the caller may see. Refuses: NotAllowed, Missing."""
    if (said := query.one("identifier")) is not None:
        own = call.caller.organisation_id or ""
        _, number = token(said, system=VISIT_NUMBER + own, element="identifier")
        try:
            return [encounter(call, records.visit(call.session, own, number))]
        except VisitUnknown:
            return []
    said = query.one("patient")
    if said is None:
        raise Missing(element="patient", allowed="patient / identifier")
    person_id = numbered_target(said if "/" in said else f"Patient/{said}", "Patient", "patient")
    call.about(person_id=person_id)
    rows = records.visits(call.session, call.caller, person_id=person_id)
    return [encounter(call, row) for row in rows[: query.count]]


def create(call: Call, body: Resource) -> tuple[Resource, bool]:
    """Admit; under a number that was sent before, the visit that stands. Refuses: what `journeys.admit` refuses."""
    if body["status"] != "in-progress":
        raise Invalid(element="Encounter.status", found=body["status"], allowed="in-progress", problem=Problem.CODE)
    numbers = [one["value"] for one in body.get("identifier", []) if one.get("value")]
    if not numbers:
        raise Missing(element="Encounter.identifier")
    care = _CARES.get(body["class"].get("code", ""))
    if care is None:
        allowed = ", ".join(_CARES)
        raise Invalid(
            element="Encounter.class.code", found=body["class"].get("code"), allowed=allowed, problem=Problem.CODE
        )
    if "subject" not in body:
        raise Missing(element="Encounter.subject")
    person_id = numbered_target(body["subject"], "Patient", "Encounter.subject.reference")
    call.about(person_id=person_id)
    row = journeys.admit(
        call.session,
        call.caller,
        organisation_id=call.caller.organisation_id or "",
        number=numbers[0],
        person_id=person_id,
        care=care,
        begun_at=_moment(body, "start"),
        diagnoses=_diagnoses(body),
    )
    return encounter(call, row), row.state == "in-progress" and row.begun_at == _moment(body, "start")


def update(call: Call, logical_id: str, body: Resource) -> Resource:
    """Discharge (finished) or take the admission back (cancelled). Refuses: what the verbs refuse."""
    row = visit_of(call, number_of("Encounter", logical_id), f"Encounter/{logical_id}")
    match body["status"]:
        case row.state:
            pass
        case "finished":
            ended_at = _moment(body, "end")
            row = journeys.discharge(
                call.session, call.caller, visit_id=row.id, ended_at=ended_at, diagnoses=_diagnoses(body) or None
            )
        case "cancelled":
            settlement.require_no_charges(call.session, call.caller, visit_id=row.id)
            row = journeys.cancel_admission(call.session, call.caller, visit_id=row.id)
        case wanted:
            raise NotSupported(what=f"Encounter.status {row.state} → {wanted}")
    return encounter(call, row)


def visit_of(call: Call, visit_id: int, named: str) -> Visit:
    """Refuses: NotAllowed, ResourceUnknown."""
    try:
        row = records.visit_by_id(call.session, call.caller, visit_id)
    except (VisitUnknown, RecordUnknown):
        raise ResourceUnknown(reference=named) from None
    call.about(person_id=row.person_id, subject=f"visit/{row.id}")
    return row


def encounter(call: Call, row: Visit) -> Resource:
    """A visit as a resource."""
    call.about(person_id=row.person_id, subject=f"visit/{row.id}")
    period = {"start": row.begun_at.astimezone(CHINA).isoformat()}
    if row.ended_at is not None:
        period["end"] = row.ended_at.astimezone(CHINA).isoformat()
    told: Resource = {
        "resourceType": "Encounter",
        "id": str(row.id),
        "identifier": [{"system": VISIT_NUMBER + row.organisation_id, "value": row.number}],
        "status": row.state,
        "class": {"system": ACT_CODE, "code": _CLASSES[row.care]},
        "subject": reference("Patient", row.person_id),
        "period": period,
        "serviceProvider": reference("Organization", row.organisation_id),
    }
    if row.practitioner_id is not None:
        told["participant"] = [{"individual": reference("Practitioner", row.practitioner_id)}]
    if row.department_id is not None:
        told["location"] = [{"location": reference("Location", row.department_id)}]
    if row.diagnoses:
        told["reasonCode"] = [
            {"coding": [{"system": ICD10, "code": one["code"], "display": one["name"]}]} for one in row.diagnoses
        ]
    return told


def _moment(body: Resource, end: str) -> datetime:
    """A bound of the period as an instant. Refuses: ResourceInvalid, Invalid."""
    said = str(body.get("period", {}).get(end, ""))
    if "T" not in said:
        raise ResourceInvalid([Issue(f"Encounter.period.{end}", "required", "an instant: 2026-11-23T09:00:00+08:00")])
    return instant(said, f"Encounter.period.{end}")


def _diagnoses(body: Resource) -> list[Diagnosis]:
    found: list[Diagnosis] = []
    for n, concept in enumerate(body.get("reasonCode", [])):
        coding: dict[str, Any] = next((c for c in concept.get("coding", []) if c.get("system") == ICD10), {})
        name = coding.get("display") or concept.get("text")
        if "code" not in coding or not name:
            raise Missing(element=f"Encounter.reasonCode[{n}].coding", allowed=f"{ICD10}: code, display")
        found.append(Diagnosis(code=coding["code"], name=name))
    return found


ENCOUNTER = ResourceType(
    "Encounter",
    parameters={
        "patient": Parameter("reference", "Patient/…"),
        "identifier": Parameter("token", "the hospital's own number of the visit"),
    },
    read=read,
    search=search,
    create=create,
    update=update,
)
