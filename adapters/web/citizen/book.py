"""Find and book in four steps: where, when, confirm, done. A place is held while the citizen confirms."""

from datetime import UTC, date, datetime
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
from hub.booking import HOLD_LASTS
from hub.directory import Department, Organisation
from hub.faults import Conflict, Fault, Refused
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Place = tuple[Organisation, Department]
TIERS = ("tertiary", "county", "community", "village")
COMPLAINTS: dict[str, tuple[str, ...]] = {
    "心血管": ("心", "胸闷", "胸痛", "血压", "heart", "chest"),
    "呼吸": ("咳", "喘", "肺", "cough", "lung"),
    "眼": ("眼", "看不清", "eye"),
    "消化": ("肚子", "胃", "腹", "stomach"),
    "神经": ("头痛", "头晕", "中风", "head"),
    "骨": ("腿", "腰", "骨", "摔", "back", "bone"),
    "儿": ("孩子", "小孩", "发烧", "child", "fever"),
    "妇": ("怀孕", "月经", "产检", "pregnan"),
    "内分泌": ("血糖", "糖尿", "甲状腺", "diabetes"),
    "全科": ("感冒", "体检", "配药", "发烧", "cold", "check"),
}
"""Which departments see which complaint, in the words people use; a department is found by its own name too."""


@router.get("/book")
def where(request: Request) -> Response:
    """Step 1: hospitals and their departments, or what the search found."""
    wanted = query_of(request).text("q", limit=60)

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        pairs = [
            (hospital, department)
            for hospital in directory.organisations(session, tiers=TIERS)
            for department in directory.departments(session, hospital.id)
        ]
        trust.audit(session, visitor.caller, verb="directory.departments")
        return {"frame": visitor.frame, "tiers": _by_tier(pairs), "found": _matching(pairs, wanted) if wanted else []}

    return page(request, "citizen/book_where.html", wanted=wanted, **door.transact(work))


@router.get("/book/confirm")
def confirm_page(request: Request) -> Response:
    """Step 3: who for, when, where, what it costs; until when the place is kept."""
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        offer = booking.offer(session, query.number("slot_id"), at=visitor.at)
        trust.audit(session, visitor.caller, verb="booking.offer", subject=f"slot/{offer.slot_id}")
        return _confirmation(visitor, offer, query)

    return page(request, "citizen/book_confirm.html", **door.transact(work))


@router.post("/book/confirm")
def confirm(request: Request) -> Response:
    """Book. Pressing twice books once: the second answer leads to the appointment that stands."""
    form = form_of(request)

    def work(session: Session) -> int | tuple[Fault, dict[str, Any]]:
        visitor = sessions.citizen(session, request)
        slot_id, person_id = form.number("slot_id"), form.number("person_id")
        try:
            with session.begin_nested():
                made = booking.book(
                    session,
                    visitor.caller,
                    slot_id=slot_id,
                    person_id=person_id,
                    channel="app",
                    reason=form.text("reason", limit=200),
                )
        except booking.AlreadyBooked as standing:
            if standing.facts.get("slot_id", slot_id) == slot_id and _same_slot(session, visitor, standing, slot_id):
                return int(standing.facts["appointment_id"])
            return standing, _confirmation(visitor, booking.offer(session, slot_id, at=visitor.at), form)
        except (Conflict, Refused) as fault:
            trust.audit(session, visitor.caller, verb="booking.book", outcome=fault.code, person_id=person_id)
            return fault, _confirmation(visitor, booking.offer(session, slot_id, at=visitor.at), form)
        trust.audit(session, visitor.caller, verb="booking.book", person_id=person_id, subject=f"appointment/{made.id}")
        return made.id

    found = door.transact(work)
    if isinstance(found, int):
        return see_other(f"/appointments/{found}?done=booked")
    fault, view = found
    trouble = trouble_of(request, fault)
    return page(request, "citizen/book_confirm.html", status=status_of(fault), trouble=trouble, **view)


@router.get("/book/{department_id}")
def when(request: Request, department_id: str) -> Response:
    """Step 2: a week as a strip, the day's slots by doctor."""
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        trust.audit(session, visitor.caller, verb="booking.search", subject=f"department/{department_id}")
        return when_view(session, visitor, department_id, query)

    return page(request, "citizen/book_when.html", **door.transact(work))


