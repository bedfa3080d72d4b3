"""What the JSON API refuses at its door, each with its place, in problem+json; none of it leaves a trace."""

import json

import pytest
from sqlalchemy import Engine

from adapters import api
from hub.trust import SCOPES
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import COUNTY, TERTIARY

ROUTES = app_with(api.router)


@pytest.fixture(scope="module")
def facts(module_engine: Engine) -> dict[str, object]:
    """A system's token, a person and a slot that everything could be booked with, and a token that may not."""
    return {
        "token": token_for(module_engine, TERTIARY),
        "reader": token_for(module_engine, COUNTY, SCOPES - {"booking.write"}),
        "person_id": person_in(module_engine),
        "slot_ids": slots_in(module_engine),
    }


@pytest.fixture
def his(facts: dict[str, object], unchanged: Engine) -> Peer:
    return Peer(ROUTES, str(facts["token"]))


BAD_BODIES = {
    "not JSON": (b'{"slot_id": 1,', "body-unreadable", "body"),
    "a stray byte": (b'{"slot_id": 1 "person_id": 2}', "body-unreadable", "byte 14"),
    "not UTF-8": (b'{"slot_id": 1, "person_id": 2, "reason": "\xff"}', "body-unreadable", None),
    "empty": (b"", "body-unreadable", "body"),
    "nested too deep": (b'{"slot_id": ' + b"[" * 100_000, "invalid", "slot_id"),
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
def test_a_bad_body_is_answered_with_its_place_and_writes_nothing(his: Peer, case: str) -> None:
    body, code, element = BAD_BODIES[case]
    answer = his("POST", "/api/v1/appointments", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, code)
    assert element is None or problem["element"] == element
    assert "{" not in problem["detail"]


def test_the_doors_own_refusals(his: Peer, facts: dict[str, object]) -> None:
    slot_id, person_id = facts["slot_ids"][0], facts["person_id"]  # type: ignore[index]
    body = {"slot_id": slot_id, "person_id": person_id}
    stranger = Peer(ROUTES, "och_nobody")
    assert stranger("GET", "/api/v1/me").status_code == 401
    assert his("GET", "/api/v1/me", headers={"Authorization": ""}).json()["code"] == "token-missing"
    assert his("GET", "/api/v1/slots?departmnt_id=x").json()["element"] == "departmnt_id"
    assert his("GET", "/api/v1/slots?from=tomorrow").json()["element"] == "from"
    wrong_type = his("POST", "/api/v1/appointments", content=json.dumps(body), headers={"Content-Type": "text/plain"})
    assert (wrong_type.status_code, wrong_type.json()["element"]) == (415, "Content-Type")
    assert his("GET", "/api/v1/appointments/999999").status_code == 404
    assert his("POST", "/api/v1/appointments", json={"slot_id": 999999, "person_id": person_id}).status_code == 422
    assert his("POST", "/api/v1/appointments", json={"slot_id": slot_id, "person_id": 999999}).status_code == 422
    assert his("GET", "/api/v1/appointments").json()["code"] == "missing"
    reader = Peer(ROUTES, str(facts["reader"]))
    refused = reader("POST", "/api/v1/appointments", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
