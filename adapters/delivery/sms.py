"""One-time codes and notices to the SMS gateway: a signed webhook.

    POST <ONECARD_SMS_URL>
    Idempotency-Key: sms-<row id>                    the same at every try; the gateway drops repeats by it
    X-OneCard-Signature: t=<unix seconds>,v1=<hex>   HMAC-SHA256 over "<t>.<body>" under ONECARD_SMS_KEY
    {"id", "template", "telephone", "text"}

Only what a text message needs leaves the house: no name, no person id.
"""

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from functools import cache

import httpx

from adapters import door
from adapters.delivery.outcome import SENT, Outcome
from hub.exchange import Due
from hub.trust.sessions import CODE_LASTS

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
WORTHLESS_AFTER: dict[str, timedelta] = {"sign-in-code": CODE_LASTS}
"""How long a text of a template is worth sending; an expired code would only confuse."""
MAY_PASS = frozenset({408, 425, 429})


def deliver(due: Due) -> Outcome:
    """Hand one text to the gateway. 4xx is a refusal; time-outs, 408, 425, 429, 3xx and 5xx may pass."""
    settings = door.settings()
    if settings.sms_url is None or settings.sms_key is None:
        return Outcome("failed", "no SMS gateway is configured (ONECARD_SMS_URL, ONECARD_SMS_KEY)")
    if _worthless(due, door.now()):
        return Outcome("refused", "too old to be worth sending")
    content = body(due)
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": f"sms-{due.id}",
        "X-OneCard-Signature": signature(settings.sms_key.get_secret_value(), content, door.now()),
    }
    try:
        response = _client().post(settings.sms_url, content=content, headers=headers)
    except httpx.HTTPError as trouble:
        return Outcome("failed", f"{type(trouble).__name__}: {trouble}")
    if response.is_success:
        return SENT
    refused = response.is_client_error and response.status_code not in MAY_PASS
    return Outcome("refused" if refused else "failed", f"the gateway answered {response.status_code}", response.content)


def body(due: Due) -> bytes:
    """The JSON that leaves: made from the row's snapshot alone, so that every try carries the same bytes."""
    kept = {key: due.snapshot[key] for key in ("template", "telephone", "text")}
    return json.dumps({"id": f"sms-{due.id}", **kept}, ensure_ascii=False, sort_keys=True).encode()


def signature(key: str, content: bytes, at: datetime) -> str:
    """The value of X-OneCard-Signature; the time in it lets the gateway refuse an old copy."""
    seconds = int(at.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _worthless(due: Due, now: datetime) -> bool:
    lasts = WORTHLESS_AFTER.get(due.snapshot["template"])
    return lasts is not None and now - due.posted_at > lasts


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False)
