"""The card as a code, messages, family and my own details."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.forms import query_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import directory, exchange, people, trust

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
        return {"frame": visitor.frame, "person": person, "proxies": proxies}

    return page(request, "citizen/me.html", done=query_of(request).text("done"), **door.transact(work))


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
