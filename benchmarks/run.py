"""`onecard bench NAME`: both sides in one run on one server, and the line with their ratio."""

import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

from prometheus_client import generate_latest
from sqlalchemy import text
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.demonstration import known_region, load_region
from adapters.cli.running import Running, changed, running
from adapters.gather import BATCH_AT_MOST
from adapters.keys import load_keyring
from adapters.settings import Settings
from adapters.supervisor import CannotStart, Child
from benchmarks import adjudication, booking, history, hl7v2, population, settlement
from benchmarks.load import Http, Mllp, Result, Wire, drive
from benchmarks.population import HOSPITAL, Somebody
from benchmarks.processor import Spent, spent
from benchmarks.reference import Server
from fixtures.demo import HOSPITAL_PORT, PLATFORM_PORT

PEOPLE = 20_000
WARM_SECONDS = 2
SETTLED = b'"infcode":0,'


@dataclass(frozen=True)
class Measure:
    """One line of the report: our side, and the script of limits/ that does the same in plain statements.

    `most` is how many a second are made ready; what is faster ends before its time.
    """

    name: str
    script: str
    variables: dict[str, int]
    most: int
    drive: Callable[["Bench", "Load"], Result]
    through_a_door: bool = True


@dataclass(frozen=True)
class Load:
    """How hard our side is driven, with how many requests made ready; with a rate, evenly so many a second."""

    clients: int
    seconds: float
    count: int
    rate: float | None = None


@dataclass
class Bench:
    """A region of its own, furnished for a run."""

    region: Running
    server: Server
    everybody: list[Somebody]
    slots: list[int]
    bills: Iterator[settlement.Bill]
    secrets: dict[str, str]

    @property
    def http(self) -> tuple[str, int]:
        return self.region.settings.host, self.region.settings.http_port

    @property
    def mllp(self) -> tuple[str, int]:
        return self.region.settings.host, self.region.settings.mllp_port

    def spent(self) -> Spent:
        workers = [child.process.pid for child in self.region.supervisor.children if child.process]
        postgres = self.region.postgres
        return spent(workers, postgres.pid if postgres else None)


def _admissions(bench: Bench, load: Load) -> Result:
    messages = hl7v2.messages(bench.everybody, load.count, at=door.now())
    return _through(bench.mllp, Mllp(), messages, load, source="127.0.1.1")


def _bookings(hot: bool) -> Callable[[Bench, Load], Result]:
    def book(bench: Bench, load: Load) -> Result:
        chosen = bench.slots[:1] if hot else bench.slots
        asking, bench.everybody = bench.everybody[: load.count], bench.everybody[load.count :]
        asked = booking.requests(asking, chosen, token=bench.secrets[f"{HOSPITAL}/token"], address=bench.http)
        return _through(bench.http, Http(), asked, load)

    return book


def _settlements(bench: Bench, load: Load) -> Result:
    asked = settlement.requests(
        list(islice(bench.bills, load.count)), secret=bench.secrets[f"{HOSPITAL}/access-key"], address=bench.http
    )
    return _through(bench.http, Http(marker=SETTLED), asked, load)


def _settlements_without_a_door(bench: Bench, load: Load) -> Result:
    asked = list(islice(bench.bills, load.count))
    return settlement.settle_gathered(asked, clients=load.clients, seconds=load.seconds)


def _through(
    address: tuple[str, int], wire: Wire, requests: Iterator[bytes], load: Load, source: str | None = None
) -> Result:
    return drive(address, wire, requests, clients=load.clients, seconds=load.seconds, source=source, rate=load.rate)


MEASURES: dict[str, list[Measure]] = {
    "hl7v2": [Measure("hl7v2-door", "hear.pgb", {}, 800, _admissions)],
    "booking": [
        Measure("booking-1000-api", "book.pgb", {"nslots": 1000}, 800, _bookings(hot=False)),
        Measure("booking-hot-api", "book.pgb", {"nslots": 1}, 800, _bookings(hot=True)),
    ],
    "settlement": [
        Measure("settle-door", "settle.pgb", {}, 2000, _settlements),
        Measure("settle-verb", "settle.pgb", {}, 5000, _settlements_without_a_door, through_a_door=False),
    ],
}


def bench(name: str, *, clients: int, seconds: int, repeats: int = 1, old: int = 0, rows: int = 1_000_000) -> int:
    """Print the report of one bench; the answer is the exit code, 1 when the door refused anything.

    `old` settlements are added after a first round of measurements, then all is measured again.
    """
    if name == "adjudicate":
        return adjudication.measure()
    if name == "reconcile":
        from benchmarks import reconciliation  # its libraries are large

        return reconciliation.measure(rows)
    if name not in MEASURES:
        raise CannotStart(f"{name}: one of adjudicate, reconcile, {', '.join(MEASURES)}")
    settings = changed(Settings(), delivery_threads=0, http_port=0, mllp_port=0, demo=True)
    settings = changed(settings, home=settings.home.with_name(f"{settings.home.name}-bench"))
    known = known_region(settings, fresh=True) | {"hospital_port": HOSPITAL_PORT, "platform_port": PLATFORM_PORT}
    furnished: dict[str, Any] = {}
    measures = MEASURES[name]
    rounds = 2 if old else 1
    needed = sum(measure.most for measure in measures) * (2 * seconds + WARM_SECONDS) * repeats * rounds

    def prepare(found: Settings) -> list[Child]:
        furnished.update(_furnish(found, known, bills=needed if name == "settlement" else 0))
        return []

    with running(settings, log=settings.home / "hub.log", prepare=prepare) as region:
        assert region.settings.database_url is not None
        dsn = region.settings.database_url.get_secret_value()
        door.open_house(region.settings, dsn, load_keyring(region.settings.keys_folder))
        ready = Bench(region, Server(region.settings, dsn), **furnished)
        _print_circumstances(ready, clients, seconds, bills=name == "settlement")
        codes = [_measure(measure, ready, clients, seconds, repeats) for measure in measures]
        if old:
            history.old_settlements(dsn, old, person_ids=[somebody.person_id for somebody in ready.everybody])
            print(f"now with {old:,} old settlements", flush=True)
            codes += [_measure(measure, ready, clients, seconds, repeats) for measure in measures]
        door.engine().dispose()
        return max(codes)


