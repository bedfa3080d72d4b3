"""My appointments: the list, one of them, its calendar file, moving and cancelling it."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.citizen.book import when_view
from adapters.web.citizen.seen import Seen, seen
from adapters.web.forms import Form, form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import booking, journeys, trust
from hub.faults import Conflict, Fault, Refused
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/appointments")
def appointments(request: Request) -> Response:
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        rows = booking.appointments_of(session, visitor.caller, person_id=visitor.person_id)
        trust.audit(session, visitor.caller, verb="booking.appointments_of", person_id=visitor.person_id)
        listed = seen(session, rows, at=visitor.at)
        coming = [each for each in listed if each.appointment.state in ("booked", "arrived") and _ahead(each, visitor)]
        done_visit = next((each for each in listed if str(each.appointment.id) == query.text("appointment")), None)
        return {
            "frame": visitor.frame,
            "coming": coming[::-1],
            "past": [each for each in listed if each not in coming],
            "done_visit": done_visit,
        }

    return page(request, "citizen/appointments.html", done=query.text("done"), **door.transact(work))


@router.get("/appointments/{appointment_id}.ics")
def calendar_file(request: Request, appointment_id: int) -> Response:
    """The appointment as a calendar entry (RFC 5545) with a reminder two hours before."""

    def work(session: Session) -> Seen:
        return _one(session, sessions.citizen(session, request), appointment_id)

    text = _icalendar(door.transact(work), sessions.door_of(request).at)
    headers = {"Content-Disposition": f'attachment; filename="onecard-{appointment_id}.ics"'}
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)


@router.get("/appointments/{appointment_id}")
def appointment(request: Request, appointment_id: int) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        return {"frame": visitor.frame, "visit": _one(session, visitor, appointment_id)}

    done = query_of(request).text("done")
    return page(request, "citizen/appointment.html", done=done, **door.transact(work))


@router.get("/appointments/{appointment_id}/move")
def move_page(request: Request, appointment_id: int) -> Response:
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        visit = _one(session, visitor, appointment_id)
        return when_view(session, visitor, visit.offer.department_id, query, moving=visit.appointment)

    return page(request, "citizen/book_when.html", **door.transact(work))


@router.post("/appointments/{appointment_id}/move")
def move(request: Request, appointment_id: int) -> Response:
    """Another slot of the same department; the appointment keeps its id."""
    form = form_of(request)

    def work(session: Session) -> tuple[Fault, dict[str, Any]] | None:
        visitor = sessions.citizen(session, request)
        slot_id, subject = form.number("slot_id"), f"appointment/{appointment_id}"
        try:
            with session.begin_nested():
                booking.reschedule(session, visitor.caller, appointment_id=appointment_id, slot_id=slot_id)
        except (Conflict, Refused) as fault:
            trust.audit(session, visitor.caller, verb="booking.reschedule", outcome=fault.code, subject=subject)
            row = booking.appointment(session, visitor.caller, appointment_id)
            day = day_of(booking.offer(session, slot_id, at=visitor.at).start_at).isoformat()
            return fault, when_view(session, visitor, row.department_id, Form({"day": day}), moving=row)
        trust.audit(session, visitor.caller, verb="booking.reschedule", subject=subject)
        return None

    refused = door.transact(work)
    if refused is None:
        return see_other(f"/appointments/{appointment_id}?done=moved")
    fault, view = refused
    view["trouble"] = trouble_of(request, fault)
    return page(request, "citizen/book_when.html", status=status_of(fault), **view)


@router.get("/appointments/{appointment_id}/cancel")
def cancel_page(request: Request, appointment_id: int) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        return {"frame": visitor.frame, "visit": _one(session, visitor, appointment_id), "trouble": None}

    return page(request, "citizen/appointment_cancel.html", **door.transact(work))


@router.post("/appointments/{appointment_id}/cancel")
def cancel(request: Request, appointment_id: int) -> Response:
    reason = form_of(request).text("reason", limit=200)

    def work(session: Session) -> None:
        visitor = sessions.citizen(session, request)
        journeys.cancel_appointment(session, visitor.caller, appointment_id=appointment_id, reason=reason)
        trust.audit(
            session, visitor.caller, verb="journeys.cancel_appointment", subject=f"appointment/{appointment_id}"
        )

    door.transact(work)
    return see_other(f"/appointments?done=cancelled&appointment={appointment_id}")


def _one(session: Session, visitor: sessions.Visitor, appointment_id: int) -> Seen:
    """One appointment that the visitor may see, audited. Refuses: RecordUnknown."""
    row = booking.appointment(session, visitor.caller, appointment_id)
    trust.audit(
        session,
        visitor.caller,
        verb="booking.appointment",
        person_id=row.person_id,
        subject=f"appointment/{appointment_id}",
    )
    return seen(session, [row], at=visitor.at)[0]


def _ahead(each: Seen, visitor: sessions.Visitor) -> bool:
    return each.appointment.end_at > visitor.at


def _icalendar(visit: Seen, at: datetime) -> str:
    offer = visit.offer
    place = " ".join(filter(None, (offer.organisation_name, offer.department_name, offer.location)))
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//OneCard Hub//appointments//ZH",
        "BEGIN:VEVENT",
        f"UID:appointment-{visit.appointment.id}@onecard",
        f"SEQUENCE:{visit.appointment.version}",
        f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{offer.start_at:%Y%m%dT%H%M%SZ}",
        f"DTEND:{offer.end_at:%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{_escaped(f'看病：{offer.department_name} {visit.appointment.queue_number} 号')}",
        f"LOCATION:{_escaped(place)}",
        f"DESCRIPTION:{_escaped('请提前 15 分钟到，带身份证或一卡通。')}",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:看病",
        "TRIGGER:-PT2H",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def _escaped(text: str) -> str:
    """RFC 5545 3.3.11."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
