"""FHIR: people, slots and appointments over HTTP, and every way the door says no."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import fhir
from hub.booking import Appointment
from hub.people import Person
from hub.trust import Audit
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import CARDIOLOGY, COUNTY, EXPERT, TERTIARY, numbered

ROUTES = app_with(fhir.router)
FHIR_JSON = {"Content-Type": "application/fhir+json"}
NUMBER = numbered("42050019700101001")
PATIENT = {
    "resourceType": "Patient",
    "identifier": [
        {"system": "urn:oid:2.16.156.10011.1.3", "value": NUMBER},
        {"system": f"urn:onecard:mrn:{TERTIARY}", "value": "M-1"},
    ],
    "name": [{"use": "official", "text": "王示例"}],
    "gender": "male",
    "birthDate": "1970-01-01",
    "telecom": [{"system": "phone", "value": "19900000009"}],
}


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY), FHIR_JSON)


@pytest.fixture
def person_id(engine: Engine) -> int:
    return person_in(engine)


@pytest.fixture
def slot_ids(engine: Engine) -> list[int]:
    return slots_in(engine)


def wish(slot_id: int, person_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot_id}"}],
        "participant": [{"actor": {"reference": f"Patient/{person_id}"}, "status": "accepted"}],
        "reasonCode": [{"text": "胸闷"}],
    } | changes


def issue(answer: Any) -> tuple[int, str, str, str | None]:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    assert answer.headers["content-type"].startswith("application/fhir+json")
    first = body["issue"][0]
    return (
        answer.status_code,
        first["code"],
        first["details"]["coding"][0]["code"],
        first.get("expression", [None])[0],
    )


def conforms(resource: dict[str, Any]) -> None:
    """Every resource we send passes the models of R4B."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_capability_statement_says_what_is_there_and_needs_no_token(engine: Engine) -> None:
    answer = Peer(ROUTES, "")("GET", "/fhir/metadata", headers={"Authorization": ""})
    statement = answer.json()
    conforms(statement)
    assert statement["fhirVersion"] == "4.0.1"
    offered = {r["type"]: {i["code"] for i in r["interaction"]} for r in statement["rest"][0]["resource"]}
    assert offered["Appointment"] == {"read", "search-type", "create", "update"}
    assert offered["Slot"] == {"read", "search-type"}


def test_a_patient_is_created_once_and_found_by_any_number(his: Peer) -> None:
    first = his("POST", "/fhir/Patient", json=PATIENT)
    assert first.status_code == 201
    row = first.json()
    conforms(row)
    assert first.headers["location"].endswith(f"/fhir/Patient/{row['id']}")
    again = his("POST", "/fhir/Patient", json=PATIENT)
    assert (again.status_code, again.json()["id"]) == (200, row["id"])
    for identifier in row["identifier"]:
        found = his(
            "GET", "/fhir/Patient", params={"identifier": f"{identifier['system']}|{identifier['value']}"}
        ).json()
        conforms(found)
        assert [entry["resource"]["id"] for entry in found["entry"]] == [row["id"]]
    form = f"identifier=urn:oid:2.16.156.10011.1.3|{NUMBER}"
    hidden = his(
        "POST", "/fhir/Patient/_search", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert hidden.json()["total"] == 1
    nobody = his("GET", "/fhir/Patient", params={"identifier": "urn:onecard:card|1"}).json()
    assert (nobody["total"], "entry" in nobody) == (0, False)


def test_if_none_exist_answers_whom_it_names(engine: Engine, his: Peer) -> None:
    row = his("POST", "/fhir/Patient", json=PATIENT).json()
    condition = {"If-None-Exist": f"identifier=urn:onecard:mrn:{TERTIARY}|M-1"}
    other = PATIENT | {"identifier": [{"system": f"urn:onecard:mrn:{TERTIARY}", "value": "M-2"}]}
    answer = his("POST", "/fhir/Patient", json=other, headers=condition)
    assert (answer.status_code, answer.json()["id"]) == (200, row["id"])
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 1


def test_slots_are_searched_and_a_full_one_is_busy(his: Peer, person_id: int, slot_ids: list[int]) -> None:
    his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id))
    found = his("GET", f"/fhir/Slot?schedule.actor=Location/{CARDIOLOGY}&_include=Slot:schedule").json()
    conforms(found)
    resources = [entry["resource"] for entry in found["entry"]]
    for resource in resources:
        conforms(resource)
    assert [(r["resourceType"], r.get("status")) for r in resources] == [
        ("Slot", "busy"),
        ("Slot", "free"),
        ("Schedule", None),
    ]
    assert found["total"] == 2
    free = his("GET", "/fhir/Slot?status=free").json()
    assert [entry["resource"]["id"] for entry in free["entry"]] == [str(slot_ids[1])]
    start = resources[1]["start"]
    assert his("GET", "/fhir/Slot", params={"start": f"lt{start}"}).json()["total"] == 1
    assert his("GET", "/fhir/Slot", params={"start": f"ge{start}"}).json()["total"] == 1
    schedule = resources[2]
    assert his("GET", f"/fhir/Schedule/{schedule['id']}").json() == schedule
    assert his("GET", f"/fhir/Schedule?actor=Practitioner/{EXPERT}").json()["total"] == 1
    assert his("GET", f"/fhir/Slot?schedule=Schedule/{schedule['id']}").json()["total"] == 2


