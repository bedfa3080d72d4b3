"""Bodies, addresses and parameters that nobody should send: every door refuses them by name and writes nothing."""

import re

import httpx
import pytest

from adapters.api.operations import OPERATIONS
from tests.faults.bad import BODIES, IDS, UNKNOWN_ID
from tests.faults.doors import Door, Findings, doors, is_refusal, refused_in_form
from tests.faults.world import World

LIMIT_BYTES = 10 * 1024 * 1024


_PARAMETER = re.compile(r"(\{\w+):\w+")


def writing(world: World) -> list[Door]:
    """What reads a body; an address that says everything by itself takes whatever comes with it."""
    bodiless = {_PARAMETER.sub(r"\1", f"/api/v1{one.path}") for one in OPERATIONS if one.body is None}
    found = [door for door in doors(world.app) if door.method in ("POST", "PUT") and door.name in ("api", "fhir")]
    return [door for door in found if _PARAMETER.sub(r"\1", door.path) not in bodiless]


def ask(world: World, door: Door, path: str, **facts: object) -> httpx.Response:
    """A call with every credential this door could want."""
    face = next((face for face in ("desk", "bureau") if path.startswith("/" + face)), "citizen")
    face = "operations" if path.startswith("/ops") else face
    cookie, csrf = world.cookies[face]
    headers = {**world.bearer(), "Cookie": cookie} | dict(facts.pop("headers", {}))  # type: ignore[call-overload]
    if door.name == "web" and door.method == "POST":
        facts.setdefault("data", {"csrf": csrf})
    return world.send(door.method, path, headers=headers, **facts)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_document_is_refused_where_it_breaks(world: World, name: str) -> None:
    findings, before = Findings(), world.written()
    for door in writing(world):
        media_type = "application/fhir+json" if door.name == "fhir" else "application/json"
        answer = ask(world, door, door.at(world.ours), content=BODIES[name], headers={"Content-Type": media_type})
        with findings:
            if is_refusal(door, answer) or answer.status_code >= 500:
                refused_in_form(door, answer)
    findings.none()
    if name not in ("empty",):
        assert world.written() == before


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/xml", "multipart/form-data", "\xff", "a" * 9000])
def test_a_body_of_another_kind_is_refused_by_its_type(world: World, media_type: str) -> None:
    findings, before = Findings(), world.written()
    for door in writing(world):
        headers = {"Content-Type": media_type.encode("latin-1")}
        answer = ask(world, door, door.at(world.ours), content=b"{}", headers=headers)
        with findings:
            refused_in_form(door, answer)
            keyless = answer.status_code == 400 and answer.json().get("element") == "Idempotency-Key"
            known = answer.status_code in (415, 403, 404, 409, 422)
            assert keyless or known, f"{door} {answer.status_code} {answer.text[:200]}"
    findings.none()
    assert world.written() == before


@pytest.mark.parametrize("told", [True, False])
def test_a_body_over_the_limit_is_413_told_or_found(world: World, told: bool) -> None:
    """With its length in the header, and in pieces without one."""
    findings, before = Findings(), world.written()
    body = b"x" * (LIMIT_BYTES + 1)

    async def pieces():
        for _ in range(11):
            yield body[: LIMIT_BYTES // 10]

    seen: set[str] = set()
    for door in doors(world.app):
        if door.method not in ("POST", "PUT") or (door.name in seen and door.path.count("/") > 3):
            continue
        seen.add(door.name)
        kind = {"web": "application/x-www-form-urlencoded"}.get(door.name, "application/json")
        headers = {"Content-Type": kind}
        answer = ask(world, door, door.at(world.ours), content=body if told else pieces(), data=None, headers=headers)
        with findings:
            assert answer.status_code == 413, f"{door} {answer.status_code} {answer.text[:200]}"
            refused_in_form(door, answer)
    findings.none()
    assert world.written() == before


OWN_KEY = "key"
"""What a sender calls its own message: asking about one that was never seen is answered so."""


@pytest.mark.parametrize("said", [*IDS, UNKNOWN_ID])
def test_an_id_that_was_never_given_is_unknown_at_every_address(world: World, said: str) -> None:
    findings, before = Findings(), world.written()
    for door in doors(world.app):
        if not door.parameters or door.name == "nhsa" or door.parameters == [OWN_KEY]:
            continue
        name = door.parameters[0]
        body = {} if door.name == "web" else {"json": {}}
        answer = ask(world, door, door.at(world.ours, **{name: said}), **body)
        with findings:
            refused_in_form(door, answer)
            if door.method == "GET":
                assert answer.status_code in (400, 404, 405, 422), f"{door} {said[:20]} {answer.status_code}"
    findings.none()
    assert world.written() == before


def test_a_row_of_others_is_as_unknown_as_one_that_does_not_exist(untouched: World) -> None:
    """The answer about a stranger's row differs from that about nothing in the number alone."""
    findings = Findings()
    public = (
        "organisation_id",
        "department_id",
        "Organization",
        "Location",
        "HealthcareService",
        "Practitioner",
        OWN_KEY,
    )
    public += ("CodeSystem", "break_id")  # the bureau sees the differences of every hospital
    for door in doors(untouched.app):
        if door.method != "GET" or not door.parameters or door.parameters[0] in (*public, "Slot", "Schedule", "side"):
            continue
        name = door.parameters[0]
        theirs, nothing = door.at(untouched.theirs), door.at(untouched.ours, **{name: UNKNOWN_ID})
        answers = [ask(untouched, door, path) for path in (theirs, nothing)]
        with findings:
            assert [answer.status_code for answer in answers] == [404, 404], f"{door} {answers[0].status_code}"
    findings.none()


def test_what_is_accepted_does_show_in_what_is_written(world: World) -> None:
    """The measure of all these tests is no constant: a hold is a row more, a second one of the same place is none."""
    before = world.written()
    body = {"slot_id": world.ours["slots"][9], "person_id": world.ours["person"]}
    assert world.send("POST", "/api/v1/holds", json=body, headers=world.bearer()).status_code == 201
    held = world.written()
    assert {name for name in held if held[name] != before[name]} == {"slot_hold", "slot"}
    world.send("POST", "/api/v1/holds", json=body, headers=world.bearer())
    assert world.written() == held
