"""Claim: a charge of a visit. `$submit` of a predetermination is the quote, of a claim the settlement.

The lines of the claim are uploaded and settled in one transaction, so that a refusal leaves none of them. The first
identifier is the hospital's key: sent again it is the same settlement, and a claim with status "cancelled" undoes it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from adapters.fhir import encounter, money
from adapters.fhir.claimresponse import claim_response, estimated
from adapters.fhir.coverage import insured_under
from adapters.fhir.outcome import ResourceUnknown, TargetUnknown
from adapters.fhir.resources import (
    Call,
    Resource,
    ResourceType,
    coded,
    coding_of,
    number_of,
    numbered_target,
    reference,
    target_of,
)
from adapters.fhir.search import instant
from adapters.fhir.systems import CATALOGUE_ITEM, CHARGE_BATCH, CHRONIC
from hub import people, settlement
from hub.coverage import Enrolment
from hub.faults import Invalid, Missing, Problem
from hub.records import Visit
from hub.settlement import Charge, FeeFacts, Override, Settlement
from hub.trust import RecordUnknown
from hub.units import CHINA, start_of

APPROVAL = "urn:onecard:approval"
ACCOUNT_USED = "urn:onecard:account-used"
SHARED_USED = "urn:onecard:shared-account-used"
OVERRIDE = "urn:onecard:override"
"""A doctor who answers for what is doubted: code practitioner has a valueReference, code reason a valueString."""
_USES = ("claim", "predetermination")
_FIELDS = {
    "number": "sequence",
    "quantity": "quantity",
    "unit_price": "unitPrice",
    "amount": "net",
    "returns": "quantity",
}

_encode = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def submit(call: Call, body: Resource) -> Resource:
    """Quote, settle, or undo. Answers a ClaimResponse.

    Refuses: Missing and Invalid naming the element; what `settlement.upload`, `quote`, `settle` and `undo` refuse.
    """
    if body["use"] not in _USES:
        raise Invalid(element="Claim.use", found=body["use"], allowed=", ".join(_USES), problem=Problem.CODE)
    person_id = numbered_target(body["patient"], "Patient", "Claim.patient.reference")
    call.about(person_id=person_id)
    if body["status"] == "cancelled":
        return _undo(call, body)
    if body["status"] != "active":
        raise Invalid(element="Claim.status", found=body["status"], allowed="active, cancelled", problem=Problem.CODE)
    visit, enrolment = _visit(call, body, person_id), _enrolment(call, body, person_id)
    if body["use"] == "predetermination":
        return _quote(call, body, visit, enrolment)
    key = _key(body)
    # Two copies of a claim may arrive at once; the visit's lock decides, and the second finds the key.
    call.session.refresh(visit, with_for_update=True)
    if settlement.by_key(call.session, call.caller, key=key).state in ("unknown", "refused"):
        _upload_open(call, body, visit)
    try:
        row = settlement.settle(
            call.session, call.caller, _charge(body, visit, enrolment), key=key, content_hash=_digest(body)
        )
    except Invalid as wrong:
        raise _placed(body, wrong) from None
    return claim_response(call, row)


def read(call: Call, logical_id: str) -> Resource:
    """A settled claim, as it stands. Refuses: NotAllowed, ResourceUnknown."""
    try:
        row = settlement.settlement(call.session, call.caller, number_of("Claim", logical_id))
    except (settlement.SettlementUnknown, RecordUnknown):
        raise ResourceUnknown(reference=f"Claim/{logical_id}") from None
    call.about(person_id=row.person_id, subject=f"settlement/{row.id}")
    return claim(call, row)


def claim(call: Call, row: Settlement) -> Resource:
    """The claim behind a settlement, its lines as they were adjudicated."""
    explanation = settlement.explained(call.session, row)
    insured = money.insured_by(call, person_id=row.person_id, insutype=row.insutype, day=row.day)
    names = {line.number: (line.code, line.name) for line in settlement.lines_of(call.session, row)}
    items = []
    for n, line in enumerate(explanation.bill.lines):
        code, name = names.get(line.id, ("", line.id))
        item: Resource = {
            "sequence": n + 1,
            "productOrService": coded(CATALOGUE_ITEM, code, name) if code else {"text": name},
            "quantity": {"value": line.quantity},
            "unitPrice": {"value": line.unit_price, "currency": money.CURRENCY},
            "net": money.amount(explanation.shares[n].amount),
            "encounter": [reference("Encounter", row.visit_id)],
        }
        items.append(item)
    told: Resource = {"resourceType": "Claim", **money.settled_claim(call, row)} | {
        "identifier": [money.keyed(row)],
        "provider": reference("Organization", row.organisation_id),
        "priority": coded("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": insured}],
        "total": money.amount(row.total),
    }
    return told | ({"item": items} if items else {})


def _quote(call: Call, body: Resource, visit: Visit, enrolment: Enrolment) -> Resource:
    """What settling now would give: the lines go in, the quote is made, and all of it is rolled back."""
    trial = call.session.begin_nested()
    try:
        _upload(call, body, visit)
        explanation = settlement.quote(call.session, call.caller, _charge(body, visit, enrolment))
        batch = settlement.STAY if visit.care == "inpatient" else _batch(body)
        doubts = settlement.doubts_of(call.session, call.caller, visit_id=visit.id, batch=batch)
        notes = [doubt.sentence("zh") for doubt in doubts]
    except Invalid as wrong:
        raise _placed(body, wrong) from None
    finally:
        trial.rollback()
    return estimated(call, explanation, visit, enrolment, notes)


def _undo(call: Call, body: Resource) -> Resource:
    found = settlement.by_key(call.session, call.caller, key=_key(body))
    if found.settlement is None:
        raise ResourceUnknown(reference=f"Claim?identifier={_key(body)}")
    call.about(person_id=found.settlement.person_id, subject=f"settlement/{found.settlement.id}")
    settlement.undo(
        call.session,
        call.caller,
        settlement_id=found.settlement.id,
        key=f"{_key(body)}/cancelled",
        content_hash=_digest({"status": "cancelled"}),
    )
    return claim_response(call, call.session.get_one(Settlement, found.settlement.id))


def _upload(call: Call, body: Resource, visit: Visit) -> None:
    try:
        settlement.upload(call.session, call.caller, visit_id=visit.id, lines=list(_lines(body)))
    except Invalid as wrong:
        raise _placed(body, wrong) from None


def _upload_open(call: Call, body: Resource, visit: Visit) -> None:
    """The lines of a batch that is settled already stay as they are: settling it answers what stands."""
    try:
        _upload(call, body, visit)
    except settlement.BatchSettled:
        return


def _charge(body: Resource, visit: Visit, enrolment: Enrolment) -> Charge:
    told = body.get("supportingInfo", [])
    used, shared = (
        [one.get("valueBoolean", True) for one in told if coding_of(one.get("category"), system) is not None]
        for system in (ACCOUNT_USED, SHARED_USED)
    )
    return Charge(
        visit_id=visit.id,
        batch=settlement.STAY if visit.care == "inpatient" else _batch(body),
        account_used=all(used),
        shared_used=bool(shared) and all(shared),
        total=money.money_of(body.get("total"), "Claim.total"),
        insutype=enrolment.insutype,
        disease=coding_of(body.get("subType"), CHRONIC),
        emergency=True if any(one.get("code") == "stat" for one in body["priority"].get("coding", [])) else None,
        override=_override(told),
    )


def _override(told: Sequence[Resource]) -> Override | None:
    """Refuses: Missing, when doctor or reason stands alone; Invalid."""
    said: dict[str, str] = {}
    for n, one in enumerate(told):
        place = f"Claim.supportingInfo[{n}]"
        match coding_of(one.get("category"), OVERRIDE):
            case "practitioner":
                said["practitioner"] = target_of(one.get("valueReference"), "Practitioner", f"{place}.valueReference")
            case "reason":
                said["reason"] = one.get("valueString", "")
    if not said:
        return None
    for name in ("practitioner", "reason"):
        if not said.get(name):
            raise Missing(element="Claim.supportingInfo", allowed=f"{OVERRIDE}|{name}")
    return Override(said["practitioner"], said["reason"])


def _lines(body: Resource) -> Iterator[FeeFacts]:
    """The items as fee lines, numbered after the batch. Refuses: Missing, Invalid."""
    for n, item in enumerate(body.get("item", [])):
        place = f"Claim.item[{n}]"
        if item["sequence"] != n + 1:
            raise Invalid(element=f"{place}.sequence", found=item["sequence"], allowed=str(n + 1))
        code = coding_of(item["productOrService"], CATALOGUE_ITEM)
        if code is None:
            raise Missing(element=f"{place}.productOrService.coding", allowed=CATALOGUE_ITEM)
        if "net" not in item or "unitPrice" not in item:
            raise Missing(element=f"{place}.{'unitPrice' if 'unitPrice' not in item else 'net'}")
        money.money_of({**item["unitPrice"], "value": 0}, f"{place}.unitPrice")
        yield FeeFacts(
            number=f"{_batch(body)}-{n + 1}",
            code=code,
            quantity=_decimal(item.get("quantity", {}).get("value", 1), f"{place}.quantity.value", places=4),
            unit_price=_decimal(item["unitPrice"].get("value"), f"{place}.unitPrice.value", places=6),
            amount=money.money_of(item["net"], f"{place}.net"),
            occurred_at=_occurred(item, place),
            batch=_batch(body),
            approval=_approval(item, place),
        )


def _decimal(said: Any, element: str, *, places: int) -> Decimal:
    """What the ledger can hold exactly. Refuses: Missing, Invalid."""
    if said is None:
        raise Missing(element=element)
    value = Decimal(said)
    if value < 0 or value >= 10**10 or value != round(value, places):
        raise Invalid(element=element, found=said, allowed=f"0 – 9999999999, {places} 位小数 / decimals")
    return value


def _occurred(item: Resource, place: str) -> datetime:
    said = str(item.get("servicedDate") or item.get("servicedPeriod", {}).get("start") or "")
    if len(said) == 10:
        return start_of(date.fromisoformat(said))
    if "T" not in said:
        raise Missing(element=f"{place}.servicedDate", allowed="2026-11-23")
    return instant(said, f"{place}.servicedDate").astimezone(CHINA)


def _approval(item: Resource, place: str) -> str:
    said = next((code for one in item.get("modifier", []) if (code := coding_of(one, APPROVAL))), "none")
    if said not in ("none", "approved", "refused"):
        raise Invalid(element=f"{place}.modifier", found=said, allowed="approved, refused", problem=Problem.CODE)
    return said


def _visit(call: Call, body: Resource, person_id: int) -> Visit:
    """The one visit that every item belongs to. Refuses: Missing, Invalid, TargetUnknown."""
    said = [
        (n, numbered_target(one, "Encounter", f"Claim.item[{n}].encounter[0].reference"))
        for n, item in enumerate(body.get("item", []))
        for one in item.get("encounter", [])[:1]
    ]
    if not said or len(said) != len(body.get("item", [])):
        missing = next((n for n, item in enumerate(body.get("item", [])) if not item.get("encounter")), 0)
        raise Missing(element=f"Claim.item[{missing}].encounter", allowed="Encounter/…")
    for n, visit_id in said:
        if visit_id != said[0][1]:
            allowed = f"Encounter/{said[0][1]}"
            raise Invalid(
                element=f"Claim.item[{n}].encounter[0].reference", found=f"Encounter/{visit_id}", allowed=allowed
            )
    named = f"Encounter/{said[0][1]}"
    try:
        row = encounter.visit_of(call, said[0][1], named)
    except ResourceUnknown:
        raise TargetUnknown(element="Claim.item[0].encounter[0].reference", reference=named) from None
    if row.person_id not in people.cluster(call.session, person_id):
        raise Invalid(
            element="Claim.patient.reference", found=f"Patient/{person_id}", allowed=f"Patient/{row.person_id}"
        )
    return row


def _enrolment(call: Call, body: Resource, person_id: int) -> Enrolment:
    focal = [(n, one) for n, one in enumerate(body["insurance"]) if one.get("focal")]
    if len(focal) != 1:
        raise Invalid(element="Claim.insurance", found=f"focal × {len(focal)}", allowed="focal × 1")
    n, one = focal[0]
    return insured_under(call, one["coverage"], person_id, f"Claim.insurance[{n}].coverage.reference")


def _key(body: Resource) -> str:
    said = body.get("identifier", [])
    if not said or not said[0].get("value"):
        raise Missing(element="Claim.identifier[0].value")
    return str(said[0]["value"])


def _batch(body: Resource) -> str:
    """The charge batch that is named, else the key."""
    named = [one["value"] for one in body.get("identifier", []) if one.get("system", "").startswith(CHARGE_BATCH)]
    return str(named[0]) if named else _key(body)


def _digest(body: Resource) -> bytes:
    return hashlib.sha256(_encode(body)).digest()


def _placed(body: Resource, wrong: Invalid) -> Invalid:
    """The same refusal with the element in the words of the Claim."""
    element = wrong.element
    if element == "total":
        element = "Claim.total"
    elif element.startswith("lines["):
        number, _, field = element.removeprefix("lines[").partition("].")
        sequence = number.rpartition("-")[2]
        element = f"Claim.item[{int(sequence) - 1}].{_FIELDS.get(field, field)}"
    wrong.element = wrong.facts["element"] = element
    return wrong


CLAIM = ResourceType("Claim", read=read, operations={"$submit": submit})
