"""Statements sent together: all of them in one write, all their answers in one read.

The driver's own pipeline looks at the socket before and after every statement and wakes the server for each: a batch of
fourteen statements waited 25 times. Here libpq's pipeline is filled first and sent once. Values, rows, errors and the
store of prepared statements are the driver's.
"""

import re
import select
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import psycopg
from psycopg._preparing import Prepare
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from hub.units import Money

Statement = tuple[str, Mapping[str, Any]]
"""SQL as the driver wants it, and its parameters."""

_PARAMETER = re.compile(r"%(?:%|\((\w+)\)s)")


class _Query(NamedTuple):
    """A statement and its values as the server gets them; the first two are what the store of the driver asks for."""

    query: bytes
    types: tuple[int, ...]
    values: Sequence[Any]
    formats: Sequence[int] | None


def together(
    driver: psycopg.Connection[Any], statements: Sequence[Statement], *, commit: bool = False
) -> list[list[Any]]:
    """The rows of each statement as named tuples, none if it answers none; then the commit, if that is wanted.

    When one fails, those after it are not run, nor is the commit. Raises the driver's errors.
    """
    converting = Transformer(driver)
    queries = [_query(converting, statement) for statement in statements]
    with driver.lock:
        begin = driver.pgconn.transaction_status == TransactionStatus.IDLE and not driver.autocommit
        driver.pgconn.enter_pipeline_mode()
        try:
            places = _send(driver, queries, begin=begin, commit=commit)
            results = _results(driver.pgconn)
            driver.pgconn.exit_pipeline_mode()
        except BaseException:
            driver.close()  # in the middle of an answer nothing else can be said on it
            raise
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            driver._prepared.clear()  # what this group was to prepare may not be there
            raise error_from_result(result)
    return [_rows(converting, results[place]) for place in places]


def _query(converting: Any, statement: Statement) -> _Query:
    sql, said = statement
    query, names = _numbered(sql)
    given = [_array(value) if type(value) is list else value for value in map(said.__getitem__, names)]
    values = converting.dump_sequence(given, [PyFormat.AUTO] * len(given))
    return _Query(query, tuple(converting.types or ()), values, converting.formats)


def _send(driver: psycopg.Connection[Any], queries: Sequence[_Query], *, begin: bool, commit: bool) -> list[int]:
    """Put everything into libpq's buffer; answers at which place among the results that of each query will be."""
    raw, store = driver.pgconn, driver._prepared
    places: list[int] = []
    sent = int(begin)
    if begin:
        raw.send_query_params(b"BEGIN", None)
    known: Any
    for known in queries:
        how, name = store.get(known, True)
        if how is Prepare.SHOULD:
            raw.send_prepare(name, known.query, known.types)
            sent += 1
        store.maybe_add_to_cache(known, how, name)
        raw.send_query_prepared(name, known.values, known.formats)
        places.append(sent)
        sent += 1
    if commit:
        raw.send_query_params(b"COMMIT", None)
    raw.pipeline_sync()
    return places


def _results(raw: PGconn) -> list[PGresult]:
    """One for everything sent, in order. Waiting is done here: libpq's own would keep all other threads waiting."""
    ready = select.poll()
    ready.register(raw.socket, select.POLLIN | select.POLLOUT)
    while raw.flush():
        if ready.poll()[0][1] & select.POLLIN:
            raw.consume_input()
    ready.modify(raw.socket, select.POLLIN)
    results: list[PGresult] = []
    while not results or results[-1].status != ExecStatus.PIPELINE_SYNC:
        while raw.is_busy():
            ready.poll()
            raw.consume_input()
        result = raw.get_result()
        if result is not None:
            results.append(result)
        elif raw.status != ConnStatus.OK:
            raise psycopg.OperationalError(raw.get_error_message())
    return results


def _rows(converting: Any, result: PGresult) -> list[Any]:
    if result.status != ExecStatus.TUPLES_OK:
        return []
    converting.set_pgresult(result)
    row = _row(tuple([result.fname(n) or b"" for n in range(result.nfields)]))
    return list(converting.load_rows(0, result.ntuples, row._make))


@cache
def _row(names: tuple[bytes, ...]) -> Any:
    fields = [re.sub(r"\W|^(?=\d)", "_", name.decode()) for name in names]
    return namedtuple("Row", [f"f{field}" if field.startswith("_") else field for field in fields])


@cache
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """`%(name)s` as $1, and the names in that order."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return "%" if found[1] is None else f"${names.setdefault(found[1], len(names) + 1)}"

    return _PARAMETER.sub(number, sql).encode(), tuple(names)


def _array(values: list[Any]) -> str:
    """PostgreSQL's text for an array, which the statement casts: the driver's own way takes eight times as long."""
    return "{" + ",".join([_ELEMENTS[type(value)](value) for value in values]) + "}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_ELEMENTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "NULL",
    bool: lambda value: "t" if value else "f",
    int: int.__repr__,
    Money: int.__repr__,
    Decimal: str,
    str: _quoted,
    bytes: lambda value: f'"\\\\x{value.hex()}"',
    date: lambda value: value.isoformat(),
    datetime: lambda value: f'"{value.isoformat()}"',
}
