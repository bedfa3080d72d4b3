"""The waiting list: join, see how many are before, accept or decline what is offered, leave."""

from datetime import date, datetime
from typing import Literal

import msgspec

from adapters.api.booking import AppointmentView, Channel, appointment_view
from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Id, local
from hub import booking
from hub.booking import Waiting, WaitingUnknown


class WaitingJoin(Body, frozen=True):
    """A place in a department (or with one doctor of it) on any of these days, both included."""

    person_id: Id
    department_id: str
    day_from: date
    day_to: date
    practitioner_id: str | None = None
    channel: Channel = "his"


class OfferView(msgspec.Struct):
    """A place kept for who waits until `expires_at`; accepting books it."""

    slot_id: int
    start: datetime
    practitioner: str | None
    expires_at: datetime


class WaitingView(msgspec.Struct):
    """`before` is how many wait for the same and came earlier."""

    wish_id: int
    person_id: int
    department_id: str
    practitioner_id: str | None
    day_from: date
    day_to: date
    state: Literal["waiting", "offered", "booked", "left", "lapsed", "ended"]
    before: int
    offer: OfferView | None
    joined_at: datetime


class WaitingQuery(msgspec.Struct, frozen=True):
    person_id: Id


@operation("POST", "/waiting", tag="booking", body=WaitingJoin, answer=WaitingView, status=201)
def join_waiting(call: Call[WaitingJoin]) -> WaitingView:
    """Wait for a place that is freed; who waits in the department already keeps the turn."""
    said = call.body
    call.about(person_id=said.person_id, subject=f"department/{said.department_id}")
    row = booking.join_waiting(
        call.session,
        call.caller,
        person_id=said.person_id,
        department_id=said.department_id,
        day_from=said.day_from,
        day_to=said.day_to,
        practitioner_id=said.practitioner_id,
        channel=said.channel,
    )
    return _view(call, row.id)


@operation("GET", "/waiting", tag="booking", query=WaitingQuery, answer=list[WaitingView])
def waiting(call: Call[None]) -> list[WaitingView]:
    """What a person waits for now."""
    query: WaitingQuery = call.query
    call.about(person_id=query.person_id)
    return [_shown(each) for each in booking.waiting_of(call.session, call.caller, person_id=query.person_id)]


@operation("GET", "/waiting/{wish:int}", tag="booking", answer=WaitingView, names=(WaitingUnknown,))
def waiting_one(call: Call[None]) -> WaitingView:
    """One wish, also when it is over."""
    return _view(call, call.number("wish"))


@operation(
    "POST", "/waiting/{wish:int}/accept", tag="booking", answer=AppointmentView, status=201, names=(WaitingUnknown,)
)
def accept_offer(call: Call[None]) -> AppointmentView:
    """Book the place that is offered."""
    row = booking.accept_offer(call.session, call.caller, wish_id=call.number("wish"))
    call.about(person_id=row.person_id, subject=f"appointment/{row.id}")
    return appointment_view(row)


@operation("POST", "/waiting/{wish:int}/decline", tag="booking", answer=WaitingView, names=(WaitingUnknown,))
def decline_offer(call: Call[None]) -> WaitingView:
    """Not this place: it goes to the next, the wish keeps its turn."""
    return _view(call, booking.decline_offer(call.session, call.caller, wish_id=call.number("wish")).id)


@operation("POST", "/waiting/{wish:int}/leave", tag="booking", answer=WaitingView, names=(WaitingUnknown,))
def leave_waiting(call: Call[None]) -> WaitingView:
    """Wait no longer."""
    return _view(call, booking.leave_waiting(call.session, call.caller, wish_id=call.number("wish")).id)


def _view(call: Call[object], wish_id: int) -> WaitingView:
    found = booking.waiting_one(call.session, call.caller, wish_id=wish_id)
    call.about(person_id=found.wish.person_id, subject=f"waiting/{wish_id}")
    return _shown(found)


def _shown(each: Waiting) -> WaitingView:
    offer = None
    if each.offer is not None and each.place is not None:
        start, until = local(each.place.start_at), local(each.offer.expires_at)
        offer = OfferView(each.place.slot_id, start, each.place.practitioner_name, until)
    return WaitingView(
        wish_id=each.wish.id,
        person_id=each.wish.person_id,
        department_id=each.wish.department_id,
        practitioner_id=each.wish.practitioner_id,
        day_from=each.wish.day_from,
        day_to=each.wish.day_to,
        state=each.wish.state,  # type: ignore[arg-type]
        before=each.before,
        offer=offer,
        joined_at=local(each.wish.joined_at),
    )
