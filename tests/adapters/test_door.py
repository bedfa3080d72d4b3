"""One transaction a call: rerun whole where the database asks for it, and honest where the connection breaks."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from adapters import door
from adapters.door import DatabaseBusy, OutcomeUnknown

CUT = """
CREATE TABLE noted (number int);
GRANT ALL ON noted TO onecard_app;
CREATE FUNCTION hang_up() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
GRANT EXECUTE ON FUNCTION hang_up() TO onecard_app;
"""


@pytest.fixture
def cutting(engine: Engine) -> Engine:
    """A table, and a function that ends the connection that calls it."""
    with engine.begin() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text(CUT))
    engine.dispose()
    return engine


def _cut(engine: Engine, when: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(
            text(f"CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON noted {when} FOR EACH ROW EXECUTE FUNCTION hang_up()")
        )
    engine.dispose()


def _note(session: Session) -> None:
    session.execute(text("INSERT INTO noted VALUES (1)"))


def test_a_connection_that_breaks_during_the_commit_leaves_the_outcome_unknown(cutting: Engine) -> None:
    _cut(cutting, "DEFERRABLE INITIALLY DEFERRED")
    with pytest.raises(OutcomeUnknown):
        door.transact(_note)


def test_a_connection_that_breaks_before_the_commit_has_written_nothing(cutting: Engine) -> None:
    _cut(cutting, "")
    with pytest.raises(DatabaseBusy, match="nothing was written"):
        door.transact(_note)
    with Session(cutting) as session:
        assert session.scalar(text("SELECT count(*) FROM noted")) == 0
