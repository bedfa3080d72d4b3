"""Everything that happened, newest first: visits, results, referrals and bills on one line of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.figures import money, named
from adapters.web.look import look_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from adapters.web.words import words
from hub import directory, records, referrals, settlement, trust
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN = 60


@dataclass(frozen=True)
class Event:
    """One thing that happened; `kind` is a word of [visits]: visit, report, referral or bill."""

    day: date
    kind: str
    title: str
    note: str
    href: str = ""


@router.get("/visits")
def visits(request: Request) -> Response:
    language = look_of(request).language

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        events = sorted(_events(session, visitor, language), key=lambda event: event.day, reverse=True)
        trust.audit(session, visitor.caller, verb="visits", person_id=visitor.person_id)
        return {"frame": visitor.frame, "events": events[:SHOWN]}

    return page(request, "citizen/visits.html", **door.transact(work))


def _events(session: Session, visitor: sessions.Visitor, language: str) -> Iterator[Event]:
    caller, person_id, t = visitor.caller, visitor.person_id, words(language)

    def hospital(organisation_id: str) -> str:
        return named(directory.organisation(session, organisation_id), "", language)

    for visit in records.visits(session, caller, person_id=person_id):
        note = t("common.list_comma").join(diagnosis["name"] for diagnosis in visit.diagnoses)
        yield Event(day_of(visit.begun_at), "visit", hospital(visit.organisation_id), note or t(f"visits.{visit.care}"))
    for report in records.reports(session, caller, person_id=person_id):
        where = hospital(report.organisation_id)
        yield Event(day_of(report.issued_at), "report", report.order_name, where, f"/results/{report.id}")
    for row in referrals.referrals_of(session, caller, person_id=person_id):
        title, state = t("ref.to", where=hospital(row.receiver_id)), t(f"referral.{row.state}")
        yield Event(day_of(row.sent_at or row.written_at), "referral", title, state, f"/referrals/{row.id}")
    for bill in settlement.settlements_of(session, caller, person_id=person_id):
        paid = t("visits.paid", amount=money(bill.account + bill.cash))
        where = hospital(bill.organisation_id) + t("common.comma") + paid
        yield Event(day_of(bill.settled_at), "bill", t(f"bill.{bill.care}"), where, f"/bills/{bill.id}")
