"""Visits, results and documents: written once, corrected by adding, read by who may."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import records, trust
from hub.exchange import Due
from hub.faults import LONGEST_TEXT, Invalid, Missing
from hub.lifecycle import IllegalMove
from hub.people import Person
from hub.records import AFTER_VISIT, VISIT, Document, NotYourRecord, Observation, Report, Signature, Visit
from hub.trust import RecordUnknown
from tests.region import (
    COMMUNITY,
    COMMUNITY_DOCTOR,
    COUNTY,
    EXPERT,
    NOW,
    TERTIARY,
    a_person,
    citizen,
    staff,
    system,
)

TROPONIN: records.ObservationFacts = {
    "code": "10839-9",
    "name": "肌钙蛋白 I",
    "value": "0.52",
    "unit": "ng/mL",
    "range": "0-0.04",
    "abnormal": "HH",
}


@pytest.fixture
def patient(session: Session) -> Person:
    return a_person(session)


def admitted(session: Session, person: Person, number: str = "ZY0001", **facts: Any) -> Visit:
    stated = {"organisation_id": TERTIARY, "care": "inpatient", "begun_at": NOW} | facts
    return records.open_visit(session, system(TERTIARY), number=number, person_id=person.id, **stated)


def reported(session: Session, person: Person, *, value: str = "0.52", filler: str = "L-1", **facts: Any) -> Report:
    stated: dict[str, Any] = {
        "organisation_id": TERTIARY,
        "visit_id": None,
        "order": {"code": "TNI", "name": "肌钙蛋白"},
        "observations": [TROPONIN | {"value": value}],
        "text": "",
        "issued_at": NOW,
        "author": {"id": EXPERT, "name": "陈示范"},
    } | facts
    return records.publish(session, system(TERTIARY), person_id=person.id, filler_number=filler, **stated)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_admission_said_twice_is_one_visit(session: Session, patient: Person) -> None:
    first = admitted(session, patient)
    assert admitted(session, patient).id == first.id
    assert count(session, Visit) == 1


def test_a_visit_number_of_another_patient_is_refused(session: Session, patient: Person) -> None:
    admitted(session, patient)
    with pytest.raises(records.VisitNumberTaken):
        admitted(session, a_person(session, 2))
    assert count(session, Visit) == 1


def test_two_hospitals_may_use_the_same_number(session: Session, patient: Person) -> None:
    admitted(session, patient)
    records.open_visit(
        session,
        system(COUNTY),
        organisation_id=COUNTY,
        number="ZY0001",
        person_id=a_person(session, 2).id,
        care="outpatient",
        begun_at=NOW,
    )
    assert count(session, Visit) == 2


def test_a_hospital_does_not_write_another_hospitals_visit(session: Session, patient: Person) -> None:
    with pytest.raises(NotYourRecord):
        records.open_visit(
            session,
            system(COUNTY),
            organisation_id=TERTIARY,
            number="1",
            person_id=patient.id,
            care="inpatient",
            begun_at=NOW,
        )
    visit = admitted(session, patient)
    with pytest.raises(records.VisitUnknown):
        records.close_visit(session, system(COUNTY), visit_id=visit.id, ended_at=NOW)


def test_an_admission_lets_the_hospital_see_and_a_discharge_ends_it_after_a_month(
    session: Session, patient: Person
) -> None:
    visit = admitted(session, patient)
    trust.admit(session, system(TERTIARY), [patient.id], "result")
    discharged = NOW + timedelta(days=5)
    records.close_visit(session, system(TERTIARY, at=discharged), visit_id=visit.id, ended_at=discharged)
    trust.admit(session, system(TERTIARY, at=discharged + AFTER_VISIT - timedelta(1)), [patient.id], "result")
    with pytest.raises(RecordUnknown):
        trust.admit(session, system(TERTIARY, at=discharged + AFTER_VISIT), [patient.id], "result")


def test_a_cancelled_admission_takes_the_sight_away_and_its_number_stays_used(
    session: Session, patient: Person
) -> None:
    visit = admitted(session, patient)
    records.cancel_visit(session, system(TERTIARY), visit_id=visit.id)
    with pytest.raises(RecordUnknown):
        trust.admit(session, system(TERTIARY), [patient.id], "result")
    with pytest.raises(records.VisitCancelled):
        admitted(session, patient)


def test_a_discharge_said_twice_changes_nothing_and_can_be_undone(session: Session, patient: Person) -> None:
    caller, visit = system(TERTIARY), admitted(session, patient)
    for _ in range(2):
        records.close_visit(session, caller, visit_id=visit.id, ended_at=NOW)
    assert (visit.state, visit.ended_at) == ("finished", NOW)
    records.reopen_visit(session, caller, visit_id=visit.id)
    assert (visit.state, visit.ended_at) == ("in-progress", None)
    trust.admit(session, system(TERTIARY, at=NOW + AFTER_VISIT * 2), [patient.id], "result")


def test_a_discharge_before_the_admission_is_refused(session: Session, patient: Person) -> None:
    visit = admitted(session, patient)
    with pytest.raises(Invalid) as refused:
        records.close_visit(session, system(TERTIARY), visit_id=visit.id, ended_at=NOW - timedelta(minutes=1))
    assert refused.value.element == "ended_at"
    assert visit.state == "in-progress"


@pytest.mark.parametrize(("state", "event"), [(s, e) for s in VISIT.states for e in VISIT.events])
def test_a_visit_moves_only_by_its_table(session: Session, patient: Person, state: str, event: str) -> None:
    caller, visit = system(TERTIARY), admitted(session, patient)
    if state == "finished":
        records.close_visit(session, caller, visit_id=visit.id, ended_at=NOW)
    elif state == "cancelled":
        records.cancel_visit(session, caller, visit_id=visit.id)
    later = NOW + timedelta(hours=1)
    act = {
        "finish": lambda: records.close_visit(session, caller, visit_id=visit.id, ended_at=later),
        "cancel": lambda: records.cancel_visit(session, caller, visit_id=visit.id),
        "re-open": lambda: records.reopen_visit(session, caller, visit_id=visit.id),
    }[event]
    if (state, event) in VISIT.moves or (state, event) == ("cancelled", "cancel"):
        act()
        assert visit.state == VISIT.moves.get((state, event), state)
    else:
        with pytest.raises(IllegalMove):
            act()
        assert visit.state == state


def test_an_amendment_keeps_what_it_does_not_name(session: Session, patient: Person) -> None:
    visit = admitted(session, patient, practitioner_id=EXPERT)
    angina: records.Diagnosis = {"code": "I20.0", "name": "不稳定型心绞痛"}
    records.amend_visit(session, system(TERTIARY), visit_id=visit.id, diagnoses=[angina])
    assert (visit.practitioner_id, visit.diagnoses) == (EXPERT, [angina])


def test_a_report_sent_again_is_one_report(session: Session, patient: Person) -> None:
    first = reported(session, patient)
    again = reported(session, patient, issued_at=NOW + timedelta(minutes=5))
    assert again.id == first.id
    assert (count(session, Report), count(session, Observation)) == (1, 1)


def test_a_corrected_report_is_a_new_version_and_the_earlier_one_stays(session: Session, patient: Person) -> None:
    first = reported(session, patient, value="0.52")
    second = reported(session, patient, value="0.02", issued_at=NOW + timedelta(hours=1))
    assert (first.version, second.version) == (1, 2)
    assert [o.value for o in records.observations(session, first.id)] == ["0.52"]
    standing = records.reports(session, citizen(patient.id), person_id=patient.id)
    assert [row.id for row in standing] == [second.id]


def test_an_earlier_version_that_arrives_again_late_displaces_nothing(session: Session, patient: Person) -> None:
    first = reported(session, patient, value="0.52")
    second = reported(session, patient, value="0.02", issued_at=NOW + timedelta(hours=1))
    assert reported(session, patient, value="0.52").id == first.id
    assert [r.id for r in records.reports(session, citizen(patient.id), person_id=patient.id)] == [second.id]


def test_a_correction_back_to_the_first_content_is_a_third_version(session: Session, patient: Person) -> None:
    reported(session, patient, value="0.52")
    reported(session, patient, value="0.02", issued_at=NOW + timedelta(hours=1))
    assert reported(session, patient, value="0.52", issued_at=NOW + timedelta(hours=2)).version == 3


def test_a_report_without_anything_in_it_is_refused(session: Session, patient: Person) -> None:
    with pytest.raises(Missing):
        reported(session, patient, observations=[])
    with pytest.raises(Missing):
        reported(session, patient, filler="")
    assert count(session, Report) == 0


def test_a_result_is_told_to_the_patient_once(session: Session, patient: Person) -> None:
    reported(session, patient)
    reported(session, patient)
    told = session.scalars(select(Due).where(Due.destination == "sms")).all()
    assert [row.snapshot["template"] for row in told] == ["result.published"]


def test_the_patient_and_the_hospital_read_a_result_and_a_stranger_gets_unknown(
    session: Session, patient: Person
) -> None:
    row = reported(session, patient)
    for reader in (citizen(patient.id), system(TERTIARY)):
        assert records.report(session, reader, row.id).id == row.id
        assert [r.id for r in records.reports(session, reader, person_id=patient.id)] == [row.id]
    for stranger in (citizen(a_person(session, 2).id), system(COUNTY), staff(COMMUNITY, COMMUNITY_DOCTOR)):
        with pytest.raises(records.ReportUnknown):
            records.report(session, stranger, row.id)
        with pytest.raises(RecordUnknown):
            records.reports(session, stranger, person_id=patient.id)


def test_a_hospital_without_a_grant_sees_its_own_results_only(session: Session, patient: Person) -> None:
    reported(session, patient)
    own = records.publish(
        session,
        system(COUNTY),
        organisation_id=COUNTY,
        person_id=patient.id,
        visit_id=None,
        order={"code": "ECG", "name": "心电图"},
        observations=[],
        text="窦性心律",
        issued_at=NOW,
        author={"id": "", "name": "周示范"},
        filler_number="L-1",
    )
    assert [r.id for r in records.reports(session, system(COUNTY), person_id=patient.id)] == [own.id]


def test_reports_and_signatures_are_never_changed(session: Session, patient: Person) -> None:
    reported(session, patient)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("UPDATE report SET order_name = 'x'"))


def written(session: Session, patient: Person, words: str = "已行造影。") -> Document:
    return records.write_document(
        session,
        staff(TERTIARY, EXPERT),
        organisation_id=TERTIARY,
        person_id=patient.id,
        kind="outcome-letter",
        title="转诊回复",
        text=words,
    )


def test_a_document_is_signed_and_countersigned_in_a_chain(session: Session, patient: Person) -> None:
    row = written(session, patient)
    author = records.sign(session, staff(TERTIARY, EXPERT), document_id=row.id, signer_id=EXPERT)
    second = records.sign(session, staff(COMMUNITY, COMMUNITY_DOCTOR), document_id=row.id, signer_id=COMMUNITY_DOCTOR)
    assert [author.role, second.role] == ["author", "countersigner"]
    assert records.is_intact(row, [author, second])
    assert not records.is_intact(row, [second])


def test_a_changed_text_no_longer_fits_its_signature(session: Session, patient: Person) -> None:
    row = written(session, patient)
    signed = records.sign(session, staff(TERTIARY, EXPERT), document_id=row.id, signer_id=EXPERT)
    session.expunge(row)
    row.text = "未行造影。"
    assert not records.is_intact(row, [signed])


def test_signing_twice_is_one_signature(session: Session, patient: Person) -> None:
    row = written(session, patient)
    for _ in range(2):
        records.sign(session, staff(TERTIARY, EXPERT), document_id=row.id, signer_id=EXPERT)
    assert count(session, Signature) == 1


@pytest.mark.parametrize(
    "caller", [staff(TERTIARY, "D420500000012"), staff(COMMUNITY, COMMUNITY_DOCTOR), system(COUNTY)]
)
def test_nobody_signs_for_somebody_else(session: Session, patient: Person, caller: trust.Caller) -> None:
    row = written(session, patient)
    with pytest.raises(records.SignedByAnother):
        records.sign(session, caller, document_id=row.id, signer_id=EXPERT)
    assert count(session, Signature) == 0


def test_what_is_not_signed_or_was_replaced_is_not_listed_and_stays_readable(session: Session, patient: Person) -> None:
    old = written(session, patient)
    new = records.write_document(
        session,
        staff(TERTIARY, EXPERT),
        organisation_id=TERTIARY,
        person_id=patient.id,
        kind="outcome-letter",
        title="转诊回复（更正）",
        text="已行造影并植入支架。",
        replaces_id=old.id,
    )
    reader = citizen(patient.id)
    assert records.documents(session, reader, person_id=patient.id) == []
    for row in (old, new):
        records.sign(session, staff(TERTIARY, EXPERT), document_id=row.id, signer_id=EXPERT)
    assert [d.id for d in records.documents(session, reader, person_id=patient.id)] == [new.id]
    assert records.document(session, citizen(patient.id), old.id).text == "已行造影。"
    with pytest.raises(records.DocumentUnknown):
        records.document(session, system(COUNTY), old.id)


def test_a_letter_longer_than_a_text_may_be_is_refused(session: Session, patient: Person) -> None:
    with pytest.raises(Invalid) as refusal:
        written(session, patient, "字" * (LONGEST_TEXT + 1))
    assert refusal.value.element == "text"
    assert len(written(session, patient, "字" * LONGEST_TEXT).text) == LONGEST_TEXT
