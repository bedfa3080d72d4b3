"""Amounts, days and times as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from adapters.web import figures

TODAY = date(2026, 11, 22)
TOMORROW_MORNING = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fen", "shown"), [(123450, "¥1,234.50"), (0, "¥0.00"), (5, "¥0.05"), (-691847, "−¥6,918.47"), (100, "¥1.00")]
)
def test_money_has_two_decimals_and_a_true_minus(fen: int, shown: str) -> None:
    assert figures.money(fen) == shown


@pytest.mark.parametrize(("fen", "shown"), [(691847, "+ 6,918.47"), (-9663, "− 96.63"), (0, "0.00")])
def test_a_difference_shows_its_sign(fen: int, shown: str) -> None:
    assert figures.signed(fen) == shown


@pytest.mark.parametrize(("fen", "shown"), [(564565, "+5,645.65"), (-9663, "−96.63"), (2448123, "+24,481")])
def test_a_heat_cell_rounds_only_from_ten_thousand_yuan(fen: int, shown: str) -> None:
    assert figures.cell(fen) == shown


def test_a_moment_is_told_as_one_says_it() -> None:
    assert figures.moment(TOMORROW_MORNING, "zh", TODAY) == "11月23日 周一 上午 9:30"
    assert figures.moment(TOMORROW_MORNING, "en", TODAY) == "Mon 23 Nov, 9:30"
    assert figures.near(TOMORROW_MORNING, "zh", TODAY) == "明天上午 9:30"
    assert figures.near(TOMORROW_MORNING, "en", TODAY) == "tomorrow, 9:30"


def test_another_year_is_told_and_this_one_is_not() -> None:
    assert figures.day(date(2025, 3, 1), "zh", TODAY) == "2025年3月1日 周六"
    assert figures.day(date(2026, 3, 1), "zh", TODAY) == "3月1日 周日"


@pytest.mark.parametrize(
    ("birth", "years"), [(date(1960, 11, 22), 66), (date(1960, 11, 23), 65), (date(2026, 1, 1), 0)]
)
def test_age_counts_full_years(birth: date, years: int) -> None:
    assert figures.age(birth, TODAY) == years


@pytest.mark.parametrize(
    ("value", "shown"), [(Decimal("10"), "10"), (Decimal("1.5000"), "1.5"), (Decimal("1280.333"), "1,280.333")]
)
def test_a_quantity_has_no_trailing_zeros(value: Decimal, shown: str) -> None:
    assert figures.quantity(value) == shown


def test_a_telephone_is_masked_in_lists() -> None:
    assert figures.telephone_masked("13800000000") == "138****0000"
