"""Health at a glance: each institution's last message, what was refused, what waits; the periodic work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.operations.frame import frame_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import directory, exchange, trust
from hub.exchange import jobs

router = APIRouter(route_class=PageRoute, include_in_schema=False)
RECENT = 500
"""How many of the latest messages the overview is drawn from; the page says so."""


@dataclass(frozen=True)
class Peer:
    """One institution as seen from here."""

    organisation: directory.Organisation
    heard_at: datetime | None
    heard: int
    refused: int
    waiting: int
    standing: int


@router.get("/ops")
def overview(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        trust.audit(session, clerk.caller, verb="operations.overview")
        peers = _peers(session)
        return {
            "frame": frame_of(session, clerk),
            "peers": peers,
            "jobs": jobs.all_jobs(session),
            "sms_waiting": len(exchange.search_due(session, destination="sms", state="due", limit=RECENT)),
            "recent": RECENT,
        }

    return page(request, "operations/overview.html", **door.transact(work))


def _peers(session: Session) -> list[Peer]:
    heard = exchange.search_heard(session, limit=RECENT)
    waiting = exchange.search_due(session, state="due", limit=RECENT)
    standing = exchange.lanes(session)
    peers = []
    for row in directory.organisations(session):
        own = [message for message in heard if row.id in message.sender]
        peers.append(
            Peer(
                row,
                heard_at=own[0].heard_at if own else None,
                heard=len(own),
                refused=sum(message.outcome not in (None, exchange.GOOD, exchange.PARKED) for message in own),
                waiting=sum(due.destination == row.id for due in waiting),
                standing=sum(lane.destination == row.id for lane in standing),
            )
        )
    return sorted(peers, key=lambda peer: (-peer.standing, -peer.refused, -peer.waiting))
