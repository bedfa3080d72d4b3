"""MLLP: whatever bytes come, there is an answer of the table, the message is kept, and nothing else is written."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from adapters.hl7v2 import er7, inbound
from adapters.hl7v2.mllp import frame
from adapters.hl7v2.server import serve
from fixtures.simulators.mllp import Client
from hub import exchange
from tests.faults.world import PEERS, World
from tests.region import COMMUNITY

WIRE = Path("fixtures/wire/hl7v2")
REQUESTS = sorted(WIRE.glob("*.request.hl7"))
ADDRESS = PEERS[COMMUNITY]


def document(name: str) -> bytes:
    return (WIRE / name).read_bytes().replace(b"\n", b"\r")


A28 = document("adt-a28_new-citizen.request.hl7")


def hear(raw: bytes, *, address: str = ADDRESS) -> list[er7.Message]:
    return [er7.read(answer) for answer in inbound.receive(raw, address=address)]


def said(answer: er7.Message) -> tuple[str, str, str]:
    """MSA-1, ERR-3 and ERR-5: what happened, of which kind, our code."""
    return answer["MSA"].text(1), answer["ERR"].text(3), answer["ERR"].text(5)


def heard(world: World) -> exchange.HeardMessage:
    with Session(world.engine, expire_on_commit=False) as session:
        return exchange.search_heard(session, limit=1)[0]


NUL = b"\\X00\\"
LONG = b"9" * 5000

REFUSED: list[tuple[str, bytes, tuple[str, str]]] = [
    ("unknown type", A28.replace(b"ADT^A28^ADT_A05", b"XYZ^A28"), ("AR", "200")),
    ("unknown event", A28.replace(b"ADT^A28^ADT_A05", b"ADT^Z99"), ("AR", "201")),
    ("no type", A28.replace(b"ADT^A28^ADT_A05", b""), ("AR", "200")),
    ("test system", A28.replace(b"|P|2.5.1", b"|T|2.5.1"), ("AR", "202")),
    ("version 3", A28.replace(b"|P|2.5.1", b"|P|3.0"), ("AR", "203")),
    ("wrong check digit", A28.replace(b"420500199003070028", b"420500199003070029"), ("AE", "102")),
    ("no PID", b"\r".join(line for line in A28.split(b"\r") if not line.startswith(b"PID")), ("AE", "100")),
    ("MSH only", A28.split(b"\r")[0], ("AE", "100")),
    ("MSH only of an unknown type", b"MSH|^~\\&|HIS|H42058200301", ("AR", "200")),
    ("a NUL in the name", A28.replace("示例".encode(), b"a\x00b"), ("AE", "102")),
    ("an escaped NUL in the name", A28.replace("示例".encode(), NUL), ("AE", "102")),
    ("a NUL in MSH-10", A28.replace(b"YQ20261122000001", b"M\x001"), ("AE", "102")),
    ("a NUL in MSH-9", A28.replace(b"ADT^A28^ADT_A05", b"ADT^A\x008"), ("AR", "201")),
    ("a NUL in MSH-4", A28.replace(b"|H42058200301|", b"|H420\x00|", 1), ("AE", "207")),
    ("a long record number", A28.replace(b"YQ-000187", b"7" * 5000), ("AE", "102")),
    ("a long name", A28.replace("示例".encode(), "长".encode() * 5000), ("AE", "102")),
    ("a birth date that is none", A28.replace(b"19900307", b"19900231"), ("AE", "102")),
]


@pytest.mark.parametrize(("raw", "expected"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_wrong_message_is_answered_by_the_table_and_kept_whole(
    world: World, raw: bytes, expected: tuple[str, str]
) -> None:
    before = world.written()
    (answer,) = hear(raw)
    assert said(answer)[:2] == expected, answer.text
    assert answer["ERR"].text(8)
    if expected[1] in ("101", "102", "103"):
        assert answer["ERR"].text(2, 1), f"no element: {answer.text}"
    row = heard(world)
    assert (row.body, row.outcome == "ok") == (raw, False)
    assert world.written() == before


@pytest.mark.parametrize(
    "raw", [b"", b"\r", b"\x00" * 50, b"PID|1", b"\xff\xfeM\x00S\x00H\x00", b"MSH", b"GET / HTTP/1.1"]
)
def test_what_is_no_message_at_all_is_ar_and_kept(world: World, raw: bytes) -> None:
    before = world.written()
    (answer,) = hear(raw)
    assert said(answer)[0] == "AR"
    assert (heard(world).body, heard(world).outcome) == (raw, "unreadable")
    assert world.written() == before


def test_a_peer_at_another_address_is_nobody_and_its_message_is_kept(world: World) -> None:
    before = world.written()
    (answer,) = hear(A28, address="127.0.9.9")
    assert (answer["MSA"].text(1), answer["ERR"].text(5)) == ("AE", "credential-refused")
    assert heard(world).sender == "127.0.9.9"
    assert world.written() == before


def test_a_message_id_longer_than_any_index_is_still_a_message_id(world: World) -> None:
    """Random characters, which an index cannot press together."""
    number = "".join(str(n * 7919 % 1_000_003) for n in range(3000)).encode()
    raw = A28.replace(b"YQ20261122000001", number).replace(b"420500199003070028", b"420500199003070029")
    (answer,) = hear(raw)
    assert answer["MSA"].text(2) == number.decode()
    assert heard(world).body == raw


def test_in_enhanced_mode_rubbish_is_refused_by_the_commit_acknowledgement(world: World) -> None:
    before = world.written()
    enhanced = A28.replace(b"|2.5.1||||||", b"|2.5.1|||AL|AL||")
    (answer,) = hear(enhanced.replace(b"ADT^A28^ADT_A05", b"XYZ^A28"))
    assert said(answer)[:2] == ("CR", "200")
    commit, application = hear(enhanced.replace(b"420500199003070028", b"420500199003070029"))
    assert (said(commit)[0], said(application)[0]) == ("CA", "AE")
    assert world.written() == before


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A valid wire document with fields and segments left out, doubled, moved or filled with something else."""
    name = draw(st.sampled_from(REQUESTS)).name
    lines = [line.split(b"|") for line in document(name).split(b"\r") if line]
    for _ in range(draw(st.integers(1, 4))):
        line = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["drop line", "double line", "swap lines", "field", "field", "field", "cut"]))
        if what == "drop line" and len(lines) > 1:
            lines.pop(max(line, 1))
        elif what == "double line":
            lines.insert(line, lines[line])
        elif what == "swap lines":
            other = draw(st.integers(0, len(lines) - 1))
            lines[line], lines[other] = lines[other], lines[line]
        elif what == "cut":
            lines[line] = lines[line][: draw(st.integers(1, len(lines[line])))]
        elif len(lines[line]) > 1:
            field = (
                draw(st.integers(1 if lines[line][0] != b"MSH" else 2, len(lines[line]) - 1))
                if len(lines[line]) > 2
                else 1
            )
            lines[line] = [*lines[line][:field], draw(VALUES), *lines[line][field + 1 :]]
    return b"\r".join(b"|".join(line) for line in lines)


