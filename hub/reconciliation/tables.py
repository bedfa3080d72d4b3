"""What each side said, and where they differ.

A statement is one side's word for a period: totals, or totals with lines. Statements, lines and
comparisons are only ever added; a break (a named difference) has a life of its own.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle
from hub.trust import Sealed, SealedBytes
from hub.units import Money

BREAK = Lifecycle(
    "difference",
    start="open",
    moves={
        ("open", "propose"): "proposed",
        ("proposed", "approve"): "approved",
        ("proposed", "send-back"): "open",
        ("approved", "resolve"): "resolved",
        ("open", "heal"): "healed",
        ("proposed", "heal"): "healed",
        ("approved", "heal"): "healed",
        ("healed", "find-again"): "open",
        # Another difference over the same settlement: what was decided was about the old one.
        ("proposed", "find-again"): "open",
        ("approved", "find-again"): "open",
        ("resolved", "find-again"): "open",
    },
)


class StatementFile(Base):
    """A file as it came in or was made for fetching; sealed, since its lines name persons."""

    __tablename__ = "statement_file"
    __append_only__ = True

    id: Mapped[int] = identity()
    organisation_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    content: Mapped[bytes] = mapped_column(SealedBytes)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    received_from: Mapped[str]
    expires_at: Mapped[datetime]


class Statement(Base):
    """One side's totals for a period by the insurer's settlement time. `insutypes` says whose money it speaks of."""

    __tablename__ = "statement"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("side IN ('hospital', 'insurer')", name="side_known"),
        CheckConstraint("day_from <= day_to", name="period_runs_forward"),
        Index("statement_period_idx", "organisation_id", "day_from", "day_to"),
    )

    id: Mapped[int] = identity()
    side: Mapped[str]
    organisation_id: Mapped[str]
    day_from: Mapped[date]
    day_to: Mapped[date]
    insutypes: Mapped[list[str]]
    clr_type: Mapped[str]
    office: Mapped[str]
    has_lines: Mapped[bool]
    fee: Mapped[Money]
    fund: Mapped[Money]
    account: Mapped[Money]
    count: Mapped[int]
    file_id: Mapped[int | None] = mapped_column(ForeignKey("statement_file.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    received_from: Mapped[str]


class StatementLine(Base):
    """A settlement, or the taking back of one (`refund`, amounts negative), as one side lists it."""

    __tablename__ = "statement_line"
    __append_only__ = True
    __table_args__ = (Index("statement_line_settlement_idx", "setl_id"),)

    statement_id: Mapped[int] = mapped_column(ForeignKey("statement.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    setl_id: Mapped[str]
    mdtrt_id: Mapped[str]
    psn_no: Mapped[str] = mapped_column(Sealed)
    msgid: Mapped[str | None]
    fee: Mapped[Money]
    fund: Mapped[Money]
    account: Mapped[Money]
    refund: Mapped[bool]


class Comparison(Base):
    """Two statements of one period held against each other; a hospital's may be compared again another morning."""

    __tablename__ = "comparison"
    __append_only__ = True

    id: Mapped[int] = identity()
    organisation_id: Mapped[str] = mapped_column(index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("statement.id"), index=True)
    insurer_id: Mapped[int] = mapped_column(ForeignKey("statement.id"), unique=True)
    balanced: Mapped[bool]
    made_at: Mapped[datetime]


class Break(Base):
    """A named difference. Amounts are each side's net for the settlement; None where that side has nothing.

    `facts` is what else its kind was told by: where the settlement was found after all. `owner` is the clerk who
    works on it, since `assigned_at` and by the word of `assigned_by`.
    """

    __tablename__ = "settlement_break"
    __table_args__ = (
        UniqueConstraint("organisation_id", "day_from", "day_to", "clr_type", "office", "setl_id"),
        BREAK.check(),
        Index("settlement_break_open_idx", "organisation_id", postgresql_where="state <> 'resolved'"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    day_from: Mapped[date]
    day_to: Mapped[date]
    clr_type: Mapped[str]
    office: Mapped[str]
    setl_id: Mapped[str]
    mdtrt_id: Mapped[str]
    msgid: Mapped[str | None]
    kind: Mapped[str]
    note: Mapped[str]
    hospital_fee: Mapped[Money | None]
    hospital_fund: Mapped[Money | None]
    hospital_account: Mapped[Money | None]
    hospital_count: Mapped[int]
    insurer_fee: Mapped[Money | None]
    insurer_fund: Mapped[Money | None]
    insurer_account: Mapped[Money | None]
    insurer_count: Mapped[int]
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"))
    found_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=BREAK.start)
    action: Mapped[str | None]
    proposed_by: Mapped[str | None]
    approved_by: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    owner: Mapped[str | None]
    assigned_by: Mapped[str | None]
    assigned_at: Mapped[datetime | None]


class BreakEvent(Base):
    """What happened to a break, by whom."""

    __tablename__ = "settlement_break_event"
    __append_only__ = True

    id: Mapped[int] = identity()
    break_id: Mapped[int] = mapped_column(ForeignKey("settlement_break.id"), index=True)
    at: Mapped[datetime]
    event: Mapped[str]
    by: Mapped[str]
    facts: Mapped[dict[str, Any]]
