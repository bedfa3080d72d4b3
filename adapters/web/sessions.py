"""Who is looking: session cookies, the form token, and the frame of a page made from them.

Citizens and staff have cookies of their own, so that a nurse may look at her own appointments on
the same machine. A POST is checked against the session's form token here, where nobody can forget it.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.forms import form_of
from adapters.web.pages import STRANGER_COOKIE, Frame, Relative
from hub import directory, people, trust
from hub.faults import Forbidden
from hub.trust import Caller, Door, WebSession

Face = Literal["citizen", "desk", "bureau", "operations"]
Kind = Literal["citizen", "staff"]
COOKIES: dict[Kind, str] = {"citizen": "onecard_citizen", "staff": "onecard_staff"}


class SignInNeeded(Exception):
    """Nobody is signed in; `to` is the page to sign in at."""

    def __init__(self, to: str) -> None:
        self.to = to


class FormOutOfDate(Forbidden):
    zh = "这张表单已经过期，没有提交任何内容。"
    en = "This form is out of date; nothing was sent."


class WrongFace(Forbidden):
    zh = "您的账号不能打开这个工作台。请换账号登录，或请管理员开通。"
    en = "This account may not open this workbench. Sign in with another, or ask your administrator."


@dataclass(frozen=True)
class Visitor:
    """A citizen who is signed in, and the person acted for: oneself or a relative."""

    caller: Caller
    person_id: int
    frame: Frame
    cookie: WebSession

    @property
    def at(self) -> datetime:
        return self.caller.at


@dataclass(frozen=True)
class Clerk:
    """A member of staff who is signed in, with the organisation they work for."""

    caller: Caller
    organisation: directory.Organisation
    frame: Frame

    @property
    def at(self) -> datetime:
        return self.caller.at

    @property
    def organisation_id(self) -> str:
        return self.organisation.id


def citizen(session: Session, request: Request) -> Visitor:
    """The citizen behind the request. Raises SignInNeeded; refuses: FormOutOfDate."""
    caller, row = _signed_in(session, request, "citizen", "/sign-in")
    assert row.person_id is not None
    acted_for = row.acting_for or row.person_id
    if acted_for != row.person_id and not people.may_act_for(session, caller, acted_for):
        acted_for = row.acting_for = row.person_id
    return Visitor(caller, acted_for, _citizen_frame(session, caller, row, acted_for), row)


def clerk(session: Session, request: Request, face: Face) -> Clerk:
    """The member of staff behind the request, at one face. Raises SignInNeeded; refuses: FormOutOfDate, WrongFace."""
    caller, row = _signed_in(session, request, "staff", "/staff/sign-in")
    assert caller.organisation_id is not None
    organisation = directory.organisation(session, caller.organisation_id)
    faces = faces_of(caller, organisation)
    if face not in faces:
        raise WrongFace()
    member = session.get_one(trust.Staff, caller.id)
    frame = Frame(
        now=caller.at,
        csrf=row.csrf,
        who=member.display_name,
        organisation=organisation.name,
        faces=faces,
        reference=caller.trace[:12],
    )
    return Clerk(caller, organisation, frame)


def faces_of(caller: Caller, organisation: directory.Organisation) -> tuple[Face, ...]:
    """Which faces a member of staff may open: by scope, and by where they work."""
    faces: list[Face] = []
    if organisation.tier != "bureau" and caller.scopes & {"referral.read", "booking.read"}:
        faces.append("desk")
    if "reconciliation.read" in caller.scopes:
        faces.append("bureau")
    if "operations" in caller.scopes:
        faces.append("operations")
    return tuple(faces)


def stranger(request: Request) -> Frame:
    """The frame of somebody not signed in; its token stands in a cookie too, and a form must bring both."""
    token = request.cookies.get(STRANGER_COOKIE) or secrets.token_urlsafe(24)
    return Frame(now=door.now(), csrf=token, reference=door_of(request).trace[:12])


def check_stranger(request: Request) -> None:
    """A form of somebody not signed in: its token equals the cookie's. Refuses: FormOutOfDate."""
    _check_token(request, request.cookies.get(STRANGER_COOKIE, ""))


def door_of(request: Request) -> Door:
    """When and under which trace this request came in; the route class has noted it."""
    arrived: Door = request.state.door
    return arrived


def known(request: Request, caller: Caller) -> Caller:
    """Note who is calling, for the log line and for the audit of a refusal."""
    request.state.caller = caller
    request.state.call.caller = caller.id
    return caller


def remember(response: Response, kind: Kind, token: str) -> None:
    """Put the session into a cookie that no script reads and no other site sends."""
    life = trust.sessions.SESSION_LASTS[kind]
    secure = door.settings().secure_cookies
    response.set_cookie(
        COOKIES[kind], token, max_age=int(life.total_seconds()), httponly=True, samesite="lax", secure=secure
    )


def sign_out(session: Session, request: Request, kind: Kind) -> None:
    """End the session of this cookie, if it is still one. Refuses: FormOutOfDate."""
    token = request.cookies.get(COOKIES[kind], "")
    found = trust.session_caller(session, token, door_of(request))
    if found is not None:
        _check_token(request, found[1].csrf)
        trust.close_session(session, token)


def _signed_in(session: Session, request: Request, kind: Kind, to: str) -> tuple[Caller, WebSession]:
    found = trust.session_caller(session, request.cookies.get(COOKIES[kind], ""), door_of(request))
    if found is None or found[0].kind != kind:  # a cookie put into the other's place opens nothing
        raise SignInNeeded(to)
    caller, row = found
    known(request, caller)
    if request.method == "POST":
        _check_token(request, row.csrf)
    return caller, row


def _check_token(request: Request, expected: str) -> None:
    sent = form_of(request).text("csrf", limit=200)
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise FormOutOfDate()


def _citizen_frame(session: Session, caller: Caller, row: WebSession, acted_for: int) -> Frame:
    assert row.person_id is not None
    own = people.person(session, row.person_id)
    family = people.family_of(session, row.person_id, caller.at)
    relatives = [Relative(own.id, own.name, "self", current=acted_for == own.id)]
    relatives += [
        Relative(relative.id, relative.name, link.relation, current=acted_for == relative.id)
        for link, relative in family
    ]
    current = next((each for each in relatives if each.current), relatives[0])
    return Frame(
        now=caller.at,
        csrf=row.csrf,
        who=current.name,
        own=acted_for == own.id,
        family=tuple(relatives),
        reference=caller.trace[:12],
    )
