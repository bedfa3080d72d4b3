"""Adjudication: the worked examples, the money identities, and a naive twin."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.coverage import (
    BillWrong,
    Explanation,
    Line,
    adjudicate,
    bill_of,
    bill_steps,
    document,
    document_of,
    line_steps,
)
from hub.coverage.adjudication import spread_over
from hub.units import Money
from tests.hub.coverage.bills import EXAMPLES, a_bill, bills, example_pack, random_bill
from tests.hub.coverage.naive import naive_totals

PACK = example_pack()
FUNDS = ("pool", "large", "serious", "civil", "aid")


def explained(bill: dict[str, Any]) -> Explanation:
    _, facts, standing = bill_of(bill)
    return adjudicate(facts, PACK, standing)


def totals(bill: dict[str, Any]) -> dict[str, str]:
    return {name: str(Money(fen)) for name, fen in explained(bill).totals._asdict().items()}


@pytest.mark.parametrize("example", EXAMPLES["examples"], ids=lambda e: e["name"])
def test_a_worked_example_gives_its_totals_to_the_fen(example):
    assert totals(a_bill(**example["differs"])) == example["gives"]


@pytest.mark.parametrize("example", EXAMPLES["examples"], ids=lambda e: e["name"])
def test_the_naive_twin_agrees_on_a_worked_example(example):
    assert naive_totals(a_bill(**example["differs"])) == example["gives"]


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_the_naive_twin_agrees_on_random_bills(count):
    rng = random.Random(20241122)
    for _ in range(count):
        bill = random_bill(rng)
        assert totals(bill) == naive_totals(bill), bill


@given(bills())
@settings(max_examples=80, deadline=None)
def test_every_bill_foots(bill):
    e = explained(bill)
    t = e.totals
    assert t.total == t.fund + t.account + t.cash
    assert t.total == t.over + t.own + t.first + t.scope
    assert t.fund == sum(getattr(t, fund) for fund in FUNDS)
    assert min(t) >= 0
    assert t.fund <= t.scope


@given(bills())
@settings(max_examples=80, deadline=None)
def test_the_lines_sum_to_the_totals_and_none_gets_more_than_its_scope(bill):
    e = explained(bill)
    for name in e.shares[0]._fields if e.shares else ():
        total = "total" if name == "amount" else name
        assert sum(getattr(share, name) for share in e.shares) == getattr(e.totals, total)
    for share in e.shares:
        assert share.amount == share.over + share.own + share.first + share.scope
        assert min(share) >= 0
        assert share.fund <= share.scope


@given(bills(), st.sampled_from(["up", "down"]))
@settings(max_examples=80, deadline=None)
def test_a_filed_referral_never_makes_a_person_pay_more(bill, direction):
    referral = {"filed": True, "direction": direction, "deductible_paid": "300.00"}
    assert explained(bill | {"referral": referral}).totals.person <= explained(bill | {"referral": None}).totals.person


@given(bills())
@settings(max_examples=80, deadline=None)
def test_no_fund_pays_beyond_its_year(bill):
    e = explained(bill)
    t, year, scheme = e.totals, e.standing.year, e.scheme
    assert t.pool <= e.room
    if scheme.large:
        assert t.large <= max(0, scheme.large.fund_at_most - year.large)
    if scheme.serious:
        assert t.serious <= max(0, scheme.serious.fund_at_most - year.serious)
    if scheme.aid:
        assert t.aid <= max(0, scheme.aid.fund_at_most - year.aid)


@given(bills())
@settings(max_examples=80, deadline=None)
def test_a_bill_document_reads_back_to_equal_values(bill):
    read = bill_of(bill)
    assert bill_of(document_of(*read)) == read


@given(bills())
@settings(max_examples=50, deadline=None)
def test_every_line_and_the_bill_tell_their_steps_in_both_languages(bill):
    e = explained(bill)
    told = document(e)
    assert [line["id"] for line in told["lines"]] == [line["id"] for line in bill["lines"]]
    of_lines = [step for pair in zip(e.bill.lines, e.shares, strict=True) for step in line_steps(e, *pair)]
    for step in (*bill_steps(e), *of_lines):
        assert step.sentence("zh")
        assert step.sentence("en")
        assert "{" not in step.sentence("zh") + step.sentence("en")


@pytest.mark.parametrize(
    ("amount", "weights", "left", "shares"),
    [
        (10, [1, 1, 1], [9, 9, 9], [4, 3, 3]),
        (11, [1, 1, 1], [9, 9, 9], [4, 4, 3]),
        (50000, [320500, 345690, 170000], [320500, 345690, 170000], [19164, 20671, 10165]),
        (10, [5, 5], [3, 9], [3, 7]),
        (10, [5, 5], [9, 3], [7, 3]),
        (3, [0, 7, 0], [0, 7, 0], [0, 3, 0]),
    ],
)
def test_an_amount_is_spread_by_largest_remainder_and_the_excess_moves_on(amount, weights, left, shares):
    assert spread_over(amount, weights, sum(weights), left) == shares


REFUSED = [
    ({"care": "home"}, "care"),
    ({"care": None}, "care"),
    ({"insutype": "320"}, "insutype"),
    ({"hospital_level": 4}, "hospital_level"),
    ({"hospital_level": "3"}, "hospital_level"),
    ({"day": "2023-12-31"}, "day"),
    ({"day": "2026-02-30"}, "day"),
    ({"day": 20261122}, "day"),
    ({"admission": 0}, "admission"),
    ({"chronic": "gout", "care": "outpatient"}, "chronic"),
    ({"chronic": "diabetes"}, "chronic"),
    ({"out_of_area": "yes"}, "out_of_area"),
    ({"retired": "no"}, "retired"),
    ({"referral": {"filed": True, "direction": "sideways"}}, "referral.direction"),
    ({"referral": {"direction": "up"}}, "referral.filed"),
    ({"account_balance": "-1.00"}, "account_balance"),
    ({"account_balance": "1.005"}, "account_balance"),
    ({"account_balance": 1.5}, "account_balance"),
    ({"year": {"pool": "NaN"}}, "year.pool"),
    ({"year": {"pooled": "1.00"}}, "year.pooled"),
    ({"discount": "1.00"}, "discount"),
    ({"lines": {}}, "lines"),
]


@pytest.mark.parametrize(("differs", "element"), REFUSED, ids=lambda x: x if isinstance(x, str) else "")
def test_a_wrong_bill_is_refused_naming_the_element(differs, element):
    with pytest.raises(BillWrong) as refusal:
        explained(a_bill(**differs))
    assert refusal.value.element == element


WRONG_LINES = [
    ("quantity", "-1"),
    ("quantity", "1e3"),
    ("quantity", 1.5),
    ("unit_price", "-0.01"),
    ("unit_price", "NaN"),
    ("ceiling", "-850"),
    ("class", "D"),
    ("approved", None),
    ("id", ""),
    ("surprise", 1),
]


@pytest.mark.parametrize(("element", "found"), WRONG_LINES)
def test_a_wrong_line_is_refused_naming_line_and_element(element, found):
    line = {"id": "1", "class": "A", "quantity": "1", "unit_price": "1.00", "ceiling": None, "approved": True}
    with pytest.raises(BillWrong) as refusal:
        explained(a_bill(lines=[line | {"id": "0"}, line | {element: found}]))
    assert refusal.value.element == f"lines[1].{element}"


@pytest.mark.parametrize("missing", ["pack", "day", "insutype", "care", "hospital_level", "lines"])
def test_a_missing_element_is_refused_by_name(missing):
    bill = a_bill()
    del bill[missing]
    with pytest.raises(BillWrong) as refusal:
        explained(bill)
    assert refusal.value.element == missing


def test_a_line_id_may_stand_once():
    line = {"id": "1", "class": "A", "quantity": "1", "unit_price": "1.00"}
    with pytest.raises(BillWrong) as refusal:
        explained(a_bill(lines=[line, line]))
    assert refusal.value.element == "lines[1].id"


def test_a_negative_line_that_was_not_read_from_a_document_is_refused_too():
    _, bill, standing = bill_of(a_bill())
    wrong = replace(bill, lines=(Line("7", "A", Decimal(-1), Decimal(5)),))
    with pytest.raises(BillWrong) as refusal:
        adjudicate(wrong, PACK, standing)
    assert refusal.value.element == "lines[7].quantity"
