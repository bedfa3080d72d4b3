"""acct_used_flag 2 (使用共济人个账): a relative's account pays, and acct_mulaid_pay says how much."""

import pytest
from sqlalchemy.orm import Session

from hub import coverage
from tests.adapters.nhsa.cashier import Window, fee
from tests.hub.coverage.test_sharing import share, sharing

PAID = ("acct_pay", "acct_mulaid_pay", "psn_cash_pay", "balc")


def paid(setlinfo: dict[str, str]) -> tuple[str, ...]:
    return tuple(setlinfo[name] for name in PAID)


@pytest.fixture
def spouse(hospital, insure, engine) -> Window:
    """An employee with 10 yuan of their own whose spouse, with 500 yuan, shares the account."""
    owner, spouse = insure(1, "310", balance="500.00"), insure(2, "310", balance="10.00")
    with Session(engine) as session, session.begin():
        pair = [type("Somebody", (), {"id": one.person_id}) for one in (owner, spouse)]
        share(session, sharing(*pair, relation="spouse"))
    window = Window(hospital, spouse)
    window.register().diagnose()
    window.charge(fee(1, "S-BED-01", "100.00", "2"))
    return window


def test_flag_2_draws_on_the_relatives_account_and_says_so(spouse, engine):
    quoted = spouse.quote(acct_used_flag="2")
    settled = spouse.settle(acct_used_flag="2").output["setlinfo"]
    assert paid(quoted) == paid(settled) == ("200.00", "200.00", "0.00", "10.00")
    undone = spouse.undo(settled["setl_id"]).output["setlinfo"]
    assert (undone["acct_pay"], undone["acct_mulaid_pay"]) == ("-200.00", "-200.00")
    with Session(engine) as session:
        assert coverage.balance(session, 1) == 50_000


@pytest.mark.parametrize(("flag", "account", "balance"), [("0", "0.00", "10.00"), ("1", "10.00", "0.00")])
def test_without_it_the_relatives_account_stays_as_it_is(spouse, flag, account, balance):
    settled = spouse.settle(acct_used_flag=flag).output["setlinfo"]
    assert (settled["acct_pay"], settled["acct_mulaid_pay"], settled["balc"]) == (account, "0.00", balance)


def test_flag_2_without_a_sharing_is_refused_in_words(hospital, insure):
    window = Window(hospital, insure(1, "310", balance="10.00"))
    window.register().diagnose()
    window.charge(fee(1, "S-BED-01", "100.00"))
    refused = window.settle(acct_used_flag="2")
    assert "家庭共济" in refused.message
