"""The tables of settlement. Keys that decide races are narrow and point at the fat rows; money is fen."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Numeric,
    Sequence,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle
from hub.units import Money

# FHIR R4 ClaimResponse.status.
SETTLEMENT = Lifecycle("settlement", start="active", moves={("active", "undo"): "cancelled"})

settlement_serial = Sequence("settlement_serial", metadata=Base.metadata)

AMOUNTS = (
    "total",
    "over",
    "own",
    "first",
    "scope",
    "deductible",
    "pool",
    "large",
    "serious",
    "civil",
    "aid",
    "fund",
    "account",
    "cash",
)


class Registration(Base):
    """How a visit is to be settled: the insurance type, the kind of care, the chronic disease (a pack's word)."""

    __tablename__ = "insured_visit"

    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"), primary_key=True, autoincrement=False)
    insutype: Mapped[str | None]
    med_type: Mapped[str | None]
    disease: Mapped[str | None]
    emergency: Mapped[bool] = mapped_column(default=False)


class FeeLine(Base):
    """One charged item of a visit. A return is a line of its own with a negative quantity, naming what it returns.

    A line is open until its batch has a ChargeKey, or, in a stay, until a standing settlement's last_line_id.
    `refunded` of its quantity was taken back after it had been settled; quantity and amount stay as uploaded.
    """

    __tablename__ = "fee_line"
    __table_args__ = (
        UniqueConstraint("visit_id", "number"),
        CheckConstraint("(quantity < 0) = (returns IS NOT NULL)", name="only_a_return_is_negative"),
        CheckConstraint("unit_price >= 0 AND ceiling >= 0", name="prices_not_negative"),
        CheckConstraint("item_class IN ('A', 'B', 'C')", name="item_class_known"),
        CheckConstraint("refunded = 0 OR refunded BETWEEN 0 AND quantity", name="refunded_at_most_all"),
    )

    id: Mapped[int] = identity()
    visit_id: Mapped[int]
    number: Mapped[str]
    batch: Mapped[str]
    returns: Mapped[str | None]
    code: Mapped[str]
    local_code: Mapped[str]
    name: Mapped[str]
    item_class: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(16, 4))
    unit_price: Mapped[Decimal] = mapped_column(Numeric(16, 6))
    ceiling: Mapped[Decimal | None] = mapped_column(Numeric(16, 6))
    amount: Mapped[Money]
    restricted: Mapped[bool]
    approved: Mapped[bool]
    occurred_at: Mapped[datetime]
    refunded: Mapped[Decimal] = mapped_column(Numeric(16, 4), server_default=text("0"))


