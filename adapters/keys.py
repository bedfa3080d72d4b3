"""The key that seals rows, in a file of its own: without it a database, or a backup of it, is unreadable."""

import os
import secrets
from pathlib import Path

from hub.trust import Keyring

NAME = "master.key"


class KeyMissing(Exception):
    """Says where the key was looked for."""


def load_keyring(folder: Path) -> Keyring:
    """Raises KeyMissing."""
    try:
        return Keyring(bytes.fromhex((folder / NAME).read_text().strip()))
    except FileNotFoundError:
        raise KeyMissing(f"{folder / NAME} is missing: put back the key that this database was sealed with") from None
    except ValueError as wrong:
        raise KeyMissing(f"{folder / NAME} is not a key of ours: {wrong}") from None


def make_key(folder: Path) -> None:
    """A new key for a new database; a key that exists is never replaced."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
