"""Dates and times of HL7 v2: YYYY[MM[DD[HH[MM[SS[.S+]]]]]][+ZZZZ], read with the precision they came with."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from adapters.hl7v2.er7 import Message
from hub.faults import Invalid
from hub.units import CHINA

_FORM = re.compile(
    r"([1-9]\d{3})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?(?:([+-])(\d\d)(\d\d))?",
    re.ASCII,
)
_BEIJING = timezone(timedelta(hours=8))
_PRECISIONS = ("year", "month", "day", "hour", "minute", "second", "fraction")


class Moment(NamedTuple):
    """What a time stamp says: the first instant it covers, how precise it is, and whether it named its own zone."""

    instant: datetime
    precision: str
    zoned: bool

    @property
    def has_hour(self) -> bool:
        return self.precision not in ("year", "month", "day")


def read(text: str, *, zone: tzinfo = CHINA) -> Moment | None:
    """None where the text is no time stamp. `zone` counts where the text names none; 24:00 is the next midnight."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    numbers, (sign, hours, minutes) = match.groups()[:6], match.groups()[7:]
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset >= timedelta(hours=24) or int(minutes) > 59:
            return None
        zone = timezone(offset if sign == "+" else -offset)
    year, month, day, hour, minute, second = (
        int(n) if n else d for n, d in zip(numbers, (1, 1, 1, 0, 0, 0), strict=True)
    )
    midnight = (hour, minute, second) == (24, 0, 0)
    try:
        instant = datetime(year, month, day, 0 if midnight else hour, minute, second, tzinfo=zone)
        instant += timedelta(days=1 if midnight else 0, microseconds=_microseconds(match[7]))
        instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    given = sum(1 for part in match.groups()[:7] if part)
    return Moment(instant, _PRECISIONS[given - 1], bool(sign))


def instant(text: str, *, element: str, zone: tzinfo = CHINA) -> datetime | None:
    """An instant of at least hours, None where empty. Refuses: Invalid naming the element."""
    if not text:
        return None
    moment = read(text, zone=zone)
    if moment is None or not moment.has_hour:
        raise Invalid(element=element, found=text, allowed="YYYYMMDDHHMM[SS][+ZZZZ]")
    return moment.instant


def day(text: str, *, element: str) -> date | None:
    """A whole day, as written and not moved between zones; None where empty. Refuses: Invalid naming the element."""
    if not text:
        return None
    moment = read(text)
    if moment is None or moment.precision in ("year", "month"):
        raise Invalid(element=element, found=text, allowed="YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def zone_of(text: str, default: tzinfo = CHINA) -> tzinfo:
    """The zone that a time stamp names (MSH-7 sets it for the whole message), else the default."""
    moment = read(text, zone=default)
    return moment.instant.tzinfo or default if moment and moment.zoned else default


def told_at(message: Message, heard_at: datetime) -> datetime:
    """When its sender says that it told us (MSH-7); else when we heard it."""
    moment = read(message.header.text(7))
    return moment.instant if moment and moment.has_hour else heard_at


def stamp(instant: datetime) -> str:
    """An instant as we send it: seconds and offset, in Beijing time."""
    return instant.astimezone(_BEIJING).strftime("%Y%m%d%H%M%S%z")


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))
