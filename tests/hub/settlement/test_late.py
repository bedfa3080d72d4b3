"""Which day decides: that of the visit after an outage, that of the discharge when the insurance changed meanwhile."""

from datetime import date, timedelta

import pytest

from hub import coverage, settlement
from hub.coverage import NotInsured
from tests.hub.coverage.insured import PACK_TEXT, insure, insured, with_pack
from tests.hub.settlement.stays import charged, settle
from tests.region import NOW, a_person, system

NEXT_TEXT = (
    PACK_TEXT.replace("yichang-example-2024", "yichang-next")
    .replace("valid_from = 2024-01-01", "valid_from = 2026-12-01")
    .replace('deductible = ["200.00", "200.00", "500.00", "1000.00"]', 'deductible = ["200", "200", "500", "1200.00"]')
)


@pytest.fixture(autouse=True)
def _packs(session):
    with_pack(session)
    with_pack(session, NEXT_TEXT)


def test_a_stay_settled_after_an_outage_has_the_day_and_the_pack_of_its_discharge(session):
    stay = charged(session, insured(session).id, ended=NOW)
    late = settle(session, stay, at=NOW + timedelta(days=45))
    assert (late.day, late.year, late.pack_id, late.deductible) == (NOW.date(), 2026, "yichang-example-2024", 100_000)
    assert late.settled_on == date(2027, 1, 6)


def test_a_stay_discharged_under_the_next_pack_is_settled_by_it(session):
    after = NOW + timedelta(days=20)
    row = settle(session, charged(session, insured(session).id, ended=after), at=after)
    assert (row.pack_id, row.deductible) == ("yichang-next", 120_000)


def test_an_out_patient_settled_after_an_outage_has_the_day_and_the_pack_of_the_visit(session):
    attendance = charged(session, insured(session).id, care="outpatient", batch="B", begun=NOW)
    late = settle(session, attendance, batch="B", at=NOW + timedelta(days=45))
    assert (late.day, late.year, late.pack_id) == (NOW.date(), 2026, "yichang-example-2024")


def test_the_insurance_of_the_discharge_day_decides_and_the_bill_says_what_it_was_before(session):
    person = a_person(session)
    insure(session, person.id, insutype="390", since=date(2024, 1, 1))
    stay = charged(session, person.id, ended=NOW)
    before = next(iter(coverage.enrolments(session, person.id)))
    before.until = NOW.date() - timedelta(days=3)
    session.flush()
    insure(session, person.id, serial=2, insutype="310", since=NOW.date() - timedelta(days=2))
    row = settle(session, stay)
    assert row.insutype == "310"
    assert settlement.bill(session, system(row.organisation_id), row.id).insured_before == "390"


def test_who_is_suspended_on_the_discharge_day_is_refused_naming_the_day(session):
    person = insured(session)
    insure(session, person.id, since=NOW.date() - timedelta(days=1), state="suspended")
    stay = charged(session, person.id, ended=NOW)
    with pytest.raises(NotInsured) as refusal:
        settle(session, stay)
    assert refusal.value.facts["day"] == NOW.date()


def test_a_bill_whose_insurance_did_not_change_says_nothing_of_it(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    assert settlement.bill(session, system(row.organisation_id), row.id).insured_before is None
