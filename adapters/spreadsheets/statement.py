"""A hospital's own sheet as lines of a statement.

    title rows, if any                                     (skipped: none holds every heading that was mapped)
    结算ID      总费用      统筹基金    个人账户   结算日期     the headings, by which columns are found
    100200300   1,234.50    1,000.00    0.00      2026/11/24
    合计        1,234.50    1,000.00    0.00                the totals, which must foot to the fen
    制表人：…                                              (skipped: no amounts)

Every wrong cell is named by row, column and content; with one wrong, nothing of the sheet is taken.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from adapters.spreadsheets.cells import Cell, Formula, SheetUnreadable, letter, rows
from hub.faults import Invalid
from hub.reconciliation import Line, Listed
from hub.units import Money

HEADINGS_WITHIN = 30
"""The headings stand within the first rows of a sheet."""
NAMED_AT_MOST = 10
"""Wrong cells named in one refusal."""
EXACT_DIGITS = 15
"""Of a number that a spreadsheet keeps as a number; what is longer has been rounded."""

AMOUNTS = ("fee", "fund", "account")
BACK = frozenset({"1", "是", "y", "yes", "true", "退", "退费", "冲销", "红冲", "冲正", "负"})
NOT_BACK = frozenset({"", "0", "否", "n", "no", "false", "正常", "收费", "结算", "正"})

_TOTALS = re.compile(r"(合计|总计|共计|总合计|total|grandtotal)(\W.*|共?\d+笔.*)?", re.IGNORECASE)
_SUBTOTALS = re.compile(r"(小计|页计|本页合计|本页小计|subtotal)(\W.*)?", re.IGNORECASE)
_COUNT = re.compile(r"(\d{1,7})笔")
_AMOUNT = re.compile(r"-?(\d{1,3}(,\d{3})+|\d{1,12})(\.\d{1,2})?")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?([T ].*)?|(\d{4})(\d{2})(\d{2})")
_ID = re.compile(r"[0-9A-Za-z_.-]{1,30}")
_CODE = re.compile(r"[0-9A-Za-z]{1,6}")
_EPOCH = date(1899, 12, 30)
"""Day 0 of a spreadsheet's day numbers, which holds from 1 March 1900 on."""

