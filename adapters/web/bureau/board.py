"""The day board: hospitals by days, and the bridge of one cell, on which total A + named differences = total B."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.bureau.frame import clerk_of
from adapters.web.forms import query_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import directory, reconciliation, trust
from hub.reconciliation import Bridge, Cell
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DAYS = 7
SMALL, LARGE = 100_00, 10_000_00
"""Up to 100 yuan a difference is light, from 10,000 yuan it is heavy."""


@dataclass(frozen=True)
class Line:
    """One hospital's week."""

    organisation_id: str
    name: str
    name_en: str
    cells: tuple[Cell, ...]

    @property
    def settled(self) -> bool:
        """Nothing to look at on any day."""
        return all(cell.state in ("balanced", "none") for cell in self.cells)


@dataclass(frozen=True)
class Day:
    """The day in four figures."""

    institutions: int
    balanced: int
    unbalanced: int
    breaks: int
    awaited: int
    net: int


@router.get("/bureau")
def board(request: Request) -> Response:
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        last = query.day("day", day_of(clerk.at))
        first = last - timedelta(days=DAYS - 1)
        cells = reconciliation.day_board(session, clerk.caller, first, last)
        trust.audit(session, clerk.caller, verb="reconciliation.day_board", subject=f"day/{last}")
        lines = _lines(cells)
        opened = _opened(session, clerk, query.text("hospital", limit=20), query.day("of", last), lines)
        return {
            "frame": clerk.frame,
            "day": last,
            "days": [first + timedelta(days=n) for n in range(DAYS)],
            "lines": [line for line in lines if not line.settled],
            "settled": [line for line in lines if line.settled],
            "figures": _figures([cell for cell in cells if cell.day == last]),
            "opened": opened,
            "before": last - timedelta(days=DAYS),
            "after": last + timedelta(days=DAYS) if last + timedelta(days=1) <= day_of(clerk.at) else None,
        }

    done = query.text("done", limit=20)
    return page(request, "bureau/board.html", done=done, heat=heat, **door.transact(work))


def heat(cell: Cell) -> str:
    """The colour class of a cell."""
    if cell.state == "awaited":
        return "hx"
    size = abs(cell.difference.fund)
    if cell.state in ("balanced", "none"):
        return "h0"
    return "h3" if size >= LARGE else "h2" if size > SMALL else "h1"


def _lines(cells: Sequence[Cell]) -> list[Line]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.organisation_id, []).append(cell)
    return [Line(own[0].organisation_id, own[0].name, own[0].name_en, tuple(own)) for own in found.values()]


def _figures(today: Sequence[Cell]) -> Day:
    return Day(
        institutions=len(today),
        balanced=sum(cell.state in ("balanced", "none") for cell in today),
        unbalanced=sum(cell.state == "unbalanced" for cell in today),
        breaks=sum(cell.open_breaks for cell in today),
        awaited=sum(cell.state == "awaited" for cell in today),
        net=sum(cell.difference.fund for cell in today if cell.state == "unbalanced"),
    )


def _opened(
    session: Session, clerk: sessions.Clerk, organisation_id: str, day: date, lines: Sequence[Line]
) -> dict[str, Any] | None:
    """The bridge of the cell that was chosen, else of the worst cell of the last day."""
    if not organisation_id:
        trouble = [line.cells[-1] for line in lines if line.cells[-1].state in ("unbalanced", "awaited")]
        if not trouble:
            return None
        worst = max(trouble, key=lambda cell: (cell.state == "unbalanced", abs(cell.difference.fund)))
        organisation_id, day = worst.organisation_id, worst.day
    bridge: Bridge = reconciliation.bridge(session, clerk.caller, organisation_id=organisation_id, day=day)
    return {"bridge": bridge, "hospital": directory.organisation(session, organisation_id)}
