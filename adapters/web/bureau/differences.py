"""The clerk's queue of differences; one of them with its evidence; who works on it, and what two people decide."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.statement_text import decoded, lines_with
from adapters.web import sessions
from adapters.web.bureau.frame import clerk_of
from adapters.web.forms import Form, form_of, query_of
from adapters.web.operations import anatomy
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import directory, reconciliation, trust
from hub.faults import Invalid, Problem
from hub.reconciliation import ACTIONS, ADVICE, BREAK, USUAL_ACTION, WORDS, Break, Evidence, Kind
from hub.units import day_of, masked_number

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DECISIONS = ("propose", "approve", "send-back", "resolve", "take", "assign")
NUMBERS = ("psn_no",)
"""Fields that are masked until somebody asks to see the wire text in full."""


@dataclass(frozen=True)
class Told:
    """A difference as a clerk reads it. `may` are the events that this clerk may cause now."""

    row: Break
    hospital: directory.Organisation
    cause: tuple[str, str]
    advice: tuple[str, str]
    usual: str
    age: int
    may: tuple[str, ...]
    mine: bool

    @property
    def off(self) -> int:
        """Insurer minus hospital, what the fund paid, in fen."""
        return (self.row.insurer_fund or 0) - (self.row.hospital_fund or 0)


@router.get("/bureau/differences")
def differences(request: Request) -> Response:
    """The queue of open differences, oldest first, with what is proposed."""
    done = query_of(request).text("done", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        rows = reconciliation.breaks_of(session, clerk.caller, organisation_id=own_books(clerk))
        trust.audit(session, clerk.caller, verb="reconciliation.breaks_of")
        told = [told_of(session, clerk, row) for row in rows]
        return {"frame": clerk.frame, "rows": told, "names": _names(session, told), "kinds": _kinds()}

    return page(request, "bureau/differences.html", done=done, **door.transact(work))


@router.get("/bureau/differences/{break_id}")
def difference(request: Request, break_id: int) -> Response:
    """One difference: both sides field by field, why, whose it is, and what happened to it."""
    done = query_of(request).text("done", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        found = reconciliation.evidence(session, clerk.caller, break_id=break_id)
        events = reconciliation.history(session, clerk.caller, break_id=break_id)
        trust.audit(
            session,
            clerk.caller,
            verb="reconciliation.evidence",
            subject=f"break/{break_id}",
            person_id=found.person_id,
        )
        told = told_of(session, clerk, found.difference)
        people = {event.by for event in events} | {event.facts.get("owner", "") for event in events}
        return {
            "frame": clerk.frame,
            "told": told,
            "found": found,
            "fields": [_shown(field) for field in found.fields],
            "events": events,
            "clerks": reconciliation.clerks(session) if "assign" in told.may else [],
            "names": _names(session, [told]) | trust.staff_names(session, people),
            "actions": ACTIONS,
            "kinds": _kinds(),
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
            "kinds": _kinds(),
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
    back = f"/bureau/differences/{break_id}" if form.text("back", limit=10) == "one" else "/bureau/differences"
    return see_other(f"{back}?done={event}")


def told_of(session: Session, clerk: sessions.Clerk, row: Break) -> Told:
    kind = Kind(row.kind)
    return Told(
        row=row,
        hospital=directory.organisation(session, row.organisation_id),
        cause=reconciliation.cause(row),
        advice=ADVICE[kind],
        usual=USUAL_ACTION[kind],
        age=reconciliation.working_days(day_of(row.found_at), day_of(clerk.at)),
        may=_may(clerk, row),
        mine=row.owner == clerk.caller.id,
    )


def audit_opened(session: Session, clerk: sessions.Clerk, verb: str, found: Evidence) -> None:
    """Who opened what was sealed, about whom."""
    subject = f"break/{found.difference.id}"
    trust.audit(session, clerk.caller, verb=verb, subject=subject, person_id=found.person_id)


def own_books(clerk: sessions.Clerk) -> str | None:
    """A hospital sees its own books; the bureau all."""
    return None if clerk.organisation.tier == "bureau" else clerk.organisation_id


def hospital_text(found: Evidence) -> list[str]:
    """The hospital's lines as they stand in its file; of lines that came otherwise, what they say."""
    if found.file is not None and (written := lines_with(found.file.content, found.difference.setl_id)):
        return written
    return ["\t".join(line.items) for line in found.lines]


def masked_line(text: str, found: Evidence) -> str:
    """A line without the person's number in it."""
    for line in found.lines:
        if line.psn_no:
            text = text.replace(line.psn_no, masked_number(line.psn_no))
    return anatomy.masked_text(text)


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


def _may(clerk: sessions.Clerk, row: Break) -> tuple[str, ...]:
    """What this person may do with a difference now: nobody approves what they proposed."""
    if "reconciliation.write" not in clerk.caller.scopes:
        return ()
    events = BREAK.allowed(row.state)
    bureau = clerk.organisation.tier == "bureau"
    shown = [event for event in ("approve", "propose", "resolve", "send-back") if event in events]
    may = [e for e in shown if e != "approve" or (bureau and row.proposed_by != clerk.caller.id)]
    if bureau and row.state not in reconciliation.CLOSED:
        may += ["assign"] if row.owner else ["take", "assign"]
    return tuple(may)


def _shown(field: reconciliation.Field) -> tuple[reconciliation.Field, str | None, str | None]:
    if field.name not in NUMBERS:
        return field, field.hospital, field.insurer
    return field, *(masked_number(said) if said else said for said in (field.hospital, field.insurer))


def _texts(body: bytes, answer: bytes | None, *, full: bool) -> tuple[str, str]:
    texts = decoded(body), decoded(answer) if answer else ""
    return texts if full else (anatomy.masked_text(texts[0]), anatomy.masked_text(texts[1]))


def _names(session: Session, rows: Collection[Told]) -> dict[str, str]:
    """What the people named in differences are called."""
    named = {
        n for told in rows for n in (told.row.owner, told.row.proposed_by, told.row.approved_by, told.row.assigned_by)
    }
    return trust.staff_names(session, {name for name in named if name})


def _kinds() -> dict[str, tuple[str, str]]:
    return {kind.value: said for kind, said in WORDS.items()}
