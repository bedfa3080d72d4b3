"""Messages whose own amounts do not add up: the open ones, and a clerk's word on each."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.bureau.frame import clerk_of
from adapters.web.forms import form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import directory, reconciliation, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/bureau/breaches")
def breaches(request: Request) -> Response:
    """What does not add up and nobody has explained, oldest first."""

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        own = None if clerk.organisation.tier == "bureau" else clerk.organisation_id
        rows = reconciliation.breaches(session, clerk.caller, organisation_id=own)
        trust.audit(session, clerk.caller, verb="reconciliation.breaches")
        return {
            "frame": clerk.frame,
            "rows": [(row, directory.organisation(session, row.organisation_id)) for row in rows],
            "may_explain": "reconciliation.write" in clerk.caller.scopes,
        }

    return page(request, "bureau/breaches.html", done=query_of(request).text("done", limit=20), **door.transact(work))


@router.post("/bureau/breaches/{breach_id}/explain")
def explain(request: Request, breach_id: int) -> Response:
    """Say why, and it leaves the list."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "bureau")
        note = form.needed("note", limit=500)
        reconciliation.explain_breach(session, clerk.caller, breach_id=breach_id, note=note)
        trust.audit(session, clerk.caller, verb="reconciliation.explain_breach", subject=f"breach/{breach_id}")

    door.transact(work)
    return see_other("/bureau/breaches?done=explained")
