"""How tables come to be, and what the running app may do with them."""

import subprocess
import threading
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import sqlalchemy_url
from hub.db import Base, append_only_tables
from hub.migrations import configuration, import_every_room, migrate, newest_version
from hub.migrations.rights import grant_rights


@pytest.fixture
def owner(server: EmbeddedPostgres) -> Iterator[Engine]:
    """An empty database, seen by its owner."""
    yield from _empty(server, "migrated")


@pytest.fixture
def other(server: EmbeddedPostgres) -> Iterator[Engine]:
    yield from _empty(server, "modelled")


def test_the_migrations_make_what_the_models_say(server: EmbeddedPostgres, owner: Engine, other: Engine) -> None:
    migrate(_url(owner))
    with other.begin() as connection:
        import_every_room()
        Base.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"))
        grant_rights(connection)
    assert _schema(server, owner) == _schema(server, other)


def test_two_processes_may_migrate_at_once_and_again(owner: Engine) -> None:
    troubles: list[BaseException] = []

    def attempt() -> None:
        try:
            migrate(_url(owner))
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    with owner.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == newest_version()


def test_history_can_only_be_added_to_by_the_app_and_even_by_the_owner(owner: Engine) -> None:
    migrate(_url(owner))
    assert {"audit"} <= set(append_only_tables())
    for table in append_only_tables():
        for change in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with owner.connect() as connection, pytest.raises(ProgrammingError, match="never changed or deleted"):
                connection.execute(text(change))
            with owner.connect() as connection:
                connection.execute(text("SET ROLE onecard_app"))
                with pytest.raises(ProgrammingError, match="permission denied"):
                    connection.execute(text(change))


def test_the_app_may_change_rows_but_not_tables(owner: Engine) -> None:
    migrate(_url(owner))
    with owner.connect() as connection:
        connection.execute(text("SET ROLE onecard_app"))
        connection.execute(text("UPDATE job SET runs = runs"))
        with pytest.raises(ProgrammingError, match="must be owner"):
            connection.execute(text("ALTER TABLE job ADD COLUMN more int"))


def test_a_pack_that_decided_bills_before_there_were_signatures_goes_on_and_the_bureaus_clerks_may_sign(
    owner: Engine,
) -> None:
    with owner.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        connection.execute(
            text("INSERT INTO organisation VALUES ('420500','局','B','bureau',0,'','420500','','',NULL,'hub')")
        )
        for name, scopes in (("clerk", '["reconciliation.write"]'), ("doctor", '["records.read"]')):
            sql = "INSERT INTO staff VALUES (:name, '', '', '420500', NULL, CAST(:scopes AS jsonb), 0)"
            connection.execute(text(sql), {"name": name, "scopes": scopes})
        pack = (
            "INSERT INTO benefit_pack VALUES ('old', '420500', '2024-01-01', NULL, 'hash', 'text', now(), 'job/demo')"
        )
        connection.execute(text(pack))
    migrate(_url(owner))
    with owner.connect() as connection:
        states = connection.execute(text("SELECT pack_id, state, first_by FROM benefit_pack_release")).all()
        scopes = dict(connection.execute(text("SELECT name, scopes FROM staff")).all())
    assert states == [("old", "live", "job/demo")]
    assert scopes == {"clerk": ["reconciliation.write", "coverage.write"], "doctor": ["records.read"]}


def _empty(server: EmbeddedPostgres, name: str) -> Iterator[Engine]:
    admin = create_engine(sqlalchemy_url(server.dsn("postgres")), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield create_engine(sqlalchemy_url(server.dsn(name)), poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _schema(server: EmbeddedPostgres, engine: Engine) -> list[str]:
    """Every line of the schema but alembic's own key, in an order that does not depend on how it came to be."""
    command = [server.program("pg_dump"), "--schema-only", "--no-comments", server.dsn(str(engine.url.database))]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    passing = ("--", "\\restrict", "\\unrestrict")
    return sorted(line for line in dump.splitlines() if not line.startswith(passing) and "alembic_version" not in line)


def _url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)
