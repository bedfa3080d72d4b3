"""The JSON API over HTTP: booking from search to cancellation, and every way it says no."""

import json
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api
from hub import booking
from hub.booking import Appointment
from hub.exchange import Due
from hub.trust import SCOPES, Audit, Caller
from hub.units import CHINA, Money
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.region import CARDIOLOGY, COUNTY, EXPERT, TERTIARY, a_person, numbered, system

ROUTES = app_with(api.router)


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


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


def rows(engine: Engine, table: type) -> int | None:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def test_a_slot_is_found_held_booked_moved_and_cancelled(his: Peer, person_id: int, slot_ids: list[int]) -> None:
    found = his("GET", f"/api/v1/slots?department_id={CARDIOLOGY}&free=true").json()
    assert [s["slot_id"] for s in found["slots"]] == slot_ids
    assert (found["slots"][0]["fee"], found["slots"][0]["available"]) == ("28.00", 1)
    assert found["slots"][0]["practitioner"] == {"id": EXPERT, "name": "陈示范"}
    held = his("POST", "/api/v1/holds", json={"slot_id": slot_ids[0], "person_id": person_id})
    assert held.status_code == 201
    assert datetime.fromisoformat(held.json()["expires_at"]).utcoffset() == timedelta(hours=8)
    booked = his(
        "POST", "/api/v1/appointments", json={"slot_id": slot_ids[0], "person_id": person_id, "reason": "胸闷"}
    )
    assert booked.status_code == 201
    row = booked.json()
    assert (row["state"], row["queue_number"], row["reason"]) == ("booked", 1, "胸闷")
    path = f"/api/v1/appointments/{row['appointment_id']}"
    moved = his("POST", f"{path}/reschedule", json={"slot_id": slot_ids[1]}).json()
    assert (moved["appointment_id"], moved["slot_id"], moved["version"]) == (row["appointment_id"], slot_ids[1], 2)
    assert his("GET", path).json() == moved
    assert his("GET", f"/api/v1/appointments?person_id={person_id}").json() == [moved]
    day = moved["start"][:10]
    assert his("GET", f"/api/v1/appointments?day={day}").json() == [moved]
    gone = his("POST", f"{path}/cancel", json={"reason": "有事"}).json()
    assert (gone["state"], gone["cancel_reason"]) == ("cancelled", "有事")
    again = his("POST", f"{path}/cancel", json={"reason": "有事"})
    assert (again.status_code, again.json()["code"]) == (409, "illegal-move")


