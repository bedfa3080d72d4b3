"""Meeting, signing, countersigning.

The experts see the record from the moment their time is held until the consultation has ended.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hub import directory, exchange, people, records, trust
from hub.booking.telling import spoken
from hub.consultations import calendar
from hub.consultations.reading import NotInThisConsultation, consultation, experts, locked
from hub.consultations.tables import CONSULTATION, Consultation
from hub.faults import LONGEST_TEXT, Conflict, Invalid, Missing, within
from hub.trust import Caller

# Time is looked for so many days ahead.
LOOK_AHEAD = {"routine": timedelta(days=7), "urgent": timedelta(hours=12)}
NOTICE = timedelta(minutes=30)
"""Devices are tested and people called half an hour before."""

EXPERT_SEES = ("result", "visit", "document", "referral")


class NoCommonTime(Conflict):
    zh = "{until} 前没有各位专家都有空的时间。请放宽日期，或减少专家。"
    en = "There is no time before {until_en} at which everybody is free. Look further ahead, or ask fewer experts."


class ExpertBusy(Conflict):
    zh = "{names} 在 {start} 已有安排。请另选时间。"
    en = "{names} not free at {start_en}. Choose another time."


def free_times(session: Session, caller: Caller, *, consultation_id: int, limit: int = 20) -> list[datetime]:
    """When everybody on the panel and the requester are free, earliest first. Refuses: ConsultationUnknown."""
    row = consultation(session, caller, consultation_id)
    starts = _candidates(session, caller, row)
    return [start for _, start in zip(range(limit), starts, strict=False)]


def schedule(
    session: Session, caller: Caller, *, consultation_id: int, start_at: datetime | None = None
) -> Consultation:
    """Hold the given time, or the first common one, for everybody or for nobody; a held one moves.

    Refuses: ConsultationUnknown, NotAllowed, NotInThisConsultation, IllegalMove, Invalid, ExpertBusy, NoCommonTime.
    """
    row = locked(session, caller, consultation_id, "schedule")
    if start_at is not None and start_at <= caller.at:
        raise Invalid(element="start_at", found=start_at.isoformat(), allowed=f"> {caller.at.isoformat()}")
    moving = session.begin_nested()
    calendar.release(session, row.id)
    try:
        start = _hold_first(session, caller, row) if start_at is None else _hold_at(session, caller, row, start_at)
    except Conflict:
        moving.rollback()
        raise
    moving.commit()
    CONSULTATION.move(row, "schedule")
    row.starts_at, row.ends_at = start, start + timedelta(minutes=row.minutes)
    session.flush()
    trust.end_grants(session, caller, source=_source(row), until=caller.at)
    for expert in experts(session, row.id):
        trust.grant(
            session,
            caller,
            person_id=row.person_id,
            organisation_id=expert.organisation_id,
            practitioner_id=expert.practitioner_id,
            basis="consultation",
            source=_source(row),
            kinds=EXPERT_SEES,
            since=caller.at,
        )
    told = f"您的远程会诊定在 {spoken(start)[0]}，约 {row.minutes} 分钟，请提前半小时到申请的医院。"
    records.tell(session, caller, person_id=row.person_id, template="consultation.scheduled", text=told)
    return row


def begin(session: Session, caller: Caller, *, consultation_id: int) -> Consultation:
    """The meeting has started. Refuses: ConsultationUnknown, NotAllowed, NotInThisConsultation, IllegalMove."""
    row = locked(session, caller, consultation_id, "begin")
    CONSULTATION.move(row, "begin")
    session.flush()
    return row


def sign_opinion(session: Session, caller: Caller, *, consultation_id: int, text: str, signer_id: str) -> Consultation:
    """An expert of the panel signs the opinion; signing other words makes a new version of it.

    Refuses: Missing, SignedByAnother, and as `begin`.
    """
    row = locked(session, caller, consultation_id, "sign")
    if signer_id not in {expert.practitioner_id for expert in experts(session, row.id)}:
        raise NotInThisConsultation(action="sign", who="会诊专家", who_en="expert")
    signer = directory.practitioner(session, signer_id)
    written = records.write_document(
        session,
        caller,
        organisation_id=signer.organisation_id,
        person_id=row.person_id,
        kind="consultation-opinion",
        title="远程会诊意见",
        text=text,
        replaces_id=row.opinion_id,
    )
    records.sign(session, caller, document_id=written.id, signer_id=signer_id)
    row.opinion_id = written.id
    CONSULTATION.move(row, "sign")
    calendar.shorten(session, row.id, at=caller.at)
    session.flush()
    return row


def countersign(session: Session, caller: Caller, *, consultation_id: int) -> Consultation:
    """The requester takes the opinion over: it goes to the asking hospital's record, and the experts' sight ends.

    Refuses: SignedByAnother, and as `begin`.
    """
    row = locked(session, caller, consultation_id, "countersign")
    assert row.opinion_id is not None
    records.sign(session, caller, document_id=row.opinion_id, signer_id=row.requester_id)
    CONSULTATION.move(row, "countersign")
    _end(session, caller, row)
    opinion = session.get_one(records.Document, row.opinion_id)
    author = records.signatures(session, opinion.id)[0]
    exchange.post(
        session,
        caller,
        destination=row.organisation_id,
        subject=f"person/{row.person_id}",
        kind="consultation.opinion",
        snapshot={
            "report_id": opinion.id,
            "consultation_id": row.id,
            "filler_number": f"CONSULTATION-{row.id}",
            "organisation_id": opinion.organisation_id,
            "person": people.snapshot(session, row.person_id, row.organisation_id),
            "order": {"code": "CONSULTATION", "name": opinion.title},
            "observations": [],
            "text": opinion.text,
            "issued_at": author.signed_at.isoformat(),
            "author": {"id": author.signer_id, "name": author.signer_name},
        },
    )
    told = f"您的远程会诊已完成，{author.signer_name}医师的意见可在“我的报告”中查看。"
    records.tell(session, caller, person_id=row.person_id, template="consultation.opinion", text=told)
    return row


def decline(session: Session, caller: Caller, *, consultation_id: int, reason: str) -> Consultation:
    """The invited side cannot, and says why. Refuses: Missing, and as `begin`."""
    return _end_with_reason(session, caller, consultation_id, "decline", reason)


def cancel(session: Session, caller: Caller, *, consultation_id: int, reason: str) -> Consultation:
    """The asking side no longer needs it. Refuses: Missing, and as `begin`."""
    return _end_with_reason(session, caller, consultation_id, "cancel", reason)


def _everybody(session: Session, row: Consultation) -> list[str]:
    return [row.requester_id, *(expert.practitioner_id for expert in experts(session, row.id))]


def _candidates(session: Session, caller: Caller, row: Consultation) -> Iterator[datetime]:
    since, until = caller.at + NOTICE, caller.at + LOOK_AHEAD[row.priority]
    busy = calendar.busy_times(session, caller, _everybody(session, row), since=since, until=until)
    urgent = row.priority == "urgent"
    return calendar.common_free_times(busy, since=since, until=until, minutes=row.minutes, any_hour=urgent)


def _hold_first(session: Session, caller: Caller, row: Consultation) -> datetime:
    for start in _candidates(session, caller, row):
        if not _hold(session, row, start):
            return start
    until = spoken(caller.at + LOOK_AHEAD[row.priority])
    raise NoCommonTime(until=until[0], until_en=until[1])


def _hold_at(session: Session, caller: Caller, row: Consultation, start: datetime) -> datetime:
    end = start + timedelta(minutes=row.minutes)
    busy = calendar.busy_times(session, caller, _everybody(session, row), since=start, until=end)
    missing = [who for who, taken in busy.items() if any(i.start < end and start < i.end for i in taken)]
    missing = missing or _hold(session, row, start)
    if missing:
        names = "、".join(directory.practitioner(session, who).name for who in missing)
        raise ExpertBusy(names=names, start=spoken(start)[0], start_en=spoken(start)[1])
    return start


def _hold(session: Session, row: Consultation, start: datetime) -> list[str]:
    end = start + timedelta(minutes=row.minutes)
    return calendar.hold(session, _everybody(session, row), start=start, end=end, consultation_id=row.id)


def _end_with_reason(session: Session, caller: Caller, consultation_id: int, action: str, reason: str) -> Consultation:
    if not reason.strip():
        raise Missing(element="reason")
    within(reason, LONGEST_TEXT, element="reason")
    row = locked(session, caller, consultation_id, action)
    CONSULTATION.move(row, action)
    row.ended_reason = reason
    calendar.release(session, row.id)
    _end(session, caller, row)
    return row


def _end(session: Session, caller: Caller, row: Consultation) -> None:
    trust.end_grants(session, caller, source=_source(row), until=caller.at)
    session.flush()


def _source(row: Consultation) -> str:
    return f"consultation/{row.id}"
