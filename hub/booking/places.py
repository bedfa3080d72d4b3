"""The places of slots under contention: lock, see what is left, move the counters.

Row locks decide every race. They are taken in id order, in a statement of their own: a statement
that locks and updates at once may still count with values from before it waited.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select, text, update
from sqlalchemy.orm import Session

from hub.booking.tables import Slot
from hub.db import Ready, Statement, run

_CARD_LOCK = 421_201


@dataclass(slots=True)
class Place:
    """A locked slot: the last queue number given, and how many places nobody has booked or holds."""

    issued: int
    room: int
    held: int
    free: bool

    def take(self) -> int | None:
        """The queue number of one more place; None when there is none."""
        if not self.free or self.room < 1:
            return None
        self.issued, self.room = self.issued + 1, self.room - 1
        return self.issued


def lock_cards(session: Session, clusters: Iterable[tuple[int, ...]]) -> None:
    """Two requests of one card are decided one after the other. Taken before any slot, in order."""
    run(session, *locking_cards(clusters))


def locking_cards(clusters: Iterable[tuple[int, ...]]) -> Statement:
    """What `lock_cards` runs, for who runs it together with others."""
    return _LOCK_CARDS, {"lock": _CARD_LOCK, "cards": sorted({ids[0] % 2**31 for ids in clusters})}


def lock_places(
    session: Session, slot_ids: Iterable[int], *, at: datetime, giving_back: Iterable[int] = ()
) -> dict[int, Place]:
    """Lock slots until the end of the transaction; holds that are given back or have expired at `at` make room."""
    session.flush()
    return places_in(session, run(session, *locking_places(slot_ids)), at=at, giving_back=giving_back)


def locking_places(slot_ids: Iterable[int]) -> Statement:
    """What `lock_places` begins with, for who runs it together with others; `places_in` goes on with its rows."""
    return _LOCK_PLACES.asking(ids=sorted(set(slot_ids)))


def places_in(
    session: Session, rows: Iterable[Any], *, at: datetime, giving_back: Iterable[int] = ()
) -> dict[int, Place]:
    """What `lock_places` answers, from the rows of `locking_places`."""
    back = list(giving_back)
    places = {
        row.id: Place(row.issued, row.capacity - row.taken - row.held, row.held, row.state == "free") for row in rows
    }
    if back or any(place.held and place.room < 1 for place in places.values()):
        for row in session.execute(_SWEEP, {"slots": list(places), "back": back, "at": at}):
            places[row.id].room += row.n
            places[row.id].held -= row.n
    return places


def move_counters(session: Session, slot_id: int, *, taken: int = 0, issued: int = 0, held: int = 0) -> None:
    """Add to the counters of a slot."""
    moved = {"taken": Slot.taken + taken, "issued": Slot.issued + issued, "held": Slot.held + held}
    wanted = update(Slot).where(Slot.id == slot_id).values(moved)
    session.execute(wanted.execution_options(synchronize_session=False))


_LOCK_CARDS = "SELECT pg_advisory_xact_lock(%(lock)s::int, card) FROM unnest(%(cards)s::int[]) AS card"

_LOCK_PLACES = Ready(
    select(Slot.id, Slot.issued, Slot.capacity, Slot.taken, Slot.held, Slot.state)
    .where(Slot.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .order_by(Slot.id)
    .with_for_update(key_share=True)
)

_SWEEP = text("""
WITH gone AS (
    DELETE FROM slot_hold WHERE (slot_id = ANY(:slots) AND expires_at <= :at) OR id = ANY(:back) RETURNING slot_id
), counted AS (
    SELECT slot_id, count(*) AS n FROM gone GROUP BY slot_id
)
UPDATE slot SET held = slot.held - counted.n FROM counted WHERE slot.id = counted.slot_id
RETURNING slot.id, counted.n
""")
