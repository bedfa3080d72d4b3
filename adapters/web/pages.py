"""A page: a template, the visitor's look, the words, and the symbols it uses; with strict headers."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from adapters import door
from adapters.web import charts, codes
from adapters.web.assets import asset_url, icons
from adapters.web.figures import FILTERS, age, daypart
from adapters.web.look import Look, look_of
from adapters.web.words import has, words

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
STRANGER_COOKIE = "onecard_visit"
_SYMBOL = re.compile(r'href="#i-([a-z]+)"')


@dataclass(frozen=True)
class Frame:
    """What every page knows of its visitor. `now` is the clock of the call; `csrf` goes into every form."""

    now: datetime
    csrf: str = ""
    who: str = ""
    """The person acted for (citizens) or the name of the member of staff."""
    own: bool = True
    organisation: str = ""
    family: tuple["Relative", ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    """Numbers beside entries of the left navigation: ("incoming", 7)."""
    places: tuple[str, ...] = ()
    """Which entries of the left navigation this account may open; all when none are named."""
    faces: tuple[str, ...] = ()
    """Which faces this member of staff may open: "desk", "bureau", "operations"."""
    reference: str = ""

    def count(self, name: str) -> int:
        return dict(self.counts).get(name, 0)


@dataclass(frozen=True)
class Relative:
    """Somebody the visitor may act for."""

    person_id: int
    name: str
    relation: str
    """A word of [relation] in the words: "self", "mother", "child", ..."""
    current: bool = False


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(FILTERS)
    env.globals.update(
        asset=asset_url,
        has_word=has,
        age=age,
        daypart=daypart,
        paid_bar=charts.paid_bar,
        range_bar=charts.range_bar,
        trend=charts.trend,
        count_bars=charts.count_bars,
        difference_bars=charts.difference_bars,
        day_shares=charts.day_shares,
        qr_svg=codes.qr_svg,
    )
    return env


def page(request: Request, template: str, *, frame: Frame, status: int = 200, **view: Any) -> HTMLResponse:
    """Render a template in the visitor's look. `view` holds the typed data of the page."""
    view.setdefault("demo", door.settings().demo)
    body = render(template, look=look_of(request), frame=frame, path=here(request), query=request.query_params, **view)
    answer = HTMLResponse(body, status_code=status, headers=HEADERS)
    if frame.csrf and not frame.who and request.cookies.get(STRANGER_COOKIE) != frame.csrf:
        answer.set_cookie(STRANGER_COOKIE, frame.csrf, httponly=True, samesite="lax")
    return answer


def render(template: str, *, look: Look, frame: Frame, path: str = "/", **view: Any) -> str:
    """The page as text: what the tests compare and the routes send."""
    view.setdefault("query", {})
    view.setdefault("demo", False)
    text = (
        environment()
        .get_template(template)
        .render(look=look, frame=frame, now=frame.now, t=words(look.language), path=path, **view)
    )
    used = sorted(set(_SYMBOL.findall(text)))
    sprite = "".join(icons()[name] for name in used)
    return text.replace("<!--symbols-->", sprite, 1)


def see_other(path: str) -> RedirectResponse:
    """After a form was accepted: the browser loads `path`, so that reloading sends nothing twice."""
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


def here(request: Request) -> str:
    """The path and query of a request, to come back to."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
