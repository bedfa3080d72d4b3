"""One difference with its evidence; who works on it, and what two people decide."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.statement_text import decoded
from adapters.web import sessions
from adapters.web.bureau.frame import clerk_of
from adapters.web.bureau.queue import back_to_queue
from adapters.web.bureau.told import audit_opened, hospital_text, kinds_in_words, masked_line, names_of, told_of
from adapters.web.figures import plain
from adapters.web.forms import Form, form_of, query_of
from adapters.web.operations import anatomy
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import directory, reconciliation, trust
from hub.faults import Invalid, Problem
from hub.reconciliation import ACTIONS, Break, BreakEvent
from hub.units import Money, masked_number

router = APIRouter(route_class=PageRoute, include_in_schema=False)
HERE = "one"
"""What a form of the page of one difference says of where to go back to."""
DECISIONS = ("propose", "approve", "send-back", "resolve", "take", "assign")
AMOUNTS = ("fee", "fund", "account", "cash")


@router.get("/bureau/differences/{break_id}")
def difference(request: Request, break_id: int) -> Response:
    """One difference: both sides field by field, why, whose it is, and what happened to it."""
    done = query_of(request).text("done", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        found = reconciliation.evidence(session, clerk.caller, break_id=break_id)
        events = reconciliation.history(session, clerk.caller, break_id=break_id)
        audit_opened(session, clerk, "reconciliation.evidence", found)
        told = told_of(session, clerk, found.difference)
        return {
            "frame": clerk.frame,
            "told": told,
            "found": found,
            "fields": [_shown(field) for field in found.fields],
            "events": events,
            "clerks": reconciliation.clerks(session) if "assign" in told.may else [],
            "names": names_of(session, [told]) | _people(session, found.difference, events),
            "actions": ACTIONS,
            "kinds": kinds_in_words(),
        }

    return page(request, "bureau/difference.html", done=done, **door.transact(work))


@router.get("/bureau/differences/{break_id}/wire")
def wire(request: Request, break_id: int) -> Response:
    """The text behind both sides, unsealed for this clerk and noted; masked unless asked for in full."""
    full = query_of(request).text("full", limit=5) == "1"

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        found = reconciliation.evidence(session, clerk.caller, break_id=break_id)
        audit_opened(session, clerk, "reconciliation.wire_in_full" if full else "reconciliation.wire", found)
        return {
            "frame": clerk.frame,
            "told": told_of(session, clerk, found.difference),
            "found": found,
            "lines": [text if full else masked_line(text, found) for text in hospital_text(found)],
            "messages": [(row, *_texts(row.body, row.answer, full=full)) for row in found.messages],
            "kinds": kinds_in_words(),
        }

    return page(request, "bureau/wire.html", full=full, **door.transact(work))


@router.post("/bureau/differences/{break_id}/{event}")
def decide(request: Request, break_id: int, event: str) -> Response:
    """Own it, propose an action, approve it as a second person, send it back, or say that it was done."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "bureau")
        _decided(session, clerk, form, break_id, event)
        trust.audit(session, clerk.caller, verb=f"reconciliation.{event}", subject=f"break/{break_id}")

    door.transact(work)
    if form.text("back", limit=500) == HERE:
        return see_other(f"/bureau/differences/{break_id}?done={event}")
    return see_other(back_to_queue(form, break_id, event))


def _decided(session: Session, clerk: sessions.Clerk, form: Form, break_id: int, event: str) -> None:
    note = form.text("note", limit=500)
    match event:
        case "take":
            reconciliation.take(session, clerk.caller, break_id=break_id)
        case "assign":
            owner = form.needed("owner", limit=100)
            reconciliation.assign(session, clerk.caller, break_id=break_id, owner=owner, note=note)
        case "propose":
            action = form.needed("action", limit=40)
            reconciliation.propose(session, clerk.caller, break_id=break_id, action=action, note=note)
        case "approve":
            reconciliation.approve(session, clerk.caller, break_id=break_id)
        case "send-back":
            reconciliation.send_back(session, clerk.caller, break_id=break_id, note=note)
        case "resolve":
            reconciliation.resolve(session, clerk.caller, break_id=break_id, note=note)
        case _:
            raise Invalid(element="event", found=event, allowed="、".join(DECISIONS), problem=Problem.CODE)


def _shown(field: reconciliation.Field) -> tuple[reconciliation.Field, str | None, str | None]:
    """The field with each side's word as people read it: money with its thousands apart, a person's number masked."""
    said = [field.hospital, field.insurer]
    if field.name in AMOUNTS:
        said = [text and plain(int(Money.yuan(text))) for text in said]
    elif field.name == "psn_no":
        said = [text and masked_number(text) for text in said]
    return field, said[0], said[1]


def _people(session: Session, row: Break, events: Sequence[BreakEvent]) -> dict[str, str]:
    """What those who did something are called; a system goes by its institution's name."""
    named = {event.by for event in events} | {event.facts.get("owner", "") for event in events}
    hospital = directory.organisation(session, row.organisation_id).name
    systems = {name: hospital for name in named if row.organisation_id in name}
    return systems | trust.staff_names(session, named)


def _texts(body: bytes, answer: bytes | None, *, full: bool) -> tuple[str, str]:
    texts = decoded(body), decoded(answer) if answer else ""
    return texts if full else (anatomy.masked_text(texts[0]), anatomy.masked_text(texts[1]))
