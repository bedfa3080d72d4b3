"""A benefit pack: the rules of one insured area from one day on, as data.

Amounts are fen; a share is a whole number of ten-thousandths (88 % is 8,800), so that every product
is exact. The pack of the day of a bill decides it for ever; its content hash says which text that was.

    Pack
    └── Scheme (310 employees, 390 residents)
        ├── Inpatient, Outpatient, chronic quotas (Layer by disease)
        ├── large (Layer), serious (Serious), civil-servant share, aid (Layer)
        └── out-of-area factors
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from hub.faults import Invalid
from hub.units import Money

WHOLE = 10_000
"""One, in ten-thousandths."""

Four = tuple[int, int, int, int]
"""One figure for each hospital level: primary, 1, 2, 3."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A share that a fund pays, and the most it pays in a year (fen)."""

    ratio: int
    fund_at_most: int


@dataclass(frozen=True, slots=True)
class Inpatient:
    deductible: Four
    later_admission_share: int
    ratio: Four
    retired_points: int
    unreferred_points: Four
    fund_at_most: int
    referral_up_carries_deductible: bool
    referral_down_waives_deductible: bool


@dataclass(frozen=True, slots=True)
class Outpatient:
    """The deductible is one a year; a level with no ratio is not covered."""

    deductible: Four
    retired_deductible: Four
    ratio: Four
    retired_points: int
    fund_at_most: int
    retired_fund_at_most: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Of the year's own share in scope above `above` (and not above `upto`), `ratio` is paid.

    In the text `upto` may be left out: then a segment ends where the next begins, and the last one never.
    """

    above: int
    upto: int | None
    ratio: int


@dataclass(frozen=True, slots=True)
class Serious:
    segments: tuple[Segment, ...]
    fund_at_most: int


@dataclass(frozen=True, slots=True)
class Scheme:
    insutype: str
    name_zh: str
    name_en: str
    class_b_first_share: int
    personal_account: bool
    inpatient: Inpatient
    outpatient: Outpatient
    chronic: Mapping[str, Layer]
    large: Layer | None
    serious: Serious | None
    civil_servant_share: int
    aid: Layer | None
    out_of_area: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Pack:
    id: str
    area: str
    name_zh: str
    name_en: str
    notice_zh: str
    notice_en: str
    source: str
    valid_from: date
    valid_to: date | None
    content_hash: str
    schemes: Mapping[str, Scheme]

    def rule(self, name: str) -> str:
        """The citation of one rule in an explanation: "first-share@yichang-example-2024"."""
        return f"{name}@{self.id}"

    def covers(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


_SHARE = re.compile(r"[01](\.\d{1,4})?")
_PACK_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_AREA = re.compile(r"\d{6}")
_INSUTYPE = re.compile(r"\d{3}")
_WORD = re.compile(r"[a-z][a-z-]{0,63}")

LONGEST_TEXT = 500
MOST = 10**13
"""A hundred thousand million yuan, in fen: no limit of a pack is higher."""


class PackWrong(Invalid):
    zh = "待遇包的 {element} 有误：“{found}”；应为{allowed}。"
    en = "The benefit pack's {element} is wrong: '{found}'; allowed is {allowed}."


def read_pack(text: str) -> Pack:
    """A pack from its TOML text.

    Refuses: PackWrong, naming the element: missing, unknown, not of its form. Whether the rules make sense together
    is `hub.coverage.checking`.
    """
    try:
        table = _Table(tomllib.loads(text), "")
    except tomllib.TOMLDecodeError as error:
        raise PackWrong(element="TOML", found=str(error), allowed="well-formed TOML") from None
    schemes = table.table("scheme")
    pack = Pack(
        id=table.named("id", table.content.get("id"), _PACK_ID, "a-z 0-9 . -, at most 64"),
        area=table.named("area", table.content.get("area"), _AREA, "a district code of 6 digits"),
        name_zh=table.text("name_zh"),
        name_en=table.text("name_en"),
        notice_zh=table.text("notice_zh", default=""),
        notice_en=table.text("notice_en", default=""),
        source=table.text("source", default=""),
        valid_from=table.day("valid_from"),
        valid_to=table.day("valid_to") if "valid_to" in table.content else None,
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        schemes={insutype: _scheme(insutype, schemes) for insutype in schemes.content},
    )
    table.done()
    if pack.valid_to is not None and pack.valid_to < pack.valid_from:
        table.refuse("valid_to", pack.valid_to, f"{pack.valid_from} 或以后 / or later")
    return pack


def _scheme(insutype: str, schemes: "_Table") -> Scheme:
    schemes.named(insutype, insutype, _INSUTYPE, "an insurance type of 3 digits")
    t = schemes.table(insutype)
    factors = t.table("out_of_area")
    chronic = t.table("chronic")
    scheme = Scheme(
        insutype=insutype,
        name_zh=t.text("name_zh"),
        name_en=t.text("name_en"),
        class_b_first_share=t.share("class_b_first_share"),
        personal_account=t.flag("personal_account"),
        inpatient=_inpatient(t.table("inpatient")),
        outpatient=_outpatient(t.table("outpatient")),
        chronic={disease: _quota(disease, chronic) for disease in chronic.content},
        large=_layer(t.table("large")) if "large" in t.content else None,
        serious=_serious(t.table("serious")) if "serious" in t.content else None,
        civil_servant_share=t.share("civil_servant_share"),
        aid=_layer(t.table("aid")) if "aid" in t.content else None,
        out_of_area={filing: factors.share(filing) for filing in ("filed", "emergency", "unfiled")},
    )
    factors.done()
    t.done()
    return scheme


def _inpatient(t: "_Table") -> Inpatient:
    rules = Inpatient(
        deductible=t.four("deductible", t.fen_of),
        later_admission_share=t.share("later_admission_share"),
        ratio=t.four("ratio", t.share_of),
        retired_points=t.share("retired_points"),
        unreferred_points=t.four("unreferred_points", t.share_of),
        fund_at_most=t.fen("fund_at_most"),
        referral_up_carries_deductible=t.flag("referral_up_carries_deductible"),
        referral_down_waives_deductible=t.flag("referral_down_waives_deductible"),
    )
    t.done()
    for ratio, points in zip(rules.ratio, rules.unreferred_points, strict=True):
        if points > ratio:
            t.refuse("unreferred_points", points, "not more than the ratio of its level")
    return rules


def _outpatient(t: "_Table") -> Outpatient:
    rules = Outpatient(
        deductible=t.four("deductible", t.fen_of),
        retired_deductible=t.four("retired_deductible", t.fen_of),
        ratio=t.four("ratio", t.share_of),
        retired_points=t.share("retired_points"),
        fund_at_most=t.fen("fund_at_most"),
        retired_fund_at_most=t.fen("retired_fund_at_most"),
    )
    t.done()
    for level, ratio in enumerate(rules.ratio):
        if not ratio and (rules.deductible[level] or rules.retired_deductible[level]):
            t.refuse("deductible", level, "no deductible at a level that is not covered")
    return rules


def _quota(disease: str, chronic: "_Table") -> Layer:
    chronic.named(disease, disease, _WORD, "a word of a-z and -, at most 64")
    return _layer(chronic.table(disease))


def _layer(t: "_Table") -> Layer:
    layer = Layer(ratio=t.share("ratio"), fund_at_most=t.fen("fund_at_most"))
    t.done()
    return layer


def _serious(t: "_Table") -> Serious:
    rows = [_Table(row, f"{t.path}segments[{i}].") for i, row in enumerate(t.rows("segments"))]
    starts = [row.fen("above") for row in rows]
    segments = tuple(
        Segment(above=start, upto=row.fen("upto") if "upto" in row.content else following, ratio=row.share("ratio"))
        for row, start, following in zip_longest(rows, starts, starts[1:])
    )
    for row in rows:
        row.done()
    serious = Serious(segments=segments, fund_at_most=t.fen("fund_at_most"))
    t.done()
    return serious


class _Table:
    """One TOML table being read: each element once, refusals with the whole path."""

    def __init__(self, content: dict[str, Any], path: str) -> None:
        self.content, self.path, self.read = content, path, set[str]()

    def refuse(self, name: str, found: object, allowed: str) -> None:
        raise PackWrong(element=f"{self.path}{name}", found=found, allowed=allowed)

    def take(self, name: str, kind: type, allowed: str) -> Any:
        self.read.add(name)
        value = self.content.get(name)
        if not isinstance(value, kind):
            self.refuse(name, "" if value is None else value, allowed)
        return value

    def text(self, name: str, default: str | None = None) -> str:
        if default is not None and name not in self.content:
            return default
        value = str(self.take(name, str, "text"))
        if not value or len(value) > LONGEST_TEXT or not value.isprintable():
            self.refuse(name, value[:20], f"one line of text, 1 to {LONGEST_TEXT} characters")
        return value

    def named(self, name: str, value: Any, form: re.Pattern[str], allowed: str) -> str:
        """A word that is part of citations, keys and rows."""
        self.read.add(name)
        if not isinstance(value, str) or not form.fullmatch(value):
            self.refuse(name, "" if value is None else str(value)[:40], allowed)
        return str(value)

    def flag(self, name: str) -> bool:
        return bool(self.take(name, bool, "true or false"))

    def day(self, name: str) -> date:
        value: date = self.take(name, date, "a day as 2026-01-01")
        if isinstance(value, datetime):
            self.refuse(name, value, "a day as 2026-01-01")
        return value

    def table(self, name: str) -> "_Table":
        return _Table(self.take(name, dict, "a table"), f"{self.path}{name}.")

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[Any] = self.take(name, list, "a list of tables")
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                self.refuse(f"{name}[{number}]", row, "a table")
        return rows

    def fen(self, name: str) -> int:
        return self.fen_of(name, self.content.get(name))

    def share(self, name: str) -> int:
        return self.share_of(name, self.content.get(name))

    def four(self, name: str, read: Callable[[str, Any], int]) -> Four:
        values = self.take(name, list, "four figures: primary, level 1, 2, 3")
        if len(values) != 4:
            self.refuse(name, values, "four figures: primary, level 1, 2, 3")
        a, b, c, d = (read(name, value) for value in values)
        return a, b, c, d

    def fen_of(self, name: str, value: Any) -> int:
        self.read.add(name)
        try:
            fen = int(Money.yuan(value))
        except ValueError:
            fen = -1
        if not 0 <= fen < MOST or isinstance(value, bool):
            self.refuse(name, value, "yuan with at most two decimals, not negative")
        return fen

    def share_of(self, name: str, value: Any) -> int:
        self.read.add(name)
        share = int(Decimal(value) * WHOLE) if isinstance(value, str) and _SHARE.fullmatch(value) else -1
        if not 0 <= share <= WHOLE:
            self.refuse(name, value, "a share between 0 and 1 with at most four decimals, as text")
        return share

    def done(self) -> None:
        for name in self.content.keys() - self.read:
            self.refuse(name, self.content[name], "nothing: no such element")
