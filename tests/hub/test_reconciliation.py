"""Statements, named differences and their life, against a ledger in a real database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hub import reconciliation
from hub.lifecycle import IllegalMove
from hub.reconciliation import (
    ActionUnknown,
    Amounts,
    BreakUnknown,
    ForeignBooks,
    PeriodTooLong,
    SamePerson,
    StatementDoesNotFoot,
    StatementFileExpired,
    StatementFileUnknown,
)
from hub.trust import NotAllowed
from tests.hub.ledgers import DAY, HOSPITAL, PERIOD, ledger_in
from tests.region import BUREAU, COUNTY, TERTIARY, staff, system

CLERK = staff(BUREAU)
COLLEAGUE = replace(CLERK, id="colleague")


@pytest.fixture
def ledger(session):
    return ledger_in(session)


def summed(lines):
    return reconciliation.statements.sum_of(lines)


def compare(session, lines, *, period=PERIOD, caller=HOSPITAL):
    return reconciliation.compare_lines(session, caller, period=period, stated=summed(lines), lines=lines)


def totals(session, stated, *, insutype="310", period=PERIOD):
    return reconciliation.compare_totals(session, HOSPITAL, period=period, insutype=insutype, stated=stated)


def kinds(compared):
    return [row.kind for row in compared.breaks]


def bridge(session, day=DAY):
    return reconciliation.bridge(session, CLERK, organisation_id=TERTIARY, day=day)


def test_equal_totals_are_level_and_both_sides_are_kept_with_hash_and_time(session, ledger):
    line = ledger()
    compared = totals(session, summed([line]))
    assert compared.balanced
    sides = [
        session.get(reconciliation.Statement, x)
        for x in (compared.comparison.hospital_id, compared.comparison.insurer_id)
    ]
    assert [side.side for side in sides] == ["hospital", "insurer"]
    assert all(len(side.digest) == 32 and side.received_at == HOSPITAL.at for side in sides)
    assert sides[0].received_from != sides[1].received_from


@pytest.mark.parametrize("off", [Amounts(fee=1), Amounts(fund=1), Amounts(account=1), Amounts(count=1)])
def test_one_fen_or_one_line_off_is_not_level(session, ledger, off):
    line = ledger()
    assert not totals(session, summed([line]) + off).balanced


def test_a_settlement_undone_another_day_counts_on_its_own_day(session, ledger):
    first = ledger()
    back = ledger(undoes=first, day=DAY + timedelta(days=1))
    assert totals(session, summed([first])).balanced
    tomorrow = replace(PERIOD, day_from=DAY + timedelta(days=1), day_to=DAY + timedelta(days=1))
    assert totals(session, summed([back]), period=tomorrow).balanced


def test_a_settlement_the_hospital_books_a_day_late_is_cross_day(session, ledger):
    ledger()
    late = ledger(day=DAY + timedelta(days=1))
    compared = compare(session, [late])
    assert sorted(kinds(compared)) == ["cross-day", "insurer-only"]
    (row,) = [row for row in compared.breaks if row.kind == "cross-day"]
    assert "2026-11-22" in row.note


def test_a_settlement_in_another_clearing_class_is_in_the_wrong_bucket_on_both_sheets(session, ledger):
    stay = ledger(care="inpatient")
    compared = compare(session, [stay])
    assert kinds(compared) == ["wrong-bucket"]
    other = compare(session, [], period=replace(PERIOD, clr_type="21"))
    assert kinds(other) == ["wrong-bucket"]
    sheet = bridge(session)
    assert sheet.foots
    assert sorted(entry.amounts.fee for entry in sheet.entries) == [-200000, 200000]


def test_lines_that_do_not_add_up_to_their_totals_are_refused(session, ledger):
    line = ledger()
    with pytest.raises(StatementDoesNotFoot) as refused:
        reconciliation.compare_lines(session, HOSPITAL, period=PERIOD, stated=Amounts(1, 1, 0, 1), lines=[line])
    assert refused.value.element == "medfee_sumamt"
    assert bridge(session).received == ()


def test_lines_speak_for_the_insurance_types_whose_totals_differed(session, ledger):
    employee, resident = ledger(), ledger(insutype="390")
    totals(session, Amounts(), insutype="310")
    totals(session, summed([resident]), insutype="390")
    compared = compare(session, [replace(employee, fund=employee.fund - 1)])
    assert kinds(compared) == ["amount"]
    sheet = bridge(session)
    assert sheet.foots
    assert sheet.hospital == summed([replace(employee, fund=employee.fund - 1), resident])


def test_running_a_day_again_changes_nothing_that_was_decided(session, ledger):
    line = ledger()
    (row,) = compare(session, [replace(line, fee=9999)]).breaks
    reconciliation.propose(session, CLERK, break_id=row.id, action="adopt", note="以医保为准")
    (again,) = compare(session, [replace(line, fee=9999)]).breaks
    assert (again.id, again.state, again.action) == (row.id, "proposed", "adopt")


def test_what_is_no_longer_different_heals_and_opens_again_when_it_comes_back(session, ledger):
    line = ledger()
    (row,) = compare(session, [replace(line, fee=9999)]).breaks
    assert compare(session, [line]).balanced
    assert row.state == "healed"
    compare(session, [replace(line, fee=9999)])
    assert row.state == "open"
    events = [event.event for event in reconciliation.history(session, CLERK, break_id=row.id)]
    assert events == ["find", "heal", "find-again"]


def test_four_eyes_settle_a_difference(session, ledger):
    line = ledger()
    (row,) = compare(session, [replace(line, fee=9999)]).breaks
    reconciliation.propose(session, CLERK, break_id=row.id, action="adopt")
    with pytest.raises(SamePerson):
        reconciliation.approve(session, CLERK, break_id=row.id)
    assert row.state == "proposed"
    reconciliation.approve(session, COLLEAGUE, break_id=row.id)
    reconciliation.resolve(session, CLERK, break_id=row.id, note="医院已改")
    assert (row.state, row.proposed_by, row.approved_by) == ("resolved", CLERK.id, COLLEAGUE.id)
    assert bridge(session).foots


def test_a_proposal_sent_back_may_be_made_anew(session, ledger):
    (row,) = compare(session, [replace(ledger(), fee=9999)]).breaks
    reconciliation.propose(session, CLERK, break_id=row.id, action="adopt")
    reconciliation.send_back(session, COLLEAGUE, break_id=row.id, note="先问医院")
    reconciliation.propose(session, CLERK, break_id=row.id, action="ask")
    assert (row.state, row.action) == ("proposed", "ask")


def test_what_is_not_allowed_is_refused(session, ledger):
    (row,) = compare(session, [replace(ledger(), fee=9999)]).breaks
    with pytest.raises(ActionUnknown):
        reconciliation.propose(session, CLERK, break_id=row.id, action="forget")
    with pytest.raises(IllegalMove):
        reconciliation.resolve(session, CLERK, break_id=row.id)
    with pytest.raises(BreakUnknown):
        reconciliation.approve(session, CLERK, break_id=0)
    with pytest.raises(BreakUnknown):
        reconciliation.propose(session, system(COUNTY), break_id=row.id, action="ask")
    with pytest.raises(NotAllowed):
        reconciliation.propose(session, replace(CLERK, scopes=frozenset()), break_id=row.id, action="ask")
    assert row.state == "open"


def test_an_institution_cannot_compare_or_see_anothers_books(session, ledger):
    line = ledger()
    with pytest.raises(ForeignBooks):
        compare(session, [line], caller=system(COUNTY))
    with pytest.raises(ForeignBooks):
        reconciliation.bridge(session, system(COUNTY), organisation_id=TERTIARY, day=DAY)
    with pytest.raises(ForeignBooks):
        reconciliation.breaks_of(session, system(COUNTY))


def test_a_period_of_more_than_a_month_is_refused(session, ledger):
    with pytest.raises(PeriodTooLong):
        totals(session, Amounts(), period=replace(PERIOD, day_to=DAY + timedelta(days=40)))


def test_a_file_is_fetched_by_its_own_institution_until_its_time(session):
    kept = reconciliation.keep_file(
        session,
        HOSPITAL,
        organisation_id=TERTIARY,
        name="x.zip",
        content=b"PK",
        expires_at=HOSPITAL.at + timedelta(days=7),
    )
    assert reconciliation.file(session, HOSPITAL, file_id=kept.id).content == b"PK"
    with pytest.raises(StatementFileUnknown):
        reconciliation.file(session, system(COUNTY), file_id=kept.id)
    with pytest.raises(StatementFileExpired):
        reconciliation.file(session, replace(HOSPITAL, at=HOSPITAL.at + timedelta(days=8)), file_id=kept.id)


def test_the_board_shows_hospitals_by_days(session, ledger):
    line = ledger()
    ledger(day=DAY - timedelta(days=1))
    compare(session, [replace(line, fund=line.fund - 1000)])
    cells = {
        (cell.organisation_id, cell.day): cell
        for cell in reconciliation.day_board(session, CLERK, DAY - timedelta(days=1), DAY)
    }
    today, yesterday = cells[TERTIARY, DAY], cells[TERTIARY, DAY - timedelta(days=1)]
    assert (today.state, today.difference.fund, today.open_breaks) == ("unbalanced", 1000, 1)
    assert (yesterday.state, yesterday.hospital, yesterday.insurer.fee) == ("awaited", None, 200000)
    assert cells[COUNTY, DAY].state == "none"


def test_totals_that_only_repeat_the_lines_do_not_push_the_names_aside(session, ledger):
    line = replace(ledger(), fund=1)
    totals(session, summed([line]))
    compare(session, [line])
    totals(session, summed([line]))
    assert [entry.kind for entry in bridge(session).entries] == ["amount"]


@pytest.mark.parametrize("planted", range(5))
def test_whatever_is_planted_the_bridge_foots(session, ledger, planted):
    lines = [ledger(f"{1000 + n}.00") for n in range(5)]
    lines[planted] = replace(lines[planted], fee=1, account=7)
    compare(session, [*lines[1:], replace(lines[0], setl_id="777")])
    ledger("3000.00")
    sheet = bridge(session)
    assert sheet.foots
    assert sheet.insurer.count == 6
