"""Every field of every document in turn left out, renamed, or filled with what it cannot hold."""

import hashlib
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from adapters import fhir
from adapters.api.operations import OPERATIONS
from tests.faults.bad import LONG_TEXT, TEXTS, encoded, mutated
from tests.faults.doors import Door, Findings, is_refusal, refused_in_form
from tests.faults.samples import resources, sample, transaction_bundle
from tests.faults.world import World

SHARE = 12
"""Of the mutations one in so many is tried each time; all of them where there is time."""

Asked = tuple[str, str, Any]


def try_all(world: World, door: Door, calls: Iterable[Asked], *, media_type: str, part: int, parts: int) -> None:
    """Send a share of the calls: none fails, each refusal has its form, and what was refused left no trace."""
    findings, mine = Findings(), [call for call in calls if _number(door, call[0]) % parts == part]
    before = world.written()
    taken = set()
    for where, path, body in mine:
        answer = _send(world, door, path, body, media_type)
        with findings:
            if is_refusal(door, answer):
                _refused(door, where, answer)
            else:
                taken.add(where)
    if taken:  # something was accepted and so wrote: the refusals are tried again by themselves
        before = world.written()
        for where, path, body in mine:
            if where not in taken:
                answer = _send(world, door, path, body, media_type)
                with findings:
                    assert is_refusal(door, answer), f"{door} {where}: refused, then accepted"
    findings.none()
    assert world.written() == before, f"{door}: a refusal wrote something"


def _refused(door: Door, where: str, answer: httpx.Response) -> None:
    try:
        refused_in_form(door, answer)
    except AssertionError as wrong:
        raise AssertionError(f"{where}: {wrong}") from None
    assert "not-storable" not in answer.text, f"{door} {where}: found by the database only"


def _send(world: World, door: Door, path: str, body: Any, media_type: str) -> httpx.Response:
    content = None if body is None else encoded(body)
    return world.send(door.method, path, headers=world.bearer() | {"Content-Type": media_type}, content=content)


def _number(door: Door, where: str) -> int:
    return hashlib.sha256(f"{door} {where}".encode()).digest()[0]


def _parts(share: int = SHARE) -> Any:
    """A test of a share, and a slow one of all."""
    both = [pytest.param(0, share, id="a share"), pytest.param(0, 1, id="all", marks=pytest.mark.slow)]
    return pytest.mark.parametrize(("part", "parts"), both)


WITH_BODY = [one for one in OPERATIONS if one.body is not None]
WITH_QUERY = [one for one in OPERATIONS if one.query is not None]


@_parts()
@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda one: one.verb)
def test_a_member_of_a_body(world: World, operation: Any, part: int, parts: int) -> None:
    door = Door(operation.method, "/api/v1" + operation.path)
    path = door.at(world.ours)
    calls = [(where, path, body) for where, body in mutated(sample(operation.body, world))]
    try_all(world, door, calls, media_type="application/json", part=part, parts=parts)


@_parts(3)
@pytest.mark.parametrize("operation", WITH_QUERY, ids=lambda one: one.verb)
def test_a_parameter_of_a_query(world: World, operation: Any, part: int, parts: int) -> None:
    door = Door(operation.method, "/api/v1" + operation.path)
    names = [*sample(operation.query, world), "unknown"]
    try_all(world, door, list(_queries(door.at(world.ours), names)), media_type="", part=part, parts=parts)


@_parts(6)
@pytest.mark.parametrize("name", [name for name, one in fhir.TABLE.items() if one.search])
def test_a_search_parameter(world: World, name: str, part: int, parts: int) -> None:
    door = Door("GET", f"/fhir/{name}")
    names = [*fhir.TABLE[name].parameters, "_count", "_format", "_include", "unknown"]
    texts = [*TEXTS, "a|b", "|", "Patient/", "Patient/x", "ge", "ge2026-02-30", "2026-11-23T09:00:00", "0,1,"]
    texts += ["lt0001-01-01", "gt9999-12-31", "ge9999-12-31T23:59:59-12:00", "le0001-01-01T00:00:00+14:00"]
    try_all(world, door, list(_queries(f"/fhir/{name}", names, texts)), media_type="", part=part, parts=parts)


@_parts()
@pytest.mark.parametrize("name", [name for name, one in fhir.TABLE.items() if one.create])
def test_an_element_of_a_new_resource(world: World, name: str, part: int, parts: int) -> None:
    door = Door("POST", f"/fhir/{name}")
    calls = [(where, door.path, body) for where, body in mutated(resources(world)[name])]
    try_all(world, door, calls, media_type="application/fhir+json", part=part, parts=parts)


@_parts()
@pytest.mark.parametrize("name", [name for name, one in fhir.TABLE.items() if one.update])
def test_an_element_of_a_changed_resource(world: World, name: str, part: int, parts: int) -> None:
    door = Door("PUT", f"/fhir/{name}/{{{name}}}")
    calls = [(where, door.at(world.ours), body) for where, body in mutated(resources(world)[name])]
    try_all(world, door, calls, media_type="application/fhir+json", part=part, parts=parts)


@_parts()
@pytest.mark.parametrize("name", [name for name, one in fhir.TABLE.items() if one.operations])
def test_an_element_of_what_an_operation_is_given(world: World, name: str, part: int, parts: int) -> None:
    path = f"/fhir/{name}/$submit"
    calls = [(where, path, body) for where, body in mutated(resources(world)[name])]
    try_all(world, Door("POST", path), calls, media_type="application/fhir+json", part=part, parts=parts)


@_parts()
def test_an_element_of_a_transaction(world: World, part: int, parts: int) -> None:
    door = Door("POST", "/fhir")
    calls = [
        (where, "/fhir", body) for where, body in mutated(transaction_bundle(world), values=[None, "", -1, [], {}])
    ]
    try_all(world, door, calls, media_type="application/fhir+json", part=part, parts=parts)


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda one: one.verb)
def test_five_megabytes_in_one_text(world: World, operation: Any) -> None:
    """Free text may be long; what is a number, a code or a name may not."""
    door, body = Door(operation.method, "/api/v1" + operation.path), sample(operation.body, world)
    findings = Findings()
    for name in [name for name, value in body.items() if isinstance(value, str)][-1:]:
        answer = _send(world, door, door.at(world.ours), body | {name: LONG_TEXT}, "application/json")
        with findings:
            assert answer.status_code < 500, f"{door} {name}: {answer.status_code}"
            if is_refusal(door, answer):
                refused_in_form(door, answer)
    findings.none()


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\xe9" * 60_000])
def test_an_idempotency_key_that_is_none(world: World, key: str) -> None:
    before = world.written()
    body = {"slot_id": world.ours["slots"][5], "person_id": world.ours["person"]}
    headers = world.bearer() | {"Idempotency-Key": key.encode("latin-1"), "X-Request-Id": "x" * 60_000}  # type: ignore[dict-item]
    answer = world.send("POST", "/api/v1/holds", json=body, headers=headers)
    refused_in_form(Door("POST", "/api/v1/holds"), answer)
    assert (answer.json()["element"], len(answer.json()["trace"])) == ("Idempotency-Key", 64)
    assert world.written() == before


def _queries(path: str, names: list[str], texts: list[str] = TEXTS) -> Iterable[Asked]:
    for name in names:
        for text in texts:
            shown = text if len(text) < 40 else text[:20] + "…"
            yield f"{name} = {shown!r}", str(httpx.URL(path, params={name: text})), None
        yield f"{name} twice", f"{path}?{name}=1&{name}=2", None
        yield f"{name} in no encoding", f"{path}?{name}=%ff%fe%ed%a0%80&%00=%00", None
