"""The socket: frames however they are cut, connections however they behave, and the limit."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from sqlalchemy import text

from adapters.hl7v2 import er7
from adapters.hl7v2.mllp import frame
from adapters.hl7v2.server import serve
from fixtures.simulators.mllp import Client, NoAnswer
from hub import exchange
from tests.adapters.hl7v2.conftest import Door, document
from tests.region import COMMUNITY

A28 = document("adt-a28_new-citizen.request.hl7")
ADDRESS = "127.0.1.3"
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

Talk = Callable[[int], Awaitable[None]]


def with_server(talk: Talk, *, limit_bytes: int = 100_000) -> None:
    """Run a conversation against a server of this test's own."""

    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        stop = asyncio.Event()
        server = asyncio.create_task(serve(listener, threads=4, stop=stop, limit_bytes=limit_bytes))
        try:
            await asyncio.wait_for(talk(listener.getsockname()[1]), 20)
        finally:
            stop.set()
            await server

    asyncio.run(run())


def client(port: int, source: str = ADDRESS) -> Client:
    return Client("127.0.0.1", port, source=source)


def numbered(number: int) -> bytes:
    return A28.replace(b"YQ20261122000001", f"M{number}".encode()).replace(b"YQ-000187", f"YQ-{number}".encode())


def code(raw: bytes) -> tuple[str, str]:
    answer = er7.read(raw)
    return answer["MSA"].text(1), answer["MSA"].text(2)


def test_messages_that_come_in_pieces_or_in_heaps_are_answered_in_their_order(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as his:
            for byte in frame(numbered(1)):
                his.write(bytes([byte]))
            assert code(await his.receive()) == ("AA", "M1")
            his.write(b"".join(frame(numbered(number)) for number in (2, 3, 4)))
            assert [code(await his.receive()) for _ in range(3)] == [("AA", "M2"), ("AA", "M3"), ("AA", "M4")]

    with_server(talk)
    assert hl7.counts()["person"] == 1


def test_enhanced_mode_gives_two_answers_on_the_connection(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as his:
            commit = await his.send(A28.replace(b"|2.5.1||||||", b"|2.5.1|||AL|AL||"))
            assert code(commit) == ("CA", "YQ20261122000001")
            assert code(await his.receive()) == ("AA", "YQ20261122000001")

    with_server(talk)


def test_at_the_limit_the_answer_is_ar_the_connection_closes_and_the_head_is_kept(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as his:
            answer = await his.send(A28 + b"ZZZ|" + b"x" * 100_000)
            assert code(answer) == ("AR", "YQ20261122000001")
            assert await his.until_closed() == b""

    with_server(talk)
    with hl7.session() as session:
        row = exchange.search_heard(session)[0]
    assert (row.outcome, len(row.body), row.length >= 100_000) == ("unreadable", 64 * 1024, True)
    assert "person" not in hl7.counts()


def test_what_speaks_no_mllp_is_kept_and_the_connection_closes(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as browser:
            browser.write(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
            assert await browser.until_closed() == b""

    with_server(talk)
    with hl7.session() as session:
        row = exchange.search_heard(session)[0]
    assert (row.outcome, row.fault, row.sender) == ("unreadable", "outside any frame", ADDRESS)


def test_a_message_cut_by_the_end_of_its_connection_is_kept_and_has_no_effect(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as his:
            his.write(b"\x0b" + A28[:200])
        while "heard" not in hl7.counts():
            await asyncio.sleep(0.05)

    with_server(talk)
    with hl7.session() as session:
        row = exchange.search_heard(session)[0]
    assert (row.body, row.fault) == (A28[:200], "cut before its end")
    assert "person" not in hl7.counts()


def test_garbage_before_a_frame_does_not_harm_the_frame(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as his:
            his.write(b"noise")
            assert code(await his.send(A28)) == ("AA", "YQ20261122000001")

    with_server(talk)
    assert hl7.counts()["heard"] == 2


def test_idle_and_slow_connections_keep_nobody_waiting(hl7: Door) -> None:
    async def talk(port: int) -> None:
        idle = [client(port) for _ in range(200)]
        for number, connection in enumerate(idle):
            await connection.__aenter__()
            connection.write(b"\x0bMSH|" if number % 2 else b"")
        async with client(port) as his:
            assert code(await his.send(A28)) == ("AA", "YQ20261122000001")
        for connection in idle:
            await connection.__aexit__()

    with_server(talk)


def test_many_copies_at_once_have_one_effect_and_one_answer(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async def once() -> bytes:
            async with client(port) as his:
                return await his.send(A28)

        answers = await asyncio.gather(*(once() for _ in range(12)))
        assert len(set(answers)) == 1

    with_server(talk)
    counts = hl7.counts()
    assert (counts["person"], counts["card"], counts["heard_key"], counts["heard"]) == (1, 1, 1, 12)


def test_a_peer_that_leaves_before_the_answer_gets_it_when_it_asks_again(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port) as his:
            his.write(frame(A28))
        while "heard" not in hl7.counts():
            await asyncio.sleep(0.02)
        async with client(port) as his:
            assert code(await his.send(A28)) == ("AA", "YQ20261122000001")

    with_server(talk)
    assert hl7.counts()["person"] == 1


def test_asked_to_stop_the_server_answers_the_message_in_hand_and_lets_the_idle_go(hl7: Door) -> None:
    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        stop = asyncio.Event()
        server = asyncio.create_task(serve(listener, threads=2, stop=stop))
        async with client(listener.getsockname()[1]) as busy, client(listener.getsockname()[1]) as idle:
            with hl7.session() as session, session.begin():
                session.execute(text("LOCK TABLE heard"))
                busy.write(frame(A28))
                while not session.scalar(WAITING):
                    await asyncio.sleep(0.02)
                stop.set()
            assert code(await busy.receive()) == ("AA", "YQ20261122000001")
            assert await idle.until_closed() == b""
            await asyncio.wait_for(server, 5)

    asyncio.run(run())


def test_a_hospital_may_speak_only_from_its_own_address(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with client(port, source="127.0.1.1") as other:
            answer = er7.read(await other.send(A28))
            assert (answer["MSA"].text(1), answer["ERR"].text(5)) == ("AE", "credential-refused")

    with_server(talk)
    assert "person" not in hl7.counts()
    assert COMMUNITY.encode() in A28


def test_without_an_answer_the_client_says_so(hl7: Door) -> None:
    async def talk(port: int) -> None:
        async with Client("127.0.0.1", port, source=ADDRESS, timeout_seconds=0.2) as his:
            his.write(b"\x0bMSH|")
            try:
                await his.receive()
            except NoAnswer:
                return
            raise AssertionError("an answer to half a frame")

    with_server(talk)
