"""A referral goes by one table: who may do what, what is told to whom, who may see the record and until when."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import booking, directory, people, records, referrals, trust
from hub.booking import Slot
from hub.exchange import Due
from hub.faults import LONGEST_TEXT, Conflict, Fault, Forbidden, Invalid, Missing, Unknown
from hub.people import Person
from hub.referrals import ACTIONS, REFERRAL, STATES, Referral, ReferralEvent, ReferralFacts
from hub.trust import Caller, RecordUnknown
from hub.units import Money
from tests.region import (
    CARDIOLOGY,
    COMMUNITY,
    COMMUNITY_DOCTOR,
    COMMUNITY_GENERAL,
    COUNTY,
    EXPERT,
    NOW,
    TERTIARY,
    VILLAGE,
    a_person,
    citizen,
    system,
)

ANGINA: records.Diagnosis = {"code": "I20.0", "name": "不稳定型心绞痛"}
LETTER: referrals.Letter = {"title": "转诊回复", "text": "已行造影，未见狭窄。", "signer_id": EXPERT}
PLAN: referrals.CarePlan = {"summary": "康复", "medicines": ["阿司匹林"], "warning_signs": ["胸痛"]}
JOB = Caller(kind="job", id="sweep", at=NOW, scopes=frozenset({"operations"}))
SENDER, RECEIVER = system(COMMUNITY), system(TERTIARY)


@pytest.fixture
def patient(session: Session) -> Person:
    return a_person(session)


def stated(patient: Person, **facts: Any) -> ReferralFacts:
    usual: dict[str, Any] = {
        "sender_id": COMMUNITY,
        "receiver_id": TERTIARY,
        "sender_practitioner_id": COMMUNITY_DOCTOR,
        "receiver_department_id": CARDIOLOGY,
        "reason": "静息发作，需冠状动脉造影",
        "diagnoses": (ANGINA,),
        "placer_number": "RF-1",
    }
    return ReferralFacts(person_id=patient.id, **usual | facts)


def sent(session: Session, patient: Person, **facts: Any) -> Referral:
    row = referrals.draft(session, SENDER, facts=stated(patient, **facts))
    return referrals.send(session, SENDER, referral_id=row.id)


def place(session: Session, row: Referral, *, hour: int = 9) -> int:
    """A slot kept for referrals at the receiver, booked for the patient; answers the appointment's id."""
    schedule = booking.add_schedule(
        session,
        system(TERTIARY),
        service_id=f"{TERTIARY}-0301-01",
        practitioner_id=EXPERT,
        weekdays="1234567",
        begins=time(hour),
        ends=time(hour, 30),
        slot_minutes=30,
        capacity=5,
        pool="referral",
        fee=Money(0),
        since=date(2026, 1, 1),
    )
    booking.make_slots(session, JOB, day_from=date(2026, 11, 23), days=1)
    slot_id = session.scalars(select(Slot.id).where(Slot.schedule_id == schedule.id)).one()
    return booking.book(
        session, SENDER, slot_id=slot_id, person_id=row.person_id, channel="referral", referral_id=row.id
    ).id


def act(session: Session, caller: Caller, row: Referral, action: str, appointment_id: int | None = None) -> Any:
    """The verb behind an action, with what it needs to succeed."""
    said: dict[str, Any] = {"referral_id": row.id}
    more: dict[str, dict[str, Any]] = {
        "reject": {"reason": "床位已满"},
        "recall": {"reason": "病情好转"},
        "decline": {"reason": "想在家门口看"},
        "request-info": {"question": "请补心电图"},
        "answer-info": {"answer": "已补"},
        "redirect": {"receiver_id": COUNTY, "department_id": None, "reason": "县医院可做"},
        "complete": {"letter": LETTER},
        "book": {"appointment_id": appointment_id},
    }
    verb = {"book": "take_place"}.get(action, action.replace("-", "_"))
    return getattr(referrals, verb)(session, caller, **said, **more.get(action, {}))


