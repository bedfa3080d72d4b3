"""Remote consultations: asked, scheduled, held, signed, countersigned."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.desk.frame import OPEN_CONSULTATIONS, clerk_of
from adapters.web.desk.patients import patient
from adapters.web.desk.referrals import shared_record
from adapters.web.forms import Form, form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import consultations, directory, people, records, trust
from hub.consultations import Consultation, ConsultationFacts
from hub.faults import Conflict, Fault, Invalid, Problem, Refused, Unknown
from hub.trust import Caller

router = APIRouter(route_class=PageRoute, include_in_schema=False)
ORDER = ("countersign", "sign", "begin", "schedule", "decline", "cancel")
EXPERT_TIERS = ("tertiary", "county")


@router.get("/desk/consultations")
def worklist(request: Request) -> Response:
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        group = "all" if query.text("group") == "all" else "open"
        states = OPEN_CONSULTATIONS if group == "open" else None
        rows = consultations.consultations(session, clerk.caller, states=states)
        trust.audit(session, clerk.caller, verb="consultations.consultations")
        return {
            "frame": clerk.frame,
            "group": group,
            "rows": [_seen(session, row) for row in rows],
            "opened": _opened(session, clerk, query.number("open")) if query.text("open") else None,
        }

    return page(request, "desk/consultations.html", done=query.text("done", limit=20), **door.transact(work))


@router.get("/desk/consultations/new")
def ask_page(request: Request) -> Response:
    query = query_of(request)
    view = door.transact(lambda session: _asking(session, clerk_of(session, request), query))
    return _ask_page(request, view)


@router.post("/desk/consultations/new")
def ask(request: Request) -> Response:
    """Ask, and hold the first time at which everybody is free."""
    form = form_of(request)

    def work(session: Session) -> int | dict[str, Any]:
        clerk = clerk_of(session, request)
        try:
            with session.begin_nested():
                made = consultations.request(session, clerk.caller, facts=_facts(clerk, form))
                consultations.schedule(session, clerk.caller, consultation_id=made.id)
        except (Conflict, Refused, Invalid) as fault:
            trust.audit(session, clerk.caller, verb="consultations.request", outcome=fault.code)
            return {**_asking(session, clerk, form), "fault": fault}
        subject = f"consultation/{made.id}"
        trust.audit(session, clerk.caller, verb="consultations.request", person_id=made.person_id, subject=subject)
        return made.id

    found = door.transact(work)
    if isinstance(found, int):
        return see_other(f"/desk/consultations?open={found}&done=request")
    return _ask_page(request, found)


@router.post("/desk/consultations/{consultation_id}/{action}")
def act(request: Request, consultation_id: int, action: str) -> Response:
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "desk")
        if action not in ACTS:
            raise Invalid(element="action", found=action, allowed="、".join(ACTS), problem=Problem.CODE)
        ACTS[action](session, clerk.caller, consultation_id, form)
        subject = f"consultation/{consultation_id}"
        trust.audit(session, clerk.caller, verb=f"consultations.{action}", subject=subject)

    door.transact(work)
    return see_other(f"/desk/consultations?group=all&open={consultation_id}&done={action}")


def _opened(session: Session, clerk: sessions.Clerk, consultation_id: int) -> dict[str, Any]:
    row = consultations.consultation(session, clerk.caller, consultation_id)
    subject = f"consultation/{row.id}"
    trust.audit(session, clerk.caller, verb="consultations.consultation", person_id=row.person_id, subject=subject)
    possible = consultations.available_actions(session, clerk.caller, row)
    free = []
    if "schedule" in possible:
        free = consultations.free_times(session, clerk.caller, consultation_id=row.id, limit=8)
    report = None
    if row.report_id is not None:
        try:
            report = records.report(session, clerk.caller, row.report_id)
        except Unknown:
            report = None
    opinion = consultations.opinion(session, clerk.caller, row.id)
    return {
        **_seen(session, row),
        "report": report,
        "record": shared_record(session, clerk.caller, row.person_id),
        "opinion": opinion,
        "signatures": records.signatures(session, opinion.id) if opinion is not None else [],
        "actions": [action for action in ORDER if action in possible],
        "free": free,
    }


def _seen(session: Session, row: Consultation) -> dict[str, Any]:
    panel = [
        (
            directory.practitioner(session, expert.practitioner_id),
            directory.organisation(session, expert.organisation_id),
        )
        for expert in consultations.experts(session, row.id)
    ]
    return {
        "row": row,
        "person": people.person(session, row.person_id),
        "asking": directory.organisation(session, row.organisation_id),
        "requester": directory.practitioner(session, row.requester_id),
        "panel": panel,
    }


def _asking(session: Session, clerk: sessions.Clerk, asked: Form) -> dict[str, Any]:
    person, fault = None, None
    try:
        if asked.text("person_id"):
            person = people.person(session, asked.number("person_id"))
        elif asked.text("number"):
            person = patient(session, clerk, asked.text("number", limit=60))
    except Unknown as unknown:
        fault = unknown
    trust.audit(
        session,
        clerk.caller,
        verb="people.resolve",
        outcome=fault.code if fault else "ok",
        person_id=person.id if person else None,
    )
    experts = [
        (hospital, list(directory.practitioners(session, hospital.id)))
        for hospital in directory.organisations(session, tiers=EXPERT_TIERS)
        if hospital.id != clerk.organisation_id
    ]
    return {
        "frame": clerk.frame,
        "fault": fault,
        "person": person,
        "number": asked.text("number", limit=60),
        "experts": experts,
        "record": shared_record(session, clerk.caller, person.id) if person else None,
        "typed": {name: asked.text(name) for name in ("question", "report_id", "referral_id", "priority", "minutes")},
        "chosen": asked.several("experts"),
    }


def _ask_page(request: Request, view: dict[str, Any]) -> Response:
    fault: Fault | None = view.pop("fault")
    trouble = trouble_of(request, fault) if fault else None
    return page(
        request, "desk/consultation_new.html", status=status_of(fault) if fault else 200, trouble=trouble, **view
    )


def _facts(clerk: sessions.Clerk, form: Form) -> ConsultationFacts:
    return ConsultationFacts(
        person_id=form.number("person_id"),
        organisation_id=clerk.organisation_id,
        requester_id=clerk.caller.practitioner_id or "",
        question=form.text("question"),
        experts=tuple(form.several("experts")),
        consented_by=form.text("consented_by", limit=20) or None,
        consented_at=clerk.at,
        report_id=form.maybe_number("report_id"),
        referral_id=form.maybe_number("referral_id"),
        priority="urgent" if form.text("priority") == "urgent" else "routine",
        minutes=form.maybe_number("minutes") or 30,
    )


def _schedule(session: Session, caller: Caller, consultation_id: int, form: Form) -> None:
    consultations.schedule(session, caller, consultation_id=consultation_id, start_at=form.instant("start"))


def _sign(session: Session, caller: Caller, consultation_id: int, form: Form) -> None:
    consultations.sign_opinion(
        session,
        caller,
        consultation_id=consultation_id,
        text=form.needed("text"),
        signer_id=caller.practitioner_id or "",
    )


ACTS: dict[str, Callable[[Session, Caller, int, Form], object]] = {
    "schedule": _schedule,
    "begin": lambda s, c, n, f: consultations.begin(s, c, consultation_id=n),
    "sign": _sign,
    "countersign": lambda s, c, n, f: consultations.countersign(s, c, consultation_id=n),
    "decline": lambda s, c, n, f: consultations.decline(s, c, consultation_id=n, reason=f.text("note")),
    "cancel": lambda s, c, n, f: consultations.cancel(s, c, consultation_id=n, reason=f.text("note")),
}
