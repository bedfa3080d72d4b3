"""Hot statements on the driver: what lists become, and that the end of a transaction is all or nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub.db import run, run_and_commit
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
