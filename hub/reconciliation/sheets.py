"""A hospital's own sheet of a day: which of its columns says what, the sheets taken in, and what stands of them.

A sheet speaks for the hospital's whole day. It becomes the hospital's side as lines sent by 3202 do: one statement
for each clearing bucket, also for those of which the insurer has something and the sheet has nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import directory
from hub.db import Base, identity
from hub.faults import Conflict, Invalid, Missing, Problem, Refused, Unknown, within
from hub.reconciliation import books
from hub.reconciliation.books import Bucket
from hub.reconciliation.comparing import Compared, begin, compare_listed, list_lines
from hub.reconciliation.matching import Line
from hub.reconciliation.statements import Period, amounts_of, keep_file, require_books
from hub.reconciliation.tables import Break, Comparison, Statement, StatementFile
from hub.trust import Caller, require
from hub.units import day_of

FIELDS = ("setl_id", "fee", "fund", "account", "day", "refund", "mdtrt_id", "psn_no", "clr_type", "office")
"""What a column of a sheet may say, in the words of a statement's line; `refund` whether the row takes back."""
NEEDED = FIELDS[:4]
LONGEST_HEADING = 60
LONGEST_REASON = 500
KEPT = timedelta(days=3650)
"""How long a sheet can be fetched as it came."""
UNKNOWN_CLASS = "11"
"""The clearing class of a settlement that only the hospital knows, and does not say the class of."""


class SheetColumns(Base):
    """Which column of a hospital's sheet says what, from `kept_at` on. The newest row is the one that counts."""

    __tablename__ = "sheet_columns"
    __append_only__ = True

    id: Mapped[int] = identity()
    organisation_id: Mapped[str] = mapped_column(index=True)
    columns: Mapped[dict[str, Any]]
    totals: Mapped[bool]
    kept_at: Mapped[datetime]
    kept_by: Mapped[str]


