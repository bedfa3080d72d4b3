"""Today's appointments of the hospital: who comes when, checked in, seen, or missed."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.desk.frame import clerk_of
from adapters.web.forms import form_of, query_of
from adapters.web.look import safe_path
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import booking, directory, journeys, people, trust
from hub.booking import APPOINTMENT
from hub.faults import Invalid, Problem
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
HERE = ("arrive", "fulfil", "noshow")


@router.get("/desk")
def today(request: Request) -> Response:
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        day = query.day("day", day_of(clerk.at))
        department_id = query.text("department") or None
        rows = booking.day_list(session, clerk.caller, day=day, department_id=department_id)
        trust.audit(session, clerk.caller, verb="booking.day_list", subject=f"day/{day}")
        offers = booking.offers(session, {row.slot_id for row in rows}, at=clerk.at)
        return {
            "frame": clerk.frame,
            "rows": [
                (row, people.person(session, row.person_id), offers[row.slot_id], _possible(row, clerk)) for row in rows
            ],
            "day": day,
            "before": day - timedelta(days=1),
            "after": day + timedelta(days=1),
            "departments": directory.departments(session, clerk.organisation_id),
            "department_id": department_id or "",
        }

    return page(request, "desk/today.html", **door.transact(work))


@router.post("/desk/appointments/{appointment_id}/{event}")
def move(request: Request, appointment_id: int, event: str) -> Response:
    """Checked in, seen, or did not come."""
    back = safe_path(form_of(request).text("back"), "/desk")

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "desk")
        if event == "arrive":
            booking.arrive(session, clerk.caller, appointment_id=appointment_id)
        elif event == "fulfil":
            booking.fulfil(session, clerk.caller, appointment_id=appointment_id)
        elif event == "noshow":
            journeys.miss_appointment(session, clerk.caller, appointment_id=appointment_id)
        else:
            raise Invalid(element="event", found=event, allowed="、".join(HERE), problem=Problem.CODE)
        trust.audit(session, clerk.caller, verb=f"booking.{event}", subject=f"appointment/{appointment_id}")

    door.transact(work)
    return see_other(back)


def _possible(row: booking.Appointment, clerk: sessions.Clerk) -> list[str]:
    """What may be done now; nobody is missed before the time has come."""
    if "booking.write" not in clerk.caller.scopes:
        return []
    allowed = APPOINTMENT.allowed(row.state)
    return [event for event in HERE if event in allowed and (event != "noshow" or row.start_at <= clerk.at)]
