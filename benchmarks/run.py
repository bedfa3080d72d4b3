"""`onecard bench NAME`: both sides in one run on one server, and the line with their ratio."""

import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.demonstration import known_region, load_region
from adapters.cli.running import Running, changed, running
from adapters.gather import BATCH_AT_MOST
from adapters.keys import load_keyring
from adapters.settings import Settings
from adapters.supervisor import CannotStart, Child
from benchmarks import booking, hl7v2, population, settlement
from benchmarks.load import Http, Mllp, Result, Wire, drive
from benchmarks.population import HOSPITAL, Somebody
from benchmarks.reference import Server
from fixtures.demo import HOSPITAL_PORT

PEOPLE = 20_000
WARM_SECONDS = 2
SETTLED = b'"infcode":0,'
A_SECOND = 800
"""Requests made for each second of a measurement; a door that is faster ends before its time."""


@dataclass(frozen=True)
class Measure:
    """One line of the report: our requests, and the script of limits/ that does the same in plain statements."""

    name: str
    script: str
    variables: dict[str, int]
    wire: Wire
    mllp: bool
    requests: Callable[["Bench", int], Iterator[bytes]]


@dataclass
class Bench:
    """A region of its own, furnished for a run."""

    region: Running
    server: Server
    everybody: list[Somebody]
    slots: list[int]
    visits: dict[int, int]
    secrets: dict[str, str]

    @property
    def http(self) -> tuple[str, int]:
        return self.region.settings.host, self.region.settings.http_port

    @property
    def mllp(self) -> tuple[str, int]:
        return self.region.settings.host, self.region.settings.mllp_port


def _bookings(hot: bool) -> Callable[[Bench, int], Iterator[bytes]]:
    def requests(bench: Bench, count: int) -> Iterator[bytes]:
        chosen = bench.slots[:1] if hot else bench.slots
        asking, bench.everybody = bench.everybody[:count], bench.everybody[count:]
        return booking.requests(asking, chosen, token=bench.secrets[f"{HOSPITAL}/token"], address=bench.http)

    return requests


def _settlements(bench: Bench, count: int) -> Iterator[bytes]:
    asking, bench.everybody = bench.everybody[:count], bench.everybody[count:]
    secret = bench.secrets[f"{HOSPITAL}/access-key"]
    return settlement.requests(asking, bench.visits, secret=secret, address=bench.http)


MEASURES: dict[str, list[Measure]] = {
    "hl7v2": [
        Measure("hl7v2-door", "hear.pgb", {}, Mllp(), True, lambda b, n: hl7v2.messages(b.everybody, n, at=door.now()))
    ],
    "booking": [
        Measure("booking-1000-api", "book.pgb", {"nslots": 1000}, Http(), False, _bookings(hot=False)),
        Measure("booking-hot-api", "book.pgb", {"nslots": 1}, Http(), False, _bookings(hot=True)),
    ],
    "settlement": [Measure("settle-door", "settle.pgb", {}, Http(marker=SETTLED), False, _settlements)],
}


def bench(name: str, *, clients: int, seconds: int) -> int:
    """Print the report of one bench; the answer is the exit code, 1 when the door refused anything."""
    if name not in MEASURES:
        raise CannotStart(f"{name}: one of {', '.join(MEASURES)}")
    settings = changed(Settings(), delivery_threads=0, http_port=0, mllp_port=0, demo=True)
    settings = changed(settings, home=settings.home.with_name(f"{settings.home.name}-bench"))
    known = known_region(settings, fresh=True) | {"hospital_port": HOSPITAL_PORT}
    furnished: dict[str, Any] = {}

    def prepare(found: Settings) -> list[Child]:
        furnished.update(_furnish(found, known, bills=name == "settlement"))
        return []

    with running(settings, log=settings.home / "hub.log", prepare=prepare) as region:
        assert region.settings.database_url is not None
        server = Server(region.settings, region.settings.database_url.get_secret_value())
        ready = Bench(region, server, **furnished)
        _print_circumstances(ready, clients, seconds)
        return max(_measure(measure, ready, clients, seconds) for measure in MEASURES[name])


def _furnish(settings: Settings, known: dict[str, Any], *, bills: bool) -> dict[str, Any]:
    load_region(settings, known)
    assert settings.database_url is not None
    engine = door.open_house(settings, settings.database_url.get_secret_value(), load_keyring(settings.keys_folder))
    at = door.now()

    def work(session: Session) -> dict[str, Any]:
        everybody = population.people(session, PEOPLE, at=at)
        visits = settlement.charges(session, everybody, at=at) if bills else {}
        return {"everybody": everybody, "slots": population.slots(session, 1000, at=at), "visits": visits}

    found = door.transact(work)
    engine.dispose()
    return {**found, "secrets": known["secrets"]}


def _measure(measure: Measure, bench: Bench, clients: int, seconds: int) -> int:
    """The reference before and after our side, so that a machine that slows down slows both."""
    bench.server.prepare()

    def reference() -> float:
        return bench.server.rate(measure.script, clients=clients, seconds=seconds, variables=measure.variables)

    def ours(for_seconds: int) -> Result:
        address, source = (bench.mllp, "127.0.1.1") if measure.mllp else (bench.http, None)
        requests = measure.requests(bench, A_SECOND * for_seconds)
        return drive(address, measure.wire, requests, clients=clients, seconds=for_seconds, source=source)

    before = reference()
    ours(WARM_SECONDS)
    batches = _batches(bench.http)
    result = ours(seconds)
    calls, transactions = (after - start for after, start in zip(_batches(bench.http), batches, strict=True))
    limit = (before + reference()) / 2
    if not result.latencies:
        print(f"{measure.name}: nothing was accepted; {result.first_refusal.decode(errors='replace')}")
        return 1
    print(
        f"{measure.name}: {result.rate:.0f}/s, limit {limit:.0f}/s, ratio {result.rate / limit:.2f}, "
        f"p50 {result.percentile_ms(50):.1f} ms, p99 {result.percentile_ms(99):.1f} ms",
        flush=True,
    )
    print(f"  batch size {calls / transactions if transactions else 1:.1f} on average")
    if result.refused:
        print(f"  {result.refused} refused, the first: {result.first_refusal.decode(errors='replace')}")
    return 1 if result.refused else 0


def _batches(http: tuple[str, int]) -> tuple[int, int]:
    """Calls that shared a transaction and the transactions they shared, over all workers so far."""
    with urllib.request.urlopen(f"http://{http[0]}:{http[1]}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    numbers = {"sum": 0, "count": 0}
    for what, number in re.findall(r"^onecard_batch_items_(sum|count)\{[^}]*\} ([\d.e+]+)$", text, re.M):
        numbers[what] += round(float(number))
    return numbers["sum"], numbers["count"]


def _print_circumstances(bench: Bench, clients: int, seconds: int) -> None:
    server = ", ".join(f"{name} {value}" for name, value in bench.server.durable_settings().items())
    settings = bench.region.settings
    print(f"server: PostgreSQL {server}, {os.cpu_count()} cores")
    print(f"hub: {settings.workers} workers, sign-in and audit on, delivery off (the outbox fills on both sides)")
    rows = ", ".join(f"{count:,} {table}" for table, count in bench.server.rows("person", "slot", "audit").items())
    bills = f"{len(settlement.LINES)} lines a bill, " if bench.visits else ""
    print(
        f"rows: {rows}; {clients} clients, {seconds} s a measurement, {bills}batches of at most {BATCH_AT_MOST}",
        flush=True,
    )
