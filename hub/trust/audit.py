"""One row a call: who did what to whom, with what outcome.

Rows are only ever added. `chain` hashes them in batches afterwards, so that no chain head is
locked while a patient waits.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ForeignKey, LargeBinary, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, Statement, identity, run
from hub.trust.callers import Caller

SETTLING = timedelta(minutes=1)


class Audit(Base):
    __tablename__ = "audit"
    __append_only__ = True

    id: Mapped[int] = identity()
    at: Mapped[datetime]
    caller_kind: Mapped[str]
    caller_id: Mapped[str]
    organisation_id: Mapped[str | None]
    person_id: Mapped[int | None] = mapped_column(index=True)
    verb: Mapped[str]
    subject: Mapped[str | None]
    outcome: Mapped[str]
    purpose: Mapped[str]
    door: Mapped[str]
    trace: Mapped[str]


class AuditSeal(Base):
    """The hash over audit rows up to `last_id`, chained on the seal before it."""

    __tablename__ = "audit_seal"
    __append_only__ = True

    id: Mapped[int] = identity()
    first_id: Mapped[int]
    last_id: Mapped[int] = mapped_column(ForeignKey("audit.id"), unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime]


def audit(
    session: Session,
    caller: Caller,
    *,
    verb: str,
    outcome: str = "ok",
    person_id: int | None = None,
    subject: str | None = None,
) -> None:
    """Write the row of this call. `outcome` is "ok" or the code of a Fault; `subject` is like "appointment/12"."""
    row = audit_row(caller, verb=verb, outcome=outcome, person_id=person_id, subject=subject)
    run(session, _AUDIT, row)


def audit_row(
    caller: Caller, *, verb: str, outcome: str = "ok", person_id: int | None = None, subject: str | None = None
) -> dict[str, object]:
    """The same row as data, for verbs that insert a batch in one statement."""
    return {
        "at": caller.at,
        "caller_kind": caller.kind,
        "caller_id": caller.id,
        "organisation_id": caller.organisation_id,
        "person_id": person_id if person_id is not None else caller.person_id,
        "verb": verb,
        "subject": subject,
        "outcome": outcome,
        "purpose": caller.purpose,
        "door": caller.door,
        "trace": caller.trace,
    }


def auditing(rows: Sequence[dict[str, object]]) -> Statement:
    """Writes the rows of calls that share a transaction, in one statement; each is what `audit_row` answers."""
    return _AUDIT_MANY, {"rows": msgspec.json.encode(rows).decode()}


def chain(session: Session, *, at: datetime, batch: int = 5000) -> int:
    """Seal the audit rows not yet sealed; answers how many. An advisory lock lets one job seal at a time.

    Rows younger than SETTLING are left for the next run: ids are given before the commit, so a
    transaction that is still running may yet add a smaller one.
    """
    session.execute(select(func.pg_advisory_xact_lock(421_101)))
    previous = session.scalars(select(AuditSeal).order_by(AuditSeal.id.desc()).limit(1)).first()
    rows = _unsealed(session, after_id=previous.last_id if previous else 0, before=at - SETTLING, limit=batch)
    if not rows:
        return 0
    digest = hashlib.sha256(previous.digest if previous else b"")
    for row in rows:
        digest.update(_line(row))
    session.add(AuditSeal(first_id=rows[0].id, last_id=rows[-1].id, digest=digest.digest(), sealed_at=at))
    session.flush()
    return len(rows)


def _unsealed(session: Session, *, after_id: int, before: datetime, limit: int) -> Sequence[Audit]:
    wanted = select(Audit).where(Audit.id > after_id, Audit.at < before).order_by(Audit.id).limit(limit)
    return session.scalars(wanted).all()


def _line(row: Audit) -> bytes:
    fields = (row.id, row.at.isoformat(), row.caller_kind, row.caller_id, row.organisation_id, row.person_id)
    return "\x1f".join(map(str, (*fields, row.verb, row.subject, row.outcome, row.purpose, row.trace))).encode()


_AUDIT = """
INSERT INTO audit (at, caller_kind, caller_id, organisation_id, person_id, verb, subject, outcome, purpose, door, trace)
VALUES (%(at)s, %(caller_kind)s, %(caller_id)s, %(organisation_id)s, %(person_id)s, %(verb)s, %(subject)s, %(outcome)s,
    %(purpose)s, %(door)s, %(trace)s)
"""
_AUDIT_MANY = """
INSERT INTO audit (at, caller_kind, caller_id, organisation_id, person_id, verb, subject, outcome, purpose, door, trace)
SELECT at, caller_kind, caller_id, organisation_id, person_id, verb, subject, outcome, purpose, door, trace
FROM json_populate_recordset(NULL::audit, %(rows)s::json)
"""
