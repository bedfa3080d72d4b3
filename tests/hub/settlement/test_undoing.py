"""Undo and reversal: everything goes back, last first, and a message never seen leaves a tombstone."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from hub import coverage, settlement
from hub.settlement import BuiltUpon, KeyReversed, Posting, Settlement, SettlementUnknown
from hub.units import Code
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, TERTIARY, charged, paid, refer, settle, undo
from tests.region import COMMUNITY, NOW, system


@pytest.fixture(autouse=True)
def _pack(session):
    with_pack(session)


def standing(session, person_id: int):
    return coverage.accumulated(session, person_id, NOW.year), coverage.balance(session, person_id)


def test_undo_restores_accumulators_account_and_lines_exactly(session):
    person = insured(session, balance=30_000)
    settle(
        session,
        charged(session, person.id, number="ZY-0", ended=NOW - timedelta(days=20), begun=NOW - timedelta(days=30)),
        key="m0",
        account_used=False,
    )
    stay = charged(session, person.id, ended=NOW)
    before = standing(session, person.id)
    row = settle(session, stay)
    assert standing(session, person.id) != before
    counter = undo(session, row)
    assert standing(session, person.id) == before
    assert (counter.undoes, counter.total, counter.balance) == (row.id, -row.total, 30_000)
    assert session.get_one(Settlement, row.id).state == "cancelled"
    assert session.scalar(select(func.sum(Posting.amount)).where(Posting.settlement_id.in_([row.id, counter.id]))) == 0
    again = settle(session, stay, key="m2")
    assert again.id not in (row.id, counter.id)
    assert paid(again) == paid(row)


def test_undoing_twice_gives_the_same_counter_entry_under_any_key(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    first = undo(session, row)
    assert undo(session, row).id == first.id
    assert undo(session, row, key="u2").id == first.id
    assert session.scalar(select(func.count()).select_from(Settlement)) == 2


def test_undoing_what_a_later_settlement_was_built_on_is_refused_naming_it(session):
    person = insured(session)
    first = settle(session, charged(session, person.id, ended=NOW - timedelta(days=1)), key="m1")
    second = settle(session, charged(session, person.id, number="ZY-2", begun=NOW, ended=NOW), key="m2")
    before = standing(session, person.id)
    with pytest.raises(BuiltUpon, match=str(second.id)):
        undo(session, first)
    assert standing(session, person.id) == before
    undo(session, second, key="u2")
    undo(session, first, key="u1")
    assert standing(session, person.id)[0]["310"]["admissions"] == 0


def test_the_stay_a_patient_was_sent_from_is_undone_after_the_one_they_were_sent_to_even_over_new_year(session):
    person = insured(session)
    december = NOW.replace(year=2025, month=12, day=30)
    lower = settle(
        session,
        charged(session, person.id, hospital=COUNTY, number="X", begun=december - timedelta(hours=2), ended=december),
        key="m1",
    )
    refer(session, person.id, since=december.date(), until=december.date() + timedelta(days=30))
    january = december + timedelta(days=5)
    upper = settle(session, charged(session, person.id, begun=december, ended=january), key="m2")
    assert (lower.year, upper.year, upper.deductible) == (2025, 2026, 50_000)
    with pytest.raises(BuiltUpon, match=str(upper.id)):
        undo(session, lower)


def test_undoing_a_chronic_bill_gives_the_quota_back(session):
    person = insured(session, insutype="390")
    coverage.file_chronic(
        session,
        system(COMMUNITY),
        person_id=person.id,
        insutype="390",
        disease="hypertension",
        diagnosis=Code("opsp", "M03900"),
        diagnosis_name="高血压",
        since=NOW.date() - timedelta(days=60),
        until=None,
        source="test/1",
    )
    attendance = charged(
        session, person.id, [("S-BED-01", "1", "80.00")], batch="B", care="outpatient", number="M", hospital=COMMUNITY
    )
    row = settle(session, attendance, batch="B", disease="hypertension")
    assert standing(session, person.id)[0]["390"]["chronic-hypertension"] == 4_800
    undo(session, row)
    assert standing(session, person.id)[0]["390"]["chronic-hypertension"] == 0


def test_another_hospitals_settlement_is_unknown(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    with pytest.raises(SettlementUnknown):
        settlement.undo(session, system(COUNTY), settlement_id=row.id, key="u", content_hash=b"")


def test_reversing_a_message_undoes_what_it_did_and_a_second_time_changes_nothing(session):
    stay = charged(session, insured(session).id, ended=NOW)
    row = settle(session, stay)
    caller = system(TERTIARY)
    counter = settlement.reverse(session, caller, original_key="m1", key="r1", content_hash=b"r")
    assert counter.undoes == row.id
    assert settlement.reverse(session, caller, original_key="m1", key="r2", content_hash=b"r").id == counter.id
    assert settlement.by_key(session, caller, key="m1").state == "undone"


def test_a_message_reversed_before_it_was_seen_is_refused_when_it_arrives(session):
    stay = charged(session, insured(session).id, ended=NOW)
    caller = system(TERTIARY)
    assert settlement.reverse(session, caller, original_key="late", key="r1", content_hash=b"r") is None
    assert settlement.reverse(session, caller, original_key="late", key="r2", content_hash=b"r") is None
    with pytest.raises(KeyReversed):
        settle(session, stay, key="late")
    assert settlement.by_key(session, caller, key="late").state == "reversed"
    assert settle(session, stay, key="new").total == 970_599


def test_by_key_tells_what_became_of_a_message(session):
    stay = charged(session, insured(session).id, ended=NOW)
    caller = system(TERTIARY)
    assert settlement.by_key(session, caller, key="m1").state == "unknown"
    row = settle(session, stay)
    found = settlement.by_key(session, caller, key="m1")
    assert (found.state, found.settlement.id) == ("settled", row.id)
    assert settlement.by_key(session, system(COUNTY), key="m1").state == "unknown"
