"""What those who run it look at: alive, ready, and how much of what was done."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, create_engine

from adapters import door
from adapters.app import create_app
from adapters.settings import Settings
from tests.adapters.asgi import InProcess

ROOT = Path(__file__).parents[2]


def client() -> httpx.Client:
    return httpx.Client(transport=InProcess(create_app()), base_url="http://onecard.test")


def test_it_is_alive_and_ready_and_counts_what_it_was_asked(engine: Engine) -> None:
    hub = client()
    assert (hub.get("/health/live").text, hub.get("/health/ready").text) == ("ok\n", "ok\n")
    counted = 'onecard_calls_total{door="web",outcome="ok",verb="web.sign_in_page"}'
    before = _value(hub, counted)
    assert hub.get("/sign-in").status_code == 200
    assert _value(hub, counted) == before + 1
    assert "onecard_call_seconds_bucket" in hub.get("/metrics").text


def test_without_its_database_it_is_alive_and_not_ready_and_says_when_to_come_back() -> None:
    door.use_engine(create_engine("postgresql+psycopg://127.0.0.1:1/none"), Settings())
    hub = client()
    assert hub.get("/health/live").status_code == 200
    answer = hub.get("/health/ready")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.quick_skip
def test_make_alone_lists_every_target_that_says_what_it_does() -> None:
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^([a-z][a-z-]*):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {line.split()[1] for line in said.splitlines()} == targets >= {"help", "run", "test", "quick", "check"}


def _value(hub: httpx.Client, name: str) -> float:
    found = [line for line in hub.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0
