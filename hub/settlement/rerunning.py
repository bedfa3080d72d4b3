"""Every settlement adjudicated again: the bill that was kept, under its own pack and standing, gives what was paid.

Reads the rows as they stand, in the order they were made, and stops at the first that does not fit: an amount, the
ratio, or one line's share. Of what a platform settled only our own calculation beside it can be run again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from hub import coverage
from hub.coverage import Explanation, Pack, Share
from hub.faults import Fault
from hub.settlement.tables import AMOUNTS, Settlement
from hub.settlement.verifying import Breach

CHECK = "every settlement adjudicated again gives what was paid"
AT_ONCE = 500

Found = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Rerun:
    """How many settlements (and counter-entries) fit, and the first that does not."""

    settlements: int
    first: Breach | None = None


def rerun(
    session: Session,
    *,
    since: date | None = None,
    until: date | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Rerun:
    """Adjudicate again what was settled on some days (all of them when none are said)."""
    t = Settlement
    wanted = [t.settled_on >= since] if since else []
    wanted += [t.settled_on <= until] if until else []
    count = session.scalar(select(func.count()).select_from(t).where(*wanted)) or 0
    rows = select(*t.__table__.columns).where(*wanted).order_by(t.id).execution_options(yield_per=AT_ONCE)
    packs: dict[str, Pack] = {}
    with session.execute(rows) as found:
        for done, row in enumerate(found):
            if done % AT_ONCE == 0:
                progress(done, count)
            breach = _first_breach(session, row, packs)
            if breach is not None:
                return Rerun(done, breach)
    progress(count, count)
    return Rerun(count)


def _first_breach(session: Session, row: Found, packs: dict[str, Pack]) -> Breach | None:
    subject = f"settlement/{row.id}"
    try:
        pack_id, bill, standing = coverage.bill_of(row.bill)
        pack = packs.get(pack_id) or packs.setdefault(pack_id, coverage.pack_named(session, pack_id))
        explanation = coverage.adjudicate(bill, pack, standing)
    except Fault as fault:
        return Breach(CHECK, f"{subject} {fault.sentence('en')}", 0, 0)
    return next((Breach(CHECK, f"{subject} {name}", *pair) for name, *pair in _differing(row, explanation)), None)


def _differing(row: Found, explanation: Explanation) -> Iterator[tuple[str, int, int]]:
    """What differs: its name, what stands, what is derived. A counter-entry has the amounts with a minus."""
    sign = 1 if row.undoes is None else -1
    if row.platform is None:
        derived = explanation.totals._asdict()
        derived |= {"shared": explanation.shared, "own_in_scope": explanation.own_in_scope}
        for name in (*AMOUNTS, "shared", "own_in_scope"):
            stands = getattr(row, name) or 0
            if stands != sign * derived[name]:
                yield name, stands, sign * derived[name]
        facts = (("ratio", row.ratio, explanation.ratio), ("year", row.year, explanation.bill.day.year))
        yield from ((name, stands, said) for name, stands, said in facts if stands != said)
    if len(row.shares) != len(explanation.shares):
        yield "lines", len(row.shares), len(explanation.shares)
    for line, stands, share in zip(explanation.bill.lines, row.shares, explanation.shares, strict=False):
        for name, found, said in zip(Share._fields, stands, share, strict=True):
            if found != said:
                yield f"lines[{line.id}].{name}", found, said
