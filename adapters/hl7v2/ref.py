"""REF and RRI: a referral is sent, changed, taken back, asked after, and answered.

How the hub writes it (no official map exists): RF1-1 the answer (table 0283: P, A, R, E; C taken back) with the hub's
own state word as its alternate code, RF1-6 the sender's number, RF1-11 the hub's. PRD with RP is who refers, with RT to
whom; PRD-4.1 the department, PRD-4.4 the institution, PRD-7 the practitioner. NTE-4 says what a note is: CC chief
complaint, TX treatment, NT remark, CP care plan, CM medicine, CW warning sign, CN next visit, CF follow-up. ZAP carries
the reserved place: ZAP-1 appointment, ZAP-2 slot, ZAP-3 start, ZAP-4 end.
"""

from collections.abc import Mapping
from typing import Any

from adapters.hl7v2 import parts
from adapters.hl7v2.acknowledgements import APPLICATION
from adapters.hl7v2.er7 import Line, Value

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

TO_RECEIVER = {"referral.sent": "I12", "referral.recalled": "I14", "referral.expired": "I14"}
"""Kind of the row to the trigger event of REF; any other change is I13."""

_CARE_PLAN = {"CP": "summary", "CM": "medicines", "CW": "warning_signs", "CN": "next_visit", "CF": "follow_up"}


def render(kind: str, facts: Mapping[str, Any], organisation_id: str) -> tuple[tuple[str, str, str], list[Line]]:
    """REF for the institution to which the patient is sent, an unsolicited RRI^I12 for the one that sent."""
    if organisation_id == facts["sender"]["organisation_id"]:
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
