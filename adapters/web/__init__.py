"""The pages: citizen (/), hospital workbench (/desk), bureau (/bureau), operations (/ops).

Server-rendered, Chinese by default, usable without a script. A face is a folder of small route
files; what they share:

    pages.py ...... a page: template, look, words, strict headers
    sessions.py ... who is looking: cookies, form token, the person acted for
    refusals.py ... a Fault as a page, by kind, in one table
    forms.py ...... what a form sent
    look.py ....... language and elder mode
    figures.py .... amounts, days and times as people read them
    charts.py ..... pictures as SVG
    words/ ........ every word of every page, Chinese and English side by side
    shared.py ..... style sheets, preferences, staff sign-in: behind every face
"""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters import outside
from adapters.web import refusals, shared

MACHINES = ("/api", "/fhir", "/nhsa", "/health", "/metrics", "/openapi", "/docs")


def prepare(app: FastAPI) -> None:
    """What stands behind every face: style sheets, preferences, staff sign-in, and the page that is not there."""
    app.include_router(shared.files)
    app.include_router(shared.router)

    async def not_there(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, HTTPException)
        if request.url.path.startswith(MACHINES) or "json" in request.headers.get("accept", ""):
            return outside.refusal(request.url.path, refusal.status_code, refusal.headers)
        answer = refusals.plain_page(request, refusal.status_code, "missing")
        answer.headers.update(refusal.headers or {})
        return answer

    app.add_exception_handler(HTTPException, not_there)
