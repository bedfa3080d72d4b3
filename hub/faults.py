"""The base of every refusal, and the six kinds a door can tell apart.

    Fault
    ├── Invalid ........ contradicts itself or its schema; names the element
    ├── Unknown ........ names something never seen, or that this caller may not know of
    ├── Forbidden ...... the caller may not
    ├── Conflict ....... true a moment ago, not now
    ├── Refused ........ a rule of the business says no
    └── Unavailable .... another system is down, a queue is full; may be tried again

Each room defines its own under one of the six; `onecard faults` prints the whole tree. A Fault
knows no status code and no protocol: every door translates its kind in one table.
"""

from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    INVALID = "invalid"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class Fault(Exception):
    """A refusal a clerk could act on: a sentence in Chinese and in English, with the facts in it."""

    kind: ClassVar[Kind]
    zh: ClassVar[str]
    en: ClassVar[str]

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence("en"))

    @property
    def code(self) -> str:
        """The name a program may switch on: SlotTaken is `slot-taken`."""
        name = type(self).__name__
        return "".join("-" + c.lower() if c.isupper() else c for c in name).lstrip("-")

    def sentence(self, language: str = "zh") -> str:
        return (self.zh if language == "zh" else self.en).format(**self.facts)


class Problem(StrEnum):
    """What is wrong with an element, in the words of HL7 table 0357 (100 to 103)."""

    SEQUENCE = "segment-sequence"
    MISSING = "required-field-missing"
    TYPE = "data-type"
    CODE = "table-value-not-found"


class Invalid(Fault):
    """An element is wrong. `element` is in the words of the door (PID-3, input.data.psn_no, birth_date)."""

    kind = Kind.INVALID
    zh = "{element} 有误：收到“{found}”，应为{allowed}。"
    en = "{element} is wrong: found '{found}', allowed is {allowed}."

    def __init__(
        self, *, element: str, found: object = "", allowed: str = "", problem: Problem = Problem.TYPE, **facts: Any
    ) -> None:
        self.element, self.problem = element, problem
        super().__init__(element=element, found=found, allowed=allowed, **facts)


class Missing(Invalid):
    zh = "缺少 {element}。{allowed}"
    en = "{element} is missing. {allowed}"

    def __init__(self, *, element: str, allowed: str = "", **facts: Any) -> None:
        super().__init__(element=element, allowed=allowed, problem=Problem.MISSING, **facts)


LONGEST_NUMBER = 200
"""Characters of a number that somebody else gave: HL7's EI.1 has 199, and an index holds not much more."""

LONGEST_TEXT = 20_000
"""Characters of a text that somebody wrote: a reason, a letter, the words of a report."""


def within(text: str, most: int, *, element: str) -> str:
    """The text, if it has at most so many characters: a number, a code, a name. Refuses: Invalid."""
    if len(text) > most:
        raise Invalid(element=element, found=f"{text[:20]}…", allowed=f"≤ {most}")
    return text


class Unknown(Fault):
    kind = Kind.UNKNOWN


class Forbidden(Fault):
    kind = Kind.FORBIDDEN


class Conflict(Fault):
    kind = Kind.CONFLICT


class Refused(Fault):
    kind = Kind.REFUSED


class Unavailable(Fault):
    """May be tried again after `retry_after_seconds`."""

    kind = Kind.UNAVAILABLE
    retry_after_seconds: ClassVar[int] = 5


FAMILIES: tuple[type[Fault], ...] = (Invalid, Unknown, Forbidden, Conflict, Refused, Unavailable)


def every_fault() -> list[type[Fault]]:
    """Every concrete refusal that has been imported, by name."""
    found: set[type[Fault]] = set()
    waiting: list[type[Fault]] = [Fault]
    while waiting:
        for child in waiting.pop().__subclasses__():
            found.add(child)
            waiting.append(child)
    return sorted(found - set(FAMILIES) | {Invalid}, key=lambda f: (f.__module__, f.__name__))