def test_everything_an_appointment_refers_to_can_be_read(his: Peer, person_id: int, slot_ids: list[int]) -> None:
    row = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id)).json()
    pointed = [p["actor"]["reference"] for p in row["participant"]] + [row["slot"][0]["reference"]]
    assert len(pointed) == 5
    for reference in pointed:
        resource = his("GET", f"/fhir/{reference}").json()
        conforms(resource)
        assert f"{resource['resourceType']}/{resource['id']}" == reference


def test_an_appointment_is_booked_moved_and_cancelled(his: Peer, person_id: int, slot_ids: list[int]) -> None:
    booked = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id))
    row = booked.json()
    conforms(row)
    assert (booked.status_code, booked.headers["etag"], row["status"]) == (201, 'W/"1"', "booked")
    assert row["reasonCode"] == [{"text": "胸闷"}]
    path = f"/fhir/Appointment/{row['id']}"
    moved = his("PUT", path, json=row | {"slot": [{"reference": f"Slot/{slot_ids[1]}"}]}, headers={"If-Match": 'W/"1"'})
    assert (moved.status_code, moved.headers["etag"]) == (200, 'W/"2"')
    assert moved.json()["slot"] == [{"reference": f"Slot/{slot_ids[1]}"}]
    assert his("GET", path).json() == moved.json()
    stale = his("PUT", path, json=row | {"status": "cancelled"}, headers={"If-Match": 'W/"1"'})
    assert issue(stale)[:3] == (412, "conflict", "version-old")
    same = his("PUT", path, json=moved.json())
    assert (same.status_code, same.headers["etag"]) == (200, 'W/"2"')
    gone = his("PUT", path, json=moved.json() | {"status": "cancelled", "cancelationReason": {"text": "有事"}})
    assert (gone.json()["status"], gone.json()["cancelationReason"]) == ("cancelled", {"text": "有事"})
    conforms(gone.json())
    again = his("PUT", path, json=gone.json() | {"status": "arrived"})
    assert issue(again)[:3] == (409, "conflict", "illegal-move")
    found = his("GET", f"/fhir/Appointment?patient=Patient/{person_id}&status=cancelled").json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [row["id"]]
    day = gone.json()["start"][:10]
    assert his("GET", f"/fhir/Appointment?date={day}").json()["total"] == 1
    assert his("GET", f"/fhir/Appointment?date={day}&status=booked").json()["total"] == 0


def test_prefer_minimal_sends_no_body(his: Peer, person_id: int, slot_ids: list[int]) -> None:
    answer = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id), headers={"Prefer": "return=minimal"})
    assert (answer.status_code, answer.content) == (201, b"")
    assert "/fhir/Appointment/" in answer.headers["location"]


def test_a_refused_booking_says_why_in_fhir_and_writes_nothing(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    other = person_in(engine, 2)
    his("POST", "/fhir/Appointment", json=wish(slot_ids[0], other))
    refused = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id))
    assert issue(refused) == (409, "conflict", "slot-taken", None)
    conforms(refused.json())
    assert "已约满" in refused.json()["issue"][0]["details"]["text"]
    unknown = his("POST", "/fhir/Appointment", json=wish(999_999, person_id))
    assert issue(unknown)[:3] == (422, "not-found", "slot-unknown")
    nobody = his("POST", "/fhir/Appointment", json=wish(slot_ids[1], 999_999))
    assert issue(nobody)[:3] == (422, "not-found", "person-unknown")
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Appointment)) == 1
        outcomes = session.scalars(select(Audit.outcome).order_by(Audit.id)).all()
    assert outcomes == ["ok", "slot-taken", "slot-unknown", "person-unknown"]


def test_a_stranger_cannot_read_a_patient_or_an_appointment(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    row = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id)).json()
    stranger = Peer(ROUTES, token_for(engine, COUNTY), FHIR_JSON)
    for path in (f"/fhir/Appointment/{row['id']}", f"/fhir/Patient/{person_id}"):
        assert his("GET", path).status_code == 200
        assert issue(stranger("GET", path))[:2] == (404, "not-found")
