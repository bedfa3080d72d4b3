"""A bill and the person's standing as one document of plain values (money as "150.10", days as ISO text).

It is what `onecard adjudicate` reads and what a settlement keeps, so that any old settlement re-runs exactly.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from hub.coverage.bills import CLASSES, Bill, BillWrong, Line, Referral, Standing, Year
from hub.faults import Problem
from hub.units import Money

T = TypeVar("T")

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
_REQUIRED = object()


def bill_of(document: Mapping[str, Any]) -> tuple[str, Bill, Standing]:
    """The pack's id, the bill and the standing that a document states.

    Refuses: BillWrong, naming the element: missing, unknown, negative, a third decimal of money, a repeated line id.
    """
    read = _Element(document, "")
    pack_id = read("pack", _text)
    standing = Standing(
        insutype=read("insutype", _text),
        retired=read("retired", _flag, False),
        civil_servant=read("civil_servant", _flag, False),
        aid=read("aid", _flag, False),
        admission=read("admission", _count, 1),
        referral=_referral(document, read),
        stay_deductible_paid=read("stay_deductible_paid", _fen, 0),
        account_balance=read("account_balance", _fen, 0),
        account_used=read("account_used", _flag, True),
        year=_year(read("year", _object, {})),
        shared_balance=read("shared_balance", _fen_or_none, None),
    )
    bill = Bill(
        day=read("day", _day),
        care=read("care", _text),
        hospital_level=read("hospital_level", _count),
        lines=_lines(read("lines", _rows)),
        chronic=read("chronic", _text_or_none, None),
        emergency=read("emergency", _flag, False),
        out_of_area=read("out_of_area", _text_or_none, None),
    )
    read.done()
    return pack_id, bill, standing


def document_of(pack_id: str, bill: Bill, standing: Standing) -> dict[str, Any]:
    """The document that `bill_of` reads back to equal values."""
    referral, shared = standing.referral, standing.shared_balance
    return {
        "pack": pack_id,
        "day": bill.day.isoformat(),
        "insutype": standing.insutype,
        "retired": standing.retired,
        "civil_servant": standing.civil_servant,
        "aid": standing.aid,
        "care": bill.care,
        "chronic": bill.chronic,
        "hospital_level": bill.hospital_level,
        "admission": standing.admission,
        "emergency": bill.emergency,
        "referral": None
        if referral is None
        else {
            "filed": referral.filed,
            "direction": referral.direction,
            "deductible_paid": str(Money(referral.deductible_paid)),
        },
        "out_of_area": bill.out_of_area,
        "stay_deductible_paid": str(Money(standing.stay_deductible_paid)),
        "account_balance": str(Money(standing.account_balance)),
        "account_used": standing.account_used,
        **({} if shared is None else {"shared_balance": str(Money(shared))}),
        "year": {name: str(Money(fen)) for name, fen in standing.year._asdict().items()},
        "lines": [
            {
                "id": line.id,
                "class": line.item_class,
                "quantity": f"{line.quantity:f}",
                "unit_price": f"{line.unit_price:f}",
                "ceiling": None if line.ceiling is None else f"{line.ceiling:f}",
                "approved": line.approved,
            }
            for line in bill.lines
        ],
    }


def _lines(rows: list[Any]) -> tuple[Line, ...]:
    seen: set[str] = set()
    lines = []
    for i, row in enumerate(rows):
        read = _Element(_object(row, f"lines[{i}]"), f"lines[{i}].")
        line = Line(
            id=read("id", _text),
            item_class=read("class", _item_class),
            quantity=read("quantity", _decimal),
            unit_price=read("unit_price", _decimal),
            ceiling=read("ceiling", _decimal_or_none, None),
            approved=read("approved", _flag, True),
        )
        read.done()
        if line.id in seen:
            raise BillWrong(element=f"lines[{i}].id", found=line.id, allowed="an id once")
        seen.add(line.id)
        lines.append(line)
    return tuple(lines)


def _referral(document: Mapping[str, Any], read: "_Element") -> Referral | None:
    read.names.add("referral")
    if document.get("referral") is None:
        return None
    part = _Element(_object(document["referral"], "referral"), "referral.")
    referral = Referral(
        filed=part("filed", _flag),
        direction=part("direction", _text),
        deductible_paid=part("deductible_paid", _fen, 0),
    )
    part.done()
    return referral


def _year(content: Mapping[str, Any]) -> Year:
    read = _Element(content, "year.")
    year = Year(**{name: read(name, _fen, 0) for name in Year._fields})
    read.done()
    return year


class _Element:
    """The elements of one object, each read once; what nobody reads is refused."""

    def __init__(self, content: Mapping[str, Any], path: str) -> None:
        self.content, self.path, self.names = content, path, set[str]()

    def __call__(self, name: str, read: Callable[[Any, str], T], default: Any = _REQUIRED) -> T:
        self.names.add(name)
        if name in self.content:
            return read(self.content[name], f"{self.path}{name}")
        if default is _REQUIRED:
            raise BillWrong(element=f"{self.path}{name}", found="", allowed="present", problem=Problem.MISSING)
        value: T = default
        return value

    def done(self) -> None:
        for name in self.content:
            if name not in self.names:
                raise BillWrong(
                    element=f"{self.path}{name}", found=name, allowed="only " + ", ".join(sorted(self.names))
                )


def _wrong(element: str, found: object, allowed: str) -> BillWrong:
    return BillWrong(element=element, found=str(found)[:100], allowed=allowed)


def _text(value: Any, element: str) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(element, value, "text")
    return value


def _text_or_none(value: Any, element: str) -> str | None:
    return None if value is None else _text(value, element)


def _flag(value: Any, element: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(element, value, "true, false")
    return value


def _count(value: Any, element: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(element, value, "a whole number")
    return value


def _object(value: Any, element: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(element, value, "an object")
    return value


def _rows(value: Any, element: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(element, value, "a list of lines")
    return value


def _day(value: Any, element: str) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) and len(value) == 10 else "")
    except ValueError:
        raise _wrong(element, value, "a day as 2026-11-22") from None


def _fen(value: Any, element: str) -> int:
    try:
        fen = int(Money.yuan(value))
    except ValueError:
        fen = -1
    if fen < 0 or isinstance(value, bool):
        raise _wrong(element, value, "yuan with at most two decimals, 0 and above")
    return fen


def _fen_or_none(value: Any, element: str) -> int | None:
    return None if value is None else _fen(value, element)


def _decimal(value: Any, element: str) -> Decimal:
    if isinstance(value, float | bool) or not _NUMBER.fullmatch(str(value)):
        raise _wrong(element, value, "a decimal number as text, 0 and above, at most 12 digits on either side")
    return Decimal(value)


def _decimal_or_none(value: Any, element: str) -> Decimal | None:
    return None if value is None else _decimal(value, element)


def _item_class(value: Any, element: str) -> str:
    if value not in CLASSES:
        raise BillWrong(element=element, found=str(value)[:100], allowed=", ".join(CLASSES), problem=Problem.CODE)
    return str(value)