def _furnish(settings: Settings, known: dict[str, Any], *, bills: int) -> dict[str, Any]:
    load_region(settings, known)
    assert settings.database_url is not None
    engine = door.open_house(settings, settings.database_url.get_secret_value(), load_keyring(settings.keys_folder))
    at = door.now()

    def work(session: Session) -> dict[str, Any]:
        everybody = population.people(session, PEOPLE, at=at)
        charges = settlement.bills(session, everybody, -(-bills // PEOPLE), at=at) if bills else iter(())
        return {"everybody": everybody, "slots": population.slots(session, 1000, at=at), "bills": charges}

    with Session(engine) as session, session.begin():  # a furnishing may take longer than a call may
        session.execute(text("SET LOCAL statement_timeout = 0"))
        found = work(session)
    engine.dispose()
    return {**found, "secrets": known["secrets"]}


def _measure(measure: Measure, bench: Bench, clients: int, seconds: int, repeats: int) -> int:
    """Every repeat by itself, and of several their median ratio."""
    ratios = [_once(measure, bench, clients, seconds) for _ in range(repeats)]
    if None in ratios:
        return 1
    if repeats > 1:
        print(f"{measure.name}: median ratio {median(ratio for ratio in ratios if ratio is not None):.2f}", flush=True)
    return 0


def _once(measure: Measure, bench: Bench, clients: int, seconds: int) -> float | None:
    """The reference before and after our side, so that a machine that slows down slows both; None when refused."""
    bench.server.prepare()

    def reference() -> float:
        return bench.server.rate(measure.script, clients=clients, seconds=seconds, variables=measure.variables)

    before = reference()
    warm = measure.drive(bench, Load(clients, WARM_SECONDS, measure.most * WARM_SECONDS))
    batches, processor = _batches(bench.http), bench.spent()
    result = measure.drive(bench, Load(clients, seconds, min(measure.most, int(3 * warm.rate)) * seconds))
    taken = bench.spent().since(processor)
    calls, transactions = (after - start for after, start in zip(_batches(bench.http), batches, strict=True))
    limit = (before + reference()) / 2
    if not result.latencies:
        print(f"{measure.name}: nothing was accepted; {result.first_refusal.decode(errors='replace')}")
        return None
    ratio = result.rate / limit
    print(
        f"{measure.name}: {result.rate:.0f}/s, limit {limit:.0f}/s, ratio {ratio:.2f}, "
        f"p50 {result.percentile_ms(50):.1f} ms, p99 {result.percentile_ms(99):.1f} ms",
        flush=True,
    )
    workers, postgres, client = (1000 * seconds_ / len(result.latencies) for seconds_ in taken)
    print(
        f"  processor time a call: workers {workers:.2f} ms, PostgreSQL {postgres:.2f} ms, here {client:.2f} ms "
        f"with making requests; {calls / transactions if transactions else 1:.1f} calls a transaction",
        flush=True,
    )
    if measure.through_a_door:
        half = measure.drive(bench, Load(clients, seconds, int(result.rate * seconds / 2), rate=result.rate / 2))
        print(
            f"  at half that load: p50 {half.percentile_ms(50):.1f} ms, p99 {half.percentile_ms(99):.1f} ms", flush=True
        )
    if result.refused:
        print(f"  {result.refused} refused, the first: {result.first_refusal.decode(errors='replace')}")
        return None
    return ratio


def _batches(http: tuple[str, int]) -> tuple[int, int]:
    """Calls that shared a transaction and the transactions they shared, over all workers and here so far."""
    with urllib.request.urlopen(f"http://{http[0]}:{http[1]}/metrics", timeout=30) as answer:
        said = answer.read().decode() + "\n" + generate_latest().decode()
    numbers = {"sum": 0, "count": 0}
    for what, number in re.findall(r"^onecard_batch_items_(sum|count)\{[^}]*\} ([\d.e+]+)$", said, re.M):
        numbers[what] += round(float(number))
    return numbers["sum"], numbers["count"]


def _print_circumstances(bench: Bench, clients: int, seconds: int, *, bills: bool) -> None:
    server = ", ".join(f"{name} {value}" for name, value in bench.server.durable_settings().items())
    settings = bench.region.settings
    print(f"server: PostgreSQL {server}, {os.cpu_count()} cores")
    print(f"hub: {settings.workers} workers, sign-in and audit on, delivery off (the outbox fills on both sides)")
    rows = ", ".join(f"{count:,} {table}" for table, count in bench.server.rows("person", "slot", "audit").items())
    lines = f"{len(settlement.LINES)} lines a bill, " if bills else ""
    print(
        f"rows: {rows}; {clients} clients, {seconds} s a measurement, {lines}batches of at most {BATCH_AT_MOST}",
        flush=True,
    )
