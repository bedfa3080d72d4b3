"""The clerk's work queue on one page: filtered by the address, worked through by keyboard or by plain forms."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.bureau.frame import clerk_of
from adapters.web.bureau.told import kinds_in_words, names_of, own_books, told_of
from adapters.web.forms import Form, query_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from adapters.web.sessions import Clerk
from hub import directory, reconciliation, trust
from hub.reconciliation import NOBODY, Queue

router = APIRouter(route_class=PageRoute, include_in_schema=False)
FILTERS = ("hospital", "kind", "owner", "order")
ROWS = 100


@dataclass(frozen=True)
class Choice:
    """One thing that the queue can be narrowed to, and how many differences that leaves."""

    value: str
    name: str
    count: int


@router.get("/bureau/differences")
def differences(request: Request) -> Response:
    """What is open, the oldest and largest first; `at` is the row that was just worked on."""
    query = query_of(request)
    asked = asked_of(query)
    shown = ROWS * max(1, min(query.maybe_number("pages") or 1, 50))

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        found = queue_for(session, clerk, asked)
        trust.audit(session, clerk.caller, verb="reconciliation.queue")
        told = [told_of(session, clerk, row) for row in found.rows[:shown]]
        names = names_of(session, told) | trust.staff_names(session, set(found.owners))
        return {
            "frame": clerk.frame,
            "rows": list(zip_longest(told, (each.row.id for each in told[1:]), fillvalue="")),
            "count": len(found.rows),
            "every": found.every,
            "at": _at(query, [each.row.id for each in told]),
            "names": names,
            "kinds": kinds_in_words(),
            "hospitals": _hospitals(session, found),
            "owners": [Choice(o, names.get(o, o), n) for o, n in sorted(found.owners.items()) if o != NOBODY],
            "nobodys": found.owners[NOBODY],
            "kind_counts": found.kinds,
            "me": clerk.caller.id,
        }

    view = door.transact(work)
    done = query.text("done", limit=20)
    return page(request, "bureau/differences.html", done=done, asked=asked, filters=_encoded(asked), **view)


def asked_of(query: Form) -> dict[str, str]:
    """What the queue is narrowed to, and its order."""
    return {name: query.text(name, limit=100) for name in FILTERS}


def queue_for(session: Session, clerk: Clerk, asked: dict[str, str]) -> Queue:
    """The queue as this clerk may see it; "me" as an owner is this clerk."""
    return reconciliation.queue(
        session,
        clerk.caller,
        own=own_books(clerk),
        hospital=asked["hospital"],
        kind=asked["kind"],
        owner=clerk.caller.id if asked["owner"] == "me" else asked["owner"],
        order="money" if asked["order"] == "money" else "age",
    )


def back_to_queue(form: Form, break_id: int, event: str) -> str:
    """Where the queue goes on after an action: the same filters, at the row that was worked on or the one after it."""
    asked = {
        name: values[0][:100] for name, values in parse_qs(form.text("back", limit=500)).items() if name in FILTERS
    }
    place = {"done": event, "at": break_id, "then": form.text("then", limit=20)}
    return f"/bureau/differences?{_encoded(asked | place)}#d{break_id}"


def _at(query: Form, shown: list[int]) -> int | None:
    """The row to go on from: what was worked on while it is still here, else what came after it."""
    wanted = [query.text(name, limit=20) for name in ("at", "then")]
    return next((int(text) for text in wanted if text.isascii() and text.isdigit() and int(text) in shown), None)


def _hospitals(session: Session, found: Queue) -> list[tuple[directory.Organisation, int]]:
    return [(directory.organisation(session, number), count) for number, count in sorted(found.hospitals.items())]


def _encoded(asked: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value})
