"""What platforms further up have not answered: how old, what is known, when it is looked at again."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.operations.frame import frame_of, peers_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import coverage, trust
from hub.settlement import upstream
from hub.settlement.upstream import Forwarded

router = APIRouter(route_class=PageRoute, include_in_schema=False)

OLD_MINUTES = 30
"""A question still open after so long is for a person to look at."""


@router.get("/ops/platforms")
def platforms(request: Request) -> Response:
    """Every settlement and undo whose outcome is not known or not confirmed, the oldest first."""

    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        trust.audit(session, clerk.caller, verb="upstream.still_open")
        rows = upstream.still_open(session)
        return {
            "frame": frame_of(session, clerk),
            "questions": [(row, minutes_open(row, clerk.at)) for row in rows],
            "old": OLD_MINUTES,
            "authorities": {row.area: row for row in coverage.authorities(session)},
            "peers": peers_of(session),
        }

    return page(request, "operations/platforms.html", **door.transact(work))


def minutes_open(row: Forwarded, now: datetime) -> int:
    return int((now - row.asked_at).total_seconds() // 60)
