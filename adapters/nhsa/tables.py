"""Transactions as data: a field table in, a validator and a writer out.

transactions/<infno>.toml holds the nodes and fields of one transaction. Each is compiled once per
region into a flat plan, so that a settlement is checked in microseconds:

    C(n)     text of at most n characters; C where the length is not published
    N(16,2)  an amount: Money          N(p,s) Decimal          N(p) int
    D, DT    date, datetime in China
    BYTES    as the region carries it (9101)

Empty is written as the region says ("" and, for a number, "0"); `null` and an absent field count as
empty. Both spellings of an area field (admvs, admdvs) are read. `required_when` names other fields of
the row: with a value, one of several values, or "*" for any. A region may say a field differently.
"""

import base64
import binascii
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

from adapters.nhsa.region import CodeList, Empty, Region
from hub.faults import Invalid, Missing, Problem
from hub.units import CHINA, Money

HERE = Path(__file__).parent
_TYPE = re.compile(r"([CN])\((\d+)(?:,(\d+))?\)|(DT|D|BYTES|C)")
_UNPUBLISHED = 4000
"""The longest text of a field whose length nobody published: the interface's longest."""
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a field table."""

    code: str
    zh: str
    type: str
    required: bool = False
    list: str = ""
    signed: bool = False
    required_when: dict[str, str | Sequence[str]] = field(default_factory=dict)

    def condition(self, row: Row) -> tuple[str, str] | None:
        """The other field, with its value, that makes this one required in a row."""
        for other, wanted in self.required_when.items():
            value = row.get(other)
            if value is not None and (wanted == "*" or value in ([wanted] if isinstance(wanted, str) else wanted)):
                return other, str(value)
        return None


@dataclass(frozen=True, slots=True)
class Node:
    """One named object of a message, or many rows of it, with the plan compiled from its fields."""

    name: str
    many: bool
    fields: tuple[Field, ...]
    plan: tuple[tuple[str, str | None, bool, Callable[[Any], Any]], ...]
    empty: Empty

    def read(self, found: Any, where: str) -> Any:
        """Rows with their values as Python values, None where empty. Refuses: Invalid, Missing."""
        if not self.many:
            return self.read_row(found, where)
        if type(found) is not list:
            raise Invalid(element=where, found=shown(found), allowed="由若干行组成的数组")
        if not found:
            raise Missing(element=where, allowed="至少要有一行。")
        return [self.read_row(row, f"{where}[{number}]") for number, row in enumerate(found)]

    def read_row(self, found: Any, where: str) -> Row:
        if type(found) is not dict:
            raise Invalid(element=where, found=shown(found), allowed="一个对象（字段名和值）")
        row: Row = {}
        path = f"{where}." if where else ""
        for code, other_spelling, required, convert in self.plan:
            value = found.get(code)
            if value is None and other_spelling is not None:
                value = found.get(other_spelling)
            if value is None or value == "" or (type(value) is str and value.isspace()):
                if required:
                    raise Missing(element=path + code, allowed=self.hint(code))
                row[code] = None
                continue
            try:
                row[code] = convert(value)
            except ValueError as wrong:
                raise self._wrong(path + code, value, wrong) from None
        self._conditions(row, path)
        return row

    def write(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The row as it goes out: every field of the table, in its order, empty as the interface wants it."""
        return {f.code: text_of(values.get(f.code), f.type, self.empty) for f in self.fields}

    def hint(self, code: str) -> str:
        f = next(f for f in self.fields if f.code == code)
        return f"该项为必填：{f.zh}，{f.type}。"

    def _conditions(self, row: Row, path: str) -> None:
        for f in self.fields:
            if f.required_when and row[f.code] is None and (why := f.condition(row)):
                raise Missing(element=path + f.code, allowed=f"{why[0]} 为“{why[1]}”时必填：{f.zh}。")

    def _wrong(self, element: str, value: Any, wrong: ValueError) -> Invalid:
        problem = Problem.CODE if isinstance(wrong, _NotInList) else Problem.TYPE
        return Invalid(element=element, found=shown(value), allowed=str(wrong), problem=problem)