def in_state(session: Session, patient: Person, state: str) -> Referral:
    """A referral that went to `state` by the shortest way the table has."""
    row = referrals.draft(session, SENDER, facts=stated(patient))
    for event in shortest_way(state):
        if event == "return-down":
            back = stated(patient, sender_id=TERTIARY, receiver_id=COMMUNITY, care_plan=PLAN, previous_id=row.id)
            back = replace(back, sender_practitioner_id=None, receiver_department_id=None)
            down = referrals.draft(session, RECEIVER, facts=back)
            referrals.send(session, RECEIVER, referral_id=down.id)
        action = {"return-down": "complete"}.get(event, event)
        caller = {"sender": SENDER, "receiver": RECEIVER, "hub": JOB}[min(ACTIONS[action] - {"patient"})]
        act(session, RECEIVER if "receiver" in ACTIONS[action] else caller, row, action, place_for(session, row, event))
    assert row.state == state
    return row


def place_for(session: Session, row: Referral, event: str) -> int | None:
    return place(session, row) if event == "book" else None


def shortest_way(goal: str) -> list[str]:
    ways: dict[str, list[str]] = {REFERRAL.start: []}
    waiting = [REFERRAL.start]
    while waiting:
        state = waiting.pop(0)
        for event in REFERRAL.allowed(state):
            target = REFERRAL.after(state, event)
            if target not in ways and event != "decline":
                ways[target] = [*ways[state], event]
                waiting.append(target)
    return ways[goal]


def told(session: Session) -> list[tuple[str, str]]:
    rows = session.scalars(select(Due).where(Due.kind.startswith("referral.")).order_by(Due.id))
    return [(row.destination, row.kind) for row in rows]


def notices(session: Session) -> list[str]:
    rows = session.scalars(select(Due).where(Due.destination == "sms").order_by(Due.id))
    return [row.snapshot["template"] for row in rows]


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("state", REFERRAL.states)
def test_what_is_offered_is_exactly_what_is_accepted(session: Session, patient: Person, state: str) -> None:
    row = in_state(session, patient, state)
    appointment_id = row.appointment_id or place(session, row, hour=15)
    for caller in (SENDER, RECEIVER, citizen(patient.id), JOB, system(COUNTY)):
        offered = referrals.available_actions(caller, row)
        accepted = {action for action in ACTIONS if is_accepted(session, caller, row, action, appointment_id)}
        assert accepted == offered, (state, caller.id)


def is_accepted(session: Session, caller: Caller, row: Referral, action: str, appointment_id: int | None) -> bool:
    """Try an action and take it back; after a refusal nothing may have been written."""
    state, events = row.state, count(session, ReferralEvent)
    attempt = session.begin_nested()
    try:
        act(session, caller, row, action, appointment_id)
    except (Conflict, Forbidden, Unknown):
        assert not session.dirty
        assert (row.state, count(session, ReferralEvent)) == (state, events)
        return False
    finally:
        attempt.rollback()
    session.expire(row)
    return True


def test_without_the_right_to_write_nothing_is_offered_or_accepted(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    reader = replace(RECEIVER, scopes=frozenset({"referral.read"}))
    assert referrals.available_actions(reader, row) == frozenset()
    with pytest.raises(trust.NotAllowed):
        referrals.accept(session, reader, referral_id=row.id)
    assert referrals.available_actions(citizen(a_person(session, 2).id), row) == frozenset()


def test_every_state_is_one_pair_of_standings_and_every_action_is_in_the_table() -> None:
    assert set(STATES) == set(REFERRAL.states)
    assert set(ACTIONS) | {"lose-place", "return-down"} == set(REFERRAL.events)


@pytest.mark.parametrize("state", REFERRAL.states)
def test_both_fhir_sides_follow_from_the_state(session: Session, patient: Person, state: str) -> None:
    row = in_state(session, patient, state)
    session.refresh(row)
    assert (row.task_status, row.request_status) == STATES[state]


@pytest.mark.parametrize("column", ["task_status", "request_status"])
def test_no_other_combination_can_be_stored(session: Session, patient: Person, column: str) -> None:
    sent(session, patient)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(f"UPDATE referral SET {column} = 'completed'"))


def test_a_referral_sent_twice_under_one_number_is_one_referral(session: Session, patient: Person) -> None:
    first = sent(session, patient)
    again = referrals.draft(session, SENDER, facts=stated(patient))
    assert (again.id, again.state) == (first.id, "sent")
    assert count(session, Referral) == 1


