"""What the door answers: MSA and ERR for every outcome, in the sender's delimiters and character set.

AA done. AE wrong, do not send again unchanged. AR not now, or never offered here: may be sent again.
From 2.5 on ERR-2 says where, ERR-3 what (table 0357), ERR-5 our code, ERR-8 the sentence; before 2.5
ERR-1 says where and what, MSA-3 the sentence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.hl7v2 import charsets, times
from adapters.hl7v2.er7 import Fields, Line, Message, Raw, Value, write
from adapters.hl7v2.structures import VERSIONS, Finding, Location
from hub.faults import Fault, Invalid, Kind, Problem

APPLICATION, FACILITY = "ONECARD", "420500"
"""What the hub calls itself in MSH-3 and MSH-4."""

TABLE_0357 = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
BY_PROBLEM = {Problem.SEQUENCE: "100", Problem.MISSING: "101", Problem.TYPE: "102", Problem.CODE: "103"}
BY_KIND = {
    Kind.INVALID: ("AE", "102"),
    Kind.UNKNOWN: ("AE", "204"),
    Kind.FORBIDDEN: ("AE", "207"),
    Kind.CONFLICT: ("AE", "206"),
    Kind.REFUSED: ("AE", "207"),
    Kind.UNAVAILABLE: ("AR", "207"),
}
"""MSA-1 and ERR-3 of every kind of Fault; an Invalid says by its problem which of 100 to 103."""

_DUPLICATES = frozenset({"identifier-taken"})
"""Conflicts over a number rather than over a moment: 205."""

_ELEMENT = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+)(?:\.(\d+))?)?)?")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One ERR segment: what is wrong, where, and a sentence that a clerk could act on."""

    number: str
    code: str
    zh: str
    en: str
    location: Location | None = None
    severity: str = "E"


@dataclass(frozen=True, slots=True)
class Verdict:
    """MSA-1 and its reasons."""

    code: str
    complaints: tuple[Complaint, ...] = ()

    @property
    def outcome(self) -> str:
        """As stored: "ok", or the code of the first complaint."""
        return "ok" if self.code == "AA" else self.complaints[0].code


ACCEPTED = Verdict("AA")


@dataclass(frozen=True, slots=True)
class Reply:
    """The application answer of a message that has one of its own (RRI): its MSH-9, and what follows MSA."""

    kind: tuple[str, str, str]
    lines: Sequence[Line] = field(default_factory=tuple)


def of_fault(fault: Fault) -> Verdict:
    """The verdict of a refusal of the hub."""
    code, number = BY_KIND[fault.kind]
    location = None
    if isinstance(fault, Invalid):
        number, location = BY_PROBLEM[fault.problem], _location(fault.element)
    elif fault.code in _DUPLICATES:
        number = "205"
    return Verdict(code, (Complaint(number, fault.code, fault.sentence("zh"), fault.sentence("en"), location),))


def of_findings(findings: Sequence[Finding]) -> Verdict:
    """The verdict of a message that is not what its structure says: every finding, at most twenty."""
    return Verdict("AE", tuple(_finding(finding) for finding in findings[:20]))


def unsupported(number: str, location: Location, found: str, allowed: str) -> Verdict:
    """The door's own refusals: a type, event, processing id or version that it does not offer (200 to 203)."""
    what = TABLE_0357[number].lower()
    zh = f"{location.element} 的“{found}”不受理（{allowed}）。"
    en = f"{location.element} '{found}': {what}; offered here: {allowed}."
    return Verdict("AR", (Complaint(number, what.replace(" ", "-"), zh, en, location),))


def internal_error(trace: str) -> Verdict:
    """A bug of ours: the message is kept, nothing was done, and the sender may send it again."""
    zh = f"平台内部错误，本次没有写入任何内容，请稍后重发。追踪号 {trace}。"
    en = f"An error inside the hub; nothing was written, send again later. Trace {trace}."
    return Verdict("AR", (Complaint("207", "internal-error", zh, en),))


def acknowledge(
    message: Message,
    verdict: Verdict,
    *,
    control_id: str,
    at: datetime,
    commit: bool = False,
    reply: Reply | None = None,
) -> bytes:
    """The answer to a message. `commit` gives the commit acknowledgement of enhanced mode (CA, CE, CR).

    MSH-3/4 and MSH-5/6 change places, MSH-11 and MSH-12 stay, MSA-2 is MSH-10 exactly as it came.
    """
    kind = reply.kind if reply else ("ACK", message.event, "ACK")
    code = "C" + verdict.code[1] if commit else verdict.code
    modern = _is_modern(message.version)
    chinese = _speaks_chinese(message)
    sentence = (verdict.complaints[0].zh if chinese else verdict.complaints[0].en) if verdict.complaints else ""
    msa: Fields = {1: code, 2: Raw(message.header.field(10)), 3: None if modern else sentence}
    header = _header(message, kind if _has_structure(message.version) else kind[:2], control_id, at)
    errors = [_err(complaint, chinese) for complaint in verdict.complaints] if modern else _old_err(verdict)
    lines: list[Line] = [("MSH", header), ("MSA", msa), *errors, *(reply.lines if reply else ())]
    return write(lines, delimiters=message.delimiters.filled(), codec=message.codec)


