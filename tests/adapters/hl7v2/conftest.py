"""Hospitals that may speak MLLP, and the wire documents they send."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from adapters import door
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.hl7v2 import er7, inbound
from adapters.settings import Settings, sqlalchemy_url
from hub import trust
from hub.trust import SCOPES
from tests.conftest import _clone
from tests.region import COMMUNITY, COUNTY, NOW, TERTIARY

WIRE = Path("fixtures/wire/hl7v2")
PEERS = {TERTIARY: "127.0.1.1", COUNTY: "127.0.1.2", COMMUNITY: "127.0.1.3"}


def document(name: str) -> bytes:
    """A wire document as it travels; the files have LF and UTF-8 so that people can read them."""
    text = (WIRE / name).read_text("utf-8").replace("\n", "\r")
    return text.encode("gb18030" if "|GB18030" in text else "utf-8")


class Door:
    """The inbound door on a database of the test's own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def hear(self, raw: bytes, *, sender: str = COMMUNITY, address: str | None = None) -> list[er7.Message]:
        return [er7.read(answer) for answer in inbound.receive(raw, address=address or PEERS[sender])]

    def answer(self, raw: bytes, *, sender: str = COMMUNITY) -> er7.Message:
        (answer,) = self.hear(raw, sender=sender)
        return answer

    def counts(self) -> dict[str, int]:
        """Rows of every table that has any."""
        with self.engine.connect() as connection:
            names = connection.scalars(
                text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
            )
            counted = {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in names}
        return {name: count for name, count in counted.items() if count}

    def session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)


@pytest.fixture(scope="module")
def one_clone(server: EmbeddedPostgres, template: str) -> Iterator[Door]:
    """One database a module: cloning one a test would cost more than the tests."""
    for engine in _clone(server, template):
        yield _opened(engine)


@pytest.fixture
def hl7(one_clone: Door, server: EmbeddedPostgres) -> Iterator[Door]:
    """A door on a database with the directory and the peers, and nothing else."""
    door.use_engine(one_clone.engine, Settings(home=server.folder))
    furnished = one_clone.counts().keys()
    yield one_clone
    if written := one_clone.counts().keys() - furnished:
        _empty(server.dsn(str(one_clone.engine.url.database)), written)


def _empty(dsn: str, tables: Iterable[str]) -> None:
    """As the superuser: the app itself may not delete from the ledger or the audit."""
    owner = create_engine(sqlalchemy_url(dsn), poolclass=NullPool)
    with owner.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        names = ", ".join(f'"{table}"' for table in tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


def _opened(engine: Engine) -> Door:
    with Session(engine) as session, session.begin():
        for organisation_id, address in PEERS.items():
            trust.issue_mllp_peer(
                session,
                organisation_id=organisation_id,
                address=address,
                application="HIS",
                facility=organisation_id,
                scopes=SCOPES,
                at=NOW,
            )
    return Door(engine)
