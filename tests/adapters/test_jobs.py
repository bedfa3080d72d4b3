"""Periodic work: claimed by one, done again when due, taken over from a dead worker."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import door, jobs
from hub import booking
from hub.booking import Appointment
from hub.exchange import Due
from hub.exchange import jobs as rows
from hub.trust import SCOPES, Caller
from tests.hub.test_booking import a_schedule, slots_of
from tests.region import NOW, TERTIARY, a_person, citizen, system

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


def test_who_never_came_is_missed_and_a_job_that_runs_again_misses_nobody_twice(engine: Engine) -> None:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        ids = []
        for serial, slot in enumerate(slots_of(session, a_schedule(session)), start=1):
            person = a_person(session, serial)
            ids.append(
                booking.book(session, citizen(person.id), slot_id=slot.id, person_id=person.id, channel="app").id
            )
        booking.arrive(session, system(TERTIARY), appointment_id=ids[0])
    later = Caller(kind="job", id="job", at=NOW + timedelta(days=3), scopes=SCOPES, trace="job")
    assert jobs.miss_appointments(later) == "1 appointments"
    assert jobs.miss_appointments(later) == "0 appointments"
    with Session(engine) as session:
        assert [session.get_one(Appointment, each).state for each in ids] == ["arrived", "noshow"]
        assert session.scalar(select(func.count()).where(Due.kind == "appointment.noshow")) == 1
