"""A new referral in one page: patient, where to, a reserved place, what the insurance does, send."""

import re
import secrets
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.desk.frame import clerk_of
from adapters.web.desk.patients import patient
from adapters.web.effect import Effect, insurance_effect
from adapters.web.forms import Form, form_of, query_of
from adapters.web.look import look_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import booking, directory, journeys, people, records, referrals, trust
from hub.directory import Department
from hub.faults import Conflict, Fault, Invalid, Refused, Unknown
from hub.records import Diagnosis
from hub.referrals import CarePlan, ReferralFacts
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
TIERS = ("tertiary", "county", "community", "village")
PLACES_SHOWN = 8
LOOK_AHEAD_DAYS = 13
_CODED = re.compile(r"\s*([A-Z]\d{2}(?:\.[0-9A-Za-z+*x]{1,6})?)\s+(.+)", re.IGNORECASE)


@router.get("/desk/refer")
def refer_page(request: Request) -> Response:
    query, language = query_of(request), look_of(request).language
    view = door.transact(lambda session: _view(session, clerk_of(session, request), query, language))
    return _page(request, view)


@router.post("/desk/refer")
def refer(request: Request) -> Response:
    """Send it: referral, reserved place and filing in one transaction. What was typed stays when it is refused."""
    form, language = form_of(request), look_of(request).language

    def work(session: Session) -> int | dict[str, Any]:
        clerk = clerk_of(session, request)
        try:
            with session.begin_nested():
                made = _send(session, clerk, form)
        except (Conflict, Refused, Invalid) as fault:
            trust.audit(session, clerk.caller, verb="journeys.refer", outcome=fault.code)
            return {**_view(session, clerk, form, language), "fault": fault}
        trust.audit(
            session, clerk.caller, verb="journeys.refer", person_id=made.person_id, subject=f"referral/{made.id}"
        )
        return made.id

    found = door.transact(work)
    if isinstance(found, int):
        return see_other(f"/desk/referrals/out?group=all&open={found}&done=send")
    return _page(request, found)


def _send(session: Session, clerk: sessions.Clerk, form: Form) -> referrals.Referral:
    slot_id = form.maybe_number("slot_id")
    diagnoses = diagnoses_of(form.needed("diagnoses"))
    if form.text("from"):
        return journeys.refer_down(
            session,
            clerk.caller,
            referral_id=form.number("from"),
            care_plan=_care_plan(form) or CarePlan(),
            reason=form.text("reason"),
            receiver_id=form.needed("receiver"),
            receiver_department_id=form.text("department") or None,
            diagnoses=diagnoses,
            placer_number=form.text("sheet", limit=30) or None,
            slot_id=slot_id,
        )
    facts = ReferralFacts(
        person_id=form.number("person_id"),
        sender_id=clerk.organisation_id,
        sender_practitioner_id=clerk.caller.practitioner_id,
        receiver_id=form.needed("receiver"),
        receiver_department_id=form.text("department") or None,
        reason=form.text("reason"),
        chief_complaint=form.text("complaint", limit=500),
        treatment=form.text("treatment"),
        diagnoses=diagnoses,
        priority="urgent" if form.text("priority") == "urgent" else "routine",
        care_plan=_care_plan(form),
        placer_number=form.text("sheet", limit=30) or None,
        previous_id=form.number("again") if form.text("again") else None,
    )
    filed = form.text("file") == "1"
    return journeys.refer(session, clerk.caller, facts=facts, slot_id=slot_id, file_with_insurance=filed)


def _view(session: Session, clerk: sessions.Clerk, asked: Form, language: str) -> dict[str, Any]:
    up = referrals.referral(session, clerk.caller, asked.number("from")) if asked.text("from") else None
    again = referrals.referral(session, clerk.caller, asked.number("again")) if asked.text("again") else None
    person, fault = _person(session, clerk, asked, up or again)
    said_before = _said_before(again) if again and not asked.text("diagnoses") else {}
    receiver_id = asked.text("receiver", limit=60) or (up.sender_id if up else "")
    department_id = asked.text("department", limit=40)
    if "/" in receiver_id:
        receiver_id, _, department_id = receiver_id.partition("/")
    receiver = directory.organisation(session, receiver_id) if receiver_id else None
    department = directory.department(session, department_id) if department_id else None
    return {
        "frame": clerk.frame,
        "fault": fault,
        "from_referral": up,
        "again": again,
        # A sheet is numbered before it is filled in, so that sending it twice is one referral.
        "sheet": asked.text("sheet", limit=30) or f"W{day_of(clerk.at):%y%m%d}-{secrets.token_hex(3).upper()}",
        "person": person,
        "number": asked.text("number", limit=60),
        "targets": _targets(session, clerk),
        "receiver": receiver,
        "department": department,
        "direction": referrals.direction_between(clerk.organisation, receiver) if receiver else "",
        "places": _places(session, clerk, receiver.id, department) if receiver else [],
        "known": _known_diagnoses(session, clerk, person, up or again),
        "effect": _effect(session, clerk, person, receiver, language),
        "typed": {name: asked.text(name) or said_before.get(name, "") for name in TYPED},
    }


