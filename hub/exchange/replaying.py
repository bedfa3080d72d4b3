"""A heard message done once more: as it came, or corrected by hand; kept as a new heard message that names the old one.

Two people may press the button at once, and the sender may send again meanwhile: the lock on the first
message decides between the people, the sender's key between them and the sender.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from hub.exchange.heard import GOOD, PARKED, SUPERSEDED, Heard, HeardMessage, hear, heard
from hub.faults import Conflict, Refused
from hub.trust import Caller


class MessageTaken(Refused):
    zh = "报文 {message_id} 已经受理过（{by}），不再重放。"
    en = "Message {message_id} has been accepted already (as {by}) and is not replayed."


class MessageOpen(Conflict):
    zh = "报文 {message_id} 还在处理，请等结果出来。"
    en = "Message {message_id} is still being worked on; wait for its outcome."


class MessageCut(Refused):
    zh = "报文 {message_id} 过长，平台只留了开头，不能重放；请对方重发。"
    en = "Message {message_id} was too long and only its head was kept; ask its sender to send again."


def to_replay(session: Session, message_id: int) -> HeardMessage:
    """The first message of a line of replays, locked, with the body of the one asked for still to be read.

    Refuses: MessageUnknown, MessageOpen, MessageCut, MessageTaken.
    """
    asked = heard(session, message_id)
    first = session.get_one(HeardMessage, asked.replay_of or asked.id, with_for_update=True, populate_existing=True)
    for row in {asked.id: asked, first.id: first}.values():
        if row.outcome in (None, PARKED):
            raise MessageOpen(message_id=row.id)
    if first.length != len(first.body):
        raise MessageCut(message_id=first.id)
    _refuse_if_taken(session, first)
    return first


def hear_again(
    session: Session, caller: Caller, first: HeardMessage, *, kind: str, key: str | None, body: bytes, content: bytes
) -> Heard:
    """Store a replay of `first`. `key` and `content` (a hash) count only where the first message had no key.

    A replay stands for the first message: its sender, who sends that one again, gets the answer of the replay.
    Refuses: MessageTaken.
    """
    again = hear(
        session,
        caller,
        door=first.door,
        kind=kind,
        key=first.key or key,
        body=body,
        content_hash=first.content_hash if first.key else content,
    )
    if again.repeat_answer is not None:
        raise MessageTaken(message_id=first.id, by=first.key)
    _refuse_if_taken(session, first)
    session.execute(
        update(HeardMessage)
        .where(HeardMessage.id == again.id)
        .values(replay_of=first.id, alert=f"replay of {first.id}")
    )
    return Heard(again.id)


def replays_of(session: Session, message: HeardMessage) -> Sequence[HeardMessage]:
    """Every replay in the line that a message stands in, oldest first."""
    own = HeardMessage.replay_of == (message.replay_of or message.id)
    return session.scalars(select(HeardMessage).where(own).order_by(HeardMessage.id)).all()


def may_be_replayed(message: HeardMessage) -> bool:
    """Whether a message was refused, for a page that offers it; whether it still may be is decided under the lock."""
    return message.outcome not in (None, GOOD, PARKED, SUPERSEDED) and message.length == len(message.body)


def _refuse_if_taken(session: Session, first: HeardMessage) -> None:
    """By itself, by a replay, or by what its sender has sent since under the same key. Refuses: MessageTaken."""
    stands: list[ColumnElement[bool]] = [HeardMessage.id == first.id, HeardMessage.replay_of == first.id]
    if first.key is not None:
        since = (HeardMessage.sender == first.sender, HeardMessage.door == first.door, HeardMessage.id > first.id)
        stands.append(and_(HeardMessage.key == first.key, *since))
    taken = select(HeardMessage.id).where(or_(*stands), HeardMessage.outcome == GOOD).order_by(HeardMessage.id)
    if (by := session.scalars(taken.limit(1)).first()) is not None:
        raise MessageTaken(message_id=first.id, by=by)
