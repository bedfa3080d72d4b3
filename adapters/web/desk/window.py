"""The window clerk books for somebody standing there, and prints a slip."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import calendar, sessions
from adapters.web.desk.frame import clerk_of
from adapters.web.desk.patients import patient
from adapters.web.forms import Form, form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import booking, directory, people, trust
from hub.faults import Conflict, Fault, Refused, Unknown
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/desk/window")
def window(request: Request) -> Response:
    """Patient, department, day, slots: everything chosen stands in the address, nothing is lost by going back."""
    query = query_of(request)
    found = door.transact(lambda session: _view(session, clerk_of(session, request), query))
    fault = found.pop("fault")
    trouble = trouble_of(request, fault) if fault else None
    status = status_of(fault) if fault else 200
    return page(request, "desk/window.html", status=status, trouble=trouble, **found)


@router.post("/desk/window")
def book(request: Request) -> Response:
    """Book at the counter. What was chosen stays when the place is gone meanwhile."""
    form = form_of(request)

    def work(session: Session) -> int | dict[str, Any]:
        clerk = clerk_of(session, request)
        person_id = form.number("person_id")
        try:
            with session.begin_nested():
                made = booking.book(
                    session,
                    clerk.caller,
                    slot_id=form.number("slot_id"),
                    person_id=person_id,
                    channel="window",
                    reason=form.text("reason", limit=200),
                )
        except (Conflict, Refused) as fault:
            trust.audit(session, clerk.caller, verb="booking.book", outcome=fault.code, person_id=person_id)
            return {**_view(session, clerk, form), "fault": fault}
        trust.audit(session, clerk.caller, verb="booking.book", person_id=person_id, subject=f"appointment/{made.id}")
        return made.id

    found = door.transact(work)
    if isinstance(found, int):
        return see_other(f"/desk/slips/{found}")
    fault = found.pop("fault")
    trouble = trouble_of(request, fault)
    return page(request, "desk/window.html", status=status_of(fault), trouble=trouble, **found)


@router.get("/desk/slips/{appointment_id}")
def slip(request: Request, appointment_id: int) -> Response:
    """The slip for the patient's hand, to be printed."""

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        row = booking.appointment(session, clerk.caller, appointment_id)
        trust.audit(
            session,
            clerk.caller,
            verb="booking.appointment",
            person_id=row.person_id,
            subject=f"appointment/{row.id}",
        )
        return {
            "frame": clerk.frame,
            "appointment": row,
            "offer": booking.offer(session, row.slot_id, at=clerk.at),
            "person": people.person(session, row.person_id),
            "hospital": clerk.organisation,
        }

    return page(request, "desk/slip.html", **door.transact(work))


def _view(session: Session, clerk: sessions.Clerk, asked: Form) -> dict[str, Any]:
    number, department_id = asked.text("number", limit=60), asked.text("department", limit=40)
    today = day_of(clerk.at)
    day = asked.day("day", today) if asked.text("day") else None
    person, fault = _person(session, clerk, number)
    view: dict[str, Any] = {
        "frame": clerk.frame,
        "number": number,
        "department_id": department_id,
        "person": person,
        "fault": fault,
        "departments": directory.departments(session, clerk.organisation_id),
        "days": (),
        "doctors": (),
        "reason": asked.text("reason", limit=200),
        "already": [],
    }
    if person is not None:
        view["already"] = _already(session, clerk, person)
    if person is not None and department_id:
        start = calendar.week_start(day or today, today)
        last = start.fromordinal(start.toordinal() + calendar.WEEK_DAYS - 1)
        offers = booking.search(session, clerk.caller, day_from=start, day_to=last, department_id=department_id)
        chosen = calendar.first_free(calendar.strip(offers, start=start, chosen=None, path=""), day)
        kept = {"number": number, "department": department_id}
        view["days"] = calendar.strip(offers, start=start, chosen=chosen, path="/desk/window", kept=kept)
        view["doctors"] = calendar.by_doctor(offers, chosen)
        view["day"] = chosen
    return view


def _person(session: Session, clerk: sessions.Clerk, number: str) -> tuple[people.Person | None, Fault | None]:
    if not number:
        return None, None
    try:
        person = patient(session, clerk, number)
    except Unknown as fault:
        trust.audit(session, clerk.caller, verb="people.resolve", outcome=fault.code)
        return None, fault
    trust.audit(session, clerk.caller, verb="people.resolve", person_id=person.id)
    return person, None


def _already(session: Session, clerk: sessions.Clerk, person: people.Person) -> list[Any]:
    """What the person has already booked here, so that nobody books twice."""
    try:
        rows = booking.appointments_of(session, clerk.caller, person_id=person.id, states=("booked",))
    except Unknown:
        return []
    coming = [row for row in rows if row.start_at > clerk.at and row.organisation_id == clerk.organisation_id]
    offers = booking.offers(session, {row.slot_id for row in coming}, at=clerk.at)
    return [(row, offers[row.slot_id]) for row in coming]
