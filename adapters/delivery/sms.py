"""One-time codes and notices to the SMS gateway: a signed webhook (signed.py) to ONECARD_SMS_URL under ONECARD_SMS_KEY.

    {"id": "sms-<row id>", "template", "telephone", "text"}

Only what a text message needs leaves the house: no name, no person id.
"""

import json
from datetime import datetime, timedelta

from adapters import door
from adapters.delivery import signed
from adapters.delivery.outcome import Outcome
from hub.exchange import Due
from hub.trust.sessions import CODE_LASTS

WORTHLESS_AFTER: dict[str, timedelta] = {"sign-in-code": CODE_LASTS}
"""How long a text of a template is worth sending; an expired code would only confuse."""


def deliver(due: Due) -> Outcome:
    """Hand one text to the gateway. 4xx is a refusal; time-outs, 408, 425, 429, 3xx and 5xx may pass."""
    settings = door.settings()
    if settings.sms_url is None or settings.sms_key is None:
        return Outcome("failed", "no SMS gateway is configured (ONECARD_SMS_URL, ONECARD_SMS_KEY)")
    if _worthless(due, door.now()):
        return Outcome("refused", "too old to be worth sending")
    secret = settings.sms_key.get_secret_value()
    return signed.post(settings.sms_url, secret, key=f"sms-{due.id}", content=body(due), who="the gateway")


def body(due: Due) -> bytes:
    """The JSON that leaves: made from the row's snapshot alone, so that every try carries the same bytes."""
    kept = {key: due.snapshot[key] for key in ("template", "telephone", "text")}
    return json.dumps({"id": f"sms-{due.id}", **kept}, ensure_ascii=False, sort_keys=True).encode()


def _worthless(due: Due, now: datetime) -> bool:
    lasts = WORTHLESS_AFTER.get(due.snapshot["template"])
    return lasts is not None and now - due.posted_at > lasts
