"""The first page: the next appointment, the card, and six doors (four in elder mode)."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.citizen.me import Card
from adapters.web.citizen.seen import seen
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import booking, people, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        person = people.person(session, visitor.person_id)
        open_rows = booking.appointments_of(session, visitor.caller, person_id=person.id, states=("booked", "arrived"))
        coming = sorted((row for row in open_rows if row.end_at > visitor.at), key=lambda row: row.start_at)
        trust.audit(session, visitor.caller, verb="home", person_id=person.id)
        return {
            "frame": visitor.frame,
            "next": next(iter(seen(session, coming[:1], at=visitor.at)), None),
            "card": Card(person.name, person.card_number),
            "open_referrals": 0,
            "new_results": 0,
        }

    return page(request, "citizen/home.html", **door.transact(work))
