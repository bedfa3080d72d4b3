"""Coverage: how a person is insured; CoverageEligibilityRequest: what the insurance would still pay."""

from adapters.fhir.money import amount, insurer
from adapters.fhir.outcome import ResourceUnknown, TargetUnknown
from adapters.fhir.resources import (
    Call,
    Parameter,
    Query,
    Resource,
    ResourceType,
    coded,
    coding_of,
    number_of,
    numbered_target,
    reference,
)
from adapters.fhir.systems import CARE, CHRONIC, FUND, INSURANCE_TYPE, INSURED_NUMBER
from hub import coverage, people, trust
from hub.coverage import Benefit, Enrolment, NotInsured
from hub.faults import Invalid, Missing, Problem
from hub.people import PersonUnknown
from hub.trust import RecordUnknown
from hub.units import CHINA, day_of

_CARES = ("inpatient", "outpatient")


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "settlement.read")
    row = coverage.enrolment(call.session, number_of("Coverage", logical_id))
    if row is None:
        raise ResourceUnknown(reference=f"Coverage/{logical_id}")
    _concerns(call, row.person_id, f"Coverage/{logical_id}")
    return coverage_of(call, row)


def search(call: Call, query: Query) -> list[Resource]:
    """How a person is insured now, and ever. Refuses: NotAllowed, Missing."""
    trust.require(call.caller, "settlement.read")
    said = query.one("beneficiary") or query.one("patient")
    if said is None:
        raise Missing(element="beneficiary", allowed="Patient/…")
    person_id = numbered_target(said if "/" in said else f"Patient/{said}", "Patient", "beneficiary")
    _concerns(call, person_id, f"Patient/{person_id}", element="beneficiary")
    return [coverage_of(call, row) for row in coverage.enrolments(call.session, person_id)][: query.count]


def coverage_of(call: Call, row: Enrolment) -> Resource:
    """An enrolment as a resource; suspended benefits are a cancelled Coverage."""
    call.about(person_id=row.person_id, subject=f"enrolment/{row.id}")
    period = {"start": row.since.isoformat()} | ({"end": row.until.isoformat()} if row.until else {})
    return {
        "resourceType": "Coverage",
        "id": str(row.id),
        "identifier": [{"system": INSURED_NUMBER, "value": row.psn_no}],
        "status": "active" if row.state == "active" else "cancelled",
        "type": coded(INSURANCE_TYPE, row.insutype),
        "subscriberId": row.psn_no,
        "beneficiary": reference("Patient", row.person_id),
        "period": period,
        "payor": [insurer(call, row.area)],
    }


def submit(call: Call, body: Resource) -> Resource:
    """CoverageEligibilityRequest/$submit: fund by fund, what the insurance would still pay here today.

    Not being insured is an answer (inforce false), not a refusal. Refuses: NotAllowed, Missing, Invalid,
    PackMissing, ChronicNotFiled.
    """
    kind = "CoverageEligibilityRequest"
    person_id = numbered_target(body["patient"], "Patient", f"{kind}.patient.reference")
    _concerns(call, person_id, f"Patient/{person_id}", element=f"{kind}.patient.reference")
    asked = _asked(call, body, person_id)
    day = day_of(call.caller.at)
    told: Resource = {
        "resourceType": "CoverageEligibilityResponse",
        "status": "active",
        "purpose": ["benefits"],
        "patient": reference("Patient", person_id),
        "servicedDate": day.isoformat(),
        "created": call.caller.at.astimezone(CHINA).isoformat(),
        "request": {"display": kind},
        "outcome": "complete",
        "insurer": insurer(call, asked.area),
    }
    insurance: Resource = {"coverage": reference("Coverage", asked.id)}
    try:
        insurance |= {"inforce": True, "item": list(_items(call, body, person_id, asked.insutype))}
    except NotInsured as refused:
        insurance["inforce"] = False
        told["disposition"] = refused.sentence("zh")
    return told | {"insurance": [insurance]}


def insured_under(call: Call, said: Resource, person_id: int, element: str) -> Enrolment:
    """The enrolment that a Coverage reference names, which must be the patient's. Refuses: Invalid, TargetUnknown."""
    row = coverage.enrolment(call.session, numbered_target(said, "Coverage", element))
    if row is None or row.person_id not in people.cluster(call.session, person_id):
        raise TargetUnknown(element=element, reference=said.get("reference", ""))
    return row


def _concerns(call: Call, person_id: int, named: str, element: str | None = None) -> None:
    """How somebody is insured is for those who have to do with them. Refuses: NotAllowed, unknown references."""
    call.about(person_id=person_id)
    try:
        people.look_up(call.session, call.caller, person_id)
    except (PersonUnknown, RecordUnknown):
        if element is not None:
            raise TargetUnknown(element=element, reference=named) from None
        raise ResourceUnknown(reference=named) from None


def _asked(call: Call, body: Resource, person_id: int) -> Enrolment:
    for n, one in enumerate(body.get("insurance", [])):
        place = f"CoverageEligibilityRequest.insurance[{n}].coverage.reference"
        return insured_under(call, one["coverage"], person_id, place)
    raise Missing(element="CoverageEligibilityRequest.insurance")


def _items(call: Call, body: Resource, person_id: int, insutype: str) -> list[Resource]:
    wanted = body.get("item") or [{"category": coded(CARE, care)} for care in _CARES]
    items = []
    for n, one in enumerate(wanted):
        care = coding_of(one.get("category"), CARE)
        if care not in _CARES:
            place = f"CoverageEligibilityRequest.item[{n}].category"
            raise Invalid(element=place, found=care or "", allowed=", ".join(_CARES), problem=Problem.CODE)
        disease = coding_of(one.get("productOrService"), CHRONIC)
        found = coverage.benefits(
            call.session,
            call.caller,
            person_id=person_id,
            insutype=insutype,
            organisation_id=call.caller.organisation_id or "",
            care=care,
            day=day_of(call.caller.at),
            disease=disease,
        )
        items += [_item(care, benefit) for benefit in found]
    return items


def _item(care: str, benefit: Benefit) -> Resource:
    limit = {} if benefit.left is None else {"allowedMoney": amount(benefit.left)}
    told: Resource = {
        "category": coded(CARE, care),
        "name": benefit.fund,
        "excluded": not benefit.enjoyed,
        "benefit": [{"type": coded(FUND, benefit.fund)} | limit],
    }
    return told | ({"description": benefit.zh} if benefit.zh else {})


COVERAGE = ResourceType(
    "Coverage",
    parameters={
        "beneficiary": Parameter("reference", "Patient/…"),
        "patient": Parameter("reference", "Patient/…, the same"),
    },
    read=read,
    search=search,
)
ELIGIBILITY = ResourceType("CoverageEligibilityRequest", operations={"$submit": submit})
