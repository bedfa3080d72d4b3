"""A real PostgreSQL for the whole run, one migrated template, a clone where a test must commit."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from adapters import door
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import Settings, sqlalchemy_url
from hub import trust
from hub.migrations import migrate
from tests.region import Region, furnish

KEYRING = trust.Keyring(bytes(range(32)))


def pytest_configure(config: pytest.Config) -> None:
    trust.install(KEYRING)
    # How long one example takes says more about the machine's other work than about the code.
    hypothesis.settings.register_profile("here", deadline=None)
    hypothesis.settings.load_profile("here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make quick` keeps what needs no database, or only a transaction that is rolled back."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "server" in fixtures and ("session" not in fixtures or "engine" in fixtures):
            item.add_marker(pytest.mark.quick_skip)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL of our own; ONECARD_TEST_POSTGRES_BIN names another version's programs."""
    bin_dir = os.environ.get("ONECARD_TEST_POSTGRES_BIN")
    base = Path("/var/lib/onecard-tests") if os.geteuid() == 0 else Path(os.environ.get("TMPDIR", "/tmp"))
    folder = base / f"pg-{uuid.uuid4().hex[:8]}"
    try:
        with EmbeddedPostgres(folder, bin_dir=Path(bin_dir) if bin_dir else None, fsync=False) as postgres:
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> str:
    """The name of a migrated database with the small region in it."""
    with _superuser(server) as connection:
        connection.execute(text("CREATE DATABASE template_region"))
    migrate(sqlalchemy_url(server.dsn("template_region")))
    engine = door.make_engine(server.dsn("template_region"))
    with Session(engine) as session, session.begin():
        furnish(session)
    engine.dispose()
    return "template_region"


@pytest.fixture(scope="session")
def shared(server: EmbeddedPostgres, template: str) -> Iterator[Engine]:
    """One clone that tests share by rolling back."""
    yield from _clone(server, template)


@pytest.fixture
def session(shared: Engine) -> Iterator[Session]:
    """A session in the furnished region; everything is rolled back at the end."""
    with shared.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        outer.rollback()


@pytest.fixture
def engine(server: EmbeddedPostgres, template: str) -> Iterator[Engine]:
    """A database of this test's own, for what must commit or run concurrently; the doors use it too."""
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder))
        yield engine


@pytest.fixture(scope="session")
def region() -> Region:
    return Region()


def _clone(server: EmbeddedPostgres, template: str) -> Iterator[Engine]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with _superuser(server) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    engine = door.make_engine(server.dsn(name), pool_size=24)
    yield engine
    engine.dispose()
    with _superuser(server) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _superuser(server: EmbeddedPostgres) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(server.dsn("postgres")), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
