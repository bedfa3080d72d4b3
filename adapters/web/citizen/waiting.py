"""My waiting list: how many are before me, what is kept for me and until when; join, accept, decline, leave."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import calendar, sessions
from adapters.web.forms import Form, form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import booking, directory, trust
from hub.faults import Conflict, Fault, Invalid, Problem, Refused
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
EVENTS = ("accept", "decline", "leave")


@router.get("/waiting")
def waiting(request: Request) -> Response:
    """What I wait for; with a department in the address, the form to join."""
    query = query_of(request)
    view = door.transact(lambda session: _view(session, sessions.citizen(session, request), query))
    return page(request, "citizen/waiting.html", trouble=None, done=query.text("done"), **view)


@router.post("/waiting")
def join(request: Request) -> Response:
    """Join. Pressing twice joins once."""
    form = form_of(request)

    def work(session: Session) -> Fault | dict[str, Any] | None:
        visitor = sessions.citizen(session, request)
        today = day_of(visitor.at)
        department_id, person_id = form.needed("department", limit=40), form.number("person_id")
        try:
            with session.begin_nested():
                booking.join_waiting(
                    session,
                    visitor.caller,
                    person_id=person_id,
                    department_id=department_id,
                    practitioner_id=form.text("practitioner", limit=40) or None,
                    day_from=form.day("from", today),
                    day_to=form.day("to", today + timedelta(days=calendar.OPEN_DAYS)),
                    channel="app",
                )
        except (Conflict, Refused, Invalid) as fault:
            trust.audit(session, visitor.caller, verb="booking.join_waiting", outcome=fault.code, person_id=person_id)
            return {"fault": fault, **_view(session, visitor, form)}
        subject = f"department/{department_id}"
        trust.audit(session, visitor.caller, verb="booking.join_waiting", person_id=person_id, subject=subject)
        return None

    refused = door.transact(work)
    if refused is None:
        return see_other("/waiting?done=joined")
    assert isinstance(refused, dict)
    fault = refused.pop("fault")
    trouble = trouble_of(request, fault)
    return page(request, "citizen/waiting.html", status=status_of(fault), trouble=trouble, done="", **refused)


@router.post("/waiting/{wish}/{event}")
def act(request: Request, wish: int, event: str) -> Response:
    """Take the place that is kept, let it go to the next, or wait no longer."""
    form_of(request)

    def work(session: Session) -> str | dict[str, Any]:
        visitor = sessions.citizen(session, request)
        if event not in EVENTS:
            raise Invalid(element="event", found=event, allowed="、".join(EVENTS), problem=Problem.CODE)
        try:
            with session.begin_nested():
                where = _done(session, visitor, wish, event)
        except (Conflict, Refused) as fault:
            trust.audit(session, visitor.caller, verb=f"booking.{event}", outcome=fault.code, subject=f"waiting/{wish}")
            return {"fault": fault, **_view(session, visitor, Form({}))}
        trust.audit(session, visitor.caller, verb=f"booking.{event}", subject=f"waiting/{wish}")
        return where

    found = door.transact(work)
    if isinstance(found, str):
        return see_other(found)
    fault = found.pop("fault")
    trouble = trouble_of(request, fault)
    return page(request, "citizen/waiting.html", status=status_of(fault), trouble=trouble, done="", **found)


def _done(session: Session, visitor: sessions.Visitor, wish_id: int, event: str) -> str:
    if event == "accept":
        made = booking.accept_offer(session, visitor.caller, wish_id=wish_id)
        return f"/appointments/{made.id}?done=booked"
    if event == "decline":
        booking.decline_offer(session, visitor.caller, wish_id=wish_id)
    else:
        booking.leave_waiting(session, visitor.caller, wish_id=wish_id)
    return f"/waiting?done={event}"


def _view(session: Session, visitor: sessions.Visitor, asked: Form) -> dict[str, Any]:
    found = booking.waiting_of(session, visitor.caller, person_id=visitor.person_id)
    trust.audit(session, visitor.caller, verb="booking.waiting_of", person_id=visitor.person_id)
    department_id = asked.text("department", limit=40)
    department = directory.department(session, department_id) if department_id else None
    today = day_of(visitor.at)
    return {
        "frame": visitor.frame,
        "person_id": visitor.person_id,
        "waits": [(each, *_where(session, each)) for each in found],
        "department": department,
        "hospital": directory.organisation(session, department.organisation_id) if department else None,
        "practitioners": directory.practitioners(session, department.organisation_id, department_id=department_id)
        if department
        else (),
        "today": today,
        "last": today + timedelta(days=calendar.OPEN_DAYS),
    }


def _where(session: Session, each: booking.Waiting) -> tuple[Any, Any, str]:
    department = directory.department(session, each.wish.department_id)
    doctor = directory.practitioner(session, each.wish.practitioner_id).name if each.wish.practitioner_id else ""
    return department, directory.organisation(session, department.organisation_id), doctor
