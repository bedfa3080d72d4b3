"""The clerk's work queue: what is open, the oldest and largest first, of some hospital, kind or owner."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from hub.reconciliation.breaks import breaks_of
from hub.reconciliation.causes import vectors
from hub.reconciliation.tables import Break
from hub.trust import Caller
from hub.units import day_of

Order = Literal["age", "money"]
NOBODY = "-"
"""As an owner: what nobody has taken."""


@dataclass(frozen=True, slots=True)
class Queue:
    """`rows` as wanted, in order; the counts are of everything that is open, for choosing from."""

    rows: tuple[Break, ...]
    every: int
    hospitals: Counter[str]
    kinds: Counter[str]
    owners: Counter[str]


def queue(
    session: Session,
    caller: Caller,
    *,
    own: str | None = None,
    hospital: str = "",
    kind: str = "",
    owner: str = "",
    order: Order = "age",
) -> Queue:
    """Open differences; `own` is the only institution whose books the caller sees, None for the bureau.

    By age those of an earlier day come first, within a day the larger; by money the larger first, of equal ones the
    older. Refuses: NotAllowed, ForeignBooks.
    """
    rows = breaks_of(session, caller, organisation_id=own)
    wanted = [
        row
        for row in rows
        if hospital in ("", row.organisation_id) and kind in ("", row.kind) and owner in ("", row.owner or NOBODY)
    ]
    return Queue(
        rows=tuple(in_order(wanted, order)),
        every=len(rows),
        hospitals=Counter(row.organisation_id for row in rows),
        kinds=Counter(row.kind for row in rows),
        owners=Counter(row.owner or NOBODY for row in rows),
    )


def in_order(rows: Sequence[Break], order: Order) -> list[Break]:
    if order == "money":
        return sorted(rows, key=lambda row: (-size(row), row.found_at, row.id))
    return sorted(rows, key=lambda row: (day_of(row.found_at), -size(row), row.id))


def size(row: Break) -> int:
    """How much money a difference is about: the largest of its amounts, in fen."""
    return max(abs((insurer or 0) - (hospital or 0)) for name, hospital, insurer in vectors(row) if name != "count")
