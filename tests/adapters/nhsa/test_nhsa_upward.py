"""The client that speaks upward: what it sends, and which end each answer is, above all what may have happened."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

import httpx
import pytest
from pytest_httpx import HTTPXMock, IteratorStream

from adapters.nhsa import upward
from adapters.nhsa.region import HOME_AREA, region
from adapters.nhsa.upward import Accepted, NotReached, Refused, Speaker, Unanswered
from adapters.nhsa.upward_answers import answer_of
from hub.coverage import Authority
from tests.region import NOW, TERTIARY

URL = "http://platform.invalid/nhsa"
AUTHORITY = Authority(area="429900", url=URL, access_key="hub", secret="a secret of the tests", timeout_seconds=1)
SPEAKER = Speaker(TERTIARY, "市示例中心医院")
MSGID = f"{TERTIARY}202611220900000001"
SETTLED = {
    "mdtrt_id": "V-1",
    "setl_id": "P-1",
    "psn_no": "4299",
    "psn_name": "张示例",
    "certno": "42990019600101001X",
    "insutype": "310",
    "setl_time": "2026-11-22 09:00:01",
    "medfee_sumamt": "100.00",
    "fulamt_ownpay_amt": "0.00",
    "overlmt_selfpay": "0",
    "preselfpay_amt": "0.00",
    "inscp_scp_amt": "100.00",
    "act_pay_dedc": "0.00",
    "hifp_pay": "60.00",
    "pool_prop_selfpay": "0.6000",
    "hifes_pay": "1.00",
    "oth_pay": "2.00",
    "fund_pay_sumamt": 63,
    "psn_part_amt": "37.00",
    "acct_pay": "7.00",
    "psn_cash_pay": "30.00",
    "balc": "93.00",
    "clr_type": "11",
    "clr_optins": "429900",
    "medins_setl_id": MSGID,
}


@pytest.fixture(autouse=True)
def fresh_client() -> Iterator[None]:
    upward._client.cache_clear()
    yield
    upward._client().close()
    upward._client.cache_clear()


def say(infno: str = "2207", **data: str) -> upward.Outcome:
    return upward.say(AUTHORITY, infno, {"data": data}, msgid=MSGID, speaker=SPEAKER, at=NOW)


def reply(output: object = None, infcode: object = 0, message: str = "") -> dict[str, object]:
    return {"infcode": infcode, "inf_refmsgid": "1", "err_msg": message, "output": output}


def test_a_message_leaves_signed_in_the_envelope_of_the_interface(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=reply({}, -1, "no"))
    say(mdtrt_id="V-1")
    (request,) = httpx_mock.get_requests()
    assert str(request.url) == f"{URL}/2207"
    signed = {name: request.headers[name] for name in sorted(request.headers) if name.startswith("_api_")}
    signature = signed.pop("_api_signature")
    text = "&".join(f"{name}={value}" for name, value in signed.items())
    made = hmac.new(b"a secret of the tests", text.encode(), hashlib.sha1).digest()
    assert signature == base64.b64encode(made).decode()
    assert (signed["_api_access_key"], signed["_api_name"]) == ("hub", "2207")
    sent = json.loads(request.content)
    assert sent["input"] == {"data": {"mdtrt_id": "V-1"}}
    wanted = {
        "infno": "2207",
        "msgid": MSGID,
        "insuplc_admdvs": "429900",
        "mdtrtarea_admvs": "420500",
        "fixmedins_code": TERTIARY,
        "inf_time": "2026-11-22 09:00:00",
        "opter": "HUB",
    }
    assert {name: sent[name] for name in wanted} == wanted


def test_an_accepted_settlement_is_read_by_its_table(httpx_mock: HTTPXMock) -> None:
    detail = {"fund_pay_type": "310100", "inscp_scp_amt": "100", "crt_payb_lmt_amt": "63", "fund_payamt": "63.00"}
    httpx_mock.add_response(json=reply({"setlinfo": SETTLED, "setldetail": [detail]}))
    outcome = say()
    assert isinstance(outcome, Accepted)
    answer = answer_of(outcome, area="429900", at=NOW)
    amounts = (answer.total, answer.fund, answer.pool, answer.other, answer.account, answer.cash, answer.person)
    assert amounts == (10_000, 6_300, 6_000, 300, 700, 3_000, 3_700)
    assert (answer.ratio, answer.balance, answer.hospital) == (60_000_000, 9_300, 0)
    assert answer.settled_at.isoformat() == "2026-11-22T09:00:01+08:00"
    told = json.dumps(answer.words, ensure_ascii=False)
    assert "张示例" not in told
    assert "42990019600101001X" not in told


@pytest.mark.parametrize("infcode", [0, "0"])
def test_zero_is_success_however_it_is_written(httpx_mock: HTTPXMock, infcode: object) -> None:
    httpx_mock.add_response(json=reply({"data": {"mdtrt_id": "V-1"}}, infcode))
    assert isinstance(say("2201"), Accepted)


@pytest.mark.parametrize(
    ("status", "body", "end"),
    [
        (200, reply({}, -1, "待遇已封锁"), Refused("待遇已封锁")),
        (200, reply({}, "-1", ""), Refused("infcode -1")),
        (200, reply({}, "1", ""), Refused("infcode 1")),
        (401, {"code": 401, "message": "签名不一致!"}, Refused("401 签名不一致!")),
        (404, "nothing here", Refused("HTTP 404")),
        (429, {"code": 429}, Refused("HTTP 429")),
        (408, "", Unanswered("HTTP 408")),
        (500, "", Unanswered("HTTP 500")),
        (502, reply({}, -1, "no"), Unanswered("HTTP 502")),
        (302, "", Unanswered("HTTP 302")),
        (200, "<html>busy</html>", Unanswered("the answer is not JSON")),
        (200, "", Unanswered("the answer is not JSON")),
        (200, [1], Unanswered("the answer has no infcode")),
        (200, {"code": 0}, Unanswered("the answer has no infcode")),
    ],
)
def test_an_answer_says_what_may_have_happened(httpx_mock: HTTPXMock, status: int, body: object, end: object) -> None:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    httpx_mock.add_response(status_code=status, content=content)
    assert say() == end


@pytest.mark.parametrize(
    "wrong",
    [
        {"medfee_sumamt": None},
        {"medfee_sumamt": "a lot"},
        {"fund_pay_sumamt": "1.234"},
        {"hifp_pay": "NaN"},
        {"mdtrt_id": ""},
        {"clr_type": ["11"]},
    ],
)
def test_an_accepted_answer_whose_money_cannot_be_read_is_no_answer(httpx_mock: HTTPXMock, wrong: object) -> None:
    httpx_mock.add_response(json=reply({"setlinfo": SETTLED | wrong, "setldetail": []}))
    outcome = say()
    assert isinstance(outcome, Unanswered)
    assert "does not fit its table" in outcome.problem


@pytest.mark.parametrize("output", [None, {}, {"setlinfo": []}, "text"])
def test_an_accepted_answer_without_its_node_is_no_answer(httpx_mock: HTTPXMock, output: object) -> None:
    httpx_mock.add_response(json=reply(output))
    assert isinstance(say(), Unanswered)


def test_what_is_missing_of_the_person_does_not_lose_the_money(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=reply({"setlinfo": SETTLED | {"psn_name": "", "psn_type": "new"}}))
    assert isinstance(say(), Accepted)


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        (httpx.ConnectError("refused"), NotReached),
        (httpx.ConnectTimeout("slow"), NotReached),
        (httpx.ReadTimeout("slow"), Unanswered),
        (httpx.WriteTimeout("slow"), Unanswered),
        (httpx.WriteError("reset"), Unanswered),
        (httpx.ReadError("reset"), Unanswered),
        (httpx.RemoteProtocolError("closed"), Unanswered),
    ],
)
def test_only_what_never_left_is_surely_not_done(httpx_mock: HTTPXMock, trouble: Exception, end: type) -> None:
    httpx_mock.add_exception(trouble)
    assert isinstance(say(), end)


def test_an_answer_that_never_ends_is_given_up(httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upward, "LARGEST_BYTES", 1000)
    httpx_mock.add_response(stream=IteratorStream([b"x" * 400] * 4))
    assert say() == Unanswered("_TooMuch: more than 1000 bytes")


def test_an_answer_that_drips_has_no_more_time_than_its_first_byte(
    httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 0.5, 1.5])
    monkeypatch.setattr(upward, "monotonic", lambda: next(ticks))
    httpx_mock.add_response(stream=IteratorStream([b"{", b" ", b"}"]))
    assert say() == Unanswered("_TooMuch: not whole after 1 s")


def test_a_file_comes_as_bytes(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=b"PK\x03\x04...")
    assert say("9102") == Accepted({}, {}, b"PK\x03\x04...")


def test_what_an_undo_answers_is_not_read_because_its_sign_is_not_agreed(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=reply({"setlinfo": {"medfee_sumamt": "-100.00"}}))
    assert say("2208") == Accepted({}, {"setlinfo": {"medfee_sumamt": "-100.00"}})


def test_message_ids_of_our_own_never_repeat_and_are_no_hospitals() -> None:
    made = {upward.msgid(TERTIARY, NOW) for _ in range(2000)}
    assert len(made) == 2000
    assert {len(one) for one in made} == {30}
    assert all(one[26] == "H" for one in made)


def test_a_message_upward_is_written_by_the_table_it_is_read_by_here() -> None:
    spoken = region(HOME_AREA)
    said = upward.written("2601", {"data": {"psn_no": "4299", "omsgid": MSGID, "oinfno": "2207"}}, spoken)
    assert said == {"data": {"psn_no": "4299", "omsgid": MSGID, "oinfno": "2207"}}
