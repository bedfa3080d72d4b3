"""What an installation knows about itself, as lines on a terminal."""

import sys
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.database import at_hand
from adapters.settings import Settings
from hub import settlement
from hub.exchange import jobs as job_rows
from hub.faults import every_fault
from hub.migrations import import_every_room
from hub.settlement.rerunning import CHECK as RERUN
from hub.units import CHINA


def faults() -> None:
    import_every_room()
    for fault in every_fault():
        print(f"{fault.kind:12} {fault.__new__(fault).code}\n    {fault.zh}\n    {fault.en}")


def jobs() -> None:
    settings = Settings()
    line = "{:18} {:>7} {:>6} {:>6}  {:14}  {:14}  {}"
    print(line.format("job", "every", "runs", "failed", "finished", "due", "outcome"))
    with at_hand(settings) as dsn:
        engine = door.make_engine(dsn, pool_size=1)
        with Session(engine) as session:
            for job in job_rows.all_jobs(session):
                outcome = f"running at {job.lease_owner}" if job.lease_owner else job.outcome or ""
                counts = (f"{job.every_seconds} s", job.runs, job.failures)
                print(line.format(job.name, *counts, _clock(job.finished_at), _clock(job.due_at), outcome))
        engine.dispose()


def verify(since: date | None, until: date | None) -> int:
    """The ledger, settlements, accumulators and accounts of this installation, checked against each other; then every
    settlement of some days (or ever) adjudicated again.
    """
    with at_hand(Settings()) as dsn:
        engine = door.make_engine(dsn, pool_size=1)
        with Session(engine) as session:
            session.execute(text("SET LOCAL statement_timeout = 0"))  # a large ledger takes its time
            breaches = settlement.verify(session)
            print("\n".join(verdict(breaches)), flush=True)
            again = settlement.rerun(session, since=since, until=until, progress=_progress)
        engine.dispose()
    print(rerun_verdict(again))
    return 1 if breaches or again.first else 0


def rerun_verdict(again: settlement.Rerun) -> str:
    if again.first is None:
        return f"fits     {RERUN} ({again.settlements})"
    first = again.first
    return (
        f"BROKEN   {RERUN}: {first.subject} has {first.found}, derived {first.derived} ({again.settlements} before fit)"
    )


def _progress(done: int, whole: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {whole} adjudicated again", end="\n" if done == whole else "", file=sys.stderr, flush=True)


def verdict(breaches: Sequence[settlement.Breach]) -> list[str]:
    """One line a check: that it fits, or the first row that does not."""
    first = {breach.check: breach for breach in reversed(breaches)}
    return [
        f"BROKEN   {check}: {first[check].subject} has {first[check].found}, derived {first[check].derived}"
        if check in first
        else f"fits     {check}"
        for check in settlement.CHECKS
    ]


def _clock(instant: datetime | None) -> str:
    return instant.astimezone(CHINA).strftime("%m-%d %H:%M:%S") if instant else "never"
