"""Signing in with the card (or citizen number) and a one-time code; signing out; acting for a relative."""

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import look, sessions
from adapters.web.forms import form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute, status_of, trouble_of
from adapters.web.words import words
from hub import people, trust
from hub.faults import Fault
from hub.people import PersonUnknown
from hub.trust import Caller

router = APIRouter(route_class=PageRoute, include_in_schema=False)
NUMBER_LENGTH = 18


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    return _page(request, back=look.safe_path(query_of(request).text("back")))


@router.post("/sign-in")
def ask_for_code(request: Request) -> Response:
    """Send a code. A number nobody is known by gets the same answer, so that numbers cannot be guessed."""
    sessions.check_stranger(request)
    form = form_of(request)
    number = "".join(form.text("number", limit=60).split()).upper()
    back = look.safe_path(form.text("back"))
    if len(number) != NUMBER_LENGTH:
        t = words(look.look_of(request).language)
        return _page(request, back=back, typed=number, error=t("signin.number_short", count=len(number)), status=400)
    caller = _nobody(request)

    def work(session: Session) -> None:
        person = people.send_sign_in_code(session, caller, number=number)
        trust.audit(session, caller, verb="send-code", person_id=person.id if person else None)

    try:
        door.transact(work)
    except Fault as fault:
        return _page(request, back=back, number=number if fault.code == "too-many-codes" else "", fault=fault)
    return _page(request, back=back, number=number)


@router.post("/sign-in/code")
def enter_code(request: Request) -> Response:
    """A right code opens a session; a wrong one is counted in its own committed transaction."""
    sessions.check_stranger(request)
    form = form_of(request)
    number, back = form.text("number", limit=60), look.safe_path(form.text("back"))
    caller = _nobody(request)

    def work(session: Session) -> str | Fault:
        found = people.sign_in(session, caller, number=number, code=form.text("code", limit=20))
        if isinstance(found, Fault):
            trust.audit(session, caller, verb="sign-in", outcome=found.code)
            return found
        trust.audit(session, caller, verb="sign-in", person_id=found.id)
        return trust.open_session(session, at=caller.at, person_id=found.id)[0]

    token = door.transact(work)
    if isinstance(token, Fault):
        sentence = token.sentence(look.look_of(request).language)
        return _page(request, back=back, number=number, error=sentence, status=status_of(token))
    answer = see_other(back)
    sessions.remember(answer, "citizen", token)
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    door.transact(lambda session: sessions.sign_out(session, request, "citizen"))
    answer = see_other("/sign-in")
    answer.delete_cookie(sessions.COOKIES["citizen"])
    return answer


@router.post("/for/{person_id}")
def act_for(request: Request, person_id: int) -> Response:
    """Act for a relative, or for oneself again; the session remembers it. Refuses: PersonUnknown."""

    def work(session: Session) -> None:
        visitor = sessions.citizen(session, request)
        if not people.may_act_for(session, visitor.caller, person_id):
            raise PersonUnknown(system="person", shown=person_id)
        visitor.cookie.acting_for = None if person_id == visitor.caller.person_id else person_id
        trust.audit(session, visitor.caller, verb="act-for", person_id=person_id)

    door.transact(work)
    return see_other(look.safe_path(form_of(request).text("back")))


def _page(
    request: Request,
    *,
    back: str,
    number: str = "",
    typed: str = "",
    error: str = "",
    fault: Fault | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "citizen/sign_in.html",
        frame=sessions.stranger(request),
        status=status_of(fault) if fault else status,
        back_to=back,
        number=number,
        typed=typed,
        error=error,
        trouble=trouble_of(request, fault) if fault else None,
    )


def _nobody(request: Request) -> Caller:
    arrived = sessions.door_of(request)
    return Caller(kind="system", id="sign-in", at=arrived.at, purpose="sign-in", trace=arrived.trace, door="web")
