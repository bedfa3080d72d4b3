"""What is due to leave: an outbox whose rows keep a protocol-neutral snapshot made in the verb.

A lane is a destination and a subject (a patient, an appointment); order is promised per lane, and a
poison row parks its lane only. Whoever delivers leases lanes, sends with no transaction open and
records the outcome with the fence it was given, so that a worker that was too slow changes nothing.
Rows are delivered only once every transaction that began before them has ended (their xid8 is below
the snapshot's xmin); otherwise a later row of a lane could overtake an earlier one.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, Index, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, Statement, identity, run
from hub.faults import Unknown
from hub.lifecycle import Lifecycle
from hub.trust import Caller, SealedJson, seal

_OLDEST_RUNNING = text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
LEASE = timedelta(seconds=60)
BACK_OFF = (1, 2, 5, 15, 30, 60, 120, 300)
"""Seconds until the next try after the first, second, ... failure; then the last again, for ever."""

LANE = Lifecycle(
    "delivery lane",
    start="open",
    moves={
        ("open", "park"): "parked",
        ("open", "pause"): "paused",
        ("parked", "resume"): "open",
        ("paused", "resume"): "open",
        ("parked", "skip"): "open",
    },
)
DUE = Lifecycle(
    "message due",
    start="due",
    moves={("due", "send"): "sent", ("due", "refuse"): "refused", ("due", "skip"): "skipped"},
)

Posted = tuple[str, str, str, dict[str, Any]]
"""destination, subject, kind, snapshot."""


class DueUnknown(Unknown):
    zh = "查不到待发报文 {due_id}。"
    en = "There is no outgoing message {due_id}."


class Lane(Base):
    __tablename__ = "lane"
    __table_args__ = (
        LANE.check(),
        Index("lane_ready_idx", "next_try_at", postgresql_where="state = 'open' AND waiting"),
    )

    destination: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default=LANE.start)
    waiting: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[str | None]


class Due(Base):
    __tablename__ = "due"
    __table_args__ = (
        DUE.check(),
        Index("due_lane_idx", "destination", "subject", "id", postgresql_where="state = 'due'"),
        CheckConstraint("tries >= 0", name="tries_counted"),
    )

    id: Mapped[int] = identity()
    destination: Mapped[str]
    subject: Mapped[str]
    kind: Mapped[str]
    snapshot: Mapped[dict[str, Any]] = mapped_column(SealedJson)
    posted_at: Mapped[datetime]
    trace: Mapped[str]
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))
    state: Mapped[str] = mapped_column(default=DUE.start)
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class Leased:
    """A lane handed to one worker: its next rows in order, and the fence to record outcomes with."""

    destination: str
    subject: str
    fence: int
    rows: tuple[Due, ...]


def post(
    session: Session, caller: Caller, *, destination: str, subject: str, kind: str, snapshot: dict[str, Any]
) -> int:
    """Write what must leave, in the transaction of the verb that decided it; answers the row's id."""
    return post_many(session, [(caller, (destination, subject, kind, snapshot))])[0]


def post_many(session: Session, rows: Sequence[tuple[Caller, Posted]]) -> list[int]:
    """The same for a batch, each row under its own caller's trace, in one statement; ids in the order given."""
    return sorted(row.id for statement in posting_many(rows) for row in run(session, *statement))


def posting(caller: Caller, rows: Sequence[Posted]) -> list[Statement]:
    """What `post_many` runs for one caller, for a verb that runs it together with others."""
    return posting_many([(caller, row) for row in rows])


def posting_many(rows: Sequence[tuple[Caller, Posted]]) -> list[Statement]:
    """What `post_many` runs."""
    if not rows:
        return []
    destinations, subjects, kinds, snapshots = map(list, zip(*(posted for _, posted in rows), strict=True))
    said = {
        "destinations": destinations,
        "subjects": subjects,
        "kinds": kinds,
        "snapshots": [seal(json.dumps(snapshot, ensure_ascii=False).encode()) for snapshot in snapshots],
        "ats": [caller.at for caller, _ in rows],
        "traces": [caller.trace for caller, _ in rows],
    }
    return [(_POST, said)]


