"""The database of an installation: at hand, migrated, written to a file and read back."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from adapters.embedded_postgres import EmbeddedPostgres, programs
from adapters.keys import NAME, KeyMissing, load_keyring, make_key
from adapters.settings import Settings, libpq_url, sqlalchemy_url
from adapters.supervisor import CannotStart, RegionRuns, only_one
from hub.migrations import after_restore, ensure_role
from hub.migrations import migrate as migrate_database


def embedded(settings: Settings) -> EmbeddedPostgres:
    """The server in ONECARD_HOME, not yet started."""
    return EmbeddedPostgres(settings.postgres_folder, bin_dir=settings.postgres_bin, user=settings.postgres_user)


@contextlib.contextmanager
def at_hand(settings: Settings) -> Iterator[str]:
    """The libpq URL of the database: one's own, or the embedded one, started for as long as we need it."""
    if settings.database_url is not None:
        yield libpq_url(settings.database_url.get_secret_value())
        return
    server = embedded(settings)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(only_one(settings.home, role="command"))
            stack.enter_context(server)
        except RegionRuns:
            server.wait_until_ready()
        yield server.dsn()


def bring_up_to_date(settings: Settings, dsn: str) -> None:
    """Migrate, and make the sealing key for a database that is still empty. Raises KeyMissing."""
    if is_empty(dsn):
        make_key(settings.keys_folder)
    load_keyring(settings.keys_folder)
    migrate_database(sqlalchemy_url(dsn))


def is_empty(dsn: str) -> bool:
    engine = create_engine(sqlalchemy_url(dsn), poolclass=NullPool)
    with engine.connect() as connection:
        return not inspect(connection).get_table_names()


def migrate() -> None:
    settings = Settings()
    with at_hand(settings) as dsn:
        bring_up_to_date(settings, dsn)
    print("the database is up to date")


def backup(file: Path) -> None:
    settings = Settings()
    if file.exists():
        raise CannotStart(f"{file} exists already")
    with at_hand(settings) as dsn:
        partial = file.with_name(f"{file.name}.partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            run_program(settings, "pg_dump", dsn, "--format=custom", "--no-owner", stdout=out)
            os.fsync(out.fileno())
        partial.rename(file)
    print(f"{file}: {file.stat().st_size:,} bytes")
    print(f"It is unreadable without {settings.keys_folder / NAME}: keep a copy of that in another place.")


def restore(file: Path, key: Path | None) -> None:
    settings = Settings()
    with at_hand(settings) as dsn:
        if not is_empty(dsn):
            raise CannotStart("the database is not empty: a backup is only restored into an empty one")
        _place_key(settings, key)
        url = sqlalchemy_url(dsn)
        ensure_role(url)
        with file.open("rb") as content:
            run_program(settings, "pg_restore", dsn, "--no-owner", "--exit-on-error", "--single-transaction",
                      stdin=content)  # fmt: skip
        after_restore(url)
        migrate_database(url)
        _check_key(settings, dsn)
    print(f"restored {file}")


def run_program(settings: Settings, program: str, dsn: str, *arguments: str, **streams: Any) -> str:
    """Run one of PostgreSQL's programs on a database and answer what it printed. Raises CannotStart.

    The password goes by the environment, since everybody may read a command line.
    """
    import psycopg.conninfo

    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    password = parts.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    target = psycopg.conninfo.make_conninfo("", **parts)
    command = [programs(settings.postgres_bin) / program, *arguments]
    command += [target] if program == "pgbench" else [f"--dbname={target}"]
    streams = {"stdout": subprocess.PIPE, **streams}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, **streams)
    if done.returncode:
        raise CannotStart(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")
    return (done.stdout or b"").decode()


def _place_key(settings: Settings, key: Path | None) -> None:
    place = settings.keys_folder / NAME
    if key is not None:
        if place.exists() and place.read_bytes() != key.read_bytes():
            raise CannotStart(f"{place} is another key than {key}: move it away first")
        settings.keys_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.touch(mode=0o600)
        place.write_bytes(key.read_bytes())
    load_keyring(settings.keys_folder)


def _check_key(settings: Settings, dsn: str) -> None:
    """Open one sealed row: a wrong key shows now, not at the first patient."""
    from cryptography.exceptions import InvalidTag
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from adapters import door
    from hub import trust
    from hub.people import Person

    trust.install(load_keyring(settings.keys_folder))
    engine = door.make_engine(dsn, pool_size=1)
    try:
        with Session(engine) as session:
            session.scalars(select(Person.name).limit(1)).first()
    except InvalidTag:
        raise KeyMissing(f"{settings.keys_folder / NAME} does not open this database") from None
    finally:
        engine.dispose()
