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
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.running import Running, addresses, changed, keep_up, running, write_private_json
from adapters.keys import load_keyring
from adapters.settings import Settings
from adapters.supervisor import CannotStart, Child, free_port, only_one
from fixtures import demo as region_data
from fixtures import region as region_tables
from fixtures.neighbours import everyone, known_upstream, neighbours
from hub import people
from hub.trust import SCOPES, Caller
from hub.units import day_of

HOSPITAL = "127.0.1.1"  # one of the addresses that simulated hospitals listen on
CONTROL_PORT = 8090
SHOWN_CITIZENS = 12


def demo(*, fresh: bool, workers: int | None, free_ports: bool) -> None:
    settings = changed(Settings(), demo=True, workers=workers)
    if free_ports:
        settings = changed(settings, http_port=0, mllp_port=0)
    known = known_region(settings, fresh=fresh)
    known["hospital_port"] = free_port(HOSPITAL, 0 if free_ports else region_data.HOSPITAL_PORT)
    known["control_port"] = free_port("127.0.0.1", 0 if free_ports else CONTROL_PORT)
    known["platform_port"] = free_port("127.0.0.1", 0 if free_ports else region_data.PLATFORM_PORT)
    settings = changed(
        settings,
        sms_url=f"http://127.0.0.1:{known['control_port']}/sms/messages",
        sms_key=SecretStr(known["secrets"]["sms-gateway"]),
    )
    log = settings.home / "hub.log"
    with running(settings, or_another=True, log=log, prepare=lambda found: _furnish(found, known)) as region:
        _print(region, known)
        keep_up(region, **_sign_ins(known), simulators=_control(known))
    print("ended; the data stay where they are", file=sys.stderr)


def known_region(settings: Settings, *, fresh: bool) -> dict[str, Any]:
    """What the last run left: secrets, and what was loaded. `fresh` starts over. Raises CannotStart."""
    file = settings.home / "demo.json"
    if settings.postgres_folder.exists() and not file.exists():
        raise CannotStart(f"{settings.home} holds a region of your own: set ONECARD_HOME to another folder")
    if fresh:
        _start_over(settings)
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    known["secrets"] = region_data.secrets(known.get("secrets", {}))
    settings.home.mkdir(parents=True, exist_ok=True)
    write_private_json(file, known)
    return known


def _start_over(settings: Settings) -> None:
    if settings.database_url is not None:
        raise CannotStart("--fresh empties the embedded database only: empty your own one yourself")
    with only_one(settings.home, role="region"):
        for folder in (settings.postgres_folder, settings.keys_folder, settings.home / "simulators"):
            shutil.rmtree(folder, ignore_errors=True)
        (settings.home / "demo.json").unlink(missing_ok=True)


def load_region(settings: Settings, known: dict[str, Any]) -> None:
    """Load the region's data into the database of `settings`, unless it has this edition of them already."""
    edition = f"{_digest()}/{known['hospital_port']}/{known['platform_port']}"
    if known.get("edition") != edition:
        _load(settings, known)
        known["edition"] = edition
        write_private_json(settings.home / "demo.json", known)


def _furnish(settings: Settings, known: dict[str, Any]) -> list[Child]:
    """The data, and the process that plays the hospitals."""
    load_region(settings, known)
    config = settings.home / "simulators.json"
    write_private_json(config, _simulators(settings, known))
    platform = settings.home / "platform.json"
    write_private_json(platform, _platform(settings, known))
    return [
        Child("simulators", [sys.executable, "-m", "fixtures.simulators.region", "--config", str(config)]),
        Child("platform", [sys.executable, "-m", "fixtures.simulators.platform", "--config", str(platform)]),
    ]


def _load(settings: Settings, known: dict[str, Any]) -> None:
    assert settings.database_url is not None
    engine = door.open_house(settings, settings.database_url.get_secret_value(), load_keyring(settings.keys_folder))
    at, secrets = door.now(), known["secrets"]
    ports = {name: known[name] for name in ("hospital_port", "platform_port")}
    caller = Caller(kind="job", id="demo", at=at, scopes=SCOPES, purpose="operation", trace="demo")

    def work(session: Session) -> list[dict[str, Any]]:
        region_data.load(session, caller, today=day_of(at), secrets=secrets, **ports)
        shown = [*range(SHOWN_CITIZENS), *(neighbour.index for neighbour in neighbours())]
        return [_citizen(session, index) for index in shown]

    people = door.transact(work)
    known["citizens"], known["neighbours"] = people[:SHOWN_CITIZENS], people[SHOWN_CITIZENS:]
    engine.dispose()


