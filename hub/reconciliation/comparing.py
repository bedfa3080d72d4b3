"""Holding the hospital's word against the insurer's: totals first, lines where totals differ.

The insurer's side is the ledger of settlements, drawn up as a statement of its own at the moment of
comparison, with its own hash; it is never computed from what the hospital sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hub.reconciliation import books
from hub.reconciliation.breaks import record
from hub.reconciliation.matching import Difference, Elsewhere, Line, differences, grouped
from hub.reconciliation.statements import (
    Amounts,
    Period,
    check_foots,
    check_period,
    require_books,
    sum_of,
    take_in,
)
from hub.reconciliation.tables import Break, Comparison, Statement, StatementFile, StatementLine
from hub.trust import Caller, require


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with both sides' sums; `breaks` are the named differences when lines were compared."""

    comparison: Comparison
    hospital: Amounts
    insurer: Amounts
    breaks: tuple[Break, ...] = ()

    @property
    def balanced(self) -> bool:
        return self.comparison.balanced


def compare_totals(session: Session, caller: Caller, *, period: Period, insutype: str, stated: Amounts) -> Compared:
    """A hospital's totals of one insurance type and bucket (3201). Refuses: NotAllowed, ForeignBooks, Invalid."""
    begin(session, caller, period)
    ours = books.sums(session, period, insutype)
    hospital = take_in(
        session, side="hospital", period=period, insutypes=[insutype], amounts=stated, at=caller.at, by=caller.id
    )
    insurer = take_in(
        session, side="insurer", period=period, insutypes=[insutype], amounts=ours, at=caller.at, by=books.LEDGER
    )
    made = _comparison(session, caller, period, hospital, insurer, balanced=stated == ours)
    return Compared(made, stated, ours)


def compare_lines(
    session: Session,
    caller: Caller,
    *,
    period: Period,
    stated: Amounts,
    lines: Sequence[Line],
    file: StatementFile | None = None,
) -> Compared:
    """A hospital's lines of a clearing bucket (3202); differences are named and kept.

    Which insurance types the lines speak for: those of the settlements listed, and those whose totals
    were last found unequal; without any totals before, all of them. Run again, it changes nothing that
    was decided; what is no longer different heals. `stated.account` is not part of the message and
    taken from the lines. Refuses: NotAllowed, ForeignBooks, Invalid, StatementDoesNotFoot.
    """
    begin(session, caller, period)
    check_foots(stated, lines)
    return compare_listed(session, caller, period, list_lines(session, caller, period, lines, file), lines)


def list_lines(
    session: Session, caller: Caller, period: Period, lines: Sequence[Line], file: StatementFile | None
) -> Statement:
    """A hospital's lines as its statement, not yet compared."""
    return take_in(
        session,
        side="hospital",
        period=period,
        insutypes=_scope(session, period, lines),
        amounts=sum_of(lines),
        at=caller.at,
        by=caller.id,
        lines=lines,
        file=file,
    )


def compare_listed(
    session: Session, caller: Caller, period: Period, hospital: Statement, lines: Sequence[Line]
) -> Compared:
    """A statement's lines against the ledger's."""
    ours = books.lines(session, period, hospital.insutypes)
    insurer = take_in(
        session,
        side="insurer",
        period=period,
        insutypes=hospital.insutypes,
        amounts=sum_of(ours),
        at=caller.at,
        by=books.LEDGER,
        lines=ours,
    )
    found = differences_of(session, period, lines, ours)
    made, breaks = keep_comparison(session, caller, period, hospital, insurer, found)
    return Compared(made, sum_of(lines), sum_of(ours), tuple(breaks))


def keep_comparison(
    session: Session,
    caller: Caller,
    period: Period,
    hospital: Statement,
    insurer: Statement,
    found: Sequence[Difference],
) -> tuple[Comparison, list[Break]]:
    """Lines held against lines, and what came of it."""
    made = _comparison(session, caller, period, hospital, insurer, balanced=not found)
    scope = hospital.insutypes
    return made, record(session, caller, period=period, scope=scope, comparison=made, found=found)


def begin(session: Session, caller: Caller, period: Period) -> None:
    """Who may compare, and one at a time. Refuses: NotAllowed, ForeignBooks, Invalid, PeriodTooLong."""
    require(caller, "reconciliation.write")
    require_books(session, caller, period.organisation_id)
    check_period(period)
    # Two statements of one hospital at once: the advisory lock decides, the second finds the first's breaks.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"statement/{period.organisation_id}"))))


def differences_of(session: Session, period: Period, lines: Sequence[Line], ours: Sequence[Line]) -> list[Difference]:
    """The named differences between two sides' lines; those of settlements that are equal may be left out."""
    hospital, insurer = grouped(lines), grouped(ours)
    elsewhere = books.elsewhere(session, period, sorted(hospital.keys() - insurer.keys()))
    elsewhere |= _listed_elsewhere(session, period, sorted(insurer.keys() - hospital.keys()))
    return differences(hospital, insurer, elsewhere)


def _scope(session: Session, period: Period, lines: Sequence[Line]) -> list[str]:
    latest: dict[str, bool] = {}
    wanted = (
        select(Statement.insutypes, Comparison.balanced)
        .join(Comparison, Comparison.hospital_id == Statement.id)
        .where(*_same_bucket(period), ~Statement.has_lines)
        .order_by(Comparison.id)
    )
    for insutypes, balanced in session.execute(wanted):
        latest |= dict.fromkeys(insutypes, balanced)
    if not latest:
        return books.insutypes(session, period)
    unequal = {insutype for insutype, balanced in latest.items() if not balanced}
    return sorted(unequal | books.insutypes_of(session, period, [line.setl_id for line in lines]))


def _same_bucket(period: Period) -> tuple[ColumnElement[bool], ...]:
    return (
        Statement.organisation_id == period.organisation_id,
        Statement.day_from == period.day_from,
        Statement.day_to == period.day_to,
        Statement.clr_type == period.clr_type,
        Statement.office == period.office,
    )


def _listed_elsewhere(session: Session, period: Period, setl_ids: Sequence[str]) -> dict[str, Elsewhere]:
    """Settlements that the hospital lists, but under another day or another bucket."""
    wanted = (
        select(StatementLine.setl_id, Statement.day_from, Statement.day_to, Statement.clr_type)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.side == "hospital",
            Statement.organisation_id == period.organisation_id,
            StatementLine.setl_id.in_(setl_ids),
        )
        .order_by(Statement.id)
    )
    found = {}
    for setl_id, day_from, day_to, clr_type in session.execute(wanted):
        same_period = (day_from, day_to) == (period.day_from, period.day_to)
        if same_period and clr_type == period.clr_type:
            continue
        found[setl_id] = Elsewhere(same_period, day_from, clr_type)
    return found


def _comparison(
    session: Session, caller: Caller, period: Period, hospital: Statement, insurer: Statement, *, balanced: bool
) -> Comparison:
    made = Comparison(
        organisation_id=period.organisation_id,
        hospital_id=hospital.id,
        insurer_id=insurer.id,
        balanced=balanced,
        made_at=caller.at,
    )
    session.add(made)
    session.flush()
    return made