@router.post("/book/{department_id}")
def choose(request: Request, department_id: str) -> Response:
    """Hold the chosen place, and on to confirming. When it is gone meanwhile, the page shows what is left."""
    form = form_of(request)

    def work(session: Session) -> tuple[int, datetime] | tuple[Fault, dict[str, Any]]:
        visitor = sessions.citizen(session, request)
        slot_id, person_id = form.number("slot_id"), form.number("person_id")
        try:
            with session.begin_nested():
                held = booking.hold(session, visitor.caller, slot_id=slot_id, person_id=person_id, channel="app")
        except (Conflict, Refused) as fault:
            trust.audit(session, visitor.caller, verb="booking.hold", outcome=fault.code, person_id=person_id)
            day = day_of(booking.offer(session, slot_id, at=visitor.at).start_at)
            return fault, when_view(session, visitor, department_id, Form({"day": day.isoformat()}))
        trust.audit(session, visitor.caller, verb="booking.hold", person_id=person_id, subject=f"slot/{slot_id}")
        return slot_id, held.expires_at

    found = door.transact(work)
    if isinstance(found[0], Fault):
        fault, view = found
        trouble = trouble_of(request, fault)
        return page(request, "citizen/book_when.html", status=status_of(fault), **{**view, "trouble": trouble})
    slot_id, until = found
    return see_other(f"/book/confirm?slot_id={slot_id}&until={int(until.timestamp())}")


def when_view(
    session: Session,
    visitor: sessions.Visitor,
    department_id: str,
    query: Form,
    *,
    moving: booking.Appointment | None = None,
) -> dict[str, Any]:
    """Days and slots of a department, to book or (`moving`) to move an appointment to."""
    today = day_of(visitor.at)
    asked = query.day("day", today) if query.text("day") else None
    start = calendar.week_start(query.day("week", asked or today), today)
    path = f"/appointments/{moving.id}/move" if moving else f"/book/{department_id}"
    offers = booking.search(session, visitor.caller, day_from=start, day_to=_last(start), department_id=department_id)
    chosen = calendar.first_free(calendar.strip(offers, start=start, chosen=None, path=path), asked)
    previous_week, next_week = calendar.other_weeks(start, today, path)
    department = directory.department(session, department_id)
    return {
        "frame": visitor.frame,
        "person_id": visitor.person_id,
        "department": department,
        "hospital": directory.organisation(session, department.organisation_id),
        "days": calendar.strip(offers, start=start, chosen=chosen, path=path),
        "doctors": calendar.by_doctor(offers, chosen, own_slot=moving.slot_id if moving else None),
        "previous_week": previous_week,
        "next_week": next_week,
        "moving": moving,
        "action": path,
        "back_to": f"/appointments/{moving.id}" if moving else "/book",
        "trouble": None,
    }


def _confirmation(visitor: sessions.Visitor, offer: booking.Offer, sent: Form) -> dict[str, Any]:
    return {
        "frame": visitor.frame,
        "person_id": visitor.person_id,
        "offer": offer,
        "held_until": _until(sent.text("until", limit=20), visitor.at),
        "reason": sent.text("reason", limit=200),
        "hold_until_sent": sent.text("until", limit=20),
        "back_to": f"/book/{offer.department_id}?day={day_of(offer.start_at).isoformat()}",
        "trouble": None,
    }


def _until(text: str, at: datetime) -> datetime | None:
    """When the hold ends, as the address says it; nothing that no hold could be."""
    if not text.isdigit():
        return None
    until = datetime.fromtimestamp(int(text), UTC)
    return until if at < until <= at + HOLD_LASTS else None


def _same_slot(session: Session, visitor: sessions.Visitor, standing: booking.AlreadyBooked, slot_id: int) -> bool:
    row = booking.appointment(session, visitor.caller, int(standing.facts["appointment_id"]))
    return row.slot_id == slot_id


def _last(start: date) -> date:
    return date.fromordinal(start.toordinal() + calendar.WEEK_DAYS - 1)


def _by_tier(
    pairs: list[tuple[Organisation, Department]],
) -> list[tuple[str, list[tuple[Organisation, list[Department]]]]]:
    found: dict[str, dict[str, tuple[Organisation, list[Department]]]] = {}
    for hospital, department in pairs:
        tier = found.setdefault(hospital.tier, {})
        tier.setdefault(hospital.id, (hospital, []))[1].append(department)
    return [(tier, list(found[tier].values())) for tier in TIERS if tier in found]


def _matching(pairs: list[tuple[Organisation, Department]], wanted: str) -> list[tuple[Organisation, Department]]:
    """By name of department or hospital, or by what people say hurts."""
    text = wanted.casefold()
    heads = [head for head, complaints in COMPLAINTS.items() if any(word in text for word in complaints)]
    return [
        (hospital, department)
        for hospital, department in pairs
        if text in f"{hospital.name}{department.name} {hospital.name_en} {department.name_en}".casefold()
        or any(head in department.name for head in heads)
    ]
