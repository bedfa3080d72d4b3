"""Lanes that stand: why, since when, and what a person may do: resume, pause, try now, skip one message."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.forms import form_of, query_of
from adapters.web.operations.frame import frame_of, peers_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import exchange, trust
from hub.exchange import Due, Lane
from hub.faults import Invalid, Problem, Refused

router = APIRouter(route_class=PageRoute, include_in_schema=False)
RECENT = 200
AGAIN = ("refused", "skipped")
"""States in which a message may be sent once more: a waiting one is tried anyway, a sent one has arrived."""


class NotToBeSentAgain(Refused):
    zh = "消息 {due_id} 的状态是“{state}”，不能重发；只有对方拒收或已跳过的可以。"
    en = "Message {due_id} is {state} and is not sent again; only refused or skipped ones are."


EVENTS = ("resume", "pause", "try")


@router.get("/ops/lanes")
def lanes(request: Request) -> Response:
    """Parked and paused lanes first, then those where something waits."""
    done = query_of(request).text("done", limit=40)

    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        trust.audit(session, clerk.caller, verb="exchange.lanes")
        standing = exchange.lanes(session)
        waiting = exchange.search_due(session, state="due", limit=RECENT)
        going = [lane for lane in exchange.lanes(session, states=("open",)) if lane.waiting]
        return {
            "frame": frame_of(session, clerk),
            "lanes": [(lane, _waiting_in(waiting, lane)) for lane in (*standing, *going)],
            "peers": peers_of(session),
        }

    return page(request, "operations/lanes.html", done=done, **door.transact(work))


@router.post("/ops/lanes/{event}")
def move_lane(request: Request, event: str) -> Response:
    """Resume a lane that stands, pause one that goes, or try one that waits at once."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "operations")
        if event not in EVENTS:
            raise Invalid(element="event", found=event, allowed="、".join(EVENTS), problem=Problem.CODE)
        destination, subject = form.needed("destination"), form.needed("subject")
        if event in ("pause", "try"):
            exchange.pause(session, destination=destination, subject=subject)
        if event in ("resume", "try"):
            exchange.resume(session, destination=destination, subject=subject, at=clerk.at)
        trust.audit(session, clerk.caller, verb=f"exchange.{event}", subject=f"lane/{destination}/{subject}")

    door.transact(work)
    return see_other(f"/ops/lanes?done={event}")


@router.post("/ops/due/{due_id}/skip")
def skip(request: Request, due_id: int) -> Response:
    """Give up one message for good; the lane behind it goes on."""

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "operations")
        exchange.skip(session, due_id=due_id, at=clerk.at)
        trust.audit(session, clerk.caller, verb="exchange.skip", subject=f"due/{due_id}")

    door.transact(work)
    return see_other("/ops/lanes?done=skip")


@router.post("/ops/due/{due_id}/again")
def send_again(request: Request, due_id: int) -> Response:
    """Send a message that was refused or skipped once more, as a new message with the same facts."""

    def work(session: Session) -> int:
        clerk = sessions.clerk(session, request, "operations")
        old = exchange.due(session, due_id)
        if old.state not in AGAIN:
            raise NotToBeSentAgain(due_id=due_id, state=old.state)
        new = exchange.post(
            session,
            clerk.caller,
            destination=old.destination,
            subject=old.subject,
            kind=old.kind,
            snapshot=old.snapshot,
        )
        trust.audit(session, clerk.caller, verb="exchange.post", subject=f"due/{due_id} again as due/{new}")
        return new

    return see_other(f"/ops/due?open={door.transact(work)}&done=again")


def _waiting_in(waiting: Any, lane: Lane) -> list[Due]:
    """What waits in a lane, oldest first, among the recent."""
    own = [row for row in waiting if (row.destination, row.subject) == (lane.destination, lane.subject)]
    return own[::-1]