def test_a_number_with_other_content_is_refused(session: Session, patient: Person) -> None:
    first = sent(session, patient)
    with pytest.raises(referrals.PlacerNumberTaken) as refused:
        referrals.draft(session, SENDER, facts=stated(patient, reason="另一个原因"))
    assert refused.value.facts["referral_id"] == first.id
    assert count(session, Referral) == 1


REFUSED: list[tuple[dict[str, Any], type[Fault]]] = [
    ({"receiver_id": COMMUNITY}, referrals.ToItself),
    ({"receiver_id": "H42050099999"}, directory.OrganisationUnknown),
    ({"reason": "  "}, Missing),
    ({"diagnoses": ()}, Missing),
    ({"priority": "very"}, Invalid),
    ({"direction": "down"}, referrals.DirectionWrong),
    ({"sender_practitioner_id": EXPERT}, Invalid),
    ({"receiver_department_id": COMMUNITY_GENERAL}, Invalid),
    ({"receiver_id": VILLAGE, "receiver_department_id": None}, referrals.CarePlanMissing),
    ({"care_plan": {"summary": "康复", "next_visit": "下个月"}}, Invalid),
    ({"care_plan": {"summary": "康复", "next_visit": "2026-02-30"}}, Invalid),
    ({"sender_id": COUNTY}, records.NotYourRecord),
    ({"person_id": 10**9}, people.PersonUnknown),
]


@pytest.mark.parametrize(("facts", "fault"), REFUSED)
def test_what_contradicts_itself_is_refused_and_nothing_is_written(
    session: Session, patient: Person, facts: dict[str, Any], fault: type[Fault]
) -> None:
    with pytest.raises(fault):
        referrals.draft(session, SENDER, facts=replace(stated(patient), **facts))
    assert (count(session, Referral), told(session)) == (0, [])


@pytest.mark.parametrize(
    ("sender", "receiver", "direction"),
    [
        (VILLAGE, COMMUNITY, "up"),
        (COMMUNITY, TERTIARY, "up"),
        (TERTIARY, COUNTY, "down"),
        (COUNTY, COMMUNITY, "down"),
    ],
)
def test_the_direction_follows_from_the_two_institutions(
    session: Session, patient: Person, sender: str, receiver: str, direction: str
) -> None:
    facts = stated(patient, sender_id=sender, receiver_id=receiver, care_plan=PLAN)
    facts = replace(facts, sender_practitioner_id=None, receiver_department_id=None)
    assert referrals.draft(session, system(sender), facts=facts).direction == direction


def test_a_draft_is_nobodys_business_but_the_senders(session: Session, patient: Person) -> None:
    row = referrals.draft(session, SENDER, facts=stated(patient))
    assert told(session) == []
    assert referrals.referral(session, SENDER, row.id) is row
    assert referrals.incoming(session, RECEIVER) == []
    with pytest.raises(referrals.ReferralUnknown):
        referrals.referral(session, RECEIVER, row.id)


