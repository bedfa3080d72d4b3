"""A bill at the desk: told as to the patient, with its refunds; lines given back; the sheet for paper."""

from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.citizen.bills import bill_view, sheet_view
from adapters.web.desk.frame import clerk_of
from adapters.web.forms import Form, form_of
from adapters.web.look import look_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from adapters.web.sessions import Clerk
from hub import people, settlement, trust
from hub.faults import Conflict, Fault, Invalid, Refused

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/desk/bills/{settlement_id}")
def bill(request: Request, settlement_id: int) -> Response:
    language = look_of(request).language
    found = door.transact(lambda session: _view(session, clerk_of(session, request), settlement_id, language))
    return page(request, "desk/bill.html", trouble=None, **found)


@router.get("/desk/bills/{settlement_id}/sheet")
def sheet(request: Request, settlement_id: int) -> Response:
    """The settlement sheet, to be printed."""

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        told = _told(session, clerk, settlement_id, "settlement.sheet")
        return {"frame": clerk.frame, **sheet_view(session, told)}

    return page(request, "desk/sheet.html", **door.transact(work))


@router.post("/desk/bills/{settlement_id}/refunds")
def refund(request: Request, settlement_id: int) -> Response:
    """Give lines back; a form sent twice gives back once, since its key is in the form."""
    form, language = form_of(request), look_of(request).language

    def work(session: Session) -> int | dict[str, Any]:
        clerk = clerk_of(session, request)
        try:
            with session.begin_nested():
                given = settlement.refund(
                    session,
                    clerk.caller,
                    settlement_id=settlement_id,
                    lines=quantities(form, "line-"),
                    reason=form.needed("reason", limit=200),
                    key=f"web-{form.needed('key', limit=80)}",
                    content_hash=form.content_hash("line-", "reason"),
                )
        except (Conflict, Refused, Invalid) as fault:
            return {**_view(session, clerk, settlement_id, language), "fault": fault}
        subject = f"settlement/{settlement_id}"
        person_id = given.original.person_id
        trust.audit(session, clerk.caller, verb="settlement.refund", person_id=person_id, subject=subject)
        return given.rest.id

    found = door.transact(work)
    if isinstance(found, int):
        return see_other(f"/desk/bills/{found}?done=refunded")
    fault: Fault = found.pop("fault")
    trouble = trouble_of(request, fault)
    return page(request, "desk/bill.html", status=status_of(fault), trouble=trouble, **found)


def quantities(form: Form, prefix: str) -> dict[str, Decimal]:
    """The fields that begin with a word and hold a quantity, by the rest of their names. Refuses: Invalid."""
    wanted: dict[str, Decimal] = {}
    for name, text in form.beginning(prefix):
        try:
            quantity = Decimal(text)
        except InvalidOperation:
            quantity = Decimal(-1)
        if not quantity.is_finite() or not 0 <= quantity < 100_000 or quantity != round(quantity, 4):
            raise Invalid(element="quantity", found=text[:20], allowed="1, 0.5")
        if quantity:
            wanted[name] = quantity
    return wanted


def _view(session: Session, clerk: Clerk, settlement_id: int, language: str) -> dict[str, Any]:
    told = _told(session, clerk, settlement_id, "settlement.bill")
    row = told.settlement
    own = row.organisation_id == clerk.organisation_id and "settlement.write" in clerk.caller.scopes
    batch = settlement.STAY if row.care == "inpatient" else row.batch
    return {
        "frame": clerk.frame,
        "person": people.person(session, row.person_id),
        "may_refund": own and row.state == "active" and row.undoes is None and row.platform is None,
        "told_lines": told.lines,
        "quantities": {line.id: line.quantity for line in told.explanation.bill.lines},
        "doubts": settlement.of_batch(session, row.visit_id, batch),
        "key": clerk.caller.trace,
        **bill_view(session, told, language, path="/desk/bills"),
    }


def _told(session: Session, clerk: Clerk, settlement_id: int, verb: str) -> settlement.Told:
    told = settlement.bill(session, clerk.caller, settlement_id)
    person_id, subject = told.settlement.person_id, f"settlement/{settlement_id}"
    trust.audit(session, clerk.caller, verb=verb, person_id=person_id, subject=subject)
    return told