def states_of(session: Session, due_ids: Collection[int]) -> dict[int, str]:
    """How far each row is: due, sent, refused or skipped."""
    rows = session.execute(select(Due.id, Due.state).where(Due.id.in_(due_ids)))
    return {row.id: row.state for row in rows}


def lease(session: Session, *, owner: str, at: datetime, lanes: int = 16, rows: int = 20) -> list[Leased]:
    """Take up to `lanes` lanes that have something to send, none that another worker holds.

    The row locks of the lanes, skipped where taken, decide between two workers.
    """
    free = or_(Lane.lease_until.is_(None), Lane.lease_until < at)
    ready = session.scalars(
        select(Lane)
        .where(Lane.state == "open", Lane.waiting, Lane.next_try_at <= at, free)
        .order_by(Lane.next_try_at)
        .limit(lanes)
        .with_for_update(skip_locked=True)
    ).all()
    taken = []
    for lane in ready:
        waiting = session.scalars(
            select(Due)
            .where(*_waiting_in(lane.destination, lane.subject), Due.xid < _OLDEST_RUNNING)
            .order_by(Due.id)
            .limit(rows)
        ).all()
        if waiting:
            lane.fence, lane.lease_owner, lane.lease_until = lane.fence + 1, owner, at + LEASE
            taken.append(Leased(lane.destination, lane.subject, lane.fence, tuple(waiting)))
        elif not _anything_waits(session, lane):
            lane.waiting = False
    session.flush()
    return taken


def sent(session: Session, leased: Leased, due_id: int, *, at: datetime, outcome: str = "ok") -> bool:
    """Record that a row was delivered. False when the lease was lost meanwhile: then nothing is written."""
    if not _still_mine(session, leased):
        return False
    row = due(session, due_id)
    DUE.move(row, "send")
    row.sent_at, row.outcome, row.tries = at, outcome, row.tries + 1
    _lane(session, leased).failures = 0
    return True


def refused(session: Session, leased: Leased, due_id: int, *, at: datetime, outcome: str) -> bool:
    """Record that the peer will never take this row (AE); the lane goes on. The room that posted it is told."""
    if not _still_mine(session, leased):
        return False
    row = due(session, due_id)
    DUE.move(row, "refuse")
    row.sent_at, row.outcome, row.tries = at, outcome, row.tries + 1
    return True


def failed(session: Session, leased: Leased, due_id: int, *, at: datetime, trouble: str) -> bool:
    """Record a failure that may pass (AR, time-out, connection): the lane waits and tries the same row again."""
    if not _still_mine(session, leased):
        return False
    row, lane = due(session, due_id), _lane(session, leased)
    row.tries, row.outcome = row.tries + 1, trouble
    pause_seconds = BACK_OFF[min(lane.failures, len(BACK_OFF) - 1)]
    lane.failures, lane.trouble, lane.next_try_at = lane.failures + 1, trouble, at + timedelta(seconds=pause_seconds)
    return True


def park(session: Session, leased: Leased, *, trouble: str) -> bool:
    """A poison row: this lane stops until a person resumes or skips it; all others go on."""
    if not _still_mine(session, leased):
        return False
    lane = _lane(session, leased)
    LANE.move(lane, "park")
    lane.trouble, lane.lease_owner, lane.lease_until = trouble, None, None
    return True


def release(session: Session, leased: Leased) -> None:
    """Give the lane back after its rows were tried."""
    if _still_mine(session, leased):
        lane = _lane(session, leased)
        lane.lease_owner = lane.lease_until = None


def holders(session: Session, *, at: datetime) -> Sequence[str]:
    """Who holds a lane now: the owners of leases that have not run out."""
    held = select(Lane.lease_owner).where(Lane.lease_owner.is_not(None), Lane.lease_until >= at)
    return [owner for owner in session.scalars(held.distinct()) if owner]


def abandon(session: Session, *, owner: str) -> None:
    """A holder has died: its lanes may be leased at once. Were it alive after all, the fence stops its records."""
    session.execute(update(Lane).where(Lane.lease_owner == owner).values(lease_owner=None, lease_until=None))


def pause(session: Session, *, destination: str, subject: str) -> Lane:
    """A person stops a lane. Refuses: DueUnknown, IllegalMove."""
    return _moved(session, destination, subject, "pause")


