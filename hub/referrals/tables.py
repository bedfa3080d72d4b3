"""The state table of a referral, and the rows.

A referral's state is one word of ours. What FHIR calls Task.status (the receiver's side) and
ServiceRequest.status (the sender's side) follow from it by one table, as generated columns: no
other combination can be stored, so the two sides cannot see different things.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle


class Standing(NamedTuple):
    """What a state is on the two FHIR resources (value sets task-status and request-status)."""

    task: str
    request: str


STATES: dict[str, Standing] = {
    "draft": Standing("draft", "draft"),
    "sent": Standing("requested", "active"),
    "received": Standing("received", "active"),
    "info-requested": Standing("on-hold", "on-hold"),
    "accepted": Standing("accepted", "active"),
    "booked": Standing("in-progress", "active"),
    "no-show": Standing("in-progress", "active"),
    "arrived": Standing("in-progress", "active"),
    "completed": Standing("completed", "completed"),
    "returned-down": Standing("completed", "completed"),
    "rejected": Standing("rejected", "active"),
    "redirected": Standing("cancelled", "active"),
    "recalled": Standing("cancelled", "revoked"),
    "expired": Standing("failed", "revoked"),
    "error": Standing("entered-in-error", "entered-in-error"),
}

UNANSWERED = ("sent", "received", "info-requested")
EXPECTED = ("accepted", "booked", "no-show")

REFERRAL = Lifecycle(
    "referral",
    start="draft",
    moves={
        ("draft", "send"): "sent",
        ("draft", "discard"): "error",
        ("sent", "receive"): "received",
        **{(state, "accept"): "accepted" for state in UNANSWERED},
        **{(state, "request-info"): "info-requested" for state in ("sent", "received")},
        ("info-requested", "answer-info"): "received",
        **{(state, "reject"): "rejected" for state in UNANSWERED},
        **{(state, "redirect"): "redirected" for state in UNANSWERED},
        # The place is a leg of its own: it may be won or lost while the answer is still out.
        **{(state, event): state for state in ("draft", *UNANSWERED) for event in ("book", "lose-place")},
        ("accepted", "book"): "booked",
        ("booked", "lose-place"): "accepted",
        ("booked", "miss"): "no-show",
        ("no-show", "book"): "booked",
        **{(state, "arrive"): "arrived" for state in EXPECTED},
        ("arrived", "undo-arrival"): "accepted",
        ("arrived", "complete"): "completed",
        ("arrived", "return-down"): "returned-down",
        **{(state, "recall"): "recalled" for state in (*UNANSWERED, *EXPECTED, "rejected")},
        **{(state, "decline"): "recalled" for state in (*UNANSWERED, *EXPECTED)},
        **{(state, "expire"): "expired" for state in (*UNANSWERED, *EXPECTED)},
        **{(state, "warn"): state for state in (*UNANSWERED, *EXPECTED)},
        ("sent", "escalate"): "sent",
        # A patient sent down whom nobody takes back is the sender's again.
        **{(state, "lapse"): "rejected" for state in ("sent", "received")},
    },
)


def _standing_of_state(part: int) -> Computed:
    cases = " ".join(f"WHEN '{state}' THEN '{standing[part]}'" for state, standing in STATES.items())
    return Computed(f"CASE state {cases} END", persisted=True)


class Referral(Base):
    """One patient sent from one organisation to another.

    `chain_id` is the id of the first referral of an episode; redirected, re-sent and returned ones
    carry it on. `placer_number` is the sender's own number (RF1-6): one number, one referral.
    `slot_leg` and `insurance_leg` say how the two things that travel with it stand. `answer_due_at` is
    what the sender was promised; `due_at` is the deadline of whoever has to act now.
    """

    __tablename__ = "referral"
    __table_args__ = (
        # A redirected referral hands its number on to its successor.
        Index(
            "referral_placer_key",
            "sender_id",
            "placer_number",
            unique=True,
            postgresql_where="state <> 'redirected'",
        ),
        Index(None, "receiver_id", "state"),
        Index(None, "sender_id", "state"),
        Index("referral_unconfirmed_idx", "sent_at", postgresql_where="state = 'sent'"),
        REFERRAL.check(),
        CheckConstraint("task_status IS NOT NULL AND request_status IS NOT NULL", name="standing_known"),
        CheckConstraint("direction IN ('up', 'down', 'sideways')", name="direction_known"),
        CheckConstraint("priority IN ('routine', 'urgent')", name="priority_known"),
        CheckConstraint("slot_leg IN ('none', 'booked', 'lost')", name="slot_leg_known"),
        CheckConstraint("slot_leg <> 'booked' OR appointment_id IS NOT NULL", name="booked_has_appointment"),
        CheckConstraint("state <> 'booked' OR slot_leg = 'booked'", name="booked_has_place"),
        CheckConstraint("insurance_leg IN ('none', 'filed', 'withdrawn')", name="insurance_leg_known"),
        CheckConstraint("(insurance_leg = 'none') = (filing_id IS NULL)", name="filed_has_filing"),
        CheckConstraint("(state IN ('completed', 'returned-down')) = (letter_id IS NOT NULL)", name="closed_by_letter"),
        CheckConstraint("direction <> 'down' OR care_plan IS NOT NULL", name="down_carries_care_plan"),
        CheckConstraint("sender_id <> receiver_id", name="to_somebody_else"),
    )

    id: Mapped[int] = identity()
    first_id: Mapped[int | None] = mapped_column(ForeignKey("referral.id"))
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("referral.id"), index=True)
    chain_id: Mapped[int] = mapped_column(Computed("coalesce(first_id, id)", persisted=True), index=True)
    placer_number: Mapped[str | None]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    direction: Mapped[str]
    priority: Mapped[str]
    sender_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    sender_department_id: Mapped[str | None]
    sender_practitioner_id: Mapped[str | None]
    receiver_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    receiver_department_id: Mapped[str | None]
    receiver_practitioner_id: Mapped[str | None]
    reason: Mapped[str]
    chief_complaint: Mapped[str]
    treatment: Mapped[str]
    diagnoses: Mapped[list[Any]]
    care_plan: Mapped[dict[str, Any] | None]
    sender_visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id"))
    receiver_visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id"), index=True)
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    slot_leg: Mapped[str] = mapped_column(default="none")
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointment.id"), index=True)
    insurance_leg: Mapped[str] = mapped_column(default="none")
    filing_id: Mapped[int | None]
    written_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    answer_due_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    valid_until: Mapped[datetime]
    escalated_at: Mapped[datetime | None]
    escalations: Mapped[int] = mapped_column(server_default=text("0"))
    warned_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default=REFERRAL.start)
    task_status: Mapped[str] = mapped_column(_standing_of_state(0))
    request_status: Mapped[str] = mapped_column(_standing_of_state(1))

    @property
    def number(self) -> str:
        """What people call it: the sender's number, or ours where the sender gave none."""
        return self.placer_number or f"R{self.id}"


class ReferralEvent(Base):
    """One line of a referral's history: what happened, who did it, what they said."""

    __tablename__ = "referral_event"
    __append_only__ = True

    id: Mapped[int] = identity()
    referral_id: Mapped[int] = mapped_column(ForeignKey("referral.id"), index=True)
    event: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    organisation_id: Mapped[str | None]
    actor: Mapped[str]
    note: Mapped[str]
