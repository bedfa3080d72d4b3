"""The registration fee of an appointment: paid before the visit, owed back when the place is given up, paid back.

The hub moves no money here: whoever holds the cash desk or the payment channel says what was paid under
which receipt, and reads what is owed back.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import trust
from hub.booking.faults import FeeNotDue, FeePaid, FeeUnknown
from hub.booking.tables import Appointment
from hub.db import Base
from hub.faults import LONGEST_NUMBER, Missing, within
from hub.lifecycle import Lifecycle
from hub.trust import Caller, RecordUnknown
from hub.units import Money

FEE = Lifecycle(
    "booking fee", start="paid", moves={("paid", "owe"): "refund-due", ("refund-due", "refund"): "refunded"}
)


class BookingFee(Base):
    """What was paid for one appointment; it moves with the appointment."""

    __tablename__ = "booking_fee"
    __table_args__ = (
        FEE.check(),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("(state = 'refunded') = (refund_receipt IS NOT NULL)", name="refunded_with_receipt"),
        Index("booking_fee_refund_due_idx", "organisation_id", postgresql_where="state = 'refund-due'"),
    )

    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointment.id"), primary_key=True, autoincrement=False)
    organisation_id: Mapped[str]
    amount: Mapped[Money]
    receipt: Mapped[str]
    state: Mapped[str] = mapped_column(default=FEE.start)
    paid_by: Mapped[str]
    paid_at: Mapped[datetime]
    refund_reason: Mapped[str | None]
    refund_receipt: Mapped[str | None]
    refunded_at: Mapped[datetime | None]


def pay_fee(session: Session, caller: Caller, *, appointment_id: int, amount: Money, receipt: str) -> BookingFee:
    """The fee of an appointment has been paid; the same receipt said twice is one payment.

    Refuses: NotAllowed, RecordUnknown, Missing, FeeNotDue (the appointment no longer stands), FeePaid.
    """
    trust.require(caller, "booking.write")
    if not receipt.strip():
        raise Missing(element="receipt")
    row = _of_ours(session, caller, appointment_id)
    if row.state not in ("booked", "arrived"):
        raise FeeNotDue(appointment_id=appointment_id, state=row.state)
    wanted = insert(BookingFee).values(
        appointment_id=appointment_id,
        organisation_id=row.organisation_id,
        amount=amount,
        receipt=within(receipt.strip(), LONGEST_NUMBER, element="receipt"),
        state=FEE.start,
        paid_by=f"{caller.kind}/{caller.id}",
        paid_at=caller.at,
    )
    session.execute(wanted.on_conflict_do_nothing())  # two desks may say it at once; the key decides
    fee = session.get_one(BookingFee, appointment_id, populate_existing=True)
    if (fee.receipt, fee.amount) != (receipt.strip(), amount):
        raise FeePaid(appointment_id=appointment_id, amount=fee.amount, receipt=fee.receipt)
    return fee


def owe_back(session: Session, *, appointment_id: int, reason: str) -> Money | None:
    """The place was given up: what was paid for it is owed back. None when nothing was."""
    wanted = (
        update(BookingFee)
        .where(BookingFee.appointment_id == appointment_id, BookingFee.state.in_(FEE.sources("owe")))
        .values(state=FEE.target("owe"), refund_reason=reason)
        .returning(BookingFee.amount)
    )
    return session.scalar(wanted.execution_options(synchronize_session=False))


def refund_fee(session: Session, caller: Caller, *, appointment_id: int, receipt: str) -> BookingFee:
    """The money went back; the same receipt said twice is one refund.

    Refuses: NotAllowed, RecordUnknown, Missing, FeeUnknown, IllegalMove.
    """
    trust.require(caller, "booking.write")
    if not receipt.strip():
        raise Missing(element="receipt")
    _of_ours(session, caller, appointment_id)
    fee = session.get(BookingFee, appointment_id, with_for_update=True, populate_existing=True)
    if fee is None:
        raise FeeUnknown(appointment_id=appointment_id)
    if fee.state == "refunded" and fee.refund_receipt == receipt.strip():
        return fee
    FEE.move(fee, "refund")
    fee.refund_receipt, fee.refunded_at = within(receipt.strip(), LONGEST_NUMBER, element="receipt"), caller.at
    session.flush()
    return fee


def refunds_due(session: Session, caller: Caller, *, limit: int = 1000) -> Sequence[BookingFee]:
    """What the caller's hospital owes back, the oldest payment first. Refuses: NotAllowed."""
    trust.require(caller, "booking.read")
    wanted = select(BookingFee).where(
        BookingFee.organisation_id == caller.organisation_id, BookingFee.state == "refund-due"
    )
    return session.scalars(wanted.order_by(BookingFee.paid_at).limit(limit)).all()


def fee_of(session: Session, appointment_id: int) -> BookingFee | None:
    """What was paid for an appointment that the caller has been shown."""
    return session.get(BookingFee, appointment_id)


def _of_ours(session: Session, caller: Caller, appointment_id: int) -> Appointment:
    """The appointment, locked against being given up meanwhile, for its hospital. Refuses: RecordUnknown."""
    row = session.get(Appointment, appointment_id, with_for_update={"read": True}, populate_existing=True)
    if row is None or caller.organisation_id != row.organisation_id:
        raise RecordUnknown(noun="appointment")
    return row
