"""`onecard hospital`, `staff` and `authority`: what the operators of a hub register by hand."""

import getpass
import secrets
import sys
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.database import at_hand
from adapters.keys import load_keyring
from adapters.settings import Settings
from adapters.supervisor import CannotStart
from fixtures import region
from hub import coverage, directory, trust
from hub.directory import Endpoint, Organisation
from hub.settlement.hearing import WEBHOOK
from hub.trust import SCOPES, Caller

T = TypeVar("T")

LEVELS = {"tertiary": 3, "county": 2, "community": 1, "village": 0, "bureau": 0}
"""The level by which benefit packs pay, for institutions whose tier says it."""
GRADES = {"tertiary": "2", "county": "5", "community": "8", "village": "11", "bureau": ""}
"""hosp_lv of the national interface, the usual one of each tier."""
SHORTEST_PASSWORD = 10


def add_hospital(
    organisation: str, *, name: str, name_en: str, tier: str, district: str, address: str, telephone: str
) -> None:
    if tier not in LEVELS:
        raise CannotStart(f"--tier {tier}: one of {', '.join(LEVELS)}")
    if len(organisation) != (6 if tier == "bureau" else 12):
        raise CannotStart(f"{organisation}: an institution's code is like H42050000101, a bureau's like 420500")
    row = Organisation(
        id=organisation,
        name=name,
        name_en=name_en or name,
        tier=tier,
        level=LEVELS[tier],
        hosp_lv=GRADES[tier],
        district=district,
        address=address,
        telephone=telephone,
    )
    in_the_house(lambda session: session.merge(row))
    print(f"{organisation} {name}")


def add_credential(
    organisation: str,
    *,
    kind: str,
    name: str | None,
    address: str | None,
    application: str | None,
    facility: str | None,
) -> None:
    own: dict[str, Any] = {"organisation_id": organisation, "at": door.now()}
    name = name or f"{organisation}/{kind}"

    def issue(session: Session) -> str:
        tier = directory.organisation(session, organisation).tier
        own["scopes"] = frozenset(region.table("systems")["bureau" if tier == "bureau" else "hospital"]["scopes"])
        if kind == "token":
            return f"bearer token of {name}: {trust.issue_token(session, name=name, **own)}"
        if kind == "access-key":
            return f"access key {name}, secret: {trust.issue_access_key(session, name=name, **own)}"
        if kind != "mllp":
            raise CannotStart(f"{kind}: one of token, access-key, mllp")
        if not (address and application and facility):
            raise CannotStart("an mllp credential needs --address, --application (MSH-3) and --facility (MSH-4)")
        trust.issue_mllp_peer(session, address=address, application=application, facility=facility, **own)
        return f"{address} may speak as {application}|{facility}"

    print(in_the_house(issue))
    print(f"it may: {', '.join(sorted(own['scopes']))}")


def set_webhook(organisation: str, *, url: str) -> None:
    """Where its system hears of settlements; a new secret each time, shown once."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.fragment:
        raise CannotStart(f"--url {url}: an address like https://his.example.org/onecard")
    secret = "whs_" + secrets.token_urlsafe(32)

    def put(session: Session) -> None:
        directory.organisation(session, organisation)
        own = select(Endpoint).where(Endpoint.organisation_id == organisation, Endpoint.kind == WEBHOOK)
        row = session.scalar(own) or Endpoint(organisation_id=organisation, kind=WEBHOOK)
        row.url, row.secret, row.state = url, secret, "active"
        session.add(row)

    in_the_house(put)
    print(f"{organisation} hears of settlements at {url}, signed under this secret: {secret}")


def set_endpoint(organisation: str, *, host: str, port: int, application: str, facility: str) -> None:
    def put(session: Session) -> None:
        directory.organisation(session, organisation)
        own = select(Endpoint).where(Endpoint.organisation_id == organisation, Endpoint.kind == "mllp")
        row = session.scalar(own) or Endpoint(organisation_id=organisation, kind="mllp")
        row.host, row.port, row.application, row.facility, row.state = host, port, application, facility, "active"
        session.add(row)

    in_the_house(put)
    print(f"messages for {organisation} go to {host}:{port}")


def add_staff(name: str, *, organisation: str, display_name: str, role: str, practitioner: str | None) -> None:
    roles = region.table("roles")
    if role not in roles:
        raise CannotStart(f"--role {role}: one of {', '.join(roles)}")
    password = _new_password()

    def add(session: Session) -> None:
        directory.organisation(session, organisation)
        if practitioner is not None:
            directory.practitioner(session, practitioner)
        trust.add_staff(
            session,
            name=name,
            password=password,
            display_name=display_name,
            organisation_id=organisation,
            practitioner_id=practitioner,
            scopes=frozenset(roles[role]),
        )

    in_the_house(add)
    print(f"{name} may sign in as {role} of {organisation}")


def set_authority(
    area: str,
    *,
    name: str,
    name_en: str,
    url: str | None,
    access_key: str | None,
    timeout_seconds: int,
    asks_by_msgid: bool,
) -> None:
    secret = _secret() if url is not None else None
    caller = Caller(kind="job", id="cli", at=door.now(), scopes=SCOPES, purpose="operation", trace="cli")

    def say(session: Session) -> None:
        coverage.set_authority(
            session,
            caller,
            area=area,
            name=name,
            name_en=name_en,
            url=url,
            access_key=access_key,
            secret=secret,
            timeout_seconds=timeout_seconds,
            asks_by_msgid=asks_by_msgid,
        )

    in_the_house(say)
    print(f"{area} {name} is settled {'here' if url is None else 'by ' + url}")


def list_authorities() -> None:
    rows = in_the_house(lambda session: [(row.area, row.name, row.url) for row in coverage.authorities(session)])
    for area, name, url in rows:
        print(f"{area} {name} {url or 'settled here'}")


def in_the_house(work: Callable[[Session], T]) -> T:
    """One transaction on the installation's database, running or not."""
    settings = Settings()
    with at_hand(settings) as dsn:
        engine = door.open_house(settings, dsn, load_keyring(settings.keys_folder))
        try:
            return door.transact(work)
        finally:
            engine.dispose()


def _secret() -> str:
    """What the platform gave this hub to sign with."""
    secret = getpass.getpass("secret: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not secret:
        raise CannotStart("a platform needs a secret: type it, or give it on standard input")
    return secret


def _new_password() -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        suggestion = secrets.token_urlsafe(12)
        password = getpass.getpass(f"password (empty for {suggestion}): ") or suggestion
    if len(password) < SHORTEST_PASSWORD:
        raise CannotStart(f"a password has at least {SHORTEST_PASSWORD} characters")
    return password