def _said_before(row: referrals.Referral) -> dict[str, str]:
    """What the letter said that did not come about, to be sent elsewhere."""
    plan = row.care_plan or {}
    return {
        **{name: "\n".join(plan.get(name, ())) for name in ("medicines", "warning_signs", "follow_up")},
        **{name: plan.get(name, "") for name in ("summary", "next_visit")},
        "diagnoses": "\n".join(f"{each['code']} {each['name']}" for each in row.diagnoses),
        "complaint": row.chief_complaint,
        "reason": row.reason,
        "treatment": row.treatment,
        "priority": row.priority,
        "file": "1",
    }


TYPED = (
    "diagnoses",
    "complaint",
    "reason",
    "treatment",
    "priority",
    "slot_id",
    "file",
    "summary",
    "medicines",
    "warning_signs",
    "follow_up",
    "next_visit",
)


def _page(request: Request, view: dict[str, Any]) -> Response:
    fault: Fault | None = view.pop("fault")
    trouble = trouble_of(request, fault) if fault else None
    return page(request, "desk/refer.html", status=status_of(fault) if fault else 200, trouble=trouble, **view)


def _person(
    session: Session, clerk: sessions.Clerk, asked: Form, up: referrals.Referral | None
) -> tuple[people.Person | None, Fault | None]:
    if up is not None:
        return people.person(session, up.person_id), None
    if asked.text("person_id"):
        return people.person(session, asked.number("person_id")), None
    if not asked.text("number"):
        return None, None
    try:
        person = patient(session, clerk, asked.text("number", limit=60))
    except Unknown as fault:
        trust.audit(session, clerk.caller, verb="people.resolve", outcome=fault.code)
        return None, fault
    trust.audit(session, clerk.caller, verb="people.resolve", person_id=person.id)
    return person, None


def _effect(
    session: Session,
    clerk: sessions.Clerk,
    person: people.Person | None,
    receiver: directory.Organisation | None,
    language: str,
) -> Effect | None:
    if person is None or receiver is None:
        return None
    return insurance_effect(
        session,
        clerk.caller,
        person_id=person.id,
        sender_id=clerk.organisation_id,
        receiver_id=receiver.id,
        filed=True,
        language=language,
    )


def _targets(session: Session, clerk: sessions.Clerk) -> list[tuple[directory.Organisation, list[Department]]]:
    return [
        (hospital, list(directory.departments(session, hospital.id)))
        for hospital in directory.organisations(session, tiers=TIERS)
        if hospital.id != clerk.organisation_id
    ]


def _places(
    session: Session, clerk: sessions.Clerk, receiver_id: str, department: Department | None
) -> list[booking.Offer]:
    """The receiver's next free places, those kept for referrals first."""
    today = day_of(clerk.at)
    free = booking.search(
        session,
        clerk.caller,
        day_from=today,
        day_to=today.fromordinal(today.toordinal() + LOOK_AHEAD_DAYS),
        organisation_id=receiver_id,
        department_id=department.id if department else None,
        only_free=True,
        limit=200,
    )
    return sorted(free, key=lambda offer: offer.pool != "referral")[:PLACES_SHOWN]


def _known_diagnoses(
    session: Session, clerk: sessions.Clerk, person: people.Person | None, up: referrals.Referral | None
) -> list[str]:
    """Diagnoses already written down for this person, to choose from."""
    found = list(up.diagnoses) if up else []
    if person is not None:
        try:
            visits = records.visits(session, clerk.caller, person_id=person.id)
        except Unknown:
            visits = []
        found += [diagnosis for visit in visits for diagnosis in visit.diagnoses]
    return list(dict.fromkeys(f"{each['code']} {each['name']}" for each in found))


def diagnoses_of(text: str) -> tuple[Diagnosis, ...]:
    """One a line, code then name: `I20.0 不稳定型心绞痛`. Refuses: Invalid."""
    found = []
    for line in filter(None, map(str.strip, re.split(r"[\n;；]", text))):
        match = _CODED.fullmatch(line)
        if match is None:
            raise Invalid(element="diagnoses", found=line[:40], allowed="I20.0 不稳定型心绞痛")
        found.append(Diagnosis(code=match[1].upper(), name=match[2].strip()))
    return tuple(found)


def _care_plan(form: Form) -> CarePlan | None:
    plan = CarePlan()
    if form.text("summary"):
        plan["summary"] = form.text("summary")
    if form.text("medicines"):
        plan["medicines"] = _lines(form.text("medicines"))
    if form.text("warning_signs"):
        plan["warning_signs"] = _lines(form.text("warning_signs"))
    if form.text("follow_up"):
        plan["follow_up"] = _lines(form.text("follow_up"))
    if form.text("next_visit"):
        plan["next_visit"] = form.text("next_visit", limit=20)
    return plan or None


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, re.split(r"[\n;；、]", text)) if line]
