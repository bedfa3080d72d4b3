"""Whose processor time a measurement took: the hub's workers, PostgreSQL, and this process, which knocks."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Seconds of processor time, of processes that still live."""

    workers: float
    postgres: float
    client: float

    def since(self, before: "Spent") -> "Spent":
        return Spent(*(after - start for after, start in zip(self, before, strict=True)))


def spent(workers: Iterable[int], postgres: int | None) -> Spent:
    """By process ids; PostgreSQL's is that of its first process, None when it is not ours to look at."""
    own = os.times()
    return Spent(
        sum(_seconds(worker)[1] for worker in workers),
        0.0 if postgres is None else _family(postgres),
        own.user + own.system,
    )


def _family(parent: int) -> float:
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    looked = [(number, *_seconds(number)) for number in numbers]
    return sum(seconds for number, its_parent, seconds in looked if parent in (number, its_parent))


def _seconds(number: int) -> tuple[int, float]:
    """The parent of a process and the time it has taken; nothing for one that has ended."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0.0
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS
