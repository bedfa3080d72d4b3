"""Slots, holds and appointments."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy.orm import Session

from adapters.api.operations import Call, Many, operation
from adapters.api.shapes import Body, Coded, Id, Named, local
from hub import booking, journeys
from hub.booking import HoldUnknown, Offer, Wish
from hub.db import Statement
from hub.faults import Fault, Missing
from hub.trust import RecordUnknown
from hub.units import day_of

Channel = Literal["app", "window", "phone", "kiosk", "his"]
Pool = Literal["public", "referral"]


class SlotView(msgspec.Struct):
    """A slot; `available` is true at `as_of` of the list and decided only when it is held or booked."""

    slot_id: int
    start: datetime
    end: datetime
    organisation: Named
    department: Named
    location: str | None
    practitioner: Named | None
    service: Coded
    fee: str
    pool: Pool
    state: Literal["free", "blocked"]
    capacity: int
    available: int


class SlotList(msgspec.Struct):
    as_of: datetime
    slots: list[SlotView]


class SlotQuery(msgspec.Struct, frozen=True, rename={"day_from": "from", "day_to": "to"}):
    """Days are days in China, both included; without any, the coming week."""

    organisation_id: str | None = None
    department_id: str | None = None
    practitioner_id: str | None = None
    service_id: str | None = None
    pool: Pool | None = None
    day_from: date | None = None
    day_to: date | None = None
    free: bool = False


class HoldWish(Body, frozen=True):
    slot_id: Id
    person_id: Id
    channel: Channel = "his"


class HoldView(msgspec.Struct):
    """A place that nobody else can take until `expires_at`; booking it uses the hold up."""

    hold_id: int
    slot_id: int
    person_id: int
    channel: str
    expires_at: datetime


class BookingWish(Body, frozen=True):
    slot_id: Id
    person_id: Id
    channel: Channel = "his"
    reason: str = ""


class NewSlot(Body, frozen=True):
    slot_id: Id


class Reason(Body, frozen=True):
    reason: str


class AppointmentView(msgspec.Struct):
    """`state` is a word of FHIR Appointment.status; `version` grows with every change."""

    appointment_id: int
    slot_id: int
    person_id: int
    state: Literal["booked", "arrived", "fulfilled", "cancelled", "noshow"]
    start: datetime
    end: datetime
    organisation_id: str
    department_id: str
    practitioner_id: str | None
    service_id: str
    queue_number: int
    channel: str
    reason: str
    referral_id: int | None
    cancel_reason: str | None
    booked_at: datetime
    version: int


class AppointmentQuery(msgspec.Struct, frozen=True):
    """Either the appointments of a person, or those of the caller's hospital on a day."""

    person_id: Id | None = None
    day: date | None = None
    department_id: str | None = None


@operation("GET", "/slots", tag="booking", query=SlotQuery, answer=SlotList)
def search_slots(call: Call[None]) -> SlotList:
    """Slots that have not begun, free ones and full ones."""
    query: SlotQuery = call.query
    first = query.day_from or day_of(call.caller.at)
    found = booking.search(
        call.session,
        call.caller,
        day_from=first,
        day_to=query.day_to or first + timedelta(days=6),
        organisation_id=query.organisation_id,
        department_id=query.department_id,
        practitioner_id=query.practitioner_id,
        service_id=query.service_id,
        pool=query.pool,
        only_free=query.free,
    )
    return SlotList(local(call.caller.at), [_slot(offer) for offer in found])


@operation("POST", "/holds", tag="booking", body=HoldWish, answer=HoldView, status=201)
def hold(call: Call[HoldWish]) -> HoldView:
    """Keep a place while somebody decides."""
    wish = call.body
    row = booking.hold(call.session, call.caller, slot_id=wish.slot_id, person_id=wish.person_id, channel=wish.channel)
    call.about(person_id=row.person_id, subject=f"slot/{row.slot_id}")
    return HoldView(row.id, row.slot_id, row.person_id, row.channel, local(row.expires_at))


@operation("DELETE", "/holds/{hold_id:int}", tag="booking", status=204, names=(HoldUnknown,))
def release(call: Call[None]) -> None:
    """Give a held place back before it expires."""
    call.about(subject=f"hold/{call.number('hold_id')}")
    booking.release(call.session, call.caller, hold_id=call.number("hold_id"))


def _book_many(
    session: Session, calls: Sequence[Call[BookingWish]], looked: Sequence[Any]
) -> tuple[list[AppointmentView | Fault], list[Statement]]:
    """`book` for calls that arrived at the same moment."""
    wishes = []
    for call in calls:
        said = call.body
        call.about(person_id=said.person_id, subject=f"slot/{said.slot_id}")
        wishes.append(Wish(call.caller, said.slot_id, said.person_id, said.channel, said.reason))
    answers, writes = booking.taking(session, wishes, looked)
    views = [
        answer if isinstance(answer, Fault) else _view(call, answer)
        for call, answer in zip(calls, answers, strict=True)
    ]
    return views, writes


_TOGETHER = Many(lambda bodies: booking.looking(said.person_id for said in bodies), _book_many)


