"""A hospital asks for its settled month to be cleared: the amounts are the ledger's to the fen, or it is refused."""

from dataclasses import astuple, dataclass, fields
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.faults import Conflict, Invalid, Unknown
from hub.lifecycle import Lifecycle
from hub.reconciliation.statements import require_books
from hub.settlement import Settlement
from hub.trust import Caller, require
from hub.units import Money

CLEARING = Lifecycle("clearing application", start="applied", moves={("applied", "withdraw"): "withdrawn"})


class ClearingUnknown(Unknown):
    zh = "查不到清算申请 {clearing_id}。请核对申请事件编号。"
    en = "There is no clearing application {clearing_id}. Check its number."


class ClearingDiffers(Invalid):
    zh = "{element} 与医保已结算的账不符：申请 {found}，医保 {allowed}。请先对账（3201、3202），再申请清算。"
    en = "{element} is not what the ledger says: applied for {found}, the ledger has {allowed}. Reconcile first."


class AlreadyApplied(Conflict):
    zh = "清算类别 {clr_type} 在 {day_from} 至 {day_to} 已有申请 {clearing_id}。如需更正，请先撤销该申请。"
    en = "Clearing type {clr_type} from {day_from} to {day_to} was applied for as {clearing_id}. Withdraw that first."


class ClearingApplication(Base):
    """What was applied for, with the amounts of both: they are the same, or there is no row."""

    __tablename__ = "clearing_application"
    __table_args__ = (
        CLEARING.check(),
        CheckConstraint("day_from <= day_to", name="period_runs_forward"),
        Index("clearing_application_period_idx", "organisation_id", "clr_type", "day_from"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    clr_type: Mapped[str]
    clr_way: Mapped[str | None]
    day_from: Mapped[date]
    day_to: Mapped[date]
    persons: Mapped[int]
    recognised: Mapped[Money]
    fee: Mapped[Money]
    fund: Mapped[Money]
    account: Mapped[Money]
    cash: Mapped[Money]
    applied_at: Mapped[datetime]
    applied_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=CLEARING.start)


@dataclass(frozen=True, slots=True)
class ClearingSums:
    """Fen of a period and clearing type, what was undone taken off."""

    fee: int
    fund: int
    account: int
    cash: int


def apply_for_clearing(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    clr_type: str,
    clr_way: str | None,
    day_from: date,
    day_to: date,
    persons: int,
    recognised: Money,
    sums: ClearingSums,
) -> ClearingApplication:
    """Ask for a period to be cleared. `recognised` is what the insurer is to recognise, which a quota may set apart.

    Refuses: NotAllowed, ForeignBooks, AlreadyApplied, ClearingDiffers.
    """
    require(caller, "reconciliation.write")
    require_books(session, caller, organisation_id)
    # Two applications at once: the advisory lock decides, the second finds the first.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"clearing/{organisation_id}"))))
    _refuse_standing(session, organisation_id, clr_type, day_from, day_to)
    _refuse_other_sums(sums, _ledger(session, organisation_id, clr_type, day_from, day_to))
    row = ClearingApplication(
        organisation_id=organisation_id,
        clr_type=clr_type,
        clr_way=clr_way,
        day_from=day_from,
        day_to=day_to,
        persons=persons,
        recognised=recognised,
        fee=Money(sums.fee),
        fund=Money(sums.fund),
        account=Money(sums.account),
        cash=Money(sums.cash),
        applied_at=caller.at,
        applied_by=caller.id,
    )
    session.add(row)
    session.flush()
    return row


def withdraw_clearing(session: Session, caller: Caller, *, clearing_id: int) -> ClearingApplication:
    """Refuses: NotAllowed, ClearingUnknown (also for another institution's), IllegalMove."""
    require(caller, "reconciliation.write")
    row = session.get(ClearingApplication, clearing_id, with_for_update=True, populate_existing=True)
    if row is None or row.organisation_id != caller.organisation_id:
        raise ClearingUnknown(clearing_id=clearing_id)
    CLEARING.move(row, "withdraw")
    row.withdrawn_at, row.withdrawn_by = caller.at, caller.id
    session.flush()
    return row


def _refuse_other_sums(stated: ClearingSums, ledger: ClearingSums) -> None:
    for item, said, found in zip(fields(ClearingSums), astuple(stated), astuple(ledger), strict=True):
        if said != found:
            raise ClearingDiffers(element=item.name, found=Money(said), allowed=str(Money(found)))


def _refuse_standing(session: Session, organisation_id: str, clr_type: str, day_from: date, day_to: date) -> None:
    t = ClearingApplication
    wanted = select(t).where(
        t.organisation_id == organisation_id,
        t.clr_type == clr_type,
        t.state == "applied",
        t.day_from <= day_to,
        t.day_to >= day_from,
    )
    row = session.scalars(wanted).first()
    if row is not None:
        raise AlreadyApplied(clr_type=clr_type, day_from=row.day_from, day_to=row.day_to, clearing_id=row.id)


def _ledger(session: Session, organisation_id: str, clr_type: str, day_from: date, day_to: date) -> ClearingSums:
    t = Settlement
    wanted = select(*(func.coalesce(func.sum(column), 0) for column in (t.total, t.fund, t.account, t.cash))).where(
        t.organisation_id == organisation_id, t.clr_type == clr_type, t.settled_on.between(day_from, day_to)
    )
    return ClearingSums(*(int(amount) for amount in session.execute(wanted).one()))
