"""A shared result or document, as the desk reads it."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.desk.frame import clerk_of
from adapters.web.pages import page
from adapters.web.reading import document_view, result_view
from adapters.web.refusals import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/desk/results/{report_id}")
def result(request: Request, report_id: int) -> Response:
    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        return {"frame": clerk.frame, **result_view(session, clerk.caller, report_id)}

    return page(request, "desk/result.html", **door.transact(work))


@router.get("/desk/documents/{document_id}")
def document(request: Request, document_id: int) -> Response:
    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        return {"frame": clerk.frame, **document_view(session, clerk.caller, document_id)}

    return page(request, "desk/document.html", **door.transact(work))
