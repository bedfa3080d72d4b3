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
from hub import coverage, directory, people, settlement, trust
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
        return {"frame": visitor.frame, **bill_view(session, told, language, path="/bills")}

    return page(request, "citizen/bill.html", **door.transact(work))


@router.get("/bills/{settlement_id}/sheet")
def sheet(request: Request, settlement_id: int) -> Response:
    """The settlement sheet, to be printed."""

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        told = settlement.bill(session, visitor.caller, settlement_id)
        person_id = told.settlement.person_id
        subject = f"settlement/{settlement_id}"
        trust.audit(session, visitor.caller, verb="settlement.sheet", person_id=person_id, subject=subject)
        return {"frame": visitor.frame, **sheet_view(session, told)}

    return page(request, "citizen/sheet.html", **door.transact(work))


def sheet_view(session: Session, told: settlement.Told) -> dict[str, Any]:
    """A settlement under the national names of its amounts, for paper."""
    items = directory.catalogue(session, {line.code for line in told.lines})
    facts = {line.id: line for line in told.explanation.bill.lines}
    return {
        "settlement": told.settlement,
        "visit": told.visit,
        "hospital": told.hospital,
        "person": people.person(session, told.settlement.person_id),
        "lines": [(line, facts[line.number], items.get(line.code)) for line in told.lines],
        "amounts": [(word, getattr(told.settlement, name)) for word, name in NATIONAL_NAMES],
    }


NATIONAL_NAMES = (
    ("medfee_sumamt", "total"),
    ("fulamt_ownpay_amt", "own"),
    ("overlmt_selfpay", "over"),
    ("preselfpay_amt", "first"),
    ("inscp_scp_amt", "scope"),
    ("act_pay_dedc", "deductible"),
    ("hifp_pay", "pool"),
    ("hifob_pay", "large"),
    ("hifmi_pay", "serious"),
    ("cvlserv_pay", "civil"),
    ("maf_pay", "aid"),
    ("fund_pay_sumamt", "fund"),
    ("acct_pay", "account"),
    ("psn_cash_pay", "cash"),
)
"""The amounts of a settlement as the national interface calls them, in the order of the sheet."""


def bill_view(session: Session, told: settlement.Told, language: str, *, path: str) -> dict[str, Any]:
    """A settlement as the bill page shows it, with the names of its lines in the reader's language."""
    items = directory.catalogue(session, {line.code for line in told.lines})
    english = language == "en"
    names = {number: name for number, (name, _) in told.names.items()} | {
        line.number: (items[line.code].name_en if english and line.code in items else line.name) for line in told.lines
    }
    units = {line.number: items[line.code].unit for line in told.lines if line.code in items and not english}
    visit = told.visit
    days = (day_of(visit.ended_at) - day_of(visit.begun_at)).days + 1 if visit.ended_at else 0
    row, t = told.settlement, words(language)
    said = telling(told.explanation, told.otherwise, t, language, names=names, units=units, owner=told.owner)
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
        "bills_path": path,
        "refunds": [
            (given, [(names.get(number, number), quantity) for number, quantity in given.lines])
            for given in told.refunds
        ],
        "insured_before": told.insured_before,
    }
