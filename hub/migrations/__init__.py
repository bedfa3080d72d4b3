"""How the tables come to be: Alembic, run as the owner of the database; the app runs as `onecard_app`.

Safe to run twice and by two processes at once: an advisory lock lets one work while the other waits.
"""

import importlib
import pkgutil
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

import hub
from hub.migrations.rights import create_role, grant_rights

LOCK = 0x0_4EC_A4D  # any number of our own, so that no other program takes the same advisory lock


def migrate(url: str) -> None:
    """Bring a database to the newest version and set the app's rights. `url` as SQLAlchemy takes it."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        try:
            command.upgrade(configuration(connection), "head")
            grant_rights(connection)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
            connection.commit()


def ensure_role(url: str) -> None:
    """The app's role, which a backup grants rights to, before anything is restored."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        create_role(connection)


def after_restore(url: str) -> None:
    """Transaction ids belong to the server that gave them: what was committed there is settled here.

    Without this, messages due would wait until the new server's counter had passed the old one's.
    """
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE due SET xid = 0 WHERE state = 'due'"))


def newest_version() -> str | None:
    """The revision that this code works with."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for an open connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def import_every_room() -> None:
    """Tables register themselves when their room is imported."""
    for module in pkgutil.walk_packages(hub.__path__, "hub."):
        if not module.name.startswith("hub.migrations"):
            importlib.import_module(module.name)
