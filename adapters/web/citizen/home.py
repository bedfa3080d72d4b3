"""The first page: the next appointment, the card, and six doors (four in elder mode)."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.citizen.me import Card
from adapters.web.citizen.referrals import OVER
from adapters.web.citizen.results import NEW_FOR
from adapters.web.citizen.seen import seen
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import booking, people, records, referrals, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        person = people.person(session, visitor.person_id)
        open_rows = booking.appointments_of(session, visitor.caller, person_id=person.id, states=("booked", "arrived"))
        coming = sorted((row for row in open_rows if row.end_at > visitor.at), key=lambda row: row.start_at)
        sent = referrals.referrals_of(session, visitor.caller, person_id=person.id)
        reports = records.reports(session, visitor.caller, person_id=person.id)
        trust.audit(session, visitor.caller, verb="home", person_id=person.id)
        return {
            "frame": visitor.frame,
            "next": next(iter(seen(session, coming[:1], at=visitor.at)), None),
            "card": Card(person.name, person.card_number),
            "open_referrals": sum(row.state not in OVER for row in sent),
            "new_results": sum(row.issued_at > visitor.at - NEW_FOR for row in reports),
        }

    return page(request, "citizen/home.html", **door.transact(work))
