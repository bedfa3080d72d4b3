"""The reference side: pgbench runs the plain statements of a verb, row by row, on the server that serves our doors."""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from adapters.cli.database import run_program
from adapters.settings import Settings
from adapters.supervisor import CannotStart

LIMITS = Path(__file__).parent / "limits"
SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers")


@dataclass(frozen=True)
class Server:
    """The one PostgreSQL of a run, by its libpq URL."""

    settings: Settings
    dsn: str

    def durable_settings(self) -> dict[str, str]:
        """What a reader must know of the server. Raises CannotStart for one that may lose what it committed."""
        with psycopg.connect(self.dsn) as connection:
            shown = {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in SHOWN}  # type: ignore[index]
        for name in ("fsync", "synchronous_commit"):
            if shown[name] != "on":
                raise CannotStart(f"{name} is {shown[name]}: a number from such a server means nothing")
        return shown

    def prepare(self) -> None:
        """The reference tables, empty."""
        run_program(
            self.settings, "psql", self.dsn, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={LIMITS / 'schema.sql'}"
        )

    def rate(self, script: str, *, clients: int, seconds: int, variables: dict[str, int]) -> float:
        """Transactions a second of one script."""
        defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
        file = str(LIMITS / script)
        told = ["-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), *defined, "-f", file]
        out = run_program(self.settings, "pgbench", self.dsn, *told)
        found = re.search(r"^tps = ([\d.]+)", out, re.M)
        if found is None:
            raise CannotStart(f"pgbench said nothing of tps:\n{out}")
        return float(found[1])

    def rows(self, *tables: str) -> dict[str, int]:
        with psycopg.connect(self.dsn) as connection:
            return {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}  # type: ignore[index]
