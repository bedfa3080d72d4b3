"""Is a message what its structure says? Compiled from hl7apy's own tables, once a version and structure.

Checked: required segments and their order, required fields, and on the segments that this door reads
the data types and a few table values. Segments that the structure does not know, Z segments first of
all, are no error anywhere. All problems are told at once, not the first.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from adapters.hl7v2 import times
from adapters.hl7v2.er7 import Message, Segment
from hub.faults import Invalid, Missing, Problem

FALLBACK = "2.5.1"
VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")

_READ_HERE = frozenset(
    [
        "MSH", "EVN", "PID", "MRG", "PV1", "SCH", "TQ1", "RGS", "AIS", "AIG", "AIL", "AIP", "RF1", "PRD", "DG1",
        "ORC", "OBR", "OBX",
    ]
)  # fmt: skip
"""Segments whose data types are checked: a bad date in a segment that nobody reads refuses nobody."""

_NOT_NEEDED = frozenset(
    [
        ("MSH", 1), ("MSH", 2), ("EVN", 2), ("PV1", 1), ("SCH", 6), ("SCH", 16), ("SCH", 20), ("RGS", 1),
        ("AIS", 1), ("AIG", 1), ("AIG", 4), ("AIL", 1), ("AIP", 1), ("NK1", 1), ("DG1", 1), ("DG1", 6),
        ("IN1", 1), ("IN1", 2), ("IN1", 3), ("OBX", 11), ("ORC", 1),
    ]
)  # fmt: skip
"""Required by the standard, left out by many senders, and not needed here."""

_TABLES = {("PID", 8): "HL70001", ("PV1", 2): "HL70004", ("OBX", 11): "HL70085"}


class Location(NamedTuple):
    """Where: the segment, which of its name, field, repetition, component, subcomponent; 0 is not said."""

    segment: str
    sequence: int = 1
    field: int = 0
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0

    @property
    def element(self) -> str:
        """PID-3.1 as people write it."""
        text = self.segment + (f"[{self.sequence}]" if self.sequence > 1 else "")
        if self.field:
            text += f"-{self.field}" + (f"[{self.repetition}]" if self.repetition > 1 else "")
        if self.component:
            text += f".{self.component}" + (f".{self.subcomponent}" if self.subcomponent > 1 else "")
        return text


class Finding(NamedTuple):
    location: Location
    fault: Invalid


class SegmentMissing(Missing):
    zh = "缺少必需的 {element} 段（结构 {allowed}）。"
    en = "The required segment {element} is missing (structure {allowed})."

    def __init__(self, *, element: str, allowed: str) -> None:
        super().__init__(element=element, allowed=allowed)
        self.problem = Problem.SEQUENCE


class _Node(NamedTuple):
    """A segment (no children) or a group, how often it comes, and the segments it may begin with."""

    name: str
    least: int
    most: int
    children: tuple["_Node", ...]
    first: frozenset[str]
    choice: bool = False


class _Leaf(NamedTuple):
    component: int
    subcomponent: int
    kind: str


class _Check(NamedTuple):
    """What is looked at in one field: leaves of a checkable type, in order of component, and a table for the first."""

    number: int
    leaves: tuple[_Leaf, ...]
    table: frozenset[str]
    first: int
    """The first component that is looked at."""

    def is_plain(self, raw: str) -> bool:
        """Whether a field is surely right: one value without delimiters, as nearly all are."""
        if self.table:
            return raw in self.table
        return self.first == 1 and len(self.leaves) == 1 and raw.isalnum() and bool(_KINDS[self.leaves[0].kind][0](raw))


class _Rule(NamedTuple):
    required: tuple[int, ...]
    checks: tuple[_Check, ...]


class _Structure(NamedTuple):
    name: str
    root: _Node
    names: frozenset[str]
    rules: dict[str, _Rule]


def validate(message: Message, structure: str) -> list[Finding]:
    """What is wrong with a message that should have this structure; empty when nothing is."""
    version = message.version if message.version in VERSIONS else FALLBACK
    compiled = _structure(version, structure)
    return [*_order(message.segments, compiled), *_fields(message.segments, compiled)]


def _order(segments: Sequence[Segment], structure: _Structure) -> Iterator[Finding]:
    known: list[tuple[str, int]] = []
    counts: dict[str, int] = {}
    for segment in segments:
        name = segment.name
        counts[name] = counts.get(name, 0) + 1
        if name in structure.names and (name != "MSH" or counts[name] == 1):
            known.append((name, counts[name]))
        elif name == "MSH" or not re.fullmatch("[A-Z][A-Z0-9]{2}", name):
            yield _misplaced(name, counts[name], structure)
    walk = _Walk(known)
    walk.group(structure.root)
    for name in walk.missing:
        fault = SegmentMissing(element=name, allowed=structure.name)
        yield Finding(Location(name), fault)
    if walk.position < len(known):
        yield _misplaced(*known[walk.position], structure)


def _misplaced(name: str, sequence: int, structure: _Structure) -> Finding:
    location = Location(name if name.isalnum() else "???", sequence)
    allowed = f"the order of {structure.name}"
    return Finding(
        location, Invalid(element=location.element, found=name[:20], allowed=allowed, problem=Problem.SEQUENCE)
    )


class _Walk:
    """Greedy descent: each node takes what it may begin with. HL7 structures need no more than that."""

    def __init__(self, known: list[tuple[str, int]]) -> None:
        self.known, self.position = known, 0
        self.missing: list[str] = []

    def group(self, group: _Node) -> None:
        for child in group.children:
            taken = 0
            while taken != child.most and self._next() in child.first:
                taken += 1
                if child.children:
                    self.group(child)
                else:
                    self.position += 1
            if group.choice and taken:
                return
            if taken < child.least and not group.choice:
                self._miss(child)

    def _next(self) -> str:
        return self.known[self.position][0] if self.position < len(self.known) else ""

    def _miss(self, node: _Node) -> None:
        while node.children:
            node = next((child for child in node.children if child.least), node.children[0])
        if all(name != node.name for name, _ in self.known[self.position :]):
            self.missing.append(node.name)


def _fields(segments: Sequence[Segment], structure: _Structure) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for segment in segments:
        name = segment.name
        counts[name] = counts.get(name, 0) + 1
        rule = structure.rules.get(name)
        if rule is None:
            continue
        fields, length = segment.fields, len(segment.fields)
        for number in rule.required:
            if number >= length or not fields[number]:
                location = Location(name, counts[name], number)
                yield Finding(location, Missing(element=location.element))
        for check in rule.checks:
            raw = fields[check.number] if check.number < length else ""
            if not raw or check.is_plain(raw):
                continue
            # Most others have nothing in their checkable components: counting separators is enough to know.
            if check.first == 1 or segment.width(check.number) >= check.first:
                yield from _values(segment, Location(name, counts[name], check.number), check)


def _values(segment: Segment, where: Location, check: _Check) -> Iterator[Finding]:
    for index, repetition in enumerate(segment.repetitions(where.field), start=1):
        width = len(repetition.components)
        for leaf in check.leaves:
            if leaf.component > width:
                break
            value = repetition.text(leaf.component, leaf.subcomponent)
            if value and not _KINDS[leaf.kind][0](value):
                location = where._replace(repetition=index, component=leaf.component, subcomponent=leaf.subcomponent)
                fault = Invalid(element=location.element, found=value[:60], allowed=_KINDS[leaf.kind][1])
                yield Finding(location, fault)
        if check.table and (value := repetition.text()) and value not in check.table:
            location = where._replace(repetition=index)
            words = ", ".join(sorted(check.table))
            fault = Invalid(element=location.element, found=value[:60], allowed=words, problem=Problem.CODE)
            yield Finding(location, fault)


@lru_cache(maxsize=4096)
def _is_time(text: str) -> bool:
    """One message names the same few instants again and again."""
    return times.read(text) is not None


_KINDS: dict[str, tuple[Callable[[str], object], str]] = {
    "NM": (re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)").fullmatch, "NM: a number"),
    "SI": (re.compile("[0-9]+").fullmatch, "SI: a whole number"),
    "DT": (_is_time, "DT: YYYY[MM[DD]]"),
    "DTM": (_is_time, "TS: YYYY[MM[DD[HH[MM[SS]]]]][+ZZZZ]"),
    "TS": (_is_time, "TS: YYYY[MM[DD[HH[MM[SS]]]]][+ZZZZ]"),
    "TM": (re.compile(r"([01]\d|2[0-4])([0-5]\d([0-5]\d(\.\d{1,4})?)?)?([+-]\d{4})?").fullmatch, "TM: HH[MM[SS]]"),
}


@lru_cache(maxsize=256)
def _structure(version: str, name: str) -> _Structure:
    """Compiled tables. A structure that the sender's version lacks is taken from 2.5.1."""
    library = _library(version)
    if name not in library.MESSAGES:
        library = _library(FALLBACK)
    kind, children = library.MESSAGES[name]
    root = _group(name, children, 1, 1, kind)
    names = frozenset(_segment_names(root))
    return _Structure(name, root, names, {segment: _rule(library, segment) for segment in names})


