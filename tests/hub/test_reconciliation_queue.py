"""The work queue in order and narrowed, and the month's figures from the same rows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hub import reconciliation
from hub.reconciliation import NOBODY
from hub.reconciliation.months import DayShare
from hub.units import day_of
from tests.hub.ledgers import DAY, HOSPITAL, PERIOD, ledger_in
from tests.region import BUREAU, COUNTY, TERTIARY, staff, system

CLERK = replace(staff(BUREAU), at=HOSPITAL.at + timedelta(days=3))


@pytest.fixture
def ledger(session):
    return ledger_in(session)


def compare(session, lines, *, period=PERIOD, at=HOSPITAL.at):
    stated = reconciliation.statements.sum_of(lines)
    caller = replace(HOSPITAL, at=at)
    return reconciliation.compare_lines(session, caller, period=period, stated=stated, lines=lines).breaks


@pytest.fixture
def three(session, ledger):
    """Found on the first day off by 5 yuan and by 1 fen, on the next by 100 yuan."""
    small, middle, large = ledger(), ledger(), ledger(day=DAY + timedelta(days=1))
    first = compare(session, [replace(small, fund=small.fund - 1), replace(middle, fee=middle.fee - 500)])
    tomorrow = replace(PERIOD, day_from=DAY + timedelta(days=1), day_to=DAY + timedelta(days=1))
    late = HOSPITAL.at + timedelta(days=1)
    (last,) = compare(session, [replace(large, fee=large.fee - 10000)], period=tomorrow, at=late)
    return *sorted(first, key=reconciliation.size), last


def test_the_oldest_come_first_and_of_a_day_the_largest(session, three):
    small, middle, large = three
    assert reconciliation.queue(session, CLERK).rows == (middle, small, large)


def test_by_money_the_largest_come_first(session, three):
    small, middle, large = three
    assert reconciliation.queue(session, CLERK, order="money").rows == (large, middle, small)


def test_the_queue_is_narrowed_by_hospital_kind_and_owner(session, three):
    small, middle, large = three
    reconciliation.take(session, CLERK, break_id=middle.id)
    wanted = {
        ("hospital", COUNTY): (),
        ("hospital", TERTIARY): (middle, small, large),
        ("kind", "duplicate"): (),
        ("kind", "amount"): (middle, small, large),
        ("owner", CLERK.id): (middle,),
        ("owner", NOBODY): (small, large),
    }
    for (name, value), rows in wanted.items():
        found = reconciliation.queue(session, CLERK, **{name: value})
        assert found.rows == rows, (name, value)
        assert (found.every, found.owners) == (3, {CLERK.id: 1, NOBODY: 2})


def test_a_hospital_sees_its_own_queue_only(session, three):
    with pytest.raises(reconciliation.ForeignBooks):
        reconciliation.queue(session, system(COUNTY))
    assert reconciliation.queue(session, system(COUNTY), own=COUNTY).rows == ()


def test_a_month_counts_what_agrees_what_differs_and_what_is_to_come(session, ledger):
    equal, off = ledger(), ledger()
    ledger(insutype="390", care="inpatient")
    compare(session, [equal, replace(off, fund=off.fund - 250), replace(equal, setl_id="L1", mdtrt_id="L")])
    found = reconciliation.month(session, CLERK, first=DAY.replace(day=1))
    days = {each.day: each for each in found.days}
    assert days[DAY] == DayShare(DAY, matched=1, apart=2, awaited=1)
    assert days[DAY - timedelta(days=1)].lines == 0
    assert found.days[-1].day == day_of(CLERK.at)
    (hospital,) = found.hospitals
    assert (hospital.organisation_id, hospital.open_breaks, hospital.insurer.count) == (TERTIARY, 2, 3)
    assert hospital.off == reconciliation.bridge(session, CLERK, organisation_id=TERTIARY, day=DAY).insurer - (
        reconciliation.bridge(session, CLERK, organisation_id=TERTIARY, day=DAY).hospital
    )
    assert found.ages == {"amount": (0, 1, 0, 0), "hospital-only": (0, 1, 0, 0)}, "Monday to Wednesday"


def test_what_heals_agrees_again_in_the_month(session, ledger):
    line = ledger()
    compare(session, [replace(line, fund=1)])
    compare(session, [line])
    found = reconciliation.month(session, CLERK, first=DAY.replace(day=1))
    assert [each for each in found.days if each.lines] == [DayShare(DAY, 1, 0, 0)]
    assert (found.ages, found.hospitals[0].off) == ({}, reconciliation.Amounts())


@pytest.mark.parametrize(("days", "age"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (60, 3)])
def test_four_ages(days, age):
    assert reconciliation.age_class(days) == age


def test_a_month_to_come_is_empty(session):
    found = reconciliation.month(session, CLERK, first=(DAY + timedelta(days=40)).replace(day=1))
    assert (found.days, found.hospitals) == ((), ())