_ALLOWED = {
    "setl_id": "0-9 A-Z a-z, ≤ 30",
    "mdtrt_id": "0-9 A-Z a-z, ≤ 30",
    "psn_no": "0-9 A-Z a-z, ≤ 30",
    "amount": "1234.56, 1,234.56, -12.00",
    "day": "2026-11-24, 2026/11/24, 2026年11月24日",
    "refund": "是/否, 1/0, 退费/正常",
    "clr_type": "11, 14, 21",
    "office": "420500",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A cell that is wrong."""

    row: int
    column: int
    heading: str
    found: str
    allowed: str

    @property
    def cell(self) -> str:
        return f"{letter(self.column)}{self.row}"


class SheetWrong(Invalid):
    """The first wrong cell in full, the others by their place."""

    zh = "第 {row} 行“{heading}”列（{cell}）有误：收到“{found}”，应为 {allowed}。{more}"
    en = "Row {row}, column '{heading}' ({cell}) is wrong: found '{found}', allowed is {allowed}. {more}"

    def __init__(self, findings: Sequence[Finding]) -> None:
        first, *others = findings
        more = "；".join(f"{each.cell}“{each.found[:20]}”" for each in others[: NAMED_AT_MOST - 1])
        if len(others) >= NAMED_AT_MOST:
            more += f" … (+{len(others) - NAMED_AT_MOST + 1})"
        super().__init__(
            element=f"{first.heading} {first.cell}",
            found=first.found[:60],
            allowed=first.allowed,
            row=first.row,
            heading=first.heading,
            cell=first.cell,
            more=f"+ {more}" if more else "",
        )


class HeadingMissing(Invalid):
    zh = "账单里找不到表头“{heading}”。前 30 行里最像表头的一行有：{found}。"
    en = "The sheet has no heading '{heading}'. The likeliest row of headings has: {found}."

    def __init__(self, *, heading: str, found: str) -> None:
        super().__init__(element=heading, found=found, allowed=heading, heading=heading)


def headings(content: bytes) -> list[str]:
    """What stands in the row that looks most like the headings, for somebody who maps them."""
    best: list[str] = []
    for _, row in islice(rows(content), HEADINGS_WITHIN):
        texts = [_squashed(cell) for cell in row if isinstance(cell, str) and cell and not isinstance(cell, Formula)]
        words = [text for text in texts if not re.fullmatch(r"[-\d.,:/¥%]*", text) and len(text) <= 60]
        if len(words) > len(best):
            best = words
    if not best:
        raise SheetUnreadable(found="0 × 表头 / headings")
    return list(dict.fromkeys(best))


def read(content: bytes, *, columns: Mapping[str, str], totals: bool, day: date) -> list[Listed]:
    """The lines of a sheet of one day.

    `totals`: a row of totals must stand at the end; where one stands it must foot in any case.
    Refuses: SheetUnreadable, HeadingMissing, SheetWrong.
    """
    found = rows(content)
    at = _headings_at(found, columns)
    reading = _Reading(columns, at, day)
    for number, row in found:
        reading.take(number, row)
    if totals and reading.totals_row is None:
        raise SheetUnreadable(found="0 × 合计 / total", allowed="1 × 合计 / total")
    if reading.totals_row is None and not reading.listed and not reading.findings:
        raise SheetUnreadable(found="0 行 / rows", allowed="≥ 1")
    if reading.findings:
        raise SheetWrong(reading.findings)
    return reading.listed


@dataclass
class _Reading:
    """What has been read so far."""

    columns: Mapping[str, str]
    at: Mapping[str, int]
    day: date
    listed: list[Listed] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AMOUNTS, 0))
    first_row: int = 0
    totals_row: int | None = None

    def take(self, number: int, row: Sequence[Cell]) -> None:
        cells = {name: row[place] if place < len(row) else None for name, place in self.at.items()}
        words = [_squashed(cell) for cell in row if isinstance(cell, str)]
        if self.totals_row is not None:
            if any(_filled(cells[name]) for name in AMOUNTS):
                self._wrong(number, "fee", cells["fee"], f"≤ {self.totals_row}")
        elif any(_TOTALS.fullmatch(word) for word in words):
            self._foot(number, cells, words)
        elif any(_SUBTOTALS.fullmatch(word) for word in words):
            self._wrong(number, "setl_id", next(w for w in words if _SUBTOTALS.fullmatch(w)), _ALLOWED["setl_id"])
        elif any(_filled(cell) for cell in cells.values()):
            self.first_row = self.first_row or number
            self._line(number, cells)

    def _line(self, number: int, cells: Mapping[str, Cell]) -> None:
        before = len(self.findings)
        amounts = {name: self._amount(number, name, cells[name]) for name in AMOUNTS}
        texts = {
            name: self._text(number, name, cells[name]) for name in ("setl_id", "mdtrt_id", "psn_no") if name in cells
        }
        codes = {name: self._code(number, name, cells[name]) for name in ("clr_type", "office") if name in cells}
        if "day" in cells:
            self._day(number, cells["day"])
        back = self._back(number, cells, amounts)
        if len(self.findings) > before:
            return
        for name, fen in amounts.items():
            self.sums[name] += fen
        fee, fund, account = (-abs(amounts[name]) if back else amounts[name] for name in AMOUNTS)
        line = Line(
            texts["setl_id"], texts.get("mdtrt_id", ""), texts.get("psn_no", ""), fee, fund, account, refund=back
        )
        self.listed.append(Listed(line, codes.get("clr_type", ""), codes.get("office", "")))

    def _foot(self, number: int, cells: Mapping[str, Cell], words: Sequence[str]) -> None:
        """The totals are the sums of the columns as they are written; an amount left empty says nothing."""
        self.totals_row = number
        if self.findings:
            return  # what is wrong above explains why it would not foot
        for name in AMOUNTS:
            if not _filled(cells[name]) and name != "fee":
                continue
            wrong = len(self.findings)
            stated = self._amount(number, name, cells[name])
            if len(self.findings) == wrong and stated != self.sums[name]:
                column = letter(self.at[name])
                place = f"Σ {column}{self.first_row}:{column}{number - 1}" if self.first_row else "Σ"
                self._wrong(number, name, cells[name], f"{place} = {Money(self.sums[name])}")
        for word in words:
            said = _COUNT.search(word)
            if said and int(said[1]) != len(self.listed):
                self._wrong(number, "setl_id", word, f"{len(self.listed)} 笔")

    def _amount(self, number: int, name: str, cell: Cell) -> int:
        text = _number(cell)
        if text is not None:
            plain = _squashed(text).replace("¥", "").removesuffix("元")
            if plain.startswith("(") and plain.endswith(")"):  # as accountants write what is negative
                plain = "-" + plain[1:-1]
            if _AMOUNT.fullmatch(plain):
                return int(Money.yuan(plain.replace(",", "")))
        self._wrong(number, name, cell, _ALLOWED["amount"])
        return 0

    def _text(self, number: int, name: str, cell: Cell) -> str:
        if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= 10**EXACT_DIGITS:
            self._wrong(number, name, cell, f"{_ALLOWED[name]}；文本格式 / as text")
            return ""
        text = _number(cell) if not isinstance(cell, datetime | date) else None
        text = _squashed(text or "")
        if not text and name != "setl_id":
            return ""
        if isinstance(cell, Formula) or not _ID.fullmatch(text) or re.fullmatch(r"\d\.\d*[eE]\+\d+", text):
            self._wrong(number, name, cell, _ALLOWED[name])
        return text

    def _code(self, number: int, name: str, cell: Cell) -> str:
        text = _squashed(_number(cell) or "")
        if text and not _CODE.fullmatch(text):
            self._wrong(number, name, cell, _ALLOWED[name])
        return text

    def _day(self, number: int, cell: Cell) -> None:
        day = _day_of(cell)
        if day != self.day:
            self._wrong(number, "day", cell if day is None else day, str(self.day) if day else _ALLOWED["day"])

    def _back(self, number: int, cells: Mapping[str, Cell], amounts: Mapping[str, int]) -> bool:
        """Whether a row takes back: by its own column, else by its sign; amounts of both signs are neither."""
        negative = [name for name, fen in amounts.items() if fen < 0]
        positive = [name for name, fen in amounts.items() if fen > 0]
        if negative and positive:
            self._wrong(number, negative[0], cells[negative[0]], "± = ±")
        if "refund" not in cells:
            return bool(negative)
        said = _squashed(_number(cells["refund"]) or "").lower()
        if said not in BACK | NOT_BACK:
            self._wrong(number, "refund", cells["refund"], _ALLOWED["refund"])
        elif said in NOT_BACK and negative:
            self._wrong(number, negative[0], cells[negative[0]], "≥ 0")
        return said in BACK

    def _wrong(self, number: int, name: str, cell: object, allowed: str) -> None:
        found = f"公式 / formula {cell}" if isinstance(cell, Formula) else "" if cell is None else str(cell)
        self.findings.append(Finding(number, self.at[name], self.columns[name], found[:100], allowed))


def _headings_at(found: Iterator[tuple[int, Sequence[Cell]]], columns: Mapping[str, str]) -> dict[str, int]:
    """The column of every field; the rows up to the headings are used up."""
    wanted = {name: _squashed(heading) for name, heading in columns.items()}
    best: list[str] = []
    for number, row in islice(found, HEADINGS_WITHIN):
        texts = [_squashed(cell) if isinstance(cell, str) else "" for cell in row]
        if all(heading in texts for heading in wanted.values()):
            for name, heading in wanted.items():
                if texts.count(heading) > 1:
                    places = [letter(place) for place, text in enumerate(texts) if text == heading]
                    place = texts.index(heading)
                    raise SheetWrong([Finding(number, place, columns[name], "、".join(places), "1 ×")])
            return {name: texts.index(heading) for name, heading in wanted.items()}
        if sum(heading in texts for heading in wanted.values()) > sum(heading in best for heading in wanted.values()):
            best = texts
    missing = next(name for name, heading in wanted.items() if heading not in best)
    raise HeadingMissing(heading=columns[missing], found="、".join(text for text in best if text)[:200] or "–")


def _squashed(text: str) -> str:
    """Without blanks, full-width signs as their ordinary ones: how people write does not change what they mean."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _filled(cell: Cell) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _number(cell: Any) -> str | None:
    """A cell as text; a number with the digits that a spreadsheet keeps of it. None: no text and no number."""
    if isinstance(cell, Formula | bool):
        return None
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        text = f"{cell:.{EXACT_DIGITS}g}"
        return None if "e" in text or "n" in text else text
    return cell if isinstance(cell, str) else None


def _day_of(cell: Cell) -> date | None:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = unicodedata.normalize("NFKC", _number(cell) or "").strip()
    said = _DAY.fullmatch(text.replace("年 ", "年").replace("月 ", "月"))
    try:
        if said:
            return date(*(int(part) for part in (said.group(1, 2, 3) if said[1] else said.group(5, 6, 7))))
        if re.fullmatch(r"\d{5}(\.\d+)?", text):  # a spreadsheet's own number of a day
            return _EPOCH + timedelta(days=int(float(text)))
    except ValueError:
        return None
    return None
