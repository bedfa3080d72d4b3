"""Quote and settle: the worked bill through the tables, keys, the referral episode, parts of a stay."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from hub import coverage, records, settlement
from hub.coverage import Account, Accumulator, ChronicNotFiled, NotInsured
from hub.exchange import Due
from hub.records import VisitUnknown
from hub.settlement import (
    AlreadySettled,
    Charge,
    ChargeKey,
    KeyTaken,
    KeyUndone,
    NothingToSettle,
    Posting,
    RefundedInPart,
    Settlement,
    SettlementKey,
    TotalDiffers,
    VisitOver,
)
from hub.units import Code, Money
from tests.hub.coverage.bills import EXAMPLES
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, TERTIARY, charged, fees, paid, refer, settle, undo, upload, visit
from tests.region import COMMUNITY, NOW, system

WITH_REFERRAL, WITHOUT = EXAMPLES["examples"][0]["gives"], EXAMPLES["examples"][1]["gives"]
WRITTEN = (Settlement, SettlementKey, ChargeKey, Posting, Accumulator, Due)


@pytest.fixture(autouse=True)
def _pack(session):
    with_pack(session)


def counts(session) -> list[int]:
    return [session.scalar(select(func.count()).select_from(table)) for table in WRITTEN]


def ledger(session, settlement_id: int) -> dict[str, int]:
    rows = session.execute(select(Posting.account, Posting.amount).where(Posting.settlement_id == settlement_id))
    return {row.account: int(row.amount) for row in rows}


def year_of(session, person_id: int, insutype: str = "310") -> Accumulator:
    return session.get_one(Accumulator, (person_id, NOW.year, insutype), populate_existing=True)


def test_the_worked_bill_settles_to_the_fen_and_its_postings_sum_to_zero(session):
    person = insured(session, balance=30_000)
    row = settle(session, charged(session, person.id, ended=NOW))
    assert paid(row) == WITHOUT
    assert ledger(session, row.id) == {
        "fund.pool": -574_228,
        "person.account": -30_000,
        "person.cash": -366_371,
        "hospital.receivable": 970_599,
    }
    year = year_of(session, person.id)
    assert (year.admissions, year.pool, year.own_in_scope) == (1, 574_228, 0)
    assert session.get_one(Account, person.id, populate_existing=True).balance == 0
    assert row.balance == 0


def test_quote_equals_settle_and_writes_nothing(session):
    person = insured(session, balance=30_000)
    stay = charged(session, person.id, ended=NOW)
    before = counts(session)
    quoted = settlement.quote(session, system(TERTIARY), Charge(stay.id))
    assert counts(session) == before
    settled = settle(session, stay)
    assert list(quoted.totals) == [getattr(settled, name) for name in settlement.AMOUNTS]


def test_the_same_message_again_is_the_same_settlement_and_writes_nothing(session):
    person = insured(session)
    stay = charged(session, person.id, ended=NOW)
    first = settle(session, stay)
    before = counts(session)
    again = settle(session, stay)
    assert (again.id, paid(again), again.msgid) == (first.id, paid(first), first.msgid)
    assert counts(session) == before


def test_the_same_key_with_other_content_is_a_conflict_naming_the_settlement(session):
    stay = charged(session, insured(session).id, ended=NOW)
    first = settle(session, stay)
    before = counts(session)
    with pytest.raises(KeyTaken, match=str(first.id)):
        settle(session, stay, content=b"other")
    assert counts(session) == before


DIFFERS = [
    ({"account_used": False}, "account_used"),
    ({"total": Money(1)}, "total"),
    ({"insutype": "390"}, "insutype"),
    ({"med_type": "2101"}, "med_type"),
    ({"emergency": True}, "emergency"),
    ({}, "content"),
]


@pytest.mark.parametrize(("differs", "field"), DIFFERS, ids=[field for _, field in DIFFERS])
def test_the_conflict_names_what_differs(session, differs, field):
    stay = charged(session, insured(session).id, ended=NOW)
    settle(session, stay)
    with pytest.raises(KeyTaken) as refusal:
        settle(session, stay, content=b"other", **differs)
    assert refusal.value.facts["element"] == field


def test_a_repeated_key_whose_settlement_was_undone_or_refunded_is_refused(session):
    person = insured(session)
    stay = charged(session, person.id, ended=NOW)
    undo(session, settle(session, stay))
    with pytest.raises(KeyUndone, match="m1"):
        settle(session, stay)
    row = settle(session, stay, key="m2")
    given = settlement.refund(
        session,
        system(TERTIARY),
        settlement_id=row.id,
        lines={"3": Decimal(1)},
        reason="退费",
        key="r1",
        content_hash=b"r",
    )
    with pytest.raises(RefundedInPart, match=str(given.rest.id)):
        settle(session, stay, key="m2")
    assert settle(session, stay, key="m3").id == given.rest.id
    caller = system(TERTIARY)
    told = {key: settlement.by_key(session, caller, key=key) for key in ("m1", "m2", "m3", "r1")}
    assert {key: found.state for key, found in told.items()} == {
        "m1": "undone",
        "m2": "refunded",
        "m3": "settled",
        "r1": "settled",
    }
    assert told["m2"].settlement.id == told["r1"].settlement.id == given.rest.id


def test_a_new_key_for_a_settled_batch_gets_the_settlement_that_stands(session):
    person = insured(session)
    attendance = charged(session, person.id, batch="B1", care="outpatient", number="MZ-1", hospital=COMMUNITY)
    first = settle(session, attendance, batch="B1")
    again = settle(session, attendance, batch="B1", key="m2", content=b"x")
    assert again.id == first.id
    assert settle(session, attendance, batch="B1", key="m2", content=b"x").id == first.id
    assert session.scalar(select(func.count()).select_from(Settlement)) == 1
    with pytest.raises(AlreadySettled):
        settlement.quote(session, system(COMMUNITY), Charge(attendance.id, "B1"))


def test_a_refused_settlement_leaves_nothing_and_the_key_may_be_used_again(session):
    person = insured(session)
    stay = visit(session, person.id, ended=NOW)
    before = counts(session)
    with pytest.raises(NothingToSettle):
        settle(session, stay)
    after = counts(session)
    assert after[:4] == before[:4]
    upload(session, stay, fees())
    assert paid(settle(session, stay))["total"] == "9705.99"


def test_a_total_that_differs_from_the_lines_is_refused_naming_both(session):
    stay = charged(session, insured(session).id, ended=NOW)
    with pytest.raises(TotalDiffers) as refusal:
        settle(session, stay, total=Money(970_600))
    assert (refusal.value.facts["found"], refusal.value.facts["allowed"]) == (970_600, "9705.99")


def test_a_strangers_visit_a_cancelled_one_and_an_uninsured_person_are_refused(session):
    stay = charged(session, insured(session).id)
    with pytest.raises(VisitUnknown):
        settlement.settle(session, system(COUNTY), Charge(stay.id), key="m1", content_hash=b"")
    records.cancel_visit(session, system(TERTIARY), visit_id=stay.id)
    with pytest.raises(VisitOver):
        settle(session, stay)
    session.flush()
    nobody = insured(session, 2, state="suspended")
    with pytest.raises(NotInsured):
        settle(session, charged(session, nobody.id, number="ZY-2"))


def test_the_deductible_paid_at_the_sending_hospital_is_carried_up(session):
    person = insured(session, balance=30_000)
    sending = charged(session, person.id, hospital=COUNTY, number="X-1", ended=NOW - timedelta(days=9))
    lower = settle(session, sending, key="m0", account_used=False)
    assert paid(lower)["deductible"] == "500.00"
    filing = refer(session, person.id)
    upper = settle(session, charged(session, person.id, begun=NOW - timedelta(days=8), ended=NOW))
    assert paid(upper) == WITH_REFERRAL
    assert (upper.filing_id, upper.sender_visit_id, upper.admission) == (filing.id, sending.id, 1)
    assert year_of(session, person.id).admissions == 1


def test_a_stay_outside_the_episode_is_a_new_admission_and_carries_nothing(session):
    person = insured(session)
    old = charged(
        session,
        person.id,
        hospital=COUNTY,
        number="X-1",
        begun=NOW - timedelta(days=60),
        ended=NOW - timedelta(days=50),
    )
    settle(session, old, key="m0")
    refer(session, person.id)
    upper = settle(session, charged(session, person.id, ended=NOW))
    assert (upper.admission, upper.deductible) == (2, 50_000)
    assert year_of(session, person.id).admissions == 2


def test_a_filed_down_referral_pays_no_deductible_below(session):
    person = insured(session, insutype="390")
    settle(session, charged(session, person.id, ended=NOW - timedelta(days=3)), key="m0")
    refer(session, person.id, sender=TERTIARY, receiver=COMMUNITY, source="referral/2")
    lower = settle(
        session,
        charged(session, person.id, hospital=COMMUNITY, number="W-1", begun=NOW - timedelta(days=3), ended=NOW),
    )
    assert (lower.deductible, lower.admission) == (0, 1)


def test_a_stay_settled_in_parts_pays_its_deductible_once_and_is_one_admission(session):
    person = insured(session)
    stay = charged(session, person.id, [("S-BED-01", "1", "600.00")])
    first = settle(session, stay)
    upload(session, stay, fees([("S-BED-01", "1", "2000.00")], start=50))
    second = settle(session, stay, key="m2")
    assert (first.deductible, second.deductible) == (60_000, 40_000)
    assert (first.batch, second.batch, first.admission, second.admission) == ("stay-1", "stay-2", 1, 1)
    assert year_of(session, person.id).admissions == 1
    assert settle(session, stay, key="m3").id == second.id


def test_a_second_admission_of_an_employee_halves_the_deductible(session):
    person = insured(session)
    settle(session, charged(session, person.id, ended=NOW - timedelta(days=9)), key="m0")
    later = settle(session, charged(session, person.id, number="ZY-2", begun=NOW - timedelta(days=1), ended=NOW))
    assert (later.admission, later.deductible) == (2, 50_000)


def test_the_discharge_day_decides_the_year(session):
    person = insured(session)
    begun = NOW.replace(year=2025, month=12, day=30)
    stay = charged(session, person.id, begun=begun, ended=begun + timedelta(days=4))
    row = settle(session, stay)
    assert (row.year, row.day.isoformat()) == (2026, "2026-01-03")


def test_out_patient_bills_use_up_the_years_deductible_and_maximum(session):
    person = insured(session, balance=5_000)
    attendance = charged(
        session, person.id, [("S-BED-01", "1", "400.00")], batch="B1", care="outpatient", number="MZ-1"
    )
    upload(session, attendance, fees([("S-BED-01", "1", "300.00")], start=20, batch="B2"))
    first, second = settle(session, attendance, batch="B1"), settle(session, attendance, batch="B2", key="m2")
    assert (first.deductible, first.fund) == (40_000, 0)
    assert (second.deductible, second.fund) == (10_000, 10_000)
    year = year_of(session, person.id)
    assert (year.outpatient_deductible, year.outpatient_pool, year.pool, year.admissions) == (50_000, 10_000, 0, 0)
    assert coverage.balance(session, person.id) == 0


def test_a_chronic_bill_draws_on_its_quota_and_needs_a_filing(session):
    person = insured(session, insutype="390")
    attendance = charged(
        session,
        person.id,
        [("S-BED-01", "1", "100.00")],
        batch="B1",
        care="outpatient",
        number="MZ-1",
        hospital=COMMUNITY,
    )
    with pytest.raises(ChronicNotFiled):
        settle(session, attendance, batch="B1", disease="diabetes")
    coverage.file_chronic(
        session,
        system(COMMUNITY),
        person_id=person.id,
        insutype="390",
        disease="diabetes",
        diagnosis=Code("opsp", "M01600"),
        diagnosis_name="糖尿病",
        since=NOW.date() - timedelta(days=60),
        until=None,
        source="test/1",
    )
    row = settle(session, attendance, batch="B1", disease="diabetes")
    assert (row.fund, row.deductible, row.clr_type) == (6_000, 0, "14")
    used = coverage.accumulated(session, person.id, NOW.year)["390"]
    assert (used["chronic-diabetes"], used["outpatient_pool"]) == (6_000, 0)


def test_a_return_is_taken_off_the_line_it_returns(session):
    person = insured(session)
    stay = charged(session, person.id, [("S-BED-01", "10", "320.50")], ended=NOW)
    upload(session, stay, fees([("S-BED-01", "-4", "320.50")], start=9, returns="1"))
    row = settle(session, stay)
    assert row.total == 6 * 32_050


def test_the_patient_is_told_by_text_message(session):
    settle(session, charged(session, insured(session).id, ended=NOW))
    (due,) = session.scalars(select(Due).where(Due.kind == "notice"))
    assert "总费用 9705.99 元" in due.snapshot["text"]


def test_a_settlement_re_runs_exactly_from_what_it_kept(session):
    row = settle(session, charged(session, insured(session, balance=30_000).id, ended=NOW))
    stored = session.get_one(Settlement, row.id)
    again = settlement.explained(session, stored)
    assert list(again.totals) == [getattr(stored, name) for name in settlement.AMOUNTS]
    assert [list(share) for share in again.shares] == stored.shares


def test_a_batch_gives_each_order_its_own_outcome_in_order(session):
    people = [insured(session, serial) for serial in (1, 2)]
    stays = [charged(session, person.id, number=f"ZY-{i}", ended=NOW) for i, person in enumerate(people)]
    empty = visit(session, people[0].id, number="ZY-9", ended=NOW)
    caller = system(TERTIARY)
    orders = [
        settlement.Order(caller, Charge(stays[0].id), "a", b"1"),
        settlement.Order(caller, Charge(empty.id), "b", b"2"),
        settlement.Order(caller, Charge(stays[1].id), "c", b"3"),
        settlement.Order(caller, Charge(stays[0].id), "a", b"1"),
        settlement.Order(caller, Charge(stays[0].id), "d", b"4"),
        settlement.Order(caller, Charge(stays[1].id), "c", b"other"),
        settlement.Order(system(COUNTY), Charge(stays[1].id), "e", b"5"),
    ]
    first, nothing, second, same, stands, taken, foreign = settlement.settle_many(session, orders)
    assert isinstance(nothing, NothingToSettle)
    assert isinstance(taken, KeyTaken)
    assert isinstance(foreign, VisitUnknown)
    assert same.id == stands.id == first.id != second.id
    assert session.scalar(select(func.count()).select_from(Settlement)) == 2