def _library(version: str) -> Any:
    return importlib.import_module("hl7apy.v" + version.replace(".", "_"))


def _group(name: str, children: Sequence[Any], least: int, most: int, kind: str) -> _Node:
    nodes = tuple(
        _Node(child, low, high, (), frozenset([child]))
        if form == "SEG"
        else _group(child, reference[1], low, high, reference[0])
        for child, reference, (low, high), form in children
    )
    first: set[str] = set()
    for node in nodes:
        first |= node.first
        if node.least and kind != "choice":
            break
    return _Node(name, least, most, nodes, frozenset(first), kind == "choice")


def _segment_names(node: _Node) -> Iterator[str]:
    if not node.children:
        yield node.name
    for child in node.children:
        yield from _segment_names(child)


def _rule(library: Any, segment: str) -> _Rule:
    required, checks = [], []
    for field, reference, (least, _), _form in library.SEGMENTS[segment][1] if segment in library.SEGMENTS else ():
        number = int(field.split("_")[1])
        if least and (segment, number) not in _NOT_NEEDED:
            required.append(number)
        table = _TABLES.get((segment, number))
        allowed = frozenset(_library(FALLBACK).TABLES[table][1]) if table else frozenset()
        leaves = tuple(_leaves(reference)) if segment in _READ_HERE else ()
        if leaves or allowed:
            checks.append(_Check(number, leaves, allowed, 1 if allowed else leaves[0].component))
    return _Rule(tuple(required), tuple(checks))


def _leaves(reference: Sequence[Any], component: int = 0, subcomponent: int = 0) -> Iterator[_Leaf]:
    """The leaves of a field whose data type says something checkable, in order of component."""
    form, children, kind = reference[:3]
    if form == "leaf":
        if kind in _KINDS:
            yield _Leaf(component or 1, subcomponent or 1, kind)
        return
    for number, (_, child, _, _) in enumerate(children or (), start=1):
        if not component:
            yield from _leaves(child, number)
        elif not subcomponent:
            yield from _leaves(child, component, number)
