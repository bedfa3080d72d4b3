"""States, once, as data.

A Lifecycle is the only way a state changes, and the same table is the CHECK constraint, the
diagram in the docs and the tests.
"""

from collections.abc import Iterable
from typing import ClassVar, Protocol

from sqlalchemy import CheckConstraint

from hub.faults import Conflict


class IllegalMove(Conflict):
    zh = "{noun} 现在的状态是“{state}”，不能做“{event}”；现在可以做：{allowed}。"
    en = "The {noun} is {state}; '{event}' is not possible now. Possible now: {allowed}."


class Stateful(Protocol):
    state: str


class Lifecycle:
    """`Lifecycle("appointment", start="booked", moves={("booked", "arrive"): "arrived", ...})`."""

    every: ClassVar[list["Lifecycle"]] = []

    def __init__(self, noun: str, *, start: str, moves: dict[tuple[str, str], str]) -> None:
        self.noun, self.start, self.moves = noun, start, moves
        self.states = tuple(dict.fromkeys([start, *(s for s, _ in moves), *moves.values()]))
        self.events = tuple(dict.fromkeys(event for _, event in moves))
        self.final = tuple(s for s in self.states if s not in {source for source, _ in moves})
        Lifecycle.every.append(self)

    def move(self, row: Stateful, event: str) -> None:
        """Change `row.state`. Refuses: IllegalMove."""
        row.state = self.after(row.state, event)

    def after(self, state: str, event: str) -> str:
        """The state that an event leads to. Refuses: IllegalMove."""
        target = self.moves.get((state, event))
        if target is None:
            allowed = ", ".join(self.allowed(state)) or "–"
            raise IllegalMove(noun=self.noun, state=state, event=event, allowed=allowed)
        return target

    def allowed(self, state: str) -> tuple[str, ...]:
        """The events possible in a state."""
        return tuple(event for source, event in self.moves if source == state)

    def sources(self, event: str) -> tuple[str, ...]:
        """For a set-based update: `WHERE state IN sources(event)`."""
        return tuple(source for source, e in self.moves if e == event)

    def target(self, event: str) -> str:
        """For a set-based update: the one state an event leads to."""
        (target,) = {t for (_, e), t in self.moves.items() if e == event}
        return target

    def check(self, column: str = "state") -> CheckConstraint:
        """The CHECK constraint of the table's state column."""
        return CheckConstraint(f"{column} IN ({_quoted(self.states)})", name=f"{column}_known")


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
