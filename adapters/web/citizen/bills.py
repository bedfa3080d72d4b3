"""My bills: the list, and one bill told in a sentence, sums that foot, and why, line by line."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.billing import telling
from adapters.web.look import look_of
from adapters.web.pages import page
from adapters.web.platforms import as_settled, upstream_of
from adapters.web.refusals import PageRoute
from adapters.web.words import words
from hub import coverage, directory, settlement, trust
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/bills")
def bills(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        rows = settlement.settlements_of(session, visitor.caller, person_id=visitor.person_id)
        trust.audit(session, visitor.caller, verb="settlement.settlements_of", person_id=visitor.person_id)
        return {
            "frame": visitor.frame,
            "bills": [(row, directory.organisation(session, row.organisation_id)) for row in rows],
        }

    return page(request, "citizen/bills.html", **door.transact(work))


@router.get("/bills/{settlement_id}")
def bill(request: Request, settlement_id: int) -> Response:
    language = look_of(request).language

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        told = settlement.bill(session, visitor.caller, settlement_id)
        trust.audit(
            session,
            visitor.caller,
            verb="settlement.bill",
            person_id=told.settlement.person_id,
            subject=f"settlement/{settlement_id}",
        )
        return {"frame": visitor.frame, **bill_view(session, told, language)}

    return page(request, "citizen/bill.html", **door.transact(work))


def bill_view(session: Session, told: settlement.Told, language: str) -> dict[str, Any]:
    """A settlement as the bill page shows it, with the names of its lines in the reader's language."""
    items = directory.catalogue(session, {line.code for line in told.lines})
    english = language == "en"
    names = {
        line.number: (items[line.code].name_en if english and line.code in items else line.name) for line in told.lines
    }
    units = {line.number: items[line.code].unit for line in told.lines if line.code in items and not english}
    visit = told.visit
    days = (day_of(visit.ended_at) - day_of(visit.begun_at)).days + 1 if visit.ended_at else 0
    row, t = told.settlement, words(language)
    said = telling(told.explanation, told.otherwise, t, language, names=names, units=units)
    area = row.platform["area"] if row.platform is not None else None
    authority = next((one for one in coverage.authorities(session) if one.area == area), None) if area else None
    return {
        "settlement": row,
        "upstream": upstream_of(row, authority, t, language),
        "visit": visit,
        "days": days,
        "hospital": told.hospital,
        "level": told.explanation.bill.hospital_level,
        "told": said if area is None else as_settled(said, row, t),
    }
