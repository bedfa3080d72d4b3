"""Whatever the bureau's figures are: money adds up, and no fund pays more than it may."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.coverage import adjudicate, bill_of, check_pack, document, document_of
from tests.hub.coverage.bills import bills
from tests.hub.coverage.random_packs import packs

FUNDS = ("pool", "large", "serious", "civil", "aid")
ANY = settings(max_examples=100, deadline=None)


def explained(pack, bill):
    _, facts, standing = bill_of(bill)
    return adjudicate(facts, pack, standing)


@given(packs)
@ANY
def test_a_random_pack_is_lawful(pack):
    check_pack(pack)


@given(packs, bills())
@ANY
def test_bill_and_lines_foot_under_any_pack(pack, bill):
    e = explained(pack, bill)
    t = e.totals
    assert t.total == t.fund + t.account + t.cash == t.over + t.own + t.first + t.scope
    assert t.fund == sum(getattr(t, fund) for fund in FUNDS) <= t.scope
    assert min(t) >= 0
    for name in e.shares[0]._fields if e.shares else ():
        assert sum(getattr(share, name) for share in e.shares) == getattr(t, "total" if name == "amount" else name)
    for share in e.shares:
        assert share.amount == share.over + share.own + share.first + share.scope
        assert min(share) >= 0
        assert share.fund <= share.scope


@given(packs, bills())
@ANY
def test_no_fund_pays_more_than_what_is_left_under_any_pack(pack, bill):
    e = explained(pack, bill)
    t, scheme, year = e.totals, e.scheme, e.standing.year
    assert t.pool <= e.room
    for name, layer in (("large", scheme.large), ("serious", scheme.serious), ("aid", scheme.aid)):
        paid = getattr(t, name)
        assert paid == 0 if layer is None else paid <= max(0, layer.fund_at_most - getattr(year, name))
    assert t.account - e.shared <= e.standing.account_balance
    assert e.shared <= (e.standing.shared_balance or 0)
    assert scheme.personal_account or t.account == e.shared


@given(packs, bills(), st.sampled_from(["up", "down"]))
@ANY
def test_under_any_pack_a_filed_referral_gives_the_pool_no_less(pack, bill, direction):
    filed = {"filed": True, "direction": direction, "deductible_paid": "300.00"}
    with_it, without = (explained(pack, bill | {"referral": referral}).totals for referral in (filed, None))
    assert with_it.pool >= without.pool
    assert with_it.deductible <= without.deductible


@given(packs, bills())
@settings(max_examples=40, deadline=None)
def test_under_any_pack_what_is_kept_runs_again_to_the_same_explanation(pack, bill):
    pack_id, facts, standing = bill_of(bill)
    kept = document_of(pack_id, facts, standing)
    assert document(explained(pack, kept)) == document(explained(pack, bill))
