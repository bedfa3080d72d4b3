"""`onecard doctor`: what is wrong with an installation, each with what to do about it.

A check is a function that answers None when all is well, else the sentence to print.
"""

import os
import shutil
import stat
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import text
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.database import at_hand
from adapters.embedded_postgres import PostgresError, programs
from adapters.keys import NAME, KeyMissing, load_keyring
from adapters.settings import Settings
from hub import exchange
from hub.exchange import jobs
from hub.migrations import newest_version

LEAST_FREE_BYTES = 2 * 1024**3
LATE = timedelta(minutes=10)

Check = Callable[[Settings], str | None]
DatabaseCheck = Callable[[Session], str | None]


def examine() -> int:
    """Run every check, print what it found; the answer is the exit code, 1 if anything is wrong."""
    settings = Settings()
    wrong = sum(_report(name, partial(check, settings)) for name, check in CHECKS.items())
    wrong += _report("the database answers", partial(_look_into_database, settings))
    print("all is well" if not wrong else f"{wrong} to look after")
    return 1 if wrong else 0


def _look_into_database(settings: Settings) -> str | None:
    with at_hand(settings) as dsn:
        engine = door.make_engine(dsn, pool_size=1)
        with Session(engine) as session:
            wrong = sum(_report(name, partial(look, session)) for name, look in DATABASE_CHECKS.items())
        engine.dispose()
    return f"{wrong} of its checks failed" if wrong else None


def _report(name: str, check: Callable[[], str | None]) -> int:
    try:
        trouble = check()
    except Exception as bug:
        trouble = f"could not be checked: {str(bug).strip() or type(bug).__name__}"
    print(f"  ok    {name}" if trouble is None else f"  WRONG {name}: {trouble}")
    return 0 if trouble is None else 1


def python_version(settings: Settings) -> str | None:
    if (3, 11) <= sys.version_info[:2] <= (3, 14):
        return None
    return f"{sys.version.split()[0]}: 3.11 to 3.14 are supported"


def home_is_ours(settings: Settings) -> str | None:
    folder = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    return (
        None if os.access(folder, os.W_OK) else f"{folder} cannot be written: set ONECARD_HOME, or give it to this user"
    )


def disk_has_room(settings: Settings) -> str | None:
    folder = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(folder).free
    return None if free > LEAST_FREE_BYTES else f"{free // 1024**2} MB left for {settings.home}: make room"


def key_is_there(settings: Settings) -> str | None:
    try:
        load_keyring(settings.keys_folder)
    except KeyMissing as missing:
        return str(missing) if settings.postgres_folder.exists() or settings.database_url else None
    return None


def key_is_private(settings: Settings) -> str | None:
    file = settings.keys_folder / NAME
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        return f"others may read it: chmod 600 {file}"
    return None


def postgres_is_there(settings: Settings) -> str | None:
    try:
        programs(settings.postgres_bin)
    except PostgresError as trouble:
        return str(trouble)
    return None


def cookies_are_secure(settings: Settings) -> str | None:
    reached = settings.host not in {"127.0.0.1", "::1", "localhost"} or settings.public_url is not None
    if reached and not settings.secure_cookies:
        return "browsers reach us over a network: put TLS in front and set ONECARD_SECURE_COOKIES=true"
    return None


def postgres_is_new_enough(session: Session) -> str | None:
    number = int(session.scalar(text("SHOW server_version_num")))
    return None if number >= 150000 else f"{number // 10000}: 15 or newer is needed"


def commits_are_durable(session: Session) -> str | None:
    off = [name for name in ("fsync", "synchronous_commit") if session.scalar(text(f"SHOW {name}")) == "off"]
    return f"{', '.join(off)} off: a power cut would lose acknowledged messages" if off else None


def tables_are_this_version(session: Session) -> str | None:
    have = session.scalar(text("SELECT version_num FROM alembic_version"))
    return None if have == newest_version() else f"{have}, not {newest_version()}: run `onecard migrate`"


def jobs_are_on_time(session: Session) -> str | None:
    late = [job.name for job in jobs.all_jobs(session) if job.due_at < door.now() - LATE]
    return f"{', '.join(late)} more than {LATE.seconds // 60} minutes late: does a worker run?" if late else None


def jobs_succeed(session: Session) -> str | None:
    failing = [f"{job.name} ({job.outcome})" for job in jobs.all_jobs(session) if job.failed]
    return "; ".join(failing) or None


def lanes_flow(session: Session) -> str | None:
    parked = [f"{lane.destination} {lane.subject}" for lane in exchange.lanes(session, states=("parked",), limit=5)]
    return f"parked: {', '.join(parked)}; see operations" if parked else None


CHECKS: dict[str, Check] = {
    "Python": python_version,
    "the home folder can be written": home_is_ours,
    "the disk has room": disk_has_room,
    "PostgreSQL's programs are installed": postgres_is_there,
    "the sealing key is there": key_is_there,
    "the sealing key is private": key_is_private,
    "session cookies are safe": cookies_are_secure,
}
DATABASE_CHECKS: dict[str, DatabaseCheck] = {
    "PostgreSQL is 15 or newer": postgres_is_new_enough,
    "what is committed survives a power cut": commits_are_durable,
    "the tables are of this version": tables_are_this_version,
    "periodic work is on time": jobs_are_on_time,
    "periodic work succeeds": jobs_succeed,
    "outgoing lanes flow": lanes_flow,
}
