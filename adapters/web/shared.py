"""Behind every face: style sheets and scripts, language and elder mode, and the sign-in of staff."""

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import assets, look, sessions
from adapters.web.forms import form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from hub import directory, trust
from hub.trust import Caller, SignInRefused

router = APIRouter(route_class=PageRoute, include_in_schema=False)
files = APIRouter(include_in_schema=False)
HOMES: dict[sessions.Face, str] = {"desk": "/desk", "bureau": "/bureau", "operations": "/ops"}


@files.get("/static/{version}/{name:path}")
def static(request: Request, version: str, name: str) -> Response:
    """A style sheet or a script; the version in its address is the hash of its content."""
    return assets.answer(request, name) or Response(status_code=404)


@router.get("/look")
def choose_look(request: Request) -> Response:
    """Remember language or elder mode, and go back to where one was."""
    query = query_of(request)
    answer = see_other(look.safe_path(query.text("back")))
    look.remember(answer, language=query.text("language"), elder=query.text("elder"))
    return answer


@router.get("/staff/sign-in")
def staff_sign_in_page(request: Request) -> Response:
    back = look.safe_path(query_of(request).text("back"), "")
    return page(request, "desk/sign_in.html", frame=sessions.stranger(request), back_to=back, typed="", trouble=None)


@router.post("/staff/sign-in")
def staff_sign_in(request: Request) -> Response:
    """User name and password; a wrong try is counted in its own committed transaction."""
    sessions.check_stranger(request)
    form = form_of(request)
    name, back = form.text("name", limit=100), look.safe_path(form.text("back"), "")
    at = sessions.door_of(request).at

    def work(session: Session) -> tuple[str, str] | SignInRefused:
        member = trust.staff_sign_in(session, name=name, password=form.text("password", limit=200), at=at)
        caller = Caller(
            kind="staff", id=name, at=at, purpose="sign-in", trace=sessions.door_of(request).trace, door="web"
        )
        if isinstance(member, SignInRefused):
            trust.audit(session, caller, verb="sign-in", outcome=member.code)
            return member
        token, _ = trust.open_session(session, at=at, staff_name=member.name)
        known = trust.session_caller(session, token, sessions.door_of(request))
        assert known is not None
        trust.audit(session, known[0], verb="sign-in")
        faces = sessions.faces_of(known[0], directory.organisation(session, member.organisation_id))
        return token, HOMES[faces[0]] if faces else "/"

    found = door.transact(work)
    if isinstance(found, SignInRefused):
        frame, trouble = sessions.stranger(request), trouble_of(request, found)
        return page(
            request,
            "desk/sign_in.html",
            frame=frame,
            status=status_of(found),
            back_to=back,
            typed=name,
            trouble=trouble,
        )
    token, home = found
    answer = see_other(back or home)
    sessions.remember(answer, "staff", token)
    return answer


@router.post("/staff/sign-out")
def staff_sign_out(request: Request) -> Response:
    door.transact(lambda session: sessions.sign_out(session, request, "staff"))
    answer = see_other("/staff/sign-in")
    answer.delete_cookie(sessions.COOKIES["staff"])
    return answer
