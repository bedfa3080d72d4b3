"""Stopped clinics, who is told, and the fees that are owed back."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Id, local
from hub import booking, people
from hub.booking import BookingFee, ClinicStop, Contact
from hub.faults import Invalid
from hub.trust import RecordUnknown
from hub.units import Money

Outcome = Literal["reached", "no-answer", "wrong-number", "gave-up"]
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class StopWish(Body, frozen=True):
    """A department, or one doctor or one schedule of it, from `since` until `until`.

    With `rebook` its visits are moved where there is room, else they are cancelled.
    """

    department_id: str
    since: Zoned
    until: Zoned
    reason: str
    practitioner_id: str | None = None
    schedule_id: Id | None = None
    rebook: bool = True


class StopView(msgspec.Struct):
    """`slots` were blocked and `holds` freed at once; the visits follow, each in its own time."""

    stop_id: int
    department_id: str
    practitioner_id: str | None
    schedule_id: int | None
    since: datetime
    until: datetime
    rebook: bool
    reason: str
    slots: int
    holds: int
    stopped_at: datetime


class StoppedVisitView(msgspec.Struct):
    """What became of one appointment. `known` is whether its patient knows; who is not reached should be called."""

    visit_id: int
    appointment_id: int
    person_id: int
    name: str
    telephone: str | None
    was: datetime
    state: Literal["waiting", "moved", "cancelled", "left", "here"]
    new_slot_id: int | None
    new_start: datetime | None
    known: Literal["waiting", "told", "not-reached", "reached", "nothing"]
    calls: int
    outcome: Outcome | None
    note: str | None


class StopDetail(msgspec.Struct):
    stop: StopView
    visits: list[StoppedVisitView]


class CallOutcome(Body, frozen=True):
    """`after_calls` is how many calls were known before this one: the same said twice is one call."""

    outcome: Outcome
    after_calls: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    note: str = ""


class FeePaidWish(Body, frozen=True):
    """Yuan with two decimals, and the number of the receipt."""

    amount: str
    receipt: str


class Receipt(Body, frozen=True):
    receipt: str


class FeeView(msgspec.Struct):
    appointment_id: int
    amount: str
    receipt: str
    state: Literal["paid", "refund-due", "refunded"]
    paid_at: datetime
    refund_reason: str | None
    refund_receipt: str | None


@operation("POST", "/clinic-stops", tag="booking", body=StopWish, answer=StopView, status=201)
def stop_clinic(call: Call[StopWish]) -> StopView:
    """Stop a clinic: its slots cannot be sold, and everybody who had booked is moved or cancelled, and told."""
    said = call.body
    row = booking.stop(
        call.session,
        call.caller,
        department_id=said.department_id,
        since=said.since,
        until=said.until,
        reason=said.reason,
        practitioner_id=said.practitioner_id,
        schedule_id=said.schedule_id,
        rebook=said.rebook,
    )
    call.about(subject=f"stop/{row.id}")
    return _stop(row)


@operation("GET", "/clinic-stops", tag="booking", answer=list[StopView])
def clinic_stops(call: Call[None]) -> list[StopView]:
    """The stops of one's own hospital, the latest first."""
    return [_stop(row) for row in booking.stops(call.session, call.caller)]


@operation("GET", "/clinic-stops/{stop:int}", tag="booking", answer=StopDetail, names=(RecordUnknown,))
def clinic_stop(call: Call[None]) -> StopDetail:
    """One stop with everybody it met, first those who were not reached."""
    row, found = booking.contacts(call.session, call.caller, stop_id=call.number("stop"))
    call.about(subject=f"stop/{row.id}")
    return StopDetail(_stop(row), [_contact(call, each) for each in found])


@operation(
    "POST",
    "/stopped-visits/{stopped_visit:int}/calls",
    tag="booking",
    body=CallOutcome,
    answer=StoppedVisitView,
    names=(RecordUnknown,),
)
def call_stopped(call: Call[CallOutcome]) -> StoppedVisitView:
    """What came of calling a patient of a stopped clinic."""
    said = call.body
    visit = booking.record_call(
        call.session,
        call.caller,
        visit_id=call.number("stopped_visit"),
        outcome=said.outcome,
        after_calls=said.after_calls,
        note=said.note,
    )
    _, found = booking.contacts(call.session, call.caller, stop_id=visit.stop_id)
    call.about(person_id=visit.person_id, subject=f"appointment/{visit.appointment_id}")
    return next(_contact(call, each) for each in found if each.visit.id == visit.id)


@operation(
    "POST",
    "/appointments/{appointment_id:int}/fee",
    tag="booking",
    body=FeePaidWish,
    answer=FeeView,
    names=(RecordUnknown,),
)
def pay_fee(call: Call[FeePaidWish]) -> FeeView:
    """The registration fee of an appointment has been paid."""
    try:
        amount = Money.yuan(call.body.amount)
    except ValueError:
        amount = Money(-1)
    if amount < 0:
        raise Invalid(element="amount", found=call.body.amount[:20], allowed="28.00")
    appointment_id = call.number("appointment_id")
    row = booking.pay_fee(
        call.session, call.caller, appointment_id=appointment_id, amount=amount, receipt=call.body.receipt
    )
    call.about(subject=f"appointment/{appointment_id}")
    return _fee(row)


@operation(
    "POST",
    "/appointments/{appointment_id:int}/fee/refund",
    tag="booking",
    body=Receipt,
    answer=FeeView,
    names=(RecordUnknown,),
)
def refund_fee(call: Call[Receipt]) -> FeeView:
    """A fee that was owed back has been paid back."""
    appointment_id = call.number("appointment_id")
    call.about(subject=f"appointment/{appointment_id}")
    return _fee(booking.refund_fee(call.session, call.caller, appointment_id=appointment_id, receipt=call.body.receipt))


@operation("GET", "/fees/refunds-due", tag="booking", answer=list[FeeView])
def refunds_due(call: Call[None]) -> list[FeeView]:
    """What one's own hospital owes back, the oldest payment first."""
    return [_fee(row) for row in booking.refunds_due(call.session, call.caller)]


def _stop(row: ClinicStop) -> StopView:
    return StopView(
        stop_id=row.id,
        department_id=row.department_id,
        practitioner_id=row.practitioner_id,
        schedule_id=row.schedule_id,
        since=local(row.since),
        until=local(row.until),
        rebook=row.rebook,
        reason=row.reason,
        slots=row.slots,
        holds=row.holds,
        stopped_at=local(row.stopped_at),
    )


def _contact(call: Call[object], each: Contact) -> StoppedVisitView:
    visit, person = each.visit, people.person(call.session, each.visit.person_id)
    return StoppedVisitView(
        visit_id=visit.id,
        appointment_id=visit.appointment_id,
        person_id=visit.person_id,
        name=person.name,
        telephone=person.telephone,
        was=local(each.was.start_at),
        state=visit.state,  # type: ignore[arg-type]
        new_slot_id=visit.new_slot_id,
        new_start=local(each.new.start_at) if each.new else None,
        known=each.known,  # type: ignore[arg-type]
        calls=visit.calls,
        outcome=visit.outcome,  # type: ignore[arg-type]
        note=visit.note,
    )


def _fee(row: BookingFee) -> FeeView:
    return FeeView(
        appointment_id=row.appointment_id,
        amount=str(row.amount),
        receipt=row.receipt,
        state=row.state,  # type: ignore[arg-type]
        paid_at=local(row.paid_at),
        refund_reason=row.refund_reason,
        refund_receipt=row.refund_receipt,
    )
