"""Whose record a row is: its own hospital writes it, everybody else is admitted to the person first."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from hub import trust
from hub.faults import Forbidden
from hub.trust import Caller


class NotYourRecord(Forbidden):
    zh = "只有 {organisation_id} 自己可以写这条记录。"
    en = "Only {organisation_id} itself may write this record."


class Owned(Protocol):
    organisation_id: str


Row = TypeVar("Row", bound=Owned)


def require_own(caller: Caller, organisation_id: str) -> None:
    """Refuses: NotYourRecord when a caller writes for another organisation; the hub's own jobs may."""
    if caller.kind != "job" and caller.organisation_id != organisation_id:
        raise NotYourRecord(organisation_id=organisation_id)


def readable(session: Session, caller: Caller, persons: Sequence[int], kind: str, rows: Sequence[Row]) -> Sequence[Row]:
    """All rows for who is admitted to the person; else those of the caller's own organisation.

    Refuses: RecordUnknown, when neither leaves anything.
    """
    own = [row for row in rows if row.organisation_id == caller.organisation_id]
    try:
        trust.admit(session, caller, persons, kind)
    except trust.RecordUnknown:
        if not own:
            raise
        return own
    return rows
