"""Who may see a consultation and do what to it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import people, records, trust
from hub.consultations.tables import CONSULTATION, Consultation, Expert
from hub.faults import Forbidden, Unknown
from hub.trust import Caller

REQUESTER, EXPERT, PATIENT = "requester", "expert", "patient"

ACTIONS: dict[str, frozenset[str]] = {
    "schedule": frozenset({REQUESTER}),
    "begin": frozenset({REQUESTER, EXPERT}),
    "sign": frozenset({EXPERT}),
    "countersign": frozenset({REQUESTER}),
    "decline": frozenset({EXPERT}),
    "cancel": frozenset({REQUESTER}),
}
_NAMES = {REQUESTER: "申请方", EXPERT: "会诊专家"}


class ConsultationUnknown(Unknown):
    zh = "查不到会诊 {consultation}，或您无权查看。"
    en = "No such consultation ({consultation}), or you may not see it."


class NotInThisConsultation(Forbidden):
    zh = "“{action}”只能由{who}来做。"
    en = "'{action}' is for the {who_en} of this consultation."


def consultation(session: Session, caller: Caller, consultation_id: int) -> Consultation:
    """One consultation, for its two sides and the patient. Refuses: ConsultationUnknown."""
    row = session.get(Consultation, consultation_id)
    if row is None or not roles(session, caller, row):
        raise ConsultationUnknown(consultation=consultation_id)
    return row


def consultations(session: Session, caller: Caller, *, states: Sequence[str] | None = None) -> Sequence[Consultation]:
    """What the caller's organisation asked for or is asked for, due soonest first. Refuses: NotAllowed."""
    trust.require(caller, "consultation.write")
    invited = select(Expert.consultation_id).where(Expert.organisation_id == caller.organisation_id)
    mine = (Consultation.organisation_id == caller.organisation_id) | Consultation.id.in_(invited)
    wanted = select(Consultation).where(mine)
    if states is not None:
        wanted = wanted.where(Consultation.state.in_(states))
    return session.scalars(wanted.order_by(Consultation.due_at, Consultation.id)).all()


def opinion(session: Session, caller: Caller, consultation_id: int) -> records.Document | None:
    """The opinion as it is signed so far, for the two sides; for the patient once it is countersigned.

    Refuses: ConsultationUnknown.
    """
    row = consultation(session, caller, consultation_id)
    finished = row.state == "completed"
    if row.opinion_id is None or (caller.kind == "citizen" and not finished):
        return None
    return session.get_one(records.Document, row.opinion_id)


def experts(session: Session, consultation_id: int) -> Sequence[Expert]:
    """The panel, who leads first."""
    return session.scalars(
        select(Expert).where(Expert.consultation_id == consultation_id).order_by(Expert.position)
    ).all()


def roles(session: Session, caller: Caller, row: Consultation) -> frozenset[str]:
    """What a caller is to a consultation: requester, expert, patient; empty for a stranger."""
    found = set()
    if caller.organisation_id is not None:
        if caller.organisation_id == row.organisation_id:
            found.add(REQUESTER)
        if caller.organisation_id in {expert.organisation_id for expert in experts(session, row.id)}:
            found.add(EXPERT)
    if caller.kind == "citizen" and people.may_act_for(session, caller, row.person_id):
        found.add(PATIENT)
    return frozenset(found)


def available_actions(session: Session, caller: Caller, row: Consultation) -> frozenset[str]:
    """The actions that this caller may take now: those that would be accepted."""
    if "consultation.write" not in caller.scopes:
        return frozenset()
    mine, possible = roles(session, caller, row), CONSULTATION.allowed(row.state)
    return frozenset(a for a, permitted in ACTIONS.items() if a in possible and mine & permitted)


def locked(session: Session, caller: Caller, consultation_id: int, action: str) -> Consultation:
    """The row, locked, for one who may take this action now.

    Refuses: ConsultationUnknown, NotAllowed, NotInThisConsultation, IllegalMove.
    """
    row = session.get(Consultation, consultation_id, with_for_update=True, populate_existing=True)
    mine = roles(session, caller, row) if row is not None else frozenset()
    if row is None or not mine:
        raise ConsultationUnknown(consultation=consultation_id)
    trust.require(caller, "consultation.write")
    permitted = sorted(ACTIONS[action])
    if not mine & ACTIONS[action]:
        who = "、".join(_NAMES[role] for role in permitted)
        raise NotInThisConsultation(action=action, who=who, who_en=" or ".join(permitted))
    CONSULTATION.after(row.state, action)
    return row
