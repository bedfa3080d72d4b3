"""FHIR: a referral with its place in one transaction, its Task, and the results that come back."""

from datetime import datetime, time
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import fhir
from hub import booking, records
from hub.booking import Appointment
from hub.exchange import Due
from hub.people import Person
from hub.records import Author, ObservationFacts, Order
from hub.referrals import Referral
from hub.units import CHINA
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.adapters.fhir.test_fhir_booking import FHIR_JSON, PATIENT, conforms, issue
from tests.region import CARDIOLOGY, COMMUNITY, COMMUNITY_DOCTOR, COUNTY, EXPERT, TERTIARY, system

ROUTES = app_with(fhir.router)
PERSON, REQUEST, PLACE, WORK = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in range(1, 5))


@pytest.fixture
def sender(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, COMMUNITY), FHIR_JSON)


@pytest.fixture
def receiver(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY), FHIR_JSON)


@pytest.fixture
def slot_id(engine: Engine) -> int:
    """One place kept for referrals, tomorrow."""
    (only,) = slots_in(engine, pool="referral", ends=time(9, 30))
    return only


def service_request(subject: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"value": "ZZ-9"}],
        "status": "active",
        "intent": "order",
        "priority": "urgent",
        "subject": {"reference": subject},
        "requester": {"reference": f"Practitioner/{COMMUNITY_DOCTOR}"},
        "performer": [{"reference": f"Organization/{TERTIARY}"}],
        "locationReference": [{"reference": f"Location/{CARDIOLOGY}"}],
        "reasonCode": [
            {"text": "本院无冠脉造影条件"},
            {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I20.9", "display": "心绞痛"}]},
        ],
        "note": [{"text": "反复胸痛三天"}],
    } | changes


def entry(full_url: str, url: str, resource: dict[str, Any], **request: Any) -> dict[str, Any]:
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": url} | request}


def referral_bundle(slot_id: int, **place: Any) -> dict[str, Any]:
    """Patient, referral, Task and place, deliberately not in the order in which they depend on one another."""
    appointment = {
        "resourceType": "Appointment",
        "status": "booked",
        "basedOn": [{"reference": REQUEST}],
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "participant": [{"actor": {"reference": PERSON}, "status": "accepted"}],
    } | place
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "focus": {"reference": REQUEST},
        "for": {"reference": PERSON},
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry(WORK, "Task", task),
            entry(PLACE, "Appointment", appointment),
            entry(REQUEST, "ServiceRequest", service_request(PERSON)),
            entry(PERSON, "Patient", dict(PATIENT), ifNoneExist=f"identifier=urn:onecard:mrn:{TERTIARY}|M-1"),
        ],
    }


def counts(engine: Engine) -> list[int | None]:
    with Session(engine) as session:
        tables = (Person, Referral, Appointment, Due)
        return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def test_a_referral_with_its_place_is_one_call(engine: Engine, sender: Peer, slot_id: int) -> None:
    answer = sender("POST", "/fhir", json=referral_bundle(slot_id))
    assert answer.status_code == 200
    bundle = answer.json()
    conforms(bundle)
    task, appointment, request, patient = (e["resource"] for e in bundle["entry"])
    assert [e["response"]["status"] for e in bundle["entry"]] == ["201 Created"] * 4
    assert task["focus"]["reference"] == f"ServiceRequest/{request['id']}"
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("requested", "sent")
    assert task["output"][0]["valueReference"]["reference"] == f"Appointment/{appointment['id']}"
    assert appointment["basedOn"] == [{"reference": f"ServiceRequest/{request['id']}"}]
    assert request["subject"]["reference"] == f"Patient/{patient['id']}"
    for resource in (task, appointment, request, patient):
        conforms(resource)
        assert sender("GET", f"/fhir/{resource['resourceType']}/{resource['id']}").json() == resource
    again = sender("POST", "/fhir", json=referral_bundle(slot_id))
    assert [e["response"]["status"] for e in again.json()["entry"]] == ["200 OK"] * 4
    assert [e["resource"]["id"] for e in again.json()["entry"]] == [e["resource"]["id"] for e in bundle["entry"]]
    assert counts(engine)[:3] == [1, 1, 1]


def test_when_the_place_is_gone_nothing_of_the_bundle_stays(engine: Engine, sender: Peer, slot_id: int) -> None:
    with Session(engine) as session, session.begin():
        booking.block(session, system(TERTIARY), slot_id=slot_id)
    refused = sender("POST", "/fhir", json=referral_bundle(slot_id))
    assert issue(refused)[:3] == (409, "conflict", "slot-blocked")
    assert counts(engine) == [0, 0, 0, 0]


def referred(sender: Peer, engine: Engine) -> dict[str, Any]:
    person_id = person_in(engine)
    answer = sender("POST", "/fhir/ServiceRequest", json=service_request(f"Patient/{person_id}"))
    assert answer.status_code == 201
    return answer.json()


