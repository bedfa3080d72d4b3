"""What one hospital knows another does not see, at any door that reads; and keys that arrive together."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from adapters import door, fhir
from adapters.api.operations import OPERATIONS
from adapters.app import create_app
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import Settings
from hub.booking import Hold
from hub.people import Person
from tests.conftest import _clone
from tests.faults.doors import Door, doors
from tests.faults.world import World, inhabited
from tests.region import COMMUNITY, COUNTY, TERTIARY, numbered

AT_ONCE = 8


@pytest.fixture(scope="module")
def world(server: EmbeddedPostgres, template: str) -> Iterator[World]:
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder))
        yield from inhabited(engine, create_app())


@pytest.fixture(autouse=True)
def at_this_world(world: World, server: EmbeddedPostgres) -> None:
    door.use_engine(world.engine, Settings(home=server.folder))


def secrets_of(rows: dict[str, Any]) -> list[str]:
    """What only this person's documents hold: the numbers of the person and of the card."""
    return [rows["card"], rows["certno"], rows["psn_no"]]


def searches(world: World) -> Iterator[str]:
    """Every read of every machine door, at the stranger's ids and by every parameter that could name them."""
    for one in doors(world.app):
        if one.method == "GET" and one.name in ("api", "fhir"):
            yield one.at(world.theirs)
    for operation in OPERATIONS:
        if operation.method == "GET" and operation.query is not None:
            path = Door("GET", "/api/v1" + operation.path).at(world.theirs)
            yield f"{path}?person_id={world.theirs['person']}"
    for name, resource in fhir.TABLE.items():
        for parameter in resource.parameters:
            for said in _named(parameter, world):
                includes = "".join(f"&_include={one}" for one in resource.includes)
                yield f"/fhir/{name}?{parameter}={said}{includes}"


def _named(parameter: str, world: World) -> list[str]:
    person, referral = f"Patient/{world.theirs['person']}", f"ServiceRequest/{world.theirs['referral']}"
    named = {"patient": person, "subject": person, "actor": person, "focus": referral}
    named |= {"owner": f"Organization/{COUNTY}", "requester": f"Organization/{COMMUNITY}"}
    if parameter == "_id":
        return [str(world.theirs[key]) for key in ("person", "referral", "appointment", "report")]
    return [named[parameter]] if parameter in named else []


def test_no_read_of_any_door_shows_a_hospital_the_patient_of_another(world: World) -> None:
    shown = []
    for path in searches(world):
        answer = world.send("GET", path, headers=world.bearer(TERTIARY))
        assert answer.status_code < 500, path
        shown += [path for secret in secrets_of(world.theirs) if secret in answer.text]
        if answer.status_code == 200 and path.startswith("/fhir"):
            shown += [f"{path}: {found}" for found in _strangers(answer.json(), world)]
    assert not shown, "\n".join(shown)


def _strangers(node: Any, world: World) -> Iterator[str]:
    """The references in a document to rows that belong to the stranger."""
    if isinstance(node, dict):
        reference = node.get("reference")
        if reference == f"Patient/{world.theirs['person']}":
            yield reference
        for inner in node.values():
            yield from _strangers(inner, world)
    elif isinstance(node, list):
        for inner in node:
            yield from _strangers(inner, world)


def test_the_hospitals_that_take_part_do_see_them(world: World) -> None:
    """The other side of it: what is hidden from us is there, for those it concerns."""
    report = f"/api/v1/reports/{world.theirs['report']}"
    assert world.send("GET", report, headers=world.bearer(COUNTY)).status_code == 200
    assert world.send("GET", report, headers=world.bearer(TERTIARY)).status_code == 404
    referral = f"/fhir/ServiceRequest/{world.theirs['referral']}"
    assert world.send("GET", referral, headers=world.bearer(COMMUNITY)).status_code == 200
    assert world.send("GET", referral, headers=world.bearer(TERTIARY)).status_code == 404


def test_a_citizen_sees_no_page_of_another(world: World) -> None:
    cookie, _ = world.cookies["citizen"]
    shown = []
    for one in doors(world.app):
        if one.method != "GET" or one.name != "web" or one.path.startswith(("/desk", "/bureau", "/ops", "/staff")):
            continue
        answer = world.send("GET", one.at(world.theirs), headers={"Cookie": cookie})
        shown += [str(one) for secret in (*secrets_of(world.theirs), "李某某") if secret in answer.text]
    assert not shown


def test_a_search_of_a_patient_says_the_same_of_a_stranger_as_of_nobody(world: World) -> None:
    """Whether a number is known at all is not told by the difference between two answers."""
    different = []
    for name, resource in fhir.TABLE.items():
        if "patient" not in resource.parameters or name == "Patient":
            continue
        answers = [
            world.send("GET", f"/fhir/{name}?patient=Patient/{number}", headers=world.bearer(TERTIARY))
            for number in (world.theirs["person"], 999_999_999)
        ]
        told = [(answer.status_code, [i["code"] for i in answer.json().get("issue", [])]) for answer in answers]
        if told[0] != told[1]:
            different.append(f"{name}: {told}")
    assert not different, "\n".join(different)


def at_once(world: World, path: str, bodies: list[dict[str, Any]], headers: dict[str, str]) -> list[Any]:
    with ThreadPoolExecutor(len(bodies)) as pool:
        waiting = [pool.submit(world.send, "POST", path, json=body, headers=headers) for body in bodies]
        return [one.result() for one in waiting]


def count(world: World, table: type) -> int:
    with Session(world.engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_one_key_sent_many_times_at_once_is_done_once_and_answered_alike(world: World) -> None:
    before = count(world, Person)
    number = numbered("42050019800303012")
    body = {
        "name": "同时",
        "gender": "U",
        "birth_date": "1980-03-03",
        "identifiers": [{"system": "certno/01", "value": number}, {"system": f"mrn/{TERTIARY}", "value": "K-1"}],
    }
    headers = world.bearer() | {"Idempotency-Key": "together"}
    answers = at_once(world, "/api/v1/persons", [body] * AT_ONCE, headers)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replay" in answer.headers for answer in answers) == AT_ONCE - 1
    assert count(world, Person) == before + 1


def test_one_key_with_different_contents_at_once_does_one_of_them(world: World) -> None:
    before = count(world, Hold)
    bodies = [{"slot_id": slot, "person_id": world.ours["person"]} for slot in world.ours["slots"][1:5]]
    headers = world.bearer() | {"Idempotency-Key": "at odds"}
    answers = at_once(world, "/api/v1/holds", bodies, headers)
    told = sorted(answer.status_code for answer in answers)
    assert told == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"key-reused"}
    assert count(world, Hold) in (before, before + 1)


def test_the_same_key_of_two_hospitals_is_two_keys(world: World) -> None:
    body = {"system": "card", "value": world.ours["card"]}
    answers = []
    for hospital in (TERTIARY, COUNTY):
        headers = world.bearer(hospital) | {"Idempotency-Key": "a common word"}
        answers.append(world.send("POST", "/api/v1/persons/resolve", json=body, headers=headers))
    assert all("idempotent-replay" not in answer.headers for answer in answers)
    assert json.loads(answers[0].content)["person_id"] == world.ours["person"]
