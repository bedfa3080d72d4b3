"""The bill as patient and hospital read it: every fen explained, and what the referral changed."""

from datetime import timedelta

import pytest

from hub import settlement
from hub.settlement import SettlementUnknown
from hub.trust import RecordUnknown
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, TERTIARY, charged, refer, settle, undo
from tests.region import BUREAU, NOW, citizen, system


@pytest.fixture(autouse=True)
def _pack(session):
    with_pack(session)


def referred(session):
    person = insured(session, balance=30_000)
    sending = charged(session, person.id, hospital=COUNTY, number="X-1", ended=NOW - timedelta(days=9))
    settle(session, sending, key="m0", account_used=False)
    refer(session, person.id)
    return person, settle(session, charged(session, person.id, begun=NOW - timedelta(days=8), ended=NOW))


def test_the_bill_tells_what_the_referral_saved_to_the_fen(session):
    person, row = referred(session)
    told = settlement.bill(session, citizen(person.id), row.id)
    assert told.referred
    assert (told.person, told.saved) == (278_752, 117_619)
    assert told.otherwise.totals.person == 396_371
    assert told.hospital.id == TERTIARY


def test_a_bill_without_a_referral_tells_what_one_would_have_saved(session):
    person = insured(session)
    row = settle(session, charged(session, person.id, ended=NOW))
    told = settlement.bill(session, citizen(person.id), row.id)
    assert not told.referred
    assert told.saved == 73_619


def test_what_the_patient_pays_adds_up_from_its_causes(session):
    person, row = referred(session)
    told = settlement.bill(session, citizen(person.id), row.id)
    s = told.settlement
    causes = [s.deductible, told.copayment, s.first, s.over, s.own]
    assert causes == [50_000, 94_343, 38_410, 10_000, 85_999]
    assert sum(causes) == told.person


def test_every_line_names_its_item_and_its_steps_and_the_lines_sum_to_the_bill(session):
    person, row = referred(session)
    told = settlement.bill(session, citizen(person.id), row.id)
    assert [line.name for line in told.lines] == [
        "普通床位费",
        "示例单抗注射液",
        "陪护床",
        "心脏彩超",
        "示例复合维生素",
    ]
    assert [int(line.person) for line in told.lines] == [55_325, 98_083, 56_000, 39_345, 29_999]
    assert sum(line.person for line in told.lines) == told.person
    assert told.lines[1].steps[1].sentence("zh") == "乙类，先自付 10%（按 3841.00 元算）"
    assert told.lines[1].steps[1].sentence("en") == "Class B: you first pay 10% of 3841.00"


def test_person_hospital_and_bureau_read_a_bill_and_a_stranger_does_not_know_it(session):
    person, row = referred(session)
    stranger = insured(session, 7)
    for caller in (citizen(person.id), system(TERTIARY), system(BUREAU)):
        assert settlement.bill(session, caller, row.id).settlement.id == row.id
    for caller in (citizen(stranger.id), system("H42058200401")):
        with pytest.raises(RecordUnknown):
            settlement.bill(session, caller, row.id)
    with pytest.raises(SettlementUnknown):
        settlement.bill(session, citizen(person.id), 10**9)


def test_bills_are_listed_newest_first_and_an_undone_one_says_so(session):
    person, row = referred(session)
    undo(session, row)
    listed = settlement.settlements_of(session, citizen(person.id), person_id=person.id)
    assert [(s.organisation_id, s.state) for s in listed] == [(TERTIARY, "cancelled"), (COUNTY, "active")]
    own = settlement.settlements_of(session, system(COUNTY), person_id=person.id)
    assert [s.organisation_id for s in own] == [TERTIARY, COUNTY]