def unreadable(why: str, *, control_id: str, at: datetime) -> bytes:
    """The answer to a frame in which no message could be found: there is no MSH-10 to echo."""
    header: Fields = {3: APPLICATION, 4: FACILITY, 7: times.stamp(at), 9: ("ACK", "", "ACK"), 10: control_id, 11: "P"}
    header |= {12: "2.5.1", 18: "UNICODE UTF-8"}
    complaint = Complaint("100", "unreadable", why, why, Location("MSH"))
    return write([("MSH", header), ("MSA", {1: "AR"}), _err(complaint, chinese=False)])


def wants(message: Message, verdict: Verdict, number: int) -> bool:
    """Whether MSH-15 (commit) or MSH-16 (application) asks for this acknowledgement; table 0155."""
    asked = message.header.text(number)
    return asked == "AL" or (asked == "ER" and verdict.code != "AA") or (asked == "SU" and verdict.code == "AA")


def is_enhanced(message: Message) -> bool:
    """Enhanced mode where MSH-15 or MSH-16 is filled, original mode where both are empty."""
    return bool(message.header.text(15) or message.header.text(16))


def is_acknowledgement(message: Message) -> bool:
    """True for what must never be acknowledged: an answer with MSA in it."""
    return bool(message["MSA"])


def _header(message: Message, kind: tuple[str, ...], control_id: str, at: datetime) -> Fields:
    own = message.header
    declared = own.field(18) if own.field(18) and not message.charset_trouble else charsets.name(message.codec)
    return {
        3: Raw(own.field(5)) or APPLICATION,
        4: Raw(own.field(6)) or FACILITY,
        5: Raw(own.field(3)),
        6: Raw(own.field(4)),
        7: times.stamp(at),
        9: kind,
        10: control_id,
        11: Raw(own.field(11)) or "P",
        12: Raw(own.field(12)) or "2.5.1",
        18: Raw(declared),
    }


def _err(complaint: Complaint, chinese: bool) -> Line:
    where = tuple(number or None for number in complaint.location) if complaint.location else None
    return "ERR", {
        2: where,
        3: (complaint.number, TABLE_0357[complaint.number], "HL70357"),
        4: complaint.severity,
        5: (complaint.code, "", APPLICATION),
        8: complaint.zh if chinese else complaint.en,
    }


def _old_err(verdict: Verdict) -> list[Line]:
    """ERR-1, whose codes know no severity: a warning is told in MSA-3 alone."""
    codes: list[Value] = [
        (
            complaint.location.segment if complaint.location else "",
            complaint.location.sequence if complaint.location else None,
            (complaint.location.field or None) if complaint.location else None,
            (complaint.number, TABLE_0357[complaint.number], "HL70357"),
        )
        for complaint in verdict.complaints
        if verdict.code != "AA"
    ]
    return [("ERR", {1: codes})] if codes else []


def _finding(finding: Finding) -> Complaint:
    location, fault = finding
    number = BY_PROBLEM[fault.problem]
    return Complaint(number, fault.code, fault.sentence("zh"), fault.sentence("en"), location)


def _location(element: str) -> Location | None:
    """PID-3[2].1 as a location; None for an element that is not in the words of this door."""
    match = _ELEMENT.fullmatch(element)
    if match is None:
        return None
    segment, *numbers = match.groups()
    sequence, number, repetition, component, subcomponent = (int(part or 0) for part in numbers)
    return Location(segment, sequence or 1, number, repetition or (1 if number else 0), component, subcomponent)


def _is_modern(version: str) -> bool:
    return version not in VERSIONS or VERSIONS.index(version) >= VERSIONS.index("2.5")


def _has_structure(version: str) -> bool:
    return version not in VERSIONS or VERSIONS.index(version) >= VERSIONS.index("2.3.1")


def _speaks_chinese(message: Message) -> bool:
    """Chinese, unless MSH-19 asks for English or the character set has no Chinese."""
    return not message.header.text(19).lower().startswith("en") and message.codec in ("utf-8", "gb18030", "big5")
