"""What every page of operations shows: how many lanes stand, and what the other ends are called."""

from dataclasses import replace

from sqlalchemy.orm import Session
from starlette.requests import Request

from adapters.web import sessions
from adapters.web.pages import Frame
from adapters.web.sessions import Clerk
from hub import directory, exchange
from hub.settlement import upstream

SMS = "sms"


def frame_of(session: Session, clerk: Clerk) -> Frame:
    """The clerk's frame with the number of lanes in trouble, and of questions to platforms that are open."""
    waiting = (("lanes", len(exchange.lanes(session))), ("platforms", len(upstream.still_open(session))))
    return replace(clerk.frame, counts=waiting)


def operator_of(session: Session, request: Request) -> Clerk:
    """The member of staff at operations, with the numbers beside the navigation."""
    clerk = sessions.clerk(session, request, "operations")
    return replace(clerk, frame=frame_of(session, clerk))


def peers_of(session: Session) -> dict[str, directory.Organisation]:
    """The institutions that messages come from and go to, by id."""
    return {row.id: row for row in directory.organisations(session)}
