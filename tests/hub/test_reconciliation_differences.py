"""A difference as clerks work on it: why, whose, how old, what it rests on, and that decisions outlive a second run."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from hub import reconciliation, trust
from hub.reconciliation import BreakClosed, BreakTaken, BureauOnly, ClerkUnknown, Kind
from hub.reconciliation.working_days import working_days
from hub.units import Money
from tests.hub.ledgers import DAY, HOSPITAL, PERIOD, ledger_in
from tests.region import BUREAU, COUNTY, TERTIARY, staff

CLERK = staff(BUREAU)
COLLEAGUE = replace(CLERK, id="colleague")


@pytest.fixture
def ledger(session):
    return ledger_in(session)


@pytest.fixture
def clerks(session):
    for name, scopes in (("first", {"reconciliation.write"}), ("reader", {"reconciliation.read"})):
        trust.add_staff(
            session, name=name, password="x" * 12, display_name=name, organisation_id=BUREAU, scopes=frozenset(scopes)
        )


def compare(session, lines, *, period=PERIOD, caller=HOSPITAL):
    stated = reconciliation.statements.sum_of(lines)
    return reconciliation.compare_lines(session, caller, period=period, stated=stated, lines=lines)


def off_by_a_fen(session, ledger):
    line = ledger()
    (row,) = compare(session, [replace(line, fund=line.fund - 1)]).breaks
    return line, row


def events(session, row):
    return [event.event for event in reconciliation.history(session, CLERK, break_id=row.id)]


def test_the_cause_names_the_fields_that_differ_with_both_figures(session, ledger):
    line, row = off_by_a_fen(session, ledger)
    zh, en = reconciliation.cause(row)
    assert reconciliation.apart(row) == ("fund",)
    ours, theirs = Money(line.fund), Money(line.fund - 1)
    assert f"基金支付 医院 {theirs}、医保 {ours}（差 +0.01）" in zh
    assert f"fund hospital {theirs}, insurer {ours} (off by +0.01)" in en
    assert "总费用" not in zh


def test_a_day_late_and_a_wrong_bucket_name_both_places(session, ledger):
    ledger()
    late = ledger(day=DAY + timedelta(days=1))
    stay = ledger(care="inpatient")
    rows = {row.kind: row for row in compare(session, [late, stay]).breaks}
    zh, en = reconciliation.cause(rows["cross-day"])
    assert "医院记在 2026-11-21，医保的结算时间是 2026-11-22" in zh
    assert "the insurer settled it on 2026-11-22" in en
    zh, en = reconciliation.cause(rows["wrong-bucket"])
    assert "医院归在门诊，医保归在职工医保、住院" in zh
    assert "under employees, in-patient" in en


def test_every_kind_has_words_a_cause_an_action_and_advice():
    for kind in Kind:
        row = reconciliation.Break(
            kind=kind.value,
            note="",
            facts={},
            setl_id="1",
            mdtrt_id="2",
            clr_type="11",
            day_from=DAY,
            day_to=DAY,
            hospital_fee=1,
            hospital_fund=1,
            hospital_account=0,
            hospital_count=2,
            insurer_fee=2,
            insurer_fund=1,
            insurer_account=0,
            insurer_count=1,
        )
        assert all(reconciliation.WORDS[kind])
        assert all(reconciliation.ADVICE[kind])
        assert all("{" not in text and text for text in reconciliation.cause(row))
        assert reconciliation.USUAL_ACTION[kind] in reconciliation.ACTIONS


def test_age_counts_working_days_only():
    friday = date(2026, 11, 20)
    assert [working_days(friday, friday + timedelta(days=n)) for n in (0, 1, 2, 3, 4)] == [0, 0, 0, 1, 2]
    assert working_days(date(2026, 9, 30), date(2026, 10, 8)) == 1, "the week of the National Day is off"
    assert working_days(date(2026, 10, 9), date(2026, 10, 10)) == 1, "and a Saturday is worked for it"


def test_who_takes_a_difference_first_has_it_until_it_is_handed_over(session, ledger, clerks):
    _, row = off_by_a_fen(session, ledger)
    reconciliation.take(session, CLERK, break_id=row.id)
    assert (row.owner, row.assigned_by, row.assigned_at) == (CLERK.id, CLERK.id, CLERK.at)
    with pytest.raises(BreakTaken):
        reconciliation.take(session, COLLEAGUE, break_id=row.id)
    reconciliation.assign(session, COLLEAGUE, break_id=row.id, owner="first", note="休假")
    assert (row.owner, row.assigned_by) == ("first", COLLEAGUE.id)
    last = reconciliation.history(session, CLERK, break_id=row.id)[-1]
    assert (last.event, last.by, last.facts) == (
        "assign",
        COLLEAGUE.id,
        {"owner": "first", "before": CLERK.id, "note": "休假"},
    )


def test_taking_twice_is_taking_once(session, ledger):
    _, row = off_by_a_fen(session, ledger)
    reconciliation.take(session, CLERK, break_id=row.id)
    reconciliation.take(session, CLERK, break_id=row.id)
    assert events(session, row) == ["find", "take"]


@pytest.mark.parametrize("owner", ["nobody", "reader", "his"])
def test_only_a_clerk_who_reconciles_is_given_one(session, ledger, clerks, owner):
    _, row = off_by_a_fen(session, ledger)
    with pytest.raises(ClerkUnknown):
        reconciliation.assign(session, CLERK, break_id=row.id, owner=owner)
    assert row.owner is None


def test_a_hospital_neither_owns_nor_approves_its_own_difference(session, ledger):
    _, row = off_by_a_fen(session, ledger)
    with pytest.raises(BureauOnly):
        reconciliation.take(session, HOSPITAL, break_id=row.id)
    reconciliation.propose(session, HOSPITAL, break_id=row.id, action="adopt")
    with pytest.raises(BureauOnly):
        reconciliation.approve(session, replace(HOSPITAL, id="another of its systems"), break_id=row.id)
    assert row.state == "proposed"


def test_what_is_over_is_nobodys(session, ledger):
    line, row = off_by_a_fen(session, ledger)
    compare(session, [line])
    with pytest.raises(BreakClosed):
        reconciliation.take(session, CLERK, break_id=row.id)
    assert row.owner is None


def decide(session, row):
    reconciliation.propose(session, CLERK, break_id=row.id, action="adopt")
    reconciliation.approve(session, COLLEAGUE, break_id=row.id)
    reconciliation.resolve(session, CLERK, break_id=row.id)


def test_a_resolved_difference_stays_so_when_the_day_is_run_again(session, ledger):
    line, row = off_by_a_fen(session, ledger)
    decide(session, row)
    before = events(session, row)
    compare(session, [replace(line, fund=line.fund - 1)])
    assert (row.state, row.action, events(session, row)) == ("resolved", "adopt", before)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_another_difference_over_the_same_settlement_is_decided_anew(session, ledger, steps):
    line, row = off_by_a_fen(session, ledger)
    reconciliation.take(session, CLERK, break_id=row.id)
    reconciliation.propose(session, CLERK, break_id=row.id, action="adopt")
    if steps > 1:
        reconciliation.approve(session, COLLEAGUE, break_id=row.id)
    if steps > 2:
        reconciliation.resolve(session, CLERK, break_id=row.id)
    compare(session, [replace(line, fund=line.fund - 10000)])
    assert (row.state, row.action, row.proposed_by, row.approved_by) == ("open", None, None, None)
    assert (row.owner, events(session, row)[-1]) == (CLERK.id, "find-again")


def test_the_evidence_has_both_sides_field_by_field_and_the_hospitals_line(session, ledger):
    line, row = off_by_a_fen(session, ledger)
    found = reconciliation.evidence(session, CLERK, break_id=row.id)
    fields = {field.name: field for field in found.fields}
    assert [name for name, field in fields.items() if field.differs] == ["fund"]
    assert (fields["mdtrt_id"].hospital, fields["mdtrt_id"].insurer) == (line.mdtrt_id, line.mdtrt_id)
    assert fields["psn_no"].hospital == fields["psn_no"].insurer == line.psn_no
    assert fields["msgid"].insurer == "M1"
    assert [each.fund for each in found.lines] == [line.fund - 1]
    assert [str(each.id) for each in found.settlements] == [line.setl_id]


def test_evidence_is_as_unknown_to_another_hospital_as_the_difference(session, ledger):
    _, row = off_by_a_fen(session, ledger)
    with pytest.raises(reconciliation.BreakUnknown):
        reconciliation.evidence(session, replace(HOSPITAL, organisation_id=COUNTY), break_id=row.id)
    assert reconciliation.evidence(session, HOSPITAL, break_id=row.id).difference.organisation_id == TERTIARY


def test_a_number_that_cannot_be_the_ledgers_has_no_settlement(session, ledger):
    line = ledger()
    rows = {row.setl_id: row for row in compare(session, [line, replace(line, setl_id="L-1", mdtrt_id="L")]).breaks}
    found = reconciliation.evidence(session, CLERK, break_id=rows["L-1"].id)
    assert (found.settlements, found.messages, found.person_id) == ((), (), None)


def unfetched(session, ledger, *, lines=None):
    """A result that is there until the day after; what the hospital lists is a fen off unless it is said otherwise."""
    line = ledger()
    compared = compare(session, lines or [replace(line, fund=line.fund - 1)])
    until = HOSPITAL.at + timedelta(days=1)
    kept = reconciliation.keep_result(
        session, HOSPITAL, comparison=compared.comparison, name="r.zip", content=b"PK", expires_at=until
    )
    return line, kept, replace(CLERK, at=until + timedelta(hours=1))


def test_an_unbalanced_result_that_nobody_fetched_is_a_difference_of_no_money(session, ledger):
    line, kept, later = unfetched(session, ledger)
    assert reconciliation.miss_results(session, CLERK) == [], "its time has not passed"
    (row,) = reconciliation.miss_results(session, later)
    assert reconciliation.miss_results(session, later) == [], "named once"
    assert (row.kind, row.setl_id, row.note, events(session, row)) == (
        "result-expired",
        f"file/{kept.id}",
        "r.zip",
        ["find"],
    )
    assert "一直没有取" in reconciliation.cause(row)[0]
    assert reconciliation.evidence(session, CLERK, break_id=row.id).settlements == ()
    sheet = reconciliation.bridge(session, CLERK, organisation_id=TERTIARY, day=DAY)
    assert sheet.foots
    assert sorted(entry.kind for entry in sheet.entries) == ["amount", "result-expired"]
    compare(session, [replace(line, fund=line.fund - 1)])
    assert row.state == "healed", "the lines came again, and their result waits anew"


def test_a_fetched_result_and_one_that_balances_are_no_differences(session, ledger):
    _, kept, later = unfetched(session, ledger)
    reconciliation.fetched(session, HOSPITAL, file_id=kept.id)
    assert reconciliation.miss_results(session, later) == []


def test_a_result_that_another_has_followed_is_not_missed(session, ledger):
    line, _, later = unfetched(session, ledger)
    compare(session, [line])
    assert reconciliation.miss_results(session, later) == []
