"""What all doors share: the engine, one transaction a call, the caller's clock, and the line in the log.

    answer = transact(lambda session: booking.book(session, caller, slot_id=7, person_id=3, channel="app"))

The work of a call is a function, because a transaction that PostgreSQL asks to be repeated
(serialization failure, deadlock) is rerun whole, up to three times. Acknowledge after it returns.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from adapters.settings import Settings, sqlalchemy_url
from hub import referrals, trust
from hub.db import Statement, run_and_commit, still_waiting
from hub.faults import Fault, Unavailable
from hub.trust import Caller, Door, Keyring

T = TypeVar("T")

TRIES = 3
LONGEST_TRACE = 64
REPEATABLE = {"40001", "40P01"}
_LAST = "statements sent with the commit"
BUSY = {"55P03", "57014"}  # lock_timeout, statement_timeout

CALLS = Counter("onecard_calls_total", "Calls by door, verb and outcome", ["door", "verb", "outcome"])
SECONDS = Histogram("onecard_call_seconds", "Seconds a call took", ["door"])

log = structlog.get_logger("onecard")
_engine: Engine | None = None
_settings: Settings | None = None


class DatabaseBusy(Unavailable):
    zh = "平台正忙，请 {seconds} 秒后重试。本次没有写入任何内容。"
    en = "The hub is busy. Try again in {seconds} seconds; nothing was written."


class OutcomeUnknown(Unavailable):
    """The connection broke while the transaction was being committed: it stands or it does not."""

    zh = "与数据库的连接中断，结果未知。请用同一报文号查询或重发，不会重复办理。"
    en = "The connection to the database broke and the outcome is not known. Ask or send again under the same key."


def open_house(settings: Settings, database_url: str, keyring: Keyring) -> Engine:
    """Once at the start of a process: the engine, the keys, the log."""
    global _engine, _settings
    trust.install(keyring)
    referrals.set_minutes(settings.referral_minutes)
    _settings = settings
    _engine = make_engine(database_url, pool_size=settings.pool_size)
    _set_up_log(settings.log_level)
    return _engine


def use_engine(engine: Engine, settings: Settings | None = None) -> None:
    """Tests hand in an engine of their own."""
    global _engine, _settings
    _engine, _settings = engine, settings or Settings()


def make_engine(database_url: str, *, pool_size: int = 5, role: str = "onecard_app") -> Engine:
    """Connections that work as the app's role, wait 2 s for a lock and 5 s for a statement at most."""
    options = f"-c role={role} -c lock_timeout=2s -c statement_timeout=5s -c timezone=UTC"
    return create_engine(
        sqlalchemy_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_use_lifo=True,
        connect_args={"options": options, "prepare_threshold": 2},
    )


def engine() -> Engine:
    if _engine is None:
        raise RuntimeError("no database: the process must open the house first")
    return _engine


def settings() -> Settings:
    if _settings is None:
        raise RuntimeError("no settings: the process must open the house first")
    return _settings


def transact(work: Callable[[Session], T]) -> T:
    """Run `work` in one transaction and commit; a Fault or a bug rolls everything back.

    Refuses: DatabaseBusy, when nothing was written; OutcomeUnknown, when the connection broke during the commit.
    """
    for attempt in range(1, TRIES + 1):
        committing = False
        try:
            with Session(engine(), expire_on_commit=False) as session, session.begin():
                done = work(session)
                session.flush()
                committing = True
                if last := [*still_waiting(session), *session.info.get(_LAST, ())]:
                    run_and_commit(session, last)
            return done
        except PoolTimeout as full:
            raise DatabaseBusy(seconds=DatabaseBusy.retry_after_seconds) from full
        except DBAPIError as trouble:
            if committing and trouble.connection_invalidated:
                raise OutcomeUnknown() from trouble
            state = getattr(trouble.orig, "sqlstate", None)
            if state in REPEATABLE and attempt < TRIES:
                continue
            if state in REPEATABLE | BUSY or _cannot_connect(trouble):
                raise DatabaseBusy(seconds=DatabaseBusy.retry_after_seconds) from trouble
            raise
    raise AssertionError("unreachable")


def with_commit(session: Session, statements: Sequence[Statement]) -> None:
    """Leave statements to the end of a call's transaction, where they are sent together with its commit."""
    session.info[_LAST] = statements


def now() -> datetime:
    """The clock of the doors; the hub has none of its own."""
    return datetime.now(UTC)


def arriving(name: str, trace: str | None = None) -> Door:
    """A call that has just come in through a door: its time, and a trace of its own unless it brought one."""
    return Door(at=now(), name=name, trace=(trace or uuid.uuid4().hex)[:LONGEST_TRACE])


def nobody(door: Door) -> Caller:
    """The caller before anybody is known: may do nothing, can be logged."""
    return Caller(kind="system", id="nobody", at=door.at, trace=door.trace, door=door.name)


def refused_look(caller: Caller, *, verb: str, fault: Fault, person_id: int | None = None) -> None:
    """A refusal rolled its transaction back; the audit row of it is written in a transaction of its own."""
    transact(lambda session: trust.audit(session, caller, verb=verb, outcome=fault.code, person_id=person_id))


@dataclass(slots=True)
class Call:
    """What the log line of a call says; the door fills in what it learns."""

    door: str
    verb: str = "?"
    caller: str = "?"
    outcome: str = "ok"
    trace: str = ""
    handed_on: bool = False
    """Somebody else in this process answers it, and says the line."""


@contextmanager
def logged(door: Door) -> Iterator[Call]:
    """One log line a call (caller, verb, outcome, milliseconds), never a body or a name; counted in the metrics."""
    call = Call(door=door.name, trace=door.trace)
    started = time.perf_counter()
    try:
        yield call
    except Fault as fault:
        call.outcome = fault.code
        raise
    except Exception:
        call.outcome = "bug"
        log.exception("bug", door=call.door, verb=call.verb, trace=call.trace)
        raise
    finally:
        if not call.handed_on:
            record(call, time.perf_counter() - started)


def record(call: Call, seconds: float) -> None:
    CALLS.labels(call.door, call.verb, call.outcome).inc()
    SECONDS.labels(call.door).observe(seconds)
    log.info(
        "call",
        door=call.door,
        caller=call.caller,
        verb=call.verb,
        outcome=call.outcome,
        ms=round(seconds * 1000, 1),
        trace=call.trace,
    )


def _cannot_connect(trouble: DBAPIError) -> bool:
    return isinstance(trouble, OperationalError) and (trouble.connection_invalidated or trouble.statement is None)


def _set_up_log(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        # One write a line, so that workers sharing a file do not cut into each other's lines.
        logger_factory=structlog.WriteLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
