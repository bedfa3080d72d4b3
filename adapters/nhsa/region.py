"""One region's way of speaking the national interface: what it serves, signs with, and calls things.

Data in regions/<area>.toml and codes/*.toml; another province's dialect is another file. A coded value
may be in force for a time only, so lists are asked for by the day of the call.
"""

import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOME_AREA = "420500"


@dataclass(frozen=True, slots=True)
class CodeList:
    """The values a coded field may take, each with its name; `lapsed` says of others when they were or will be."""

    name: str
    zh: str
    values: dict[str, str]
    lapsed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Empty:
    """How this region writes what is empty: a number, anything else, an item of a file."""

    number: str
    text: str
    in_file: str


@dataclass(frozen=True, slots=True)
class Term:
    """A value of a code list and when it may be used: from valid_from on, to valid_to, both included."""

    code: str
    zh: str
    valid_from: date
    valid_to: date

    def holds(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_to

    def __str__(self) -> str:
        begun = "" if self.valid_from == date.min else f"{self.valid_from} 起"
        ended = "" if self.valid_to == date.max else f"至 {self.valid_to} 止"
        return f"{self.zh}（{begun}{ended}）"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    area: str
    name: str
    signing: str
    signing_window_minutes: int
    sign_in_required: bool
    insured_area_required: bool
    msgid_rest: str
    code_lists: tuple[str, ...]
    file_bytes: str
    file_days: int
    catalogue_owner: str
    balanced: str
    unbalanced: str
    lines_at_most: int
    served: frozenset[str]
    empty: Empty
    diseases: dict[str, str]
    identities: tuple[dict[str, Any], ...]
    fields: dict[str, Any]
    terms: dict[str, tuple[str, tuple[Term, ...]]]
    codes: dict[str, CodeList]


@cache
def region(area: str) -> Region:
    """The region's settings, its code lists with every value that was ever in force."""
    said = _read(HERE / "regions" / f"{area}.toml")
    said["served"] = frozenset(said["served"])
    said["code_lists"] = tuple(said["code_lists"])
    said["empty"] = Empty(**said["empty"])
    said["identities"] = tuple(said["identities"])
    terms = _terms(said["code_lists"])
    codes = {name: CodeList(name, zh, {term.code: term.zh for term in found}) for name, (zh, found) in terms.items()}
    return Region(**{"fields": {}} | said, terms=terms, codes=codes)


def region_on(area: str, day: date) -> Region:
    """The region with the code lists as they stand on a day; one object for all days on which nothing changes."""
    return _in_epoch(area, bisect_right(_changes(area), day))


@cache
def names() -> dict[str, str]:
    """Every transaction of the national interface by number: what is not served is refused by its name."""
    return {str(infno): zh for infno, zh in _read(HERE / "codes" / "names.toml").items()}


@cache
def _changes(area: str) -> list[date]:
    """The days on which some value begins to be in force or has just ceased to be."""
    terms = [term for _, found in region(area).terms.values() for term in found]
    begun = {term.valid_from for term in terms if term.valid_from != date.min}
    return sorted(begun | {term.valid_to + timedelta(days=1) for term in terms if term.valid_to != date.max})


@cache
def _in_epoch(area: str, epoch: int) -> Region:
    found, changes = region(area), _changes(area)
    day = changes[epoch - 1] if epoch else date.min
    return replace(found, codes={name: _on(name, zh, terms, day) for name, (zh, terms) in found.terms.items()})


def _on(name: str, zh: str, terms: tuple[Term, ...], day: date) -> CodeList:
    values = {term.code: term.zh for term in terms if term.holds(day)}
    lapsed = {term.code: str(term) for term in terms if term.code not in values}
    return CodeList(name, zh, values, lapsed)


def _terms(files: tuple[str, ...]) -> dict[str, tuple[str, tuple[Term, ...]]]:
    """A later file adds to an earlier one and says anew what it names again."""
    lists: dict[str, tuple[str, dict[str, tuple[Term, ...]]]] = {}
    for file in files:
        for name, entries in _read(HERE / "codes" / f"{file}.toml").items():
            zh = entries.pop("zh", "") or (lists[name][0] if name in lists else name)
            known = lists.get(name, (zh, {}))[1]
            known |= {code: tuple(_periods(code, said)) for code, said in entries.items()}
            lists[name] = (zh, known)
    return {name: (zh, tuple(t for terms in known.values() for t in terms)) for name, (zh, known) in lists.items()}


def _periods(code: str, said: Any) -> list[Term]:
    """`"11" = "在职"`, or with its time `{ zh, valid_from, valid_to }`, or a list of such where the meaning changed."""
    if isinstance(said, list):
        return [term for one in said for term in _periods(code, one)]
    if isinstance(said, str):
        return [Term(code, said, date.min, date.max)]
    return [Term(code, said["zh"], said.get("valid_from", date.min), said.get("valid_to", date.max))]


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)
