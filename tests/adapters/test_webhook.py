"""A hospital's system hears of its settlements: signed, the same bytes at every try, in order, over a real socket too."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from pytest_httpx import HTTPXMock
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters import door
from adapters.delivery import signed, webhook
from adapters.delivery.loop import Delivery
from adapters.delivery.outcome import SENT
from adapters.delivery.routes import carry
from hub import settlement
from hub.directory import Endpoint
from hub.exchange import Due
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged, settle, undo
from tests.region import NOW, TERTIARY, system

URL, SECRET = "http://127.0.0.1:9/onecard", "whs_a secret of the tests"
ENDPOINT = Endpoint(organisation_id=TERTIARY, kind="webhook", url=URL, secret=SECRET, state="active")


def due(**snapshot: object) -> Due:
    said = {"event": "settlement.settled", "settlement": {"settlement_id": 12, "total": "9705.99"}} | snapshot
    return Due(id=7, destination=f"webhook/{TERTIARY}", subject="visit/3", kind="settlement.settled", snapshot=said,
               posted_at=NOW, trace="t")  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_client() -> Iterator[None]:
    signed.client.cache_clear()
    yield
    signed.client().close()
    signed.client.cache_clear()


def believed(request_body: bytes, header: str, secret: str = SECRET) -> bool:
    """As a hospital checks it (docs/how-to/hear-of-settlements.md)."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + request_body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


def test_a_message_leaves_signed_and_every_try_carries_the_same_bytes(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=503)
    httpx_mock.add_response(status_code=204)
    assert webhook.deliver(ENDPOINT, due()).kind == "failed"
    assert webhook.deliver(ENDPOINT, due()) == SENT
    first, second = httpx_mock.get_requests()
    assert first.content == second.content
    assert json.loads(first.content) == {"id": "due-7", **due().snapshot}
    assert {request.headers["Idempotency-Key"] for request in (first, second)} == {"due-7"}
    assert believed(first.content, first.headers["X-OneCard-Signature"])
    assert not believed(first.content + b" ", first.headers["X-OneCard-Signature"])


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "sent"), (202, "sent"), (400, "refused"), (410, "refused"), (422, "refused")]
    + [(status, "failed") for status in (302, 401, 403, 404, 408, 429, 500, 503)],
)
def test_only_a_refusal_of_the_message_itself_is_final(httpx_mock: HTTPXMock, status: int, kind: str) -> None:
    httpx_mock.add_response(status_code=status)
    assert webhook.deliver(ENDPOINT, due()).kind == kind


def test_no_answer_may_pass(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ReadTimeout("timed out"))
    assert webhook.deliver(ENDPOINT, due()).kind == "failed"


def test_without_a_secret_nothing_leaves(httpx_mock: HTTPXMock) -> None:
    bare = Endpoint(organisation_id=TERTIARY, kind="webhook", url=URL, state="active")
    assert webhook.deliver(bare, due()).kind == "failed"
    assert httpx_mock.get_requests() == []


def listen(session: Session, url: str = URL) -> None:
    session.add(Endpoint(organisation_id=TERTIARY, kind="webhook", url=url, secret=SECRET))
    session.flush()


def posted(session: Session) -> list[Due]:
    rows = session.scalars(select(Due).where(Due.destination == f"webhook/{TERTIARY}").order_by(Due.id))
    return list(rows)


