"""What would I pay: here, at the county, in the city; with and without a referral."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.forms import Form, query_of
from adapters.web.look import look_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute, status_of, trouble_of
from adapters.web.words import words
from hub import coverage, directory, trust
from hub.faults import Fault, Invalid
from hub.units import Money

router = APIRouter(route_class=PageRoute, include_in_schema=False)
USUAL_TOTAL = Money(1_000_000)


@router.get("/estimate")
def estimate(request: Request) -> Response:
    query = query_of(request)
    care = "outpatient" if query.text("care") == "outpatient" else "inpatient"
    total, error = _total(request, query)

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        view: dict[str, Any] = {"frame": visitor.frame, "estimate": None, "fault": None}
        if error:
            return view
        try:
            view["estimate"] = coverage.estimate(
                session,
                visitor.caller,
                person_id=visitor.person_id,
                care=care,
                total=total,
                levels=levels_of(session, care),
            )
        except Fault as fault:
            view["fault"] = fault
        outcome = view["fault"].code if view["fault"] else "ok"
        trust.audit(session, visitor.caller, verb="coverage.estimate", outcome=outcome, person_id=visitor.person_id)
        return view

    view = door.transact(work)
    fault = view.pop("fault")
    return page(
        request,
        "citizen/estimate.html",
        status=400 if error else status_of(fault) if fault else 200,
        trouble=trouble_of(request, fault) if fault else None,
        typed=query.text("total", limit=60) or "10000",
        care=care,
        error=error,
        **view,
    )


def levels_of(session: Session, care: str) -> list[int]:
    """The levels there are in the region; village clinics have no beds."""
    tiers = ("tertiary", "county", "community") + (("village",) if care == "outpatient" else ())
    return sorted({row.level for row in directory.organisations(session, tiers=tiers)})


def _total(request: Request, query: Form) -> tuple[Money, str]:
    """The amount asked for, or the usual one; with what is wrong about it."""
    if not query.text("total", limit=60):
        return USUAL_TOTAL, ""
    try:
        return query.amount("total"), ""
    except Invalid:
        return USUAL_TOTAL, words(look_of(request).language)("est.total_wrong")
