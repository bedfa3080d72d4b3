"""A database for refusals: shared by a module, since a refusal leaves nothing behind, which is checked."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from adapters import door
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import Settings
from tests.conftest import _clone

MAY_GROW = frozenset({"audit"})


@pytest.fixture(scope="module")
def module_engine(server: EmbeddedPostgres, template: str) -> Iterator[Engine]:
    """One database a module, furnished once by the module's own fixtures."""
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder))
        yield engine


@pytest.fixture
def unchanged(module_engine: Engine, server: EmbeddedPostgres) -> Iterator[Engine]:
    """The module's database behind the doors; after the test it holds what it held before, but for the audit."""
    door.use_engine(module_engine, Settings(home=server.folder))
    before = _rows(module_engine)
    yield module_engine
    assert _rows(module_engine) == before


def _rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        names = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        )
        kept = [name for name in names if name not in MAY_GROW]
        return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in kept}