class Sheet(Base):
    """A file that a hospital sent as its books of a day. The newest of a day stands; each names the one it replaced."""

    __tablename__ = "sheet"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("replaces"),
        Index("sheet_first_of_day_idx", "organisation_id", "day", unique=True, postgresql_where="replaces IS NULL"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    day: Mapped[date]
    file_id: Mapped[int] = mapped_column(ForeignKey("statement_file.id"))
    columns_id: Mapped[int] = mapped_column(ForeignKey("sheet_columns.id"))
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    lines: Mapped[int]
    replaces: Mapped[int | None] = mapped_column(ForeignKey("sheet.id"))
    reason: Mapped[str]
    received_at: Mapped[datetime]
    received_from: Mapped[str]


class ColumnsNotMapped(Refused):
    zh = "机构 {organisation_id} 还没有说明账单的哪一列是什么。请先设定一次列的对应。"
    en = "It has not been said which column of the sheets of {organisation_id} is what. Say so once, then send sheets."


class SheetUnknown(Unknown):
    zh = "查不到编号为 {sheet_id} 的医院账单。"
    en = "There is no hospital's sheet {sheet_id}."


class SheetStands(Conflict):
    zh = "{day} 已有账单 {sheet_id}“{name}”。要用这份替换它，请指明替换 {sheet_id} 并写明原因；原账单会保留。"
    en = "Sheet {sheet_id} '{name}' stands for {day}. To replace it, name it and say why; the earlier one is kept."


class SheetDoesNotStand(Conflict):
    zh = "账单 {sheet_id} 不是 {day} 现行的账单，不能替换。现行的是：{standing}。"
    en = "Sheet {sheet_id} is not the one that stands for {day}, which is: {standing}."


@dataclass(frozen=True, slots=True)
class Listed:
    """A line as a sheet lists it; the clearing class and office are empty where the sheet has no column for them."""

    line: Line
    clr_type: str = ""
    office: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A sheet and what comparing it gave; `unchanged` when the very same file stood already."""

    sheet: Sheet
    compared: tuple[tuple[Period, Compared], ...]
    unchanged: bool = False


def keep_columns(
    session: Session, caller: Caller, *, organisation_id: str, columns: Mapping[str, str], totals: bool
) -> SheetColumns:
    """Say which heading stands over which field; `totals` whether a sheet must end with a row of totals.

    Said again it changes nothing. Refuses: NotAllowed, ForeignBooks, Invalid, Missing.
    """
    require(caller, "reconciliation.write")
    require_books(session, caller, organisation_id)
    directory.organisation(session, organisation_id)
    for field, heading in columns.items():
        if field not in FIELDS:
            raise Invalid(element="columns", found=field[:40], allowed=", ".join(FIELDS), problem=Problem.CODE)
        within(heading, LONGEST_HEADING, element=f"columns.{field}")
    said = {field: columns[field].strip() for field in FIELDS if columns.get(field, "").strip()}
    for field in NEEDED:
        if field not in said:
            raise Missing(element=f"columns.{field}")
    for field, heading in said.items():
        if list(said.values()).count(heading) > 1:
            raise Invalid(element=f"columns.{field}", found=heading, allowed="1 × 1")
    standing = _columns(session, organisation_id)
    if standing is not None and (standing.columns, standing.totals) == (said, totals):
        return standing
    row = SheetColumns(
        organisation_id=organisation_id, columns=said, totals=totals, kept_at=caller.at, kept_by=caller.id
    )
    session.add(row)
    session.flush()
    return row


def columns_of(session: Session, caller: Caller, *, organisation_id: str) -> SheetColumns:
    """Which column is what now. Refuses: NotAllowed, ForeignBooks, ColumnsNotMapped."""
    require(caller, "reconciliation.read")
    require_books(session, caller, organisation_id)
    row = _columns(session, organisation_id)
    if row is None:
        raise ColumnsNotMapped(organisation_id=organisation_id)
    return row


def take_in_sheet(
    session: Session,
    caller: Caller,
    *,
    columns: SheetColumns,
    day: date,
    name: str,
    content: bytes,
    listed: Sequence[Listed],
    replaces: int | None = None,
    reason: str = "",
) -> Taken:
    """A sheet, read by `columns`, as the hospital's side of a day, and compared at once.

    The same file again changes nothing; another for the same day must name the one it replaces and say why.
    Refuses: NotAllowed, ForeignBooks, Invalid, Missing, SheetStands, SheetDoesNotStand.
    """
    organisation_id = columns.organisation_id
    begin(session, caller, Period(organisation_id, day, day, "", ""))
    if day > day_of(caller.at):
        raise Invalid(element="day", found=day, allowed=f"≤ {day_of(caller.at)}")
    within(reason, LONGEST_REASON, element="reason")
    standing = _standing(session, organisation_id, day)
    digest = hashlib.sha256(content).digest()
    if standing is not None and (standing.digest, standing.columns_id) == (digest, columns.id):
        return Taken(standing, tuple(_compared(session, standing)), unchanged=True)
    if standing is not None and replaces is None:
        raise SheetStands(day=day, sheet_id=standing.id, name=standing.name)
    if replaces is not None and (standing is None or standing.id != replaces):
        raise SheetDoesNotStand(sheet_id=replaces, day=day, standing=standing.id if standing else "–")
    if replaces is not None and not reason.strip():
        raise Missing(element="reason")
    file = keep_file(
        session, caller, organisation_id=organisation_id, name=name, content=content, expires_at=caller.at + KEPT
    )
    sheet = Sheet(
        organisation_id=organisation_id,
        day=day,
        file_id=file.id,
        columns_id=columns.id,
        name=name,
        digest=digest,
        lines=len(listed),
        replaces=replaces,
        reason=reason.strip(),
        received_at=caller.at,
        received_from=caller.id,
    )
    session.add(sheet)
    session.flush()
    taken = []
    for (clr_type, office), lines in sorted(_by_bucket(session, organisation_id, day, listed).items()):
        period = Period(organisation_id, day, day, clr_type, office)
        taken.append((period, list_lines(session, caller, period, lines, file), lines))
    # Compared when all are there: what one bucket lacks may stand in another.
    compared = [(period, compare_listed(session, caller, period, row, lines)) for period, row, lines in taken]
    return Taken(sheet, tuple(compared))


def sheets_of(
    session: Session, caller: Caller, *, organisation_id: str, day_from: date, day_to: date
) -> Sequence[tuple[Sheet, bool]]:
    """A hospital's sheets of some days, newest first, each with whether it stands.

    Refuses: NotAllowed, ForeignBooks.
    """
    require(caller, "reconciliation.read")
    require_books(session, caller, organisation_id)
    wanted = select(Sheet).where(Sheet.organisation_id == organisation_id, Sheet.day.between(day_from, day_to))
    rows = session.scalars(wanted.order_by(Sheet.day.desc(), Sheet.id.desc())).all()
    replaced = {row.replaces for row in rows}
    return [(row, row.id not in replaced) for row in rows]


def sheet_as_it_came(session: Session, caller: Caller, *, sheet_id: int) -> StatementFile:
    """The file of a sheet, byte for byte. Refuses: NotAllowed, SheetUnknown also for one of somebody else."""
    require(caller, "reconciliation.read")
    row = session.get(Sheet, sheet_id)
    own = caller.organisation_id
    if (
        row is None
        or own is None
        or (row.organisation_id != own and directory.organisation(session, own).tier != "bureau")
    ):
        raise SheetUnknown(sheet_id=sheet_id)
    return session.get_one(StatementFile, row.file_id)


def _by_bucket(
    session: Session, organisation_id: str, day: date, listed: Sequence[Listed]
) -> dict[tuple[str, str], list[Line]]:
    """The lines by clearing class and office: the sheet's own word, else that of the insurer's answer."""
    ledger = books.totals(session, day, day, organisation_id).get((organisation_id, day), {})
    found: dict[tuple[str, str], list[Line]] = {(bucket.clr_type, bucket.office): [] for bucket in ledger}
    unsaid = [each.line.setl_id for each in listed if not (each.clr_type and each.office)]
    known = books.buckets_of(session, organisation_id, unsaid)
    home = next(iter(found), (UNKNOWN_CLASS, directory.organisation(session, organisation_id).district[:4] + "00"))[1]
    stranger = Bucket("", UNKNOWN_CLASS, home)
    for each in listed:
        bucket = known.get(each.line.setl_id, stranger)
        found.setdefault((each.clr_type or bucket.clr_type, each.office or bucket.office), []).append(each.line)
    return found


def _columns(session: Session, organisation_id: str) -> SheetColumns | None:
    own = select(SheetColumns).where(SheetColumns.organisation_id == organisation_id)
    return session.scalars(own.order_by(SheetColumns.id.desc()).limit(1)).first()


def _standing(session: Session, organisation_id: str, day: date) -> Sheet | None:
    wanted = select(Sheet).where(Sheet.organisation_id == organisation_id, Sheet.day == day)
    return session.scalars(wanted.order_by(Sheet.id.desc()).limit(1)).first()


def _compared(session: Session, sheet: Sheet) -> list[tuple[Period, Compared]]:
    """What a sheet's statements were last compared with."""
    newest = (
        select(func.max(Comparison.id))
        .join(Statement, Statement.id == Comparison.hospital_id)
        .where(Statement.file_id == sheet.file_id)
        .group_by(Statement.id)
    )
    rows = session.scalars(select(Comparison).where(Comparison.id.in_(newest)).order_by(Comparison.id))
    return [_again(session, row) for row in rows]


def _again(session: Session, row: Comparison) -> tuple[Period, Compared]:
    hospital, insurer = (session.get_one(Statement, each) for each in (row.hospital_id, row.insurer_id))
    breaks = session.scalars(select(Break).where(Break.comparison_id == row.id).order_by(Break.id))
    period = Period(hospital.organisation_id, hospital.day_from, hospital.day_to, hospital.clr_type, hospital.office)
    return period, Compared(row, amounts_of(hospital), amounts_of(insurer), tuple(breaks))
