"""The tables of booking: templates, places, holds, appointments, limits.

A slot is one narrow row with counters and nothing else, because it is where hundreds of people
meet; the appointment that points at it carries everything that is read later. `taken + held`
never exceeds `capacity`: the constraint says so, whatever the code does.
"""

from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle
from hub.units import Money

SLOT = Lifecycle("slot", start="free", moves={("free", "block"): "blocked", ("blocked", "unblock"): "free"})

# The words of FHIR Appointment.status.
APPOINTMENT = Lifecycle(
    "appointment",
    start="booked",
    moves={
        ("booked", "reschedule"): "booked",
        ("booked", "arrive"): "arrived",
        ("booked", "cancel"): "cancelled",
        ("booked", "noshow"): "noshow",
        ("arrived", "fulfil"): "fulfilled",
    },
)

POOLS = ("public", "referral")
_OPEN = "state IN ('booked', 'arrived')"
CHANNELS = ("app", "window", "phone", "kiosk", "referral", "his")


class Schedule(Base):
    """A template: at these weekdays and hours, this service gives so many places every so many minutes."""

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint(
            "service_id", "practitioner_id", "weekdays", "begins", "pool", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint("weekdays ~ '^[1-7]+$'", name="weekdays_iso"),
        CheckConstraint("begins < ends", name="begins_before_ends"),
        CheckConstraint("slot_minutes BETWEEN 1 AND 1440", name="slot_minutes_sane"),
        CheckConstraint("capacity > 0", name="capacity_positive"),
        CheckConstraint("pool IN ('public', 'referral')", name="pool_known"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), index=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"), index=True)
    practitioner_id: Mapped[str | None] = mapped_column(ForeignKey("practitioner.id"), index=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("service.id"))
    weekdays: Mapped[str]
    begins: Mapped[time]
    ends: Mapped[time]
    slot_minutes: Mapped[int] = mapped_column(SmallInteger)
    capacity: Mapped[int]
    pool: Mapped[str] = mapped_column(default="public")
    fee: Mapped[Money]
    since: Mapped[date]
    until: Mapped[date | None]


class Slot(Base):
    """Places at one time. `taken` are booked, `held` are rows of slot_hold (live or not yet swept), `issued`
    counts the queue numbers ever given, so that a number freed by a cancellation is not given twice."""

    __tablename__ = "slot"
    __table_args__ = (
        UniqueConstraint("schedule_id", "start_at"),
        Index("slot_start_at_idx", "start_at"),
        CheckConstraint("taken >= 0 AND held >= 0 AND taken + held <= capacity", name="never_oversold"),
        CheckConstraint("start_at < end_at", name="start_before_end"),
        SLOT.check(),
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[int] = identity()
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id"))
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    issued: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default=SLOT.start)


class Hold(Base):
    """A place kept for one person and channel until `expires_at`, judged whenever the slot is read.

    One person holds one place in a department: choosing another time moves the hold.
    """

    __tablename__ = "slot_hold"
    __table_args__ = (UniqueConstraint("person_id", "department_id"),)

    id: Mapped[int] = identity()
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    department_id: Mapped[str]
    channel: Mapped[str]
    held_by: Mapped[str]
    expires_at: Mapped[datetime]


class Appointment(Base):
    """A booked place. It keeps its id when it moves; `version` counts its changes."""

    __tablename__ = "appointment"
    __table_args__ = (
        Index("appointment_person_id_start_at_idx", "person_id", "start_at"),
        Index("appointment_organisation_id_start_at_idx", "organisation_id", "start_at"),
        Index("appointment_referral_id_idx", "referral_id", postgresql_where="referral_id IS NOT NULL"),
        # The same card cannot hold the same slot twice, whatever two requests believe.
        Index(
            "appointment_open_key",
            "slot_id",
            "person_id",
            unique=True,
            postgresql_where="state IN ('booked', 'arrived')",
        ),
        APPOINTMENT.check(),
        CheckConstraint(f"channel IN {CHANNELS}", name="channel_known"),
        CheckConstraint("(state = 'cancelled') = (cancel_reason IS NOT NULL)", name="cancelled_with_reason"),
        {"postgresql_with": {"fillfactor": 90}},
    )

    id: Mapped[int] = identity()
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    organisation_id: Mapped[str]
    department_id: Mapped[str]
    practitioner_id: Mapped[str | None]
    service_id: Mapped[str]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    queue_number: Mapped[int]
    state: Mapped[str] = mapped_column(default=APPOINTMENT.start)
    channel: Mapped[str]
    reason: Mapped[str]
    referral_id: Mapped[int | None]
    cancel_reason: Mapped[str | None]
    booked_by: Mapped[str]
    booked_by_organisation: Mapped[str | None]
    booked_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class Limit(Base):
    """A dated rule: at most `most` public bookings of one card within any `days` days, counted per `scope`."""

    __tablename__ = "booking_limit"
    __table_args__ = (
        UniqueConstraint("code", "organisation_id", "since", postgresql_nulls_not_distinct=True),
        CheckConstraint("scope IN ('department', 'organisation', 'region')", name="scope_known"),
        CheckConstraint("days > 0 AND most > 0", name="positive"),
    )

    id: Mapped[int] = identity()
    code: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]
    organisation_id: Mapped[str | None] = mapped_column(ForeignKey("organisation.id"))
    scope: Mapped[str]
    days: Mapped[int]
    most: Mapped[int]
    since: Mapped[date]
    until: Mapped[date | None]
