"""Statements of hot verbs sent together: their rows in order, and an error that is SQLAlchemy's."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub.db import PLAN_ONCE, run, run_together

KEEP = "INSERT INTO settlement_key (organisation_id, key) VALUES (%(o)s, %(k)s)"
COUNT = "SELECT count(*) AS keys FROM settlement_key WHERE organisation_id = %(o)s"
SAID = {"o": "H1", "k": "m1"}


def test_each_statement_sees_what_those_before_it_wrote_and_answers_its_own_rows(session):
    planned, before, kept, after = run_together(session, [PLAN_ONCE, (COUNT, SAID), (KEEP, SAID), (COUNT, SAID)])
    assert (planned, [row.keys for row in before], kept, [row.keys for row in after]) == ([], [0], [], [1])


def test_one_wrong_statement_of_a_group_fails_them_all(engine):
    with pytest.raises(IntegrityError) as refused, Session(engine) as session, session.begin():
        run_together(session, [(KEEP, SAID), (KEEP, SAID), (COUNT, SAID)])
    assert refused.value.orig.sqlstate == "23505"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM settlement_key")).scalar() == 0


def test_no_statements_are_no_rows_and_one_alone_is_run_as_it_is(session):
    assert run_together(session, []) == []
    assert [row.keys for row in run(session, COUNT, SAID)] == [0]
