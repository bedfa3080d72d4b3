"""Periodic work: claimed by one, done again when due, taken over from a dead worker."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import door, jobs
from hub.exchange import jobs as rows
from hub.trust import Caller
from tests.region import NOW

EVERY = {"sweep": timedelta(minutes=1)}


def test_a_job_is_claimed_by_one_worker_and_due_again_after_its_interval(session: Session) -> None:
    rows.schedule(session, EVERY, at=NOW)
    claimed = rows.claim(session, owner="first", at=NOW)
    assert claimed == rows.Claimed("sweep", 1)
    assert rows.claim(session, owner="second", at=NOW) is None
    assert rows.finish(session, claimed, at=NOW, outcome="3 rows")
    assert rows.claim(session, owner="second", at=NOW + timedelta(seconds=59)) is None
    assert rows.claim(session, owner="second", at=NOW + timedelta(seconds=60)) == rows.Claimed("sweep", 2)


def test_a_dead_workers_job_is_taken_over_and_its_late_outcome_is_dropped(session: Session) -> None:
    rows.schedule(session, EVERY, at=NOW)
    late = rows.claim(session, owner="dead", at=NOW)
    assert late is not None
    after = NOW + rows.LEASE + timedelta(seconds=1)
    taken = rows.claim(session, owner="alive", at=after)
    assert taken == rows.Claimed("sweep", 2)
    assert not rows.finish(session, late, at=after, outcome="late")
    assert rows.finish(session, taken, at=after, outcome="done")
    (job,) = rows.all_jobs(session)
    assert (job.outcome, job.runs, job.lease_owner) == ("done", 1, None)


def test_scheduling_twice_changes_nothing_but_a_new_interval(session: Session) -> None:
    rows.schedule(session, EVERY, at=NOW)
    rows.schedule(session, {"sweep": timedelta(minutes=5)}, at=NOW + timedelta(hours=1))
    (job,) = rows.all_jobs(session)
    assert (job.every_seconds, job.due_at) == (300, NOW)


def test_an_unknown_job_cannot_be_run_now(session: Session) -> None:
    with pytest.raises(rows.JobUnknown):
        rows.run_now(session, name="nothing", at=NOW)


def test_a_job_that_fails_is_recorded_and_rolled_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: Session, caller: Caller) -> str:
        rows.schedule(session, {"left behind": timedelta(minutes=1)}, at=caller.at)
        raise RuntimeError("no")

    monkeypatch.setattr(jobs, "WORK", {"broken": jobs.Periodic(timedelta(hours=1), broken)})
    door.transact(lambda s: rows.schedule(s, {"broken": timedelta(hours=1)}, at=door.now()))
    assert jobs.run_one("me")
    with Session(engine) as session:
        (job,) = rows.all_jobs(session)
    assert (job.name, job.failures, job.failed, job.outcome) == ("broken", 1, True, "RuntimeError: no")
    assert not jobs.run_one("me")


@pytest.mark.parametrize("name", jobs.WORK)
def test_every_job_runs_in_the_furnished_region_and_says_what_it_did(name: str, engine: Engine) -> None:
    door.transact(lambda s: rows.schedule(s, {name: jobs.WORK[name].every}, at=door.now()))
    assert jobs.run_one("me")
    with Session(engine) as session:
        (job,) = rows.all_jobs(session)
    assert not job.failed, job.outcome
    assert job.outcome
