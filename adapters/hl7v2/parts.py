"""Segments that several messages of ours share: the person, times and notes of a snapshot."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from adapters.hl7v2 import times
from adapters.hl7v2.acknowledgements import APPLICATION
from adapters.hl7v2.er7 import Fields, Line, Value


def pid(person: Mapping[str, Any], organisation_id: str) -> Line:
    """PID of a snapshot's person: the receiver's own record number first, then the card, then the citizen number."""
    numbers: list[Value] = []
    if person["mrn"]:
        numbers.append((person["mrn"], None, None, organisation_id, "MR"))
    numbers.append((person["card"], None, None, APPLICATION, "HC"))
    if person["certno"]:
        numbers.append((person["certno"], None, None, None, "NI"))
    fields: Fields = {
        1: 1,
        3: numbers,
        5: [(person["name"], None, None, None, None, None, "L")],
        7: person["birth_date"].replace("-", ""),
        8: person["gender"],
        13: person["telephone"],
    }
    return "PID", fields


def stamp(text: str | None) -> str | None:
    """An ISO 8601 instant of a snapshot as a time stamp."""
    return times.stamp(datetime.fromisoformat(text)) if text else None


def notes(texts: Iterable[tuple[str, str]]) -> list[Line]:
    """NTE for each (type, text) that says something; the type goes to NTE-4."""
    said = [(kind, text) for kind, text in texts if text]
    return [("NTE", {1: number, 3: text, 4: kind}) for number, (kind, text) in enumerate(said, start=1)]
