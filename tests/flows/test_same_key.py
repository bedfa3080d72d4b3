"""A hundred copies of one message over real sockets: one settlement, and every answer the same, byte for byte."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api
from adapters.nhsa.routes import HOT
from fixtures.simulators.nhsa_client import Hospital
from hub import settlement, trust
from hub.settlement import Posting, Settlement
from tests.adapters.api.wire import token_for
from tests.adapters.nhsa.cashier import Window, fee
from tests.adapters.nhsa.conftest import SECRET, insured_in
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged
from tests.region import NOW, TERTIARY

COPIES = 100


@pytest.fixture
def serve(engine: Engine) -> Iterator[Callable[[], str]]:
    """Starts the doors on a port of loopback, as often as asked: each is as after a restart."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start() -> str:
        app = FastAPI()
        app.include_router(api.router)
        app.router.routes.extend(HOT)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


def at_once(send: Callable[[int], bytes]) -> set[bytes]:
    with ThreadPoolExecutor(COPIES) as pool:
        return set(pool.map(send, range(COPIES)))


def books(engine: Engine) -> tuple[int, int]:
    with Session(engine) as session:
        assert settlement.verify(session) == []
        count = session.scalar(select(func.count()).select_from(Settlement)) or 0
        return count, session.scalar(select(func.sum(Posting.amount))) or 0


@pytest.mark.slow
def test_over_the_json_api(engine: Engine, serve: Callable[[], str]) -> None:
    with Session(engine) as session, session.begin():
        with_pack(session)
        visit_id = charged(session, insured(session, balance=30_000).id, ended=NOW).id
    headers = {"Authorization": f"Bearer {token_for(engine, TERTIARY)}", "Idempotency-Key": "one-key"}

    def send(url: str) -> Callable[[int], bytes]:
        def one(_: int) -> bytes:
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
                ask = partial(client.post, "/api/v1/settlements", json={"visit_id": visit_id}, headers=headers)
                answer = ask()
                while answer.status_code == 503:  # busy, and nothing written: a sender asks again
                    answer = ask()
            assert answer.status_code == 200, answer.text
            return answer.content

        return one

    first = at_once(send(serve()))
    assert len(first) == 1
    assert {send(serve())(0)} == first, "and from another server, later"
    assert books(engine) == (1, 0)


@pytest.mark.slow
def test_over_the_national_interface(engine: Engine, serve: Callable[[], str]) -> None:
    with Session(engine) as session, session.begin():
        citizen = insured_in(session, 1, "310", balance="300.00")
        name = f"{TERTIARY}/nhsa"
        own = {"organisation_id": TERTIARY, "scopes": trust.SCOPES, "at": datetime.now(UTC)}
        trust.issue_access_key(session, name=name, secret=SECRET, **own)

    def hospital(url: str) -> Hospital:
        return Hospital(url, TERTIARY, "示例医院", name, SECRET, timeout_seconds=60)

    url = serve()
    one = hospital(url)
    window = Window(one, citizen).register().diagnose()
    window.charge(fee(1, "S-BED-01", "500.00", "2"))
    msgid = one.next_msgid()
    body = one.envelope("2207", {"data": window.bill()}, msgid=msgid)

    def send(url: str) -> bytes:
        sender = hospital(url)
        try:
            exchange = sender.send("2207", body, msgid=msgid)
            while "平台正忙" in exchange.message:  # nothing written: a sender asks again
                exchange = sender.send("2207", body, msgid=msgid)
        finally:
            sender.close()
        assert exchange.accepted, exchange.message
        return exchange.reply

    first = at_once(lambda _: send(url))
    assert len(first) == 1
    assert {send(serve())} == first, "and from another server, later"
    one.close()
    assert books(engine) == (1, 0)
