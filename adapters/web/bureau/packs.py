"""The benefit packs in force, value by value, so that the bureau sees what is computed with."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.bureau.frame import clerk_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import coverage, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/bureau/rules")
def rules(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        trust.audit(session, clerk.caller, verb="coverage.packs")
        return {"frame": clerk.frame, "packs": coverage.packs(session)}

    return page(request, "bureau/rules.html", **door.transact(work))