def test_every_call_leaves_one_audit_row_also_a_refused_one(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    his("POST", "/api/v1/appointments", json={"slot_id": slot_ids[0], "person_id": person_id})
    his("POST", "/api/v1/appointments", json={"slot_id": slot_ids[0], "person_id": person_id})
    with Session(engine) as session:
        audit = session.execute(select(Audit.verb, Audit.outcome, Audit.person_id, Audit.door).order_by(Audit.id)).all()
    assert [tuple(row) for row in audit] == [
        ("booking.book", "ok", person_id, "api"),
        ("booking.book", "already-booked", person_id, "api"),
    ]


def test_a_full_slot_is_a_problem_in_two_languages_with_its_trace(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    with Session(engine) as session, session.begin():
        other = a_person(session, 2).id
    his("POST", "/api/v1/appointments", json={"slot_id": slot_ids[0], "person_id": other})
    answer = his(
        "POST",
        "/api/v1/appointments",
        json={"slot_id": slot_ids[0], "person_id": person_id},
        headers={"X-Request-Id": "trace-7"},
    )
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["kind"], problem["status"], problem["trace"]) == (
        "slot-taken",
        "conflict",
        409,
        "trace-7",
    )
    assert "已约满" in problem["detail"]
    assert "is full" in problem["detail_en"]
    assert rows(engine, Appointment) == 1


BAD_BODIES = {
    "not JSON": (b'{"slot_id": 1,', "body-unreadable", "body"),
    "a stray byte": (b'{"slot_id": 1 "person_id": 2}', "body-unreadable", "byte 14"),
    "not UTF-8": (b'{"slot_id": 1, "person_id": 2, "reason": "\xff"}', "body-unreadable", None),
    "empty": (b"", "body-unreadable", "body"),
    "not an object": (b"[]", "invalid", "body"),
    "a missing member": (b'{"slot_id": 1}', "missing", "person_id"),
    "a text for a number": (b'{"slot_id": "1", "person_id": 2}', "invalid", "slot_id"),
    "a fraction for an id": (b'{"slot_id": 1.5, "person_id": 2}', "invalid", "slot_id"),
    "an unknown member": (b'{"slot_id": 1, "person_id": 2, "slto": 3}', "invalid", "slto"),
    "an unknown channel": (b'{"slot_id": 1, "person_id": 2, "channel": "fax"}', "invalid", "channel"),
    "a character no text may hold": (
        b'{"slot_id": 1, "person_id": 2, "reason": "a\\u0000"}',
        "body-unreadable",
        "byte 43",
    ),
    "half a character": (b'{"slot_id": 1, "person_id": 2, "reason": "\\ud800"}', "body-unreadable", None),
    "a number too large": (b'{"slot_id": 99999999999999999999999, "person_id": 2}', "invalid", "slot_id"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_answered_with_its_place_and_writes_nothing(
    engine: Engine, his: Peer, slot_ids: list[int], case: str
) -> None:
    body, code, element = BAD_BODIES[case]
    answer = his("POST", "/api/v1/appointments", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, code)
    assert element is None or problem["element"] == element
    assert "{" not in problem["detail"]
    assert (rows(engine, Appointment), rows(engine, Due)) == (0, 0)


def test_the_doors_own_refusals(engine: Engine, his: Peer, person_id: int, slot_ids: list[int]) -> None:
    body = {"slot_id": slot_ids[0], "person_id": person_id}
    stranger = Peer(ROUTES, "och_nobody")
    assert stranger("GET", "/api/v1/me").status_code == 401
    assert his("GET", "/api/v1/me", headers={"Authorization": ""}).json()["code"] == "token-missing"
    assert his("GET", "/api/v1/slots?departmnt_id=x").json()["element"] == "departmnt_id"
    assert his("GET", "/api/v1/slots?from=tomorrow").json()["element"] == "from"
    wrong_type = his("POST", "/api/v1/appointments", content=json.dumps(body), headers={"Content-Type": "text/plain"})
    assert (wrong_type.status_code, wrong_type.json()["element"]) == (415, "Content-Type")
    assert his("GET", "/api/v1/appointments/999999").status_code == 404
    assert his("POST", "/api/v1/appointments", json={"slot_id": 999999, "person_id": person_id}).status_code == 422
    assert his("POST", "/api/v1/appointments", json={"slot_id": slot_ids[0], "person_id": 999999}).status_code == 422
    assert his("GET", "/api/v1/appointments").json()["code"] == "missing"
    reader = Peer(ROUTES, token_for(engine, COUNTY, SCOPES - {"booking.write"}))
    refused = reader("POST", "/api/v1/appointments", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")


def test_a_body_over_the_limit_is_refused_before_it_is_read(engine: Engine) -> None:
    peer = Peer(app_with(api.router, limit_bytes=1000), token_for(engine, TERTIARY))
    answer = peer("POST", "/api/v1/appointments", json={"reason": "x" * 2000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_the_same_key_and_body_is_answered_again_and_done_once(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    body = {"slot_id": slot_ids[0], "person_id": person_id}
    first = his("POST", "/api/v1/appointments", json=body, headers={"Idempotency-Key": "k1"})
    second = his("POST", "/api/v1/appointments", json=body, headers={"Idempotency-Key": "k1"})
    assert (second.status_code, second.content, second.headers["idempotent-replay"]) == (201, first.content, "true")
    assert "idempotent-replay" not in first.headers
    assert rows(engine, Appointment) == 1


def test_the_same_key_with_another_body_is_refused_and_the_first_answer_stands(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    body = {"slot_id": slot_ids[0], "person_id": person_id}
    first = his("POST", "/api/v1/appointments", json=body, headers={"Idempotency-Key": "k1"})
    other = his("POST", "/api/v1/appointments", json=body | {"slot_id": slot_ids[1]}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (409, "key-reused")
    again = his("POST", "/api/v1/appointments", json=body, headers={"Idempotency-Key": "k1"})
    assert again.content == first.content


def test_a_refused_request_may_be_sent_again_under_its_key(
    engine: Engine, his: Peer, person_id: int, slot_ids: list[int]
) -> None:
    body = {"slot_id": slot_ids[0], "person_id": person_id}
    with Session(engine) as session, session.begin():
        booking.block(session, system(TERTIARY), slot_id=slot_ids[0])
    assert his("POST", "/api/v1/appointments", json=body, headers={"Idempotency-Key": "k2"}).status_code == 409
    with Session(engine) as session, session.begin():
        booking.unblock(session, system(TERTIARY), slot_id=slot_ids[0])
    assert his("POST", "/api/v1/appointments", json=body, headers={"Idempotency-Key": "k2"}).status_code == 201


def test_a_person_is_registered_once_and_found_by_their_numbers(his: Peer) -> None:
    number = numbered("42050019700101001")
    body = {
        "name": "王示例",
        "gender": "M",
        "birth_date": "1970-01-01",
        "identifiers": [{"system": "certno/01", "value": number}, {"system": f"mrn/{TERTIARY}", "value": "M-1"}],
    }
    first = his("POST", "/api/v1/persons", json=body)
    assert first.status_code == 200
    assert his("POST", "/api/v1/persons", json=body).json() == first.json()
    for system_name, value in (("card", first.json()["card"]), (f"mrn/{TERTIARY}", "M-1"), ("certno/01", number)):
        found = his("POST", "/api/v1/persons/resolve", json={"system": system_name, "value": value})
        assert found.json()["person_id"] == first.json()["person_id"]
    wrong = his(
        "POST", "/api/v1/persons", json=body | {"identifiers": [{"system": "certno/01", "value": number[:-1] + "5"}]}
    )
    assert (wrong.status_code, wrong.json()["element"]) == (400, "identifiers[0].value")
    assert his("POST", "/api/v1/persons/resolve", json={"system": "card", "value": "1"}).status_code == 422


def test_the_directory_is_read(his: Peer) -> None:
    assert his("GET", "/api/v1/organisations").json()[0]["id"] == TERTIARY
    assert {d["id"] for d in his("GET", f"/api/v1/organisations/{TERTIARY}/departments").json()} >= {CARDIOLOGY}
    assert his("GET", "/api/v1/organisations/H00000000000/departments").status_code == 404
    assert his("GET", "/api/v1/me").json()["organisation_id"] == TERTIARY
