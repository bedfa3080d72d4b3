"""The bridge as a workbook: total A + named differences = total B, of one hospital or of the whole city."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.forms import query_of
from adapters.web.look import look_of
from adapters.web.pages import HEADERS
from adapters.web.refusals import PageRoute
from adapters.web.words import words
from hub import reconciliation, trust
from hub.reconciliation import Amounts, Bridge, Entry
from hub.units import Money, day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS = (
    "hospital", "step", "setl", "state", "lines", "fee", "fund", "account", "cause", "action", "owner", "age",
)  # fmt: skip
WIDTHS = (28, 40, 22, 12, 8, 16, 16, 16, 60, 20, 16, 10)


@router.get("/bureau/bridge.xlsx")
def bridge_sheet(request: Request) -> Response:
    """`hospital` and `of` as on the board; without a hospital every one that has anything on that day."""
    query = query_of(request)

    def work(session: Session) -> tuple[date, list[tuple[str, Bridge]]]:
        clerk = sessions.clerk(session, request, "bureau")
        day = query.day("of", day_of(clerk.at))
        wanted = query.text("hospital", limit=20)
        cells = reconciliation.day_board(session, clerk.caller, day, day)
        chosen = [cell for cell in cells if (cell.organisation_id == wanted if wanted else cell.state != "none")]
        trust.audit(session, clerk.caller, verb="reconciliation.bridge", subject=f"day/{day}")
        return day, [
            (
                cell.name if look.language == "zh" else cell.name_en or cell.name,
                reconciliation.bridge(session, clerk.caller, organisation_id=cell.organisation_id, day=day),
            )
            for cell in chosen
        ]

    look = look_of(request)
    day, bridges = door.transact(work)
    named = {"Content-Disposition": f'attachment; filename="bridge-{day}.xlsx"'}
    return Response(
        workbook(day, bridges, look.language, today=day_of(door.now())), media_type=WORKBOOK, headers=HEADERS | named
    )


def workbook(day: date, bridges: Sequence[tuple[str, Bridge]], language: str, *, today: date) -> bytes:
    """One page: every hospital from A to B, then the city, whose A, differences and B are the sums of theirs."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    t = words(language)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(str(day))
    for number, width in enumerate(WIDTHS, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    bold = Font(bold=True)
    sheet.append(cells(sheet, [t(f"workbook.{name}") for name in COLUMNS], bold))
    total_a = total_b = Amounts()
    for name, bridge in bridges:
        for row, font in _rows(name, bridge, language, today):
            sheet.append(cells(sheet, row, font and bold))
        total_a, total_b = total_a + bridge.hospital, total_b + bridge.insurer
    city = t("workbook.city")
    for step, amounts in (
        ("board.side_a", total_a),
        ("workbook.differences", total_b - total_a),
        ("board.side_b", total_b),
    ):
        sheet.append(cells(sheet, _row(city, t(step), amounts), bold))
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _rows(name: str, bridge: Bridge, language: str, today: date) -> Iterable[tuple[list[Any], bool]]:
    t = words(language)
    yield _row(name, t("board.side_a"), bridge.hospital), True
    for entry in bridge.entries:
        said = entry.zh if language == "zh" else entry.en
        step = f"{said} {entry.note}".strip()
        state = t(f"break.{entry.state}") if entry.state else ""
        yield [*_row(name, step, entry.amounts, entry.setl_id, state), *_worked_on(entry, today, language)], False
    yield _row(name, t("board.side_b"), bridge.insurer), True


def _worked_on(entry: Entry, today: date, language: str) -> list[Any]:
    """Why, what is to be done, who does it, how old it is in working days; nothing for what is no difference."""
    row = entry.difference
    if row is None:
        return []
    action = row.action or reconciliation.USUAL_ACTION[reconciliation.Kind(row.kind)]
    return [
        reconciliation.cause(row)[0 if language == "zh" else 1],
        words(language)(f"action.{action}"),
        row.owner or "",
        reconciliation.working_days(day_of(row.found_at), today),
    ]


def _row(name: str, step: str, amounts: Amounts, setl_id: str = "", state: str = "") -> list[Any]:
    money = [Decimal(str(Money(fen))) for fen in (amounts.fee, amounts.fund, amounts.account)]
    return [name, step, setl_id, state, amounts.count, *money]


def cells(sheet: Any, row: Sequence[Any], font: Any) -> list[Any]:
    """Text stays text: a settlement number is what a hospital wrote, and must not become a formula."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    made = []
    for value in row:
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value)
        if isinstance(value, str):
            cell.data_type = "s"
        elif isinstance(value, Decimal):
            cell.number_format = "#,##0.00"
        if font:
            cell.font = font
        made.append(cell)
    return made
