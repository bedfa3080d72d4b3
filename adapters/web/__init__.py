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

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters import door, outside
from adapters.web import refusals, shared


def prepare(app: FastAPI) -> None:
    """What stands behind every face: style sheets, preferences, staff sign-in, and the page that is not there."""
    app.include_router(shared.files)
    app.include_router(shared.router)

    async def not_there(request: Request, refused: Exception) -> Response:
        assert isinstance(refused, HTTPException)
        return refusal(request, refused.status_code, refused.headers)

    app.add_exception_handler(HTTPException, not_there)


def refusal(
    request: Request, status: int, headers: Mapping[str, str] | None = None, *, reference: str = ""
) -> Response:
    """What the application refuses where no route has the call: a page for people, the door's own form for programs."""
    path = request.url.path
    if not hasattr(request.state, "door"):
        door.record(door.Call("http", "unrouted", outcome=outside.code_of(status), trace=reference), 0.0)
    if outside.is_machine(path) or "json" in request.headers.get("accept", ""):
        return outside.refusal(path, status, headers, reference=reference)
    answer = refusals.plain_page(request, status, reference=reference)
    answer.headers.update(headers or {})
    return answer
