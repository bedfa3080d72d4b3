"""Money, coded values, instants: the small values that every room shares.

Money is integer fen; it has two decimals only at the doors. A coded value is a pair. An instant
has a zone and is stored in UTC; a day is a date in China.
"""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")

_YUAN = re.compile(r"(-?)(\d{1,14})(?:\.(\d{1,2}))?")


class Money(int):
    """An amount in fen. `str()` gives yuan with two decimals: Money(15010) is "150.10"."""

    __slots__ = ()

    @classmethod
    def yuan(cls, text: "str | Decimal | int") -> Self:
        """From yuan as written at a door. Raises ValueError for a float, an exponent or a third decimal."""
        if isinstance(text, float):
            raise ValueError("money is never a float")
        match = _YUAN.fullmatch(str(text))
        if match is None:
            raise ValueError(f"not an amount in yuan with at most two decimals: {text!r}")
        sign, whole, part = match.groups()
        fen = int(whole) * 100 + int((part or "").ljust(2, "0"))
        return cls(-fen if sign else fen)

    def __str__(self) -> str:
        fen = int(self)
        return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return f"Money({int(self)})"


class Code(NamedTuple):
    """A coded value: the system it comes from and the value in it."""

    system: str
    value: str


def day_of(instant: datetime) -> date:
    """The calendar day in China on which an instant falls."""
    return instant.astimezone(CHINA).date()


def start_of(day: date) -> datetime:
    """Midnight in China at which a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """The half-open interval of instants that a day in China covers; the last day there is has no end."""
    end = start_of(day + timedelta(days=1)) if day < date.max else datetime.max.replace(tzinfo=CHINA)
    return start_of(day), end


def masked_name(name: str) -> str:
    """For lists that others can see: 王小明 becomes 王*明, 李四 becomes 李*."""
    if len(name) < 2:
        return name
    return name[0] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


def masked_number(number: str) -> str:
    """For lists: the first four and last four characters, the rest starred."""
    return number[:4] + "*" * (len(number) - 8) + number[-4:] if len(number) > 8 else "*" * len(number)
