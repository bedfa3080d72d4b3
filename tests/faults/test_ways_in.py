"""Nobody gets in without a credential of their own, at any route of any door."""

import httpx
import pytest

from tests.faults.doors import MACHINES, Door, Findings, doors, refused_in_form
from tests.faults.world import World
from tests.region import COUNTY

OPEN = {
    "GET /fhir/metadata",
    "GET /look",
    "GET /sign-in",
    "GET /staff/sign-in",
    "POST /sign-in",
    "POST /sign-in/code",
    "POST /staff/sign-in",
}
"""What a stranger may ask: the description of the door, the look of the pages, and to be let in."""

BEARERS = {
    "none": None,
    "empty": "",
    "other scheme": "Basic aGlzOmhpcw==",
    "empty token": "Bearer ",
    "wrong token": "Bearer och_" + "x" * 43,
    "long token": "Bearer " + "x" * 100_000,
    "latin": b"Bearer \xe9\xff",
}
COOKIES = {
    "none": "",
    "empty": "onecard_citizen=; onecard_staff=",
    "wrong": "onecard_citizen=x; onecard_staff=x",
    "strange": 'onecard_citizen="\\000"; onecard_staff=%00',
}


def machines(world: World) -> list[Door]:
    return [door for door in doors(world.app) if door.path.startswith(MACHINES)]


def pages(world: World) -> list[Door]:
    return [door for door in doors(world.app) if not door.path.startswith(MACHINES)]


def face_of(door: Door) -> str:
    named = {"/desk": "desk", "/bureau": "bureau", "/ops": "operations", "/staff": "staff"}
    return next((face for prefix, face in named.items() if door.path.startswith(prefix)), "citizen")


@pytest.mark.parametrize("said", BEARERS)
def test_a_machine_without_its_token_is_turned_away_in_the_form_of_the_door(world: World, said: str) -> None:
    findings = Findings()
    before = world.written()
    headers = {} if BEARERS[said] is None else {"Authorization": BEARERS[said]}
    for door in machines(world):
        if str(door) in OPEN:
            continue
        answer = world.send(door.method, door.at(world.ours), headers=headers, json={})
        with findings:
            refused_in_form(door, answer)
            assert answer.status_code in (401, 415), f"{door} {answer.text[:200]}"
    findings.none()
    assert world.written() == before


@pytest.mark.parametrize("said", COOKIES)
def test_a_page_without_a_session_leads_to_its_sign_in(world: World, said: str) -> None:
    findings = Findings()
    before = world.written()
    for door in pages(world):
        if str(door) in OPEN or str(door) in ("POST /sign-out", "POST /staff/sign-out"):
            continue
        answer = world.send(door.method, door.at(world.ours), headers={"Cookie": COOKIES[said]}, data={"reason": "x"})
        to = "/sign-in" if face_of(door) == "citizen" else "/staff/sign-in"
        with findings:
            assert answer.status_code == 303, f"{door} {answer.status_code}"
            assert answer.headers["location"].startswith(to + "?back="), f"{door} {answer.headers['location']}"
    findings.none()
    assert world.written() == before


@pytest.mark.parametrize("who", ["citizen", "desk", "bureau", "operations"])
def test_the_cookie_of_one_face_opens_no_other(world: World, who: str) -> None:
    findings = Findings()
    before = world.written()
    cookie, csrf = world.cookies[who]
    value, form = cookie.partition("=")[2], {"csrf": csrf, "reason": "x"}
    for door in pages(world):
        if str(door) in OPEN or face_of(door) in (who, "staff") or str(door) == "POST /sign-out":
            continue
        both = f"onecard_citizen={value}; onecard_staff={value}"
        for sent in (cookie, both):
            answer = world.send(door.method, door.at(world.ours), headers={"Cookie": sent}, data=form)
            with findings:
                refused_in_form(door, answer)
                assert answer.status_code in (303, 403), f"{door} {answer.status_code}"
                if answer.status_code == 303:
                    assert "sign-in" in answer.headers["location"], f"{door} {answer.headers['location']}"
    findings.none()
    assert world.written() == before


@pytest.mark.parametrize("token", [None, "", "x", "\u0000", "长" * 5000, "other"])
def test_a_form_without_the_token_of_its_session_changes_nothing(world: World, token: str | None) -> None:
    findings = Findings()
    before = world.written()
    for door in pages(world):
        if door.method != "POST" or str(door) in ("POST /look",):
            continue
        face = face_of(door)
        cookie, _ = world.cookies["desk" if face == "staff" else face]
        said = world.cookies["county desk"][1] if token == "other" else token
        form = {} if said is None else {"csrf": said}
        fields = {"reason": "x", "number": world.ours["card"], "code": "000000", "name": "desk", "password": "x"}
        answer = world.send(door.method, door.at(world.ours), headers={"Cookie": cookie}, data=fields | form)
        with findings:
            refused_in_form(door, answer)
            assert answer.status_code in (400, 403), f"{door} {answer.status_code} {answer.headers.get('location')}"
    findings.none()
    assert world.written() == before


PUBLIC = ("organisation_id", "Organization", "Location", "Practitioner", "HealthcareService", "CodeSystem")


def test_the_signature_of_another_hospital_speaks_for_nobody_else(untouched: World) -> None:
    """A token of the county reads nothing of ours by its id."""
    findings = Findings()
    for door in machines(untouched):
        if door.method != "GET" or not door.parameters or door.name == "nhsa":
            continue
        if door.parameters[0] in PUBLIC:
            continue
        if door.parameters[0] in ("Slot", "Schedule", "person_id", "Patient", "key"):
            continue
        ours = untouched.send("GET", door.at(untouched.ours), headers=untouched.bearer())
        theirs = untouched.send("GET", door.at(untouched.ours), headers=untouched.bearer(COUNTY))
        with findings:
            assert (ours.status_code, theirs.status_code) == (200, 404), f"{door} {ours.text[:100]} {theirs.text[:200]}"
            refused_in_form(door, theirs)
    findings.none()


def test_answers_of_the_application_itself_have_a_code_and_a_sentence(world: World) -> None:
    findings = Findings()
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404),
        ("PATCH", "/api/v1/appointments", 405),
        ("GET", "/nhsa/1101", 405),
        ("POST", "/nhsa", 404),
        ("GET", "/fhir/Nothing", 404),
        ("DELETE", "/fhir/Patient/1", 405),
        ("TRACE", "/fhir/Patient", 405),
        ("GET", "/nothing", 404),
        ("PUT", "/book", 405),
    ):
        answer: httpx.Response = world.send(method, path, headers=world.bearer())
        with findings:
            assert answer.status_code == status, f"{method} {path} {answer.status_code}"
            refused_in_form(Door(method, path), answer)
    findings.none()
