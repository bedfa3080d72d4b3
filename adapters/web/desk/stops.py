"""Stop a clinic in one command, see what became of everybody, call those who were not reached, pay fees back."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.desk.frame import clerk_of
from adapters.web.forms import Form, form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import booking, directory, people, trust
from hub.booking import OUTCOMES
from hub.faults import Fault, Invalid, Unavailable
from hub.units import CHINA, day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
KNOWN = ("not-reached", "waiting", "told", "reached", "nothing")
TYPED = ("department", "practitioner", "since", "until", "reason", "then")


@router.get("/desk/stops")
def stops(request: Request) -> Response:
    """The form; once it is filled, what the stop would meet; below, the stops so far and fees owed back."""
    query = query_of(request)
    view = door.transact(lambda session: _view(session, clerk_of(session, request), query))
    return _answer(request, view)


@router.post("/desk/stops")
def stop(request: Request) -> Response:
    """Stop the clinic. Pressing twice stops once; what was typed stays when it is refused."""
    form = form_of(request)

    def work(session: Session) -> int | dict[str, Any]:
        clerk = clerk_of(session, request)
        try:
            with session.begin_nested():
                row = booking.stop(
                    session, clerk.caller, reason=form.needed("reason", limit=200), **_where(form), rebook=_rebook(form)
                )
        except Unavailable:
            raise
        except Fault as fault:
            trust.audit(session, clerk.caller, verb="booking.stop", outcome=fault.code)
            return _view(session, clerk, form) | {"fault": fault}
        trust.audit(session, clerk.caller, verb="booking.stop", subject=f"stop/{row.id}")
        return row.id

    found = door.transact(work)
    return see_other(f"/desk/stops/{found}") if isinstance(found, int) else _answer(request, found)


@router.get("/desk/stops/{stop}")
def one(request: Request, stop: int) -> Response:
    """Everybody the stop met, those first who should be called."""
    wanted = query_of(request).text("known", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        row, found = booking.contacts(session, clerk.caller, stop_id=stop)
        trust.audit(session, clerk.caller, verb="booking.contacts", subject=f"stop/{row.id}")
        department = directory.department(session, row.department_id)
        doctor = directory.practitioner(session, row.practitioner_id).name if row.practitioner_id else ""
        shown = [each for each in found if not wanted or each.known == wanted]
        return {
            "frame": clerk.frame,
            "stop": row,
            "department": department,
            "doctor_name": doctor,
            "counts": [(known, sum(each.known == known for each in found)) for known in KNOWN],
            "people": [(each, people.person(session, each.visit.person_id)) for each in shown],
            "known": wanted if wanted in KNOWN else "",
            "met": len(found),
            "open_visits": sum(each.visit.state == "waiting" for each in found),
            "outcomes": OUTCOMES,
        }

    return page(request, "desk/stop.html", **door.transact(work))


@router.post("/desk/stops/{stop}/visits/{stopped_visit}")
def called(request: Request, stop: int, stopped_visit: int) -> Response:
    """What came of a call. A form sent twice is one call."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "desk")
        visit = booking.record_call(
            session,
            clerk.caller,
            visit_id=stopped_visit,
            outcome=form.text("outcome", limit=20),
            after_calls=form.number("calls"),
            note=form.text("note", limit=200),
        )
        subject = f"appointment/{visit.appointment_id}"
        trust.audit(session, clerk.caller, verb="booking.record_call", person_id=visit.person_id, subject=subject)

    door.transact(work)
    return see_other(f"/desk/stops/{stop}")


@router.post("/desk/refunds/{appointment_id}")
def refund(request: Request, appointment_id: int) -> Response:
    """A fee has been paid back under a receipt."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "desk")
        receipt = form.needed("receipt", limit=60)
        booking.refund_fee(session, clerk.caller, appointment_id=appointment_id, receipt=receipt)
        trust.audit(session, clerk.caller, verb="booking.refund_fee", subject=f"appointment/{appointment_id}")

    door.transact(work)
    return see_other("/desk/stops#refunds")


def _view(session: Session, clerk: sessions.Clerk, sent: Form) -> dict[str, Any]:
    preview, fault = _preview(session, clerk, sent)
    rows = booking.stops(session, clerk.caller)
    departments = directory.departments(session, clerk.organisation_id)
    return {
        "frame": clerk.frame,
        "departments": departments,
        "practitioners": directory.practitioners(session, clerk.organisation_id),
        "typed": {name: sent.text(name, limit=200) for name in TYPED} | _usual(sent, clerk.at),
        "preview": preview,
        "fault": fault,
        "stops": rows,
        "names": {each.id: each for each in departments},
        "refunds": _refunds(session, clerk),
    }


def _answer(request: Request, view: dict[str, Any]) -> Response:
    fault = view.pop("fault")
    trouble = trouble_of(request, fault) if fault else None
    status = status_of(fault) if fault else 200
    return page(request, "desk/stops.html", status=status, trouble=trouble, **view)


def _preview(session: Session, clerk: sessions.Clerk, sent: Form) -> tuple[booking.Preview | None, Fault | None]:
    if not sent.text("department") or not sent.text("since"):
        return None, None
    try:
        return booking.preview_stop(session, clerk.caller, **_where(sent)), None
    except Fault as fault:
        return None, fault


def _where(sent: Form) -> dict[str, Any]:
    """Which clinic, from when to when, as the verbs take it. Refuses: Missing, Invalid."""
    return {
        "department_id": sent.needed("department", limit=40),
        "practitioner_id": sent.text("practitioner", limit=40) or None,
        "since": _instant(sent, "since"),
        "until": _instant(sent, "until"),
    }


def _instant(sent: Form, name: str) -> datetime:
    """A day and a time in China as a form has them: 2026-11-23T08:00."""
    text = sent.needed(name, limit=40)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None or not 2000 <= moment.year < 2200:
        raise Invalid(element=name, found=text[:20], allowed="2026-11-23T08:00")
    return moment.replace(tzinfo=CHINA)


def _usual(sent: Form, at: datetime) -> dict[str, str]:
    """Until something was typed: the whole of tomorrow, and people are moved."""
    if sent.text("since"):
        return {}
    tomorrow = day_of(at) + timedelta(days=1)
    return {"since": f"{tomorrow}T00:00", "until": f"{tomorrow + timedelta(days=1)}T00:00", "then": "move"}


def _rebook(sent: Form) -> bool:
    return sent.text("then", limit=10) != "cancel"


def _refunds(session: Session, clerk: sessions.Clerk) -> list[Any]:
    rows = booking.refunds_due(session, clerk.caller, limit=100)
    found = {row.appointment_id: booking.appointment(session, clerk.caller, row.appointment_id) for row in rows}
    return [(row, people.person(session, found[row.appointment_id].person_id)) for row in rows]
