"""A month at a glance: how much of each day agrees, what is open by kind and age, by how much each hospital is off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.reconciliation import books
from hub.reconciliation.board import Position, day_board, own_of, positions
from hub.reconciliation.books import Bucket
from hub.reconciliation.breaks import breaks_of
from hub.reconciliation.statements import NOTHING, Amounts
from hub.reconciliation.tables import Break
from hub.reconciliation.working_days import working_days
from hub.trust import Caller
from hub.units import day_of

AGES = (1, 3, 5)
"""Working days up to which a difference is of the first, second, third age; beyond, of the fourth."""


@dataclass(frozen=True, slots=True)
class DayShare:
    """The lines of one day: those both sides have alike, those they differ over, those whose books have not come."""

    day: date
    matched: int
    apart: int
    awaited: int

    @property
    def lines(self) -> int:
        return self.matched + self.apart + self.awaited


@dataclass(frozen=True, slots=True)
class HospitalSum:
    """One hospital's month: what the insurer settled, by how much its books are off where they came, what is open."""

    organisation_id: str
    name: str
    name_en: str
    insurer: Amounts
    off: Amounts
    open_breaks: int


@dataclass(frozen=True, slots=True)
class Month:
    """`ages` counts the open differences of each kind by age, whatever day they are of."""

    first: date
    days: tuple[DayShare, ...]
    ages: dict[str, tuple[int, int, int, int]]
    hospitals: tuple[HospitalSum, ...]


def month(session: Session, caller: Caller, *, first: date) -> Month:
    """The month that begins on `first`, up to today. Refuses: NotAllowed."""
    last = min((first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1), day_of(caller.at))
    own = own_of(session, caller)
    return Month(
        first=first,
        days=tuple(_days(session, first, last, own)) if first <= last else (),
        ages=_ages(breaks_of(session, caller, organisation_id=own), day_of(caller.at)),
        hospitals=tuple(_hospitals(session, caller, first, last)) if first <= last else (),
    )


def age_class(days: int) -> int:
    """0 to 3: which of the four ages so many working days are."""
    return next((number for number, most in enumerate(AGES) if days <= most), len(AGES))


def _days(session: Session, first: date, last: date, own: str | None) -> list[DayShare]:
    standing = positions(session, first, last, own)
    ledger = books.totals(session, first, last, own)
    named = _named(session, first, last)
    found = {first + timedelta(days=n): [0, 0, 0] for n in range((last - first).days + 1)}
    for key in standing.keys() | ledger.keys():
        shares = _of_hospital(standing.get(key, Position()), ledger.get(key, {}), named)
        found[key[1]] = [a + b for a, b in zip(found[key[1]], shares, strict=True)]
    return [DayShare(day, *shares) for day, shares in found.items()]


def _of_hospital(
    position: Position, ledger: dict[Bucket, Amounts], named: dict[int, tuple[int, int]]
) -> tuple[int, int, int]:
    """Matched, apart and awaited lines of one hospital's day."""
    matched = apart = 0
    awaited = sum(amounts.count for bucket, amounts in ledger.items() if bucket not in position.covered)
    for comparison, _, insurer in position.compared:
        if comparison.balanced:
            matched += insurer.count
        elif insurer.has_lines:
            ours, theirs_alone = named.get(comparison.id, (0, 0))
            matched += insurer.count - ours
            apart += ours + theirs_alone
        else:
            awaited += insurer.count
    return matched, apart, awaited


def _named(session: Session, first: date, last: date) -> dict[int, tuple[int, int]]:
    """By comparison: the insurer's lines that are in a difference, and the lines that only the hospital has."""
    alone = func.sum(Break.hospital_count).filter(Break.insurer_fee.is_(None))
    wanted = (
        select(Break.comparison_id, func.sum(Break.insurer_count), func.coalesce(alone, 0))
        .where(Break.day_from >= first, Break.day_to <= last, Break.state != "healed")
        .group_by(Break.comparison_id)
    )
    return {number: (int(ours), int(theirs)) for number, ours, theirs in session.execute(wanted)}


def _ages(rows: Sequence[Break], today: date) -> dict[str, tuple[int, int, int, int]]:
    counted: dict[str, list[int]] = {}
    for row in rows:
        counted.setdefault(row.kind, [0, 0, 0, 0])[age_class(working_days(day_of(row.found_at), today))] += 1
    in_order = sorted(counted.items(), key=lambda each: (-sum(each[1]), each[0]))
    return {kind: (a, b, c, d) for kind, (a, b, c, d) in in_order}


def _hospitals(session: Session, caller: Caller, first: date, last: date) -> list[HospitalSum]:
    """Hospitals with anything in the month, those that are off by most first."""
    found: dict[str, HospitalSum] = {}
    for cell in day_board(session, caller, first, last):
        sofar = found.get(cell.organisation_id)
        off = cell.difference if cell.hospital is not None else NOTHING
        found[cell.organisation_id] = HospitalSum(
            cell.organisation_id,
            cell.name,
            cell.name_en,
            cell.insurer + (sofar.insurer if sofar else NOTHING),
            off + (sofar.off if sofar else NOTHING),
            cell.open_breaks + (sofar.open_breaks if sofar else 0),
        )
    kept = [each for each in found.values() if each.insurer != NOTHING or each.off != NOTHING or each.open_breaks]
    return sorted(kept, key=lambda each: (-abs(each.off.fund), -each.insurer.fund, each.organisation_id))
