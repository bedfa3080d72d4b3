"""The ground under every table: one Base, and the column types money and time need.

PostgreSQL 15 and newer, no extension. A room declares its tables at its own top; rows that must
never change say `__append_only__ = True` and the migration takes the right to change them away.
`run`, `run_together`, `run_later`, `ask_ahead` and `Ready` are for the statements of hot verbs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import psycopg
from sqlalchemy import BigInteger, ClauseElement, DateTime, Dialect, Identity, MetaData, Text, TypeDecorator, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    make_transient_to_detached,
    mapped_column,
)

from hub.sending import Statement as Statement
from hub.sending import together
from hub.units import Money


class Instant(TypeDecorator[datetime]):
    """timestamptz that refuses a datetime without a zone and answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant has a zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


class Fen(TypeDecorator[Money]):
    """bigint holding an amount in fen; refuses anything that is not an integer."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is not None and not isinstance(value, int):
            raise ValueError("money is integer fen")
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Money | None:
        return None if value is None else Money(value)


AnyRow = TypeVar("AnyRow", bound="Base")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: Text,
        datetime: Instant,
        Money: Fen,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        list[str]: JSONB,
    }


def identity() -> Mapped[int]:
    """The primary key of an ordinary table: a bigint that the database counts."""
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


PLAN_ONCE: Statement = ("SET LOCAL plan_cache_mode = force_generic_plan", {})
"""For the rest of the transaction, statements that are ready are not planned anew: for hot verbs, whose plans never
depend on a value. Planning a batch's statements takes PostgreSQL as long as a third of running them."""


def run(session: Session, sql: str, said: Mapping[str, Any]) -> list[Any]:
    """A hot statement as written, in the session's transaction; its rows as named tuples, none if it answers none.

    On the driver's own cursor, which takes two fifths of the processor time. What was added to the session is not
    flushed first. Raises what SQLAlchemy would raise.
    """
    return run_together(session, [(sql, said)])[0]


def run_together(session: Session, statements: Sequence[Statement]) -> list[list[Any]]:
    """Hot statements in their order, sent without waiting for each other's answers; the rows of each, as of `run`."""
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is None:
        return _send(session, statements)
    if len(statements) == 1 and (rows := waiting.foreseen(statements[0])) is not None:
        return [rows]
    before, ahead = waiting.taken()
    answers = _send(session, [*before, *statements, *ahead])
    waiting.answers = list(zip(ahead, answers[len(before) + len(statements) :], strict=True))
    return answers[len(before) : len(before) + len(statements)]


class _Waiting:
    """What a session that may wait has not sent yet, and the answers to what it has asked ahead."""

    def __init__(self) -> None:
        self.later: list[Statement] = []
        self.ahead: list[Statement] = []
        self.answers: list[tuple[Statement, list[Any]]] = []

    def taken(self) -> tuple[list[Statement], list[Statement]]:
        later, ahead, self.later, self.ahead = self.later, self.ahead, [], []
        return later, ahead

    def foreseen(self, statement: Statement) -> list[Any] | None:
        """The rows of a question that was asked ahead, once: who asks again wants to know what is true by then."""
        for number, (asked, rows) in enumerate(self.answers):
            if asked == statement:
                del self.answers[number]
                return rows
        return None


_WAITING = "onecard.waiting"


def may_wait(session: Session) -> None:
    """From now on this session sends what nobody waits for with the next statements, or with its commit.

    For a door that opens no savepoint in it: what waits would be sent inside of one, and undone with it.
    """
    session.info[_WAITING] = _Waiting()


def run_later(session: Session, *statements: Statement) -> None:
    """Writes whose answers nobody needs: at once, or, where the session may wait, before whatever comes next."""
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is None:
        _send(session, statements)
    else:
        waiting.later += statements


def ask_ahead(session: Session, statement: Statement) -> None:
    """Where the session may wait: a question that `run` will ask soon is sent behind the next statements."""
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is not None:
        waiting.ahead.append(statement)


def still_waiting(session: Session) -> list[Statement]:
    """What was to be run later and was not yet, for `run_and_commit`; the session waits no more."""
    waiting: _Waiting | None = session.info.pop(_WAITING, None)
    return [] if waiting is None else waiting.later


@event.listens_for(Session, "do_orm_execute")
def _before_a_question(state: ORMExecuteState) -> None:
    _send_waiting(state.session)


@event.listens_for(Session, "before_flush")
@event.listens_for(Session, "before_commit")
def _before_a_flush(session: Session, *_: object) -> None:
    _send_waiting(session)


def _send_waiting(session: Session) -> None:
    waiting: _Waiting | None = session.info.get(_WAITING)
    if waiting is not None and waiting.later:
        later, waiting.later = waiting.later, []
        _send(session, later)


def _send(session: Session, statements: Sequence[Statement]) -> list[list[Any]]:
    if not statements:
        return []
    with _driver(session, statements) as driver:
        return together(driver, statements)


def run_and_commit(session: Session, statements: Sequence[Statement]) -> None:
    """The last statements of a transaction and its commit in one go, for the door that owns the transaction.

    If one of them fails, nothing is committed. The session's own commit then finds nothing left to do.
    """
    with _driver(session, statements) as driver:
        together(driver, statements, commit=True)


@contextmanager
def _driver(session: Session, statements: Sequence[Statement]) -> Iterator[psycopg.Connection[Any]]:
    """The driver's own connection of a session's transaction; what goes wrong on it is SQLAlchemy's error."""
    connection = session.connection()
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        yield driver
    except psycopg.Error as trouble:
        broken = driver.closed
        if broken:
            connection.invalidate(trouble)
        sql = ";".join(sql for sql, _ in statements)
        raise DBAPIError.instance(sql, None, trouble, psycopg.Error, connection_invalidated=broken) from trouble


class Ready:
    """A question of hot verbs, built and compiled once, for `run`; what the session has pending is written first.

    Its rows are the driver's: money is a plain int, what is sealed stays sealed.
    """

    def __init__(self, question: ClauseElement) -> None:
        self._question = question
        self._compiled: tuple[str, Mapping[str, Any]] | None = None

    def rows(self, session: Session, **said: Any) -> list[Any]:
        session.flush()
        return run(session, *self.asking(**said))

    def asking(self, **said: Any) -> Statement:
        """What `rows` runs, for `run_together`; nothing is flushed for it."""
        if self._compiled is None:
            compiled = self._question.compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]
            self._compiled = str(compiled), compiled.params
        sql, given = self._compiled
        return sql, {**given, **said}


def loaded(session: Session, row: AnyRow) -> AnyRow:
    """A row just written by `run`, in the session as if it had been read: nobody need read it again."""
    make_transient_to_detached(row)
    session.add(row)
    return row


def append_only_tables() -> list[str]:
    """Names of the tables whose rows are never updated or deleted."""
    return sorted(
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if getattr(mapper.class_, "__append_only__", False)
    )
