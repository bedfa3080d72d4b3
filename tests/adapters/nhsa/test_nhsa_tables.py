"""The field tables decide what is a well-formed transaction; every refusal names the element."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from adapters.nhsa import envelope
from adapters.nhsa.gathered import SETTLES
from adapters.nhsa.region import names, region
from adapters.nhsa.served import VERBS
from adapters.nhsa.tables import transaction
from hub.faults import Invalid, Missing, Problem
from hub.units import CHINA, Money

YICHANG = region("420500")
SETTLE = transaction("2207", YICHANG)
GOOD = {
    "psn_no": "42050000000001",
    "mdtrt_cert_type": "02",
    "mdtrt_cert_no": "42050019800101001X",
    "psn_cert_type": "01",
    "certno": "42050019800101001X",
    "med_type": "11",
    "medfee_sumamt": "100.10",
    "psn_setlway": "01",
    "mdtrt_id": "3",
    "chrg_bchno": "B1",
    "insutype": "310",
    "acct_used_flag": "1",
    "fulamt_ownpay_amt": "0",
    "overlmt_selfpay": "0",
    "preselfpay_amt": "0",
    "inscp_scp_amt": "100.10",
}


def read(**differs):
    return SETTLE.read({"data": GOOD | differs}, lines_at_most=100)["data"]


def test_every_served_transaction_has_a_table_a_name_and_a_verb():
    assert YICHANG.served == VERBS.keys() | SETTLES
    for infno in YICHANG.served:
        assert transaction(infno, YICHANG).zh
        assert infno in names()


def test_every_other_transaction_of_the_country_is_refused_by_number_and_name():
    others = {infno: zh for infno, zh in names().items() if infno not in YICHANG.served}
    assert len(others) > 100
    head = {
        "msgid": "H42050000101202611220900000001",
        "mdtrtarea_admvs": "420500",
        "recer_sys_code": "MBS",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "1",
        "opter_name": "收费",
        "inf_time": "2026-11-22 09:00:00",
        "fixmedins_code": "H42050000101",
        "fixmedins_name": "医院",
        "input": {},
    }
    for infno, zh in others.items():
        with pytest.raises(envelope.TransactionNotOffered) as refused:
            envelope.open_envelope(head | {"infno": infno}, asked=infno, path=infno, spoken=YICHANG)
        assert refused.value.sentence("zh") == f"本地区（宜昌市）未开通交易 {infno} {zh}。"


def test_every_coded_field_names_a_list_that_exists():
    for infno in YICHANG.served:
        table = transaction(infno, YICHANG)
        for node in (*table.incoming.values(), *table.outgoing.values(), *table.files.values()):
            assert [f.list for f in node.fields if f.list and f.list not in YICHANG.codes] == []


@pytest.mark.parametrize("written", ["100.10", "100.1", 100, Decimal("100.10"), " 100.10 "])
def test_money_may_come_as_text_or_number_and_is_fen_inside(written):
    expected = Money(10000) if written == 100 else Money(10010)
    assert read(medfee_sumamt=written)["medfee_sumamt"] == expected


@pytest.mark.parametrize(
    ("differs", "element", "problem"),
    [
        ({"psn_no": ""}, "input.data.psn_no", Problem.MISSING),
        ({"psn_no": None}, "input.data.psn_no", Problem.MISSING),
        ({"psn_no": "   "}, "input.data.psn_no", Problem.MISSING),
        ({"psn_no": "x" * 31}, "input.data.psn_no", Problem.TYPE),
        ({"psn_no": {"a": 1}}, "input.data.psn_no", Problem.TYPE),
        ({"psn_no": "a\x00b"}, "input.data.psn_no", Problem.TYPE),
        ({"insutype": "777"}, "input.data.insutype", Problem.CODE),
        ({"medfee_sumamt": "100.105"}, "input.data.medfee_sumamt", Problem.TYPE),
        ({"medfee_sumamt": "-1.00"}, "input.data.medfee_sumamt", Problem.TYPE),
        ({"medfee_sumamt": "1e3"}, "input.data.medfee_sumamt", Problem.TYPE),
        ({"medfee_sumamt": "１００"}, "input.data.medfee_sumamt", Problem.TYPE),
        ({"medfee_sumamt": "9" * 15}, "input.data.medfee_sumamt", Problem.TYPE),
        ({"medfee_sumamt": True}, "input.data.medfee_sumamt", Problem.TYPE),
        ({"mdtrt_cert_type": "03"}, "input.data.card_sn", Problem.MISSING),
    ],
)
def test_a_wrong_field_is_refused_by_its_path(differs, element, problem):
    with pytest.raises(Invalid) as refused:
        read(**differs)
    assert (refused.value.element, refused.value.problem) == (element, problem)


def test_each_required_field_of_each_transaction_is_missed_by_name():
    for infno in YICHANG.served:
        for name, node in transaction(infno, YICHANG).incoming.items():
            required = [f.code for f in node.fields if f.required]
            with pytest.raises(Missing) as refused:
                node.read_row({}, f"input.{name}")
            assert refused.value.element == f"input.{name}.{required[0]}"


@pytest.mark.parametrize("written", [[], "data", None, 3])
def test_a_node_that_is_no_object_is_refused(written):
    with pytest.raises(Invalid) as refused:
        SETTLE.read({"data": written}, lines_at_most=100)
    assert refused.value.element == "input.data"


def test_a_missing_node_is_named():
    with pytest.raises(Missing) as refused:
        SETTLE.read({}, lines_at_most=100)
    assert refused.value.element == "input.data"


def test_a_wrong_line_is_named_by_its_place():
    upload = transaction("2301", YICHANG)
    with pytest.raises(Missing) as refused:
        upload.read({"feedetail": [{}]}, lines_at_most=100)
    assert refused.value.element == "input.feedetail[0].feedetl_sn"


def test_more_lines_than_the_region_takes_are_refused_with_the_limit():
    with pytest.raises(Invalid, match="不超过 2 行"):
        transaction("2301", YICHANG).read({"feedetail": [{}, {}, {}]}, lines_at_most=2)


def test_both_spellings_of_an_area_field_are_read():
    settle = transaction("2304", YICHANG).incoming["data"]
    base = {f.code: "1" for f in settle.fields if f.required and not f.list} | {
        "mdtrt_cert_type": "02",
        "psn_cert_type": "01",
        "psn_type": "11",
        "psn_setlway": "01",
        "insutype": "310",
        "acct_used_flag": "1",
        "mid_setl_flag": "0",
    }
    del base["mdtrtarea_admvs"]
    row = settle.read_row(base | {"mdtrtarea_admdvs": "420500"}, "input.data")
    assert row["mdtrtarea_admvs"] == "420500"


def test_a_refund_line_of_an_in_patient_may_be_negative_and_an_amount_at_settlement_may_not():
    fees = {f.code: f for f in transaction("2301", YICHANG).incoming["feedetail"].fields}
    assert fees["cnt"].signed
    assert not fees["pric"].signed


def test_days_and_instants_are_of_china():
    admit = transaction("2304", YICHANG).incoming["data"]
    plan = {code: convert for code, _, _, convert in admit.plan}
    assert plan["dscgTime"]("2026-11-22") == date(2026, 11, 22)
    visit = {code: convert for code, _, _, convert in transaction("2201", YICHANG).incoming["data"].plan}
    assert visit["begntime"]("2026-11-22 08:30:00") == datetime(2026, 11, 22, 8, 30, tzinfo=CHINA)
    for wrong in ("2026-13-01 00:00:00", "2026/11/22 08:30:00", "20261122083000", 20261122):
        with pytest.raises(ValueError, match="日期时间"):
            visit["begntime"](wrong)


def test_what_is_empty_leaves_as_the_interface_wants_it():
    written = (
        transaction("2207", YICHANG)
        .outgoing["setlinfo"]
        .write({"setl_id": 7, "medfee_sumamt": Money(10010), "setl_time": datetime(2026, 11, 22, 8, 0, tzinfo=CHINA)})
    )
    assert written["setl_id"] == "7"
    assert written["medfee_sumamt"] == "100.10"
    assert written["setl_time"] == "2026-11-22 08:00:00"
    assert (written["hifp_pay"], written["naty"]) == ("0", "")
