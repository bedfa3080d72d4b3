"""Periodic work as rows: what is to be done how often, who does it now, and how it went last time.

A worker claims a job under a lease and works in a transaction of its own. A worker that dies leaves
a lease that runs out, and another takes over; the fence tells a late one that it has been replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base
from hub.faults import Unknown

LEASE = timedelta(minutes=5)


class JobUnknown(Unknown):
    zh = "没有名为“{name}”的定时任务。"
    en = "There is no periodic job named '{name}'."


class Job(Base):
    __tablename__ = "job"

    name: Mapped[str] = mapped_column(primary_key=True)
    every_seconds: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(index=True)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    runs: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    failed: Mapped[bool] = mapped_column(default=False)
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job handed to one worker, and the fence to record its outcome with."""

    name: str
    fence: int


def schedule(session: Session, every: Mapping[str, timedelta], *, at: datetime) -> None:
    """Make the rows of jobs that are new, due at once; a changed interval counts from the next run."""
    for name, interval in sorted(every.items()):
        seconds = int(interval.total_seconds())
        row = insert(Job).values(name=name, every_seconds=seconds, due_at=at, fence=0, runs=0, failures=0, failed=False)
        session.execute(
            row.on_conflict_do_update(
                index_elements=[Job.name], set_={"every_seconds": seconds}, where=Job.every_seconds != seconds
            )
        )


def claim(session: Session, *, owner: str, at: datetime, lease: timedelta = LEASE) -> Claimed | None:
    """Take the job that has been due longest and that nobody holds; row locks, skipped, decide between workers."""
    free = or_(Job.lease_until.is_(None), Job.lease_until < at)
    job = session.scalars(
        select(Job).where(Job.due_at <= at, free).order_by(Job.due_at).limit(1).with_for_update(skip_locked=True)
    ).first()
    if job is None:
        return None
    job.lease_owner, job.lease_until, job.fence = owner, at + lease, job.fence + 1
    session.flush()
    return Claimed(job.name, job.fence)


def finish(session: Session, claimed: Claimed, *, at: datetime, outcome: str, failed: bool = False) -> bool:
    """Record how a run went and when the next is due. False when another worker has taken over meanwhile."""
    job = session.get(Job, claimed.name, with_for_update=True, populate_existing=True)
    if job is None or job.fence != claimed.fence:
        return False
    job.lease_owner = job.lease_until = None
    job.due_at, job.finished_at = at + timedelta(seconds=job.every_seconds), at
    job.runs, job.failures, job.failed, job.outcome = job.runs + 1, job.failures + failed, failed, outcome
    return True


def run_now(session: Session, *, name: str, at: datetime) -> Job:
    """Make a job due at once. Refuses: JobUnknown."""
    job = session.get(Job, name, with_for_update=True)
    if job is None:
        raise JobUnknown(name=name)
    job.due_at = at
    return job


def all_jobs(session: Session) -> Sequence[Job]:
    """Every job, for operations, the one due next first."""
    return session.scalars(select(Job).order_by(Job.due_at, Job.name)).all()
