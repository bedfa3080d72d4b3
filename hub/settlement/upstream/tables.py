"""What was said to platforms further up, message by message, and what each answered."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle
from hub.trust import Sealed, SealedJson

FORWARDED = Lifecycle(
    "message to a platform",
    start="asked",
    moves={
        ("asked", "answer"): "answered",
        ("asked", "refuse"): "refused",
        ("asked", "lose"): "unanswered",
        ("unanswered", "answer"): "answered",
        ("unanswered", "refuse"): "refused",
        ("unanswered", "reverse"): "reversal-unconfirmed",
        # The platform's word for a reversal is not enough: its day file confirms it, or shows that it stands.
        ("reversal-unconfirmed", "confirm"): "reversed",
        ("reversal-unconfirmed", "stand"): "unanswered",
    },
)

OPEN = ("asked", "unanswered", "reversal-unconfirmed")
"""States in which nobody may ask for the same again."""

MOVES_MONEY = ("settle", "undo")
"""Kinds whose outcome must become known; of the others nothing is left to find out."""


class Forwarded(Base):
    """One message, written and committed before it is sent. `said` and `answer` are the nodes, sealed.

    kind: settle, undo, or what goes with them (register, charge, discharge, quote, query, reverse, file).
    `key` and `content_hash` are the hospital's message that asked for it, `settlement_id` the id kept for what a
    settle or an undo will become, `undoes` the settlement an undo is about. `bill` is ours, for comparison.
    A settle or undo that is open is looked at again at `due_at`; who does so moves it on first.
    """

    __tablename__ = "forwarded"
    __table_args__ = (
        FORWARDED.check(),
        UniqueConstraint("settlement_id"),
        Index("forwarded_key_idx", "organisation_id", "key"),
        Index("forwarded_due_idx", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index("forwarded_undo_once", "undoes", unique=True, postgresql_where="state IN ('asked', 'unanswered')"),
        Index("forwarded_visit_idx", "visit_id"),
        CheckConstraint("(kind IN ('settle', 'undo')) = (settlement_id IS NOT NULL)", name="money_has_an_id"),
        CheckConstraint("(kind = 'undo') = (undoes IS NOT NULL)", name="an_undo_names_what_it_undoes"),
    )

    id: Mapped[int] = identity()
    area: Mapped[str]
    kind: Mapped[str]
    infno: Mapped[str]
    msgid: Mapped[str]
    organisation_id: Mapped[str]
    visit_id: Mapped[int | None]
    person_id: Mapped[int | None]
    psn_no: Mapped[str] = mapped_column(Sealed)
    batch: Mapped[str | None]
    key: Mapped[str | None]
    content_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    settlement_id: Mapped[int | None]
    undoes: Mapped[int | None]
    bill: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    said: Mapped[dict[str, Any]] = mapped_column(SealedJson)
    answer: Mapped[dict[str, Any] | None] = mapped_column(SealedJson)
    problem: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=FORWARDED.start)
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)


class UpstreamVisit(Base):
    """What a platform calls a visit, and how far it has been told of it."""

    __tablename__ = "upstream_visit"

    visit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    area: Mapped[str] = mapped_column(primary_key=True)
    mdtrt_id: Mapped[str]
    discharged: Mapped[bool] = mapped_column(default=False)
