"""A remote consultation: asked with consent, held for everybody or nobody, signed and countersigned."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import booking, consultations, directory, records, trust
from hub.booking import Slot
from hub.consultations import CONSULTATION, Consultation, ConsultationFacts, ExpertTime, Interval, common_free_times
from hub.exchange import Due
from hub.faults import Fault, Invalid, Missing
from hub.lifecycle import IllegalMove
from hub.people import Person
from hub.trust import Caller, RecordUnknown
from hub.units import CHINA, Money
from tests.region import (
    COMMUNITY,
    COMMUNITY_DOCTOR,
    COUNTY,
    COUNTY_DOCTOR,
    EXPERT,
    NOW,
    TERTIARY,
    a_person,
    citizen,
    staff,
    system,
)

SURGEON = "D420500000012"
DOCTOR = staff(COMMUNITY, COMMUNITY_DOCTOR)
LEADER = staff(TERTIARY, EXPERT)
MONDAY = datetime(2026, 11, 23, tzinfo=CHINA)
JOB = Caller(kind="job", id="jobs", at=NOW, scopes=frozenset({"operations"}))


@pytest.fixture
def patient(session: Session) -> Person:
    return a_person(session)


def reported(session: Session, person: Person) -> records.Report:
    return records.publish(
        session,
        system(COMMUNITY),
        organisation_id=COMMUNITY,
        person_id=person.id,
        visit_id=None,
        order={"code": "ECG", "name": "心电图"},
        observations=[],
        text="V3 至 V5 ST 段压低",
        issued_at=NOW,
        author={"id": COMMUNITY_DOCTOR, "name": "李示范"},
        filler_number=f"E-{person.id}",
    )


def stated(session: Session, person: Person, **facts: Any) -> ConsultationFacts:
    usual: dict[str, Any] = {
        "organisation_id": COMMUNITY,
        "requester_id": COMMUNITY_DOCTOR,
        "question": "是否需要造影？",
        "experts": (EXPERT, SURGEON),
        "consented_by": "patient",
        "report_id": reported(session, person).id,
    }
    return ConsultationFacts(person_id=person.id, **usual | facts)


def requested(session: Session, person: Person, **facts: Any) -> Consultation:
    return consultations.request(session, DOCTOR, facts=stated(session, person, **facts))


def scheduled(session: Session, person: Person, **facts: Any) -> Consultation:
    row = requested(session, person, **facts)
    return consultations.schedule(session, DOCTOR, consultation_id=row.id)


def signed(session: Session, person: Person) -> Consultation:
    row = scheduled(session, person)
    consultations.begin(session, LEADER, consultation_id=row.id)
    return consultations.sign_opinion(session, LEADER, consultation_id=row.id, text="建议造影。", signer_id=EXPERT)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def sees(session: Session, caller: Caller, person: Person) -> bool:
    try:
        trust.admit(session, caller, [person.id], "result")
    except RecordUnknown:
        return False
    return True


def test_from_the_question_to_the_countersigned_opinion(session: Session, patient: Person) -> None:
    row = signed(session, patient)
    assert consultations.opinion(session, citizen(patient.id), row.id) is None
    assert records.documents(session, citizen(patient.id), person_id=patient.id) == []
    consultations.countersign(session, DOCTOR, consultation_id=row.id)
    assert row.state == "completed"
    assert [d.id for d in records.documents(session, citizen(patient.id), person_id=patient.id)] == [row.opinion_id]
    opinion = records.document(session, DOCTOR, row.opinion_id or 0)
    assert records.is_intact(opinion, records.signatures(session, opinion.id))
    assert [s.signer_id for s in records.signatures(session, opinion.id)] == [EXPERT, COMMUNITY_DOCTOR]
    told = session.scalars(select(Due).where(Due.kind == "consultation.opinion")).one()
    assert told.destination == COMMUNITY
    assert (told.snapshot["text"], told.snapshot["author"]) == ("建议造影。", {"id": EXPERT, "name": "陈示范"})
    assert told.snapshot["order"]["name"] == "远程会诊意见"


REFUSED: list[tuple[dict[str, Any], type[Fault]]] = [
    ({"question": " "}, Missing),
    ({"experts": ()}, Missing),
    ({"experts": (EXPERT, EXPERT)}, Invalid),
    ({"experts": (COMMUNITY_DOCTOR,)}, Invalid),
    ({"experts": ("D420500009999",)}, directory.PractitionerUnknown),
    ({"requester_id": EXPERT}, Invalid),
    ({"priority": "soon"}, Invalid),
    ({"minutes": 5}, Invalid),
    ({"consented_by": None}, consultations.ConsentMissing),
    ({"consented_by": "friend"}, Invalid),
    ({"organisation_id": COUNTY}, records.NotYourRecord),
    ({"report_id": 10**9}, records.ReportUnknown),
    ({"report_id": None}, RecordUnknown),
]


@pytest.mark.parametrize(("facts", "fault"), REFUSED)
def test_what_may_not_be_asked_is_refused_and_nothing_is_written(
    session: Session, patient: Person, facts: dict[str, Any], fault: type[Fault]
) -> None:
    with pytest.raises(fault):
        consultations.request(session, DOCTOR, facts=replace(stated(session, patient), **facts))
    assert count(session, Consultation) == 0


def test_a_result_of_another_patient_is_refused(session: Session, patient: Person) -> None:
    facts = replace(stated(session, patient), report_id=reported(session, a_person(session, 2)).id)
    with pytest.raises(Invalid) as refused:
        consultations.request(session, DOCTOR, facts=facts)
    assert refused.value.element == "report_id"


def test_a_form_sent_twice_is_one_request(session: Session, patient: Person) -> None:
    facts = stated(session, patient, placer_number="HZ-1")
    first = consultations.request(session, DOCTOR, facts=facts)
    assert consultations.request(session, DOCTOR, facts=facts).id == first.id
    assert count(session, Consultation) == 1


def test_the_first_common_time_is_held_for_everybody(session: Session, patient: Person) -> None:
    row = scheduled(session, patient)
    assert (row.state, row.starts_at) == ("scheduled", MONDAY.replace(hour=8))
    held = session.scalars(select(ExpertTime.practitioner_id).order_by(ExpertTime.practitioner_id)).all()
    assert held == [EXPERT, SURGEON, COMMUNITY_DOCTOR]


def test_clinic_hours_with_patients_and_other_consultations_are_not_free(session: Session, patient: Person) -> None:
    schedule = booking.add_schedule(
        session,
        system(TERTIARY),
        service_id=f"{TERTIARY}-0301-01",
        practitioner_id=EXPERT,
        weekdays="1",
        begins=time(8),
        ends=time(9),
        slot_minutes=60,
        capacity=5,
        fee=Money(0),
        since=date(2026, 1, 1),
    )
    booking.make_slots(session, JOB, day_from=MONDAY.date(), days=1)
    slot_id = session.scalars(select(Slot.id).where(Slot.schedule_id == schedule.id)).one()
    booking.book(session, system(COMMUNITY), slot_id=slot_id, person_id=patient.id, channel="window")
    first = scheduled(session, patient)
    second = scheduled(session, patient)
    assert first.starts_at == MONDAY.replace(hour=9)
    assert second.starts_at == MONDAY.replace(hour=9, minute=30)
    with pytest.raises(consultations.ExpertBusy) as refused:
        consultations.schedule(session, DOCTOR, consultation_id=second.id, start_at=MONDAY.replace(hour=8, minute=30))
    assert refused.value.facts["names"] == "陈示范"
    assert second.starts_at == MONDAY.replace(hour=9, minute=30)


def test_when_one_is_busy_nobody_is_held(session: Session, patient: Person) -> None:
    first = scheduled(session, patient, experts=(EXPERT,))
    second = requested(session, patient, experts=(SURGEON, EXPERT))
    before = count(session, ExpertTime)
    with pytest.raises(consultations.ExpertBusy):
        consultations.schedule(session, DOCTOR, consultation_id=second.id, start_at=first.starts_at)
    assert count(session, ExpertTime) == before
    assert (second.state, second.starts_at) == ("requested", None)


def test_a_held_time_moves_and_the_old_one_is_free_again(session: Session, patient: Person) -> None:
    row = scheduled(session, patient)
    consultations.schedule(session, DOCTOR, consultation_id=row.id, start_at=MONDAY.replace(hour=15))
    assert row.starts_at == MONDAY.replace(hour=15)
    assert count(session, ExpertTime) == 3
    assert consultations.free_times(session, DOCTOR, consultation_id=row.id)[0] == MONDAY.replace(hour=8)


def test_a_time_that_has_passed_is_refused(session: Session, patient: Person) -> None:
    row = requested(session, patient)
    with pytest.raises(Invalid):
        consultations.schedule(session, DOCTOR, consultation_id=row.id, start_at=NOW)


def test_an_urgent_consultation_is_not_bound_to_clinic_hours(session: Session, patient: Person) -> None:
    row = scheduled(session, patient, priority="urgent")
    assert row.starts_at == NOW + timedelta(minutes=30)


def test_the_database_refuses_a_person_in_two_places(session: Session, patient: Person) -> None:
    row = scheduled(session, patient)
    held = session.scalars(select(ExpertTime)).first()
    assert held is not None
    twice = {"practitioner_id": held.practitioner_id, "during": held.during, "consultation_id": row.id}
    with pytest.raises(DBAPIError, match="expert_time_once"), session.begin_nested():
        session.execute(insert(ExpertTime).values(twice))


def test_experts_see_from_the_holding_to_the_end(session: Session, patient: Person) -> None:
    row = requested(session, patient)
    colleague = staff(TERTIARY, "D420500000013")
    assert not sees(session, LEADER, patient)
    consultations.schedule(session, DOCTOR, consultation_id=row.id)
    assert (sees(session, LEADER, patient), sees(session, colleague, patient)) == (True, False)
    consultations.begin(session, LEADER, consultation_id=row.id)
    consultations.sign_opinion(session, LEADER, consultation_id=row.id, text="建议造影。", signer_id=EXPERT)
    consultations.countersign(session, DOCTOR, consultation_id=row.id)
    assert not sees(session, LEADER, patient)


@pytest.mark.parametrize(("verb", "caller"), [(consultations.decline, LEADER), (consultations.cancel, DOCTOR)])
def test_an_ending_says_why_and_gives_time_and_sight_back(
    session: Session, patient: Person, verb: Callable[..., Consultation], caller: Caller
) -> None:
    row = scheduled(session, patient)
    with pytest.raises(Missing):
        verb(session, caller, consultation_id=row.id, reason="")
    verb(session, caller, consultation_id=row.id, reason="临时手术")
    assert (row.state in ("declined", "cancelled"), row.ended_reason) == (True, "临时手术")
    assert count(session, ExpertTime) == 0
    assert not sees(session, LEADER, patient)


def test_an_opinion_signed_anew_is_a_new_version(session: Session, patient: Person) -> None:
    row = signed(session, patient)
    first = row.opinion_id
    consultations.sign_opinion(session, LEADER, consultation_id=row.id, text="建议先做 CTA。", signer_id=EXPERT)
    consultations.countersign(session, DOCTOR, consultation_id=row.id)
    assert records.document(session, DOCTOR, row.opinion_id or 0).replaces_id == first


def test_only_the_panel_signs_and_only_the_requester_countersigns(session: Session, patient: Person) -> None:
    row = signed(session, patient)
    outsider = staff(COUNTY, COUNTY_DOCTOR)
    with pytest.raises(consultations.ConsultationUnknown):
        consultations.sign_opinion(session, outsider, consultation_id=row.id, text="x", signer_id=COUNTY_DOCTOR)
    with pytest.raises(consultations.NotInThisConsultation):
        consultations.countersign(session, LEADER, consultation_id=row.id)
    with pytest.raises(records.SignedByAnother):
        consultations.countersign(session, staff(COMMUNITY, "D420582000039"), consultation_id=row.id)
    assert row.state == "opinion-signed"


def test_who_is_neither_side_nor_the_patient_learns_nothing(session: Session, patient: Person) -> None:
    row = requested(session, patient)
    assert consultations.consultation(session, citizen(patient.id), row.id) is row
    for stranger in (system(COUNTY), citizen(a_person(session, 2).id)):
        with pytest.raises(consultations.ConsultationUnknown):
            consultations.consultation(session, stranger, row.id)
    assert [r.id for r in consultations.consultations(session, LEADER)] == [row.id]
    assert consultations.consultations(session, system(COUNTY)) == []


def act(session: Session, caller: Caller, row: Consultation, action: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "sign": {"text": "建议造影。", "signer_id": EXPERT},
        "decline": {"reason": "手术"},
        "cancel": {"reason": "好转"},
    }
    verb = getattr(consultations, {"sign": "sign_opinion"}.get(action, action))
    verb(session, caller, consultation_id=row.id, **more.get(action, {}))


@pytest.mark.parametrize(
    ("state", "way"),
    [
        ("requested", []),
        ("scheduled", ["schedule"]),
        ("in-progress", ["schedule", "begin"]),
        ("opinion-signed", ["schedule", "begin", "sign"]),
        ("completed", ["schedule", "begin", "sign", "countersign"]),
        ("declined", ["decline"]),
        ("cancelled", ["cancel"]),
    ],
)
def test_what_is_offered_is_exactly_what_is_accepted(
    session: Session, patient: Person, state: str, way: list[str]
) -> None:
    row = requested(session, patient)
    for action in way:
        act(session, LEADER if action in ("begin", "sign", "decline") else DOCTOR, row, action)
    assert row.state == state
    for caller in (DOCTOR, LEADER, citizen(patient.id), staff(COUNTY, COUNTY_DOCTOR)):
        offered = consultations.available_actions(session, caller, row)
        accepted = {action for action in consultations.ACTIONS if is_accepted(session, caller, row, action)}
        assert accepted == offered, (state, caller.id)


def is_accepted(session: Session, caller: Caller, row: Consultation, action: str) -> bool:
    attempt = session.begin_nested()
    try:
        act(session, caller, row, action)
    except (IllegalMove, consultations.NotInThisConsultation, consultations.ConsultationUnknown, trust.NotAllowed):
        return False
    finally:
        attempt.rollback()
    session.expire(row)
    return True


def test_every_state_is_tried() -> None:
    assert set(CONSULTATION.states) == {
        "requested", "scheduled", "in-progress", "opinion-signed", "completed", "declined", "cancelled",
    }  # fmt: skip


def test_two_consultations_racing_for_one_expert_never_hold_the_same_time(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        people = [a_person(session, serial) for serial in range(1, 7)]
        panels = [(EXPERT, SURGEON), (SURGEON, COUNTY_DOCTOR), (COUNTY_DOCTOR, EXPERT)] * 2
        ids = [requested(session, who, experts=panel).id for who, panel in zip(people, panels, strict=True)]

    def hold(consultation_id: int) -> None:
        with Session(engine) as session, session.begin():
            consultations.schedule(session, DOCTOR, consultation_id=consultation_id)

    with ThreadPoolExecutor(len(ids)) as pool:
        list(pool.map(hold, ids))
    with Session(engine) as session:
        held = session.execute(select(ExpertTime.practitioner_id, func.lower(ExpertTime.during))).all()
        assert len(held) == len(set(held)) == 3 * len(ids)


HOURS = st.integers(0, 7 * 96)


@settings(max_examples=200, deadline=None)
@given(
    busy=st.dictionaries(
        st.sampled_from("abc"),
        st.lists(st.tuples(HOURS, st.integers(1, 20)), max_size=12),
        max_size=3,
    ),
    minutes=st.sampled_from([10, 30, 60, 90]),
    any_hour=st.booleans(),
)
def test_common_time_is_free_for_everybody_and_the_earliest_there_is(
    busy: dict[str, list[tuple[int, int]]], minutes: int, any_hour: bool
) -> None:
    quarter, length = timedelta(minutes=15), timedelta(minutes=minutes)
    since, until = MONDAY, MONDAY + timedelta(days=7)
    taken = {
        who: [Interval(since + quarter * begin, since + quarter * (begin + n)) for begin, n in times]
        for who, times in busy.items()
    }
    everything = [interval for intervals in taken.values() for interval in intervals]

    def free(start: datetime) -> bool:
        end = start + length
        hours = [(time(8), time(12)), (time(14), time(17, 30))]
        open_then = any_hour or (
            start.isoweekday() <= 5
            and any(opens <= start.time() and end.time() <= closes and start.time() < closes for opens, closes in hours)
        )
        return open_then and end <= until and not any(i.start < end and start < i.end for i in everything)

    found = list(common_free_times(taken, since=since, until=until, minutes=minutes, any_hour=any_hour))
    assert found == [start for n in range(7 * 96) if free(start := since + quarter * n)]
