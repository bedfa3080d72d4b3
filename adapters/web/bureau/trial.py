"""A bill tried out under any pack: what a clerk types becomes a bill's document, and nothing is kept."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.bureau.frame import clerk_of
from adapters.web.forms import Form, form_of, query_of
from adapters.web.look import look_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import coverage, trust
from hub.coverage import Explanation, Pack, Step, Year
from hub.faults import Fault
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
REFERRALS = {"up-filed": ("up", True), "down-filed": ("down", True), "up-unfiled": ("up", False)}
FLAGS = ("retired", "civil_servant", "aid", "emergency", "account_used")
LINE = ("class", "quantity", "unit_price", "ceiling", "approved")
LINES_AT_MOST = 100
EMPTY_LINES = 4
NEW: dict[str, Any] = {
    "care": "inpatient",
    "hospital_level": "3",
    "admission": "1",
    "account_used": True,
    "lines": [{"class": "A", "quantity": "1", "unit_price": "10000.00", "ceiling": "", "approved": True}],
}


@router.get("/bureau/rules/try")
def blank(request: Request) -> Response:
    wanted = query_of(request).text("pack", limit=64)
    return _show(request, NEW | {"pack": wanted}, work_out=False)


@router.post("/bureau/rules/try")
def work_out(request: Request) -> Response:
    return _show(request, _typed(form_of(request)), work_out=True)


def _show(request: Request, typed: dict[str, Any], *, work_out: bool) -> Response:
    language = look_of(request).language

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        packs = coverage.packs(session)
        trust.audit(session, clerk.caller, verb="coverage.adjudicate", subject=f"pack/{typed['pack']}")
        chosen = typed["pack"] or next((each.pack.id for each in packs if each.release.state == "live"), "")
        pack = coverage.pack_named(session, chosen) if chosen else None
        view: dict[str, Any] = {"frame": clerk.frame, "packs": packs, "pack": pack, "fault": None, "result": None}
        view["diseases"] = sorted({word for scheme in pack.schemes.values() for word in scheme.chronic}) if pack else []
        view["day"] = typed.get("day") or _usual_day(pack, day_of(clerk.at)).isoformat()
        if not work_out or pack is None:
            return view
        try:
            _, bill, standing = coverage.bill_of(_document(typed | {"pack": chosen}))
            view["result"] = _told(coverage.adjudicate(bill, pack, standing), language)
        except Fault as fault:
            view["fault"] = fault
        return view

    view = door.transact(work)
    fault = view.pop("fault")
    return page(
        request,
        "bureau/try.html",
        status=status_of(fault) if fault else 200,
        trouble=trouble_of(request, fault) if fault else None,
        typed=typed,
        years=Year._fields,
        rows=min(LINES_AT_MOST, len(typed["lines"]) + EMPTY_LINES),
        **view,
    )


def _typed(form: Form) -> dict[str, Any]:
    """The form as it was filled in; a line without price is no line, those below it move up."""
    names = ("pack", "day", "insutype", "care", "hospital_level", "admission", "chronic", "referral", "out_of_area")
    amounts = ("deductible_paid", "account_balance", "stay_deductible_paid", *(f"year.{name}" for name in Year._fields))
    typed: dict[str, Any] = {name: form.text(name, limit=64) for name in (*names, *amounts)}
    typed |= {name: bool(form.text(name, limit=10)) for name in FLAGS}
    shown = min(LINES_AT_MOST, form.maybe_number("rows") or EMPTY_LINES)
    rows = [{name: form.text(f"lines[{n}].{name}", limit=64) for name in LINE} for n in range(shown)]
    typed["lines"] = [row | {"approved": bool(row["approved"])} for row in rows if row["unit_price"]]
    return typed


def _document(typed: dict[str, Any]) -> dict[str, Any]:
    """The bill's document, in which every element has the name of its field."""
    document = {name: typed[name] for name in ("pack", "day", "insutype", "care", *FLAGS)}
    document |= {name: _count(typed[name]) for name in ("hospital_level", "admission")}
    document |= {name: typed[name] or None for name in ("chronic", "out_of_area")}
    document |= {name: typed[name] or "0" for name in ("account_balance", "stay_deductible_paid")}
    if typed["referral"]:
        direction, filed = REFERRALS.get(typed["referral"], (typed["referral"], True))
        paid = typed["deductible_paid"] or "0"
        document["referral"] = {"direction": direction, "filed": filed, "deductible_paid": paid}
    document["year"] = {name: typed[f"year.{name}"] or "0" for name in Year._fields}
    document["lines"] = [
        {**row, "id": str(number), "quantity": row["quantity"] or "1", "ceiling": row["ceiling"] or None}
        for number, row in enumerate(typed["lines"], start=1)
    ]
    return document


def _count(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _told(explanation: Explanation, language: str) -> dict[str, Any]:
    """The totals, and every step of the bill and of each line with the rule that it used."""

    def said(step: Step) -> dict[str, Any]:
        return {"text": step.sentence(language), "rule": explanation.pack.rule(step.rule), "amount": step.fen}

    pairs = zip(explanation.bill.lines, explanation.shares, strict=True)
    return {
        "totals": explanation.totals,
        "steps": [said(step) for step in coverage.bill_steps(explanation)],
        "lines": [
            {
                "line": line,
                "share": share,
                "steps": [said(step) for step in coverage.line_steps(explanation, line, share)],
            }
            for line, share in pairs
        ],
    }


def _usual_day(pack: Pack | None, today: date) -> date:
    return today if pack is None or pack.covers(today) else pack.valid_from
