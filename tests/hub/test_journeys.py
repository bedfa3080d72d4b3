"""One event, several rooms: all of it happens, or nothing does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import booking, coverage, journeys, records, referrals
from hub.booking import Appointment, Slot
from hub.coverage.tables import Filing
from hub.exchange import Due
from hub.faults import Fault
from hub.people import Person
from hub.records import Visit
from hub.referrals import CarePlan, Letter, Referral, ReferralEvent, ReferralFacts
from hub.trust import Caller, Grant
from hub.units import Money
from tests.hub.coverage.insured import with_pack
from tests.region import (
    BUREAU,
    CARDIOLOGY,
    COMMUNITY,
    COUNTY,
    EXPERT,
    NOW,
    TERTIARY,
    VILLAGE,
    a_person,
    citizen,
    staff,
    system,
)

ANGINA: records.Diagnosis = {"code": "I20.0", "name": "不稳定型心绞痛"}
LETTER: Letter = {"title": "转诊回复", "text": "已行造影，未见狭窄。", "signer_id": EXPERT}
PLAN: CarePlan = {"summary": "康复", "medicines": ["阿司匹林"], "warning_signs": ["胸痛"], "next_visit": "2026-12-20"}
JOB = Caller(kind="job", id="jobs", at=NOW, scopes=frozenset({"operations", "booking.write", "settlement.write"}))
SENDER, RECEIVER = system(COMMUNITY), system(TERTIARY)


@pytest.fixture
def patient(session: Session) -> Person:
    return a_person(session)


def a_slot(session: Session, *, hour: int = 9, capacity: int = 1) -> Slot:
    schedule = booking.add_schedule(
        session,
        RECEIVER,
        service_id=f"{TERTIARY}-0301-01",
        practitioner_id=EXPERT,
        weekdays="1234567",
        begins=time(hour),
        ends=time(hour, 30),
        slot_minutes=30,
        capacity=capacity,
        pool="referral",
        fee=Money(0),
        since=date(2026, 1, 1),
    )
    booking.make_slots(session, JOB, day_from=date(2026, 11, 23), days=1)
    return session.scalars(select(Slot).where(Slot.schedule_id == schedule.id)).one()


def stated(person: Person, **facts: Any) -> ReferralFacts:
    usual: dict[str, Any] = {
        "sender_id": COMMUNITY,
        "receiver_id": TERTIARY,
        "receiver_department_id": CARDIOLOGY,
        "reason": "静息发作，需冠状动脉造影",
        "diagnoses": (ANGINA,),
        "placer_number": "RF-1",
    }
    return ReferralFacts(person_id=person.id, **usual | facts)


def referred(session: Session, person: Person, slot: Slot | None = None, **facts: Any) -> Referral:
    slot_id = slot.id if slot else None
    return journeys.refer(session, SENDER, facts=stated(person, **facts), slot_id=slot_id)


def admitted(session: Session, person: Person, number: str = "ZY1", **facts: Any) -> Visit:
    usual: dict[str, Any] = {"organisation_id": TERTIARY, "care": "inpatient", "begun_at": NOW}
    return journeys.admit(session, RECEIVER, number=number, person_id=person.id, **usual | facts)


def arrived(session: Session, person: Person) -> Referral:
    row = referred(session, person)
    referrals.accept(session, RECEIVER, referral_id=row.id)
    admitted(session, person)
    assert row.state == "arrived"
    return row


def appointment_of(session: Session, row: Referral) -> Appointment:
    return session.scalars(select(Appointment).where(Appointment.referral_id == row.id)).one()


def told(session: Session, destination: str) -> list[str]:
    return list(session.scalars(select(Due.kind).where(Due.destination == destination).order_by(Due.id)))


def count(session: Session, *tables: type) -> list[int]:
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_a_referral_with_its_place_is_one_call(session: Session, patient: Person) -> None:
    slot = a_slot(session)
    row = referred(session, patient, slot)
    assert (row.state, row.slot_leg, row.appointment_id) == ("sent", "booked", appointment_of(session, row).id)
    assert told(session, TERTIARY) == ["appointment.booked", "referral.sent"]
    snapshot = session.scalars(select(Due).where(Due.kind == "referral.sent")).one().snapshot
    assert snapshot["appointment"]["slot_id"] == slot.id


def test_said_twice_it_is_one_referral_and_one_place(session: Session, patient: Person) -> None:
    slot = a_slot(session, capacity=5)
    first = referred(session, patient, slot)
    assert referred(session, patient, slot).id == first.id
    assert count(session, Referral, Appointment) == [1, 1]


def test_a_draft_kept_earlier_is_sent_by_the_same_words(session: Session, patient: Person) -> None:
    draft = referrals.draft(session, SENDER, facts=stated(patient))
    assert referred(session, patient, a_slot(session)).id == draft.id
    assert (draft.state, draft.slot_leg) == ("sent", "booked")


def insured(session: Session, person: Person) -> Person:
    coverage.enrol(
        session,
        system(BUREAU),
        person_id=person.id,
        insutype="390",
        psn_no=f"42050000000000{person.id:06d}",
        psn_type="15",
        area="420500",
        since=date(2026, 1, 1),
        source="test",
    )
    return person


def filing_of(session: Session, row: Referral) -> Filing:
    return session.scalars(select(Filing).where(Filing.source == f"referral/{row.id}")).one()


def test_the_insurance_is_told_in_the_same_call(session: Session, patient: Person) -> None:
    journeys.admit(
        session, SENDER, organisation_id=COMMUNITY, number="M1", person_id=patient.id, care="inpatient", begun_at=NOW
    )
    row = referred(session, insured(session, patient))
    filing = filing_of(session, row)
    assert (row.insurance_leg, row.filing_id) == ("filed", filing.id)
    assert (filing.sender_id, filing.sender_visit, filing.receiver_id) == (COMMUNITY, "M1", TERTIARY)
    assert (filing.direction, filing.diagnosis_code, filing.state) == ("up", "I20.0", "filed")
    assert (filing.since, filing.until) == (date(2026, 11, 22), date(2026, 12, 22))


def test_who_is_not_insured_travels_without_a_filing(session: Session, patient: Person) -> None:
    row = referred(session, patient)
    assert (row.state, row.insurance_leg, count(session, Filing)) == ("sent", "none", [0])


def test_a_sender_may_refer_without_filing(session: Session, patient: Person) -> None:
    facts = stated(insured(session, patient))
    row = journeys.refer(session, SENDER, facts=facts, file_with_insurance=False)
    assert (row.state, row.insurance_leg) == ("sent", "none")


TABLES = ("referral", "referral_event", "appointment", "filing", "access_grant", "due")


@pytest.mark.parametrize("table", TABLES)
def test_a_fault_at_any_leg_leaves_nothing(engine: Engine, table: str) -> None:
    with Session(engine) as session, session.begin():
        person, slot = insured(session, a_person(session)), a_slot(session)
        session.expunge_all()
    _break(engine, table)
    with Session(engine) as session:
        with pytest.raises(DBAPIError, match="injected"):
            referred(session, person, slot, priority="urgent")
        session.rollback()
        assert count(session, Referral, ReferralEvent, Appointment, Filing, Grant, Due) == [0, 0, 0, 0, 0, 0]
        assert session.get_one(Slot, slot.id).taken == 0
    _mend(engine, table)
    with Session(engine) as session, session.begin():
        assert referred(session, person, slot, priority="urgent").state == "sent"


@pytest.mark.parametrize("table", ["referral_event", "due", "appointment", "filing"])
def test_a_fault_while_it_is_taken_back_leaves_everything(engine: Engine, table: str) -> None:
    with Session(engine) as session, session.begin():
        row_id = referred(session, insured(session, a_person(session)), a_slot(session)).id
    _break(engine, table)
    with Session(engine) as session:
        with pytest.raises(DBAPIError, match="injected"):
            journeys.recall(session, SENDER, referral_id=row_id, reason="病情好转")
        session.rollback()
        row = session.get_one(Referral, row_id)
        assert (row.state, row.slot_leg, appointment_of(session, row).state) == ("sent", "booked", "booked")
        assert (row.insurance_leg, filing_of(session, row).state) == ("filed", "filed")


def _break(engine: Engine, table: str) -> None:
    """From now on every write to a table fails. The owner does it: the app itself may not change tables."""
    with engine.begin() as connection:
        for statement in (
            "SET LOCAL ROLE NONE",
            "CREATE OR REPLACE FUNCTION injected() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'injected'; END $$",
            f"CREATE TRIGGER injected BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION injected()",
        ):
            connection.execute(text(statement))


def _mend(engine: Engine, table: str) -> None:
    with engine.begin() as connection:
        for statement in ("SET LOCAL ROLE NONE", f"DROP TRIGGER injected ON {table}"):
            connection.execute(text(statement))


def test_a_place_that_is_gone_refuses_the_whole_referral(session: Session, patient: Person) -> None:
    slot = a_slot(session)
    referred(session, patient, slot)
    other = a_person(session, 2)
    attempt = session.begin_nested()
    with pytest.raises(booking.SlotTaken):
        referred(session, other, slot, placer_number="RF-2")
    attempt.rollback()
    assert count(session, Referral, Appointment) == [1, 1]


ENDINGS: list[tuple[Callable[..., Referral], Caller | None, str]] = [
    (journeys.recall, SENDER, "recalled"),
    (journeys.reject, RECEIVER, "rejected"),
    (journeys.decline, None, "recalled"),
]


@pytest.mark.parametrize(("end", "caller", "state"), ENDINGS)
def test_a_referral_that_ends_releases_its_place_and_its_filing(
    session: Session, patient: Person, end: Callable[..., Referral], caller: Caller | None, state: str
) -> None:
    slot = a_slot(session)
    row = referred(session, insured(session, patient), slot)
    end(session, caller or citizen(patient.id), referral_id=row.id, reason="床位已满")
    session.refresh(slot)
    assert (row.state, row.slot_leg, slot.taken) == (state, "none", 0)
    appointment = appointment_of(session, row)
    assert (appointment.state, appointment.cancel_reason) == ("cancelled", "床位已满")
    assert (row.insurance_leg, filing_of(session, row).state) == ("withdrawn", "withdrawn")


def test_a_cancelled_appointment_never_cancels_the_referral(session: Session, patient: Person) -> None:
    row = referred(session, patient, a_slot(session))
    referrals.accept(session, RECEIVER, referral_id=row.id)
    appointment_id = appointment_of(session, row).id
    journeys.cancel_appointment(session, citizen(patient.id), appointment_id=appointment_id, reason="有事")
    assert (row.state, row.slot_leg) == ("accepted", "lost")
    assert told(session, COMMUNITY)[-1] == "referral.place-lost"
    journeys.reserve(session, SENDER, referral_id=row.id, slot_id=a_slot(session, hour=15).id)
    assert (row.state, row.slot_leg) == ("booked", "booked")


def test_a_missed_appointment_is_told_to_the_referrer_and_may_be_booked_again(
    session: Session, patient: Person
) -> None:
    row = referred(session, patient, a_slot(session))
    referrals.accept(session, RECEIVER, referral_id=row.id)
    journeys.miss_appointment(session, RECEIVER, appointment_id=appointment_of(session, row).id)
    assert (row.state, row.slot_leg) == ("no-show", "lost")
    assert told(session, COMMUNITY)[-1] == "referral.no-show"
    journeys.reserve(session, citizen(patient.id), referral_id=row.id, slot_id=a_slot(session, hour=15).id)
    assert (row.state, row.slot_leg) == ("booked", "booked")


def test_an_admission_shows_arrival_on_referral_and_appointment(session: Session, patient: Person) -> None:
    row = referred(session, patient, a_slot(session))
    referrals.accept(session, RECEIVER, referral_id=row.id)
    visit = admitted(session, patient)
    assert (row.state, row.receiver_visit_id) == ("arrived", visit.id)
    assert appointment_of(session, row).state == "arrived"
    assert told(session, COMMUNITY) == ["referral.accepted", "referral.arrived"]


def test_whom_a_hospital_admits_before_it_answers_it_has_accepted(session: Session, patient: Person) -> None:
    row = referred(session, patient)
    referrals.request_info(session, RECEIVER, referral_id=row.id, question="请补心电图")
    admitted(session, patient)
    assert row.state == "arrived"
    assert told(session, COMMUNITY)[-2:] == ["referral.accepted", "referral.arrived"]


def test_an_admission_said_twice_is_one_arrival(session: Session, patient: Person) -> None:
    row = referred(session, patient)
    later = referred(session, patient, placer_number="RF-2")
    visit = admitted(session, patient)
    assert admitted(session, patient).id == visit.id
    assert sorted([row.state, later.state]) == ["arrived", "sent"]


def test_an_arrival_said_at_the_desk_is_joined_by_the_visit_when_the_system_tells_it(
    session: Session, patient: Person
) -> None:
    row = referred(session, patient)
    referrals.accept(session, RECEIVER, referral_id=row.id)
    referrals.arrive(session, RECEIVER, referral_id=row.id)
    visit = admitted(session, patient)
    second = admitted(session, patient, number="ZY2")
    assert (row.state, row.receiver_visit_id) == ("arrived", visit.id)
    assert second.id != visit.id


def test_an_admission_elsewhere_is_no_arrival(session: Session, patient: Person) -> None:
    row = referred(session, patient)
    journeys.admit(
        session,
        system(COUNTY),
        organisation_id=COUNTY,
        number="1",
        person_id=patient.id,
        care="emergency",
        begun_at=NOW,
    )
    assert row.state == "sent"


def test_without_a_referral_the_days_appointment_is_the_one_that_arrives(session: Session, patient: Person) -> None:
    slot = a_slot(session)
    slot_of_the_day = slot.start_at
    row = booking.book(session, SENDER, slot_id=slot.id, person_id=patient.id, channel="referral", referral_id=0)
    admitted(session, patient, care="outpatient", begun_at=slot_of_the_day - timedelta(minutes=20))
    assert row.state == "arrived"


def test_a_cancelled_admission_makes_the_referral_wait_again(session: Session, patient: Person) -> None:
    row = arrived(session, patient)
    journeys.cancel_admission(session, RECEIVER, visit_id=row.receiver_visit_id or 0)
    assert (row.state, row.receiver_visit_id) == ("accepted", None)
    admitted(session, patient, number="ZY2")
    assert row.state == "arrived"


def test_a_discharge_leaves_the_referral_open_for_its_letter(session: Session, patient: Person) -> None:
    row = arrived(session, patient)
    journeys.discharge(session, RECEIVER, visit_id=row.receiver_visit_id or 0, ended_at=NOW)
    assert row.state == "arrived"
    journeys.close(session, RECEIVER, referral_id=row.id, letter=LETTER)
    assert row.state == "completed"


def published(session: Session, person: Person, text: str = "ST 段压低") -> records.Report:
    return journeys.publish(
        session,
        RECEIVER,
        organisation_id=TERTIARY,
        person_id=person.id,
        visit_id=None,
        order={"code": "ECG", "name": "心电图"},
        observations=[],
        text=text,
        issued_at=NOW,
        author={"id": EXPERT, "name": "陈示范"},
        filler_number="E-1",
    )


def test_a_result_reaches_the_referrer_once_and_a_correction_again(session: Session, patient: Person) -> None:
    arrived(session, patient)
    first = published(session, patient)
    published(session, patient)
    assert told(session, COMMUNITY).count("result.published") == 1
    published(session, patient, "窦性心律")
    assert told(session, COMMUNITY).count("result.published") == 2
    assert records.report(session, system(COMMUNITY), first.id).id == first.id
    with pytest.raises(records.ReportUnknown):
        records.report(session, system(COUNTY), first.id)


def test_a_result_of_a_patient_nobody_referred_goes_nowhere(session: Session, patient: Person) -> None:
    published(session, patient)
    assert told(session, COMMUNITY) == []


def test_back_down_with_a_care_plan_and_the_letter_reaches_the_first_referrer(
    session: Session, patient: Person
) -> None:
    village = journeys.refer(
        session,
        system(VILLAGE),
        facts=stated(patient, sender_id=VILLAGE, receiver_id=COMMUNITY, receiver_department_id=None),
    )
    referrals.accept(session, SENDER, referral_id=village.id)
    journeys.admit(
        session, SENDER, organisation_id=COMMUNITY, number="M1", person_id=patient.id, care="outpatient", begun_at=NOW
    )
    up = referred(session, patient, previous_id=village.id)
    admitted(session, patient)
    down = journeys.refer_down(
        session, staff(TERTIARY, EXPERT), referral_id=up.id, care_plan=PLAN, reason="病情稳定，回社区康复"
    )
    assert (down.direction, down.sender_id, down.receiver_id) == ("down", TERTIARY, COMMUNITY)
    assert (down.chain_id, down.previous_id) == (village.id, up.id)
    sent = session.scalars(select(Due).where(Due.kind == "referral.sent", Due.destination == COMMUNITY)).all()
    assert sent[-1].snapshot["care_plan"] == PLAN
    referrals.accept(session, SENDER, referral_id=down.id)
    journeys.close(session, staff(TERTIARY, EXPERT), referral_id=up.id, letter=LETTER)
    assert up.state == "returned-down"
    letters = session.scalars(
        select(Due).where(Due.kind.in_(("referral.completed", "referral.letter"))).order_by(Due.id)
    )
    told_of = [(d.destination, d.snapshot["referral_id"], d.snapshot["letter"]["text"]) for d in letters]
    assert told_of == [(COMMUNITY, up.id, LETTER["text"]), (VILLAGE, village.id, LETTER["text"])]
    assert [r.id for r in referrals.chain(session, system(VILLAGE), down.id)] == [village.id, up.id, down.id]


def test_down_with_the_letter_at_once_closes_the_first_referral(session: Session, patient: Person) -> None:
    row = arrived(session, insured(session, patient))
    down = journeys.refer_down(session, RECEIVER, referral_id=row.id, care_plan=PLAN, reason="康复", letter=LETTER)
    assert row.state == "returned-down"
    assert (filing_of(session, down).direction, filing_of(session, down).sender_visit) == ("down", "ZY1")
    assert filing_of(session, row).state == "filed"


def test_down_without_a_care_plan_is_refused(session: Session, patient: Person) -> None:
    row = arrived(session, patient)
    with pytest.raises(referrals.CarePlanMissing):
        journeys.refer_down(session, RECEIVER, referral_id=row.id, care_plan={}, reason="康复")


def test_a_redirected_referral_gives_its_place_back_and_goes_on_by_itself(session: Session, patient: Person) -> None:
    slot = a_slot(session)
    row = referred(session, insured(session, patient), slot)
    onward = journeys.redirect(session, RECEIVER, referral_id=row.id, receiver_id=COUNTY, reason="县医院可做")
    session.refresh(slot)
    assert (row.state, row.slot_leg, slot.taken) == ("redirected", "none", 0)
    assert (onward.state, onward.receiver_id, onward.number) == ("sent", COUNTY, "RF-1")
    assert (filing_of(session, row).state, filing_of(session, onward).receiver_id) == ("withdrawn", COUNTY)
    assert told(session, COUNTY) == ["referral.sent"]
    assert told(session, COMMUNITY) == ["referral.redirected"]


def test_the_money_follows_a_redirected_referral(session: Session, patient: Person) -> None:
    with_pack(session)
    row = referred(session, insured(session, patient))

    def counts_at(hospital_id: str) -> bool:
        day = NOW.date()
        asked = coverage.Question((patient.id,), None, hospital_id, "420500", day, day)
        return coverage.entitlement(session, asked).filing is not None

    assert (counts_at(TERTIARY), counts_at(COUNTY)) == (True, False)
    journeys.redirect(session, RECEIVER, referral_id=row.id, receiver_id=COUNTY, reason="县医院可做")
    assert (counts_at(TERTIARY), counts_at(COUNTY)) == (False, True)


def test_a_redirection_that_is_refused_leaves_the_filing_as_it_was(session: Session, patient: Person) -> None:
    row = referred(session, insured(session, patient))
    for receiver_id, reason in (("H00000000000", "县医院可做"), (COUNTY, " ")):
        with pytest.raises(Fault), session.begin_nested():
            journeys.redirect(session, RECEIVER, referral_id=row.id, receiver_id=receiver_id, reason=reason)
    session.refresh(row)
    filed = session.scalars(select(Filing)).all()
    assert (row.state, [(f.state, f.receiver_id) for f in filed]) == ("sent", [("filed", TERTIARY)])


def test_what_nobody_answered_or_used_expires_with_all_it_holds(session: Session, patient: Person) -> None:
    slot = a_slot(session)
    row = referred(session, patient, slot, valid_until=NOW + timedelta(hours=5))
    job = replace(JOB, at=NOW + timedelta(hours=6))
    assert journeys.expire_overdue(session, job) == 1
    session.refresh(row)
    session.refresh(slot)
    assert (row.state, row.task_status, row.slot_leg, slot.taken) == ("expired", "failed", "none", 0)
    assert journeys.expire_overdue(session, job) == 0


@pytest.mark.parametrize("first", ["recall", "cancel"])
def test_a_recall_and_a_cancelled_appointment_in_either_order_end_the_same(
    session: Session, patient: Person, first: str
) -> None:
    row = referred(session, patient, a_slot(session))
    appointment_id = appointment_of(session, row).id
    steps: dict[str, Callable[[], object]] = {
        "recall": lambda: journeys.recall(session, SENDER, referral_id=row.id, reason="好转"),
        "cancel": lambda: journeys.cancel_appointment(session, SENDER, appointment_id=appointment_id, reason="有事"),
    }
    for step in sorted(steps, key=lambda name: name != first):
        attempt = session.begin_nested()
        try:
            steps[step]()
        except Fault:
            attempt.rollback()
        else:
            attempt.commit()
    session.expire_all()
    assert (row.state, appointment_of(session, row).state) == ("recalled", "cancelled")
