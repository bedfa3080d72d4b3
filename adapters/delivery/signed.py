"""A signed webhook: the same bytes and the same key at every try, and what an answer means.

POST <url>
Idempotency-Key: <id>                            the same at every try; the receiver drops repeats by it
X-OneCard-Signature: t=<unix seconds>,v1=<hex>   HMAC-SHA256 over "<t>.<body>" under the receiver's secret
"""

import hashlib
import hmac
from collections.abc import Set
from datetime import datetime
from functools import cache

import httpx

from adapters import door
from adapters.delivery.outcome import SENT, Outcome

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
MAY_PASS = frozenset({408, 425, 429})


def post(url: str, secret: str, *, key: str, content: bytes, who: str, may_pass: Set[int] = MAY_PASS) -> Outcome:
    """Hand a body over. 4xx is a refusal but for those that may pass; so may time-outs, 3xx and 5xx."""
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-OneCard-Signature": signature(secret, content, door.now()),
    }
    try:
        response = client().post(url, content=content, headers=headers)
    except httpx.HTTPError as trouble:
        return Outcome("failed", f"{type(trouble).__name__}: {trouble}")
    if response.is_success:
        return SENT
    refused = response.is_client_error and response.status_code not in may_pass
    return Outcome("refused" if refused else "failed", f"{who} answered {response.status_code}", response.content)


def signature(key: str, content: bytes, at: datetime) -> str:
    """The value of X-OneCard-Signature; the time in it lets the receiver refuse an old copy."""
    seconds = int(at.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


@cache
def client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False)
