"""booking-1000-api and booking-hot-api: POST /api/v1/appointments, everybody once, at a thousand times or at one."""

import itertools
import json
from collections.abc import Iterator

from benchmarks.population import Somebody


def requests(everybody: list[Somebody], slots: list[int], *, token: str, address: tuple[str, int]) -> Iterator[bytes]:
    """One request a person, over the slots in turn."""
    return iter([_request(s, slot, token, address) for s, slot in zip(everybody, itertools.cycle(slots), strict=False)])


def _request(somebody: Somebody, slot_id: int, token: str, address: tuple[str, int]) -> bytes:
    body = json.dumps({"slot_id": slot_id, "person_id": somebody.person_id, "channel": "his"}).encode()
    head = (
        "POST /api/v1/appointments HTTP/1.1\r\n"
        f"Host: {address[0]}:{address[1]}\r\n"
        f"Authorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
