"""A month of referrals in figures: every number is one that can be counted by hand."""

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from hub import journeys, referrals, trust
from hub.referrals import Answering, Flow, Refusal, Treated
from tests.hub.test_referral_worklists import down
from tests.hub.test_referrals import RECEIVER, SENDER, sent
from tests.region import COMMUNITY, COUNTY, NOW, TERTIARY, a_person, citizen, staff, system

MONTH = date(2026, 11, 5)
HOUR = timedelta(hours=1)


def visit(session: Session, organisation_id: str, serial: int, number: str) -> None:
    caller = system(organisation_id)
    journeys.admit(
        session,
        caller,
        organisation_id=organisation_id,
        number=number,
        person_id=a_person(session, serial).id,
        care="outpatient",
        begun_at=NOW,
    )


def test_flows_answers_refusals_and_where_people_were_treated(session: Session) -> None:
    rows = [sent(session, a_person(session, n), placer_number=f"A-{n}") for n in (1, 2, 3)]
    referrals.accept(session, system(TERTIARY, at=NOW + HOUR), referral_id=rows[0].id)
    referrals.reject(session, system(TERTIARY, at=NOW + 3 * HOUR), referral_id=rows[1].id, reason="床位已满")
    journeys.recall(session, SENDER, referral_id=rows[2].id, reason="好转")
    down(session, a_person(session, 4), placer_number="D-1")
    visit(session, COMMUNITY, 5, "M-1")
    visit(session, COUNTY, 5, "C-1")
    visit(session, TERTIARY, 1, "Z-1")
    found = referrals.statistics(session, system(COMMUNITY), month=MONTH)
    assert found.month == date(2026, 11, 1)
    assert list(found.flows) == [
        Flow(COMMUNITY, TERTIARY, up=3, down=0, sideways=0, arrived=1, refused=1),
        Flow(TERTIARY, COMMUNITY, up=0, down=1, sideways=0, arrived=0, refused=0),
    ]
    assert list(found.answering) == [
        Answering(TERTIARY, asked=3, answered=2, in_time=2, median=HOUR),
        Answering(COMMUNITY, asked=1, answered=0, in_time=0, median=None),
    ]
    assert sorted(found.refusals, key=lambda r: r.event) == [
        Refusal(TERTIARY, "recall", "好转", 1),
        Refusal(TERTIARY, "reject", "床位已满", 1),
    ]
    assert found.treated == Treated(visits=3, base=1, county=2)
    assert (found.up, found.down, found.sideways, found.letters, found.astray) == (3, 1, 0, {}, [])
    late = system(COMMUNITY, at=NOW + 30 * timedelta(days=1))
    assert referrals.statistics(session, late, month=MONTH).letters == {TERTIARY: 1}


def test_a_late_answer_is_not_in_time(session: Session) -> None:
    row = sent(session, a_person(session), priority="urgent")
    referrals.accept(session, system(TERTIARY, at=NOW + 5 * HOUR), referral_id=row.id)
    (answering,) = referrals.statistics(session, RECEIVER, month=MONTH).answering
    assert (answering.answered, answering.in_time, answering.median) == (1, 0, 5 * HOUR)


def test_another_month_is_empty(session: Session) -> None:
    sent(session, a_person(session))
    found = referrals.statistics(session, RECEIVER, month=date(2026, 12, 31))
    assert (found.flows, found.answering, found.refusals, found.treated) == ([], [], [], Treated(0, 0, 0))


def test_a_month_begins_at_midnight_in_china(session: Session) -> None:
    first = NOW.replace(day=30, hour=16)
    row = referrals.draft(
        session,
        SENDER,
        facts=referrals.ReferralFacts(
            person_id=a_person(session).id,
            sender_id=COMMUNITY,
            receiver_id=TERTIARY,
            reason="复查",
            diagnoses=({"code": "I20.0", "name": "不稳定型心绞痛"},),
        ),
    )
    referrals.send(session, system(COMMUNITY, at=first), referral_id=row.id)
    assert referrals.statistics(session, RECEIVER, month=MONTH).flows == []
    assert referrals.statistics(session, RECEIVER, month=date(2026, 12, 1)).up == 1


def test_who_has_no_business_with_the_region_is_refused(session: Session) -> None:
    for caller in (staff(TERTIARY, scopes=frozenset({"referral.read"})), citizen(a_person(session).id)):
        with pytest.raises(trust.NotAllowed):
            referrals.statistics(session, caller, month=MONTH)
