"""What the financial resources share: amounts in CNY, the insurer, and an explanation as adjudications."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from adapters.fhir.resources import Call, Resource, coded, reference
from adapters.fhir.systems import ADJUDICATION, RULE, SETTLEMENT_KEY
from hub import coverage, directory
from hub.coverage import Explanation, Step
from hub.faults import Invalid, Missing, Problem
from hub.settlement import AMOUNTS, Settlement
from hub.units import CHINA, Money

CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
CURRENCY = "CNY"
_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def amount(fen: int) -> Resource:
    """FHIR Money; two decimals always: 100.00 stays 100.00."""
    return {"value": Decimal(str(Money(fen))), "currency": CURRENCY}


def money_of(said: Any, element: str) -> Money:
    """Fen from a FHIR Money. Refuses: Missing, Invalid for another currency or a third decimal."""
    if not isinstance(said, dict) or "value" not in said:
        raise Missing(element=f"{element}.value")
    if said.get("currency", CURRENCY) != CURRENCY:
        raise Invalid(element=f"{element}.currency", found=said["currency"], allowed=CURRENCY, problem=Problem.CODE)
    try:
        return Money.yuan(format(Decimal(said["value"]), "f"))
    except ValueError:
        raise Invalid(element=f"{element}.value", found=said["value"], allowed="12345.67") from None


def claim_type(care: str) -> Resource:
    return coded(CLAIM_TYPE, "institutional" if care == "inpatient" else "professional")


def insurer(call: Call, area: str) -> Resource:
    """The bureau of an insured area; by its name alone where it is not of this region."""
    for row in directory.organisations(call.session, tiers=("bureau",)):
        if row.district == area:
            return reference("Organization", row.id, row.name)
    return {"display": area}


def insured_by(call: Call, *, person_id: int, insutype: str, day: date) -> Resource:
    """The Coverage under which somebody was insured on a day."""
    row = coverage.enrolment_on(call.session, person_id=person_id, insutype=insutype, day=day)
    return reference("Coverage", row.id) if row is not None else {"display": insutype}


def settled_claim(call: Call, row: Settlement) -> Resource:
    """The elements that Claim, ClaimResponse and ExplanationOfBenefit of one settlement have in common."""
    return {
        "id": str(row.id),
        "status": row.state,
        "type": claim_type(row.care),
        "use": "claim",
        "patient": reference("Patient", row.person_id),
        "created": row.settled_at.astimezone(CHINA).isoformat(),
        "insurer": insurer(call, row.clr_office),
    }


def keyed(row: Settlement) -> Resource:
    """The sender's own number of a settlement (msgid)."""
    return {"system": SETTLEMENT_KEY + row.organisation_id, "value": row.msgid}


def items(explanation: Explanation) -> Iterator[Resource]:
    """Every line with every step that led to its money; itemSequence counts the bill's lines from 1."""
    for n, (line, share) in enumerate(zip(explanation.bill.lines, explanation.shares, strict=True)):
        steps = coverage.line_steps(explanation, line, share)
        yield {"itemSequence": n + 1, "adjudication": [adjudication(explanation, step) for step in steps]}


def of_the_bill(explanation: Explanation) -> list[Resource]:
    """The steps of the bill as a whole: deductible, ratio, funds, account, cash."""
    return [adjudication(explanation, step) for step in coverage.bill_steps(explanation)]


def totals(explanation: Explanation) -> list[Resource]:
    """The fourteen named amounts."""
    return [
        {"category": coded(ADJUDICATION, name), "amount": amount(getattr(explanation.totals, name))} for name in AMOUNTS
    ]


def adjudication(explanation: Explanation, step: Step) -> Resource:
    """One step: the rule with its pack, why in Chinese and English, and the amount that came out."""
    english = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": step.sentence("en")}]
    told: Resource = {
        "category": coded(ADJUDICATION, step.rule),
        "reason": {
            "coding": [{"system": RULE, "code": explanation.pack.rule(step.rule)}],
            "text": step.sentence("zh"),
            "_text": {"extension": [{"url": _TRANSLATION, "extension": english}]},
        },
    }
    if step.fen is not None:
        told["amount"] = amount(step.fen)
    return told
