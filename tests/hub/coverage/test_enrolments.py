"""Enrolments by day, personal accounts, packs by day, filings and what they do."""

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from hub import coverage
from hub.coverage import (
    ChronicNotFiled,
    Enrolment,
    FilingUnknown,
    NotInsured,
    PackMissing,
    PackTaken,
    Question,
    entitlement,
)
from hub.faults import Invalid
from hub.trust import NotAllowed
from hub.units import Code
from tests.hub.coverage.insured import PACK_TEXT, insure, insured, with_pack
from tests.region import BUREAU, COMMUNITY, TERTIARY, a_person, citizen, staff, system

DAY = date(2026, 11, 22)
ANGINA = Code("ICD-10", "I20.000")


def asked(person_id: int, *, hospital: str = TERTIARY, insutype: str | None = None, day: date = DAY, **facts):
    return Question((person_id,), insutype, hospital, "420502", facts.pop("first_day", day), day, **facts)


def file(session, person_id: int, *, source: str = "referral/1", **facts):
    stated = {
        "receiver_id": TERTIARY,
        "diagnosis": ANGINA,
        "diagnosis_name": "不稳定型心绞痛",
        "reason": "需要冠脉造影",
        "since": date(2026, 11, 20),
        "until": date(2026, 12, 20),
    }
    return coverage.file_referral(session, system(COMMUNITY), person_id=person_id, source=source, **stated | facts)


def test_a_change_of_enrolment_is_a_new_row_and_each_day_finds_its_own(session):
    person = insured(session)
    insure(session, person.id, since=date(2026, 7, 1), retired=True, psn_type="12")
    before, after = (coverage.enrolments(session, person.id, day) for day in (date(2026, 6, 30), date(2026, 7, 1)))
    assert [(row.retired, row.until) for row in before] == [(False, date(2026, 6, 30))]
    assert [(row.retired, row.until) for row in after] == [(True, None)]


def test_the_database_refuses_two_enrolments_of_one_type_on_one_day(session):
    person = insured(session)
    session.add(
        Enrolment(person_id=person.id, insutype="310", psn_no="2", psn_type="11", area="420500", since=DAY, source="x")
    )
    with pytest.raises(IntegrityError, match="enrolment_once_a_day"):
        session.flush()


def test_credits_open_an_account_and_add_up(session):
    person = insured(session, balance=30_000)
    assert coverage.credit(session, system(BUREAU), person_id=person.id, amount=250, source="2026-12") == 30_250
    assert coverage.balance(session, person.id) == 30_250


def test_a_pack_is_imported_once_and_other_content_under_its_name_is_refused(session):
    assert with_pack(session) == with_pack(session)
    with pytest.raises(PackTaken):
        coverage.import_pack(session, system(BUREAU), text=PACK_TEXT.replace('"0.88"', '"0.89"'))


def test_the_pack_of_a_day_decides_and_before_the_first_there_is_none(session):
    old = with_pack(session)
    text = PACK_TEXT.replace("valid_from = 2024-01-01", "valid_from = 2027-01-01").replace(
        "example-2024", "example-2027"
    )
    new = with_pack(session, text)
    assert coverage.pack_of(session, area="420500", day=date(2026, 12, 31)).content_hash == old.content_hash
    assert coverage.pack_of(session, area="420500", day=date(2027, 1, 1)).content_hash == new.content_hash
    with pytest.raises(PackMissing):
        coverage.pack_of(session, area="420500", day=date(2023, 12, 31))


def test_an_entitlement_tells_enrolment_year_balance_and_filing(session):
    with_pack(session)
    person = insured(session, balance=30_000, civil_servant=True)
    filing = file(session, person.id)
    known = entitlement(session, asked(person.id))
    assert (known.insutype, known.enrolment.civil_servant, known.balance) == ("310", True, 30_000)
    assert known.year == coverage.Year()
    assert known.filing.number == filing.number
    assert known.filing.direction == "up"


def test_who_is_not_insured_or_suspended_that_day_is_refused(session):
    with_pack(session)
    nobody = a_person(session, 2)
    suspended = insured(session, 3, insutype="390", state="suspended")
    for person_id in (nobody.id, suspended.id):
        with pytest.raises(NotInsured):
            entitlement(session, asked(person_id))


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ({}, True),
        ({"receiver_id": COMMUNITY}, False),
        ({"since": date(2026, 11, 23)}, False),
        ({"since": date(2026, 11, 1), "until": date(2026, 11, 19)}, False),
        ({"since": date(2026, 11, 1), "until": date(2026, 11, 20)}, True),
        ({"until": None}, True),
    ],
)
def test_a_filing_counts_for_its_receiver_when_it_touches_the_stay(session, facts, counts):
    with_pack(session)
    person = insured(session)
    file(session, person.id, **facts)
    known = entitlement(session, asked(person.id, first_day=date(2026, 11, 20)))
    assert (known.filing is not None) is counts


