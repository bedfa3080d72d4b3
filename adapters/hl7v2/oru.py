"""ORU^R01: results, heard from the hospital that made them and sent to whoever asked."""

import re
from collections.abc import Mapping
from typing import Any

from adapters.hl7v2 import parts
from adapters.hl7v2.acknowledgements import APPLICATION
from adapters.hl7v2.er7 import Fields, Line

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
TEXT = "REPORT"
"""OBX-3.1 under which the words of a report travel."""


def render(kind: str, facts: Mapping[str, Any], organisation_id: str) -> tuple[tuple[str, str, str], list[Line]]:
    """ORU^R01 of a published result, or of the opinion of a remote consultation."""
    issued, author = parts.stamp(facts["issued_at"]), (facts["author"]["id"], facts["author"]["name"])
    status = "C" if facts.get("version", 1) > 1 else "F"
    obr: Fields = {
        1: 1,
        3: (facts.get("filler_number") or str(facts["report_id"]), facts["organisation_id"]),
        4: (facts["order"]["code"], facts["order"]["name"]),
        7: issued,
        18: (str(facts["report_id"]), APPLICATION),
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
