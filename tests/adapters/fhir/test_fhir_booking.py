"""FHIR: people, slots and appointments over HTTP, and every way the door says no."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import fhir
from hub import booking
from hub.booking import Appointment
from hub.exchange import Due
from hub.people import Person
from hub.trust import SCOPES, Audit, Caller
from hub.units import CHINA, Money
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.region import CARDIOLOGY, COUNTY, EXPERT, TERTIARY, a_person, numbered, system

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
    with Session(engine) as session, session.begin():
        return a_person(session).id


@pytest.fixture
def slot_ids(engine: Engine) -> list[int]:
    """Two slots of one place each, tomorrow."""
    tomorrow = datetime.now(CHINA).date() + timedelta(days=1)
    job = Caller(kind="job", id="jobs", at=datetime.now(CHINA))
    with Session(engine) as session, session.begin():
        booking.add_schedule(
            session,
            system(TERTIARY),
            service_id=f"{TERTIARY}-0301-01",
            practitioner_id=EXPERT,
            weekdays="1234567",
            begins=time(9),
            ends=time(10),
            slot_minutes=30,
            capacity=1,
            fee=Money.yuan("28.00"),
            since=date(2026, 1, 1),
        )
        booking.make_slots(session, job, day_from=tomorrow, days=1)
        return list(session.scalars(select(booking.Slot.id).order_by(booking.Slot.start_at)))


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
    with Session(engine) as session, session.begin():
        other = a_person(session, 2).id
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


BAD = {
    "a status that does not exist": ({"status": "martian"}, "code-invalid", "Appointment.status"),
    "a status that is not for new ones": ({"status": "arrived"}, "code-invalid", "Appointment.status"),
    "no participant": ({"participant": []}, "value", "Appointment.participant"),
    "no patient": (
        {"participant": [{"actor": {"reference": "Practitioner/D420500000011"}, "status": "accepted"}]},
        "required",
        "Appointment.participant",
    ),
    "a participant without status": (
        {"participant": [{"actor": {"reference": "Patient/1"}}]},
        "required",
        "Appointment.participant[0].status",
    ),
    "a slot that is a patient": ({"slot": [{"reference": "Patient/1"}]}, "value", "Appointment.slot[0].reference"),
    "a slot elsewhere": (
        {"slot": [{"reference": "https://elsewhere.example/Slot/1"}]},
        "value",
        "Appointment.slot[0].reference",
    ),
    "two slots": ({"slot": [{"reference": "Slot/1"}, {"reference": "Slot/2"}]}, "required", "Appointment.slot"),
    "an unknown element": ({"doctor": "陈"}, "structure", "Appointment"),
    "a day that does not exist": ({"start": "2026-02-30T09:00:00Z"}, "invariant", "Appointment.start"),
    "an instant without a zone": ({"start": "2026-02-20T09:00:00"}, "value", "Appointment.start"),
    "a script in the narrative": (
        {"text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'><script>1</script></div>"}},
        "value",
        "Appointment.text.div",
    ),
    "a modifier we do not know": (
        {"modifierExtension": [{"url": "http://x", "valueBoolean": True}]},
        "not-supported",
        "Appointment.modifierExtension",
    ),
    "an id that is too long": ({"id": "x" * 70}, "value", "Appointment.id"),
    "a text for a number": ({"priority": "1"}, "structure", "Appointment.priority"),
    "another type": ({"resourceType": "Patient"}, "structure", "resourceType"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_resource_that_does_not_conform_is_refused_with_its_element(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int], case: str
) -> None:
    changes, code, expression = BAD[case]
    answer = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id) | changes)
    found = issue(answer)
    assert (found[0], found[1], found[3]) == (400, code, expression)
    conforms(answer.json())
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Appointment)) == 0
        assert session.scalar(select(func.count()).select_from(Due)) == 0


def test_all_that_is_wrong_is_told_at_once(his: Peer) -> None:
    answer = his("POST", "/fhir/Appointment", json={"resourceType": "Appointment", "foo": 1})
    told = [(i["code"], i["expression"][0]) for i in answer.json()["issue"]]
    assert told == [
        ("structure", "Appointment"),
        ("required", "Appointment.participant"),
        ("required", "Appointment.status"),
    ]


def test_the_doors_own_refusals(engine: Engine, his: Peer, slot_ids: list[int]) -> None:
    assert issue(Peer(ROUTES, "och_x")("GET", "/fhir/Slot"))[:2] == (401, "login")
    assert issue(his("GET", "/fhir/Slot", headers={"Authorization": ""}))[:2] == (401, "login")
    typo = his("GET", "/fhir/Slot?stauts=free")
    assert issue(typo) == (400, "code-invalid", "parameter-unknown", "stauts")
    assert "schedule.actor, start, status" in typo.json()["issue"][0]["diagnostics"]
    assert issue(his("GET", "/fhir/Slot?status=vacant"))[3] == "status"
    assert issue(his("GET", "/fhir/Slot?start=tomorrow"))[3] == "start"
    assert issue(his("GET", "/fhir/Slot?_include=Slot:everything"))[3] == "_include"
    assert issue(his("GET", "/fhir/Appointment"))[:2] == (400, "required")
    assert issue(his("GET", "/fhir/Medication/1"))[:3] == (404, "not-supported", "not-offered")
    assert issue(his("GET", "/fhir/Slot/1/_history"))[:2] == (405, "not-supported")
    assert issue(his("DELETE", "/fhir/Slot/1"))[:2] == (405, "not-supported")
    assert issue(his("GET", "/fhir/Appointment/999999"))[:3] == (404, "not-found", "resource-unknown")
    assert issue(his("GET", "/fhir/Appointment/abc"))[0] == 404
    assert issue(his("GET", "/fhir/Slot", headers={"Accept": "application/fhir+xml"}))[:2] == (406, "not-supported")
    assert issue(his("GET", "/fhir/Slot?_format=xml"))[0] == 406
    assert issue(his("POST", "/fhir/Patient", content="{}", headers={"Content-Type": "application/xml"}))[0] == 415
    assert issue(his("POST", "/fhir/Patient", content=b'{"resourceType": '))[:2] == (400, "structure")
    assert issue(his("POST", "/fhir/Patient", content=b"[]"))[0] == 400
    wrong_check = PATIENT | {"identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": NUMBER[:-1] + "5"}]}
    assert issue(his("POST", "/fhir/Patient", json=wrong_check))[3] == "Patient.identifier[0].value"
    unknown_system = PATIENT | {"identifier": [{"system": "urn:passport", "value": "1"}]}
    assert issue(his("POST", "/fhir/Patient", json=unknown_system))[1:4:2] == (
        "code-invalid",
        "Patient.identifier[0].system",
    )
    reader = Peer(ROUTES, token_for(engine, COUNTY, SCOPES - {"people.write"}), FHIR_JSON)
    assert issue(reader("POST", "/fhir/Patient", json=PATIENT))[:3] == (403, "forbidden", "not-allowed")


def test_a_stranger_cannot_read_a_patient_or_an_appointment(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    row = his("POST", "/fhir/Appointment", json=wish(slot_ids[0], person_id)).json()
    stranger = Peer(ROUTES, token_for(engine, COUNTY), FHIR_JSON)
    for path in (f"/fhir/Appointment/{row['id']}", f"/fhir/Patient/{person_id}"):
        assert his("GET", path).status_code == 200
        assert issue(stranger("GET", path))[:2] == (404, "not-found")
