"""What amounts must add up to: the rules are the region's, a breach is refused or becomes an item, never absorbed."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from adapters.nhsa import settling
from adapters.nhsa.identities import unbalanced
from adapters.nhsa.region import region
from adapters.nhsa.tables import transaction
from hub import reconciliation
from hub.lifecycle import IllegalMove
from hub.reconciliation import BreachUnknown, Unbalanced
from hub.units import Money
from tests.adapters.nhsa.cashier import Window, fee
from tests.region import BUREAU, COUNTY, TERTIARY, system

YICHANG = region("420500")
GOOD = {
    "medfee_sumamt": 10000, "fulamt_ownpay_amt": 1000, "overlmt_selfpay": 500, "preselfpay_amt": 500,
    "inscp_scp_amt": 8000, "hifp_pay": 3000, "hifob_pay": 3000, "maf_pay": 0, "fund_pay_sumamt": 6000,
    "psn_part_amt": 4000, "acct_pay": 1500, "acct_mulaid_pay": 500, "psn_cash_pay": 2500, "hosp_part_amt": 0,
}  # fmt: skip
FUNDS = [
    {"fund_pay_type": "310100", "fund_payamt": 3000},
    {"fund_pay_type": "330100", "fund_payamt": 3000},
    {"fund_pay_type": "310200", "fund_payamt": 1500},
]


def broken(spoken=YICHANG, rows=FUNDS, **differs):
    vectors = {"setlinfo": {code: Money(fen) for code, fen in (GOOD | differs).items()}, "setldetail": rows}
    return {found.rule: found for found in unbalanced(spoken, "2304", "out", vectors)}


def test_a_vector_that_adds_up_breaks_no_rule():
    assert broken() == {}


@pytest.mark.parametrize(
    ("differs", "rules"),
    [
        ({"hosp_part_amt": 1}, {"fee-is-who-pays"}),
        ({"hosp_part_amt": 100, "psn_part_amt": 3900, "psn_cash_pay": 2400}, set()),
        ({"hifdm_pay": 1}, set()),
        ({"oth_pay": 1}, {"fund-is-its-funds"}),
        ({"acct_mulaid_pay": 1501}, {"account-holds-shared"}),
        ({"psn_cash_pay": 2499}, {"person-is-account-and-cash"}),
        ({"inscp_scp_amt": 7999}, {"fee-is-what-is-charged"}),
        ({"rows": FUNDS[:1]}, {"fund-is-its-rows"}),
        ({"rows": []}, {"fund-is-its-rows"}),
    ],
)
def test_each_rule_is_broken_by_its_own_fen(differs, rules):
    assert set(broken(**differs)) == rules


def test_what_is_said_and_what_the_parts_make_are_told():
    found = broken(psn_cash_pay=2499)["person-is-account-and-cash"]
    assert found == Unbalanced("person-is-account-and-cash", "setlinfo.psn_part_amt", 4000, 3999)


def test_another_region_counts_the_account_among_the_funds():
    """Guangdong's fund_pay_sumamt includes the personal account; that is data."""
    rules = tomllib.loads("""
    [[identities]]
    name = "fund-and-account"
    zh = "基金支付总额含个人账户"
    side = "out"
    in = ["2304"]
    node = "setlinfo"
    sum = "fund_pay_sumamt"
    parts = ["setldetail.fund_payamt"]
    """)
    there = replace(YICHANG, identities=tuple(rules["identities"]))
    assert set(broken(there)) == {"fund-and-account"}
    assert broken(there, fund_pay_sumamt=7500) == {}


def test_every_rule_names_fields_that_its_transactions_have():
    for rule in YICHANG.identities:
        for infno in rule["in"]:
            table = transaction(infno, YICHANG)
            nodes = table.incoming if rule["side"] == "in" else table.outgoing
            known = {f"{name}.{f.code}" for name, node in nodes.items() for f in node.fields}
            parts = {part if "." in part else f"{rule['node']}.{part}" for part in (rule["sum"], *rule["parts"])}
            assert parts <= known, (rule["name"], infno)


def test_what_a_hospital_states_wrongly_is_refused_by_its_field(hospital, insure):
    window = Window(hospital, insure(1, "310")).register().diagnose()
    window.charge(fee(1, "S-BED-01", "100.00"))
    answer = window.settle(inscp_scp_amt="99.99")
    assert "input.data.medfee_sumamt" in answer.message
    assert "100.00" in answer.message
    assert "99.99" in answer.message


def test_what_goes_out_wrong_is_an_item_until_somebody_explains_it(hospital, insure, engine, monkeypatch):
    """The ledger cannot be out of balance, so a fault of the translation is planted."""
    window = Window(hospital, insure(1, "310")).register().diagnose()
    window.charge(fee(1, "S-BED-01", "100.00"))
    right = settling.figures
    monkeypatch.setattr(settling, "figures", lambda bill, shared: right(bill, shared) | {"psn_cash_pay": Money(1)})
    msgid = hospital.next_msgid()
    first, second = (window.settle(msgid=msgid) for _ in range(2))
    assert first.reply == second.reply
    at = datetime.now(UTC)
    bureau, county = system(BUREAU, at=at), system(COUNTY, at=at)
    with Session(engine) as session:
        (found,) = reconciliation.breaches(session, bureau)
        assert (found.organisation_id, found.direction, found.infno, found.msgid) == (TERTIARY, "sent", "2207", msgid)
        assert (found.rule, found.element) == ("person-is-account-and-cash", "setlinfo.psn_part_amt")
        assert (found.said, found.summed) == (Money.yuan(first.output["setlinfo"]["psn_part_amt"]), Money(1))
        with pytest.raises(reconciliation.ForeignBooks):
            reconciliation.explain_breach(session, county, breach_id=found.id, note="")
        reconciliation.explain_breach(session, bureau, breach_id=found.id, note="翻译有误，已更正")
        assert reconciliation.breaches(session, bureau) == []
        with pytest.raises(IllegalMove):
            reconciliation.explain_breach(session, bureau, breach_id=found.id, note="again")
        with pytest.raises(BreachUnknown):
            reconciliation.explain_breach(session, bureau, breach_id=0, note="")
