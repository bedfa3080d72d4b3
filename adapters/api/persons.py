"""Who is calling, and whom they ask about."""

from datetime import date
from typing import Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, PersonView, person_view
from hub import people, trust
from hub.people import Demographics, Identification, PersonUnknown
from hub.trust import RecordUnknown


class CallerView(msgspec.Struct):
    kind: str
    id: str
    organisation_id: str | None
    scopes: list[str]


class IdentifierBody(Body, frozen=True):
    """`system`: certno/01 (citizen number) and other document types, psn_no, mrn/<institution>."""

    system: str
    value: str


class Registration(Body, frozen=True):
    name: str
    gender: Literal["M", "F", "U"]
    birth_date: date
    identifiers: list[IdentifierBody]
    telephone: str | None = None
    address: str | None = None


class Number(Body, frozen=True):
    """`system`: as above, or card."""

    system: str
    value: str


@operation("GET", "/me", tag="people", answer=CallerView)
def me(call: Call[None]) -> CallerView:
    """The caller behind this token, and what it may do."""
    caller = call.caller
    return CallerView(caller.kind, caller.id, caller.organisation_id, sorted(caller.scopes))


@operation("POST", "/persons", tag="people", body=Registration, answer=PersonView)
def register(call: Call[Registration]) -> PersonView:
    """Find a person by the numbers given, or register them and give them a card."""
    body = call.body
    row = people.register(
        call.session,
        call.caller,
        demographics=Demographics(body.name, body.gender, body.birth_date, body.telephone, body.address),
        identifiers=[
            Identification(item.system, item.value, f"identifiers[{n}].value")
            for n, item in enumerate(body.identifiers)
        ],
    )
    call.about(person_id=row.id)
    return person_view(row)


@operation("POST", "/persons/resolve", tag="people", body=Number, answer=PersonView)
def resolve(call: Call[Number]) -> PersonView:
    """The person known by a number that they show. Numbers travel in the body, never in an address."""
    trust.require(call.caller, "people.read")
    row = people.resolve(call.session, system=call.body.system, value=call.body.value)
    call.about(person_id=row.id)
    return person_view(row)


@operation("GET", "/persons/{person_id:int}", tag="people", answer=PersonView, names=(PersonUnknown, RecordUnknown))
def person(call: Call[None]) -> PersonView:
    """A person that the caller has to do with."""
    call.about(person_id=call.number("person_id"))
    return person_view(people.look_up(call.session, call.caller, call.number("person_id")))
