"""FHIR: every version of a referral, the plan a patient is sent back with, taking it back, and what may be asked."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hub import journeys, referrals
from tests.adapters.api.wire import Peer
from tests.adapters.fhir.test_fhir_booking import conforms, issue
from tests.adapters.fhir.test_fhir_referral import receiver, referral_bundle, sender, slot_id
from tests.hub.test_referrals import PLAN
from tests.region import COMMUNITY, TERTIARY, a_person, system

__all__ = ["receiver", "sender", "slot_id"]


@pytest.fixture
def referred(sender: Peer, slot_id: int) -> dict[str, Any]:
    """The ServiceRequest of a referral with its place."""
    bundle = sender("POST", "/fhir", json=referral_bundle(slot_id)).json()
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "ServiceRequest")


def test_every_version_can_be_read_and_the_newest_is_what_stands(
    engine: Engine, sender: Peer, receiver: Peer, referred: dict[str, Any]
) -> None:
    number = int(referred["id"])
    with Session(engine) as session, session.begin():
        referrals.request_info(session, system(TERTIARY), referral_id=number, question="请补心电图")
        referrals.answer_info(session, system(COMMUNITY), referral_id=number, answer="已补")
        journeys.reject(session, system(TERTIARY), referral_id=number, reason="床位已满")
    for kind, statuses in (
        ("Task", ["rejected", "received", "on-hold", "requested", "draft", "draft"]),
        ("ServiceRequest", ["active", "active", "on-hold", "active", "draft", "draft"]),
    ):
        bundle = receiver("GET", f"/fhir/{kind}/{number}/_history").json()
        conforms(bundle)
        versions = [entry["resource"] for entry in bundle["entry"]]
        assert [one["status"] for one in versions] == statuses
        assert [one["meta"]["versionId"] for one in versions] == ["6", "5", "4", "3", "2", "1"]
        assert [entry["request"]["method"] for entry in bundle["entry"]] == ["PUT"] * 5 + ["POST"]
        assert versions[0] == sender("GET", f"/fhir/{kind}/{number}").json()
        for one in versions:
            conforms(one)
            read = sender("GET", f"/fhir/{kind}/{number}/_history/{one['meta']['versionId']}")
            assert read.json() == one
            assert read.headers["etag"] == f'W/"{one["meta"]["versionId"]}"'
        assert sender("GET", f"/fhir/{kind}/{number}/_history/7").status_code == 404
    tasks = [entry["resource"] for entry in receiver("GET", f"/fhir/Task/{number}/_history").json()["entry"]]
    assert ["output" in one for one in tasks] == [False, True, True, True, True, False]
    assert [one.get("statusReason", {}).get("text") for one in tasks[:3]] == ["床位已满", None, "请补心电图"]


def test_a_strangers_history_is_not_there(engine: Engine, referred: dict[str, Any]) -> None:
    from adapters import fhir
    from tests.adapters.api.wire import app_with, token_for
    from tests.adapters.fhir.test_fhir_booking import FHIR_JSON
    from tests.region import COUNTY

    stranger = Peer(app_with(fhir.router), token_for(engine, COUNTY), FHIR_JSON)
    for path in (f"Task/{referred['id']}/_history", f"ServiceRequest/{referred['id']}/_history/1"):
        assert stranger("GET", f"/fhir/{path}").status_code == 404


def test_the_sender_takes_it_back_at_the_version_it_has_seen(
    engine: Engine, sender: Peer, receiver: Peer, referred: dict[str, Any]
) -> None:
    address = f"/fhir/ServiceRequest/{referred['id']}"
    revoked = referred | {"status": "revoked", "note": [*referred["note"], {"text": "病情好转"}]}
    old = sender("PUT", address, json=revoked, headers={"If-Match": 'W/"1"'})
    assert old.status_code == 412
    silent = sender("PUT", address, json=referred | {"status": "revoked"})
    assert (silent.status_code, sender("GET", address).json()["status"]) == (400, "active")
    assert receiver("PUT", address, json=revoked).status_code == 403
    done = sender("PUT", address, json=revoked, headers={"If-Match": f'W/"{referred["meta"]["versionId"]}"'})
    assert (done.status_code, done.json()["status"]) == (200, "revoked")
    again = sender("PUT", address, json=revoked)
    assert (again.status_code, again.json()) == (200, done.json())
    with Session(engine) as session:
        row = session.get_one(referrals.Referral, int(referred["id"]))
        assert (row.state, row.slot_leg) == ("recalled", "none")
    refused = sender("PUT", address, json=referred | {"status": "completed"})
    assert refused.status_code in (400, 422, 501)
    assert issue(refused)


def test_a_patient_sent_down_has_a_care_plan(engine: Engine, sender: Peer, receiver: Peer) -> None:
    with Session(engine) as session, session.begin():
        facts = referrals.ReferralFacts(
            person_id=a_person(session).id,
            sender_id=TERTIARY,
            receiver_id=COMMUNITY,
            reason="稳定，回社区康复",
            diagnoses=({"code": "I20.0", "name": "不稳定型心绞痛"},),
            care_plan=PLAN | {"follow_up": ["每周量血压"], "next_visit": "2026-12-20"},  # type: ignore[typeddict-item]
        )
        row = journeys.refer(session, system(TERTIARY), facts=facts)
        number, person_id = row.id, row.person_id
    plan = sender("GET", f"/fhir/CarePlan/{number}").json()
    conforms(plan)
    assert (plan["status"], plan["description"]) == ("active", "康复")
    said = [
        (a["detail"]["kind"], a["detail"].get("description") or a["detail"]["scheduledString"])
        for a in plan["activity"]
    ]
    assert said == [("MedicationRequest", "阿司匹林"), ("Task", "每周量血压"), ("Appointment", "2026-12-20")]
    assert plan["note"] == [{"text": "胸痛"}]
    request = sender("GET", f"/fhir/ServiceRequest/{number}").json()
    assert request["supportingInfo"] == [{"reference": f"CarePlan/{number}"}]
    found = sender("GET", f"/fhir/CarePlan?patient={person_id}&status=active").json()
    assert [entry["resource"] for entry in found["entry"]] == [plan]
    assert sender("GET", "/fhir/CarePlan?category=x").status_code == 400


def test_a_referral_without_a_plan_has_none(sender: Peer, referred: dict[str, Any]) -> None:
    assert sender("GET", f"/fhir/CarePlan/{referred['id']}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ServiceRequest?priority=urgent", 1),
        ("ServiceRequest?priority=routine", 0),
        (f"ServiceRequest?requester=Organization/{COMMUNITY}&performer=Organization/{TERTIARY}", 1),
        (f"ServiceRequest?performer=Organization/{COMMUNITY}", 0),
        ("ServiceRequest?requisition={id}", 1),
        ("ServiceRequest?requisition=999999", 0),
        ("Task?business-status=sent,received", 1),
        ("Task?business-status=arrived", 0),
        (f"Task?owner=Organization/{TERTIARY}&priority=urgent", 1),
    ],
)
def test_a_search_narrows(sender: Peer, referred: dict[str, Any], asked: str, found: int) -> None:
    answer = sender("GET", f"/fhir/{asked.format(id=referred['id'])}")
    assert (answer.status_code, answer.json()["total"]) == (200, found)


@pytest.mark.parametrize(
    "asked",
    ["Task?buisness-status=sent", "Task?business-status=gone", "ServiceRequest?owner=x", "Task/1/_history?_sort=x"],
)
def test_what_cannot_be_asked_is_refused_by_name(sender: Peer, referred: dict[str, Any], asked: str) -> None:
    answer = sender("GET", f"/fhir/{asked.replace('Task/1', 'Task/' + referred['id'])}")
    assert answer.status_code == 400
    named = asked.partition("?")[2].partition("=")[0]
    assert named in str(answer.json())
