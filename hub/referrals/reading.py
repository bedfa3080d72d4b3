"""Finding and reading referrals: one, a worklist, a chain, a history.

A referral is readable to its two sides, to the patient, and to every hospital of its chain; to
anybody else it is as if it were not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hub import people, records, trust
from hub.db import Statement, run
from hub.referrals.actions import ReferralUnknown, roles
from hub.referrals.tables import EXPECTED, UNANSWERED, Referral, ReferralEvent
from hub.trust import Caller

_OPEN = (*UNANSWERED, *EXPECTED)
_UNSENT = ("draft", "error")


def referral(session: Session, caller: Caller, referral_id: int) -> Referral:
    """Refuses: NotAllowed, ReferralUnknown (also for who may not see it)."""
    trust.require(caller, "referral.read")
    row = session.get(Referral, referral_id)
    if row is None or not (roles(caller, row) or _in_chain(session, caller, row)):
        raise ReferralUnknown(referral=referral_id)
    return row


def letter(session: Session, caller: Caller, referral_id: int) -> records.Document | None:
    """The closing letter, for everybody who may read the referral. Refuses: NotAllowed, ReferralUnknown."""
    row = referral(session, caller, referral_id)
    return session.get_one(records.Document, row.letter_id) if row.letter_id is not None else None


def by_number(session: Session, *, sender_id: str, placer_number: str) -> Referral:
    """The referral that stands under a sender's own number (RF1-6). Refuses: ReferralUnknown."""
    known = (Referral.sender_id == sender_id, Referral.placer_number == placer_number)
    row = session.scalars(select(Referral).where(*known, Referral.state != "redirected")).one_or_none()
    if row is None:
        raise ReferralUnknown(referral=placer_number)
    return row


def incoming(
    session: Session, caller: Caller, *, states: Sequence[str] | None = None, limit: int = 200
) -> Sequence[Referral]:
    """What was sent to the caller's organisation: unanswered first, those due soonest on top. Refuses: NotAllowed."""
    mine = (Referral.receiver_id == caller.organisation_id, Referral.state.not_in(_UNSENT))
    return _worklist(session, caller, mine, states, limit)


def outgoing(
    session: Session, caller: Caller, *, states: Sequence[str] | None = None, limit: int = 200
) -> Sequence[Referral]:
    """What the caller's organisation sent, and its drafts, in the same order. Refuses: NotAllowed."""
    return _worklist(session, caller, (Referral.sender_id == caller.organisation_id,), states, limit)


def referrals_of(session: Session, caller: Caller, *, person_id: int) -> Sequence[Referral]:
    """The referrals of one human, newest first: all for who is admitted, else those the caller takes part in.

    Refuses: NotAllowed, RecordUnknown.
    """
    trust.require(caller, "referral.read")
    persons = people.cluster(session, person_id)
    wanted = select(Referral).where(Referral.person_id.in_(persons), Referral.state.not_in(_UNSENT))
    rows = session.scalars(wanted.order_by(Referral.id.desc())).all()
    own = [row for row in rows if roles(caller, row)]
    if own:
        return rows if len(own) == len(rows) or _admitted(session, caller, persons) else own
    trust.admit(session, caller, persons, "referral")
    return rows


def chain(session: Session, caller: Caller, referral_id: int) -> Sequence[Referral]:
    """The whole episode, first referral first, to all who take part. Refuses: NotAllowed, ReferralUnknown."""
    row = referral(session, caller, referral_id)
    wanted = select(Referral).where(Referral.chain_id == row.chain_id, Referral.state.not_in(_UNSENT))
    return session.scalars(wanted.order_by(Referral.id)).all()


def history(session: Session, referral_id: int) -> Sequence[ReferralEvent]:
    """What happened to a referral that the caller has been given, in order."""
    return session.scalars(
        select(ReferralEvent).where(ReferralEvent.referral_id == referral_id).order_by(ReferralEvent.id)
    ).all()


@dataclass(frozen=True, slots=True)
class Concerned:
    """What an arrival at a hospital may be about: the referral that brought the visit, the one already there
    without a visit, the one expected (nearest to arriving first, then the newest)."""

    brought: Referral | None = None
    here: Referral | None = None
    expected: Referral | None = None


def concerned(session: Session, *, visit_id: int, organisation_id: str, person_id: int, at: datetime) -> Concerned:
    """The referrals that a visit at a hospital may be about, in one question."""
    asked = concerning(visit_id=visit_id, organisation_id=organisation_id, person_id=person_id)
    session.flush()
    return concerned_of(session, run(session, *asked), visit_id=visit_id, at=at)


