"""Every field that a page reads, filled with what it cannot hold: a page with a sentence, and nothing written."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.web.bureau import differences, packs
from adapters.web.citizen import waiting
from adapters.web.desk import consultations, referrals, today
from adapters.web.forms import Form
from adapters.web.operations import lanes
from tests.faults.bad import TEXTS, UNKNOWN_ID
from tests.faults.doors import Door, Findings, doors, is_refusal, refused_in_form
from tests.faults.test_ways_in import OPEN, face_of, pages
from tests.faults.world import World
from tests.region import CARDIOLOGY, COUNTY, COUNTY_DOCTOR

SHORT = ["-1", "9" * 40, "2026-02-30", "0001-01-01", "9999-12-31", "a\u0000b", "x" * 5000]
"""Of what is wrong, what has told most apart; a share of it each time, all and more in the slow test."""
Fields = dict[str, str]
FACES = ["citizen", "desk", "bureau", "operations"]


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the fields that the pages have read since it was last emptied."""
    names: set[str] = set()
    text, several = Form.text, Form.several

    def reading_text(form: Form, name: str, **facts: Any) -> str:
        names.add(name)
        return text(form, name, **facts)

    def reading_several(form: Form, name: str) -> list[str]:
        names.add(name)
        return several(form, name)

    monkeypatch.setattr(Form, "text", reading_text)
    monkeypatch.setattr(Form, "several", reading_several)
    return names


def every_action(door: Door) -> list[Door]:
    """A door for every action that its address may name, as the page's own table has them."""
    known = {"/desk/consultations": consultations.ACTS, "/desk/referrals": referrals.ACTS, "/ops/lanes": lanes.EVENTS}
    known |= {"/desk/appointments": today.HERE, "/bureau/rules": packs.DECISIONS, "/bureau": differences.DECISIONS}
    known |= {"/waiting": waiting.EVENTS}
    named = next((name for name in ("{action}", "{event}") if name in door.path), None)
    if named is None:
        return [door]
    words = next(words for path, words in known.items() if door.path.startswith(path))
    return [Door(door.method, door.path.replace(named, word)) for word in words]


def good(world: World) -> dict[str, str]:
    """What lets a page read on to its next field."""
    ours = world.ours
    return {
        "slot_id": str(ours["slots"][4]),
        "person_id": str(ours["person"]),
        "number": ours["card"],
        "code": "000000",
        "name": "desk",
        "password": "wrong",
        "receiver": COUNTY,
        "receiver_id": COUNTY,
        "department": CARDIOLOGY,
        "diagnoses": "I20.0 心绞痛",
        "reason": "胸闷",
        "question": "是否造影？",
        "experts": COUNTY_DOCTOR,
        "consented_by": "patient",
        "report_id": str(ours["report"]),
        "open": str(ours["referral"]),
        "text": "见信",
        "action": "ask",
        "destination": COUNTY,
        "subject": "person/1",
        "total": "10000",
        "day": "2026-11-23",
    }


def send(world: World, door: Door, fields: dict[str, str]) -> httpx.Response:
    face = face_of(door)
    cookie, csrf = world.cookies["desk" if face == "staff" else face]
    path, headers = door.at(world.ours), {"Cookie": cookie}
    if str(door) in OPEN:
        headers["Cookie"], csrf = "onecard_visit=token", "token"
    if door.method == "GET":
        return world.send("GET", path, params=fields, headers=headers)
    return world.send("POST", path, data={"csrf": csrf} | fields, headers=headers)


def wrong_fields(world: World, door: Door, asked_for: set[str], texts: list[str]) -> Iterator[tuple[str, Fields]]:
    """One field at a time wrong, the others as good as we know; fields that turn up on the way too."""
    tried: set[str] = set()
    while names := sorted(asked_for - tried - {"csrf"}):
        tried |= set(names)
        for name in names:
            for text in texts:
                fine = {known: value for known, value in good(world).items() if known in asked_for}
                yield f"{name} = {text[:20]!r}", fine | {name: text}
    asked_for.clear()


@pytest.mark.parametrize(
    ("texts", "parts"), [pytest.param(SHORT, 8, id="a share"), pytest.param(TEXTS, 1, id="all", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("face", FACES)
def test_a_wrong_field_gets_a_page_with_a_sentence(
    world: World, asked_for: set[str], face: str, texts: list[str], parts: int
) -> None:
    findings = Findings()
    for door in (written_out for one in pages(world) for written_out in every_action(one)):
        if face_of(door) != face and not (face == "desk" and face_of(door) == "staff"):
            continue
        if door.path in ("/sign-out", "/staff/sign-out"):
            continue
        send(world, door, {})
        before = world.written()
        for where, fields in wrong_fields(world, door, asked_for, texts):
            if hashlib.sha256(f"{door} {where}".encode()).digest()[0] % parts:
                continue
            answer = send(world, door, fields)
            refused = is_refusal(door, answer)
            with findings:
                assert answer.status_code < 500, f"{door} {where} {answer.status_code}"
                refused_in_form(door, answer)
                if door.method == "POST" and refused:
                    assert world.written() == before, f"{door} {where}: refused and written"
            if door.method == "POST" and not refused:
                before = world.written()
        with findings:
            assert world.written() == before, f"{door} wrote something"
    findings.none()


@pytest.mark.parametrize("face", FACES)
def test_a_field_said_twice_or_in_no_encoding_is_survived(world: World, asked_for: set[str], face: str) -> None:
    findings = Findings()
    for door in pages(world):
        if face_of(door) != face or door.method != "GET":
            continue
        send(world, door, {})
        for name in sorted(asked_for):
            for query in (f"{name}=1&{name}=2&{name}=%ff%fe%ed%a0%80", f"{name}=%00", f"{name}={UNKNOWN_ID}"):
                cookie, _ = world.cookies[face]
                answer = world.send("GET", f"{door.at(world.ours)}?{query}", headers={"Cookie": cookie})
                with findings:
                    refused_in_form(door, answer)
        asked_for.clear()
    findings.none()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"%", "application/x-www-form-urlencoded"),
        (b"&&&===", "application/x-www-form-urlencoded"),
        (b"a=1&" * 20_000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="csrf"; filename="a"\r\n\r\nb\r\n--x--',
            "multipart/form-data; boundary=x",
        ),
    ],
    ids=["empty", "percent", "signs", "many", "json", "cut", "no boundary", "file"],
)
def test_a_form_that_is_none_is_refused(world: World, content: bytes, kind: str) -> None:
    findings, before = Findings(), world.written()
    for door in doors(world.app):
        if door.name != "web" or door.method != "POST":
            continue
        face = face_of(door)
        cookie, _ = world.cookies["desk" if face == "staff" else face]
        headers = {"Cookie": cookie, "Content-Type": kind}
        answer = world.send("POST", door.at(world.ours), content=content, headers=headers)
        with findings:
            refused_in_form(door, answer)
            assert answer.status_code in (400, 403), f"{door} {answer.status_code}"
    findings.none()
    assert world.written() == before
