"""Which organisation or proxy may see which person, since when, until when, and why.

A grant is written and ended by the verb that makes the relationship: the acceptance of a referral,
an appointment, an admission, a consultation, a family link. So trust imports nothing above it.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Index, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, Statement, identity, run_later
from hub.faults import Missing
from hub.trust.callers import Caller, RecordUnknown

BREAK_GLASS_LASTS = timedelta(hours=24)


class BreakGlassNeedsReason(Missing):
    zh = "紧急查看必须写明理由（{element}）。"
    en = "Emergency access needs a reason ({element})."


class Grant(Base):
    __tablename__ = "access_grant"
    __table_args__ = (
        Index("access_grant_person_idx", "person_id", "organisation_id"),
        Index("access_grant_source_idx", "source"),
    )

    id: Mapped[int] = identity()
    person_id: Mapped[int]
    organisation_id: Mapped[str | None]
    practitioner_id: Mapped[str | None]
    proxy_person_id: Mapped[int | None] = mapped_column(index=True)
    basis: Mapped[str]
    source: Mapped[str]
    kinds: Mapped[list[str]]
    reason: Mapped[str | None]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    written_by: Mapped[str]


def grant(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    organisation_id: str | None = None,
    practitioner_id: str | None = None,
    proxy_person_id: int | None = None,
    basis: str,
    source: str,
    kinds: Sequence[str] = ("*",),
    since: datetime,
    until: datetime | None = None,
    reason: str | None = None,
) -> None:
    """Let an organisation (or one practitioner in it, or a proxy) see records of `kinds` about a person.

    `source` names the row that made the relationship ("referral/12"); `end_grants` ends by it.
    """
    said = {
        "person_id": person_id,
        "organisation_id": organisation_id,
        "practitioner_id": practitioner_id,
        "proxy_person_id": proxy_person_id,
        "basis": basis,
        "source": source,
        "kinds": json.dumps(list(kinds)),
        "since": since,
        "until": until,
        "reason": reason,
        "written_by": f"{caller.kind}/{caller.id}",
    }
    run_later(session, (_GRANT, said))


def granting(basis: str, rows: Sequence[tuple[Caller, int, str, str, datetime]]) -> Statement:
    """The same for a batch of (caller, person, organisation, source, until), from now on, as one statement."""
    said = [
        {
            "person_id": person_id,
            "organisation_id": organisation_id,
            "basis": basis,
            "source": source,
            "kinds": ["*"],
            "since": caller.at,
            "until": until,
            "written_by": f"{caller.kind}/{caller.id}",
        }
        for caller, person_id, organisation_id, source, until in rows
    ]
    return _GRANT_MANY, {"rows": msgspec.json.encode(said).decode()}


def end_grants(session: Session, caller: Caller, *, source: str, until: datetime) -> None:
    """Let what `source` granted end at `until`; a grant that ends earlier stays as it is."""
    open_end = or_(Grant.until.is_(None), Grant.until > until)
    session.execute(update(Grant).where(Grant.source == source, open_end).values(until=until))


def admit(session: Session, caller: Caller, person_ids: Sequence[int], kind: str, *, owner: str | None = None) -> None:
    """Let the caller pass to records of `kind` about one human (all person ids of the card).

    Passes: the person, a proxy, the organisation that owns the row, a live grant.
    Refuses: RecordUnknown, the same answer as for a record that is not there.
    """
    if caller.kind == "job" or (caller.person_id is not None and caller.person_id in person_ids):
        return
    if owner is not None and owner == caller.organisation_id:
        return
    if not _granted(session, caller, person_ids, kind):
        raise RecordUnknown(noun=kind)


def acts_for(session: Session, *, proxy_person_id: int, person_ids: Sequence[int], at: datetime) -> bool:
    """Whether a family link lets one person act for another."""
    rows = select(Grant.id).where(Grant.proxy_person_id == proxy_person_id, Grant.person_id.in_(person_ids), *_live(at))
    return session.scalars(rows.limit(1)).first() is not None


def break_glass(session: Session, caller: Caller, *, person_id: int, reason: str) -> None:
    """Emergency access for the caller's organisation, 24 hours, reviewed afterwards. Refuses: BreakGlassNeedsReason."""
    if not reason.strip():
        raise BreakGlassNeedsReason(element="reason")
    grant(
        session,
        caller,
        person_id=person_id,
        organisation_id=caller.organisation_id,
        practitioner_id=caller.practitioner_id,
        basis="break-glass",
        source=f"break-glass/{caller.trace}",
        since=caller.at,
        until=caller.at + BREAK_GLASS_LASTS,
        reason=reason,
    )


def _granted(session: Session, caller: Caller, person_ids: Sequence[int], kind: str) -> bool:
    mine: list[ColumnElement[bool]] = []
    if caller.organisation_id is not None:
        practitioner = or_(Grant.practitioner_id.is_(None), Grant.practitioner_id == caller.practitioner_id)
        mine.append((Grant.organisation_id == caller.organisation_id) & practitioner)
    if caller.person_id is not None:
        mine.append(Grant.proxy_person_id == caller.person_id)
    if not mine:
        return False
    live = select(Grant.kinds).where(Grant.person_id.in_(person_ids), or_(*mine), *_live(caller.at))
    return any("*" in kinds or kind in kinds for kinds in session.scalars(live))


def _live(at: datetime):  # type: ignore[no-untyped-def]
    return (Grant.since <= at, or_(Grant.until.is_(None), Grant.until > at))


_GRANT = """
INSERT INTO access_grant (person_id, organisation_id, practitioner_id, proxy_person_id, basis, source, kinds, reason,
    since, until, written_by)
VALUES (%(person_id)s, %(organisation_id)s, %(practitioner_id)s, %(proxy_person_id)s, %(basis)s, %(source)s,
    %(kinds)s::jsonb, %(reason)s, %(since)s, %(until)s, %(written_by)s)
"""
_GRANT_MANY = """
INSERT INTO access_grant (person_id, organisation_id, basis, source, kinds, since, until, written_by)
SELECT person_id, organisation_id, basis, source, kinds, since, until, written_by
FROM json_populate_recordset(NULL::access_grant, %(rows)s::json)
"""
