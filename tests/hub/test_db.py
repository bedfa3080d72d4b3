"""Hot statements on the driver: what lists become, and that the end of a transaction is all or nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from hub.db import run, run_and_commit, run_together
from hub.units import Money

NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", [1, -(2**62), None]),
        ("bigint", [Money(12345)]),
        ("text", ["", "NULL", 'a"b', "a\\b", "{a,b}", " 一卡通\n", None]),
        ("bytea", [b"", b"\x00\xff\\\"{}'", None]),
        ("boolean", [True, False, None]),
        ("numeric", [Decimal("1.50"), Decimal("1E+2"), None]),
        ("date", [date(2026, 3, 1), None]),
        ("timestamptz", [NOON, None]),
        ("bigint", []),
    ],
)
def test_a_list_arrives_as_the_same_values(session: Session, kind: str, values: list[object]) -> None:
    rows = run(session, f"SELECT v FROM unnest(%(values)s::{kind}[]) WITH ORDINALITY AS u(v, n) ORDER BY n",
               {"values": values})  # fmt: skip
    assert [row.v for row in rows] == values


@pytest.fixture
def noting(engine: Engine) -> Engine:
    """A table that holds each number once."""
    with engine.begin() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text("CREATE TABLE noted (n bigint PRIMARY KEY)"))
        connection.execute(text("GRANT ALL ON noted TO onecard_app"))
    engine.dispose()
    return engine


def _note(engine: Engine, first: int, *last: int) -> None:
    with Session(engine) as session, session.begin():
        session.execute(text("INSERT INTO noted VALUES (:n)"), {"n": first})
        run_and_commit(session, [("INSERT INTO noted VALUES (%(n)s)", {"n": n}) for n in last])


def _noted(engine: Engine) -> list[int]:
    with Session(engine) as session:
        return list(session.scalars(text("SELECT n FROM noted ORDER BY n")))


def test_the_last_statements_and_the_commit_are_one(noting: Engine) -> None:
    _note(noting, 1, 2, 3)
    assert _noted(noting) == [1, 2, 3]


def test_when_one_of_the_last_statements_fails_nothing_is_committed(noting: Engine) -> None:
    with pytest.raises(IntegrityError):
        _note(noting, 1, 2, 2, 3)
    assert _noted(noting) == []


def test_statements_sent_together_answer_each_its_rows_and_keep_their_order(session: Session) -> None:
    asked = [
        ("SELECT %(n)s::bigint AS n, '100%%' AS said", {"n": 1}),
        ("SET LOCAL plan_cache_mode = force_generic_plan", {}),
        ("SELECT 1 WHERE %(no)s", {"no": False}),
        (
            "SELECT count(*), 'x' AS \"in words\" FROM unnest(%(a)s::text[]) AS a, unnest(%(a)s::text[])",
            {"a": ["1", "2"]},
        ),
    ]
    (first,), *none, (last,) = run_together(session, asked)
    assert (first.n, first.said) == (1, "100%")
    assert none == [[], []]
    assert (last.count, last.in_words) == (4, "x")


def test_more_than_the_sockets_hold_goes_out_and_comes_back(session: Session) -> None:
    much = "一卡通" * 400_000
    rows = run_together(session, [("SELECT %(much)s::text AS much", {"much": much})] * 4)
    assert [row.much == much for (row,) in rows] == [True] * 4


def test_after_one_that_fails_none_is_run_and_the_connection_can_be_used_again(noting: Engine) -> None:
    insert = "INSERT INTO noted VALUES (%(n)s)"
    for _ in range(2):
        with Session(noting) as session:
            with pytest.raises(DataError, match="division by zero"):
                run_together(session, [(insert, {"n": 1}), ("SELECT 1 / %(n)s::int", {"n": 0}), (insert, {"n": 2})])
            session.rollback()
            assert run(session, "SELECT n FROM noted", {}) == []
    _note(noting, 1, 2)
    assert _noted(noting) == [1, 2]


def test_a_value_that_cannot_be_sent_leaves_the_transaction_as_it_was(session: Session) -> None:
    with pytest.raises(DataError):
        run(session, "SELECT %(said)s::text", {"said": "a\x00b"})
    assert run(session, "SELECT 1 AS n", {})[0].n == 1


def test_a_connection_that_the_server_ends_is_known_to_be_broken(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(DBAPIError) as trouble:
        run_together(session, [("SET ROLE NONE", {}), ("SELECT pg_terminate_backend(pg_backend_pid())", {})])
    assert trouble.value.connection_invalidated
    with Session(engine) as session:
        assert run(session, "SELECT 1 AS n", {})[0].n == 1
