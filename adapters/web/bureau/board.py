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
from adapters.web.forms import form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import directory, reconciliation, trust
from hub.faults import Invalid, Problem
from hub.reconciliation import ACTIONS, BREAK, USUAL_ACTION, Bridge, Cell, Kind
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DAYS = 7
DECISIONS = ("propose", "approve", "send-back", "resolve")
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


@router.get("/bureau/differences")
def differences(request: Request) -> Response:
    """The queue of open differences, oldest first, with what is proposed."""
    done = query_of(request).text("done", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        rows = reconciliation.breaks_of(session, clerk.caller, organisation_id=_own(clerk))
        trust.audit(session, clerk.caller, verb="reconciliation.breaks_of")
        return {
            "frame": clerk.frame,
            "rows": [(row, directory.organisation(session, row.organisation_id), _may(clerk, row)) for row in rows],
            "actions": ACTIONS,
            "usual": {kind.value: action for kind, action in USUAL_ACTION.items()},
            "kinds": {kind.value: said for kind, said in reconciliation.WORDS.items()},
        }

    return page(request, "bureau/differences.html", done=done, **door.transact(work))


@router.get("/bureau/differences/{break_id}")
def difference(request: Request, break_id: int) -> Response:
    """One difference: both sides of it, and what happened to it."""

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        events = reconciliation.history(session, clerk.caller, break_id=break_id)
        row = session.get_one(reconciliation.Break, break_id)
        trust.audit(session, clerk.caller, verb="reconciliation.history", subject=f"break/{break_id}")
        return {
            "frame": clerk.frame,
            "row": row,
            "hospital": directory.organisation(session, row.organisation_id),
            "events": events,
            "may": _may(clerk, row),
            "actions": ACTIONS,
            "usual": USUAL_ACTION.get(Kind(row.kind), "ask"),
            "kinds": {kind.value: said for kind, said in reconciliation.WORDS.items()},
        }

    return page(request, "bureau/difference.html", **door.transact(work))


@router.post("/bureau/differences/{break_id}/{event}")
def decide(request: Request, break_id: int, event: str) -> Response:
    """Propose an action, approve it as a second person, send it back, or say that it was done."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "bureau")
        if event not in DECISIONS:
            raise Invalid(element="event", found=event, allowed="、".join(DECISIONS), problem=Problem.CODE)
        note = form.text("note", limit=500)
        if event == "propose":
            action = form.needed("action", limit=40)
            reconciliation.propose(session, clerk.caller, break_id=break_id, action=action, note=note)
        elif event == "approve":
            reconciliation.approve(session, clerk.caller, break_id=break_id)
        elif event == "send-back":
            reconciliation.send_back(session, clerk.caller, break_id=break_id, note=note)
        else:
            reconciliation.resolve(session, clerk.caller, break_id=break_id, note=note)
        trust.audit(session, clerk.caller, verb=f"reconciliation.{event}", subject=f"break/{break_id}")

    door.transact(work)
    return see_other(f"/bureau/differences?done={event}")


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


def _may(clerk: sessions.Clerk, row: reconciliation.Break) -> tuple[str, ...]:
    """What this person may do with a difference now: nobody approves what they proposed."""
    if "reconciliation.write" not in clerk.caller.scopes:
        return ()
    events = BREAK.allowed(row.state)
    shown = [event for event in ("approve", "propose", "resolve", "send-back") if event in events]
    return tuple(event for event in shown if event != "approve" or row.proposed_by != clerk.caller.id)


def _own(clerk: sessions.Clerk) -> str | None:
    """A hospital sees its own books; the bureau all."""
    return None if clerk.organisation.tier == "bureau" else clerk.organisation_id
