"""Who is speaking: the address together with MSH-3 and MSH-4, asked of the hub once every few seconds."""

import time
from dataclasses import replace
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2.er7 import Segment, storable
from hub import trust
from hub.trust import Caller, Door

BELIEVED_SECONDS = 5.0
"""How long a peer once admitted is believed; a revoked credential ends at most this much later."""

_Known = dict[tuple[str, str, str], tuple[Caller, float]]
_known: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()


def caller(session: Session, header: Segment, *, address: str, arrival: Door) -> Caller:
    """The caller of a message. Refuses: CredentialRefused."""
    known = _known.setdefault(door.engine(), {})
    key = (address, storable(header.text(3)), storable(header.text(4)))
    admitted, since = known.get(key, (None, 0.0))
    if admitted is None or time.monotonic() - since > BELIEVED_SECONDS:
        admitted = trust.mllp_peer(session, address=key[0], application=key[1], facility=key[2], door=arrival)
        known[key] = (admitted, time.monotonic())
    return replace(admitted, at=arrival.at, trace=arrival.trace)
