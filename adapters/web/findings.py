"""A measured value as a page shows it: the number, its reference range, what it means in plain words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from hub.records import Observation

_BETWEEN = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|—|~|～|至|到)\s*(-?\d+(?:\.\d+)?)\s*")
_BELOW = re.compile(r"\s*(?:<|≤|<=|＜)\s*(\d+(?:\.\d+)?)\s*")
_ABOVE = re.compile(r"\s*(?:>|≥|>=|＞)\s*(\d+(?:\.\d+)?)\s*")
OFF = ("H", "L", "HH", "LL", "A", "AA", ">", "<")


@dataclass(frozen=True)
class Finding:
    """One observation; `number`, `low` and `high` are there when they can be read as numbers."""

    observation: Observation
    number: Decimal | None
    low: Decimal | None
    high: Decimal | None
    earlier: tuple[tuple[datetime, Decimal], ...] = ()

    @property
    def flag(self) -> str:
        """H, L, HH, LL, A, AA or N: what the hospital said, else what the range says, else nothing."""
        said = {">": "H", "<": "L"}.get(self.observation.abnormal, self.observation.abnormal)
        if said in ("H", "L", "HH", "LL", "A", "AA", "N"):
            return said
        if self.number is None or (self.low is None and self.high is None):
            return ""
        if self.high is not None and self.number > self.high:
            return "H"
        return "L" if self.low is not None and self.number < self.low else "N"

    @property
    def off(self) -> bool:
        return self.flag not in ("", "N")

    @property
    def meaning(self) -> str:
        """A word of [rep]: above, below, within; or nothing."""
        return {"H": "above", "HH": "above", "L": "below", "LL": "below", "N": "within"}.get(self.flag, "")


def finding(observation: Observation, earlier: Sequence[tuple[datetime, str]] = ()) -> Finding:
    """Read the value, its range, and the values of the same item before it, oldest first."""
    low, high = bounds(observation.range)
    points = [(at, number) for at, value in earlier if (number := _number(value)) is not None]
    return Finding(observation, _number(observation.value), low, high, tuple(points))


def bounds(text: str) -> tuple[Decimal | None, Decimal | None]:
    """The two ends of a reference range as laboratories write it: 3.9-6.1, <5, ≥60."""
    if match := _BETWEEN.fullmatch(text):
        return Decimal(match[1]), Decimal(match[2])
    if match := _BELOW.fullmatch(text):
        return None, Decimal(match[1])
    if match := _ABOVE.fullmatch(text):
        return Decimal(match[1]), None
    return None, None


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
