"""A remote consultation, its panel, and the time that its people have given away."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle

CONSULTATION = Lifecycle(
    "consultation",
    start="requested",
    moves={
        ("requested", "schedule"): "scheduled",
        ("scheduled", "schedule"): "scheduled",
        ("scheduled", "begin"): "in-progress",
        ("in-progress", "sign"): "opinion-signed",
        ("opinion-signed", "sign"): "opinion-signed",
        ("opinion-signed", "countersign"): "completed",
        ("requested", "decline"): "declined",
        ("scheduled", "decline"): "declined",
        ("requested", "cancel"): "cancelled",
        ("scheduled", "cancel"): "cancelled",
        ("in-progress", "cancel"): "cancelled",
    },
)


class Consultation(Base):
    """A question of one doctor to experts elsewhere. The asking hospital decides the treatment and answers for it."""

    __tablename__ = "consultation"
    __table_args__ = (
        CONSULTATION.check(),
        UniqueConstraint("organisation_id", "placer_number"),
        Index(None, "organisation_id", "state"),
        CheckConstraint("priority IN ('routine', 'urgent')", name="priority_known"),
        CheckConstraint("consented_by IN ('patient', 'guardian', 'relative')", name="consented_by_known"),
        CheckConstraint("minutes BETWEEN 10 AND 240", name="minutes_sane"),
        CheckConstraint("(starts_at IS NULL) = (ends_at IS NULL) AND starts_at < ends_at", name="time_whole"),
        CheckConstraint(
            "(state IN ('opinion-signed', 'completed')) = (opinion_id IS NOT NULL)", name="signed_has_opinion"
        ),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    requester_id: Mapped[str] = mapped_column(ForeignKey("practitioner.id"))
    placer_number: Mapped[str | None]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    referral_id: Mapped[int | None] = mapped_column(ForeignKey("referral.id"), index=True)
    report_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"))
    question: Mapped[str]
    priority: Mapped[str]
    minutes: Mapped[int]
    consented_by: Mapped[str]
    consented_at: Mapped[datetime]
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    opinion_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    ended_reason: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=CONSULTATION.start)


class Expert(Base):
    """A member of the panel; the first one leads."""

    __tablename__ = "consultation_expert"

    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultation.id"), primary_key=True)
    practitioner_id: Mapped[str] = mapped_column(ForeignKey("practitioner.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), index=True)
    position: Mapped[int]


# Two stretches of one person's time never overlap, whatever two requests believe. Ranges of one value
# stand in for "the same practitioner", because equality of texts would need the extension btree_gist.
_KEY = text("int8range(hashtextextended(practitioner_id, 0), hashtextextended(practitioner_id, 0), '[]')")


class ExpertTime(Base):
    """A stretch of a practitioner's time that a consultation holds."""

    __tablename__ = "expert_time"
    __table_args__ = (
        ExcludeConstraint((_KEY, "&&"), ("during", "&&"), using="gist", name="expert_time_once"),
        CheckConstraint("NOT isempty(during)", name="during_something"),
    )

    id: Mapped[int] = identity()
    practitioner_id: Mapped[str] = mapped_column(ForeignKey("practitioner.id"))
    during: Mapped[Range[Any]] = mapped_column(TSTZRANGE)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultation.id"), index=True)