def resume(session: Session, *, destination: str, subject: str, at: datetime) -> Lane:
    """A person lets a parked or paused lane go on now. Refuses: DueUnknown, IllegalMove."""
    lane = _moved(session, destination, subject, "resume")
    lane.next_try_at, lane.failures = at, 0
    return lane


def skip(session: Session, *, due_id: int, at: datetime) -> Due:
    """A person gives up one row and lets its parked lane go on. Refuses: DueUnknown, IllegalMove."""
    row = due(session, due_id)
    DUE.move(row, "skip")
    lane = session.get_one(Lane, (row.destination, row.subject), with_for_update=True)
    if lane.state == "parked":
        LANE.move(lane, "skip")
        lane.next_try_at, lane.failures = at, 0
    return row


def due(session: Session, due_id: int) -> Due:
    """Refuses: DueUnknown."""
    row = session.get(Due, due_id)
    if row is None:
        raise DueUnknown(due_id=due_id)
    return row


def lanes(session: Session, *, states: Sequence[str] = ("parked", "paused"), limit: int = 200) -> Sequence[Lane]:
    """Lanes for operations, those in trouble longest first."""
    return session.scalars(select(Lane).where(Lane.state.in_(states)).order_by(Lane.next_try_at).limit(limit)).all()


def search_due(
    session: Session,
    *,
    destination: str | None = None,
    subject: str | None = None,
    state: str | None = None,
    trace: str | None = None,
    after_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Due]:
    """Newest first, for operations. `trace` has no index: only with `after_id`."""
    wanted = select(Due).order_by(Due.id.desc()).limit(limit)
    asked = ((Due.destination, destination), (Due.subject, subject), (Due.state, state), (Due.trace, trace))
    for column, value in asked:
        if value:
            wanted = wanted.where(column == value)
    if after_id is not None:
        wanted = wanted.where(Due.id > after_id)
    if before_id:
        wanted = wanted.where(Due.id < before_id)
    return session.scalars(wanted).all()


def _waiting_in(destination: str, subject: str) -> tuple[ColumnElement[bool], ...]:
    return (Due.destination == destination, Due.subject == subject, Due.state == DUE.start)


def _anything_waits(session: Session, lane: Lane) -> bool:
    waiting = select(Due.id).where(*_waiting_in(lane.destination, lane.subject)).limit(1)
    return session.scalar(waiting) is not None


def _lane(session: Session, leased: Leased) -> Lane:
    return session.get_one(Lane, (leased.destination, leased.subject))


def _still_mine(session: Session, leased: Leased) -> bool:
    """The fence decides: a lane leased again since has a higher one."""
    key = (leased.destination, leased.subject)
    lane = session.get(Lane, key, with_for_update=True, populate_existing=True)
    return lane is not None and lane.fence == leased.fence


def _moved(session: Session, destination: str, subject: str, event: str) -> Lane:
    lane = session.get(Lane, (destination, subject), with_for_update=True)
    if lane is None:
        raise DueUnknown(due_id=f"{destination} {subject}")
    LANE.move(lane, event)
    return lane


# Lanes are opened in order, so that two batches cannot deadlock.
_POST = """
WITH posted AS (
    SELECT * FROM unnest(%(destinations)s::text[], %(subjects)s::text[], %(kinds)s::text[], %(snapshots)s::bytea[],
                         %(ats)s::timestamptz[], %(traces)s::text[])
                  WITH ORDINALITY AS r(destination, subject, kind, snapshot, at, trace, n)
), opened AS (
    INSERT INTO lane (destination, subject, state, waiting, failures, next_try_at, fence)
    SELECT destination, subject, 'open', true, 0, min(at), 0 FROM posted GROUP BY destination, subject ORDER BY 1, 2
    ON CONFLICT (destination, subject) DO UPDATE SET waiting = true WHERE NOT lane.waiting
)
INSERT INTO due (destination, subject, kind, snapshot, posted_at, trace, state, tries)
SELECT destination, subject, kind, snapshot, at, trace, 'due', 0 FROM posted ORDER BY n
RETURNING id
"""
