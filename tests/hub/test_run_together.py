"""Statements of hot verbs sent together: their rows in order, and an error that is SQLAlchemy's."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub.db import PLAN_ONCE, ask_ahead, may_wait, run, run_and_commit, run_later, run_together, still_waiting

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


def test_a_session_that_may_wait_sends_its_writes_before_whatever_comes_next(session):
    may_wait(session)
    run_later(session, (KEEP, SAID))
    assert run(session, COUNT, SAID)[0].keys == 1
    run_later(session, (KEEP, SAID | {"k": "m2"}))
    assert session.scalar(text("SELECT count(*) FROM settlement_key WHERE organisation_id = 'H1'")) == 2


def test_a_session_that_may_not_wait_writes_at_once(session):
    run_later(session, (KEEP, SAID))
    ask_ahead(session, (COUNT, SAID))
    assert run(session, COUNT, SAID)[0].keys == 1


def test_a_question_asked_ahead_is_answered_once_and_then_asked_anew(session):
    may_wait(session)
    ask_ahead(session, (COUNT, SAID))
    run(session, COUNT, SAID | {"o": "H2"})
    run_later(session, (KEEP, SAID))
    assert [run(session, COUNT, SAID)[0].keys for _ in range(2)] == [0, 1]


def test_what_waits_is_written_with_the_commit_whoever_commits(engine):
    with Session(engine) as session, session.begin():
        may_wait(session)
        run_later(session, (KEEP, SAID))
        run_and_commit(session, still_waiting(session))
    with Session(engine) as session, session.begin():
        may_wait(session)
        run_later(session, (KEEP, SAID | {"k": "m2"}))
    with engine.connect() as connection:
        assert set(connection.execute(text("SELECT key FROM settlement_key")).scalars()) == {"m1", "m2"}


def test_a_write_that_fails_with_the_commit_leaves_nothing(engine):
    with Session(engine) as session:
        may_wait(session)
        run_later(session, (KEEP, SAID), (KEEP, SAID))
        with pytest.raises(IntegrityError):
            run_and_commit(session, still_waiting(session))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM settlement_key")).scalar() == 0
