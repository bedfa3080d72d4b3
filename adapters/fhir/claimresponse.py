"""ClaimResponse and ExplanationOfBenefit: a settlement with every step of every line, for hospital and patient."""

from collections.abc import Sequence

from adapters.fhir import money
from adapters.fhir.outcome import ResourceUnknown
from adapters.fhir.resources import (
    Call,
    Parameter,
    Query,
    Resource,
    ResourceType,
    coded,
    number_of,
    numbered_target,
    reference,
)
from adapters.fhir.systems import ADJUDICATION, CLEARING_TYPE
from hub import settlement
from hub.coverage import Enrolment, Explanation
from hub.faults import Missing
from hub.records import Visit
from hub.settlement import Settlement, SettlementUnknown
from hub.trust import RecordUnknown
from hub.units import CHINA

_PAYMENT = "http://terminology.hl7.org/CodeSystem/ex-paymenttype"


def read_response(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    return claim_response(call, _row(call, "ClaimResponse", logical_id))


def search_responses(call: Call, query: Query) -> list[Resource]:
    """By the hospital's key of the claim, or of a patient. Refuses: NotAllowed, Missing."""
    if (said := query.one("request.identifier")) is not None:
        found = settlement.by_key(call.session, call.caller, key=said.rpartition("|")[2])
        return [] if found.settlement is None else [claim_response(call, found.settlement)]
    return [claim_response(call, row) for row in _of_patient(call, query)]


def read_benefit(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    return explanation_of_benefit(call, _row(call, "ExplanationOfBenefit", logical_id))


def search_benefits(call: Call, query: Query) -> list[Resource]:
    """Of a patient, newest first. Refuses: NotAllowed, Missing, RecordUnknown."""
    return [explanation_of_benefit(call, row) for row in _of_patient(call, query)]


def claim_response(call: Call, row: Settlement) -> Resource:
    """A settlement as the insurer's answer to the hospital."""
    call.about(person_id=row.person_id, subject=f"settlement/{row.id}")
    explanation = settlement.explained(call.session, row)
    insured = money.insured_by(call, person_id=row.person_id, insutype=row.insutype, day=row.day)
    return {
        "resourceType": "ClaimResponse",
        **money.settled_claim(call, row),
        "identifier": [{"system": "urn:onecard:settlement", "value": str(row.id)}],
        "subType": coded(CLEARING_TYPE, row.clr_type),
        "requestor": reference("Organization", row.organisation_id),
        "request": reference("Claim", row.id) | {"identifier": money.keyed(row)},
        "outcome": "complete",
        **_adjudicated(explanation),
        "payment": _payment(row, dated="date"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": insured}],
    }


def estimated(
    call: Call, explanation: Explanation, visit: Visit, enrolment: Enrolment, notes: Sequence[str] = ()
) -> Resource:
    """A quote: the same answer with no settlement behind it, and so without an id. `notes` is what a doctor would have
    to answer for.
    """
    at = call.caller.at.astimezone(CHINA).isoformat()
    told: Resource = {
        "resourceType": "ClaimResponse",
        "status": "active",
        "type": money.claim_type(explanation.bill.care),
        "use": "predetermination",
        "patient": reference("Patient", visit.person_id),
        "created": at,
        "insurer": money.insurer(call, enrolment.area),
        "requestor": reference("Organization", visit.organisation_id),
        "outcome": "complete",
        "disposition": "试算，仅供参考，以结算为准",
        **_adjudicated(explanation),
        "insurance": [{"sequence": 1, "focal": True, "coverage": reference("Coverage", enrolment.id)}],
    }
    if notes:
        told["processNote"] = [{"number": n, "type": "display", "text": text} for n, text in enumerate(notes, start=1)]
    return told


def explanation_of_benefit(call: Call, row: Settlement) -> Resource:
    """A settlement as it is explained to the patient."""
    call.about(person_id=row.person_id, subject=f"settlement/{row.id}")
    explanation = settlement.explained(call.session, row)
    insured = money.insured_by(call, person_id=row.person_id, insutype=row.insutype, day=row.day)
    names = {line.number: line.name for line in settlement.lines_of(call.session, row)}
    items = [
        {
            "sequence": n + 1,
            "productOrService": {"text": names.get(line.id, line.id)},
            "quantity": {"value": line.quantity},
            "unitPrice": {"value": line.unit_price, "currency": money.CURRENCY},
            "net": money.amount(explanation.shares[n].amount),
            "encounter": [reference("Encounter", row.visit_id)],
            "adjudication": item["adjudication"],
        }
        for n, (line, item) in enumerate(zip(explanation.bill.lines, money.items(explanation), strict=True))
    ]
    told: Resource = {
        "resourceType": "ExplanationOfBenefit",
        **money.settled_claim(call, row),
        "provider": reference("Organization", row.organisation_id),
        "claim": reference("Claim", row.id),
        "claimResponse": reference("ClaimResponse", row.id),
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": insured}],
        "adjudication": money.of_the_bill(explanation),
        "total": money.totals(explanation),
        "payment": _payment(row, dated="date"),
    }
    return told | ({"item": items} if items else {})


def _adjudicated(explanation: Explanation) -> Resource:
    told: Resource = {"adjudication": money.of_the_bill(explanation), "total": money.totals(explanation)}
    items = list(money.items(explanation))
    return told | ({"item": items} if items else {})


def _payment(row: Settlement, *, dated: str) -> Resource:
    return {
        "type": coded(_PAYMENT, "complete"),
        dated: row.settled_on.isoformat(),
        "amount": money.amount(row.fund),
        "adjustmentReason": coded(ADJUDICATION, "fund"),
    }


def _of_patient(call: Call, query: Query) -> list[Settlement]:
    said = query.one("patient")
    if said is None:
        raise Missing(element="patient", allowed="Patient/…")
    person_id = numbered_target(said if "/" in said else f"Patient/{said}", "Patient", "patient")
    call.about(person_id=person_id)
    return list(settlement.settlements_of(call.session, call.caller, person_id=person_id))[: query.count]


def _row(call: Call, resource_type: str, logical_id: str) -> Settlement:
    try:
        row = settlement.settlement(call.session, call.caller, number_of(resource_type, logical_id))
    except (SettlementUnknown, RecordUnknown):
        raise ResourceUnknown(reference=f"{resource_type}/{logical_id}") from None
    return row


_PATIENT = {"patient": Parameter("reference", "Patient/…")}

CLAIM_RESPONSE = ResourceType(
    "ClaimResponse",
    parameters=_PATIENT | {"request.identifier": Parameter("token", "the hospital's key of the claim")},
    read=read_response,
    search=search_responses,
)
BENEFIT = ResourceType("ExplanationOfBenefit", parameters=_PATIENT, read=read_benefit, search=search_benefits)
