"""A message that came before the one it speaks of: kept, told so, and done once that one has come.

It was accepted, so its sender need not send it again; it waits under a name that the door gives it
("<organisation>/appointment/<its own number>"). A door decides between the two by a lock of its own on that name.
"""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, Statement, run_later
from hub.exchange.heard import PARKED, HeardMessage


class ParkedMessage(Base):
    __tablename__ = "parked"

    message_id: Mapped[int] = mapped_column(ForeignKey("heard.id"), primary_key=True)
    waits_for: Mapped[str] = mapped_column(index=True)


def waiting(message_id: int, *, waits_for: str) -> Statement:
    """Keeps a message, whose answer is stored with the outcome PARKED, until what it waits for has come."""
    return _PARK, {"message_id": message_id, "waits_for": waits_for}


def parked(session: Session, *, waits_for: str) -> Sequence[HeardMessage]:
    """What waits for something that has come now, in the order of arrival."""
    wanted = select(HeardMessage).join(ParkedMessage, ParkedMessage.message_id == HeardMessage.id)
    here = (ParkedMessage.waits_for == waits_for, HeardMessage.outcome == PARKED)
    return session.scalars(wanted.where(*here).order_by(HeardMessage.id).with_for_update(of=HeardMessage)).all()


def unpark(session: Session, message: HeardMessage, *, outcome: str, fault: str | None) -> None:
    """How a message that waited went in the end; the answer that its sender got stays."""
    run_later(
        session,
        ("UPDATE heard SET outcome = %(outcome)s, fault = %(fault)s WHERE id = %(id)s",
         {"id": message.id, "outcome": outcome, "fault": fault}),
        ("DELETE FROM parked WHERE message_id = %(id)s", {"id": message.id}),
    )  # fmt: skip


_PARK = """
INSERT INTO parked (message_id, waits_for) VALUES (%(message_id)s, %(waits_for)s)
ON CONFLICT (message_id) DO UPDATE SET waits_for = excluded.waits_for
"""