def test_the_other_side_and_the_patient_are_told_at_every_step(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    referrals.receive(session, RECEIVER, referral_id=row.id)
    referrals.accept(session, RECEIVER, referral_id=row.id)
    referrals.arrive(session, RECEIVER, referral_id=row.id)
    referrals.complete(session, RECEIVER, referral_id=row.id, letter=LETTER)
    assert told(session) == [
        (TERTIARY, "referral.sent"),
        (COMMUNITY, "referral.received"),
        (COMMUNITY, "referral.accepted"),
        (COMMUNITY, "referral.arrived"),
        (COMMUNITY, "referral.completed"),
    ]
    assert notices(session) == ["referral.sent", "referral.accepted", "referral.completed"]
    events = referrals.history(session, row.id)
    assert [e.event for e in events] == ["draft", "send", "receive", "accept", "arrive", "complete"]


def test_the_message_to_the_receiver_says_everything(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    snapshot = session.scalars(select(Due).where(Due.kind == "referral.sent")).one().snapshot
    assert snapshot["placer_number"] == "RF-1"
    assert (snapshot["state"], snapshot["direction"], snapshot["priority"]) == ("sent", "up", "routine")
    assert snapshot["sender"]["practitioner"] == {"id": COMMUNITY_DOCTOR, "name": "李示范"}
    assert snapshot["receiver"]["department"] == {"id": CARDIOLOGY, "name": "心血管内科"}
    assert snapshot["diagnoses"] == [ANGINA]
    assert snapshot["person"]["name"] == "张示例"
    assert (snapshot["referral_id"], snapshot["appointment"]) == (row.id, None)


def test_the_letter_travels_with_the_completion(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "arrived")
    referrals.complete(session, RECEIVER, referral_id=row.id, letter=LETTER)
    snapshot = session.scalars(select(Due).where(Due.kind == "referral.completed")).one().snapshot
    assert snapshot["letter"]["text"] == LETTER["text"]
    assert snapshot["letter"]["signer"] == {"id": EXPERT, "name": "陈示范"}
    for reader in (SENDER, RECEIVER, citizen(patient.id), system(COMMUNITY, at=NOW + timedelta(days=400))):
        letter = referrals.letter(session, reader, row.id)
        assert letter is not None
        assert letter.text == LETTER["text"]
    with pytest.raises(referrals.ReferralUnknown):
        referrals.letter(session, system(COUNTY), row.id)


def test_no_letter_no_completion(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "arrived")
    with pytest.raises(Missing):
        referrals.complete(session, RECEIVER, referral_id=row.id, letter={**LETTER, "text": " "})
    with pytest.raises(records.SignedByAnother):
        referrals.complete(session, RECEIVER, referral_id=row.id, letter={**LETTER, "signer_id": COMMUNITY_DOCTOR})
    assert row.state == "arrived"
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("UPDATE referral SET state = 'completed'"))


@pytest.mark.parametrize("verb", [referrals.reject, referrals.recall, referrals.decline])
def test_an_ending_needs_its_reason(session: Session, patient: Person, verb: Callable[..., Referral]) -> None:
    row = sent(session, patient)
    with pytest.raises(Missing):
        verb(session, SENDER, referral_id=row.id, reason=" ")
    assert row.state == "sent"


def sees(session: Session, caller: Caller, patient: Person, kind: str = "result") -> bool:
    try:
        trust.admit(session, caller, [patient.id], kind)
    except RecordUnknown:
        return False
    return True


def test_the_receiver_sees_from_acceptance_and_the_sender_sees_results_until_a_month_after(
    session: Session, patient: Person
) -> None:
    row = sent(session, patient)
    assert (sees(session, RECEIVER, patient), sees(session, SENDER, patient)) == (False, False)
    referrals.accept(session, RECEIVER, referral_id=row.id)
    assert (sees(session, RECEIVER, patient), sees(session, SENDER, patient)) == (True, True)
    assert not sees(session, SENDER, patient, "bill")
    referrals.arrive(session, RECEIVER, referral_id=row.id)
    referrals.complete(session, RECEIVER, referral_id=row.id, letter=LETTER)
    end = NOW + referrals.AFTER_COMPLETION
    for side in (COMMUNITY, TERTIARY):
        assert sees(session, system(side, at=end - timedelta(seconds=1)), patient)
        assert not sees(session, system(side, at=end), patient)


def test_an_urgent_referral_lets_the_receiver_see_at_once_and_a_rejection_ends_it(
    session: Session, patient: Person
) -> None:
    row = sent(session, patient, priority="urgent")
    assert (sees(session, RECEIVER, patient), sees(session, SENDER, patient)) == (True, False)
    referrals.reject(session, RECEIVER, referral_id=row.id, reason="床位已满")
    assert not sees(session, RECEIVER, patient)


@pytest.mark.parametrize("priority", ["urgent", "routine"])
def test_the_answer_is_due_by_priority_and_anew_after_a_question(
    session: Session, patient: Person, priority: str
) -> None:
    row = sent(session, patient, priority=priority)
    assert row.answer_due_at == NOW + referrals.time_for(f"answer-{priority}")
    referrals.request_info(session, RECEIVER, referral_id=row.id, question="请补心电图")
    later = NOW + timedelta(hours=5)
    referrals.answer_info(session, system(COMMUNITY, at=later), referral_id=row.id, answer="已补")
    assert row.answer_due_at == later + referrals.time_for(f"answer-{priority}")
    assert row.state == "received"


def test_a_booked_place_makes_the_accepted_referral_booked(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    referrals.take_place(session, SENDER, referral_id=row.id, appointment_id=place(session, row))
    assert (row.state, row.slot_leg) == ("sent", "booked")
    referrals.accept(session, RECEIVER, referral_id=row.id)
    assert row.state == "booked"
    snapshot = session.scalars(select(Due).where(Due.kind == "referral.accepted")).one().snapshot
    assert snapshot["appointment"]["appointment_id"] == row.appointment_id
    assert snapshot["appointment"]["department"]["name"] == "心血管内科"


def test_the_sender_hears_of_a_place_that_somebody_else_booked(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "accepted")
    referrals.take_place(session, RECEIVER, referral_id=row.id, appointment_id=place(session, row))
    assert told(session)[-1] == (COMMUNITY, "referral.booked")


def test_a_second_place_is_refused(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "booked")
    with pytest.raises(referrals.AlreadyHasPlace):
        referrals.take_place(session, SENDER, referral_id=row.id, appointment_id=row.appointment_id or 0)


@pytest.mark.parametrize(("state", "after"), [("sent", "sent"), ("booked", "accepted")])
def test_a_lost_place_never_ends_the_referral(session: Session, patient: Person, state: str, after: str) -> None:
    row = in_state(session, patient, state)
    if state == "sent":
        referrals.take_place(session, SENDER, referral_id=row.id, appointment_id=place(session, row))
    referrals.lose_place(session, SENDER, referral_id=row.id)
    assert (row.state, row.slot_leg) == (after, "lost")
    assert [kind for _, kind in told(session)][-2:] == ["referral.place-lost"] * 2
    referrals.lose_place(session, SENDER, referral_id=row.id)
    assert (row.state, row.slot_leg) == (after, "lost")


def test_a_redirected_referral_keeps_sender_number_and_chain(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    onward = referrals.redirect(
        session, RECEIVER, referral_id=row.id, receiver_id=COUNTY, department_id=None, reason="县医院可做"
    )
    referrals.send(session, SENDER, referral_id=onward.id)
    assert (onward.sender_id, onward.receiver_id, onward.number) == (COMMUNITY, COUNTY, "RF-1")
    assert (onward.chain_id, onward.previous_id) == (row.id, row.id)
    session.refresh(row)
    assert (row.state, row.task_status, row.request_status) == ("redirected", "cancelled", "active")
    for side in (COMMUNITY, TERTIARY, COUNTY):
        assert [r.id for r in referrals.chain(session, system(side), onward.id)] == [row.id, onward.id]
    assert referrals.draft(session, SENDER, facts=stated(patient)).id == onward.id


def test_a_referral_from_which_the_patient_was_sent_back_ends_as_returned_down(
    session: Session, patient: Person
) -> None:
    row = in_state(session, patient, "returned-down")
    session.refresh(row)
    assert (row.task_status, row.request_status) == ("completed", "completed")
    assert len(referrals.chain(session, citizen(patient.id), row.id)) == 2


def test_worklists_show_what_is_due_first(session: Session, patient: Person) -> None:
    other = a_person(session, 2)
    answered = sent(session, patient, placer_number="A")
    referrals.accept(session, RECEIVER, referral_id=answered.id)
    routine = sent(session, patient, placer_number="B")
    urgent = sent(session, other, placer_number="C", priority="urgent")
    assert [r.id for r in referrals.incoming(session, RECEIVER)] == [urgent.id, routine.id, answered.id]
    assert [r.id for r in referrals.outgoing(session, SENDER, states=("sent",))] == [urgent.id, routine.id]
    assert referrals.incoming(session, system(COUNTY)) == []


def test_a_stranger_learns_nothing(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    for stranger in (system(COUNTY), citizen(a_person(session, 2).id)):
        with pytest.raises(referrals.ReferralUnknown):
            referrals.referral(session, stranger, row.id)
        with pytest.raises(RecordUnknown):
            referrals.referrals_of(session, stranger, person_id=patient.id)
    assert [r.id for r in referrals.referrals_of(session, citizen(patient.id), person_id=patient.id)] == [row.id]


def test_a_patient_is_expected_where_the_referral_stands_nearest_to_arriving(session: Session, patient: Person) -> None:
    accepted = sent(session, patient, placer_number="A")
    referrals.accept(session, RECEIVER, referral_id=accepted.id)
    sent(session, patient, placer_number="B")
    found = referrals.concerned(session, visit_id=0, organisation_id=TERTIARY, person_id=patient.id, at=NOW).expected
    assert found is accepted
    late = NOW + referrals.time_for("validity")
    later = referrals.concerned(session, visit_id=0, organisation_id=TERTIARY, person_id=patient.id, at=late)
    assert later.expected is None
    assert [row.placer_number for row in referrals.overdue(session, at=late)] == ["A", "B"]


def test_a_chain_is_joined_only_by_who_takes_part_in_it(session: Session, patient: Person) -> None:
    row = sent(session, patient)
    foreign = stated(patient, sender_id=COUNTY, sender_practitioner_id=None, previous_id=row.id)
    with pytest.raises(referrals.ReferralUnknown):
        referrals.draft(session, system(COUNTY), facts=foreign)
    another = replace(stated(patient, placer_number="RF-2", previous_id=row.id), person_id=a_person(session, 2).id)
    with pytest.raises(Invalid) as refused:
        referrals.draft(session, SENDER, facts=another)
    assert refused.value.element == "previous_id"


def test_who_sends_an_arrived_patient_on_carries_the_episode_on(session: Session, patient: Person) -> None:
    row = in_state(session, patient, "arrived")
    back = stated(patient, sender_id=TERTIARY, receiver_id=COMMUNITY, care_plan=PLAN, placer_number="T-1")
    back = replace(back, sender_practitioner_id=None, receiver_department_id=None)
    down = referrals.draft(session, RECEIVER, facts=back)
    assert (down.chain_id, down.previous_id) == (row.id, row.id)
    referrals.send(session, RECEIVER, referral_id=down.id)
    referrals.complete(session, RECEIVER, referral_id=row.id, letter=LETTER)
    assert referrals.draft(session, RECEIVER, facts=back).id == down.id


def test_the_visit_from_which_the_patient_is_sent_is_found_or_checked(session: Session, patient: Person) -> None:
    visit = records.open_visit(
        session,
        SENDER,
        organisation_id=COMMUNITY,
        number="M-1",
        person_id=patient.id,
        care="inpatient",
        begun_at=NOW - timedelta(days=9),
    )
    assert sent(session, patient).sender_visit_id == visit.id
    with pytest.raises(Invalid) as refused:
        referrals.draft(session, SENDER, facts=stated(a_person(session, 2), placer_number="X", visit_id=visit.id))
    assert refused.value.element == "visit_id"
    records.close_visit(session, SENDER, visit_id=visit.id, ended_at=NOW - timedelta(days=8))
    assert sent(session, patient, placer_number="RF-2").sender_visit_id is None


def test_accepted_and_rejected_at_once_is_one_of_them(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        row_id = sent(session, a_person(session)).id

    def answer(action: str) -> bool:
        with Session(engine) as session, session.begin():
            try:
                act(session, RECEIVER, session.get_one(Referral, row_id), action)
            except Conflict:
                session.rollback()
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(answer, ["accept", "reject"])) == [False, True]
    with Session(engine) as session:
        answers = [e.event for e in referrals.history(session, row_id) if e.event in ("accept", "reject")]
        assert len(answers) == 1


def test_one_number_said_by_many_at_once_is_one_referral(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        facts = stated(a_person(session))

    def draft(_: int) -> int:
        with Session(engine) as session, session.begin():
            return referrals.draft(session, SENDER, facts=facts).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(draft, range(8)))) == 1


def test_a_reason_longer_than_a_text_may_be_is_refused_and_nothing_moves(session: Session, patient: Person) -> None:
    with pytest.raises(Invalid) as refusal:
        sent(session, patient, reason="字" * (LONGEST_TEXT + 1))
    assert refusal.value.element == "reason"
    row = sent(session, patient, reason="字" * LONGEST_TEXT)
    with pytest.raises(Invalid) as refusal:
        referrals.reject(session, RECEIVER, referral_id=row.id, reason="字" * (LONGEST_TEXT + 1))
    assert refusal.value.element == "reason"
    assert (count(session, Referral), row.state) == (1, "sent")