@operation("POST", "/appointments", tag="booking", body=BookingWish, answer=AppointmentView, status=201, many=_TOGETHER)
def book(call: Call[BookingWish]) -> AppointmentView:
    """Book a place for a person."""
    wish = call.body
    call.about(person_id=wish.person_id, subject=f"slot/{wish.slot_id}")
    row = booking.book(
        call.session,
        call.caller,
        slot_id=wish.slot_id,
        person_id=wish.person_id,
        channel=wish.channel,
        reason=wish.reason,
    )
    return _view(call, row)


@operation(
    "GET", "/appointments", tag="booking", query=AppointmentQuery, answer=list[AppointmentView], names=(RecordUnknown,)
)
def appointments(call: Call[None]) -> list[AppointmentView]:
    """The appointments of a person, or of one's own hospital on a day."""
    query: AppointmentQuery = call.query
    if query.person_id is not None:
        call.about(person_id=query.person_id)
        rows = booking.appointments_of(call.session, call.caller, person_id=query.person_id)
    elif query.day is not None:
        rows = booking.day_list(call.session, call.caller, day=query.day, department_id=query.department_id)
    else:
        raise Missing(element="person_id, day", allowed="person_id / day")
    return [appointment_view(row) for row in rows]


@operation("GET", "/appointments/{appointment_id:int}", tag="booking", answer=AppointmentView, names=(RecordUnknown,))
def appointment(call: Call[None]) -> AppointmentView:
    """One appointment."""
    return _view(call, booking.appointment(call.session, call.caller, call.number("appointment_id")))


@operation(
    "POST",
    "/appointments/{appointment_id:int}/reschedule",
    tag="booking",
    body=NewSlot,
    answer=AppointmentView,
    names=(RecordUnknown,),
)
def reschedule(call: Call[NewSlot]) -> AppointmentView:
    """Move an appointment to another slot of its department; it keeps its id."""
    row = booking.reschedule(
        call.session, call.caller, appointment_id=call.number("appointment_id"), slot_id=call.body.slot_id
    )
    return _view(call, row)


@operation(
    "POST",
    "/appointments/{appointment_id:int}/cancel",
    tag="booking",
    body=Reason,
    answer=AppointmentView,
    names=(RecordUnknown,),
)
def cancel(call: Call[Reason]) -> AppointmentView:
    """Give the place back."""
    row = journeys.cancel_appointment(
        call.session, call.caller, appointment_id=call.number("appointment_id"), reason=call.body.reason
    )
    return _view(call, row)


@operation(
    "POST", "/appointments/{appointment_id:int}/arrive", tag="booking", answer=AppointmentView, names=(RecordUnknown,)
)
def arrive(call: Call[None]) -> AppointmentView:
    """The patient has checked in."""
    return _view(call, booking.arrive(call.session, call.caller, appointment_id=call.number("appointment_id")))


@operation(
    "POST", "/appointments/{appointment_id:int}/fulfil", tag="booking", answer=AppointmentView, names=(RecordUnknown,)
)
def fulfil(call: Call[None]) -> AppointmentView:
    """The visit has taken place."""
    return _view(call, booking.fulfil(call.session, call.caller, appointment_id=call.number("appointment_id")))


@operation(
    "POST", "/appointments/{appointment_id:int}/noshow", tag="booking", answer=AppointmentView, names=(RecordUnknown,)
)
def noshow(call: Call[None]) -> AppointmentView:
    """The patient did not come."""
    return _view(
        call,
        journeys.miss_appointment(call.session, call.caller, appointment_id=call.number("appointment_id")),
    )


def appointment_view(row: booking.Appointment) -> AppointmentView:
    return AppointmentView(
        appointment_id=row.id,
        slot_id=row.slot_id,
        person_id=row.person_id,
        state=row.state,  # type: ignore[arg-type]
        start=local(row.start_at),
        end=local(row.end_at),
        organisation_id=row.organisation_id,
        department_id=row.department_id,
        practitioner_id=row.practitioner_id,
        service_id=row.service_id,
        queue_number=row.queue_number,
        channel=row.channel,
        reason=row.reason,
        referral_id=row.referral_id,
        cancel_reason=row.cancel_reason,
        booked_at=local(row.booked_at),
        version=row.version,
    )


def _view(call: Call[object], row: booking.Appointment) -> AppointmentView:
    call.about(person_id=row.person_id, subject=f"appointment/{row.id}")
    return appointment_view(row)


def _slot(offer: Offer) -> SlotView:
    practitioner = None
    if offer.practitioner_id is not None:
        practitioner = Named(offer.practitioner_id, offer.practitioner_name or "")
    return SlotView(
        slot_id=offer.slot_id,
        start=local(offer.start_at),
        end=local(offer.end_at),
        organisation=Named(offer.organisation_id, offer.organisation_name),
        department=Named(offer.department_id, offer.department_name),
        location=offer.location,
        practitioner=practitioner,
        service=Coded(offer.service_code, offer.service_name),
        fee=str(offer.fee),
        pool=offer.pool,  # type: ignore[arg-type]
        state=offer.state,  # type: ignore[arg-type]
        capacity=offer.capacity,
        available=max(0, offer.available),
    )
