"""SIU: appointments, told to the hospital that keeps them and heard from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.hl7v2 import parts
from adapters.hl7v2.acknowledgements import APPLICATION
from adapters.hl7v2.er7 import Line, Value

SENT = {
    "appointment.booked": ("S12", "A", "Booked"),
    "appointment.rescheduled": ("S13", "U", "Booked"),
    "appointment.cancelled": ("S15", "D", "Cancelled"),
    "appointment.noshow": ("S26", "U", "Noshow"),
}
"""Kind of the row: trigger event, action code (table 0206), filler status (table 0278)."""


def render(kind: str, facts: Mapping[str, Any], organisation_id: str) -> tuple[tuple[str, str, str], list[Line]]:
    """SIU^S12, S13, S15 or S26 for the hospital. The hub's number stands in SCH-1 and SCH-2: it keeps the book."""
    event, action, status = SENT[kind]
    number: Value = (str(facts["appointment_id"]), APPLICATION)
    start, end = parts.stamp(facts["start"]), parts.stamp(facts["end"])
    minutes = _minutes(facts)
    desk: Value = (None, "区域平台")
    sch: Line = (
        "SCH",
        {
            1: number,
            2: number,
            6: (kind.partition(".")[2], facts.get("cancel_reason")),
            7: (None, facts["reason"]),
            9: minutes,
            10: "min",
            11: (None, None, minutes, start, end),
            16: desk,
            20: desk,
            25: (status, None, "HL70278"),
            26: (str(facts["referral_id"]), APPLICATION) if facts["referral_id"] else None,
        },
    )
    lines: list[Line] = [
        sch,
        ("TQ1", {1: 1, 7: start, 8: end}),
        *parts.notes([("QN", str(facts["queue_number"] or ""))]),
        parts.pid(facts["person"], organisation_id),
        ("PV1", {1: 1, 2: "O"}),
        *_resources(facts, action, start, minutes, status),
    ]
    return ("SIU", event, "SIU_S12"), lines


def _resources(facts: Mapping[str, Any], action: str, start: str | None, minutes: int, status: str) -> list[Line]:
    department, practitioner, service = facts["department"], facts["practitioner"], facts["service"]
    lines: list[Line] = [
        ("RGS", {1: 1, 2: action}),
        ("AIS", {1: 1, 2: action, 3: (service["code"], service["name"]), 4: start, 7: minutes, 8: "min", 10: status}),
        ("AIL", {1: 1, 2: action, 3: (department["id"], None, None, facts["organisation_id"]), 12: status}),
    ]
    if practitioner:
        lines.append(("AIP", {1: 1, 2: action, 3: (practitioner["id"], practitioner["name"]), 6: start, 12: status}))
    return lines


def _minutes(facts: Mapping[str, Any]) -> int:
    start, end = datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"])
    return int((end - start).total_seconds() // 60)
