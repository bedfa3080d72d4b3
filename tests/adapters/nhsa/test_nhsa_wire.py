"""The wire documents: every request reads as its field table says, every reply carries what the table requires."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.nhsa import envelope
from adapters.nhsa.identities import unbalanced
from adapters.nhsa.region import region
from adapters.nhsa.tables import transaction
from hub.faults import Fault
from hub.units import Money

WIRE = Path(__file__).parents[3] / "fixtures/wire/nhsa"
YICHANG = region("420500")
CASES = sorted(path.name.removesuffix(".request.json") for path in WIRE.glob("*.request.json"))
UNSIGNED = "1201_unsigned"
REFUSED_UNREAD = {"1101_code-outside-list", "5302_not-offered"}
"""Refused by envelope or field table; what else is refused, a rule of the hub refuses."""


def document(case, side):
    return json.loads((WIRE / f"{case}.{side}.json").read_text())


def opened(case):
    infno = case.partition("_")[0]
    found = envelope.decode((WIRE / f"{case}.request.json").read_bytes())
    request = envelope.open_envelope(found, asked=infno, path=infno, spoken=YICHANG)
    return transaction(infno, YICHANG).read(request.input, lines_at_most=YICHANG.lines_at_most)


def test_every_transaction_that_is_served_has_a_document_of_both_sides():
    assert {case.partition("_")[0] for case in CASES} >= YICHANG.served


def test_every_request_has_its_reply():
    assert CASES
    assert sorted(path.name.removesuffix(".reply.json") for path in WIRE.glob("*.reply.json")) == CASES


@pytest.mark.parametrize("case", [case for case in CASES if case not in REFUSED_UNREAD])
def test_a_request_reads_as_its_field_table_says(case):
    assert opened(case)


@pytest.mark.parametrize("case", sorted(REFUSED_UNREAD))
def test_a_wrong_request_is_refused_with_the_sentence_of_its_reply(case):
    with pytest.raises(Fault) as refused:
        opened(case)
    assert document(case, "reply")["err_msg"] == refused.value.sentence("zh")


@pytest.mark.parametrize("case", [case for case in CASES if case != UNSIGNED])
def test_a_reply_carries_what_its_field_table_requires(case):
    reply = document(case, "reply")
    assert len(reply["inf_refmsgid"]) == 30
    if reply["infcode"] != 0:
        assert reply["output"] == {}
        return
    nodes = transaction(case.partition("_")[0], YICHANG).outgoing
    loose = {code: value for code, value in reply["output"].items() if code not in nodes}
    for name, node in nodes.items():
        found = loose if name == "_" else reply["output"][name]
        for row in found if node.many else [found]:
            assert list(row) == [f.code for f in node.fields]
            assert [f.code for f in node.fields if f.required and row[f.code] == ""] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.partition("_")[0] in YICHANG.served])
def test_the_amounts_of_a_document_add_up(case):
    infno, reply = case.partition("_")[0], document(case, "reply")
    table = transaction(infno, YICHANG)
    said = {name: node for name, node in reply.get("output", {}).items() if name in table.outgoing}
    read = {name: _amounts(table.outgoing[name], node) for name, node in said.items()}
    assert unbalanced(YICHANG, infno, "out", read) == []


def _amounts(node, rows):
    money = {f.code for f in node.fields if f.type == "N(16,2)"}
    found = [
        {code: Money.yuan(value) if code in money else value for code, value in row.items()}
        for row in (rows if node.many else [rows])
    ]
    return found if node.many else found[0]


def test_an_unsigned_request_gets_the_gateways_own_answer():
    assert document(UNSIGNED, "reply") == {"code": 401, "message": "缺少服务网关的请求头!"}


@pytest.mark.parametrize(("quoted", "settled"), [("2206_quoted", "2207_settled"), ("2303_quoted", "2304_settled")])
def test_quote_and_settlement_say_the_same_amounts(quoted, settled):
    before, after = (document(case, "reply")["output"]["setlinfo"] for case in (quoted, settled))
    amounts = [f.code for f in transaction("2207", YICHANG).outgoing["setlinfo"].fields if f.type == "N(16,2)"]
    same = [code for code in amounts if code in before and code in after]
    assert {code: before[code] for code in same} == {code: after[code] for code in same}
    assert Decimal(after["medfee_sumamt"]) == Decimal(after["fund_pay_sumamt"]) + Decimal(after["psn_part_amt"])
