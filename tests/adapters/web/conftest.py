"""The pages over a database of their own with the scenario in it, and browsers without a browser."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import door
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import Settings
from adapters.web import bureau, citizen, desk, operations, prepare
from adapters.web.sessions import COOKIES
from hub import trust
from tests.adapters.asgi import InProcess
from tests.adapters.web.scenario import Scenario, play
from tests.conftest import _clone

PLAIN = {"accept-encoding": "identity"}
Visit = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def house(server: EmbeddedPostgres, template: str) -> Iterator[Engine]:
    """A database with the scenario, for the tests of one file; the doors use it."""
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder))
        yield engine


@pytest.fixture(scope="module")
def scenario(house: Engine) -> Scenario:
    with Session(house, expire_on_commit=False) as session, session.begin():
        return play(session, door.now())


@pytest.fixture(scope="module")
def app(house: Engine) -> FastAPI:
    return web_app()


@pytest.fixture(scope="module")
def visit(app: FastAPI, house: Engine, scenario: Scenario) -> Visit:
    """A client signed in as a citizen (person id) or a member of staff (name), or as nobody."""

    def client(who: int | str | None = None, *, language: str = "zh", elder: bool = False) -> httpx.Client:
        cookies = {"onecard_language": language, "onecard_elder": "1" if elder else "0"}
        if who is not None:
            kind, token = token_of(house, who)
            cookies[COOKIES[kind]] = token
        return httpx.Client(transport=InProcess(app), base_url="http://onecard.test", cookies=cookies, headers=PLAIN)

    return client


def web_app() -> FastAPI:
    """The four faces and what stands behind them, without the other doors."""
    app = FastAPI()
    for face in (citizen, desk, bureau, operations):
        app.include_router(face.router)
    prepare(app)
    return app


def token_of(engine: Engine, who: int | str) -> tuple[str, str]:
    """A session as the sign-in opens it: the kind of cookie and its value."""
    with Session(engine) as session, session.begin():
        if isinstance(who, int):
            return "citizen", trust.open_session(session, at=door.now(), person_id=who)[0]
        return "staff", trust.open_session(session, at=door.now(), staff_name=who)[0]
