"""How a request proves where it comes from, before its contents are looked at.

Three ways are known in the country; a region uses one. (a), the service gateway, is here: five
headers, HMAC-SHA1 over four of them. (b), the TIF headers, and (c), the SM2/SM4 envelope, are
further classes with the same two verbs. What the gateway refuses is answered in its own form,
{"code": 401, "message": ...}, and never reaches a transaction.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class GatewayRefused(Exception):
    """The gateway's own refusal; its words are the published ones."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Knock:
    """What a request says of itself: who, which transaction, when, and the proof."""

    access_key: str
    name: str
    version: str
    timestamp: str
    signature: str


class Signing(Protocol):
    def sign(self, *, access_key: str, secret: str, name: str, version: str, at: datetime) -> dict[str, str]: ...

    def knock(self, headers: Mapping[str, str], *, at: datetime, window: timedelta) -> Knock: ...

    def check(self, knock: Knock, secret: str) -> None: ...


class GatewayHeaders:
    """Variant (a): Base64(HmacSHA1(secret, "k=v&k=v" over the headers in the natural order of their names))."""

    def sign(self, *, access_key: str, secret: str, name: str, version: str, at: datetime) -> dict[str, str]:
        headers = {
            "_api_access_key": access_key,
            "_api_name": name,
            "_api_timestamp": str(int(at.timestamp() * 1000)),
            "_api_version": version,
        }
        return headers | {"_api_signature": _hmac_sha1(secret, headers)}

    def knock(self, headers: Mapping[str, str], *, at: datetime, window: timedelta) -> Knock:
        """Read the five headers. Raises GatewayRefused: one is missing, the time is outside the window."""
        keys = ("_api_access_key", "_api_name", "_api_version", "_api_timestamp", "_api_signature")
        values = [headers.get(key, "") for key in keys]
        if not all(values):
            raise GatewayRefused("缺少服务网关的请求头!")
        knock = Knock(*values)
        if not (knock.timestamp.isascii() and knock.timestamp.isdigit() and len(knock.timestamp) == 13):
            raise GatewayRefused("签名时间戳超时!")
        if abs(int(knock.timestamp) / 1000 - at.timestamp()) > window.total_seconds():
            raise GatewayRefused("签名时间戳超时!")
        return knock

    def check(self, knock: Knock, secret: str) -> None:
        """Raises GatewayRefused when the signature was not made with this secret."""
        signed = {
            "_api_access_key": knock.access_key,
            "_api_name": knock.name,
            "_api_timestamp": knock.timestamp,
            "_api_version": knock.version,
        }
        expected = _hmac_sha1(secret, signed)
        if not secrets.compare_digest(expected.encode(), knock.signature.encode()):
            raise GatewayRefused("签名不一致!")


SIGNINGS: dict[str, Signing] = {"a": GatewayHeaders()}
KNOWN = {"a": "gateway headers", "b": "TIF headers", "c": "SM2 and SM4 envelope"}


def signing(variant: str) -> Signing:
    """The way a region signs. Raises ValueError for one that nobody has built: better at start than at a window."""
    if variant not in SIGNINGS:
        told = KNOWN.get(variant, "unknown")
        raise ValueError(f"signing variant {variant!r} ({told}) is not built; there is {', '.join(sorted(SIGNINGS))}")
    return SIGNINGS[variant]


def unknown_user() -> GatewayRefused:
    return GatewayRefused("非法用户!")


def _hmac_sha1(secret: str, headers: Mapping[str, str]) -> str:
    text = "&".join(f"{key}={headers[key]}" for key in sorted(headers))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
