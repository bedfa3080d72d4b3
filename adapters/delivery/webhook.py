"""What a hospital's own system hears over its webhook: settled, undone, refunded; a signed webhook of signed.py.

    {"id": "due-<row id>", "event": "settlement.settled", "settlement": {...}}

A refusal of the message itself (400, 410, 422) is final, and operations sees it. Everything else waits in its lane and
is tried again in order, since a hospital that has put its key or address wrong still wants to hear.
"""

import json

from adapters.delivery import signed
from adapters.delivery.outcome import Outcome
from hub.directory import Endpoint
from hub.exchange import Due

MAY_PASS = signed.MAY_PASS | frozenset({401, 403, 404, 405, 407, 409, 413, 415, 423, 426, 431})


def deliver(endpoint: Endpoint, due: Due) -> Outcome:
    """Hand one message to the hospital's system."""
    if not (endpoint.url and endpoint.secret):
        return Outcome("failed", "the webhook has no address or no secret (onecard hospital endpoint)")
    who = f"the webhook of {endpoint.organisation_id}"
    return signed.post(endpoint.url, endpoint.secret, key=key_of(due), content=body(due), who=who, may_pass=MAY_PASS)


def key_of(due: Due) -> str:
    return f"due-{due.id}"


def body(due: Due) -> bytes:
    """The JSON that leaves: made from the row's snapshot alone, so that every try carries the same bytes."""
    return json.dumps({"id": key_of(due), **due.snapshot}, ensure_ascii=False, sort_keys=True).encode()
