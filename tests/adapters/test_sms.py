"""The SMS adapter against a gateway that takes, refuses, hangs and breaks."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from pytest_httpx import HTTPXMock

from adapters import door
from adapters.delivery import signed, sms
from adapters.delivery.outcome import SENT, Outcome
from adapters.settings import Settings
from hub.exchange import Due
from tests.region import NOW

URL = "http://127.0.0.1:9/messages"
KEY = "a key of the tests"


def notice(*, template: str = "appointment", id: int = 7) -> Due:
    text = "【宜昌一卡通】验证码 123456，5 分钟内有效。请勿告诉他人。"
    snapshot = {"telephone": "15400000001", "person_id": 3, "template": template, "text": text}
    return Due(id=id, destination="sms", subject="person/3", kind="notice", snapshot=snapshot, posted_at=NOW, trace="t")


@pytest.fixture(autouse=True)
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings = Settings(sms_url=URL, sms_key=SecretStr(KEY))
    monkeypatch.setattr(door, "settings", lambda: settings)
    monkeypatch.setattr(door, "now", lambda: NOW)
    signed.client.cache_clear()
    yield
    signed.client().close()
    signed.client.cache_clear()


def test_a_text_leaves_signed_without_name_or_person_id(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=202)

    assert sms.deliver(notice()) == SENT

    (request,) = httpx_mock.get_requests()
    assert str(request.url) == URL
    assert json.loads(request.content) == {
        "id": "sms-7",
        "template": "appointment",
        "telephone": "15400000001",
        "text": "【宜昌一卡通】验证码 123456，5 分钟内有效。请勿告诉他人。",
    }
    assert request.headers["Idempotency-Key"] == "sms-7"
    stamp, mac = (part.split("=", 1)[1] for part in request.headers["X-OneCard-Signature"].split(","))
    assert int(stamp) == int(NOW.timestamp())
    assert mac == hmac.new(KEY.encode(), f"{stamp}.".encode() + request.content, hashlib.sha256).hexdigest()


def test_a_second_try_carries_the_same_key_and_bytes(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=503)
    httpx_mock.add_response(status_code=200)

    assert sms.deliver(notice()).kind == "failed"
    assert sms.deliver(notice()) == SENT

    first, second = httpx_mock.get_requests()
    assert first.content == second.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "sent") for status in (200, 202, 204)),
        *((status, "refused") for status in (400, 401, 404, 410)),
        *((status, "failed") for status in (302, 408, 425, 429, 500, 503)),
    ],
)
def test_what_the_gateway_says_decides_whether_it_is_tried_again(httpx_mock: HTTPXMock, status: int, kind: str) -> None:
    httpx_mock.add_response(status_code=status)
    assert sms.deliver(notice()).kind == kind


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("far"),
        httpx.ConnectError("down"),
        httpx.RemoteProtocolError("x"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_gateway_that_hangs_or_is_down_is_tried_again(httpx_mock: HTTPXMock, trouble: httpx.HTTPError) -> None:
    httpx_mock.add_exception(trouble)
    outcome = sms.deliver(notice())
    assert outcome.kind == "failed"
    assert type(trouble).__name__ in outcome.detail


def test_nobody_waits_longer_than_the_time_out() -> None:
    assert httpx.Timeout(5.0, connect=2.0) == signed.TIMEOUT
    assert signed.client().timeout == signed.TIMEOUT


def test_a_code_that_has_expired_is_not_sent(httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "now", lambda: NOW + timedelta(minutes=6))
    assert sms.deliver(notice(template="sign-in-code")) == Outcome("refused", "too old to be worth sending")
    assert httpx_mock.get_requests() == []


def test_without_a_gateway_nothing_is_lost(monkeypatch: pytest.MonkeyPatch, httpx_mock: HTTPXMock) -> None:
    monkeypatch.setattr(door, "settings", lambda: Settings())
    assert sms.deliver(notice()).kind == "failed"
    assert httpx_mock.get_requests() == []
