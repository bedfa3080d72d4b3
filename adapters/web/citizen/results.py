"""My results: the list, and one with every value in its range and how it moved."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.pages import page
from adapters.web.reading import document_view, findings_of, result_view
from adapters.web.refusals import PageRoute
from hub import directory, records, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)
NEW_FOR = timedelta(days=3)


@router.get("/results")
def results(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        rows = records.reports(session, visitor.caller, person_id=visitor.person_id)
        documents = records.documents(session, visitor.caller, person_id=visitor.person_id)
        trust.audit(session, visitor.caller, verb="records.reports", person_id=visitor.person_id)
        return {
            "frame": visitor.frame,
            "reports": [
                (row, directory.organisation(session, row.organisation_id), findings_of(session, row)) for row in rows
            ],
            "documents": [(row, directory.organisation(session, row.organisation_id)) for row in documents],
            "new_since": visitor.at - NEW_FOR,
        }

    return page(request, "citizen/results.html", **door.transact(work))


@router.get("/results/{report_id}")
def result(request: Request, report_id: int) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        return {"frame": visitor.frame, **result_view(session, visitor.caller, report_id)}

    return page(request, "citizen/result.html", **door.transact(work))


@router.get("/documents/{document_id}")
def document(request: Request, document_id: int) -> Response:
    """A letter, a care plan or an opinion, with who signed it."""

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        return {"frame": visitor.frame, **document_view(session, visitor.caller, document_id)}

    return page(request, "citizen/document.html", **door.transact(work))
