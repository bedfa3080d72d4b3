"""A hub of its own on free ports, whose workers and whose database are killed while it serves."""

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.running import Running, running, watch
from adapters.settings import Settings
from fixtures.simulators.nhsa_client import Hospital
from hub import settlement, trust
from hub.settlement import Breach, Settlement
from hub.trust import Caller
from tests.adapters.nhsa.conftest import SECRET, Insured, insured_in
from tests.flows.histories.checker import Entry
from tests.region import TERTIARY, furnish

QUIET_SECONDS = 4.0
"""Between two deaths: the house comes back before it is struck again."""


@dataclass
class House:
    region: Running
    engine: Engine
    killed: dict[str, int] = field(default_factory=lambda: {"hub": 0, "database": 0})
    _last: float = 0.0
    _one: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://{self.region.settings.host}:{self.region.settings.http_port}"

    def kill(self, what: str) -> None:
        """SIGKILL every worker, or the database, unless it has only just come back."""
        with self._one:
            if time.monotonic() - self._last < QUIET_SECONDS:
                return
            self._last = time.monotonic()
            self.killed[what] += 1
        if what == "database":
            assert self.region.postgres is not None
            assert self.region.postgres.pid is not None
            os.kill(self.region.postgres.pid, signal.SIGKILL)
            return
        for child in self.region.supervisor.children:
            if child.alive() and child.process is not None:
                child.deaths = 0  # killed, not ill: it need not pause before it comes back
                child.process.kill()

    def window(self, seed: int) -> tuple[Hospital, Insured]:
        """A hospital's end of the wire and a citizen with 50.00 in the account, for one history."""
        name = f"{TERTIARY}/{seed}"
        at = datetime(2026, 1, 1, tzinfo=UTC)
        with Session(self.engine) as session, session.begin():
            trust.issue_access_key(
                session, name=name, organisation_id=TERTIARY, scopes=trust.SCOPES, at=at, secret=SECRET
            )
            citizen = insured_in(session, seed, balance="50.00")
        serial = (seed % 99) * 100 + 1
        return Hospital(self.base_url, TERTIARY, "示例医院", name, SECRET, serial_from=serial), citizen

    def books(self, person_id: int) -> list[Entry]:
        with Session(self.engine) as session:
            rows = session.scalars(select(Settlement).where(Settlement.person_id == person_id).order_by(Settlement.id))
            return [
                Entry(
                    str(row.id),
                    str(row.undoes or ""),
                    row.state,
                    str(row.visit_id),
                    row.batch,
                    row.msgid,
                    int(row.total),
                    int(row.fund),
                )
                for row in rows
            ]

    def asked(self, msgid: str) -> str:
        caller = Caller(kind="system", id="tests", at=door.now(), organisation_id=TERTIARY, scopes=trust.SCOPES)
        with Session(self.engine) as session, session.begin():
            return settlement.by_key(session, caller, key=msgid).state

    def breaches(self) -> list[Breach]:
        with Session(self.engine) as session:
            return settlement.verify(session)

    def until_back(self) -> None:
        """Until every worker and the database answer again; our own connections may be dead, too."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.engine.dispose()
            ready = all(child.alive() and child.ready.is_set() for child in self.region.supervisor.children)
            with contextlib.suppress(OperationalError), self.engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
                if ready:
                    return
            time.sleep(0.1)
        raise AssertionError("the house did not come back")


@contextmanager
def house() -> Iterator[House]:
    base = Path("/var/lib/onecard-tests") if os.geteuid() == 0 else Path(os.environ.get("TMPDIR", "/tmp"))
    home = base / f"histories-{uuid.uuid4().hex[:8]}"
    home.mkdir(parents=True)
    settings = Settings(home=home, http_port=0, mllp_port=0, workers=2, delivery_threads=0, log_level="ERROR")
    with running(settings, log=home / "log") as region:
        from adapters.keys import load_keyring

        trust.install(load_keyring(region.settings.keys_folder))
        assert region.postgres is not None
        engine = door.make_engine(region.postgres.dsn(), pool_size=4)
        with Session(engine) as session, session.begin():
            furnish(session)
        guard = threading.Thread(target=watch, args=(region,), daemon=True)
        guard.start()
        try:
            yield House(region, engine)
        finally:
            engine.dispose()
            region.supervisor.stopping.set()
            guard.join()
