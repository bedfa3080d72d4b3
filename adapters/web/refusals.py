"""A Fault as a page: what happened, what to do now, whom to call with which number; by kind, in one table.

PageRoute wraps every route of the pages: it notes when a request came in, reads its form, writes
the log line, and turns what the route raised into a page. A page never answers a Fault with a 500.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters import door
from adapters.web import sessions
from adapters.web.forms import Form
from adapters.web.look import look_of
from adapters.web.pages import HEADERS, Frame, here, page, see_other
from adapters.web.words import has, words
from hub.faults import Fault, Invalid, Kind, Unavailable


class Rendering(NamedTuple):
    """How a kind of Fault looks on a page."""

    status: int
    now: str
    """Key of the sentence that says what to do now."""
    mild: bool
    """Amber: the world has changed or a rule says no; red: something is wrong or down."""


BY_KIND: dict[Kind, Rendering] = {
    Kind.INVALID: Rendering(400, "trouble.invalid", True),
    Kind.UNKNOWN: Rendering(404, "trouble.unknown", True),
    Kind.FORBIDDEN: Rendering(403, "trouble.forbidden", False),
    Kind.CONFLICT: Rendering(409, "trouble.conflict", True),
    Kind.REFUSED: Rendering(422, "trouble.refused", True),
    Kind.UNAVAILABLE: Rendering(503, "trouble.unavailable", False),
}


BY_STATUS = {404: "missing", 405: "method", 413: "too_large", 500: "bug"}
"""What a page says where HTTP itself refuses: the words trouble.<word>_what and trouble.<word>."""

LAYOUTS = {
    "/desk": "desk/frame.html",
    "/staff": "desk/frame.html",
    "/bureau": "bureau/frame.html",
    "/ops": "operations/frame.html",
}
"""The frame of each face but the citizens'."""


class Link(NamedTuple):
    text: Markup | str
    href: str


@dataclass(frozen=True)
class Trouble:
    """What the error block of a page says."""

    what: Markup | str
    now: Markup | str = ""
    links: tuple[Link, ...] = ()
    telephone: str = ""
    reference: str = ""
    mild: bool = False
    element: str = ""
    """The field of the form that is wrong, when it is one."""


def trouble_of(request: Request, fault: Fault, *, links: tuple[Link, ...] = ()) -> Trouble:
    """A Fault in the visitor's language; `links` are ways out that the page knows."""
    look = look_of(request)
    t = words(look.language)
    how = BY_KIND[fault.kind]
    return Trouble(
        what=sentence_of(fault, look.language),
        now=t(how.now),
        links=links,
        telephone=t("common.telephone"),
        reference=sessions.door_of(request).trace[:12],
        mild=how.mild,
        element=fault.element if isinstance(fault, Invalid) else "",
    )


def sentence_of(fault: Fault, language: str) -> str:
    """The Fault's sentence, with the element it names in the words of the page."""
    if isinstance(fault, Invalid) and has(f"element.{fault.element}"):
        text = fault.zh if language == "zh" else fault.en
        return text.format(**{**fault.facts, "element": words(language)(f"element.{fault.element}")})
    return fault.sentence(language)


def status_of(fault: Fault) -> int:
    return BY_KIND[fault.kind].status