def step(peer: Peer, task: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = peer("PUT", f"/fhir/Task/{task['id']}", json=task | changes)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_receiver_works_on_the_task_until_the_letter(engine: Engine, sender: Peer, receiver: Peer) -> None:
    request = referred(sender, engine)
    waiting = receiver("GET", f"/fhir/Task?owner=Organization/{TERTIARY}&status=requested").json()
    conforms(waiting)
    (found,) = waiting["entry"]
    task = found["resource"]
    assert task["focus"]["reference"] == f"ServiceRequest/{request['id']}"
    task = step(receiver, task, status="received")
    task = step(receiver, task, status="on-hold", statusReason={"text": "请补充心电图"})
    assert task["statusReason"] == {"text": "请补充心电图"}
    task = step(sender, task, status="received", statusReason={"text": "已上传"})
    task = step(receiver, task, status="accepted")
    assert task["businessStatus"]["coding"][0]["code"] == "accepted"
    arrived = {"coding": [{"system": "urn:onecard:referral-state", "code": "arrived"}]}
    task = step(receiver, task, status="in-progress", businessStatus=arrived)
    unsigned = receiver("PUT", f"/fhir/Task/{task['id']}", json=task | {"status": "completed"})
    assert issue(unsigned)[:2] == (400, "required")
    note = [{"text": "支架术后平稳", "authorReference": {"reference": f"Practitioner/{EXPERT}"}}]
    task = step(receiver, task, status="completed", note=note)
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("completed", "completed")
    assert sender("GET", f"/fhir/ServiceRequest/{request['id']}").json()["status"] == "completed"
    conforms(task)


def test_a_step_that_is_not_possible_changes_nothing(engine: Engine, sender: Peer, receiver: Peer) -> None:
    request = referred(sender, engine)
    path = f"/fhir/Task/{request['id']}"
    task = receiver("GET", path).json()
    assert issue(sender("PUT", path, json=task | {"status": "accepted"}))[:3] == (403, "forbidden", "not-your-move")
    assert issue(receiver("PUT", path, json=task | {"status": "rejected"}))[:2] == (400, "required")
    assert issue(receiver("PUT", path, json=task | {"status": "failed"}))[:2] == (422, "not-supported")
    stale = receiver("PUT", path, json=task | {"status": "received"}, headers={"If-Match": 'W/"99"'})
    assert issue(stale)[:3] == (412, "conflict", "version-old")
    stranger = Peer(ROUTES, token_for(engine, COUNTY), FHIR_JSON)
    assert issue(stranger("GET", path))[0] == 404
    assert issue(stranger("PUT", path, json=task | {"status": "accepted"}))[0] == 404
    assert receiver("GET", path).json() == task


def test_a_recalled_referral_is_revoked_for_both(engine: Engine, sender: Peer, receiver: Peer) -> None:
    request = referred(sender, engine)
    task = sender("GET", f"/fhir/Task/{request['id']}").json()
    task = step(sender, task, status="cancelled", statusReason={"text": "病人改去外地"})
    assert receiver("GET", f"/fhir/ServiceRequest/{request['id']}").json()["status"] == "revoked"
    patient = request["subject"]["reference"]
    found = receiver("GET", f"/fhir/ServiceRequest?patient={patient}&status=revoked").json()
    assert [e["resource"]["id"] for e in found["entry"]] == [request["id"]]
    assert receiver("GET", "/fhir/ServiceRequest?status=active").json()["total"] == 0
    assert sender("GET", "/fhir/ServiceRequest?identifier=ZZ-9").json()["total"] == 1


def test_a_place_can_be_booked_later_for_a_referral(engine: Engine, sender: Peer, slot_id: int) -> None:
    request = referred(sender, engine)
    body = {
        "resourceType": "Appointment",
        "status": "booked",
        "basedOn": [{"reference": f"ServiceRequest/{request['id']}"}],
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "participant": [{"actor": {"reference": request["subject"]["reference"]}, "status": "accepted"}],
    }
    assert sender("POST", "/fhir/Appointment", json=body).status_code == 201
    again = sender("POST", "/fhir/Appointment", json=body)
    assert issue(again)[:3] == (409, "conflict", "already-has-place")
    task = sender("GET", f"/fhir/Task/{request['id']}").json()
    assert task["output"][0]["type"]["text"] == "appointment"


def test_results_keep_their_digits_and_are_hidden_from_strangers(engine: Engine, sender: Peer, receiver: Peer) -> None:
    request = referred(sender, engine)
    person_id = int(request["subject"]["reference"].partition("/")[2])
    step(receiver, receiver("GET", f"/fhir/Task/{request['id']}").json(), status="accepted")
    with Session(engine) as session, session.begin():
        records.publish(
            session,
            system(TERTIARY, at=datetime.now(CHINA)),
            organisation_id=TERTIARY,
            person_id=person_id,
            visit_id=None,
            order=Order(code="TNT", name="肌钙蛋白"),
            observations=[
                ObservationFacts(
                    code="TNT", name="肌钙蛋白T", value="0.0100", unit="ng/mL", range="<0.014", abnormal="N"
                ),
                ObservationFacts(code="ABO", name="血型", value="AB 型", unit="", range="", abnormal=""),
            ],
            text="未见异常",
            issued_at=datetime(2026, 11, 22, 10, tzinfo=CHINA),
            author=Author(id=EXPERT, name="陈示范"),
            filler_number="L-1",
        )
    found = sender("GET", f"/fhir/DiagnosticReport?patient=Patient/{person_id}&_include=DiagnosticReport:result")
    assert b'"value":0.0100' in found.content
    bundle = found.json()
    conforms(bundle)
    report, number, words = (e["resource"] for e in bundle["entry"])
    assert (bundle["total"], report["conclusion"], words["valueString"]) == (1, "未见异常", "AB 型")
    assert number["referenceRange"] == [{"text": "<0.014"}]
    for resource in (report, number, words):
        conforms(resource)
        assert sender("GET", f"/fhir/{resource['resourceType']}/{resource['id']}").json() == resource
    only = sender("GET", f"/fhir/Observation?patient=Patient/{person_id}&code=ABO").json()
    assert [e["resource"]["id"] for e in only["entry"]] == [words["id"]]
    stranger = Peer(ROUTES, token_for(engine, COUNTY), FHIR_JSON)
    for path in (
        f"DiagnosticReport/{report['id']}",
        f"Observation/{number['id']}",
        "Observation/1-99",
        "Observation/x",
    ):
        assert issue(stranger("GET", f"/fhir/{path}"))[0] == 404