class Settlement(Base):
    """A settlement, or the counter-entry that undoes one (its amounts negative).

    `shared` is the part of account that a relative's shared account paid, shared_from whose; both None when none did.

    `day` is the bill's, which decides year and pack; settled_on is the China day of settled_at, by which books are
    reconciled. `bill` is the adjudicated bill with the person's standing, as `coverage.bill_of` reads it, so it
    re-runs exactly; `shares` holds every line's part in the order of `coverage.Share`.

    Settled by a platform further up, the amounts are the platform's, `platform` holds its own words and what was
    found beside them (see upstream/), and `bill` and `shares` are our calculation for comparison.
    """

    __tablename__ = "settlement"
    __table_args__ = (
        SETTLEMENT.check(),
        Index("settlement_undone_once", "undoes", unique=True, postgresql_where="undoes IS NOT NULL"),
        Index("settlement_sent_on_idx", "sender_visit_id", postgresql_where="sender_visit_id IS NOT NULL"),
        Index("settlement_books_idx", "organisation_id", "settled_on"),
        Index("settlement_person_idx", "person_id", "year", "insutype"),
        Index("settlement_visit_idx", "visit_id"),
        Index("settlement_shared_idx", "shared_from", postgresql_where="shared_from IS NOT NULL"),
        CheckConstraint("platform IS NOT NULL OR total = fund + account + cash", name="who_pays_foots"),
        CheckConstraint(
            'platform IS NOT NULL OR total = "over" + own + "first" + "scope"', name="what_is_charged_foots"
        ),
        CheckConstraint("platform IS NOT NULL OR fund = pool + large + serious + civil + aid", name="funds_foot"),
        CheckConstraint(
            "(shared IS NULL) = (shared_from IS NULL) AND (shared IS NULL OR shared <> 0 AND "
            "CASE WHEN undoes IS NULL THEN shared BETWEEN 0 AND account ELSE shared BETWEEN account AND 0 END)",
            name="shared_of_account",
        ),
        CheckConstraint("(undoes IS NULL AND total >= 0) OR (undoes IS NOT NULL AND total <= 0)", name="sign"),
    )

    id: Mapped[int] = mapped_column(BigInteger, settlement_serial, primary_key=True)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("settlement.id"))
    state: Mapped[str] = mapped_column(default=SETTLEMENT.start)
    organisation_id: Mapped[str]
    visit_id: Mapped[int]
    batch: Mapped[str]
    person_id: Mapped[int]
    insutype: Mapped[str]
    med_type: Mapped[str]
    clr_type: Mapped[str]
    clr_office: Mapped[str]
    msgid: Mapped[str]
    settled_at: Mapped[datetime]
    settled_on: Mapped[date]
    settled_by: Mapped[str]
    day: Mapped[date]
    year: Mapped[int]
    care: Mapped[str]
    disease: Mapped[str | None]
    admission: Mapped[int]
    new_admission: Mapped[bool]
    filing_id: Mapped[int | None]
    sender_visit_id: Mapped[int | None]
    pack_id: Mapped[str]
    ratio: Mapped[int]
    balance: Mapped[Money]
    total: Mapped[Money]
    over: Mapped[Money]
    own: Mapped[Money]
    first: Mapped[Money]
    scope: Mapped[Money]
    deductible: Mapped[Money]
    pool: Mapped[Money]
    large: Mapped[Money]
    serious: Mapped[Money]
    civil: Mapped[Money]
    aid: Mapped[Money]
    fund: Mapped[Money]
    account: Mapped[Money]
    cash: Mapped[Money]
    shared: Mapped[Money | None]
    shared_from: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    own_in_scope: Mapped[Money]
    last_line_id: Mapped[int]
    bill: Mapped[dict[str, Any]] = mapped_column(JSON)
    shares: Mapped[list[Any]] = mapped_column(JSON)
    platform: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class SettlementKey(Base):
    """What a sender calls its message (msgid), and what became of it. No settlement: reversed before it was seen.

    An id without a row in `settlement` is kept for what a platform has been asked and has not answered yet.
    """

    __tablename__ = "settlement_key"

    organisation_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    content_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    settlement_id: Mapped[int | None]


class ChargeKey(Base):
    """One charge batch of a visit is settled once: the one that stands for it, or is being asked for upstream."""

    __tablename__ = "charge_key"

    visit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch: Mapped[str] = mapped_column(primary_key=True)
    settlement_id: Mapped[int]


class Refund(Base):
    """Part of a settlement was taken back: its counter-entry, and the settlement of the rest that stands for it.

    `replaces` is unique, so one settlement is refunded once; the next refund is of the one that stands. `lines` are
    pairs of line number and quantity.
    """

    __tablename__ = "refund"
    __append_only__ = True
    __table_args__ = (UniqueConstraint("replaces"),)

    settlement_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"), primary_key=True, autoincrement=False)
    replaces: Mapped[int] = mapped_column(ForeignKey("settlement.id"))
    counter_id: Mapped[int] = mapped_column(ForeignKey("settlement.id"))
    reason: Mapped[str]
    lines: Mapped[list[Any]]


class Posting(Base):
    """One leg of a settlement: what leaves a payer is negative, what the hospital is owed positive; legs sum to zero.

    Accounts: fund.pool fund.large fund.serious fund.civil fund.aid person.account person.shared person.cash
    hospital.receivable; person.shared is the personal account of a relative.
    What a platform settled moves the funds of its area: fund.429900.pool and so on, with person.429900.account,
    hospital.share for what the hospital bears, and suspense.429900 for what the platform's own figures leave open.
    """

    __tablename__ = "posting"
    __append_only__ = True
    __table_args__ = (CheckConstraint("amount <> 0", name="moves_something"),)

    id: Mapped[int] = identity()
    settlement_id: Mapped[int] = mapped_column(index=True)
    account: Mapped[str]
    amount: Mapped[Money]


class PackReplay(Base):
    """What a pack would have paid for the bills of some days, as `settlement.replaying.Report` says it."""

    __tablename__ = "pack_replay"
    __append_only__ = True

    id: Mapped[int] = identity()
    pack_id: Mapped[str] = mapped_column(ForeignKey("benefit_pack.id"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    at: Mapped[datetime]
    by: Mapped[str]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
