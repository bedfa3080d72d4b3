"""The national interface: every field of every transaction wrong in turn, and the rows of other hospitals."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.nhsa.region import HOME_AREA, region
from adapters.nhsa.served import READS
from adapters.nhsa.tables import transaction
from fixtures.simulators.nhsa_client import Hospital
from tests.faults.bad import mutated
from tests.faults.doors import SERVED, Door, Findings, refused_in_form
from tests.faults.national import Ask
from tests.faults.samples import transactions
from tests.faults.world import SECRET, World
from tests.region import COUNTY, TERTIARY

SHARE = 40
STALE = datetime.now(UTC) - timedelta(minutes=31)
WRONG: list[Any] = [
    True,
    -1,
    10**40,
    1.5,
    "-0.01",
    "NaN",
    "2026-02-30",
    "a\u0000b",
    "a\ud800b",
    "x" * 5000,
    [],
    {},
    None,
]


def required(infno: str) -> list[tuple[str, str]]:
    nodes = transaction(infno, region(HOME_AREA)).incoming
    return [(name, field.code) for name, node in nodes.items() for field in node.fields if field.required]


@pytest.mark.parametrize("infno", SERVED)
def test_a_required_field_that_is_missing_is_named(world: World, ask: Ask, infno: str) -> None:
    findings, before = Findings(), world.written()
    for node, code in required(infno):
        said = json.loads(json.dumps(transactions(world)[infno]))
        row = said[node][0] if isinstance(said[node], list) else said[node]
        row.pop(code)
        answer = ask(infno, said)
        with findings:
            assert answer["infcode"] == -1, f"{infno} {node}.{code}: taken"
            assert code in answer["err_msg"], f"{infno} {node}.{code}: {answer['err_msg']}"
    findings.none()
    assert world.written() == before


@pytest.mark.parametrize("part", [pytest.param(SHARE, id="a share"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_a_field_that_holds_what_it_cannot_is_refused_or_understood(world: World, ask: Ask, part: int) -> None:
    """A transaction that reads leaves nothing behind whatever was asked; a refused one neither."""
    findings, before = Findings(), world.written()
    for infno, said in transactions(world).items():
        for where, wrong in mutated(said, values=WRONG):
            if hashlib.sha256(f"{infno} {where}".encode()).digest()[0] % part:
                continue
            with findings:
                answer = ask(infno, wrong)
                assert "平台内部错误" not in answer.get("err_msg", ""), f"{infno} {where}"
                if answer["infcode"] == 0 and infno not in READS:
                    before = world.written()
        with findings:
            assert world.written() == before, f"{infno}: a refusal wrote something"
    findings.none()


@pytest.mark.parametrize(
    "said", [None, [], "text", 1, {}, {"data": None}, {"data": []}, {"data": "x"}, {"unknown": {}}, [[[[]]]]], ids=repr
)
def test_an_input_of_another_shape_names_the_node(world: World, ask: Ask, said: Any) -> None:
    findings, before = Findings(), world.written()
    for infno in SERVED:
        answer = ask(infno, said)
        with findings:
            assert answer["infcode"] == -1, f"{infno}: {answer}"
            assert "input" in answer["err_msg"], f"{infno}: {answer['err_msg']}"
    findings.none()
    assert world.written() == before


@pytest.mark.parametrize("field", ["infno", "msgid", "mdtrtarea_admvs", "opter_type", "inf_time", "fixmedins_code"])
@pytest.mark.parametrize(
    "wrong", ["", None, -1, True, [], {}, "x" * 400, "a\u0000b", "\ud800"], ids=lambda w: repr(w)[:20]
)
def test_an_envelope_field_that_is_wrong_is_refused(world: World, ask: Ask, field: str, wrong: Any) -> None:
    before = world.written()
    if wrong == -1 and field == "mdtrtarea_admvs":
        return  # a number is taken for the text of it, and an area is any text
    answer = ask("9001", transactions(world)["9001"], differs={field: wrong})
    assert answer["infcode"] == -1
    assert world.written() == before


@pytest.mark.parametrize("infno", [infno for infno in SERVED if infno not in ("9001", "9002")])
def test_the_visits_and_settlements_of_another_hospital_are_nobodys(world: World, ask: Ask, infno: str) -> None:
    """Whatever names a visit or a settlement of ours is refused to the county, and changes nothing."""
    said = json.dumps(transactions(world)[infno])
    if '"mdtrt_id"' not in said and '"setl_id"' not in said:
        return
    before = world.written()
    answer = ask(infno, json.loads(said.replace(TERTIARY, COUNTY)), institution=COUNTY)
    assert answer["infcode"] == -1, f"{infno}: {answer}"
    assert world.written() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"_api_signature": "AAAA"},
        {"_api_signature": "长"},
        {"_api_signature": "x" * 50_000},
        {"_api_timestamp": "1000000000000"},
        {"_api_timestamp": "9" * 13},
        {"_api_timestamp": "-1"},
        {"_api_timestamp": "１２３"},
        {"_api_access_key": "nobody"},
        {"_api_access_key": f"{COUNTY}/nhsa"},
        {"_api_name": "2207"},
        {"_api_version": "9"},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}={next(iter(wrong.values()))[:14]!r}",
)
def test_a_signature_that_does_not_hold_is_turned_away_at_the_gate(world: World, wrong: dict[str, str]) -> None:
    hospital = Hospital("http://hub", TERTIARY, "示例医院", f"{TERTIARY}/nhsa", SECRET)
    before = world.written()
    headers = {key: value.encode() for key, value in (hospital.signed("9001") | wrong).items()}
    answer: httpx.Response = world.send("POST", "/nhsa/9001", content=b"{}", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, 401)
    assert world.written() == before
    hospital.close()


@pytest.mark.parametrize("infno", SERVED)
def test_unsigned_or_stale_every_transaction_gets_the_gateways_own_answer(world: World, infno: str) -> None:
    late = Hospital("http://hub", TERTIARY, "示例医院", f"{TERTIARY}/nhsa", SECRET, clock=lambda: STALE)
    before, body = world.written(), json.dumps({"input": transactions(world)[infno]}).encode()
    for headers, sentence in (({}, "缺少服务网关的请求头!"), (late.signed(infno), "签名时间戳超时!")):
        answer = world.send("POST", f"/nhsa/{infno}", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": sentence})
    assert world.written() == before
    late.close()


@pytest.mark.parametrize(
    "path", ["/nhsa/%00", "/nhsa/a%00b", "/nhsa/" + "9" * 3000, "/nhsa/..%2f1101", "/nhsa/１１０１"]
)
def test_a_transaction_number_that_is_none(world: World, path: str) -> None:
    hospital = Hospital("http://hub", TERTIARY, "示例医院", f"{TERTIARY}/nhsa", SECRET)
    answer = world.send("POST", path, content=b"{}", headers=hospital.signed("1101"))
    refused_in_form(Door("POST", "/nhsa/1101"), answer)
    hospital.close()
