"""A whole day of the region at once: which statements stand, and what a bulk comparison found made into breaks.

The bulk comparison itself (who has equal lines) is done outside the database over exports of both sides; here are the
exports' questions, and the naming, by the same pure functions that a single statement is compared with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.reconciliation import books
from hub.reconciliation.books import Bucket
from hub.reconciliation.comparing import Compared, begin, differences_of, keep_comparison
from hub.reconciliation.matching import Line
from hub.reconciliation.statements import Amounts, Period, take_in
from hub.reconciliation.tables import Statement
from hub.trust import Caller, require

HOSPITAL_LINES = """
SELECT statement_id AS statement, setl_id, mdtrt_id, fee, fund, account, refund, msgid
  FROM statement_line WHERE statement_id = ANY({standing}::bigint[])"""
"""The hospitals' lines of the statements named, as an export reads them; psn_no is sealed and decides nothing."""

INSURER_LINES = """
SELECT w.id AS statement, coalesce(s.undoes, s.id)::text AS setl_id, s.visit_id::text AS mdtrt_id,
       s.total AS fee, s.fund, s.account, s.undoes IS NOT NULL AS refund, s.msgid
  FROM statement AS w
  JOIN settlement AS s ON s.organisation_id = w.organisation_id AND s.settled_on = w.day_from
   AND s.clr_type = w.clr_type AND s.clr_office = w.office AND w.insutypes ? s.insutype
 WHERE w.id = ANY({standing}::bigint[])"""
"""The ledger's lines for the same buckets, each with the statement it answers."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side has in a bucket: its sums, and the lines of the settlements over which the sides differ."""

    amounts: Amounts
    suspects: Sequence[Line]


def standing(session: Session, caller: Caller, *, day: date) -> list[Statement]:
    """The hospitals' statements with lines that stand for a day: the newest of every bucket. Refuses: NotAllowed."""
    require(caller, "reconciliation.read")
    wanted = select(Statement).where(
        Statement.side == "hospital", Statement.day_from == day, Statement.day_to == day, Statement.has_lines
    )
    covered: set[tuple[str, Bucket]] = set()
    found = []
    for row in session.scalars(wanted.order_by(Statement.id.desc())):
        buckets = {(row.organisation_id, Bucket(insutype, row.clr_type, row.office)) for insutype in row.insutypes}
        if not buckets & covered:
            covered |= buckets
            found.append(row)
    return sorted(found, key=lambda row: row.id)


def awaited(session: Session, caller: Caller, *, day: date, answered: Sequence[Statement]) -> dict[str, Amounts]:
    """What the ledger has of the day in buckets for which no lines have come, by institution. Refuses: NotAllowed."""
    require(caller, "reconciliation.read")
    covered = {
        (row.organisation_id, Bucket(insutype, row.clr_type, row.office))
        for row in answered
        for insutype in row.insutypes
    }
    missing: dict[str, Amounts] = {}
    for (organisation_id, _), buckets in books.totals(session, day, day, None).items():
        for bucket, amounts in buckets.items():
            if (organisation_id, bucket) not in covered:
                missing[organisation_id] = missing.get(organisation_id, Amounts()) + amounts
    return missing


def compare_standing(session: Session, caller: Caller, *, statement_id: int, hospital: Side, insurer: Side) -> Compared:
    """Name and keep the differences of a statement that stands; run again, it changes nothing that was decided.

    The insurer's statement keeps sums only: its lines are in the ledger. Refuses: NotAllowed, ForeignBooks.
    """
    stated = session.get_one(Statement, statement_id)
    period = Period(stated.organisation_id, stated.day_from, stated.day_to, stated.clr_type, stated.office)
    begin(session, caller, period)
    found = differences_of(session, period, hospital.suspects, insurer.suspects)
    ledger = take_in(
        session,
        side="insurer",
        period=period,
        insutypes=stated.insutypes,
        amounts=insurer.amounts,
        at=caller.at,
        by=books.LEDGER,
        lines=(),
    )
    made, breaks = keep_comparison(session, caller, period, stated, ledger, found)
    return Compared(made, hospital.amounts, insurer.amounts, tuple(breaks))
