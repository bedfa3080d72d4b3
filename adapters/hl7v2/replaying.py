"""A refused message done once more by the people of operations: as it came, or corrected by hand.

It is worked on as its sender's, under the sender's rights; who pressed the button stands in the audit and in the
trace that both rows share. The sender is not answered: its connection is long gone.
"""

import re

from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2 import er7
from adapters.hl7v2.er7 import Unreadable
from adapters.hl7v2.inbound import Reception
from adapters.replays import DOOR, Replay
from hub import exchange, trust
from hub.faults import Fault, Invalid, Refused
from hub.trust import Caller, Door

INTERNAL_ERROR = "internal-error"


class NotByReplay(Refused):
    zh = "报文 {message_id} 是从 {door} 来的，只有 HL7 v2 的报文可以重放；请对方重发。"
    en = "Message {message_id} came through {door}; only HL7 v2 messages are replayed. Ask its sender to send again."


def preview(session: Session, operator: Caller, message_id: int, *, text: str | None = None) -> Replay:
    """What `replay` would do now: it is done, and undone before anybody could see it. Refuses: MessageUnknown."""
    row = exchange.heard(session, message_id)
    savepoint = session.begin_nested()
    try:
        return replay(session, operator, message_id, text=text)
    except Fault as fault:
        return Replay(message_id, row.kind, row.sender, fault.code, fault.sentence("zh"))
    finally:
        savepoint.rollback()


def replay(session: Session, operator: Caller, message_id: int, *, text: str | None = None) -> Replay:
    """Do a refused message once more; `text` is what a person has made of it. A refusal of the hub is an answer here.

    Refuses: MessageUnknown, MessageOpen, MessageCut, MessageTaken, NotByReplay, CredentialRefused, Invalid (message).
    """
    first = exchange.to_replay(session, message_id)
    if first.door != DOOR:
        raise NotByReplay(message_id=message_id, door=first.door)
    body = exchange.heard(session, message_id).body
    try:
        message = er7.read(body if text is None else _encoded(text, like=body))
    except Unreadable as trouble:
        raise Invalid(element="message", found=str(trouble), allowed="MSH|^~\\&|…") from None
    arrival = Door(at=operator.at, name=DOOR, trace=operator.trace)
    reception = Reception(message, arrival, first.sender.split("/", 1)[0])
    caller = reception.caller(session)
    again = exchange.hear_again(
        session,
        caller,
        first,
        kind=reception.kind,
        key=reception.key,
        body=message.raw,
        content=message.content_hash(),
    )
    newest = exchange.search_due(session, limit=1)
    verdict, _ = reception.work(session, caller, again)
    trust.audit(
        session,
        operator,
        verb="exchange.replay",
        outcome=verdict.outcome,
        subject=f"heard/{message_id} as heard/{again.id}",
    )
    return Replay(
        message_id,
        reception.kind,
        first.sender,
        verdict.outcome,
        sentence=verdict.complaints[0].zh if verdict.complaints else "",
        subject=reception.done.subject or "",
        new_id=again.id,
        posted=_posted(session, operator.trace, after=newest[0].id if newest else 0),
    )


def replay_each(operator: Caller, message_ids: list[int], *, text: str | None = None) -> list[Replay]:
    """Each in a transaction of its own, oldest first, so that one which cannot be done stops no other."""
    return [_one(operator, message_id, text) for message_id in sorted(set(message_ids))]


def readable(body: bytes) -> str:
    """A message as a person may edit it: one segment a line."""
    try:
        return er7.read(body).text.replace("\r\n", "\n").replace("\r", "\n")
    except Unreadable:
        return body.decode("utf-8", "replace")


def _one(operator: Caller, message_id: int, text: str | None) -> Replay:
    try:
        return door.transact(lambda session: replay(session, operator, message_id, text=text))
    except Fault as fault:
        return Replay(message_id, "", "", fault.code, fault.sentence("zh"))
    except Exception:
        door.log.exception("bug", door=DOOR, verb="exchange.replay", trace=operator.trace)
        return Replay(message_id, "", "", INTERNAL_ERROR, operator.trace)


def _encoded(text: str, *, like: bytes) -> bytes:
    """What was typed, as bytes in the character set of the message it corrects. Refuses: Invalid."""
    try:
        codec = er7.read(like).codec
    except Unreadable:
        codec = "utf-8"
    try:
        return re.sub(r"\r\n|\r|\n", "\r", text.strip() + "\n").encode(codec)
    except UnicodeEncodeError as trouble:
        found = text[trouble.start : trouble.start + 10]
        raise Invalid(element="message", found=found, allowed=codec) from None


def _posted(session: Session, trace: str, *, after: int) -> tuple[tuple[str, str], ...]:
    rows = exchange.search_due(session, trace=trace, after_id=after)
    return tuple((row.kind, row.destination) for row in reversed(rows))
