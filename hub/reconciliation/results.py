"""The result of comparing a hospital's lines, as a file with a deadline; one never fetched is a difference of its own.

A hospital that has not seen which lines differ mends none of them, so an unbalanced result that expires is asked about.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Select, select, update
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from hub.db import Base
from hub.reconciliation.breaks import note_event
from hub.reconciliation.matching import Kind
from hub.reconciliation.statements import keep_file
from hub.reconciliation.tables import BREAK, Break, Comparison, Statement, StatementFile
from hub.trust import Caller, require
from hub.units import CHINA


class StatementResult(Base):
    """Which comparison a result file tells, when it was first fetched, or when it was found to have expired."""

    __tablename__ = "statement_result"

    file_id: Mapped[int] = mapped_column(ForeignKey("statement_file.id"), primary_key=True, autoincrement=False)
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparison.id"), index=True)
    fetched_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]


def keep_result(
    session: Session, caller: Caller, *, comparison: Comparison, name: str, content: bytes, expires_at: datetime
) -> StatementFile:
    """Store what a comparison found, to be fetched until a time. Refuses: NotAllowed, ForeignBooks."""
    made = keep_file(
        session,
        caller,
        organisation_id=comparison.organisation_id,
        name=name,
        content=content,
        expires_at=expires_at,
    )
    session.add(StatementResult(file_id=made.id, comparison_id=comparison.id))
    session.flush()
    return made


def fetched(session: Session, caller: Caller, *, file_id: int) -> None:
    """Note that a file was fetched, if it is a result; the first time counts."""
    session.execute(
        update(StatementResult)
        .where(StatementResult.file_id == file_id, StatementResult.fetched_at.is_(None))
        .values(fetched_at=caller.at)
    )


def miss_results(session: Session, caller: Caller) -> list[Break]:
    """Name every unbalanced result that expired unfetched and was not followed by another; done twice, named once.

    Refuses: NotAllowed.
    """
    require(caller, "reconciliation.write")
    found = []
    for result, file, comparison, statement in session.execute(_missed(caller.at)):
        result.missed_at = caller.at
        row = Break(
            organisation_id=statement.organisation_id,
            day_from=statement.day_from,
            day_to=statement.day_to,
            clr_type=statement.clr_type,
            office=statement.office,
            setl_id=f"file/{file.id}",
            mdtrt_id="",
            kind=Kind.RESULT_EXPIRED.value,
            note=file.name,
            facts={"expires_at": f"{file.expires_at.astimezone(CHINA):%Y-%m-%d %H:%M}"},
            hospital_count=0,
            insurer_count=0,
            comparison_id=comparison.id,
            found_at=caller.at,
            state=BREAK.start,
        )
        session.add(row)
        session.flush()
        note_event(session, caller, row, "find", kind=row.kind)
        found.append(row)
    return found


def _missed(at: datetime) -> Select[StatementResult, StatementFile, Comparison, Statement]:
    later, other = aliased(Comparison), aliased(Statement)
    again = (
        select(later.id)
        .join(other, other.id == later.hospital_id)
        .where(
            later.id > Comparison.id,
            other.has_lines,
            other.organisation_id == Statement.organisation_id,
            other.day_from == Statement.day_from,
            other.day_to == Statement.day_to,
            other.clr_type == Statement.clr_type,
            other.office == Statement.office,
        )
        .exists()
    )
    return (
        select(StatementResult, StatementFile, Comparison, Statement)
        .join(StatementFile, StatementFile.id == StatementResult.file_id)
        .join(Comparison, Comparison.id == StatementResult.comparison_id)
        .join(Statement, Statement.id == Comparison.hospital_id)
        .where(
            StatementResult.fetched_at.is_(None),
            StatementResult.missed_at.is_(None),
            StatementFile.expires_at < at,
            ~Comparison.balanced,
            ~again,
        )
        .order_by(StatementResult.file_id)
        .with_for_update(of=StatementResult, skip_locked=True)
    )
