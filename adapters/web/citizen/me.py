"""The card as a code, messages, family and my own details."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.forms import query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import coverage, directory, exchange, people, settlement, trust
from hub.units import Money, masked_name

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SECRET_TEMPLATES = frozenset({"sign-in-code"})


@dataclass(frozen=True)
class Card:
    """The card as the pages draw it; the QR code says its number, which every counter resolves."""

    name: str
    number: str


@dataclass(frozen=True)
class Message:
    """A notice to the citizen; `text` is empty where it held a secret."""

    at: datetime
    text: str
    sent: bool


@dataclass(frozen=True)
class Shared:
    """A personal account that is shared: by the person (`given`), or with them; `drawn` is what it has paid (fen)."""

    id: int
    given: bool
    name: str
    relation: str
    since: date
    until: date | None
    drawn: Money
    may_end: bool


@router.get("/card")
def card(request: Request) -> Response:
    full = query_of(request).text("full") == "1"

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        person = people.person(session, visitor.person_id)
        trust.audit(session, visitor.caller, verb="card.show", person_id=person.id)
        numbers = [
            (directory.organisation(session, number.system.partition("/")[2]), number.value)
            for number in people.identifiers_of(session, person.id)
            if number.system.startswith("mrn/")
        ]
        return {
            "frame": visitor.frame,
            "card": Card(person.name, person.card_number),
            "known_as": numbers,
        }

    return page(request, "citizen/card.html", full=full, **door.transact(work))


@router.get("/messages")
def messages(request: Request) -> Response:
    """What was sent to the telephone of the person acted for, newest first."""

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        person = people.person(session, visitor.person_id)
        trust.audit(session, visitor.caller, verb="messages", person_id=person.id)
        return {
            "frame": visitor.frame,
            "telephone": person.telephone,
            "messages": messages_of(session, people.cluster(session, person.id)),
        }

    return page(request, "citizen/messages.html", **door.transact(work))


@router.get("/me")
def me(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        person = people.person(session, visitor.person_id)
        trust.audit(session, visitor.caller, verb="people.person", person_id=person.id)
        proxies = [(proxy.name, link.relation) for link, proxy in people.represented(session, person.id, visitor.at)]
        shared = _shared(session, visitor)
        return {"frame": visitor.frame, "person": person, "proxies": proxies, "shared": shared}

    return page(request, "citizen/me.html", done=query_of(request).text("done"), **door.transact(work))


@router.post("/me/shared/{share_id}/end")
def end_share(request: Request, share_id: int) -> Response:
    """The owner takes the consent back."""

    def work(session: Session) -> None:
        visitor = sessions.citizen(session, request)
        row = coverage.end_share(session, visitor.caller, share_id=share_id)
        trust.audit(
            session, visitor.caller, verb="coverage.end_share", person_id=row.owner_id, subject=f"share/{share_id}"
        )

    door.transact(work)
    return see_other("/me?done=ended")


def _shared(session: Session, visitor: sessions.Visitor) -> list[Shared]:
    """The sharings of the person acted for that still run; only the owner may end one."""
    own = people.cluster(session, visitor.person_id)
    shown = []
    for row in coverage.shares(session, visitor.caller, person_id=visitor.person_id):
        if row.state != coverage.SHARE.start:
            continue
        given = row.owner_id in own
        other = people.person(session, row.relative_id if given else row.owner_id)
        drawn = settlement.shared_so_far(session, owner_id=row.owner_id, relative_id=row.relative_id)
        may_end = given and visitor.caller.person_id in own
        shown.append(Shared(row.id, given, masked_name(other.name), row.relation, row.since, row.until, drawn, may_end))
    return shown


def messages_of(session: Session, person_ids: tuple[int, ...], limit: int = 30) -> list[Message]:
    """The notices to a human, newest first, without the texts that hold a secret."""
    rows = [
        row
        for person_id in person_ids
        for row in exchange.search_due(session, destination="sms", subject=f"person/{person_id}", limit=limit)
    ]
    rows.sort(key=lambda row: row.id, reverse=True)
    return [
        Message(
            row.posted_at,
            "" if row.snapshot.get("template") in SECRET_TEMPLATES else str(row.snapshot.get("text", "")),
            sent=row.state == "sent",
        )
        for row in rows[:limit]
    ]
