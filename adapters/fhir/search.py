"""Search parameters as they are typed: nothing unknown is ignored, since a typing error must not find everybody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from adapters.fhir.resources import Query, Resource, ResourceType
from hub.faults import Invalid, Problem
from hub.units import CHINA, day_of

MOST = 200
USUAL = 50
_CONTROL = ("_count", "_format", "_pretty", "_include")
_DATES = "2026-11-23, 2026-11-23T09:00:00+08:00"
When = TypeVar("When", date, datetime)
_PREFIXES = ("eq", "ge", "le", "gt", "lt")


class ParameterUnknown(Invalid):
    zh = "{resource} 没有查询参数“{element}”。可用：{allowed}。"
    en = "{resource} has no search parameter '{element}'. Valid ones: {allowed}."


@dataclass(frozen=True, slots=True)
class Days:
    """A span of days in China, both included; an open side is None. `since` and `before` are exact instants."""

    first: date | None = None
    last: date | None = None
    since: datetime | None = None
    before: datetime | None = None

    def holds(self, instant: datetime) -> bool:
        return (self.since is None or instant >= self.since) and (self.before is None or instant < self.before)


def query_of(resource: ResourceType, given: Iterable[tuple[str, str]]) -> Query:
    """The parameters of a search. Refuses: ParameterUnknown, Invalid."""
    values: dict[str, list[str]] = {}
    for name, value in given:
        bare, _, modifier = name.partition(":")
        if (bare not in resource.parameters and bare not in _CONTROL) or modifier:
            allowed = ", ".join(sorted([*resource.parameters, *_CONTROL]))
            raise ParameterUnknown(element=name, resource=resource.name, allowed=allowed, problem=Problem.CODE)
        if bare == "_include" and value not in resource.includes:
            allowed = ", ".join(resource.includes) or "–"
            raise Invalid(element=name, found=value, allowed=allowed, problem=Problem.CODE)
        if "\x00" in value or not value:
            raise Invalid(element=name, found=value.replace("\x00", "U+0000"), allowed="text")
        values.setdefault(bare, []).append(value)
    count = values.pop("_count", [str(USUAL)])[-1]
    if not count.isdigit() or not count.isascii():
        raise Invalid(element="_count", found=count, allowed=f"0-{MOST}")
    return Query({name: tuple(found) for name, found in values.items()}, min(int(count), MOST))


def token(value: str, *, system: str | None = None, element: str) -> tuple[str | None, str]:
    """`system|value`, or the value alone. Refuses: Invalid when another system than `system` is named."""
    named, bar, code = value.rpartition("|")
    if bar and system is not None and named not in ("", system):
        raise Invalid(element=element, found=named, allowed=system, problem=Problem.CODE)
    return (named or None if bar else None), code


def codes(values: Iterable[str], *, allowed: Iterable[str], element: str) -> tuple[str, ...]:
    """The codes of a token parameter, `a,b` meaning either. Refuses: Invalid for a code not in the value set."""
    allowed = tuple(allowed)
    found = tuple(code for value in values for code in value.split(","))
    for code in found:
        if code not in allowed:
            raise Invalid(element=element, found=code, allowed=", ".join(allowed), problem=Problem.CODE)
    return found


def days(values: Iterable[str], *, element: str) -> Days:
    """The span that date parameters leave: `ge2026-11-23`, `lt2026-11-24T09:00:00+08:00`. Refuses: Invalid."""
    since: datetime | None = None
    before: datetime | None = None
    for value in values:
        prefix, said = (value[:2], value[2:]) if value[:2] in _PREFIXES else ("eq", value)
        begin, end = _moments(said, element)
        if prefix in ("eq", "ge", "gt"):
            low = end if prefix == "gt" else begin
            since = low if since is None else max(since, low)
        if prefix in ("eq", "le", "lt"):
            high = begin if prefix == "lt" else end
            before = high if before is None else min(before, high)
    return Days(
        day_of(since) if since else None,
        day_of(before - timedelta(microseconds=1)) if before else None,
        since,
        before,
    )


def bundle(base: str, resource: ResourceType, given: Iterable[tuple[str, str]], found: list[Resource]) -> Resource:
    """A searchset: matches first, then what `_include` brought."""
    matches = [one for one in found if one["resourceType"] == resource.name]
    entries = []
    for one in [*matches, *(other for other in found if other["resourceType"] != resource.name)]:
        mode = "match" if one["resourceType"] == resource.name else "include"
        address = f"{base}/{one['resourceType']}/{one['id']}"
        entries.append({"fullUrl": address, "resource": one, "search": {"mode": mode}})
    told: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(matches)}
    told["link"] = [{"relation": "self", "url": f"{base}/{resource.name}?{urlencode(list(given))}"}]
    if entries:
        told["entry"] = entries
    return told


def _known_year(when: When) -> When:
    """Raises ValueError outside the years that anything here can be about; the sums behind them would overflow."""
    if not 1900 <= when.year < 2200:
        raise ValueError
    return when


def instant(said: str, element: str) -> datetime:
    """An instant as a resource states it, of years that anything can be about. Refuses: Invalid."""
    try:
        return _known_year(datetime.fromisoformat(said))
    except ValueError:
        raise Invalid(element=element, found=said, allowed="1900 – 2199, 2026-11-23T09:00:00+08:00") from None


def _moments(said: str, element: str) -> tuple[datetime, datetime]:
    """The instants that a date or an instant covers; a day is a day in China."""
    try:
        if len(said) == 10:
            day = datetime.combine(_known_year(date.fromisoformat(said)), datetime.min.time(), CHINA)
            return day.astimezone(UTC), (day + timedelta(days=1)).astimezone(UTC)
        instant = _known_year(datetime.fromisoformat(said))
    except ValueError:
        raise Invalid(element=element, found=said, allowed=_DATES) from None
    if instant.tzinfo is None:
        raise Invalid(element=element, found=said, allowed=_DATES)
    return instant.astimezone(UTC), instant.astimezone(UTC) + timedelta(seconds=1)
