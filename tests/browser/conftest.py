"""A real Chromium looking at the pages of a real server, at the width of a phone and of a desk.

Pictures are written to docs/pictures when ONECARD_PICTURES is set; the README shows them.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import door
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import Settings
from adapters.web.sessions import COOKIES
from tests.adapters.web.conftest import token_of, web_app
from tests.adapters.web.scenario import Scenario, play
from tests.conftest import _clone

CHROMIUM = os.environ.get("ONECARD_CHROMIUM", "/usr/bin/chromium")
PICTURES = Path(os.environ.get("ONECARD_PICTURES_FOLDER", Path(__file__).parents[2] / "docs/pictures"))
SHOWN = {
    "citizen-home-390",
    "citizen-home-390-elder",
    "citizen-book-when-390",
    "citizen-bill-390",
    "citizen-bill-390-en",
    "citizen-referral-390",
    "citizen-result-390",
    "desk-referrals-1280",
    "desk-new-referral-1280",
    "bureau-board-1280",
    "operations-messages-1280",
}
PHONE, DESK = (390, 844), (1280, 900)

Look = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def house(server: EmbeddedPostgres, template: str) -> Iterator[Engine]:
    for engine in _clone(server, template):
        door.use_engine(engine, Settings(home=server.folder, demo=True))
        yield engine


@pytest.fixture(scope="module")
def scenario(house: Engine) -> Scenario:
    with Session(house, expire_on_commit=False) as session, session.begin():
        return play(session, door.now())


@pytest.fixture(scope="module")
def site(house: Engine, scenario: Scenario) -> Iterator[str]:
    """The address of a server with the pages."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(web_app(), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Gone before tests of another package run in this process: while it lives, asyncio.run is refused there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Browser, site: str, house: Engine) -> Iterator[Look]:
    """Open a page as somebody, at some width, in some look, in a browser of their own."""
    with _window(chromium, site, house, pool=None) as at:
        yield at


@pytest.fixture(scope="module")
def pool() -> Iterator[dict[object, BrowserContext]]:
    """Browsers that only look share what they have loaded."""
    contexts: dict[object, BrowserContext] = {}
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def glance(chromium: Browser, site: str, house: Engine, pool: dict[object, BrowserContext]) -> Iterator[Look]:
    """The same for tests that change nothing."""
    with _window(chromium, site, house, pool=pool) as at:
        yield at


@contextmanager
def _window(
    chromium: Browser, site: str, house: Engine, *, pool: dict[object, BrowserContext] | None
) -> Iterator[Look]:
    """Whatever the console says is a failure."""
    own: dict[object, BrowserContext] = {}
    pages: list[Page] = []
    said: list[str] = []

    def at(
        path: str,
        who: int | str | None = None,
        *,
        size: tuple[int, int] = PHONE,
        language: str = "zh",
        elder: bool = False,
        dark: bool = False,
        script: bool = True,
    ) -> Page:
        key = (who, size, language, elder, dark, script)
        contexts = own if pool is None else pool
        if key not in contexts:
            contexts[key] = _context(chromium, site, house, *key)
        page = contexts[key].new_page()
        pages.append(page)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield at
    for page in pages:
        page.close()
    for context in own.values():
        context.close()
    assert said == []


def _context(
    chromium: Browser,
    site: str,
    house: Engine,
    who: int | str | None,
    size: tuple[int, int],
    language: str,
    elder: bool,
    dark: bool,
    script: bool,
) -> BrowserContext:
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        base_url=site,
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        has_touch=size == PHONE,
    )
    cookies = {"onecard_language": language, "onecard_elder": "1" if elder else "0"}
    if who is not None:
        kind, token = token_of(house, who)
        cookies[COOKIES[kind]] = token
    context.add_cookies([{"name": name, "value": value, "url": site} for name, value in cookies.items()])
    return context


def picture(page: Page, name: str) -> None:
    """Keep what is seen, whole: with ONECARD_PICTURES=1 what the README shows, with =all everything."""
    wanted = os.environ.get("ONECARD_PICTURES")
    if not wanted or (wanted != "all" and name not in SHOWN):
        return
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(int(height), 600)})
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    page.set_viewport_size(size)
