"""Differences as a workbook: why, whose, how old; both sides field by field; the wire text of one."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from io import BytesIO
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.statement_text import decoded
from adapters.web import sessions
from adapters.web.bureau.queue import asked_of, queue_for
from adapters.web.bureau.sheets import WORKBOOK, cells
from adapters.web.bureau.told import Told, audit_opened, hospital_text, masked_line, told_of
from adapters.web.forms import query_of
from adapters.web.look import look_of
from adapters.web.operations import anatomy
from adapters.web.pages import HEADERS
from adapters.web.refusals import PageRoute
from adapters.web.words import words
from hub import reconciliation, trust
from hub.reconciliation import WORDS, Evidence, Kind
from hub.units import Money, day_of, masked_number

router = APIRouter(route_class=PageRoute, include_in_schema=False)
COLUMNS = (
    "workbook.number", "workbook.hospital", "diff.day", "diff.kind", "diff.cause", "workbook.setl", "diff.amount",
    "evidence.fee", "diff.age", "diff.state", "diff.action", "owner.title", "diff.found",
)  # fmt: skip
WIDTHS = (8, 28, 12, 24, 60, 20, 14, 14, 8, 12, 20, 14, 18)
MOST_EVIDENCE = 500
LONGEST_CELL = 32_000


@router.get("/bureau/differences.xlsx")
def differences_sheet(request: Request) -> Response:
    """The queue as it is narrowed, or `one` of it with its wire text, masked; each opening is audited."""
    query = query_of(request)
    look = look_of(request)

    def work(session: Session) -> bytes:
        clerk = sessions.clerk(session, request, "bureau")
        if query.text("one"):
            rows = [reconciliation.break_of(session, clerk.caller, break_id=query.number("one"))]
        else:
            rows = list(queue_for(session, clerk, asked_of(query)).rows)
        found = [reconciliation.evidence(session, clerk.caller, break_id=row.id) for row in rows[:MOST_EVIDENCE]]
        for each in found:
            audit_opened(session, clerk, "reconciliation.evidence", each)
        told = [told_of(session, clerk, row) for row in rows]
        named = {t.row.owner for t in told if t.row.owner}
        return workbook(told, found, trust.staff_names(session, named), look.language, wire=bool(query.text("one")))

    named = {"Content-Disposition": f'attachment; filename="differences-{day_of(door.now())}.xlsx"'}
    return Response(door.transact(work), media_type=WORKBOOK, headers=HEADERS | named)


def workbook(
    rows: Sequence[Told], found: Sequence[Evidence], names: dict[str, str], language: str, *, wire: bool
) -> bytes:
    """A sheet of differences, a sheet of fields, and of one difference a sheet of what was written and heard."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    t = words(language)
    book, bold = Workbook(write_only=True), Font(bold=True)
    fields = ("workbook.number", "evidence.field", "diff.side_hospital", "diff.side_insurer", "evidence.differs")
    _sheet(book, t("bureau.differences"), [t(name) for name in COLUMNS], _rows(rows, names, language), WIDTHS, bold)
    _sheet(book, t("evidence.sheet"), [t(name) for name in fields], _fields(found, language), (8, 18, 34, 34, 8), bold)
    if wire:
        heads = [t(name) for name in ("workbook.number", "workbook.side", "workbook.from", "workbook.text")]
        _sheet(book, t("evidence.wire_sheet"), heads, _wire(found, language), (8, 10, 40, 120), bold)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet(
    book: Any, title: str, heads: Sequence[Any], rows: Iterable[Sequence[Any]], widths: Sequence[int], bold: Any
) -> None:
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(str(title))
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    sheet.append(cells(sheet, [str(head) for head in heads], bold))
    for row in rows:
        sheet.append(cells(sheet, row, None))


def _rows(rows: Sequence[Told], names: dict[str, str], language: str) -> Iterable[list[Any]]:
    t, number = words(language), 0 if language == "zh" else 1
    for told in rows:
        row = told.row
        yield [
            row.id,
            told.hospital.name if language == "zh" else told.hospital.name_en or told.hospital.name,
            str(row.day_from),
            WORDS[Kind(row.kind)][number],
            told.cause[number],
            row.setl_id,
            Decimal(str(Money(told.off))),
            Decimal(str(Money((row.insurer_fee or 0) - (row.hospital_fee or 0)))),
            told.age,
            str(t(f"break.{row.state}")),
            str(t(f"action.{row.action or told.usual}")),
            names.get(row.owner, row.owner) if row.owner else "",
            f"{row.found_at:%Y-%m-%d}",
        ]


def _fields(found: Sequence[Evidence], language: str) -> Iterable[list[Any]]:
    t = words(language)
    for each in found:
        for field in each.fields:
            said = [field.hospital or "", field.insurer or ""]
            if field.name == "psn_no":
                said = [masked_number(text) for text in said]
            yield [each.difference.id, str(t(f"evidence.{field.name}")), *said, "×" if field.differs else ""]


def _wire(found: Sequence[Evidence], language: str) -> Iterable[list[Any]]:
    t = words(language)
    for each in found:
        source = each.file.name if each.file else ""
        for text in hospital_text(each):
            yield [each.difference.id, str(t("diff.side_hospital")), source, masked_line(text, each)]
        for message in each.messages:
            source = f"{message.kind} {message.key or ''}"
            for body in (message.body, message.answer):
                if body:
                    text = anatomy.masked_text(decoded(body))[:LONGEST_CELL]
                    yield [each.difference.id, str(t("diff.side_insurer")), source, text]
