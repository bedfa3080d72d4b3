"""Who may do what to a referral, now: one table of actions by role, crossed with the state table.

`available_actions` is what the pages show and what the verbs accept; they are the same function.
"""

from sqlalchemy.orm import object_session

from hub import people, trust
from hub.faults import Conflict, Forbidden, Unknown
from hub.referrals.tables import REFERRAL, Referral
from hub.trust import Caller

SENDER, RECEIVER, PATIENT, HUB = "sender", "receiver", "patient", "hub"

# Only the sender recalls, only the current receiver answers; the hub itself only watches the clock.
ACTIONS: dict[str, frozenset[str]] = {
    "send": frozenset({SENDER}),
    "discard": frozenset({SENDER}),
    "receive": frozenset({RECEIVER}),
    "accept": frozenset({RECEIVER}),
    "request-info": frozenset({RECEIVER}),
    "answer-info": frozenset({SENDER}),
    "reject": frozenset({RECEIVER}),
    "redirect": frozenset({RECEIVER}),
    "book": frozenset({SENDER, RECEIVER, PATIENT}),
    "miss": frozenset({RECEIVER}),
    "arrive": frozenset({RECEIVER}),
    "undo-arrival": frozenset({RECEIVER}),
    "complete": frozenset({RECEIVER}),
    "recall": frozenset({SENDER}),
    "decline": frozenset({PATIENT}),
    "expire": frozenset({HUB}),
    "warn": frozenset({HUB}),
    "escalate": frozenset({HUB}),
    "lapse": frozenset({HUB}),
}

_ROLE_NAMES = {SENDER: ("转出机构", "sender"), RECEIVER: ("转入机构", "receiver"), PATIENT: ("病人本人", "patient")}
_ROLE_NAMES[HUB] = ("平台", "hub")


class ReferralUnknown(Unknown):
    zh = "查不到转诊单 {referral}，或您无权查看。"
    en = "No such referral ({referral}), or you may not see it."


class NotYourMove(Forbidden):
    zh = "“{action}”只能由{who}来做。"
    en = "'{action}' is for the {who_en} of this referral."


class AlreadyHasPlace(Conflict):
    zh = "转诊 {number} 已有预约（编号 {appointment_id}）。要换时间请改约。"
    en = "Referral {number} already has a place (appointment {appointment_id}). To change the time, reschedule it."


class NotSentDown(Conflict):
    zh = "转诊 {number} 不是下转，不因无人接收而退回。"
    en = "Referral {number} was not sent down; it does not come back for want of an answer."


def roles(caller: Caller, referral: Referral) -> frozenset[str]:
    """What a caller is to a referral; empty for a stranger."""
    session = object_session(referral)
    assert session is not None
    found = set()
    if caller.kind == "job":
        found.add(HUB)
    if caller.organisation_id is not None and caller.organisation_id == referral.sender_id:
        found.add(SENDER)
    if caller.organisation_id is not None and caller.organisation_id == referral.receiver_id:
        # What has not been sent is nobody's business but the sender's.
        found |= {RECEIVER} if referral.state not in ("draft", "error") else set()
    if caller.kind == "citizen" and people.may_act_for(session, caller, referral.person_id):
        found.add(PATIENT)
    return frozenset(found)


def available_actions(caller: Caller, referral: Referral) -> frozenset[str]:
    """The actions that this caller may take on this referral now: exactly those that would be accepted."""
    if not may_write(caller):
        return frozenset()
    mine = roles(caller, referral)
    possible = REFERRAL.allowed(referral.state)
    return frozenset(
        action
        for action, permitted in ACTIONS.items()
        if action in possible and mine & permitted and _hindrance(action, referral) is None
    )


def require_action(caller: Caller, referral: Referral, action: str) -> None:
    """Refuses: ReferralUnknown, NotAllowed, NotYourMove, IllegalMove, AlreadyHasPlace, NotSentDown."""
    mine = roles(caller, referral)
    if not mine:
        raise ReferralUnknown(referral=referral.id)
    if not may_write(caller):
        raise trust.NotAllowed(scope="referral.write")
    if not mine & ACTIONS[action]:
        zh, en = zip(*(_ROLE_NAMES[role] for role in sorted(ACTIONS[action])), strict=True)
        raise NotYourMove(action=action, who="、".join(zh), who_en=" or ".join(en))
    if (hindrance := _hindrance(action, referral)) is not None:
        raise hindrance
    REFERRAL.after(referral.state, action)


def may_write(caller: Caller) -> bool:
    """Organisations hold the right to write; a patient needs none to speak for themselves."""
    return caller.kind in ("citizen", "job") or "referral.write" in caller.scopes


def _hindrance(action: str, referral: Referral) -> Conflict | None:
    """What stands against an action beside the state."""
    if action == "book" and referral.slot_leg == "booked":
        return AlreadyHasPlace(number=referral.number, appointment_id=referral.appointment_id)
    if action == "lapse" and referral.direction != "down":
        return NotSentDown(number=referral.number)
    return None
