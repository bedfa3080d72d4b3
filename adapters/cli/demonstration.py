"""`onecard demo`: the region of fixtures/ with its simulated hospitals, ready to click through."""

import hashlib
import importlib.resources
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from adapters import door
from adapters.cli.running import Running, addresses, changed, running, write_info, write_private_json
from adapters.keys import load_keyring
from adapters.settings import Settings
from adapters.supervisor import CannotStart, Child, free_port
from fixtures import demo as region_data
from hub.trust import SCOPES, Caller
from hub.units import day_of

HOSPITAL = "127.0.1.1"  # one of the addresses that simulated hospitals listen on
SMS_PORT = 8090


def demo(*, fresh: bool, workers: int | None, free_ports: bool) -> None:
    settings = changed(Settings(), demo=True, workers=workers)
    if free_ports:
        settings = changed(settings, http_port=0, mllp_port=0)
    known = _known(settings, fresh=fresh)
    known["hospital_port"] = free_port(HOSPITAL, 0 if free_ports else region_data.HOSPITAL_PORT)
    known["sms_port"] = free_port(settings.host, 0 if free_ports else SMS_PORT)
    settings = changed(
        settings,
        sms_url=f"http://{settings.host}:{known['sms_port']}/messages",
        sms_secret=SecretStr(known["secrets"]["sms-gateway"]),
    )
    log = settings.home / "hub.log"
    with running(settings, or_another=True, log=log, prepare=lambda found: _furnish(found, known)) as region:
        write_info(region, **_shown(known))
        _print(region, known)
        region.supervisor.watch()
    print("ended; the data stay where they are", file=sys.stderr)


def _known(settings: Settings, *, fresh: bool) -> dict[str, Any]:
    """What the last run left: secrets, and what was loaded. `fresh` starts over. Raises CannotStart."""
    file = settings.home / "demo.json"
    if settings.postgres_folder.exists() and not file.exists():
        raise CannotStart(
            f"{settings.home} holds a region that is not the demonstration: set ONECARD_HOME to another folder"
        )
    if fresh:
        if settings.database_url is not None:
            raise CannotStart("--fresh empties the embedded database only: empty your own one yourself")
        _start_over(settings)
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    known["secrets"] = region_data.secrets(known.get("secrets", {}))
    settings.home.mkdir(parents=True, exist_ok=True)
    write_private_json(file, known)
    return known


def _start_over(settings: Settings) -> None:
    from adapters.supervisor import only_one

    with only_one(settings.home):
        for folder in (settings.postgres_folder, settings.keys_folder):
            shutil.rmtree(folder, ignore_errors=True)
        (settings.home / "demo.json").unlink(missing_ok=True)


def _furnish(settings: Settings, known: dict[str, Any]) -> list[Child]:
    """Load the region's data unless this database has them already, then say who plays the hospitals."""
    edition = f"{_digest()}/{known['hospital_port']}"
    assert settings.database_url is not None
    if known.get("edition") != edition:
        engine = door.open_house(settings, settings.database_url.get_secret_value(), load_keyring(settings.keys_folder))
        at = door.now()
        caller = Caller(kind="job", id="demo", at=at, scopes=SCOPES, purpose="operation", trace="demo")
        door.transact(
            lambda session: region_data.load(
                session, caller, today=day_of(at), secrets=known["secrets"], hospital_port=known["hospital_port"]
            )
        )
        engine.dispose()
        known["edition"] = edition
        write_private_json(settings.home / "demo.json", known)
    facts = settings.home / "simulators.json"
    write_private_json(facts, {"addresses": addresses(settings), **_shown(known)})
    return [Child("simulators", [sys.executable, "-m", "fixtures.simulators.region", str(facts)])]


def _digest() -> str:
    """Changes when the data do, so that a newer checkout loads them again."""
    folder = Path(str(importlib.resources.files("fixtures")))
    digest = hashlib.sha256()
    for file in sorted((*folder.glob("*.py"), *folder.glob("region/*"), *folder.glob("packs/*"))):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _shown(known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: known[name] for name in ("hospital_port", "sms_port", "secrets")}


def _print(region: Running, known: Mapping[str, Any]) -> None:
    console = Console(highlight=False)
    table = Table(title=f"The demonstration region (up in {region.started_seconds:.1f} s)", title_justify="left")
    table.add_column("where")
    table.add_column("address", overflow="fold")
    for name, address in addresses(region.settings).items():
        table.add_row(name.replace("_", " "), address)
    table.add_row("SMS gateway (one-time codes)", f"http://{region.settings.host}:{known['sms_port']}/")
    console.print(table)
    console.print("`onecard info` prints all of this, every sign-in and credential as JSON. Ctrl-C ends the region.")
