"""The messages this door takes, one line each: trigger, structure, what it does, and where its facts stand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from adapters.hl7v2 import adt
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Message
from hub.trust import Caller

Verb = Callable[[Session, Caller, Message], Done]


@dataclass(frozen=True, slots=True)
class Row:
    """`structure` counts, not MSH-9.3, which most senders get wrong. `elements` says where a fact that the hub
    refuses by its own name stands in the message."""

    structure: str
    verb: Verb
    elements: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For the audit and the log: adt.register."""
        return f"{self.verb.__module__.rpartition('.')[2]}.{self.verb.__name__}"


MESSAGES: dict[tuple[str, str], Row] = {
    ("ADT", "A28"): Row("ADT_A05", adt.register),
    ("ADT", "A31"): Row("ADT_A05", adt.register),
}

CODES = frozenset(code for code, _ in MESSAGES)


def events_of(code: str) -> str:
    """The trigger events offered for a message type, for the refusal of another."""
    return ", ".join(event for known, event in MESSAGES if known == code)
