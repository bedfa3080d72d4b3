"""ORU^R01: results, heard from the hospital that made them and sent to whoever asked."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from adapters.hl7v2 import parts, pid, times
from adapters.hl7v2.acknowledgements import APPLICATION
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Fields, Line, Message, Segment
from hub import journeys, records
from hub.faults import Invalid, Missing, Problem
from hub.records import Author, ObservationFacts, Order, VisitUnknown
from hub.trust import Caller

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
TEXT = "REPORT"
"""OBX-3.1 under which the words of a report travel."""


_WORDS = ("TX", "FT")
_FINAL = ("F", "C", "")


def publish(session: Session, caller: Caller, message: Message) -> Done:
    """Each OBR with its OBX becomes a report; a corrected one is a new version of it."""
    known = pid.known(session, caller, message["PID"])
    person_id = known.id if known else pid.register(session, caller, message["PID"])
    assert caller.organisation_id is not None
    report = None
    for number, group in enumerate(message.groups("OBR", until=["PID", "PV1"]), start=1):
        obr, obx = group[0], [segment for segment in group if segment.name == "OBX"]
        _check(obr, number)
        report = journeys.publish(
            session,
            caller,
            organisation_id=caller.organisation_id,
            person_id=person_id,
            visit_id=_visit_id(session, caller, message["PV1"].text(19)),
            order=Order(code=obr.text(4), name=obr.text(4, 2) or obr.text(4)),
            observations=[_observation(segment) for segment in obx if segment.text(2) not in _WORDS],
            text=_text(group),
            issued_at=_issued_at(message, obr, number),
            author=_author(obr, obx),
            filler_number=obr.text(3),
        )
    if report is None:
        raise Missing(element="OBR")
    return Done(person_id=person_id, subject=f"report/{report.id}")


def render(kind: str, facts: Mapping[str, Any], organisation_id: str) -> tuple[tuple[str, str, str], list[Line]]:
    """ORU^R01 of a published result, or of the opinion of a remote consultation."""
    issued, author = parts.stamp(facts["issued_at"]), (facts["author"]["id"], facts["author"]["name"])
    status = "C" if facts.get("version", 1) > 1 else "F"
    obr: Fields = {
        1: 1,
        3: (facts.get("filler_number") or str(facts["report_id"]), facts["organisation_id"]),
        4: (facts["order"]["code"], facts["order"]["name"]),
        7: issued,
        18: str(facts["report_id"]),
        22: issued,
        25: status,
        32: (author,),
    }
    observations: list[Line] = [
        (
            "OBX",
            {
                1: number,
                2: "NM" if _NUMBER.fullmatch(measured["value"]) else "ST",
                3: (measured["code"], measured["name"]),
                5: measured["value"],
                6: measured["unit"],
                7: measured["range"],
                8: measured["abnormal"],
                11: status,
                14: issued,
            },
        )
        for number, measured in enumerate(facts["observations"], start=1)
    ]
    if facts["text"]:
        words: Fields = {1: len(observations) + 1, 2: "TX", 3: (TEXT, "报告", APPLICATION), 5: facts["text"]}
        observations.append(("OBX", words | {11: status, 14: issued, 16: author}))
    return ("ORU", "R01", "ORU_R01"), [parts.pid(facts["person"], organisation_id), ("OBR", obr), *observations]


def _check(obr: Segment, number: int) -> None:
    """Only what is final is shared: a preliminary value would reach patients as if it were one."""
    where = f"OBR[{number}]" if number > 1 else "OBR"
    if not obr.text(3):
        raise Missing(element=f"{where}-3")
    if obr.text(25) not in _FINAL:
        raise Invalid(element=f"{where}-25", found=obr.text(25), allowed="F, C", problem=Problem.CODE)


def _observation(obx: Segment) -> ObservationFacts:
    return ObservationFacts(
        code=obx.text(3),
        name=obx.text(3, 2) or obx.text(3),
        value=_value(obx),
        unit=obx.text(6),
        range=obx.whole(7),
        abnormal=obx.text(8),
    )


def _value(obx: Segment) -> str:
    """OBX-5 as people read it: the words of a code, a comparator with its number, repetitions one after the other."""
    if obx.text(2) in ("CE", "CWE", "CNE"):
        said = [part.text(2) or part.text(1) for part in obx.repetitions(5)]
    elif obx.text(2) == "SN":
        said = ["".join(part.text(number) for number in (1, 2, 3, 4)) for part in obx.repetitions(5)]
    else:
        return obx.whole(5)
    return "; ".join(filter(None, said))


def _text(group: list[Segment]) -> str:
    """The words of a report: OBX of type TX or FT and the notes, in the order they came."""
    said = []
    for segment in group:
        if segment.name == "OBX" and segment.text(2) in _WORDS:
            said += [segment.unescape(part.raw) for part in segment.repetitions(5)]
        elif segment.name == "NTE":
            said.append(segment.whole(3))
    return "\n".join(filter(None, said))


def _issued_at(message: Message, obr: Segment, number: int) -> datetime:
    zone = times.zone_of(message.header.text(7))
    for text, element in ((obr.text(22), "OBR-22"), (obr.text(7), "OBR-7"), (message.header.text(7), "MSH-7")):
        if found := times.instant(text, element=element, zone=zone):
            return found
    raise Missing(element="OBR-22", allowed="YYYYMMDDHHMM")


def _author(obr: Segment, obx: list[Segment]) -> Author:
    """Who answers for the report: OBR-32, else who observed (OBX-16); some senders say nobody."""
    if obr.text(32):
        return Author(id=obr.text(32), name=obr.text(32, 1, 2) or obr.text(32, 1))
    said = next((segment for segment in obx if segment.text(16)), None)
    return Author(id=said.text(16), name=said.text(16, 2)) if said else Author(id="", name="")


def _visit_id(session: Session, caller: Caller, number: str) -> int | None:
    try:
        return records.visit(session, caller.organisation_id or "", number).id if number else None
    except VisitUnknown:
        return None
