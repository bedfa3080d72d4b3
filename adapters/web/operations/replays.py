"""Refused messages done once more: first what it would do, then the doing; one of them may be corrected by hand."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door, replays
from adapters.replays import Replay
from adapters.web import sessions
from adapters.web.forms import form_of, query_of
from adapters.web.operations.frame import frame_of, peers_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import exchange, trust
from hub.exchange import HeardMessage
from hub.trust import Caller

router = APIRouter(route_class=PageRoute, include_in_schema=False)
MOST = 50
LONGEST_TEXT = 1_000_000


def replayable(row: HeardMessage) -> bool:
    """Whether the page offers to do a message once more."""
    return row.door == replays.DOOR and exchange.may_be_replayed(row)


@router.get("/ops/heard/correct")
def correct(request: Request) -> Response:
    """One message in full, to be corrected by hand: who has seen it stands in the audit."""

    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        row = exchange.heard(session, query_of(request).number("message"))
        trust.audit(session, clerk.caller, verb="exchange.heard.unmasked", subject=f"heard/{row.id}")
        would = replays.replayer().preview(session, clerk.caller, row.id)
        return _view(session, clerk, [would], replays.replayer().readable(row.body))

    return page(request, "operations/replay.html", **door.transact(work))


@router.post("/ops/heard/preview")
def preview(request: Request) -> Response:
    """What would come of it; nothing is written but the audit."""
    form = form_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = sessions.clerk(session, request, "operations")
        message_ids, text = sorted(form.numbers("message", most=MOST)), form.as_typed("text", limit=LONGEST_TEXT)
        for message_id in message_ids:
            trust.audit(session, clerk.caller, verb="exchange.replay.preview", subject=f"heard/{message_id}")
        would = [replays.replayer().preview(session, clerk.caller, message_id, text=text) for message_id in message_ids]
        return _view(session, clerk, would, text)

    return page(request, "operations/replay.html", **door.transact(work))


@router.post("/ops/heard/replay")
def replay(request: Request) -> Response:
    """Do them; the newest message is shown when it was one, the list of replays when they were several."""
    form = form_of(request)

    def check(session: Session) -> Caller:
        return sessions.clerk(session, request, "operations").caller

    operator = door.transact(check)
    message_ids, text = form.numbers("message", most=MOST), form.as_typed("text", limit=LONGEST_TEXT)
    if len(message_ids) == 1:
        found = door.transact(lambda session: replays.replayer().replay(session, operator, message_ids[0], text=text))
        return see_other(f"/ops/heard?open={found.new_id}&done={int(found.accepted)}&of=1")
    done = replays.replayer().replay_each(operator, message_ids)
    return see_other(f"/ops/heard?faults=replays&done={sum(one.accepted for one in done)}&of={len(done)}")


def _view(session: Session, clerk: sessions.Clerk, would: list[Replay], text: str | None) -> dict[str, Any]:
    return {"frame": frame_of(session, clerk), "peers": peers_of(session), "would": would, "text": text}
