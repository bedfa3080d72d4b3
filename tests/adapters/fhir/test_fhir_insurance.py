"""FHIR: a visit, its claim quoted, settled, repeated, undone and explained, to the fen; and every way it is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import fhir
from hub import coverage
from hub.directory import CatalogueItem
from hub.records import Visit
from hub.settlement import FeeLine, Posting, Settlement
from hub.settlement.doubts import Doubt
from hub.units import CHINA
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.adapters.fhir.test_fhir_booking import FHIR_JSON, conforms, issue
from tests.hub.coverage.insured import with_pack
from tests.hub.settlement.stays import WORKED
from tests.region import BUREAU, COUNTY, EXPERT, TERTIARY, a_person, system

ROUTES = app_with(fhir.router)
ITEM = "urn:onecard:catalogue-item"
exact = msgspec.json.Decoder(float_hook=Decimal).decode


@pytest.fixture
def insured(engine: Engine) -> dict[str, int]:
    """An employee with 300.00 in the account, and the example pack in force."""
    bureau = system(BUREAU, at=datetime(2026, 1, 1, tzinfo=UTC))
    with Session(engine) as session, session.begin():
        person = a_person(session)
        with_pack(session)
        facts = {"psn_no": "42050000000000000001", "psn_type": "11", "area": "420500", "since": date(2024, 1, 1)}
        row = coverage.enrol(session, bureau, person_id=person.id, insutype="310", source="tests", **facts)
        coverage.credit(session, bureau, person_id=person.id, amount=30000, source="tests")
        return {"person": person.id, "coverage": row.id}


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY), FHIR_JSON)


@pytest.fixture
def stay(his: Peer, insured: dict[str, int]) -> int:
    """The id of an Encounter: a stay that began on the sixteenth."""
    made = his("POST", "/fhir/Encounter", json=admission(insured["person"]))
    assert made.status_code == 201
    return int(made.json()["id"])


def admission(person_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": f"urn:onecard:visit-number:{TERTIARY}", "value": "ZY-1"}],
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{person_id}"},
        "period": {"start": "2026-11-16T10:00:00+08:00"},
        "reasonCode": [
            {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I20.000", "display": "不稳定型心绞痛"}]}
        ],
    } | changes


def claim(insured: dict[str, int], encounter: int, *, key: str = "K-1", **changes: Any) -> dict[str, Any]:
    """The five lines of the first worked example."""
    items = []
    for n, (code, quantity, price) in enumerate(WORKED):
        items.append(
            {
                "sequence": n + 1,
                "productOrService": {"coding": [{"system": ITEM, "code": code}]},
                "servicedDate": "2026-11-20",
                "quantity": {"value": float(quantity)},
                "unitPrice": {"value": float(price), "currency": "CNY"},
                "net": {"value": float(round_up(Decimal(quantity) * Decimal(price))), "currency": "CNY"},
                "encounter": [{"reference": f"Encounter/{encounter}"}],
            }
        )
    return {
        "resourceType": "Claim",
        "identifier": [{"system": f"urn:onecard:settlement-key:{TERTIARY}", "value": key}],
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "institutional"}]},
        "use": "claim",
        "patient": {"reference": f"Patient/{insured['person']}"},
        "created": "2026-11-22",
        "provider": {"reference": f"Organization/{TERTIARY}"},
        "priority": {"coding": [{"code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": f"Coverage/{insured['coverage']}"}}],
        "item": items,
        "total": {"value": 9705.99, "currency": "CNY"},
    } | changes


def round_up(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


def totals(answer: Any) -> dict[str, str]:
    """The fourteen amounts, digit for digit as they left."""
    body = exact(answer.content)
    return {one["category"]["coding"][0]["code"]: str(one["amount"]["value"]) for one in body["total"]}


def test_a_claim_is_quoted_settled_read_and_explained_to_the_fen(
    his: Peer, engine: Engine, insured: dict[str, int], stay: int
) -> None:
    said = claim(insured, stay)
    quoted = his("POST", "/fhir/Claim/$submit", json=said | {"use": "predetermination"})
    assert quoted.status_code == 200
    conforms(quoted.json())
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(FeeLine)) == 0, "a quote writes nothing"

    settled = his("POST", "/fhir/Claim/$submit", json=said)
    answer = settled.json()
    conforms(answer)
    assert totals(settled) == totals(quoted)
    # The worked example without its referral: level 3, unreferred, so ten points less and the whole deductible.
    with Session(engine) as session:
        row = session.scalars(select(Settlement)).one()
        assert {name: f"{getattr(row, name)}" for name in totals(settled)} == totals(settled)
        assert session.scalar(select(func.sum(Posting.amount))) == 0
    assert totals(settled)["total"] == "9705.99"
    assert totals(settled)["over"] == "100.00", "100.00 stays 100.00"
    assert str(exact(settled.content)["payment"]["amount"]["value"]) == str(row.fund)

    for number, item in enumerate(answer["item"]):
        said_by = {one["category"]["coding"][0]["code"]: one for one in item["adjudication"]}
        net = Decimal(str(said["item"][number]["net"]["value"]))
        assert Decimal(str(said_by["amount"]["amount"]["value"])) == net
        assert all("@yichang-example-2024" in one["reason"]["coding"][0]["code"] for one in item["adjudication"])
        assert all(one["reason"]["text"] for one in item["adjudication"])

    for address in (f"Claim/{row.id}", f"ClaimResponse/{row.id}", f"ExplanationOfBenefit/{row.id}"):
        found = his("GET", f"/fhir/{address}")
        assert found.status_code == 200, found.text
        conforms(found.json())
    assert totals(his("GET", f"/fhir/ExplanationOfBenefit/{row.id}")) == totals(settled)
    by_key = his("GET", "/fhir/ClaimResponse?request.identifier=K-1").json()
    assert [one["resource"]["id"] for one in by_key["entry"]] == [str(row.id)]
    of_patient = his("GET", f"/fhir/ExplanationOfBenefit?patient=Patient/{insured['person']}").json()
    assert of_patient["total"] == 1
    conforms(of_patient)


def test_a_claim_sent_again_is_one_settlement_and_cancelled_it_is_undone(
    his: Peer, engine: Engine, insured: dict[str, int], stay: int
) -> None:
    said = claim(insured, stay)
    first = his("POST", "/fhir/Claim/$submit", json=said)
    assert his("POST", "/fhir/Claim/$submit", json=said).content == first.content
    other = his("POST", "/fhir/Claim/$submit", json=said | {"created": "2026-11-23"})
    assert issue(other)[:3] == (409, "conflict", "key-taken")
    again = his("POST", "/fhir/Claim/$submit", json=claim(insured, stay, key="K-2", identifier=keys("K-2", "K-1")))
    assert again.json()["id"] == first.json()["id"], "the same batch under a new key is the settlement that stands"

    undone = his("POST", "/fhir/Claim/$submit", json=said | {"status": "cancelled"})
    assert undone.json()["status"] == "cancelled"
    assert his("POST", "/fhir/Claim/$submit", json=said | {"status": "cancelled"}).content == undone.content
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Settlement)) == 2
        assert session.scalar(select(func.sum(Posting.amount))) == 0
        assert coverage.balance(session, insured["person"]) == 30000
    today = datetime.now(CHINA).date()
    day = his("GET", f"/fhir/PaymentReconciliation/{TERTIARY}-{today:%Y%m%d}")
    conforms(day.json())
    assert str(exact(day.content)["paymentAmount"]["value"]) == "0.00"
    assert [one["type"]["coding"][0]["code"] for one in day.json()["detail"]] == ["payment", "adjustment"]
    assert his("GET", f"/fhir/PaymentReconciliation?created={today}").json()["total"] == 1


def keys(key: str, batch: str) -> list[dict[str, str]]:
    return [
        {"system": f"urn:onecard:settlement-key:{TERTIARY}", "value": key},
        {"system": f"urn:onecard:charge-batch:{TERTIARY}", "value": batch},
    ]


def test_one_claim_sent_by_many_at_once_is_settled_once(
    his: Peer, engine: Engine, insured: dict[str, int], stay: int
) -> None:
    said = claim(insured, stay)
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: his("POST", "/fhir/Claim/$submit", json=said), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Settlement)) == 1


def test_an_out_patient_visit_is_opened_charged_and_ended(his: Peer, engine: Engine, insured: dict[str, int]) -> None:
    ambulatory = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    opened = his("POST", "/fhir/Encounter", json=admission(insured["person"], **{"class": ambulatory}))
    conforms(opened.json())
    encounter = int(opened.json()["id"])
    assert his("POST", "/fhir/Encounter", json=admission(insured["person"], **{"class": ambulatory})).json() == (
        opened.json()
    ), "said twice it is one visit"
    settled = his("POST", "/fhir/Claim/$submit", json=claim(insured, encounter))
    assert settled.json()["outcome"] == "complete"
    cancelled = his("PUT", f"/fhir/Encounter/{encounter}", json=opened.json() | {"status": "cancelled"})
    assert issue(cancelled)[:3] == (422, "business-rule", "has-charges")
    ended = opened.json() | {"status": "finished", "period": {"start": "2026-11-16T10:00:00+08:00"}}
    assert issue(his("PUT", f"/fhir/Encounter/{encounter}", json=ended))[3] == "Encounter.period.end"
    ended["period"]["end"] = "2026-11-16T11:30:00+08:00"
    assert his("PUT", f"/fhir/Encounter/{encounter}", json=ended).json()["status"] == "finished"
    with Session(engine) as session:
        assert session.get_one(Visit, encounter).state == "finished"


def test_what_the_insurance_would_still_pay_and_not_being_insured_is_an_answer(
    his: Peer, engine: Engine, insured: dict[str, int], stay: int
) -> None:
    covered = his("GET", f"/fhir/Coverage?beneficiary=Patient/{insured['person']}").json()
    conforms(covered)
    assert covered["entry"][0]["resource"]["payor"][0]["reference"] == f"Organization/{BUREAU}"
    asked = eligibility(insured)
    answer = his("POST", "/fhir/CoverageEligibilityRequest/$submit", json=asked)
    conforms(answer.json())
    found = exact(answer.content)["insurance"][0]
    left = {
        (item["category"]["coding"][0]["code"], item["name"]): str(item["benefit"][0]["allowedMoney"]["value"])
        for item in found["item"]
    }
    assert found["inforce"] is True
    assert left["inpatient", "pool"] == "150000.00"
    assert left["inpatient", "large"] == "350000.00"
    assert left["outpatient", "pool"] == "2200.00"
    assert left["outpatient", "account"] == "300.00"
    with Session(engine) as session, session.begin():
        bureau = system(BUREAU, at=datetime(2026, 1, 1, tzinfo=UTC))
        coverage.end_enrolment(session, bureau, enrolment_id=insured["coverage"], until=date(2025, 12, 31))
    ended = his("POST", "/fhir/CoverageEligibilityRequest/$submit", json=asked)
    conforms(ended.json())
    assert ended.json()["insurance"][0]["inforce"] is False
    assert "310" in ended.json()["disposition"]


def eligibility(insured: dict[str, int], **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "CoverageEligibilityRequest",
        "status": "active",
        "purpose": ["benefits"],
        "patient": {"reference": f"Patient/{insured['person']}"},
        "created": "2026-11-22",
        "insurer": {"reference": f"Organization/{BUREAU}"},
        "insurance": [{"coverage": {"reference": f"Coverage/{insured['coverage']}"}}],
    } | changes


def test_local_code_systems_name_the_classes_the_funds_and_every_rule(his: Peer, engine: Engine) -> None:
    listed = his("GET", "/fhir/CodeSystem").json()
    conforms(listed)
    by_url = his("GET", "/fhir/CodeSystem?url=urn:onecard:item-class").json()["entry"][0]["resource"]
    assert [one["code"] for one in by_url["concept"]] == ["A", "B", "C"]
    assert issue(his("GET", "/fhir/CodeSystem/nothing"))[0] == 404


Spoil = Callable[[dict[str, Any]], Any]
BAD: dict[str, tuple[Spoil, tuple[int, str, str | None]]] = {
    "a use that is not offered": (lambda c: c.update(use="preauthorization"), (400, "code-invalid", "Claim.use")),
    "a draft": (lambda c: c.update(status="draft"), (400, "code-invalid", "Claim.status")),
    "no key": (lambda c: c.pop("identifier"), (400, "required", "Claim.identifier[0].value")),
    "no total": (lambda c: c.pop("total"), (400, "required", "Claim.total.value")),
    "another sum": (lambda c: c["total"].update(value=1.00), (400, "value", "Claim.total")),
    "another currency": (lambda c: c["total"].update(currency="USD"), (400, "code-invalid", "Claim.total.currency")),
    "a third decimal": (lambda c: c["total"].update(value=9705.991), (400, "value", "Claim.total.value")),
    "no items": (lambda c: c.pop("item"), (400, "required", "Claim.item[0].encounter")),
    "a gap in the sequence": (lambda c: c["item"][1].update(sequence=9), (400, "value", "Claim.item[1].sequence")),
    "an item without net": (lambda c: c["item"][2].pop("net"), (400, "required", "Claim.item[2].net")),
    "an item that does not foot": (lambda c: c["item"][0]["net"].update(value=1), (400, "value", "Claim.item[0].net")),
    "a negative quantity": (
        lambda c: c["item"][0]["quantity"].update(value=-1),
        (400, "value", "Claim.item[0].quantity.value"),
    ),
    "a price of seven decimals": (
        lambda c: c["item"][0]["unitPrice"].update(value=1.1234567),
        (400, "value", "Claim.item[0].unitPrice.value"),
    ),
    "no local code": (
        lambda c: c["item"][3].update(productOrService={"text": "床位费"}),
        (400, "required", "Claim.item[3].productOrService.coding"),
    ),
    "a code the region has not": (
        lambda c: c["item"][3]["productOrService"]["coding"][0].update(code="NOTHING"),
        (422, "not-found", None),
    ),
    "no day": (lambda c: c["item"][3].pop("servicedDate"), (400, "required", "Claim.item[3].servicedDate")),
    "items of two visits": (
        lambda c: c["item"][4]["encounter"][0].update(reference="Encounter/99999"),
        (400, "value", "Claim.item[4].encounter[0].reference"),
    ),
    "a visit that is not there": (
        lambda c: [one["encounter"][0].update(reference="Encounter/99999") for one in c["item"]],
        (422, "not-found", None),
    ),
    "another patient": (
        lambda c: c["patient"].update(reference="Patient/99999"),
        (400, "value", "Claim.patient.reference"),
    ),
    "another's insurance": (
        lambda c: c["insurance"][0]["coverage"].update(reference="Coverage/99999"),
        (422, "not-found", None),
    ),
    "two insurances at once": (
        lambda c: c["insurance"].append(c["insurance"][0] | {"sequence": 2}),
        (400, "value", "Claim.insurance"),
    ),
    "a text for money": (lambda c: c["total"].update(value="9705.99"), (400, "structure", "Claim.total.value")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_claim_is_refused_with_its_element_and_nothing_is_written(
    his: Peer, engine: Engine, insured: dict[str, int], stay: int, case: str
) -> None:
    spoil, (status, code, expression) = BAD[case]
    said = claim(insured, stay)
    spoil(said)
    found = issue(his("POST", "/fhir/Claim/$submit", json=said))
    assert (found[0], found[1], found[3]) == (status, code, expression)
    with Session(engine) as session:
        for table in (FeeLine, Settlement, Posting):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_another_hospital_sees_none_of_it(his: Peer, engine: Engine, insured: dict[str, int], stay: int) -> None:
    settled = his("POST", "/fhir/Claim/$submit", json=claim(insured, stay)).json()
    stranger = Peer(ROUTES, token_for(engine, COUNTY), FHIR_JSON)
    for address in ("Claim", "ClaimResponse", "ExplanationOfBenefit"):
        assert issue(stranger("GET", f"/fhir/{address}/{settled['id']}"))[0] == 404
    assert issue(stranger("GET", f"/fhir/Encounter/{stay}"))[0] == 404
    assert issue(stranger("GET", f"/fhir/Coverage/{insured['coverage']}"))[0] == 404
    assert issue(stranger("GET", f"/fhir/Coverage?patient=Patient/{insured['person']}"))[0] == 422
    asked = stranger("POST", "/fhir/CoverageEligibilityRequest/$submit", json=eligibility(insured))
    assert issue(asked)[0] == 422
    assert stranger("GET", "/fhir/ClaimResponse?request.identifier=K-1").json()["total"] == 0
    assert issue(stranger("GET", f"/fhir/PaymentReconciliation/{TERTIARY}-20261122"))[0] == 404
    undo = stranger("POST", "/fhir/Claim/$submit", json=claim(insured, stay) | {"status": "cancelled"})
    assert issue(undo)[0] == 404
    assert issue(stranger("POST", "/fhir/Claim/$submit", json=claim(insured, stay)))[0] == 422


OVERRIDE = "urn:onecard:override"


def override(**said: Any) -> dict[str, Any]:
    """A doctor and a reason, as supportingInfo; what is None is left out."""
    values = {
        "practitioner": {"valueReference": {"reference": f"Practitioner/{EXPERT}"}},
        "reason": {"valueString": "病情需要"},
    }
    values |= said
    info = [
        {"sequence": n, "category": {"coding": [{"system": OVERRIDE, "code": code}]}, **value}
        for n, (code, value) in enumerate(values.items(), start=1)
        if value is not None
    ]
    return {"supportingInfo": info}


@pytest.fixture
def doubtful(engine: Engine, insured: dict[str, int], stay: int) -> dict[str, Any]:
    """A claim with 1.5 of an item of which one day may have one."""
    with Session(engine) as session, session.begin():
        session.get_one(CatalogueItem, "D-RES-01").most_a_day = Decimal(1)
    return claim(insured, stay)


def test_a_doubtful_claim_is_quoted_with_its_doubts_refused_and_settled_once_a_doctor_answers(
    his: Peer, engine: Engine, doubtful: dict[str, Any]
) -> None:
    quoted = his("POST", "/fhir/Claim/$submit", json=doubtful | {"use": "predetermination"}).json()
    conforms(quoted)
    assert len(quoted["processNote"]) == 1
    refused = his("POST", "/fhir/Claim/$submit", json=doubtful)
    assert refused.status_code == 422
    assert quoted["processNote"][0]["text"] in refused.text
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(FeeLine)) == 0
    settled = his("POST", "/fhir/Claim/$submit", json=doubtful | override())
    assert settled.status_code == 200, settled.text
    with Session(engine) as session:
        (answered,) = session.scalars(select(Doubt)).all()
        assert (answered.overridden_by, answered.override_reason) == (EXPERT, "病情需要")


@pytest.mark.parametrize(
    ("said", "element"),
    [
        ({"reason": None}, "Claim.supportingInfo"),
        ({"practitioner": None}, "Claim.supportingInfo"),
        ({"practitioner": {"valueReference": {"reference": "Patient/1"}}}, "supportingInfo[0].valueReference"),
    ],
)
def test_half_an_override_is_refused_by_its_element(his: Peer, engine: Engine, doubtful: dict[str, Any], said, element):
    refused = his("POST", "/fhir/Claim/$submit", json=doubtful | override(**said))
    assert refused.status_code == 400
    assert element in refused.text
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Settlement)) == 0