def trouble_page(
    request: Request, trouble: Trouble, status: int, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """A page with nothing but the trouble, in the frame of the face it happened at."""
    frame = Frame(now=door.now(), reference=trouble.reference)
    layout = next((layout for face, layout in LAYOUTS.items() if _at(request, face)), "citizen_face.html")
    answer = page(request, "trouble.html", frame=frame, status=status, trouble=trouble, layout=layout)
    answer.headers.update(headers or {})
    return answer


def fault_page(request: Request, fault: Fault) -> HTMLResponse:
    """The page of a Fault that no route caught; a refusal of a known caller is audited on its own."""
    caller = getattr(request.state, "caller", None)
    if caller is not None and not isinstance(fault, Unavailable):
        door.refused_look(caller, verb=request.state.call.verb, fault=fault)
    t = words(look_of(request).language)
    home = Link(t("trouble.home"), _start(request))
    trouble = trouble_of(request, fault, links=(home,))
    headers = {"Retry-After": str(fault.retry_after_seconds)} if isinstance(fault, Unavailable) else None
    if isinstance(fault, sessions.FormOutOfDate):
        trouble = replace(trouble, now=t("trouble.form"), links=(Link(t("trouble.again"), _before(request)),))
    elif request.method == "POST":
        trouble = replace(trouble, links=(Link(t("trouble.before"), _before(request)), home))
    elif isinstance(fault, Unavailable):
        trouble = replace(trouble, links=(Link(t("trouble.again"), here(request)), *trouble.links))
    return trouble_page(request, trouble, status_of(fault), headers)


def plain_page(request: Request, status: int, *, reference: str = "") -> HTMLResponse:
    """A refusal of HTTP itself, before or beside any Fault."""
    word = BY_STATUS.get(status, "unreadable")
    t = words(look_of(request).language)
    arrived = getattr(request.state, "door", None)
    reference = reference or (arrived.trace[:12] if arrived else "")
    links = (Link(t("trouble.home"), _start(request)),)
    what, now = t(f"trouble.{word}_what"), t(f"trouble.{word}")
    trouble = Trouble(what, now, links, t("common.telephone"), reference, mild=status < 500)
    return trouble_page(request, trouble, status)


class PageRoute(APIRoute):
    """Every route of the pages; `files` is how many a form of it may send."""

    files: ClassVar[int] = 0

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        verb = f"web.{self.name}"

        async def handle(request: Request) -> Response:
            request.state.door = door.arriving("web")
            with door.logged(request.state.door) as call:
                request.state.call, call.verb = call, verb
                return await _answer(request, inner, self.files)

        return handle


class FilePageRoute(PageRoute):
    """A page that takes a file."""

    files = 1


async def _answer(request: Request, inner: Callable[[Request], Coroutine[Any, Any, Response]], files: int) -> Response:
    call = request.state.call
    try:
        if not all(_may_name_a_row(value) for value in request.path_params.values()):
            call.outcome = "not-found"
            return plain_page(request, 404)
        if request.method == "POST":
            request.state.form = Form(await _form_of(request, files))
        return await inner(request)
    except sessions.SignInNeeded as needed:
        call.outcome = "sign-in-needed"
        back = here(request) if request.method == "GET" else _before(request)
        return see_other(f"{needed.to}?back={_quoted(back)}")
    except Fault as fault:
        call.outcome = fault.code
        return await run_in_threadpool(fault_page, request, fault)
    except RequestValidationError:
        call.outcome = "not-found"
        return plain_page(request, 404)
    except HTTPException as refusal:
        call.outcome = f"http-{refusal.status_code}"
        return plain_page(request, refusal.status_code)
    except Exception:
        call.outcome = "bug"
        door.log.exception("bug", verb=call.verb, trace=call.trace)
        answer = plain_page(request, 500)
        answer.headers.update(HEADERS)
        return answer
    finally:
        await request.close()  # and the file that came with a form


async def _form_of(request: Request, files: int) -> FormData:
    """A field may be as long as a body: what is longer is refused as a body."""
    return await request.form(max_files=files, max_part_size=door.settings().body_limit_bytes)


def _may_name_a_row(said: str) -> bool:
    """Whether the database could hold what an address says; what it could not was never given."""
    return said.isprintable() and len(said) <= 64 and not (said.isdigit() and int(said) >= 2**63)


def _start(request: Request) -> str:
    """The first page of the face a request was at."""
    return next((face for face in LAYOUTS if _at(request, face)), "/").replace("/staff", "/staff/sign-in")


def _at(request: Request, face: str) -> bool:
    path = request.url.path
    return path == face or path.startswith(face + "/")


def _before(request: Request) -> str:
    """The page a form stood on, as the browser says, when it is one of ours."""
    referer = request.headers.get("referer", "")
    own = str(request.base_url)
    return "/" + referer.removeprefix(own) if referer.startswith(own) else _start(request)


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("&", "%26").replace("?", "%3F").replace("#", "%23").replace(" ", "%20")
