"""Messages heard and messages due: search, and one of them with its fields named."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.statement_text import decoded
from adapters.web import sessions
from adapters.web.forms import Form, query_of
from adapters.web.operations import anatomy
from adapters.web.operations.frame import frame_of, peers_of
from adapters.web.operations.replays import replayable
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import exchange, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DOORS = ("hl7v2", "nhsa", "fhir", "api")
DUE_STATES = ("due", "sent", "refused", "skipped")
ROWS = 50


@router.get("/ops/heard")
def heard_list(request: Request) -> Response:
    """What came in, newest first; one of them opened beside the list."""
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        trust.audit(session, clerk.caller, verb="exchange.search_heard")
        rows = exchange.search_heard(
            session,
            sender=query.text("sender") or None,
            door=query.text("door") or None,
            key=query.text("key") or None,
            only_faults=query.text("faults") == "1",
            only_replays=query.text("faults") == "replays",
            only_parked=query.text("faults") == "parked",
            before_id=query.maybe_number("before"),
            limit=ROWS,
        )
        opened = exchange.heard(session, query.number("open")) if query.text("open") else None
        if opened is not None:
            trust.audit(session, clerk.caller, verb="exchange.heard", subject=f"heard/{opened.id}")
        line = exchange.replays_of(session, opened) if opened is not None else ()
        return {
            "frame": frame_of(session, clerk),
            "rows": rows,
            "opened": opened,
            "message_parts": _heard_parts(opened),
            "replays": [row for row in line if opened is not None and row.id != opened.id],
            "may_replay": {row.id for row in (*rows, *([opened] if opened else ())) if replayable(row)},
            "peers": peers_of(session),
        }

    done = tuple(query.text(name, limit=10) for name in ("done", "of"))
    return page(request, "operations/heard.html", doors=DOORS, asked=_asked(query), done=done, **door.transact(work))


@router.get("/ops/due")
def due_list(request: Request) -> Response:
    """What is to leave or has left, newest first; one of them opened beside the list."""
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        trust.audit(session, clerk.caller, verb="exchange.search_due")
        rows = exchange.search_due(
            session,
            destination=query.text("destination") or None,
            subject=query.text("subject") or None,
            state=query.text("state") or None,
            before_id=query.maybe_number("before"),
            limit=ROWS,
        )
        opened = exchange.due(session, query.number("open")) if query.text("open") else None
        if opened is not None:
            trust.audit(session, clerk.caller, verb="exchange.due", subject=f"due/{opened.id}")
        return {
            "frame": frame_of(session, clerk),
            "rows": rows,
            "opened": opened,
            "fields": anatomy.snapshot_fields(opened.snapshot) if opened is not None else [],
            "peers": peers_of(session),
        }

    return page(request, "operations/due.html", states=DUE_STATES, asked=_asked(query), **door.transact(work))


def _heard_parts(row: exchange.HeardMessage | None) -> dict[str, Any]:
    """The fields, the raw text and the answer of one message."""
    if row is None:
        return {}
    text = decoded(row.body)
    answer = decoded(row.answer) if row.answer else ""
    return {
        "fields": anatomy.fields_of(text, suspect=f"{row.fault or ''} {answer}"),
        "raw": anatomy.masked_text(text),
        "answer": anatomy.masked_text(answer),
    }


def _asked(query: Form) -> dict[str, str]:
    names = ("sender", "door", "key", "faults", "destination", "subject", "state", "before", "open")
    return {name: query.text(name, limit=200) for name in names}
