"""DiagnosticReport and Observation: results, for whoever may read them."""

import re
from decimal import Decimal

from adapters.fhir.outcome import ResourceUnknown
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
from adapters.fhir.systems import ABNORMAL, OBSERVATION_CODE, ORDER, REPORT_NUMBER
from hub import records
from hub.faults import Missing
from hub.records import Observation, Report, ReportUnknown
from hub.units import CHINA

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,17})?")


def read_report(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    report_id = number_of("DiagnosticReport", logical_id)
    return diagnostic_report(call, _report(call, f"DiagnosticReport/{logical_id}", report_id))


def search_reports(call: Call, query: Query) -> list[Resource]:
    """The reports of a patient that the caller may read. Refuses: NotAllowed, Missing, RecordUnknown."""
    rows = _reports(call, query)[: query.count]
    found = [diagnostic_report(call, row) for row in rows]
    if query.all("_include"):
        found += [observation(row, item) for row in rows for item in records.observations(call.session, row.id)]
    return found


def read_observation(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    head, _, position = logical_id.partition("-")
    row = _report(call, f"Observation/{logical_id}", number_of("Observation", head))
    for item in records.observations(call.session, row.id):
        if str(item.position) == position:
            return observation(row, item)
    raise ResourceUnknown(reference=f"Observation/{logical_id}")


def search_observations(call: Call, query: Query) -> list[Resource]:
    """The measured items of a patient's reports. Refuses: NotAllowed, Missing, RecordUnknown."""
    wanted = {code.rpartition("|")[2] for value in query.all("code") for code in value.split(",")}
    items = [(row, item) for row in _reports(call, query) for item in records.observations(call.session, row.id)]
    return [observation(row, item) for row, item in items if not wanted or item.code in wanted][: query.count]


def diagnostic_report(call: Call, row: Report) -> Resource:
    """A report as a resource."""
    code = {"coding": [{"system": ORDER, "code": row.order_code, "display": row.order_name}], "text": row.order_name}
    told: Resource = {
        "resourceType": "DiagnosticReport",
        "id": str(row.id),
        "meta": {"versionId": str(row.version)},
        "identifier": [{"system": REPORT_NUMBER + row.organisation_id, "value": row.filler_number}],
        "status": "final" if row.version == 1 else "corrected",
        "code": code,
        "subject": reference("Patient", row.person_id),
        "issued": row.issued_at.astimezone(CHINA).isoformat(),
        "performer": [
            reference("Organization", row.organisation_id),
            reference("Practitioner", row.author_id, row.author_name),
        ],
    }
    items = records.observations(call.session, row.id)
    if items:
        told["result"] = [reference("Observation", _id(item), item.name) for item in items]
    if row.text:
        told["conclusion"] = row.text
    return told


def observation(row: Report, item: Observation) -> Resource:
    """One measured item as a resource; a value that is a number keeps its digits."""
    told: Resource = {
        "resourceType": "Observation",
        "id": _id(item),
        "status": "final" if row.version == 1 else "corrected",
        "code": {"coding": [{"system": OBSERVATION_CODE, "code": item.code, "display": item.name}], "text": item.name},
        "subject": reference("Patient", row.person_id),
        "issued": row.issued_at.astimezone(CHINA).isoformat(),
        "performer": [reference("Organization", row.organisation_id)],
    }
    if _NUMBER.fullmatch(item.value):
        told["valueQuantity"] = {"value": Decimal(item.value), **({"unit": item.unit} if item.unit else {})}
    elif item.value:
        told["valueString"] = f"{item.value} {item.unit}".strip()
    if item.abnormal:
        told["interpretation"] = [{"coding": [{"system": ABNORMAL, "code": item.abnormal}]}]
    if item.range:
        told["referenceRange"] = [{"text": item.range}]
    return told


def _id(item: Observation) -> str:
    return f"{item.report_id}-{item.position}"


def _reports(call: Call, query: Query) -> list[Report]:
    said = query.one("patient") or query.one("subject")
    if said is None:
        raise Missing(element="patient", allowed="Patient/…")
    person_id = numbered_target(said if "/" in said else f"Patient/{said}", "Patient", "patient")
    call.about(person_id=person_id)
    return list(records.reports(call.session, call.caller, person_id=person_id))


def _report(call: Call, named: str, report_id: int) -> Report:
    call.about(subject=f"report/{report_id}")
    try:
        row = records.report(call.session, call.caller, report_id)
    except ReportUnknown:
        raise ResourceUnknown(reference=named) from None
    call.about(person_id=row.person_id, subject=f"report/{row.id}")
    return row


_PATIENT = {"patient": Parameter("reference", "Patient/…"), "subject": Parameter("reference", "Patient/…")}

DIAGNOSTIC_REPORT = ResourceType(
    "DiagnosticReport",
    parameters=_PATIENT,
    includes=("DiagnosticReport:result",),
    read=read_report,
    search=search_reports,
)
OBSERVATION = ResourceType(
    "Observation",
    parameters={**_PATIENT, "code": Parameter("token", "code of the measured item")},
    read=read_observation,
    search=search_observations,
)
