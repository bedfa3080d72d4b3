"""Every way two sides can differ over a settlement has a name; together the differences are the whole difference."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.reconciliation.matching import Elsewhere, Kind, Line, differences, grouped


def line(setl_id="1", fee=1000, fund=700, account=100, *, visit="V1", refund=False):
    sign = -1 if refund else 1
    return Line(setl_id, visit, "P1", sign * fee, sign * fund, sign * account, refund)


def named(hospital, insurer, elsewhere=None):
    return [(d.setl_id, d.kind) for d in differences(grouped(hospital), grouped(insurer), elsewhere or {})]


@pytest.mark.parametrize(
    ("hospital", "insurer", "expected"),
    [
        pytest.param([line()], [line()], [], id="equal"),
        pytest.param([line(), line(refund=True)], [line(), line(refund=True)], [], id="both took it back"),
        pytest.param([], [line()], [("1", Kind.INSURER_ONLY)], id="timed out, never written"),
        pytest.param([line()], [], [("1", Kind.HOSPITAL_ONLY)], id="the request was lost"),
        pytest.param([line(fund=701)], [line()], [("1", Kind.AMOUNT)], id="one fen of the fund"),
        pytest.param([line(account=0)], [line()], [("1", Kind.AMOUNT)], id="the account"),
        pytest.param([line()], [line(), line(refund=True)], [("1", Kind.REVERSED_ON_ONE_SIDE)], id="only the insurer undid"),
        pytest.param([line(), line(refund=True)], [line()], [("1", Kind.REVERSED_ON_ONE_SIDE)], id="only the hospital undid"),
        pytest.param([line(), line()], [line()], [("1", Kind.DUPLICATE)], id="double click"),
        pytest.param([line(), line(fee=5)], [line()], [("1", Kind.UNKNOWN)], id="listed twice with other amounts"),
        pytest.param(
            [line("9")],
            [line("1"), line("2")],
            [("1", Kind.SEVERAL_AT_INSURER), ("2", Kind.SEVERAL_AT_INSURER), ("9", Kind.SEVERAL_AT_INSURER)],
            id="retried under new message ids",
        ),
    ],
)  # fmt: skip
def test_a_difference_has_its_name(hospital, insurer, expected):
    assert named(hospital, insurer) == expected


def test_a_settlement_of_another_day_is_named_so():
    elsewhere = {"1": Elsewhere(False, date(2026, 11, 21), "11")}
    assert named([line()], [], elsewhere) == [("1", Kind.CROSS_DAY)]
    assert named([], [line()], elsewhere) == [("1", Kind.CROSS_DAY)]


def test_a_settlement_of_another_bucket_is_named_so():
    elsewhere = {"1": Elsewhere(True, date(2026, 11, 22), "21")}
    (difference,) = differences(grouped([line()]), {}, elsewhere)
    assert (difference.kind, difference.note) == (Kind.WRONG_BUCKET, "2026-11-22, clr_type 21")


def test_equal_sums_of_two_wrong_lines_do_not_hide_each_other():
    hospital = [line("1", fund=600), line("2", fund=800)]
    insurer = [line("1", fund=700), line("2", fund=700)]
    assert named(hospital, insurer) == [("1", Kind.AMOUNT), ("2", Kind.AMOUNT)]


lines = st.lists(
    st.builds(
        line,
        st.sampled_from("abcdef"),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        visit=st.sampled_from(["V1", "V2"]),
        refund=st.booleans(),
    ),
    max_size=30,
)


@given(lines, lines)
def test_the_named_differences_are_the_whole_difference(hospital, insurer):
    found = differences(grouped(hospital), grouped(insurer), {})
    for item in ("fee", "fund", "account"):
        a, b = (sum(getattr(x, item) for x in side) for side in (hospital, insurer))
        moved = sum(
            (getattr(d.insurer, item) if d.insurer else 0) - (getattr(d.hospital, item) if d.hospital else 0)
            for d in found
        )
        assert a + moved == b


@given(lines)
def test_a_side_held_against_itself_has_no_differences(side):
    assert differences(grouped(side), grouped(side), {}) == []
