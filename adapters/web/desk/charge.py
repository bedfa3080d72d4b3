"""Charging at a place without a system of its own: patient, items, who would pay what, settle, receipt.

What has been chosen stands in the address until it is settled, so going back loses nothing. The form that settles
carries its own key: sent twice, it settles once.
"""

import secrets
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.billing import telling
from adapters.web.desk.bills import quantities
from adapters.web.desk.frame import clerk_of
from adapters.web.desk.patients import patient
from adapters.web.forms import Form, form_of, query_of
from adapters.web.look import look_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from adapters.web.words import has, words
from hub import coverage, directory, journeys, settlement, trust
from hub.directory import CatalogueItem
from hub.faults import Conflict, Forbidden, Invalid, Refused, Unknown
from hub.journeys import ClinicBill, Wanted
from hub.people import Person
from hub.settlement import Override
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ITEM = "n-"
"""A chosen item's field: this and its code, holding the quantity."""
ITEMS_AT_MOST = 50


@router.get("/desk/charge")
def charge(request: Request) -> Response:
    """Everything chosen so far, and with `quote` what it would come to."""
    query, language = query_of(request), look_of(request).language
    found = door.transact(lambda session: _view(session, clerk_of(session, request), query, language))
    fault = found.pop("fault")
    trouble = trouble_of(request, fault) if fault else None
    return page(request, "desk/charge.html", status=status_of(fault) if fault else 200, trouble=trouble, **found)


@router.post("/desk/charge")
def settle(request: Request) -> Response:
    """Settle; what was chosen stays when it is refused."""
    form, language = form_of(request), look_of(request).language

    def work(session: Session) -> int | dict[str, Any]:
        clerk = clerk_of(session, request)
        trust.require(clerk.caller, "settlement.write")
        try:
            with session.begin_nested():
                person = patient(session, clerk, form.needed("number", limit=60))
                bill = _bill(clerk, form, person)
                row = journeys.charge_at_clinic(session, clerk.caller, bill, key=form.needed("key", limit=80))
        except (Conflict, Refused, Invalid, Unknown) as fault:
            return {**_view(session, clerk, form, language), "fault": fault}
        verb, subject = "journeys.charge_at_clinic", f"settlement/{row.id}"
        trust.audit(session, clerk.caller, verb=verb, person_id=row.person_id, subject=subject)
        return row.id

    found = door.transact(work)
    if isinstance(found, int):
        return see_other(f"/desk/bills/{found}?done=settled")
    fault = found.pop("fault")
    trouble = trouble_of(request, fault)
    return page(request, "desk/charge.html", status=status_of(fault), trouble=trouble, **found)


def _view(session: Session, clerk: sessions.Clerk, asked: Form, language: str) -> dict[str, Any]:
    trust.require(clerk.caller, "settlement.write")
    number, text = asked.text("number", limit=60), asked.text("q", limit=40)
    view: dict[str, Any] = {
        "frame": clerk.frame,
        "number": number,
        "q": text,
        "person": None,
        "insured": [],
        "diseases": [],
        "disease": asked.text("disease", limit=40),
        "chosen": [],
        "found": [],
        "searched": bool(text),
        "told": None,
        "doubts": (),
        "doctors": (),
        "before": "",
        "doctor": asked.text("doctor", limit=40),
        "reason": asked.text("reason", limit=200),
        "key": secrets.token_urlsafe(18),
        "fault": None,
    }
    if not number:
        return view
    try:
        person = view["person"] = patient(session, clerk, number)
        trust.audit(session, clerk.caller, verb="people.resolve", person_id=person.id)
        view |= _choices(session, clerk, person, asked, text, language)
        if view["chosen"] and asked.text("quote"):
            view |= _quoted(session, clerk, person, asked, language)
    except (Conflict, Refused, Invalid, Unknown, Forbidden) as fault:
        view["fault"] = fault
    return view


def _choices(
    session: Session, clerk: sessions.Clerk, person: Person, asked: Form, text: str, language: str
) -> dict[str, Any]:
    wanted = quantities(asked, ITEM)
    usual = [] if text else settlement.usual_items(session, clerk.caller)
    known = directory.catalogue(session, [*wanted, *usual])
    matching = directory.search_catalogue(session, text)
    found = [row for row in (*matching, *(known[code] for code in usual if code in known)) if row.code not in wanted]
    return {
        "insured": coverage.enrolments(session, person.id, day_of(clerk.at)),
        "diseases": _kinds(session, clerk, person, language),
        "chosen": [(known[code], quantity, _amount(known[code], quantity)) for code, quantity in wanted.items()
                   if code in known],
        "found": found,
    }  # fmt: skip


def _quoted(session: Session, clerk: sessions.Clerk, person: Person, asked: Form, language: str) -> dict[str, Any]:
    quoted = journeys.quote_at_clinic(session, clerk.caller, _bill(clerk, asked, person))
    items = directory.catalogue(session, quantities(asked, ITEM))
    shown = [items[code] for code in quantities(asked, ITEM)]
    names = {str(n): row.name_en if language == "en" else row.name for n, row in enumerate(shown, start=1)}
    units = {str(n): row.unit for n, row in enumerate(shown, start=1)} if language != "en" else {}
    return {
        "told": telling(quoted.explanation, None, words(language), language, names=names, units=units),
        "doubts": quoted.doubts,
        "doctors": _doctors(session, clerk) if quoted.doubts else (),
        "before": _address(asked),
    }


def _doctors(session: Session, clerk: sessions.Clerk) -> list[tuple[str, str]]:
    """Who may answer for doubts: a doctor signs for themselves, a clerk names one of the house."""
    rows = directory.practitioners(session, clerk.organisation_id)
    own = clerk.caller.practitioner_id
    return [(row.id, row.name) for row in rows if own in (None, row.id)]


def _address(asked: Form) -> str:
    """The page with everything chosen, before it was quoted."""
    kept = [(name, asked.text(name, limit=60)) for name in ("number", "disease")]
    kept += [(f"{ITEM}{code}", text) for code, text in asked.beginning(ITEM)]
    return "/desk/charge?" + urlencode([(name, text) for name, text in kept if text])


def _kinds(session: Session, clerk: sessions.Clerk, person: Person, language: str) -> list[tuple[str, str]]:
    """Ordinary, or one of the chronic diseases filed for the person; nothing to choose when none is."""
    t = words(language)
    filed = [(name, t(f"disease.{name}") if has(f"disease.{name}") else name)
             for name in journeys.chronic_of(session, person.id, clerk.caller)]  # fmt: skip
    return [("", t("charge.ordinary")), *filed] if filed else []


def _bill(clerk: sessions.Clerk, asked: Form, person: Person) -> ClinicBill:
    """Refuses: Invalid."""
    wanted = quantities(asked, ITEM)
    if len(wanted) > ITEMS_AT_MOST:
        raise Invalid(element="items", found=len(wanted), allowed=f"≤ {ITEMS_AT_MOST}")
    doctor = clerk.caller.practitioner_id or asked.text("doctor", limit=40)
    reason = asked.text("reason", limit=200)
    return ClinicBill(
        person.id,
        tuple(Wanted(code, quantity) for code, quantity in wanted.items()),
        disease=asked.text("disease", limit=40) or None,
        override=Override(doctor, reason) if doctor and reason else None,
    )


def _amount(item: CatalogueItem, quantity: Decimal) -> int:
    return coverage.charge(quantity, item.price)