VALUES = st.one_of(
    st.sampled_from(
        [b"", b'""', b"^", b"~", b"^^^^^^", b"~~~", b"\\", b"\\X\\", b"\\XD800\\", b"\\X00\\", b"-1", b"0"]
    ),
    st.sampled_from([b"9" * 25, b"20260230", b"00010101", b"99991231235959-1200", b"00010101000000+1400", b"1e309"]),
    st.sampled_from([b"MR", b"X" * 3000, "\U0001f600".encode(), "示例".encode("gb18030"), b"1^2^3&4~5", b"1^ONECARD"]),
    st.binary(max_size=12).map(lambda raw: raw.replace(b"\r", b"").replace(b"|", b"")),
)


def check_answered(world: World, raw: bytes) -> None:
    """There is an answer; a refused message has written nothing but that it was heard."""
    before = world.written()
    answers = hear(raw)
    row = heard(world)
    assert row.body == raw or len(answers) == 0
    for answer in answers:
        assert answer["MSA"].text(1) in ("AA", "AE", "AR", "CA", "CE", "CR")
        assert answer["ERR"].text(5) != "internal-error", answer.text
    if answers and answers[-1]["MSA"].text(1) not in ("AA", "CA"):
        assert world.written() == before


@given(raw=mutants())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_scrambled_message_is_always_answered(world: World, raw: bytes) -> None:
    check_answered(world, raw)


@pytest.mark.slow
@given(raw=mutants())
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
def test_scrambled_messages_for_minutes_are_always_answered(world: World, raw: bytes) -> None:
    check_answered(world, raw)


Talk = Callable[[int], Awaitable[None]]


def with_server(talk: Talk) -> None:
    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        stop = asyncio.Event()
        server = asyncio.create_task(serve(listener, threads=2, stop=stop))
        try:
            await asyncio.wait_for(talk(listener.getsockname()[1]), 30)
        finally:
            stop.set()
            await server

    asyncio.run(run())


def test_ten_megabytes_on_the_wire_are_ar_and_the_end_of_the_connection(world: World) -> None:
    raw = A28 + b"ZZZ|" + b"x" * (10 * 1024 * 1024)

    async def talk(port: int) -> None:
        async with Client("127.0.0.1", port, source=ADDRESS, timeout_seconds=20) as his:
            answer = er7.read(await his.send(raw))
            assert said(answer)[0] == "AR"
            assert await his.until_closed() == b""

    before = world.written()
    with_server(talk)
    row = heard(world)
    assert (row.outcome, row.body, row.length > 10 * 1024 * 1024) == ("unreadable", raw[: 64 * 1024], True)
    assert len(row.content_hash) == 32
    assert world.written() == before


def test_a_refused_message_leaves_the_connection_open_for_the_next(world: World) -> None:
    async def talk(port: int) -> None:
        async with Client("127.0.0.1", port, source=ADDRESS) as his:
            for raw in (b"rubbish", REFUSED[0][1], A28.split(b"\r")[0]):
                his.write(frame(raw))
                assert er7.read(await his.receive())["MSA"].text(1) in ("AR", "AE")

    before = world.written()
    with_server(talk)
    assert world.written() == before