def test_of_overlapping_filings_the_last_filed_wins_and_a_withdrawn_one_does_not_count(session):
    with_pack(session)
    person = insured(session)
    first, second = file(session, person.id), file(session, person.id, source="referral/2")
    assert entitlement(session, asked(person.id)).filing.id == second.id
    coverage.withdraw(session, system(COMMUNITY), source="referral/2", reason="改转他院")
    assert entitlement(session, asked(person.id)).filing.id == first.id


def test_filing_twice_from_one_source_is_one_filing_and_withdrawing_twice_changes_nothing(session):
    person = insured(session)
    filing = file(session, person.id)
    assert file(session, person.id).id == filing.id
    once = coverage.withdraw(session, system(COMMUNITY), number=filing.number, reason="不去了")
    twice = coverage.withdraw(session, system(COMMUNITY), number=filing.number, reason="again")
    assert once.state == twice.state == "withdrawn"
    assert twice.withdrawal_reason == "不去了"
    assert file(session, person.id).id != filing.id


def test_an_unknown_filing_or_somebody_elses_is_refused(session):
    person, other = insured(session), insured(session, 2)
    filing = file(session, person.id)
    with pytest.raises(FilingUnknown):
        coverage.withdraw(session, system(COMMUNITY), number="2026112200000", reason="x")
    with pytest.raises(FilingUnknown):
        coverage.withdraw(session, system(COMMUNITY), number=filing.number, person_id=other.id, reason="x")


def test_a_filing_that_ends_before_it_begins_is_refused(session):
    person = insured(session)
    with pytest.raises(Invalid) as refusal:
        file(session, person.id, until=date(2026, 11, 1))
    assert refusal.value.element == "enddate"


def test_a_chronic_filing_that_ends_before_it_begins_is_refused(session):
    person = insured(session)
    with pytest.raises(Invalid) as refusal:
        coverage.file_chronic(
            session,
            system(TERTIARY),
            person_id=person.id,
            insutype="310",
            disease="diabetes",
            diagnosis=Code("opsp", "M01600"),
            diagnosis_name="糖尿病",
            since=date(2026, 2, 1),
            until=date(2026, 1, 31),
            source="test/chronic",
        )
    assert refusal.value.element == "enddate"
    assert coverage.filings(session, person.id, kind="chronic", since=date(2026, 1, 1), until=None) == []


def test_a_chronic_bill_needs_its_filing(session):
    with_pack(session)
    person = insured(session)
    with pytest.raises(ChronicNotFiled):
        entitlement(session, asked(person.id, disease="diabetes"))
    coverage.file_chronic(
        session,
        system(TERTIARY),
        person_id=person.id,
        insutype="310",
        disease="diabetes",
        diagnosis=Code("opsp", "M01600"),
        diagnosis_name="糖尿病",
        since=date(2026, 1, 1),
        until=None,
        source="test/chronic",
    )
    assert entitlement(session, asked(person.id, disease="diabetes")).year.chronic == 0


def test_an_estimate_compares_levels_with_and_without_a_referral(session):
    with_pack(session)
    person = insured(session, balance=30_000)
    told = coverage.estimate(session, citizen(person.id), person_id=person.id, total=1_000_000)
    assert (told.day, told.total, told.pack.id) == (DAY, 1_000_000, "yichang-example-2024")
    payments = [(c.level, c.referred.totals.person, c.unreferred.totals.person) for c in told.choices]
    assert payments == [(0, 98_400, 98_400), (1, 98_400, 98_400), (2, 145_000, 145_000), (3, 208_000, 298_000)]


def test_an_estimate_carries_the_deductible_of_the_stay_one_is_sent_from(session):
    with_pack(session)
    person = insured(session, insutype="390")
    told = coverage.estimate(
        session,
        staff(COMMUNITY),
        person_id=person.id,
        total=1_000_000,
        deductible_paid=50_000,
        levels=[3],
    )
    assert told.choices[0].referred.totals.deductible == 50_000
    assert told.choices[0].unreferred.totals.deductible == 100_000


def test_a_stranger_gets_no_estimate(session):
    with_pack(session)
    person, stranger = insured(session), insured(session, 2)
    with pytest.raises(Exception, match="may not see"):
        coverage.estimate(session, citizen(stranger.id), person_id=person.id, total=100)
    with pytest.raises(NotAllowed):
        coverage.estimate(session, staff(COMMUNITY, scopes=frozenset()), person_id=person.id, total=100)


def test_benefits_name_each_fund_with_what_is_left_of_it(session):
    with_pack(session)
    person = insured(session, insutype="390", aid=True)
    told = coverage.benefits(
        session,
        system(TERTIARY),
        person_id=person.id,
        insutype="390",
        organisation_id=TERTIARY,
        care="inpatient",
        day=DAY,
    )
    assert [(b.fund, b.enjoyed, b.left) for b in told] == [
        ("pool", True, 15_000_000),
        ("serious", True, 30_000_000),
        ("aid", True, 3_000_000),
    ]
    ordinary = coverage.benefits(
        session,
        system(TERTIARY),
        person_id=person.id,
        insutype="390",
        organisation_id=TERTIARY,
        care="outpatient",
        day=DAY,
    )
    assert [(b.fund, b.enjoyed) for b in ordinary] == [("pool", False)]
