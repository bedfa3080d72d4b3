"""REF and RRI: a referral is sent, changed, taken back, asked after, and answered.

How the hub writes it (no official map exists): RF1-1 the answer (table 0283: P, A, R, E; C taken back) with the hub's
own state word as its alternate code, RF1-6 the sender's number, RF1-11 the hub's. PRD with RP is who refers, with RT to
whom; PRD-4.1 the department, PRD-4.4 the institution, PRD-7 the practitioner. NTE-4 says what a note is: CC chief
complaint, TX treatment, NT remark, CP care plan, CM medicine, CW warning sign, CN next visit, CF follow-up. ZAP carries
the reserved place: ZAP-1 appointment, ZAP-2 slot, ZAP-3 start, ZAP-4 end.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from adapters.hl7v2 import parts, pid, pv1, times
from adapters.hl7v2.acknowledgements import APPLICATION, Reply
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Line, Message, Segment, Value
from hub import journeys, records, referrals
from hub.faults import Invalid, Missing, Problem
from hub.records import VisitUnknown
from hub.referrals import CarePlan, Letter, Referral, ReferralFacts
from hub.trust import Caller

ANSWERS = {
    "draft": ("P", "Pending"),
    "sent": ("P", "Pending"),
    "received": ("P", "Pending"),
    "info-requested": ("P", "Pending"),
    "accepted": ("A", "Accepted"),
    "booked": ("A", "Accepted"),
    "no-show": ("A", "Accepted"),
    "arrived": ("A", "Accepted"),
    "completed": ("A", "Accepted"),
    "returned-down": ("A", "Accepted"),
    "rejected": ("R", "Rejected"),
    "redirected": ("R", "Rejected"),
    "recalled": ("C", "Cancelled"),
    "expired": ("E", "Expired"),
    "error": ("C", "Cancelled"),
}
"""The state of a referral as RF1-1 (table 0283; C is ours)."""

TO_RECEIVER = {
    "referral.sent": "I12",
    "referral.recalled": "I14",
    "referral.expired": "I14",
    "referral.lapsed": "I14",
}
"""Kind of the row to the trigger event of REF; any other change is I13."""

_CARE_PLAN = {"CP": "summary", "CM": "medicines", "CW": "warning_signs", "CN": "next_visit", "CF": "follow_up"}


ELEMENTS = {
    "reason": "RF1-10.2",
    "diagnoses": "DG1-3",
    "priority": "RF1-2",
    "direction": "RF1-3",
    "care_plan.next_visit": "NTE-3",
    "sender_department_id": "PRD-4.1",
    "sender_practitioner_id": "PRD-7",
    "receiver_department_id": "PRD[2]-4.1",
    "receiver_practitioner_id": "PRD[2]-7",
}
"""Where the facts of a referral stand in REF."""


def refer(session: Session, caller: Caller, message: Message) -> Done:
    """I12: a patient is referred, with a place where ZAP-2 reserves one; the answer is RRI with RF1-1 P."""
    facts = _facts(session, caller, message, pid.register(session, caller, message["PID"]))
    place = message["ZAP"].text(2)
    if place and not place.isdecimal():
        raise Invalid(element="ZAP-2", found=place, allowed="slot id")
    referral = journeys.refer(session, caller, facts=facts, slot_id=int(place) if place else None)
    return _answered(session, caller, message, referral)


def answer_info(session: Session, caller: Caller, message: Message) -> Done:
    """I13: the sender answers what the receiver asked."""
    referral = _referral(session, caller, message)
    said = "\n".join(note.whole(3) for note in message.every("NTE"))
    referrals.answer_info(session, caller, referral_id=referral.id, answer=said)
    return _answered(session, caller, message, referral)


def recall(session: Session, caller: Caller, message: Message) -> Done:
    """I14: the sender takes it back; the trigger counts, whatever RF1-1 says."""
    referral = _referral(session, caller, message)
    reason = _said(message).get("NT", "") or message["RF1"].text(10, 2) or message["RF1"].text(10)
    journeys.recall(session, caller, referral_id=referral.id, reason=reason)
    return _answered(session, caller, message, referral)


def status(session: Session, caller: Caller, message: Message) -> Done:
    """I15: how does it stand? Nothing changes."""
    return _answered(session, caller, message, _referral(session, caller, message))


def respond(session: Session, caller: Caller, message: Message) -> Done:
    """An unsolicited RRI of the receiver: RF1-1 A accepts, R rejects, P has read or asks; a letter (OBX TX) closes."""
    referral = _referral(session, caller, message)
    said = message["OBX"].whole(5) if message["OBX"].text(2) in ("TX", "FT") else ""
    note = _said(message).get("NT", "")
    if said:
        signer = message["OBX"].text(16)
        letter = Letter(title=message["OBR"].text(4, 2) or "诊疗结果反馈", text=said, signer_id=signer)
        journeys.close(session, caller, referral_id=referral.id, letter=letter)
    else:
        _respond(session, caller, message["RF1"], referral, note)
    return Done(person_id=referral.person_id, subject=f"referral/{referral.id}")


def render(kind: str, facts: Mapping[str, Any], organisation_id: str) -> tuple[tuple[str, str, str], list[Line]]:
    """REF for the institution to which the patient is sent; an unsolicited RRI^I12 for who sent, now or at first."""
    if organisation_id != facts["receiver"]["organisation_id"]:
        return ("RRI", "I12", "RRI_I12"), lines(facts, organisation_id)
    event = TO_RECEIVER.get(kind, "I13")
    return ("REF", event, "REF_I12"), lines(facts, organisation_id)


def lines(facts: Mapping[str, Any], organisation_id: str) -> list[Line]:
    """What follows MSH (and MSA) in REF and in RRI alike."""
    diagnoses: list[Line] = [
        ("DG1", {1: number, 3: (diagnosis["code"], diagnosis["name"], "I10"), 6: "W"})
        for number, diagnosis in enumerate(facts["diagnoses"], start=1)
    ]
    return [
        _rf1(facts),
        _prd("RP", facts["sender"]),
        _prd("RT", facts["receiver"]),
        parts.pid(facts["person"], organisation_id),
        *diagnoses,
        *_letter(facts.get("letter")),
        *parts.notes(_notes(facts)),
        *_place(facts.get("appointment")),
    ]


def _rf1(facts: Mapping[str, Any]) -> Line:
    code, word = ANSWERS[facts["state"]]
    return "RF1", {
        1: (code, word, "HL70283", facts["state"], None, APPLICATION),
        2: "S" if facts["priority"] == "urgent" else "R",
        3: (facts["direction"], None, APPLICATION),
        6: (facts["placer_number"], facts["sender"]["organisation_id"]),
        7: parts.stamp(facts.get("sent_at")),
        8: parts.stamp(facts.get("valid_until")),
        10: (None, facts["reason"]),
        11: (str(facts["referral_id"]), APPLICATION),
    }


def _prd(role: str, party: Mapping[str, Any]) -> Line:
    department, practitioner = party.get("department"), party.get("practitioner")
    place = (department["id"] if department else None, None, None, party["organisation_id"])
    return "PRD", {
        1: (role, None, "HL70286"),
        2: (practitioner["name"],) if practitioner else None,
        4: (*place, None, None, None, None, party["name"]),
        5: party.get("telephone"),
        7: (practitioner["id"], "LN") if practitioner else None,
    }


def _letter(letter: Mapping[str, Any] | None) -> list[Line]:
    """The closing letter: OBR names it, OBX carries its text."""
    if not letter:
        return []
    title: Value = ("outcome-letter", letter["title"], APPLICATION)
    signed, signer = parts.stamp(letter["signed_at"]), (letter["signer"]["id"], letter["signer"]["name"])
    number = (str(letter["document_id"]), APPLICATION)
    return [
        ("OBR", {1: 1, 3: number, 4: title, 7: signed, 25: "F"}),
        ("OBX", {1: 1, 2: "TX", 3: title, 5: letter["text"], 11: "F", 14: signed, 16: signer}),
    ]


def _notes(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    said = [("CC", facts.get("chief_complaint", "")), ("TX", facts.get("treatment", "")), ("NT", facts.get("note", ""))]
    plan = facts.get("care_plan") or {}
    for kind, name in _CARE_PLAN.items():
        given = plan.get(name) or []
        said += [(kind, text) for text in ([given] if isinstance(given, str) else given)]
    return said


def _place(appointment: Mapping[str, Any] | None) -> list[Line]:
    if not appointment:
        return []
    start, end = parts.stamp(appointment.get("start")), parts.stamp(appointment.get("end"))
    return [("ZAP", {1: (str(appointment["appointment_id"]), APPLICATION), 3: start, 4: end})]


def _respond(session: Session, caller: Caller, rf1: Segment, referral: Referral, note: str) -> None:
    answer, asks = rf1.text(1), rf1.text(1, 4) == "info-requested"
    if answer == "A":
        referrals.accept(session, caller, referral_id=referral.id, note=note)
    elif answer == "R":
        journeys.reject(session, caller, referral_id=referral.id, reason=note or rf1.text(10, 2))
    elif answer == "P" and asks:
        referrals.request_info(session, caller, referral_id=referral.id, question=note)
    elif answer == "P":
        referrals.receive(session, caller, referral_id=referral.id)
    else:
        raise Invalid(element="RF1-1", found=answer, allowed="A, R, P", problem=Problem.CODE)


def _facts(session: Session, caller: Caller, message: Message, person_id: int) -> ReferralFacts:
    rf1, said = message["RF1"], _said(message)
    sender, receiver = _party(message, "RP"), _party(message, "RT")
    receiver_id = receiver.text(4, 4)
    if not receiver_id:
        raise Missing(element="PRD-4.4", allowed="PRD-1 = RT")
    assert caller.organisation_id is not None
    return ReferralFacts(
        person_id=person_id,
        sender_id=caller.organisation_id,
        receiver_id=receiver_id,
        reason=rf1.text(10, 2) or rf1.text(10),
        diagnoses=pv1.diagnoses(message),
        direction=rf1.text(3) if rf1.text(3) in ("up", "down", "sideways") else None,
        priority="urgent" if rf1.text(2) in ("S", "A") else "routine",
        chief_complaint=said.get("CC", ""),
        treatment=said.get("TX", "") or said.get("NT", ""),
        care_plan=_care_plan(message),
        sender_department_id=_department(sender, caller.organisation_id),
        sender_practitioner_id=sender.text(7) or None,
        receiver_department_id=_department(receiver, receiver_id),
        receiver_practitioner_id=receiver.text(7) or None,
        placer_number=rf1.text(6),
        visit_id=_visit_id(session, caller, message),
        previous_id=_previous_id(session, caller, rf1),
        valid_until=times.instant(rf1.text(8), element="RF1-8"),
    )


def _answered(session: Session, caller: Caller, message: Message, referral: Referral) -> Done:
    """RRI with the referral as it stands now."""
    assert caller.organisation_id is not None
    facts = referrals.snapshot(session, referral, caller.organisation_id)
    reply = Reply(("RRI", message.event, "RRI_I12"), lines(facts, caller.organisation_id))
    return Done(person_id=referral.person_id, subject=f"referral/{referral.id}", reply=reply)


def _referral(session: Session, caller: Caller, message: Message) -> Referral:
    """By the hub's number in RF1-11, else by the sender's own in RF1-6. Refuses: ReferralUnknown."""
    rf1 = message["RF1"]
    if not rf1:
        raise Missing(element="RF1")
    if rf1.text(11, 2) == APPLICATION and rf1.text(11).isdecimal():
        return referrals.referral(session, caller, int(rf1.text(11)[:18]))
    sender_id = rf1.text(6, 2) or caller.organisation_id or ""
    found = referrals.by_number(session, sender_id=sender_id, placer_number=rf1.text(6))
    return referrals.referral(session, caller, found.id)


def _previous_id(session: Session, caller: Caller, rf1: Segment) -> int | None:
    """RF1-11 of a new referral names the one it follows; a sender that repeats itself may echo its own there."""
    if rf1.text(11, 2) != APPLICATION or not rf1.text(11).isdecimal():
        return None
    previous = referrals.referral(session, caller, int(rf1.text(11)[:18]))
    own = previous.sender_id == caller.organisation_id and previous.placer_number == rf1.text(6)
    return None if own else previous.id


def _party(message: Message, role: str) -> Segment:
    """The PRD of a role (table 0286). Refuses: Missing."""
    for segment in message.every("PRD"):
        if any(repetition.text() == role for repetition in segment.repetitions(1)):
            return segment
    raise Missing(element="PRD-1", allowed=role)


def _department(party: Segment, organisation_id: str) -> str | None:
    return pv1.department_id(organisation_id, party.text(4)) if party.text(4) else None


def _visit_id(session: Session, caller: Caller, message: Message) -> int | None:
    number = message["PV1"].text(19)
    try:
        return records.visit(session, caller.organisation_id or "", number).id if number else None
    except VisitUnknown:
        return None


def _said(message: Message) -> dict[str, str]:
    """The notes by NTE-4; a note without a type is a remark."""
    said: dict[str, str] = {}
    for note in message.every("NTE"):
        kind = note.text(4) if note.text(4) in ("CC", "TX", *_CARE_PLAN) else "NT"
        said[kind] = "\n".join(filter(None, (said.get(kind), note.whole(3))))
    return said


def _care_plan(message: Message) -> CarePlan | None:
    plan: dict[str, Any] = {}
    for note in message.every("NTE"):
        name = _CARE_PLAN.get(note.text(4))
        if name in ("summary", "next_visit"):
            plan[name] = note.whole(3)
        elif name:
            plan.setdefault(name, []).append(note.whole(3))
    return CarePlan(**plan) if plan else None  # type: ignore[typeddict-item]