def _citizen(session: Session, index: int) -> dict[str, Any]:
    """What somebody needs to know to sign in as a citizen, or to send messages about one."""
    citizen = everyone()[index]
    person = people.resolve(session, system="certno/01", value=citizen.certno)
    same = {name: getattr(citizen, name) for name in ("name", "gender", "certno", "telephone", "psn_no", "insutype")}
    return {
        **same,
        "birth_date": citizen.birth_date.isoformat(),
        "person_id": person.id,
        "card": person.card_number,
        "numbers": dict(citizen.numbers),
    }


def _digest() -> str:
    """Changes when the data do, so that a newer checkout loads them again."""
    folder = Path(str(importlib.resources.files("fixtures")))
    digest = hashlib.sha256()
    for file in sorted((*folder.glob("*.py"), *folder.glob("region/*"), *folder.glob("packs/*"))):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _sign_ins(known: Mapping[str, Any]) -> dict[str, Any]:
    """Citizens, staff and systems with the secrets they sign in with."""
    secrets = known["secrets"]
    staff = [{**row, "password": secrets[f"staff/{row['name']}"]} for row in region_tables.rows("staff")]
    systems: dict[str, Any] = {}
    names = {row["id"]: row["name"] for row in region_tables.rows("organisations")}
    for row in region_tables.rows("endpoints"):
        code = row["organisation_id"]
        systems[code] = {
            "name": names[code],
            "token": secrets[f"{code}/token"],
            "access_key": code,
            "secret": secrets[f"{code}/access-key"],
            "mllp": {k: row[k] for k in ("host", "application", "facility")} | {"port": known["hospital_port"]},
        }
    for name in ("stranger", "monitor"):
        systems[name] = {"name": name, "token": secrets[f"{name}/token"]}
    return {
        "citizens": known["citizens"],
        "neighbours": known["neighbours"],
        "staff": staff,
        "systems": systems,
    }


def _simulators(settings: Settings, known: Mapping[str, Any]) -> dict[str, Any]:
    """What fixtures.simulators wants to know of the hub and of each hospital it plays."""
    hospitals = [
        {"organisation_id": code, "name": system["name"], "access_key": code, "secret": system["secret"]}
        | system["mllp"]
        for code, system in _sign_ins(known)["systems"].items()
        if "mllp" in system
    ]
    return {
        "hub": {
            "mllp": [settings.host, settings.mllp_port],
            "http": f"http://{settings.host}:{settings.doors.get('hospital', settings.http_port)}",
        },
        "control_port": known["control_port"],
        "folder": str(settings.home / "simulators"),
        "sms_key": known["secrets"]["sms-gateway"],
        "hospitals": hospitals,
    }


def _platform(settings: Settings, known: Mapping[str, Any]) -> dict[str, Any]:
    """What the simulated platform knows: its people, the national catalogue, the level of every hospital."""
    levels = range(4)
    return {
        "port": known["platform_port"],
        "area": neighbours()[0].area,
        "access_key": "hub",
        "secret": known["secrets"][region_data.PLATFORM],
        "folder": str(settings.home / "simulators"),
        "people": known_upstream(),
        "items": {
            row["code"]: [row["item_class"], {str(n): row[f"ceiling_{n}"] for n in levels if row[f"ceiling_{n}"]}]
            for row in region_tables.rows("catalogue")
        },
        "levels": {row["id"]: row["level"] for row in region_tables.rows("organisations")},
    }


def _control(known: Mapping[str, Any]) -> dict[str, str]:
    base = f"http://127.0.0.1:{known['control_port']}"
    return {"control": base, "sms": f"{base}/sms/", "platform": f"http://127.0.0.1:{known['platform_port']}"}


def _print(region: Running, known: Mapping[str, Any]) -> None:
    sign_ins = _sign_ins(known)
    desk = {row["role"]: f"{row['name']}  password {row['password']}" for row in reversed(sign_ins["staff"])}
    citizen = sign_ins["citizens"][0]
    as_whom = {
        "citizen": f"card {citizen['card']}  telephone {citizen['telephone']}",
        "workbench": desk["doctor"],
        "bureau": desk["bureau"],
        "operations": desk["operator"],
    }
    print(f"OneCard Hub: the demonstration region is up after {region.started_seconds:.1f} s\n")
    for name, address in {**addresses(region.settings), "one-time codes": _control(known)["sms"]}.items():
        print(f"  {name.replace('_', ' '):20} {address:36} {as_whom.get(name, '')}".rstrip())
    print(
        "\n`onecard info` prints all of it, every citizen, desk and system, as JSON. Ctrl-C ends the region.",
        flush=True,
    )
