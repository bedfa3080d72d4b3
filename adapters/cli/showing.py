"""What an installation knows about itself, as tables on a terminal."""

from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.database import at_hand
from adapters.settings import Settings
from hub.exchange import jobs as job_rows
from hub.faults import every_fault
from hub.migrations import import_every_room
from hub.units import CHINA


def faults() -> None:
    import_every_room()
    for fault in every_fault():
        print(f"{fault.kind:12} {fault.__new__(fault).code}\n    {fault.zh}\n    {fault.en}")


def jobs() -> None:
    settings = Settings()
    table = Table("job", "every", "runs", "failed", "finished", "outcome", "due", "held by")
    with at_hand(settings) as dsn:
        engine = door.make_engine(dsn, pool_size=1)
        with Session(engine) as session:
            for job in job_rows.all_jobs(session):
                finished = job.finished_at.astimezone(CHINA).strftime("%m-%d %H:%M:%S") if job.finished_at else "never"
                due = job.due_at.astimezone(CHINA).strftime("%m-%d %H:%M:%S")
                counts = (f"{job.every_seconds} s", str(job.runs), str(job.failures))
                table.add_row(job.name, *counts, finished, job.outcome or "", due, job.lease_owner or "")
        engine.dispose()
    Console().print(table)
