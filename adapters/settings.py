"""What an installation may choose, read from ONECARD_* variables; everything has a default that runs.

ONECARD_HOME ............ where data, keys and logs live: /var/lib/onecard for root, ~/.local/share/onecard else
ONECARD_DATABASE_URL .... one's own PostgreSQL (15 or newer); without it an embedded one lives in ONECARD_HOME
"""

import json
import os
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Face = Literal["citizen", "hospital", "bureau", "operations"]
FACES: tuple[Face, ...] = get_args(Face)


def default_home() -> Path:
    """Root keeps data where a daemon would; everybody else in the folder of their own."""
    if os.geteuid() == 0:
        return Path("/var/lib/onecard")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "onecard"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


class Settings(BaseSettings):
    """Read once at the start of a process and handed on; no other module reads the environment."""

    model_config = SettingsConfigDict(env_prefix="ONECARD_", frozen=True, extra="ignore")

    home: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=default_home)
    database_url: SecretStr | None = None
    postgres_bin: Path | None = None
    """Folder of PostgreSQL's programs for the embedded server; without it those of the installed wheel."""
    postgres_user: str | None = None
    """Who runs the embedded server when we are root; without it postgres if there is one, else nobody."""

    host: str = "127.0.0.1"
    http_port: int = Field(8080, ge=0, le=65535)
    mllp_port: int = Field(2575, ge=0, le=65535)
    doors: dict[Face, int] = {}
    """Faces on ports of their own, `{"citizen": 8081}`; without any, all of them share `http_port`."""
    public_url: str | None = None
    """How people reach the pages from outside, when a proxy stands in front."""

    workers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1)
    http_threads: int = Field(16, ge=1)
    mllp_threads: int = Field(8, ge=1)
    delivery_threads: int = Field(4, ge=0)
    """0 leaves delivery to other processes."""
    writer_threads: int = Field(2, ge=0)
    """Writers of gathered verbs, one a verb; 0 turns gathering off."""
    job_threads: int = Field(1, ge=1)
    upstream_threads: int = Field(4, ge=1)
    """How many calls may wait for platforms further up at once; the others queue and hold nothing."""

    body_limit_bytes: int = 10 * 1024 * 1024
    sms_url: str | None = None
    """The SMS gateway that one-time codes and notices go to."""
    sms_key: SecretStr | None = None
    """What our webhook to the gateway is signed with."""
    referral_minutes: dict[str, int] = {}
    """How long the steps of a referral may take here: `{"confirm": 120}`; the steps stand in hub/referrals/times.py."""
    secure_cookies: bool = False
    """Send session cookies over HTTPS only; turn on wherever a browser reaches us over a network."""
    demo: bool = False
    """The demonstration region: pages say so, sign-ins are printed."""
    log_level: str = "INFO"

    @property
    def postgres_folder(self) -> Path:
        return self.home / "postgres"

    @property
    def keys_folder(self) -> Path:
        """Keys that seal rows; a backup of the database is unreadable without them."""
        return self.home / "keys"

    @property
    def secrets_file(self) -> Path:
        """Addresses and sign-ins of the running region, for `onecard info`; mode 0600."""
        return self.home / "region.json"

    @property
    def faces(self) -> frozenset[Face]:
        return frozenset(self.doors) or frozenset(FACES)

    @property
    def background(self) -> bool:
        """Delivery, MLLP and jobs run where hospitals can be reached, not on a node that only faces citizens."""
        return "hospital" in self.faces

    @property
    def pool_size(self) -> int:
        """Connections a worker may hold: the sum of its threads, so that none ever waits for another kind."""
        talking = self.http_threads + self.mllp_threads + self.delivery_threads + self.upstream_threads
        return talking + self.writer_threads + self.job_threads

    @property
    def metrics_folder(self) -> Path:
        """Where workers leave their counters, so that any of them can tell the sum."""
        return self.home / "metrics"

    def environment(self) -> dict[str, str]:
        """The variables that give a process we start the same settings."""
        variables = {}
        for name, value in self:
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            if value is not None:
                text = str(value) if isinstance(value, str | Path) else json.dumps(value)
                variables[f"ONECARD_{name.upper()}"] = text
        return variables


def sqlalchemy_url(dsn: str) -> str:
    """A libpq URL as SQLAlchemy wants it; `postgres://` is accepted."""
    scheme, separator, rest = dsn.partition("://")
    if separator and scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    raise ValueError("ONECARD_DATABASE_URL must begin with postgresql:// or postgres://")


def libpq_url(url: str) -> str:
    """The same for psycopg, pg_dump and pgbench."""
    return "postgresql://" + sqlalchemy_url(url).partition("://")[2]
