"""Refused messages done once more, as the page of operations asks for it: it imports no other door.

The door is found by its name, as the application finds its routes; today one door can do it.
"""

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from sqlalchemy.orm import Session

from hub.trust import Caller

DOOR = "hl7v2"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did, or would do. `posted` is the kind and the destination of each message it makes due."""

    message_id: int
    kind: str
    sender: str
    outcome: str
    sentence: str = ""
    subject: str = ""
    new_id: int | None = None
    posted: tuple[tuple[str, str], ...] = ()

    @property
    def accepted(self) -> bool:
        return self.outcome == "ok"


class Replayer(Protocol):
    """What a door offers that can do its refused messages once more."""

    def preview(self, session: Session, operator: Caller, message_id: int, *, text: str | None = None) -> Replay:
        """What `replay` would do now; nothing is written."""

    def replay(self, session: Session, operator: Caller, message_id: int, *, text: str | None = None) -> Replay:
        """Do it; `text` is what a person has made of the message."""

    def replay_each(self, operator: Caller, message_ids: list[int], *, text: str | None = None) -> list[Replay]:
        """Each in a transaction of its own."""

    def readable(self, body: bytes) -> str:
        """A message as a person may edit it."""


def replayer() -> Replayer:
    return cast(Replayer, importlib.import_module("adapters.hl7v2.replaying"))