def concerning(*, visit_id: int | None, organisation_id: str, person_id: int) -> Statement:
    """The question of `concerned` as a statement, to be sent with others; `concerned_of` makes sense of its rows.

    No `visit_id`: the visit is only being made, so no referral can have brought it yet.
    """
    said = {"person": person_id, "receiver": organisation_id, "visit": visit_id, "states": [*_OPEN, "arrived"]}
    return _CONCERNED, said


def concerned_of(session: Session, found: Sequence[Any], *, visit_id: int, at: datetime) -> Concerned:
    rows = [session.get_one(Referral, row.id) for row in found]
    open_ones = [row for row in rows if row.state in _OPEN and row.valid_until > at]
    return Concerned(
        brought=next((row for row in rows if row.receiver_visit_id == visit_id), None),
        here=next((row for row in rows if row.state == "arrived" and row.receiver_visit_id is None), None),
        expected=max(open_ones, key=lambda row: row.state in EXPECTED, default=None),
    )


def arrived_at(session: Session, *, organisation_id: str, person_id: int) -> Referral | None:
    """The referral on which a person is at a hospital now."""
    wanted = select(Referral).where(
        Referral.person_id.in_(people.same_card(person_id)),
        Referral.receiver_id == organisation_id,
        Referral.state == "arrived",
    )
    return session.scalars(wanted.order_by(Referral.id.desc()).limit(1)).first()


def brought_into(session: Session, *, visit_id: int) -> Referral | None:
    """The referral that brought the patient into a visit."""
    return session.scalars(select(Referral).where(Referral.receiver_visit_id == visit_id)).one_or_none()


def holding(session: Session, *, appointment_id: int) -> Referral | None:
    """The referral that travels with an appointment, locked: a referral is always locked before its place."""
    wanted = select(Referral).where(Referral.appointment_id == appointment_id, Referral.slot_leg == "booked")
    return session.scalars(wanted.with_for_update()).one_or_none()


def following(session: Session, *, person_id: int, receiver_id: str) -> Sequence[Referral]:
    """The referrals whose senders may read what the receiver finds out about a person now."""
    wanted = select(Referral).where(
        Referral.person_id.in_(people.cluster(session, person_id)),
        Referral.receiver_id == receiver_id,
        Referral.state.in_((*EXPECTED, "arrived")),
    )
    return session.scalars(wanted.order_by(Referral.id)).all()


def first_of_chain(session: Session, row: Referral) -> Referral:
    """The referral with which an episode began."""
    return session.get_one(Referral, row.chain_id)


def overdue(session: Session, *, at: datetime) -> Sequence[Referral]:
    """Open referrals whose validity has run out."""
    return session.scalars(
        select(Referral).where(Referral.state.in_(_OPEN), Referral.valid_until <= at).order_by(Referral.id)
    ).all()


def _worklist(
    session: Session,
    caller: Caller,
    mine: tuple[ColumnElement[bool], ...],
    states: Sequence[str] | None,
    limit: int,
) -> Sequence[Referral]:
    trust.require(caller, "referral.read")
    wanted = select(Referral).where(*mine)
    if states is not None:
        wanted = wanted.where(Referral.state.in_(states))
    answered = Referral.state.not_in(UNANSWERED)
    order = (answered, Referral.answer_due_at.asc().nulls_last(), Referral.id.desc())
    return session.scalars(wanted.order_by(*order).limit(limit)).all()


def _in_chain(session: Session, caller: Caller, row: Referral) -> bool:
    if caller.organisation_id is None or row.state in _UNSENT:
        return False
    sides = or_(Referral.sender_id == caller.organisation_id, Referral.receiver_id == caller.organisation_id)
    wanted = select(Referral.id).where(Referral.chain_id == row.chain_id, sides, Referral.state.not_in(_UNSENT))
    return session.scalars(wanted.limit(1)).first() is not None


def _admitted(session: Session, caller: Caller, persons: Sequence[int]) -> bool:
    try:
        trust.admit(session, caller, persons, "referral")
    except trust.RecordUnknown:
        return False
    return True


# Ids first, as a statement that is ready: nearly every visit concerns no referral.
_CONCERNED = """
SELECT id FROM referral
WHERE person_id IN (SELECT id FROM person WHERE card_number = (SELECT card_number FROM person WHERE id = %(person)s))
  AND receiver_id = %(receiver)s AND (receiver_visit_id = %(visit)s::bigint OR state = ANY(%(states)s))
ORDER BY id DESC
"""
