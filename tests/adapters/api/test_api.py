"""The JSON API over HTTP: booking from search to cancellation, and every way it says no."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api
from hub import booking
from hub.booking import Appointment
from hub.trust import Audit
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import CARDIOLOGY, EXPERT, TERTIARY, numbered, system

ROUTES = app_with(api.router)


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


@pytest.fixture
def person_id(engine: Engine) -> int:
    return person_in(engine)


@pytest.fixture
def slot_ids(engine: Engine) -> list[int]:
    return slots_in(engine)


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
    other = person_in(engine, 2)
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
