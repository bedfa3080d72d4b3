"""Clients suffer killed hubs, killed databases, lost answers and repeats under new ids; a checker reads their notes.

`ONECARD_HISTORY_SEEDS=17,23` lives some histories again, `1-200` two hundred. They are lived twenty at a time, each with
its own citizen, so that what kills one strikes them all.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub import trust
from tests.conftest import KEYRING
from tests.flows.histories.checker import ACKNOWLEDGED, REFUSED, UNKNOWN, Entry, Note, wrongs
from tests.flows.histories.client import Client
from tests.flows.histories.house import House, house

AT_ONCE = 20


def _seeds(said: str) -> list[int]:
    first, dash, last = said.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(seed) for seed in said.split(",")]


SEEDS = _seeds(os.environ.get("ONECARD_HISTORY_SEEDS", "1-40"))


@pytest.fixture(scope="module")
def struck() -> Iterator[House]:
    try:
        with house() as made:
            home: Path = made.region.settings.home
            yield made
    finally:
        trust.install(KEYRING)
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seeds", [SEEDS[n : n + AT_ONCE] for n in range(0, len(SEEDS), AT_ONCE)], ids=lambda s: f"{s[0]}"
)
def test_what_is_acknowledged_happened_once_and_the_rest_can_be_resolved_by_asking(
    struck: House, seeds: list[int]
) -> None:
    clients = [Client(seed, *struck.window(seed), struck.kill) for seed in seeds]
    with ThreadPoolExecutor(len(clients)) as many:
        list(many.map(Client.live, clients))
    struck.until_back()
    found = []
    for client in clients:
        client.hospital.close()
        asked = {note.msgid: struck.asked(note.msgid) for note in client.notes if note.infno == "2207"}
        found += [
            f"seed {client.seed}: {wrong}"
            for wrong in wrongs(client.notes, struck.books(client.citizen.person_id), asked)
        ]
        assert [n for n in client.notes if n.outcome == ACKNOWLEDGED], f"seed {client.seed} got nothing done"
        bugs = [n for n in client.notes if "参考号" in n.said]
        found += [f"seed {client.seed}: {note}" for note in bugs]
    assert not found, "\n".join(found)
    assert struck.breaches() == []


@pytest.mark.slow
def test_the_house_was_struck(struck: House) -> None:
    """A history without a death proves nothing."""
    assert len(SEEDS) < 40 or min(struck.killed.values()) >= 2, struck.killed


GOOD = [
    Note("2207", "m1", ACKNOWLEDGED, "v", "B1", "1", total=100, fund=60),
    Note("2208", "u1", ACKNOWLEDGED, "v", undoes="1"),
    Note("2207", "m2", UNKNOWN, "v", "B1"),
    Note("2207", "m3", REFUSED, "v", "B1"),
]
BOOKS = [
    Entry("1", "", "cancelled", "v", "B1", "m1", 100, 60),
    Entry("2", "1", "active", "v", "B1", "u1", -100, -60),
    Entry("3", "", "active", "v", "B1", "m2", 100, 60),
]
ASKED = {"m1": "undone", "m2": "settled", "m3": "unknown"}


def test_the_checker_is_content_with_a_good_history() -> None:
    assert wrongs(GOOD, BOOKS, ASKED) == []


@pytest.mark.parametrize(
    ("notes", "entries", "asked"),
    [
        (GOOD, BOOKS[1:], ASKED),
        (GOOD, [BOOKS[0], BOOKS[2]], ASKED),
        (GOOD, [*BOOKS, Entry("4", "", "active", "v", "B1", "m2", 100, 60)], ASKED),
        (GOOD, [*BOOKS, Entry("5", "1", "active", "v", "B1", "u1", -100, -60)], ASKED),
        (GOOD, [*BOOKS, Entry("6", "", "active", "w", "B1", "stranger", 1, 1)], ASKED),
        (GOOD, BOOKS, ASKED | {"m2": "unknown"}),
        (GOOD, BOOKS, {"m1": "undone", "m2": "settled"}),
        ([Note("2207", "m1", ACKNOWLEDGED, "v", "B1", "1", total=100, fund=59), *GOOD[1:]], BOOKS, ASKED),
        ([*GOOD, Note("2207", "m1", ACKNOWLEDGED, "v", "B1", "3", total=100, fund=60)], BOOKS, ASKED),
    ],
    ids=[
        "a lost settlement",
        "a lost undoing",
        "a batch settled twice",
        "an undoing twice",
        "a settlement nobody sent",
        "a settlement that asking denies",
        "a message that cannot be resolved",
        "another amount",
        "one message answered differently",
    ],
)
def test_the_checker_finds(notes: list[Note], entries: list[Entry], asked: dict[str, str]) -> None:
    assert wrongs(notes, entries, asked)
