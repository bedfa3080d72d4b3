"""`onecard serve` and what `onecard demo` shares with it: one installation, running until somebody says stop."""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from adapters.cli.database import bring_up_to_date, embedded
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.settings import FACES, Face, Settings, libpq_url
from adapters.supervisor import CannotStart, Child, Supervisor, only_one, reserve

PAGES: dict[Face, dict[str, str]] = {
    "citizen": {"citizen": "/"},
    "hospital": {
        "workbench": "/desk",
        "fhir": "/fhir",
        "api": "/api/v1",
        "api_docs": "/docs",
        "national_interface": "/nhsa",
    },
    "bureau": {"bureau": "/bureau"},
    "operations": {"operations": "/ops"},
}


@dataclass(frozen=True)
class Running:
    """A region that answers: its settings with the real ports, and the processes that make it."""

    settings: Settings
    supervisor: Supervisor
    postgres: EmbeddedPostgres | None
    started_seconds: float


def serve(*, workers: int | None, doors: dict[Face, int]) -> None:
    settings = changed(Settings(), workers=workers, doors=doors or None)
    with running(settings) as region:
        for name, address in addresses(region.settings).items():
            print(f"{name:20} {address}", file=sys.stderr)
        keep_up(region)


def info() -> str:
    """The JSON that the running region left. Raises CannotStart when there is none."""
    file = Settings().secrets_file
    if not file.exists():
        raise CannotStart(f"no region runs in {file.parent}: start one with `onecard demo` or `onecard serve`")
    return file.read_text()


@contextlib.contextmanager
def running(
    settings: Settings,
    *,
    or_another: bool = False,
    log: Path | None = None,
    prepare: Callable[[Settings], list[Child]] = lambda settings: [],
) -> Iterator[Running]:
    """Database, migration, whatever `prepare` adds, workers; all of it ended when the block is left."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the supervisor takes over: leave in good order
    with contextlib.ExitStack() as stack:
        stack.callback(settings.secrets_file.unlink, missing_ok=True)
        settings, postgres = stack.enter_context(with_database(settings))
        settings = stack.enter_context(with_ports(settings, or_another=or_another))
        others = prepare(settings)
        shutil.rmtree(settings.metrics_folder, ignore_errors=True)
        settings.metrics_folder.mkdir(parents=True)
        children = [worker(settings, number) for number in range(1, settings.workers + 1)]
        supervisor = stack.enter_context(Supervisor([*others, *children], log=log))
        supervisor.wait_until_ready()
        yield Running(settings, supervisor, postgres, time.monotonic() - began)


@contextlib.contextmanager
def with_database(settings: Settings) -> Iterator[tuple[Settings, EmbeddedPostgres | None]]:
    """A migrated database: one's own, or the embedded one, which this process then owns alone."""
    if settings.database_url is not None:
        bring_up_to_date(settings, libpq_url(settings.database_url.get_secret_value()))
        yield settings, None
        return
    with only_one(settings.home, role="region"), embedded(settings) as server:
        bring_up_to_date(settings, server.dsn())
        yield changed(settings, database_url=SecretStr(server.dsn())), server


@contextlib.contextmanager
def with_ports(settings: Settings, *, or_another: bool) -> Iterator[Settings]:
    """The ports held for the workers. A port of 0, or a taken one where that is allowed, becomes a free one."""
    with contextlib.ExitStack() as stack:

        def hold(port: int, what: str) -> int:
            return stack.enter_context(reserve(settings.host, port, what=what, or_another=or_another))

        doors = {face: hold(port, f"the {face} face") for face, port in settings.doors.items()}
        ports: dict[str, Any] = {"doors": doors}
        if not settings.doors:
            ports["http_port"] = hold(settings.http_port, "HTTP")
        if settings.background:
            ports["mllp_port"] = hold(settings.mllp_port, "MLLP")
        yield changed(settings, **ports)


def worker(settings: Settings, number: int) -> Child:
    environment = {**settings.environment(), "PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_folder)}
    return Child(f"worker-{number}", [sys.executable, "-m", "adapters.serve"], environment)


def addresses(settings: Settings) -> dict[str, str]:
    """Every page and door of a running region, by name."""
    found = {}
    for face in FACES:
        if face in settings.faces:
            port = settings.doors.get(face, settings.http_port)
            base = settings.public_url or f"http://{settings.host}:{port}"
            found |= {name: base + path for name, path in PAGES[face].items()}
    if settings.background:
        found["mllp"] = f"mllp://{settings.host}:{settings.mllp_port}"
    return found


def keep_up(region: Running, **more: object) -> None:
    """Say where everything is, and watch over it until somebody says stop."""
    write_info(region, **more)
    watch(region, revived=lambda: write_info(region, **more))


def watch(region: Running, *, revived: Callable[[], None] = lambda: None) -> None:
    """Start again what dies, the embedded database too, until somebody says stop."""
    revive = region.postgres.revive if region.postgres is not None else lambda: False
    region.supervisor.watch(revived, revive_database=revive)


def write_info(region: Running, **more: object) -> None:
    """What `onecard info` prints; readable by its owner only, since a demonstration writes its sign-ins there."""
    processes = {child.name: child.process.pid for child in region.supervisor.children if child.process}
    if region.postgres is not None and region.postgres.pid is not None:
        processes["postgres"] = region.postgres.pid
    facts = {
        "home": str(region.settings.home),
        "pid": os.getpid(),
        "processes": processes,
        "addresses": addresses(region.settings),
        **more,
    }
    write_private_json(region.settings.secrets_file, facts)


def write_private_json(file: Path, facts: Mapping[str, object]) -> None:
    partial = file.with_name(f"{file.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(facts, out, ensure_ascii=False, indent=2)
        out.write("\n")
    partial.rename(file)


def changed(settings: Settings, **changes: object) -> Settings:
    """The same settings with those changes that are not None."""
    return settings.model_copy(update={name: value for name, value in changes.items() if value is not None})


def read_doors(words: list[str]) -> dict[Face, int]:
    """`["citizen=8081"]` as {"citizen": 8081}. Raises CannotStart."""
    doors: dict[Face, int] = {}
    for word in words:
        face, _, port = word.partition("=")
        if face not in FACES or not port.isdecimal() or int(port) > 65535:
            raise CannotStart(f"--doors {word}: write FACE=PORT, where FACE is one of {', '.join(FACES)}")
        doors[cast(Face, face)] = int(port)
    return doors