def test_settled_refunded_and_undone_are_each_told_in_the_lane_of_their_visit(session: Session) -> None:
    with_pack(session)
    listen(session)
    stay = charged(session, insured(session, balance=30_000).id, ended=NOW)
    row = settle(session, stay, key="m1")
    given = settlement.refund(
        session,
        system(TERTIARY),
        settlement_id=row.id,
        lines={"3": Decimal(1)},
        reason="多收",
        key="r1",
        content_hash=b"",
    )
    counter = undo(session, given.rest)
    told = posted(session)
    assert [(one.kind, one.subject) for one in told] == [
        (event, f"visit/{stay.id}") for event in ("settlement.settled", "settlement.refunded", "settlement.undone")
    ]
    settled, refunded, undone = (one.snapshot for one in told)
    amounts = {name: settled["settlement"][name] for name in ("total", "fund", "account", "shared", "cash")}
    assert amounts == {"total": "9705.99", "fund": "5742.28", "account": "300.00", "shared": "0.00", "cash": "3663.71"}
    assert (settled["settlement"]["settlement_id"], settled["settlement"]["msgid"]) == (row.id, "m1")
    assert (refunded["refunded"], refunded["settlement"]["settlement_id"]) == (row.id, given.rest.id)
    assert (refunded["counter_entry"]["undoes"], refunded["counter_entry"]["total"]) == (row.id, "-9705.99")
    assert (refunded["lines"], refunded["reason"]) == ([{"number": "3", "quantity": "1"}], "多收")
    assert (undone["settlement"]["settlement_id"], undone["settlement"]["undoes"]) == (counter.id, given.rest.id)


def test_a_refused_settlement_tells_nothing_and_a_repeat_tells_once(session: Session) -> None:
    with_pack(session)
    listen(session)
    stay = charged(session, insured(session).id, ended=NOW)
    for _ in range(3):
        settle(session, stay, key="m1")
    with pytest.raises(settlement.KeyTaken):
        settle(session, stay, key="m1", content=b"other")
    assert len(posted(session)) == 1


def test_a_hospital_without_a_webhook_has_no_lane(session: Session) -> None:
    with_pack(session)
    undo(session, settle(session, charged(session, insured(session).id, ended=NOW)))
    assert posted(session) == []


class Listener(HTTPServer):
    """A hospital's system: breaks twice, then takes what is signed, and keeps what it took in order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.breaks, self.took, self.unsigned = 2, [], 0
        self.full = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not believed(body, self.headers["X-OneCard-Signature"]):
            self.server.unsigned += 1
        if self.server.breaks:
            self.server.breaks -= 1
            self.send_response(503)
        else:
            self.server.took.append(json.loads(body))
            self.send_response(204)
        self.end_headers()
        if len(self.server.took) == 3:
            self.server.full.set()

    def log_message(self, *_: object) -> None: ...


def test_over_a_real_socket_what_breaks_comes_again_and_nothing_overtakes(engine: Engine) -> None:
    listener = Listener()
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    with Session(engine, expire_on_commit=False) as session, session.begin():
        with_pack(session)
        listen(session, f"http://127.0.0.1:{listener.server_port}/onecard")
        stay = charged(session, insured(session).id, ended=NOW)
    for verb in (lambda s: settle(s, stay, key="m1"), lambda s: undo_first(s), lambda s: settle(s, stay, key="m2")):
        door.transact(verb)
    delivery = Delivery(2)
    delivery.start()
    try:
        assert listener.full.wait(30), listener.took
    finally:
        delivery.stop()
        listener.shutdown()
        thread.join()
        listener.server_close()
    assert [one["event"] for one in listener.took] == ["settlement.settled", "settlement.undone", "settlement.settled"]
    assert (listener.took[2]["settlement"]["msgid"], listener.unsigned) == ("m2", 0)
    with Session(engine) as session:
        rows = posted(session)
        assert [(row.state, row.tries) for row in rows] == [("sent", 3), ("sent", 1), ("sent", 1)]


def undo_first(session: Session):
    row = session.scalars(select(settlement.Settlement).order_by(settlement.Settlement.id)).first()
    assert row is not None
    return undo(session, row)


def test_a_paused_webhook_waits(engine: Engine, httpx_mock: HTTPXMock) -> None:
    with Session(engine) as session, session.begin():
        session.add(Endpoint(organisation_id=TERTIARY, kind="webhook", url=URL, secret=SECRET, state="paused"))
    assert carry(due()).kind == "failed"
    assert httpx_mock.get_requests() == []
