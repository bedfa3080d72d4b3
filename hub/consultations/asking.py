"""Asking: what a doctor states, what is refused, and the request that stands.

The requester's hospital asks and decides the treatment; the experts advise. Nothing is asked without
the patient's recorded consent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import directory, people, records, referrals, trust
from hub.consultations.tables import CONSULTATION, Consultation, Expert
from hub.faults import LONGEST_NUMBER, LONGEST_TEXT, Invalid, Missing, Refused, within
from hub.trust import Caller

# What practice documents of telemedicine centres promise: an opinion in three working days, an urgent
# one in twelve hours.
DUE_WITHIN = {"routine": timedelta(days=3), "urgent": timedelta(hours=12)}


class ConsentMissing(Refused):
    zh = "会诊申请须先取得病人（或监护人、近亲属）同意并记录。请先签署知情同意书。"
    en = "A consultation needs the recorded consent of the patient, a guardian or a near relative first."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationFacts:
    """A request as its doctor states it. `experts` are practitioner ids, the first leads; `report_id` or
    `referral_id` is what the question is about; `consented_by` is patient, guardian or relative."""

    person_id: int
    organisation_id: str
    requester_id: str
    question: str
    experts: tuple[str, ...]
    consented_by: str | None
    consented_at: datetime | None = None
    report_id: int | None = None
    referral_id: int | None = None
    priority: str = "routine"
    minutes: int = 30
    placer_number: str | None = None


def request(session: Session, caller: Caller, *, facts: ConsultationFacts) -> Consultation:
    """Ask experts about a patient whose records the asking hospital may see; one number is one request.

    Refuses: NotAllowed, NotYourRecord, Missing, Invalid, ConsentMissing, PractitionerUnknown, ReportUnknown,
    ReferralUnknown, RecordUnknown.
    """
    trust.require(caller, "consultation.write")
    records.require_own(caller, facts.organisation_id)
    panel = _checked(session, caller, facts)
    row = _insert(session, caller, facts)
    if row is None:
        known = (
            Consultation.organisation_id == facts.organisation_id,
            Consultation.placer_number == facts.placer_number,
        )
        return session.scalars(select(Consultation).where(*known)).one()
    for position, expert in enumerate(panel, start=1):
        session.add(
            Expert(
                consultation_id=row.id,
                practitioner_id=expert.id,
                organisation_id=expert.organisation_id,
                position=position,
            )
        )
    session.flush()
    return row


def _checked(session: Session, caller: Caller, facts: ConsultationFacts) -> list[directory.Practitioner]:
    """The panel, after the ladder of refusals."""
    if not facts.question.strip():
        raise Missing(element="question")
    within(facts.question, LONGEST_TEXT, element="question")
    within(facts.placer_number or "", LONGEST_NUMBER, element="placer_number")
    if not facts.experts:
        raise Missing(element="experts")
    if facts.priority not in DUE_WITHIN:
        raise Invalid(element="priority", found=facts.priority, allowed=" / ".join(DUE_WITHIN))
    if not 10 <= facts.minutes <= 240:
        raise Invalid(element="minutes", found=facts.minutes, allowed="10-240")
    if directory.practitioner(session, facts.requester_id).organisation_id != facts.organisation_id:
        raise Invalid(element="requester_id", found=facts.requester_id, allowed=facts.organisation_id)
    if len({facts.requester_id, *facts.experts}) != 1 + len(facts.experts):
        raise Invalid(element="experts", found=", ".join(facts.experts), allowed="各不相同，且不含申请医师")
    panel = [directory.practitioner(session, expert) for expert in facts.experts]
    persons = people.cluster(session, facts.person_id)
    about = []
    if facts.report_id is not None:
        about.append(("report_id", records.report(session, caller, facts.report_id).person_id))
    if facts.referral_id is not None:
        about.append(("referral_id", referrals.referral(session, caller, facts.referral_id).person_id))
    if not about:
        trust.admit(session, caller, persons, "visit")
    for element, person_id in about:
        if person_id not in persons:
            raise Invalid(element=element, found=getattr(facts, element), allowed="同一位病人")
    if facts.consented_by is None:
        raise ConsentMissing()
    if facts.consented_by not in ("patient", "guardian", "relative"):
        raise Invalid(element="consented_by", found=facts.consented_by, allowed="patient / guardian / relative")
    return panel


def _insert(session: Session, caller: Caller, facts: ConsultationFacts) -> Consultation | None:
    """A form sent twice: the key (organisation, number) decides."""
    statement = insert(Consultation).values(
        organisation_id=facts.organisation_id,
        requester_id=facts.requester_id,
        placer_number=facts.placer_number,
        person_id=facts.person_id,
        referral_id=facts.referral_id,
        report_id=facts.report_id,
        question=facts.question,
        priority=facts.priority,
        minutes=facts.minutes,
        consented_by=facts.consented_by,
        consented_at=facts.consented_at or caller.at,
        requested_at=caller.at,
        due_at=caller.at + DUE_WITHIN[facts.priority],
        state=CONSULTATION.start,
    )
    return session.scalars(statement.on_conflict_do_nothing().returning(Consultation)).one_or_none()
