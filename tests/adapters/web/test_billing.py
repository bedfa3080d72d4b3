"""A bill told in words and sums: the worked bill of the example pack, to the fen."""

import json
from pathlib import Path

import pytest

from adapters.web.billing import telling
from adapters.web.words import words
from hub import coverage

ROOT = Path(__file__).parents[3]
PACK = coverage.read_pack((ROOT / "fixtures/packs/yichang-example-2024.toml").read_text("utf-8"))
EXAMPLES = json.loads((ROOT / "tests/hub/coverage/worked_examples.json").read_text("utf-8"))


def _told(language: str, **changes: object):
    base = {
        "pack": PACK.id,
        "day": "2026-11-22",
        "insutype": "310",
        "care": "inpatient",
        "hospital_level": 3,
        "referral": {"filed": True, "direction": "up", "deductible_paid": "500.00"},
        "account_balance": "300.00",
        "lines": [
            {"id": "1", "class": "A", "quantity": "10", "unit_price": "320.50", "ceiling": None, "approved": True},
            {"id": "2", "class": "B", "quantity": "3", "unit_price": "1280.333", "ceiling": None, "approved": True},
            {"id": "3", "class": "C", "quantity": "1", "unit_price": "560.00", "ceiling": None, "approved": True},
            {"id": "4", "class": "A", "quantity": "2", "unit_price": "900.00", "ceiling": "850.00", "approved": True},
            {"id": "5", "class": "B", "quantity": "1.5", "unit_price": "199.99", "ceiling": None, "approved": False},
        ],
    }
    _, bill, standing = coverage.bill_of({**base, **changes})
    explanation = coverage.adjudicate(bill, PACK, standing)
    _, bill, without = coverage.bill_of({**base, **changes, "referral": None})
    other = coverage.adjudicate(bill, PACK, without)
    return telling(explanation, other, words(language), language, names={"4": "心脏彩超"}, units={"4": "次"})


def test_the_headline_says_what_the_referral_saved() -> None:
    assert "医保付了七成多。因为办了转诊备案，您少付了" in str(_told("zh").headline)
    assert "¥1,176.19" in str(_told("zh").headline)
    assert "more than seven tenths. Because the referral was filed, you paid" in str(_told("en").headline)


def test_the_three_numbers_are_a_sum_the_eye_can_check() -> None:
    told = _told("zh")
    assert (told.total, told.fund, told.person) == (970599, 691847, 278752)
    assert told.account + told.cash == told.person


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_table_of_a_bill_foots_to_the_fen(language: str) -> None:
    told = _told(language)
    assert sum(row.amount for row in told.parts) == told.person
    assert sum(line.amount for line in told.lines) == told.total
    assert sum(line.person for line in told.lines) == told.person
    for line in told.lines:
        assert sum(-row.amount if row.takes_off else row.amount for row in line.paid) == line.person
        assert sum(row.amount for row in line.parts) == line.person


def test_a_line_says_its_name_its_count_and_why() -> None:
    line = _told("zh").lines[3]
    assert (line.name, line.count) == ("心脏彩超", "2 次 × ¥900.00")
    assert line.parts[0].amount == 10000
    assert "限价" in line.parts[0].text


def test_with_and_without_the_referral_stand_side_by_side() -> None:
    told = _told("zh")
    assert [(choice.amount, choice.chosen) for choice in told.choices] == [(278752, True), (396371, False)]
    assert told.apart == 117619


def test_a_bill_that_the_insurance_does_not_pay_says_so() -> None:
    told = _told(
        "zh",
        lines=[{"id": "1", "class": "C", "quantity": "1", "unit_price": "560.00", "ceiling": None, "approved": True}],
    )
    assert "这次医保没有付。" in str(told.headline)
