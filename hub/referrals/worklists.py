"""Who has to do something about a referral, and until when: every open one stands on exactly one worklist.

    unsent ...... sender     written, not sent yet
    to-answer ... receiver   sent or read, waiting for yes or no
    to-inform ... sender     the receiver has asked
    to-place .... receiver   accepted without a place, or the patient did not come
    expected .... receiver   a place is booked
    letters ..... receiver   the patient is there: the closing letter is owed
    to-decide ... sender     not taken: send elsewhere or take back

`due_at` is the deadline of the step, set where the state changes; `astray` proves the rule over the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session, aliased

from hub import booking, trust
from hub.referrals.actions import RECEIVER, SENDER
from hub.referrals.tables import EXPECTED, REFERRAL, UNANSWERED, Referral
from hub.referrals.times import time_for
from hub.trust import Caller


@dataclass(frozen=True, slots=True)
class Worklist:
    """The states that stand on it and the side that has to act."""

    name: str
    side: str
    states: tuple[str, ...]

    @property
    def holds(self) -> ColumnElement[bool]:
        """Which rows stand on it; what its sender has sent anew has no deadline any more."""
        standing = Referral.state.in_(self.states)
        return and_(standing, Referral.due_at.is_not(None)) if "rejected" in self.states else standing


WORKLISTS = (
    Worklist("unsent", SENDER, ("draft",)),
    Worklist("to-answer", RECEIVER, ("sent", "received")),
    Worklist("to-inform", SENDER, ("info-requested",)),
    Worklist("to-place", RECEIVER, ("accepted", "no-show")),
    Worklist("expected", RECEIVER, ("booked",)),
    Worklist("letters", RECEIVER, ("arrived",)),
    Worklist("to-decide", SENDER, ("rejected",)),
)
_NAMED = {each.name: each for each in WORKLISTS}


@dataclass(frozen=True, slots=True)
class Astray:
    """An open referral that stands on no worklist or on several, or that nobody owns or has to finish by a time."""

    referral_id: int
    state: str
    worklists: tuple[str, ...]
    owner_id: str | None
    due_at: datetime | None


def due_after(session: Session, row: Referral, at: datetime) -> datetime | None:
    """The deadline of what comes next in the state a row has just reached; None when nothing does."""
    span = {
        "info-requested": "inform",
        "accepted": "place",
        "no-show": "come-again",
        "arrived": "letter",
        "rejected": "decide",
    }
    if row.state in span:
        return at + time_for(span[row.state])
    if row.state in ("sent", "received"):
        return row.answer_due_at
    if row.state == "booked" and row.appointment_id is not None:
        return session.get_one(booking.Appointment, row.appointment_id).end_at
    return row.valid_until if row.state == "draft" else None


def on_worklist(session: Session, caller: Caller, name: str, *, limit: int = 200) -> Sequence[Referral]:
    """One worklist of the caller's organisation, what is due first on top. Refuses: NotAllowed."""
    trust.require(caller, "referral.read")
    worklist = _NAMED[name]
    column = Referral.sender_id if worklist.side == SENDER else Referral.receiver_id
    wanted = select(Referral).where(column == caller.organisation_id, worklist.holds)
    return session.scalars(wanted.order_by(Referral.due_at, Referral.id).limit(limit)).all()


def waiting(session: Session, caller: Caller) -> dict[str, int]:
    """How many stand on each worklist of the caller's organisation. Refuses: NotAllowed."""
    trust.require(caller, "referral.read")
    mine = caller.organisation_id
    columns = [
        func.count().filter(each.holds, (Referral.sender_id if each.side == SENDER else Referral.receiver_id) == mine)
        for each in WORKLISTS
    ]
    open_ones = or_(Referral.sender_id == mine, Referral.receiver_id == mine)
    counted = session.execute(select(*columns).where(open_ones, Referral.state.not_in(REFERRAL.final))).one()
    return {each.name: number for each, number in zip(WORKLISTS, counted, strict=True)}


def unconfirmed(
    session: Session, *, at: datetime, receiver_id: str | None = None, again: bool = False
) -> Sequence[Referral]:
    """What was sent longer ago than may pass unconfirmed, of one receiver or of all, the longest first.

    `again`: only what the duty desk has not been told of within that span.
    """
    since = at - time_for("confirm")
    wanted = select(Referral).where(Referral.state == "sent", Referral.sent_at <= since)
    if receiver_id is not None:
        wanted = wanted.where(Referral.receiver_id == receiver_id)
    if again:
        wanted = wanted.where(or_(Referral.escalated_at.is_(None), Referral.escalated_at <= since))
    return session.scalars(wanted.order_by(Referral.sent_at, Referral.id)).all()


def not_taken_back(session: Session, *, at: datetime) -> Sequence[Referral]:
    """Patients sent down whom nobody has accepted in the time for it."""
    wanted = select(Referral).where(Referral.direction == "down", Referral.state.in_(("sent", "received")))
    return session.scalars(wanted.where(Referral.sent_at <= at - time_for("take-back")).order_by(Referral.id)).all()


def ending(session: Session, *, at: datetime) -> Sequence[Referral]:
    """Open referrals of which nobody has been told yet that their validity ends soon."""
    span = time_for("warning")
    wanted = select(Referral).where(
        Referral.state.in_((*UNANSWERED, *EXPECTED)),
        Referral.valid_until <= at + span,
        Referral.valid_until > at,
        # A referral that was short from the beginning was sent with its end in sight.
        Referral.valid_until - Referral.sent_at > span,
        Referral.warned_at.is_(None),
    )
    return session.scalars(wanted.order_by(Referral.id)).all()


def overdue_letters(session: Session, *, at: datetime, receiver_id: str | None = None) -> Sequence[Referral]:
    """Closing letters that are owed, of one hospital or of all, the longest overdue first."""
    wanted = select(Referral).where(_NAMED["letters"].holds, Referral.due_at < at)
    if receiver_id is not None:
        wanted = wanted.where(Referral.receiver_id == receiver_id)
    return session.scalars(wanted.order_by(Referral.due_at, Referral.id)).all()


def astray(session: Session) -> Sequence[Astray]:
    """The open referrals that break the rule of one worklist, one owner, one deadline; none, if all is well."""
    lists = func.array_remove(array([case((each.holds, each.name)) for each in WORKLISTS]), None)
    owner = case(
        *((each.holds, Referral.sender_id if each.side == SENDER else Referral.receiver_id) for each in WORKLISTS)
    )
    later = aliased(Referral)
    followed = select(later.id).where(later.previous_id == Referral.id, later.state.not_in(("draft", "error"))).exists()
    wanted = select(Referral.id, Referral.state, lists.label("lists"), owner.label("owner"), Referral.due_at).where(
        Referral.state.not_in(REFERRAL.final),
        or_(Referral.state != "rejected", ~followed),
        or_(func.cardinality(lists) != 1, owner.is_(None), Referral.due_at.is_(None)),
    )
    found = session.execute(wanted.order_by(Referral.id))
    return [Astray(row.id, row.state, tuple(row.lists), row.owner, row.due_at) for row in found]
