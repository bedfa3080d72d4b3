"""The queries behind the verbs: the insert that decides a race, the lock, the history."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import trust
from hub.referrals.actions import ReferralUnknown
from hub.referrals.facts import ReferralFacts
from hub.referrals.tables import REFERRAL, Referral, ReferralEvent
from hub.referrals.worklists import due_after
from hub.trust import Caller

_COLUMNS_OF_THEIR_OWN = {"visit_id": "sender_visit_id"}


def insert_draft(
    session: Session,
    caller: Caller,
    facts: ReferralFacts,
    *,
    direction: str,
    first_id: int | None,
    content_hash: bytes,
    valid_until: datetime,
) -> Referral | None:
    """A new row; None when one stands under this number. Two copies at once: the key (sender, number) decides."""
    stated: dict[str, Any] = {_COLUMNS_OF_THEIR_OWN.get(name, name): value for name, value in asdict(facts).items()}
    stated |= {
        "direction": direction,
        "diagnoses": list(facts.diagnoses),
        "first_id": first_id,
        "content_hash": content_hash,
        "written_at": caller.at,
        "valid_until": valid_until,
        "due_at": valid_until,
        "escalations": 0,
        "state": REFERRAL.start,
        "slot_leg": "none",
        "insurance_leg": "none",
    }
    row = session.scalars(insert(Referral).values(stated).on_conflict_do_nothing().returning(Referral)).one_or_none()
    if row is not None:
        remember(session, caller, row, "draft")
    return row


def locked(session: Session, referral_id: int) -> Referral:
    """The row, locked until the call ends. Refuses: ReferralUnknown."""
    row = session.get(Referral, referral_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise ReferralUnknown(referral=referral_id)
    return row


def move(session: Session, caller: Caller, row: Referral, event: str, *, note: str = "") -> None:
    """The one way a referral's state changes: by the table, with a deadline for what comes next and a line of history.

    Refuses: IllegalMove.
    """
    before = row.state
    REFERRAL.move(row, event)
    if row.state != before:
        row.due_at = due_after(session, row, caller.at)
    remember(session, caller, row, event, note=note)


def remember(session: Session, caller: Caller, row: Referral, event: str, *, note: str = "") -> None:
    """A line of history."""
    session.add(
        ReferralEvent(
            referral_id=row.id,
            event=event,
            state=row.state,
            at=caller.at,
            organisation_id=caller.organisation_id,
            actor=caller.practitioner_id or f"{caller.kind}/{caller.id}",
            note=note,
        )
    )
    session.flush()


def facts_of(row: Referral) -> ReferralFacts:
    """What the sender said, to say it again to somebody else."""
    said = {name: getattr(row, _COLUMNS_OF_THEIR_OWN.get(name, name)) for name in ReferralFacts.__dataclass_fields__}
    return ReferralFacts(**said | {"diagnoses": tuple(row.diagnoses)})


def let_see(
    session: Session, caller: Caller, row: Referral, organisation_id: str, *, kinds: tuple[str, ...] = ("*",)
) -> None:
    """A grant that lasts as long as the referral."""
    trust.grant(
        session,
        caller,
        person_id=row.person_id,
        organisation_id=organisation_id,
        basis="referral",
        source=source(row),
        kinds=kinds,
        since=caller.at,
    )


def source(row: Referral) -> str:
    """What the grants of a referral are ended by."""
    return f"referral/{row.id}"


def followers(session: Session, row: Referral, *, direction: str) -> bool:
    """Whether a referral that follows this one was sent in a direction."""
    wanted = select(Referral.id).where(Referral.previous_id == row.id, Referral.direction == direction)
    return session.scalars(wanted.where(Referral.state.not_in(("draft", "error"))).limit(1)).first() is not None
