"""Who has to act on a referral and until when; what the clock alone does to one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from adapters import jobs
from hub import journeys, records, referrals
from hub.exchange import Due
from hub.faults import Conflict, Invalid
from hub.people import Person
from hub.referrals import REFERRAL, WORKLISTS, Referral
from hub.trust import Caller
from tests.hub.test_referrals import JOB, LETTER, PLAN, RECEIVER, SENDER, in_state, sent, stated, told
from tests.region import COMMUNITY, COUNTY, NOW, TERTIARY, a_person, citizen, system

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def patient(session: Session) -> Person:
    return a_person(session)


@pytest.fixture
def usual_times() -> Iterator[None]:
    yield
    referrals.set_minutes({})


def down(session: Session, patient: Person, **facts: object) -> Referral:
    """A patient sent from the tertiary hospital to the community."""
    usual: dict[str, object] = {"sender_id": TERTIARY, "receiver_id": COMMUNITY, "care_plan": PLAN}
    own = {"sender_practitioner_id": None, "receiver_department_id": None}
    row = referrals.draft(session, RECEIVER, facts=stated(patient, **usual | own | facts))
    return referrals.send(session, RECEIVER, referral_id=row.id)


def later(hours: float) -> Caller:
    return replace(JOB, at=NOW + hours * HOUR)


@pytest.mark.parametrize("state", [state for state in REFERRAL.states if state not in REFERRAL.final])
def test_an_open_referral_stands_on_one_worklist_of_one_owner_with_a_deadline(
    session: Session, patient: Person, state: str
) -> None:
    row = in_state(session, patient, state)
    found = [
        (each.name, caller)
        for each in WORKLISTS
        for caller in (SENDER, RECEIVER, system(COUNTY))
        if row.id in [one.id for one in referrals.on_worklist(session, caller, each.name)]
    ]
    assert len(found) == 1, found
    name, owner = found[0]
    assert referrals.waiting(session, owner)[name] == 1
    assert row.due_at is not None
    assert row.due_at > NOW
    assert referrals.astray(session) == []


@pytest.mark.parametrize("state", REFERRAL.final)
def test_a_referral_that_has_ended_is_nobodys_work(session: Session, patient: Person, state: str) -> None:
    row = in_state(session, patient, state)
    lists = [referrals.on_worklist(session, caller, each.name) for each in WORKLISTS for caller in (SENDER, RECEIVER)]
    assert row not in [one for rows in lists for one in rows]
    assert row.due_at is None


@pytest.mark.parametrize("state", ["sent", "accepted", "rejected", "arrived"])
def test_an_open_referral_without_a_deadline_is_found_and_the_job_fails_naming_it(
    session: Session, patient: Person, state: str
) -> None:
    row = in_state(session, patient, state)
    assert jobs.prove_worklists(session, JOB) == "every open referral stands on one worklist"
    session.execute(text("UPDATE referral SET due_at = NULL"))
    (found,) = referrals.astray(session)
    assert (found.referral_id, found.state, found.due_at) == (row.id, state, None)
    with pytest.raises(jobs.ReferralsAstray, match=f"{row.id} {state}"):
        jobs.prove_worklists(session, JOB)


def test_an_open_state_that_no_worklist_holds_is_found(
    session: Session, patient: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = in_state(session, patient, "arrived")
    without = tuple(each for each in WORKLISTS if each.name != "letters")
    monkeypatch.setattr("hub.referrals.worklists.WORKLISTS", without)
    (found,) = referrals.astray(session)
    assert (found.referral_id, found.worklists, found.owner_id) == (row.id, (), None)
    twice = (*WORKLISTS, replace(WORKLISTS[-2], name="again"))
    monkeypatch.setattr("hub.referrals.worklists.WORKLISTS", twice)
    assert referrals.astray(session)[0].worklists == ("letters", "again")


def test_a_referral_that_was_sent_again_leaves_the_worklist_of_what_is_to_be_decided(
    session: Session, patient: Person
) -> None:
    row = in_state(session, patient, "rejected")
    assert [one.id for one in referrals.on_worklist(session, SENDER, "to-decide")] == [row.id]
    again = referrals.draft(
        session,
        SENDER,
        facts=stated(
            patient, receiver_id=COUNTY, receiver_department_id=None, placer_number="RF-2", previous_id=row.id
        ),
    )
    assert referrals.on_worklist(session, SENDER, "to-decide") != []
    referrals.send(session, SENDER, referral_id=again.id)
    assert referrals.on_worklist(session, SENDER, "to-decide") == []
    assert (again.chain_id, row.state, referrals.astray(session)) == (row.chain_id, "rejected", [])


@pytest.mark.parametrize("state", ["sent", "info-requested", "booked", "no-show"])
def test_what_is_still_open_is_not_sent_again(session: Session, patient: Person, state: str) -> None:
    row = in_state(session, patient, state)
    facts = stated(patient, receiver_id=COUNTY, receiver_department_id=None, placer_number="RF-2", previous_id=row.id)
    with pytest.raises(referrals.StillOpen):
        referrals.draft(session, SENDER, facts=facts)
    assert [one.id for one in session.scalars(select(Referral))] == [row.id]


def test_what_nobody_confirms_is_escalated_every_two_hours_until_somebody_does(
    session: Session, patient: Person
) -> None:
    row = sent(session, patient)
    assert journeys.watch(session, later(1.9)) == (0, 0)
    assert journeys.watch(session, later(2)) == (1, 0)
    assert journeys.watch(session, later(3.9)) == (0, 0)
    assert journeys.watch(session, later(4)) == (1, 0)
    assert (row.state, row.escalations, row.escalated_at) == ("sent", 2, NOW + 4 * HOUR)
    assert told(session)[1:] == [(TERTIARY, "referral.unconfirmed"), (COMMUNITY, "referral.unconfirmed")] * 2
    listed = referrals.unconfirmed(session, at=NOW + 5 * HOUR, receiver_id=TERTIARY)
    assert [one.id for one in listed] == [row.id]
    assert referrals.unconfirmed(session, at=NOW + 5 * HOUR, receiver_id=COUNTY) == []
    referrals.receive(session, RECEIVER, referral_id=row.id)
    assert journeys.watch(session, later(9)) == (0, 0)
    assert referrals.unconfirmed(session, at=NOW + 9 * HOUR) == []


def test_the_times_are_the_regions_to_choose(session: Session, patient: Person, usual_times: None) -> None:
    referrals.set_minutes({"confirm": 30})
    sent(session, patient)
    assert journeys.watch(session, later(0.4)) == (0, 0)
    assert journeys.watch(session, later(0.5)) == (1, 0)
    for wrong in ({"nap": 1}, {"confirm": 0}):
        with pytest.raises(Invalid):
            referrals.set_minutes(wrong)


def test_sender_and_patient_are_warned_once_a_week_before_the_end(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "accepted")
    days = (row.valid_until - NOW) / DAY
    assert journeys.watch(session, later((days - 7.1) * 24))[1] == 0
    assert journeys.watch(session, later((days - 7) * 24))[1] == 1
    assert journeys.watch(session, later((days - 6) * 24))[1] == 0
    assert told(session)[-1] == (COMMUNITY, "referral.expiring")
    notice = session.scalars(select(Due).where(Due.destination == "sms").order_by(Due.id.desc())).first()
    assert notice is not None
    assert "失效" in notice.snapshot["text"]
    assert (row.state, row.warned_at) == ("accepted", row.valid_until - 7 * DAY)


def test_a_referral_that_is_short_from_the_beginning_warns_of_nothing(session: Session, patient: Person) -> None:
    sent(session, patient, valid_until=NOW + 5 * DAY)
    assert journeys.watch(session, later(1))[1] == 0


def test_a_warning_does_not_move_a_deadline(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "accepted")
    due = row.due_at
    referrals.warn(session, later(400), referral_id=row.id)
    assert row.due_at == due


def test_a_patient_sent_down_whom_nobody_takes_back_is_the_senders_again(session: Session, patient: Person) -> None:
    row = down(session, patient)
    span = referrals.time_for("take-back")
    assert journeys.return_not_taken(session, replace(JOB, at=NOW + span - HOUR)) == 0
    assert journeys.return_not_taken(session, replace(JOB, at=NOW + span)) == 1
    session.refresh(row)
    assert (row.state, row.task_status, row.request_status) == ("rejected", "rejected", "active")
    assert [one.id for one in referrals.on_worklist(session, RECEIVER, "to-decide")] == [row.id]
    assert told(session)[-2:] == [(TERTIARY, "referral.lapsed"), (COMMUNITY, "referral.lapsed")]
    with pytest.raises(Conflict):
        referrals.accept(session, SENDER, referral_id=row.id)
    assert journeys.return_not_taken(session, replace(JOB, at=NOW + 2 * span)) == 0
    assert referrals.astray(session) == []


def test_a_patient_sent_down_and_accepted_stays_there(session: Session, patient: Person) -> None:
    row = down(session, patient)
    referrals.accept(session, SENDER, referral_id=row.id)
    assert journeys.return_not_taken(session, later(1000)) == 0
    assert row.state == "accepted"


def test_only_what_was_sent_down_lapses(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    with pytest.raises(referrals.NotSentDown):
        referrals.lapse(session, JOB, referral_id=row.id)
    assert "lapse" not in referrals.available_actions(JOB, row)
    assert "lapse" in referrals.available_actions(JOB, down(session, patient, placer_number="D-1"))
    assert "lapse" not in referrals.available_actions(citizen(patient.id), row)


def test_owed_letters_are_ranked_by_how_long_they_are_overdue(session: Session, patient: Person) -> None:
    visits = []
    for serial, hours in ((1, 0), (2, 2)):
        person = a_person(session, serial)
        row = sent(session, person, placer_number=f"RF-{serial}")
        referrals.accept(session, RECEIVER, referral_id=row.id)
        caller = system(TERTIARY, at=NOW + hours * HOUR)
        visit = journeys.admit(
            session,
            caller,
            organisation_id=TERTIARY,
            number=f"ZY-{serial}",
            person_id=person.id,
            care="inpatient",
            begun_at=caller.at,
        )
        visits.append((row, visit))
    (first, first_visit), (second, _) = visits
    after = NOW + referrals.time_for("letter") + 3 * HOUR
    assert [row.id for row in referrals.overdue_letters(session, at=after)] == [first.id, second.id]
    journeys.discharge(session, RECEIVER, visit_id=first_visit.id, ended_at=NOW + 5 * DAY)
    assert first.due_at == NOW + 5 * DAY + referrals.time_for("letter-after-discharge")
    soon = first.due_at + HOUR
    assert [row.id for row in referrals.overdue_letters(session, at=soon, receiver_id=TERTIARY)] == [first.id]
    assert referrals.overdue_letters(session, at=soon, receiver_id=COUNTY) == []
    journeys.close(session, RECEIVER, referral_id=first.id, letter=LETTER)
    assert first not in referrals.overdue_letters(session, at=after)


def test_a_discharge_that_no_referral_brought_owes_nothing(session: Session, patient: Person) -> None:
    visit = records.open_visit(
        session,
        RECEIVER,
        organisation_id=TERTIARY,
        number="ZY-9",
        person_id=patient.id,
        care="inpatient",
        begun_at=NOW,
    )
    journeys.discharge(session, RECEIVER, visit_id=visit.id, ended_at=NOW)
    assert referrals.overdue_letters(session, at=NOW + 900 * DAY) == []
