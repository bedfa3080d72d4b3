"""Identifiers and raw messages are sealed at rest and found by blind index.

Sealing is AES-256-GCM, the blind index HMAC-SHA-256 cut to 16 bytes, each under its own key derived
from the installation's master key (GB/T 39786 8.4 e and g ask for confidentiality and integrity in
storage; the algorithms are one place here, so SM4 and SM3 can take their turn). The first byte of
a sealed value names the key, so a key can be followed by a next one.
"""

import json
import os
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Dialect, LargeBinary, TypeDecorator


class Keyring:
    """The keys of one installation, derived from 32 secret bytes."""

    def __init__(self, master: bytes) -> None:
        if len(master) < 32:
            raise ValueError("the master key has at least 32 bytes")
        self._aead = AESGCM(_derive(master, b"onecard seal 1"))
        self._blind = HMAC(_derive(master, b"onecard blind 1"), hashes.SHA256())

    def seal(self, plain: bytes) -> bytes:
        nonce = os.urandom(12)
        return b"\x01" + nonce + self._aead.encrypt(nonce, plain, None)

    def unseal(self, sealed: bytes) -> bytes:
        if sealed[:1] != b"\x01":
            raise ValueError("sealed under a key that this installation does not hold")
        return self._aead.decrypt(sealed[1:13], sealed[13:], None)

    def blind(self, system: str, value: str) -> bytes:
        mac = self._blind.copy()
        mac.update(system.encode() + b"\x00" + value.encode())
        return mac.finalize()[:16]


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(master)


_keyring: Keyring | None = None


def install(keyring: Keyring) -> None:
    """Say once, at the start of a process, which keys it works with."""
    global _keyring
    _keyring = keyring


def keys() -> Keyring:
    if _keyring is None:
        raise RuntimeError("no keyring: the process must install one before it touches sealed columns")
    return _keyring


def seal(plain: bytes) -> bytes:
    return keys().seal(plain)


def unseal(sealed: bytes) -> bytes:
    return keys().unseal(sealed)


def blind(system: str, value: str) -> bytes:
    """What an identifier is found by: 16 bytes that tell nothing to who lacks the key."""
    return keys().blind(system, value)


class Sealed(TypeDecorator[str]):
    """Text, sealed in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else seal(value.encode())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else unseal(bytes(value)).decode()


class SealedJson(TypeDecorator[dict[str, Any]]):
    """A JSON object, sealed in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> bytes | None:
        return None if value is None else seal(json.dumps(value, ensure_ascii=False).encode())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else json.loads(unseal(bytes(value)))


class SealedBytes(TypeDecorator[bytes]):
    """Bytes, sealed in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else seal(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bytes | None:
        return None if value is None else unseal(bytes(value))