@dataclass(frozen=True, slots=True)
class Transaction:
    """`certainty` says how well its table is known: SPEC as published, IMPL as read in systems that speak it."""

    infno: str
    zh: str
    en: str
    certainty: str
    note: str
    incoming: dict[str, Node]
    outgoing: dict[str, Node]
    files: dict[str, Node]

    def read(self, found: Any, *, lines_at_most: int) -> dict[str, Any]:
        """The `input` of a request, node by node. Refuses: Invalid, Missing."""
        if type(found) is not dict:
            raise Invalid(element="input", found=shown(found), allowed="一个对象（交易的输入节点）")
        read: dict[str, Any] = {}
        for name, node in self.incoming.items():
            where = f"input.{name}"
            if name not in found:
                raise Missing(element=where, allowed=f"{self.infno} {self.zh} 需要此节点。")
            if node.many and type(found[name]) is list and len(found[name]) > lines_at_most:
                raise Invalid(element=where, found=f"{len(found[name])} 行", allowed=f"不超过 {lines_at_most} 行")
            read[name] = node.read(found[name], where)
        return read

    def write(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The `output` of a reply from plain values, in the order of the field tables."""
        output: dict[str, Any] = {}
        for name, node in self.outgoing.items():
            if name == "_":
                output.update(node.write(answer))
            elif name in answer:
                rows = answer[name]
                output[name] = [node.write(row) for row in rows] if node.many else node.write(rows)
        return output


class _NotInList(ValueError):
    pass


@cache
def transaction(infno: str, spoken: Region) -> Transaction:
    """The compiled transaction. Raises FileNotFoundError for one that has no table."""
    with (HERE / "transactions" / f"{infno}.toml").open("rb") as file:
        said = tomllib.load(file)
    sides = {
        side: {name: _node((infno, side, name), node, spoken) for name, node in said.get(side, {}).items()}
        for side in ("in", "out", "file")
    }
    return Transaction(
        infno,
        said["zh"],
        said["en"],
        said.get("certainty", "SPEC"),
        said.get("note", ""),
        sides["in"],
        sides["out"],
        sides["file"],
    )


def text_of(value: Any, type_: str, empty: Empty) -> str:
    """A value as the interface writes it: amounts with two decimals, days and instants in China's time."""
    if value is None or value == "":
        return empty.number if type_.startswith("N") else empty.text
    if isinstance(value, datetime):
        return value.astimezone(CHINA).strftime("%Y-%m-%d" if type_ == "D" else "%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def _node(where: tuple[str, str, str], said: Mapping[str, Any], spoken: Region) -> Node:
    fields = tuple(Field(**line) for line in _as_spoken(said["fields"], spoken.fields.get(".".join(where), {})))
    plan = tuple((f.code, _other_spelling(f.code), f.required, _converter(f, spoken)) for f in fields)
    return Node(where[2], said.get("rows") == "many", fields, plan, spoken.empty)


def _as_spoken(lines: list[dict[str, Any]], differs: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The published lines with what the region says differently of a field, and the fields it adds."""
    known = {line["code"]: line | differs.get(line["code"], {}) for line in lines}
    added = [{"code": code} | said for code, said in differs.items() if code not in known]
    return [*known.values(), *added]


def _other_spelling(code: str) -> str | None:
    if code.endswith("admdvs"):
        return code.removesuffix("admdvs") + "admvs"
    if code.endswith("admvs"):
        return code.removesuffix("admvs") + "admdvs"
    return None


def _converter(f: Field, spoken: Region) -> Callable[[Any], Any]:
    match = _TYPE.fullmatch(f.type)
    if match is None:
        raise ValueError(f"{f.code}: unknown type {f.type}")
    letter, size, scale, word = match.groups()
    if word == "C":
        letter, size = "C", _UNPUBLISHED
    elif word:
        return {"D": _day, "DT": _instant, "BYTES": partial(_file_bytes, carried=spoken.file_bytes)}[word]
    if letter == "C":
        codes = spoken.codes.get(f.list) if f.list else None
        return partial(_coded, codes=codes) if codes else partial(_text, longest=int(size))
    return partial(_number, digits=int(size), decimals=int(scale or 0), signed=f.signed)


def _text(value: Any, *, longest: int) -> str:
    text = value if type(value) is str else _plain(value)
    if len(text) > longest:
        raise ValueError(f"不超过 {longest} 个字符（现有 {len(text)} 个）")
    if "\x00" in text:
        raise ValueError("不含空字符的文字")
    return text


def _coded(value: Any, *, codes: CodeList) -> str:
    text = value if type(value) is str else _plain(value)
    if text not in codes.values:
        if text in codes.lapsed:
            raise _NotInList(f"{codes.zh}字典当日有效的值；{text} 为{codes.lapsed[text]}")
        shown = "、".join(f"{code}={zh}" for code, zh in list(codes.values.items())[:6])
        raise _NotInList(f"{codes.zh}字典中的值（{shown}{'…' if len(codes.values) > 6 else ''}）")
    return text


def _number(value: Any, *, digits: int, decimals: int, signed: bool) -> Money | Decimal | int:
    text = value.strip() if type(value) is str else _plain(value)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("十进制数字")
    minus, whole, part = match.groups()
    if part and len(part) > decimals:
        raise ValueError(f"最多 {decimals} 位小数" if decimals else "整数")
    if len(whole.lstrip("0")) > digits - decimals:
        raise ValueError(f"整数部分不超过 {digits - decimals} 位")
    if minus and not signed and text.strip("-0."):
        raise ValueError("不小于 0 的数")
    if decimals == 2 and digits == 16:
        return Money.yuan(text)
    return Decimal(text) if decimals else int(whole) * (-1 if minus else 1)


def _day(value: Any) -> date:
    if type(value) is str and len(value) in (10, 19) and value[4] == value[7] == "-":
        with suppress(ValueError):
            return date.fromisoformat(value[:10])
    raise ValueError("日期 yyyy-MM-dd")


def _instant(value: Any) -> datetime:
    if type(value) is str and len(value) in (10, 19) and value[4] == value[7] == "-" and value[10:11] in ("", " "):
        with suppress(ValueError):
            return datetime.fromisoformat(value).replace(tzinfo=CHINA)
    raise ValueError("日期时间 yyyy-MM-dd HH:mm:ss")


def _file_bytes(value: Any, *, carried: str) -> bytes:
    try:
        if carried == "integers" and type(value) is list:
            return bytes(value)
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("Base64 编码的文件内容" if carried == "base64" else "0 到 255 的整数数组") from None


def _plain(value: Any) -> str:
    """Numbers may come as numbers; anything with structure, true and false may not."""
    if type(value) in (int, Decimal):
        return str(value)
    raise ValueError("文字或数字")


def shown(found: Any) -> str:
    """What was found, short enough for a sentence and without control characters."""
    text = found if isinstance(found, str) else str(found)
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:41])
    return text if len(text) <= 40 else text[:37] + "..."


def columns(node: Node) -> Sequence[str]:
    """The column order of a file."""
    return [f.code for f in node.fields]
