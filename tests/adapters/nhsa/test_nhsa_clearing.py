"""3203 and 3204: a month is applied for with the ledger's amounts, once, and can be taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fixtures.simulators.nhsa_client import CHINA
from hub.reconciliation import ClearingApplication
from tests.adapters.nhsa.cashier import Window, fee
from tests.region import COUNTY

TODAY = datetime.now(CHINA).date()


@pytest.fixture
def settled(hospital, insure):
    """Two settlements of today, one of them taken back."""
    window = Window(hospital, insure(1, "310", balance="50.00")).register().diagnose()
    window.charge(fee(1, "S-BED-01", "100.00"), batch="B1")
    window.undo(window.settle(batch="B1").output["setlinfo"]["setl_id"])
    window.charge(fee(2, "S-ESC-01", "300.00"), batch="B2")
    return hospital, window.settle(batch="B2").output["setlinfo"]


def application(setlinfo, **differs):
    return {
        "data": {
            "clr_type": setlinfo["clr_type"],
            "clr_way": "1",
            "setlym": f"{TODAY:%Y%m}",
            "psntime": "1",
            "medfee_sumamt": setlinfo["medfee_sumamt"],
            "med_sumfee": setlinfo["medfee_sumamt"],
            "fund_appy_sum": setlinfo["fund_pay_sumamt"],
            "cash_payamt": setlinfo["psn_cash_pay"],
            "acct_pay": setlinfo["acct_pay"],
            "begndate": f"{TODAY.replace(day=1)}",
            "enddate": f"{TODAY}",
        }
        | differs
    }


def standing(engine):
    with Session(engine) as session:
        return session.scalars(select(ClearingApplication.state).order_by(ClearingApplication.id)).all()


def test_a_month_is_applied_for_once_and_again_after_it_was_withdrawn(settled, engine, hospital_of):
    hospital, setlinfo = settled
    number = hospital.ask("3203", application(setlinfo))["result"]["clr_appy_evt_id"]
    assert number in hospital.call("3203", application(setlinfo)).message
    assert "查不到" in hospital_of(COUNTY).call("3204", {"data": {"clr_appy_evt_id": number}}).message
    assert hospital.ask("3204", {"data": {"clr_appy_evt_id": number}}) == {}
    assert not hospital.call("3204", {"data": {"clr_appy_evt_id": number}}).accepted
    assert hospital.call("3203", application(setlinfo)).accepted
    assert standing(engine) == ["withdrawn", "applied"]


def cents(text, by):
    return str(Decimal(text) + Decimal(by))


def test_amounts_that_are_not_the_ledgers_or_do_not_add_up_are_refused_by_their_field(settled, engine):
    hospital, setlinfo = settled
    wrong = {
        "input.data.medfee_sumamt": {"medfee_sumamt": cents(setlinfo["medfee_sumamt"], "0.01")},
        "input.data.fund_appy_sum": {
            "fund_appy_sum": cents(setlinfo["fund_pay_sumamt"], "0.01"),
            "cash_payamt": cents(setlinfo["psn_cash_pay"], "-0.01"),
        },
        "input.data.setlym": {"setlym": "202613"},
        "input.data.begndate": {"begndate": "2020-01-01"},
        "input.data.enddate": {"enddate": "2020-01-01"},
        "input.data.clr_type": {"clr_type": "nope"},
    }
    for element, differs in wrong.items():
        assert element in hospital.call("3203", application(setlinfo, **differs)).message
    assert "查不到" in hospital.call("3204", {"data": {"clr_appy_evt_id": "x"}}).message
    assert standing(engine) == []


def test_two_applications_at_once_are_one(settled, engine):
    hospital, setlinfo = settled
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: hospital.call("3203", application(setlinfo)).accepted, range(2)))
    assert sorted(answers) == [False, True]
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(ClearingApplication)) == 1
