"""What a doctor says when sending a patient, and what it may not say.

The data set follows WS 445.16 (referral record): chief complaint, reason, diagnoses, course of
treatment, the two institutions. A patient sent back down travels with a care plan.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from hub import directory
from hub.faults import LONGEST_NUMBER, LONGEST_TEXT, Invalid, Missing, Problem, Refused, within
from hub.records import Diagnosis

PRIORITIES = ("routine", "urgent")

_RANK = {"village": 0, "community": 1, "county": 2, "tertiary": 3}


class DirectionWrong(Refused):
    zh = "从{sender}转到{receiver}应为“{expected}”，收到“{direction}”。请核对转诊方向。"
    en = "From {sender} to {receiver} is '{expected}', not '{direction}'. Check the direction."


class ToItself(Refused):
    zh = "转出和转入是同一机构（{organisation}）。院内转科请在本院系统办理。"
    en = "Sender and receiver are the same institution ({organisation}). Transfers inside it are its own affair."


class CarePlanMissing(Refused):
    zh = "下转必须附康复和随访方案：用药、需警惕的情况、下次复诊时间。"
    en = "A patient sent back down needs a care plan: medicines, warning signs, the next visit."


class CarePlan(TypedDict, total=False):
    """What the receiving doctor is asked to do; `next_visit` is a day, ISO 8601."""

    summary: str
    medicines: list[str]
    warning_signs: list[str]
    next_visit: str
    follow_up: list[str]


class Letter(TypedDict):
    """An outcome letter and the practitioner who signs it."""

    title: str
    text: str
    signer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralFacts:
    """A referral as its sender states it. `direction` follows from the two institutions; given, it must agree.

    `placer_number` is the sender's own number (RF1-6). `visit_id` is the visit at the sender from which the
    patient is sent, `previous_id` the referral that this one follows; not given, the hub finds them.
    """

    person_id: int
    sender_id: str
    receiver_id: str
    reason: str
    diagnoses: tuple[Diagnosis, ...]
    direction: str | None = None
    priority: str = "routine"
    chief_complaint: str = ""
    treatment: str = ""
    care_plan: CarePlan | None = None
    sender_department_id: str | None = None
    sender_practitioner_id: str | None = None
    receiver_department_id: str | None = None
    receiver_practitioner_id: str | None = None
    placer_number: str | None = None
    visit_id: int | None = None
    previous_id: int | None = None
    valid_until: datetime | None = None


def checked_direction(session: Session, facts: ReferralFacts) -> str:
    """The direction, after the ladder of refusals.

    Refuses: ToItself, Missing, Invalid, OrganisationUnknown, DepartmentUnknown, PractitionerUnknown,
    DirectionWrong, CarePlanMissing.
    """
    sender = directory.organisation(session, facts.sender_id)
    receiver = directory.organisation(session, facts.receiver_id)
    if sender.id == receiver.id:
        raise ToItself(organisation=sender.name)
    if not facts.reason.strip():
        raise Missing(element="reason")
    within(facts.reason, LONGEST_TEXT, element="reason")
    if not facts.diagnoses:
        raise Missing(element="diagnoses")
    within(facts.placer_number or "", LONGEST_NUMBER, element="placer_number")
    if facts.priority not in PRIORITIES:
        allowed = " / ".join(PRIORITIES)
        raise Invalid(element="priority", found=facts.priority, allowed=allowed, problem=Problem.CODE)
    _belong(session, sender.id, "sender", facts.sender_department_id, facts.sender_practitioner_id)
    _belong(session, receiver.id, "receiver", facts.receiver_department_id, facts.receiver_practitioner_id)
    direction = direction_between(sender, receiver)
    if facts.direction not in (None, direction):
        raise DirectionWrong(sender=sender.name, receiver=receiver.name, expected=direction, direction=facts.direction)
    if direction == "down" and not facts.care_plan:
        raise CarePlanMissing()
    _is_day(facts.care_plan.get("next_visit", "") if facts.care_plan else "")
    return direction


def direction_between(sender: directory.Organisation, receiver: directory.Organisation) -> str:
    """Up, down or sideways by tier: village clinic, community centre, county hospital, tertiary hospital."""
    difference = _RANK.get(receiver.tier, 0) - _RANK.get(sender.tier, 0)
    return "sideways" if difference == 0 else "up" if difference > 0 else "down"


def content_hash(facts: ReferralFacts) -> bytes:
    """What is said to the receiver: the same number with the same content is the same referral.

    The deadline and the place in an episode are left out, since the hub may find them anew at a resend.
    """
    said = asdict(facts) | {"valid_until": None, "visit_id": None, "previous_id": None}
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).digest()


def _is_day(said: str) -> None:
    """A next visit that nobody can read is one that nobody comes to."""
    if not said:
        return
    try:
        date.fromisoformat(said)
    except ValueError:
        raise Invalid(element="care_plan.next_visit", found=said[:40], allowed="2026-12-20") from None


def _belong(
    session: Session, organisation_id: str, side: str, department_id: str | None, practitioner_id: str | None
) -> None:
    if department_id is not None and directory.department(session, department_id).organisation_id != organisation_id:
        raise Invalid(element=f"{side}_department_id", found=department_id, allowed=organisation_id)
    if practitioner_id is not None:
        practitioner = directory.practitioner(session, practitioner_id)
        if practitioner.organisation_id != organisation_id:
            raise Invalid(element=f"{side}_practitioner_id", found=practitioner_id, allowed=organisation_id)
