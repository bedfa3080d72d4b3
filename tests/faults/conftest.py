"""One inhabited region for all tests of this folder: what is refused leaves it as it was."""

import sys
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters import door
from adapters.app import create_app
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import Settings
from tests.conftest import _clone
from tests.faults.national import Ask, asking
from tests.faults.world import World, bugs, inhabited


@pytest.fixture(scope="package")
def peopled(server: EmbeddedPostgres, template: str) -> Iterator[World]:
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder))
        yield from inhabited(engine, create_app())


@pytest.fixture
def world(peopled: World, server: EmbeddedPostgres) -> Iterator[World]:
    """The region; whatever a test did, no call may have ended as a bug of ours."""
    door.use_engine(peopled.engine, Settings(home=server.folder))
    before = bugs()
    with capture_logs(processors=[_with_exception]) as lines:
        yield peopled
    wrong = sorted({_where(line) for line in lines if line["log_level"] == "error"})
    assert not wrong, f"{len(wrong)} bugs:\n" + "\n".join(wrong[:40])
    assert bugs() == before


@pytest.fixture
def untouched(server: EmbeddedPostgres, template: str) -> Iterator[World]:
    """A region of a test's own, for what other tests may have changed by something that was accepted."""
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder))
        yield from inhabited(engine, create_app())


@pytest.fixture
def ask(world: World) -> Iterator[Ask]:
    yield from asking(world)


def _with_exception(logger: Any, method: str, line: Any) -> Any:
    return line | {"exc_info": sys.exc_info()[1]} if line.get("exc_info") is True else line


def _where(line: Any) -> str:
    """The last steps to a bug of ours, on one line."""
    trouble = line.get("exc_info")
    if not isinstance(trouble, BaseException):
        return str({key: value for key, value in line.items() if key != "trace"})
    ours = [step for step in traceback.extract_tb(trouble.__traceback__) if "/site-packages/" not in step.filename]
    steps = " > ".join(f"{'/'.join(step.filename.split('/')[-2:])}:{step.lineno}" for step in ours[-3:])
    return f"{type(trouble).__name__}: {str(trouble).splitlines()[:1]} at {steps}"[:400]
