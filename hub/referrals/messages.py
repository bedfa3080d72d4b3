"""Who is told what, when a referral moves: the other side by a message, the patient by telephone.

One table: event, whom it goes to, under which kind, and the sentence for the patient.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hub import booking, directory, exchange, people, records
from hub.booking.telling import spoken
from hub.referrals.tables import Referral
from hub.trust import Caller


@dataclass(frozen=True, slots=True)
class News:
    """`to` names the sides that get the message of this kind; `patient` is what the patient reads."""

    to: tuple[str, ...]
    kind: str
    patient: str = ""


CLOSED = "{receiver}已把诊治结果交回{sender}，可在“我的转诊”中查看。"

NEWS: dict[str, News] = {
    "send": News(("receiver",), "referral.sent", "{sender}已为您申请转诊到{receiver}，{due}前答复。"),
    "receive": News(("sender",), "referral.received"),
    "accept": News(("sender",), "referral.accepted", "{receiver}已接收您的转诊。{place}"),
    "request-info": News(("sender",), "referral.info-requested"),
    "answer-info": News(("receiver",), "referral.info-answered"),
    "reject": News(("sender",), "referral.rejected", "{receiver}没有接收您的转诊（{note}）。请联系{sender}另作安排。"),
    "redirect": News(("sender",), "referral.redirected", "{receiver}建议您改去别处（{note}），新的转诊已提交。"),
    "recall": News(("receiver",), "referral.recalled", "{sender}撤回了到{receiver}的转诊（{note}），所留号源已释放。"),
    "decline": News(("sender", "receiver"), "referral.recalled", "您已谢绝到{receiver}的转诊，所留号源已释放。"),
    "expire": News(("sender", "receiver"), "referral.expired", "到{receiver}的转诊已过期。如仍需要请联系{sender}。"),
    "lapse": News(("sender", "receiver"), "referral.lapsed", "{receiver}未及时接收您的转诊，{sender}会另作安排。"),
    "warn": News(("sender",), "referral.expiring", "到{receiver}的转诊 {until}后失效，请尽快就诊或联系{sender}。"),
    "escalate": News(("receiver", "sender"), "referral.unconfirmed"),
    "miss": News(("sender",), "referral.no-show"),
    "arrive": News(("sender",), "referral.arrived"),
    "undo-arrival": News(("sender",), "referral.accepted"),
    "complete": News(("sender",), "referral.completed", CLOSED),
    "return-down": News(("sender",), "referral.completed", CLOSED),
    "book": News(("sender",), "referral.booked"),
    "lose-place": News(("sender", "receiver"), "referral.place-lost", "所留号源已取消，到{receiver}的转诊仍有效。"),
}


def announce(session: Session, caller: Caller, referral: Referral, event: str, *, note: str = "") -> None:
    """Put in the outbox what an event has to say, to both sides and to the patient."""
    news = NEWS[event]
    for side in news.to:
        organisation_id = referral.sender_id if side == "sender" else referral.receiver_id
        _deliver(session, caller, referral, organisation_id, kind=news.kind, note=note)
    if news.patient:
        text = news.patient.format(**_words(session, referral, note))
        records.tell(session, caller, person_id=referral.person_id, template=news.kind, text=text)


def _deliver(
    session: Session, caller: Caller, referral: Referral, organisation_id: str, *, kind: str, note: str
) -> None:
    """One message about a referral to one organisation."""
    exchange.post(
        session,
        caller,
        destination=organisation_id,
        subject=f"person/{referral.person_id}",
        kind=kind,
        snapshot=snapshot(session, referral, organisation_id, note=note),
    )


def forward_letter(session: Session, caller: Caller, referral: Referral, *, letter_id: int) -> None:
    """A letter of a later referral of the chain, to the doctor who began it, under the number they know."""
    leaving = snapshot(session, referral, referral.sender_id) | {"letter": _letter(session, letter_id)}
    exchange.post(
        session,
        caller,
        destination=referral.sender_id,
        subject=f"person/{referral.person_id}",
        kind="referral.letter",
        snapshot=leaving,
    )


def snapshot(session: Session, referral: Referral, destination: str, *, note: str = "") -> dict[str, Any]:
    """A referral as it leaves the building for one organisation (REF^I12, RRI^I12)."""
    leaving: dict[str, Any] = {
        "referral_id": referral.id,
        "chain_id": referral.chain_id,
        "state": referral.state,
        "direction": referral.direction,
        "priority": referral.priority,
        "placer_number": referral.number,
        "sender": _party(session, referral.sender_id, referral.sender_department_id, referral.sender_practitioner_id),
        "receiver": _party(
            session, referral.receiver_id, referral.receiver_department_id, referral.receiver_practitioner_id
        ),
        "person": people.snapshot(session, referral.person_id, destination),
        "diagnoses": referral.diagnoses,
        "reason": referral.reason,
        "chief_complaint": referral.chief_complaint,
        "treatment": referral.treatment,
        "sent_at": referral.sent_at.isoformat() if referral.sent_at else None,
        "valid_until": referral.valid_until.isoformat(),
        "appointment": _appointment(session, referral),
    }
    if referral.care_plan:
        leaving["care_plan"] = referral.care_plan
    if referral.letter_id is not None:
        leaving["letter"] = _letter(session, referral.letter_id)
    if note:
        leaving["note"] = note
    return leaving


def _party(
    session: Session, organisation_id: str, department_id: str | None, practitioner_id: str | None
) -> dict[str, Any]:
    organisation = directory.organisation(session, organisation_id)
    department = directory.department(session, department_id) if department_id else None
    practitioner = directory.practitioner(session, practitioner_id) if practitioner_id else None
    return {
        "organisation_id": organisation.id,
        "name": organisation.name,
        "telephone": organisation.telephone,
        "department": {"id": department.id, "name": department.name} if department else None,
        "practitioner": {"id": practitioner.id, "name": practitioner.name} if practitioner else None,
    }


def _appointment(session: Session, referral: Referral) -> dict[str, Any] | None:
    if referral.slot_leg != "booked" or referral.appointment_id is None:
        return None
    row = session.get_one(booking.Appointment, referral.appointment_id)
    slot = booking.offer(session, row.slot_id, at=row.booked_at)
    practitioner = {"id": slot.practitioner_id, "name": slot.practitioner_name} if slot.practitioner_id else None
    return {
        "appointment_id": row.id,
        "slot_id": row.slot_id,
        "start": row.start_at.isoformat(),
        "end": row.end_at.isoformat(),
        "organisation_id": row.organisation_id,
        "department": {"id": slot.department_id, "name": slot.department_name},
        "practitioner": practitioner,
        "service": {"code": slot.service_code, "name": slot.service_name},
        "queue_number": row.queue_number,
    }


def _letter(session: Session, letter_id: int) -> dict[str, Any]:
    row = session.get_one(records.Document, letter_id)
    author = records.signatures(session, letter_id)[0]
    return {
        "document_id": row.id,
        "title": row.title,
        "text": row.text,
        "signed_at": author.signed_at.isoformat(),
        "signer": {"id": author.signer_id, "name": author.signer_name},
    }


def _words(session: Session, referral: Referral, note: str) -> dict[str, str]:
    place = "院方会尽快与您约定时间。"
    if referral.slot_leg == "booked" and referral.appointment_id is not None:
        start = session.get_one(booking.Appointment, referral.appointment_id).start_at
        place = f"请于 {spoken(start)[0]} 就诊。"
    return {
        "sender": directory.organisation(session, referral.sender_id).name,
        "receiver": directory.organisation(session, referral.receiver_id).name,
        "place": place,
        "due": spoken(referral.answer_due_at)[0] if referral.answer_due_at else "",
        "until": spoken(referral.valid_until)[0],
        "note": note,
    }
