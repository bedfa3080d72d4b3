"""The figures of a pack as rows that people can read and compare, one a rule."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from hub.coverage.packs import Pack, Segment
from hub.coverage.steps import percent
from hub.units import Money

_NAMES = ("insutype", "name_zh", "name_en")


class Figure(NamedTuple):
    """One rule: `scheme` "310" ("" for the pack itself), `rule` "inpatient-ratio", `of` a disease or a segment.

    Four cells are those of the hospital levels; shares are written "88%", money "1000.00", flags "yes" and "no".
    """

    scheme: str
    rule: str
    of: str
    cells: tuple[str, ...]


class Difference(NamedTuple):
    """One figure that differs between two packs; absent is the empty text. `level` where each level has its own."""

    scheme: str
    rule: str
    of: str
    level: int | None
    old: str
    new: str


def figures(pack: Pack) -> list[Figure]:
    """Every figure that decides a bill, in the order of the text."""
    until = "" if pack.valid_to is None else pack.valid_to.isoformat()
    days = [Figure("", "valid-from", "", (pack.valid_from.isoformat(),)), Figure("", "valid-to", "", (until,))]
    return days + [figure for scheme in pack.schemes.values() for figure in _of_rules(scheme, scheme.insutype)]


def compare_packs(old: Pack, new: Pack) -> list[Difference]:
    """What the new pack decides otherwise."""
    before, after = ({figure[:3]: figure.cells for figure in figures(pack)} for pack in (old, new))
    return [
        Difference(*key, level if len(cells) > 1 else None, *pair)
        for key in dict.fromkeys((*before, *after))
        for cells in [before.get(key) or after[key]]
        for level, pair in enumerate(zip_longest(before.get(key, ()), after.get(key, ()), fillvalue=""))
        if pair[0] != pair[1]
    ]


def _of_rules(rules: Any, scheme: str, prefix: str = "", of: str = "") -> Iterator[Figure]:
    for field in fields(rules):
        name, value = field.name, getattr(rules, field.name)
        rule = f"{prefix}{name.replace('_', '-')}"
        if value is None or name in _NAMES:
            continue
        if is_dataclass(value):
            yield from _of_rules(value, scheme, f"{rule}-", of)
        elif name == "segments":
            yield from (
                Figure(scheme, rule, str(number), (_segment(segment),)) for number, segment in enumerate(value, start=1)
            )
        elif name == "chronic":
            for disease, quota in value.items():
                yield from _of_rules(quota, scheme, f"{rule}-", disease)
        elif isinstance(value, Mapping):
            yield from (Figure(scheme, f"{rule}-{key}", of, (percent(share),)) for key, share in value.items())
        elif isinstance(value, tuple):
            yield Figure(scheme, rule, of, tuple(_cell(name, each) for each in value))
        else:
            yield Figure(scheme, rule, of, (_cell(name, value),))


def _cell(name: str, value: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(Money(value)) if name.endswith(("deductible", "at_most")) else percent(value)


def _segment(segment: Segment) -> str:
    end = "" if segment.upto is None else str(Money(segment.upto))
    return f"{Money(segment.above)} – {end} {percent(segment.ratio)}"
