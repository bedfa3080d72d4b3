"""What was heard: every message that came in, sealed, and the answer it got.

The key is narrow and decides races; the body is the fat row it points at. A key belongs to one
sender; what counts as "the same message" (for MLLP: MSH-9 and MSH-10, content with MSH-7 blanked)
is the door's to say.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, Statement, identity, run
from hub.faults import Unknown
from hub.trust import Caller, SealedBytes, seal

GOOD = "ok"
LONGEST_KEY = 250
"""A longer key is kept as its hash: an index holds no more, and no sender may be able to make us lose a message."""
PARKED = "parked"
"""The outcome of a message that was accepted and waits for the one it speaks of (parking.py)."""
SUPERSEDED = "superseded"
"""The outcome of a message that came again before it was worked on: the later copy stands for it."""


class MessageUnknown(Unknown):
    zh = "查不到编号为 {message_id} 的报文。"
    en = "There is no message {message_id}."


class HeardMessage(Base):
    """A message as it came in. `outcome` is None while it is being worked on, "ok", or the code of a Fault.

    `replay_of` is the message that this one does once more (replaying.py).
    """

    __tablename__ = "heard"
    __table_args__ = (
        Index("heard_open_idx", "heard_at", postgresql_where="outcome IS NULL"),
        Index("heard_replay_idx", "replay_of", postgresql_where="replay_of IS NOT NULL"),
    )

    id: Mapped[int] = identity()
    door: Mapped[str]
    sender: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    key: Mapped[str | None] = mapped_column(index=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    length: Mapped[int]
    body: Mapped[bytes] = mapped_column(SealedBytes)
    heard_at: Mapped[datetime] = mapped_column(index=True)
    trace: Mapped[str]
    outcome: Mapped[str | None]
    fault: Mapped[str | None]
    answer: Mapped[bytes | None] = mapped_column(SealedBytes)
    alert: Mapped[str | None]
    replay_of: Mapped[int | None] = mapped_column(ForeignKey("heard.id"))


class HeardKey(Base):
    """Decides between two copies of a message; points at the row that stands for it."""

    __tablename__ = "heard_key"

    sender: Mapped[str] = mapped_column(primary_key=True)
    door: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("heard.id", deferrable=True, initially="DEFERRED"))


@dataclass(frozen=True, slots=True)
class Heard:
    """What hear() found: a fresh message, a repeat with the answer it got, or an old key with new content."""

    id: int
    repeat_answer: bytes | None = None
    conflict: bool = False


def hear(
    session: Session,
    caller: Caller,
    *,
    door: str,
    kind: str,
    key: str | None,
    body: bytes,
    content_hash: bytes,
    length: int | None = None,
) -> Heard:
    """Store a message before acting on it.

    Two copies may arrive at once; the primary key of heard_key decides and the second waits for the
    first. Only good answers are repeated, and those of what waits: a message that was refused is worked
    on again, since what made it wrong may have been mended. `key` None is never a repeat. The same key
    with other content is a new message, told by `conflict` and marked with an alert.
    """
    if key is not None and len(key) > LONGEST_KEY:
        key = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    said = {
        "door": door,
        "sender": caller.id,
        "kind": kind,
        "key": key,
        "content_hash": content_hash,
        "length": len(body) if length is None else length,
        "body": seal(body),
        "heard_at": caller.at,
        "trace": caller.trace,
    }
    message_id, claimed = run(session, _HEAR, said)[0]
    if claimed or key is None:
        return Heard(message_id)
    return _known_key(session, caller, door=door, key=key, message_id=message_id, content_hash=content_hash)


def claim(session: Session, heard: Heard) -> bool:
    """Lock a message that was stored before (enhanced mode) for work; False when it is no longer open."""
    open_one = select(HeardMessage.id).where(HeardMessage.id == heard.id, HeardMessage.outcome.is_(None))
    return session.scalar(open_one.with_for_update()) is not None


def answer(
    session: Session, heard: Heard, *, outcome: str = GOOD, answer: bytes | None, fault: str | None = None
) -> None:
    """Store the answer a message got. `outcome` is "ok" or the code of a Fault, `fault` its sentence."""
    run(session, *answering(heard, outcome=outcome, answer=answer, fault=fault))


def answering(heard: Heard, *, outcome: str = GOOD, answer: bytes | None, fault: str | None = None) -> Statement:
    """`answer` as a statement, to be sent with others."""
    sealed = None if answer is None else seal(answer)
    return _ANSWER, {"id": heard.id, "outcome": outcome, "answer": sealed, "fault": fault}


def kept(
    caller: Caller,
    *,
    door: str,
    kind: str,
    key: str | None,
    body: bytes,
    content_hash: bytes,
    answer: bytes,
    outcome: str = GOOD,
    fault: str | None = None,
) -> dict[str, Any]:
    """A message with the answer it got, as a row for `keeping`."""
    return {
        "door": door,
        "sender": caller.id,
        "kind": kind,
        "key": key,
        "content_hash": content_hash,
        "length": len(body),
        "body": body,
        "heard_at": caller.at,
        "trace": caller.trace,
        "outcome": outcome,
        "answer": answer,
        "fault": fault,
    }


def keeping(rows: Sequence[dict[str, Any]]) -> Statement:
    """Stores messages with their answers, for a verb whose own key has decided between copies."""
    sealed = [row | {"body": seal(row["body"]), "answer": seal(row["answer"])} for row in rows]
    return _KEEP, {name: [row[name] for row in sealed] for name in sealed[0]}


def earlier(session: Session, *, sender: str, door: str, key: str) -> Sequence[HeardMessage]:
    """What one sender has sent under a key, newest first."""
    wanted = select(HeardMessage).where(
        HeardMessage.key == key, HeardMessage.sender == sender, HeardMessage.door == door
    )
    return session.scalars(wanted.order_by(HeardMessage.id.desc())).all()


def earlier_of(session: Session, *, senders: Sequence[str], key: str) -> Sequence[HeardMessage]:
    """What any of some senders has sent under a key, through whichever door, newest first."""
    wanted = select(HeardMessage).where(HeardMessage.key == key, HeardMessage.sender.in_(senders))
    return session.scalars(wanted.order_by(HeardMessage.id.desc())).all()


def answered(session: Session, *, senders: Sequence[str], keys: Sequence[str]) -> Sequence[HeardMessage]:
    """What some senders have sent under any of some keys and got a good answer to, oldest first."""
    good = (HeardMessage.outcome == GOOD, HeardMessage.answer.is_not(None), HeardMessage.replay_of.is_(None))
    own = (HeardMessage.key.in_(keys), HeardMessage.sender.in_(senders))
    return session.scalars(select(HeardMessage).where(*own, *good).order_by(HeardMessage.id)).all()


def heard(session: Session, message_id: int) -> HeardMessage:
    """Refuses: MessageUnknown."""
    row = session.get(HeardMessage, message_id)
    if row is None:
        raise MessageUnknown(message_id=message_id)
    return row


def orphans(session: Session, *, door: str, before: datetime, limit: int = 100) -> Sequence[HeardMessage]:
    """Messages stored and acknowledged but never worked on (enhanced mode, killed in between), locked for the sweep."""
    return session.scalars(
        select(HeardMessage)
        .where(HeardMessage.door == door, HeardMessage.outcome.is_(None), HeardMessage.heard_at < before)
        .order_by(HeardMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def search_heard(
    session: Session,
    *,
    sender: str | None = None,
    door: str | None = None,
    key: str | None = None,
    only_faults: bool = False,
    only_replays: bool = False,
    only_parked: bool = False,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[HeardMessage]:
    """Newest first, for operations."""
    wanted = select(HeardMessage).order_by(HeardMessage.id.desc()).limit(limit)
    if sender:
        wanted = wanted.where(HeardMessage.sender == sender)
    if door:
        wanted = wanted.where(HeardMessage.door == door)
    if key:
        wanted = wanted.where(HeardMessage.key.endswith(key))
    if only_faults:
        wanted = wanted.where(HeardMessage.outcome.not_in((GOOD, PARKED)))
    if only_parked:
        wanted = wanted.where(HeardMessage.outcome == PARKED)
    if only_replays:
        wanted = wanted.where(HeardMessage.replay_of.is_not(None))
    if before_id:
        wanted = wanted.where(HeardMessage.id < before_id)
    return session.scalars(wanted).all()


def _known_key(session: Session, caller: Caller, *, door: str, key: str, message_id: int, content_hash: bytes) -> Heard:
    own = (HeardKey.sender == caller.id, HeardKey.door == door, HeardKey.key == key)
    # The key's lock first: what it points at may move on while we wait for it.
    pointed = session.scalars(select(HeardKey.message_id).where(*own).with_for_update()).one()
    first = session.execute(
        select(HeardMessage.id, HeardMessage.content_hash, HeardMessage.outcome, HeardMessage.answer)
        .where(HeardMessage.id == pointed)
        .with_for_update()
    ).one()
    if first.content_hash == content_hash and first.outcome in (GOOD, PARKED) and first.answer is not None:
        session.execute(update(HeardMessage).where(HeardMessage.id == message_id).values(alert=f"repeat of {first.id}"))
        return Heard(message_id, repeat_answer=first.answer)
    session.execute(update(HeardKey).where(*own).values(message_id=message_id))
    if first.outcome is None:
        session.execute(update(HeardMessage).where(HeardMessage.id == first.id).values(outcome=SUPERSEDED))
    if first.content_hash == content_hash:
        return Heard(message_id)
    alert = f"same key as {first.id}, other content"
    session.execute(update(HeardMessage).where(HeardMessage.id == message_id).values(alert=alert))
    return Heard(message_id, conflict=True)


# The message and its key in one statement; a key that another transaction holds makes it wait for that one.
_HEAR = """
WITH message AS (
    INSERT INTO heard (door, sender, kind, key, content_hash, length, body, heard_at, trace)
    VALUES (%(door)s, %(sender)s, %(kind)s, %(key)s, %(content_hash)s, %(length)s, %(body)s, %(heard_at)s, %(trace)s)
    RETURNING id, sender, door, key
), claimed AS (
    INSERT INTO heard_key (sender, door, key, message_id)
    SELECT sender, door, key, id FROM message WHERE key IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING message_id
)
SELECT id, EXISTS (SELECT FROM claimed) AS claimed FROM message
"""

_KEEP = """
INSERT INTO heard (door, sender, kind, key, content_hash, length, body, heard_at, trace, outcome, answer, fault)
SELECT * FROM unnest(%(door)s::text[], %(sender)s::text[], %(kind)s::text[], %(key)s::text[], %(content_hash)s::bytea[],
       %(length)s::bigint[], %(body)s::bytea[], %(heard_at)s::timestamptz[], %(trace)s::text[], %(outcome)s::text[],
       %(answer)s::bytea[], %(fault)s::text[])"""

_ANSWER = "UPDATE heard SET outcome = %(outcome)s, answer = %(answer)s, fault = %(fault)s WHERE id = %(id)s"
