"""Taking in what the two sides say: files, totals, lines, each with its hash and time of receipt."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from hub import directory
from hub.faults import Conflict, Forbidden, Invalid, Refused, Unknown
from hub.reconciliation.matching import Line
from hub.reconciliation.tables import Statement, StatementFile, StatementLine
from hub.trust import Caller, require
from hub.units import Money

LONGEST_PERIOD = timedelta(days=31)


class StatementFileUnknown(Unknown):
    zh = "查不到文件查询号 {file_id} 对应的文件。请先用 9101 上传。"
    en = "There is no file {file_id}. Upload it first."


class StatementFileExpired(Conflict):
    zh = "文件 {file_id} 的下载截止时间 {expires_at} 已过。请重新对账。"
    en = "File {file_id} could be fetched until {expires_at}. Send the statement again."


class StatementDoesNotFoot(Invalid):
    zh = "{element} 与明细不符：报文为 {found}，明细合计为 {allowed}。请核对后整批重传。"
    en = "{element} does not foot: the message says {found}, the lines add up to {allowed}."


class PeriodTooLong(Refused):
    zh = "对账期间 {day_from} 至 {day_to} 过长，最多 {days} 天。"
    en = "The period {day_from} to {day_to} is too long; at most {days} days."


class ForeignBooks(Forbidden):
    zh = "只能核对本机构的账，不能查看机构 {organisation_id} 的账。"
    en = "You may reconcile the books of your own institution, not those of {organisation_id}."


@dataclass(frozen=True, slots=True)
class Period:
    """Whose money, which days by the insurer's settlement time, which clearing bucket."""

    organisation_id: str
    day_from: date
    day_to: date
    clr_type: str
    office: str


@dataclass(frozen=True, slots=True)
class Amounts:
    """Sums of a statement: fen, and the number of lines (a refund is a line of its own)."""

    fee: int = 0
    fund: int = 0
    account: int = 0
    count: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.fee + other.fee, self.fund + other.fund, self.account + other.account, self.count + other.count
        )

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.fee - other.fee, self.fund - other.fund, self.account - other.account, self.count - other.count
        )


NOTHING = Amounts()


def sum_of(lines: Iterable[Line]) -> Amounts:
    total = NOTHING
    for line in lines:
        total += Amounts(line.fee, line.fund, line.account, 1)
    return total


def amounts_of(row: Statement) -> Amounts:
    """What a statement adds up to."""
    return Amounts(int(row.fee), int(row.fund), int(row.account), row.count)


def keep_file(
    session: Session, caller: Caller, *, organisation_id: str, name: str, content: bytes, expires_at: datetime
) -> StatementFile:
    """Store a statement file, one received or one made to be fetched. Refuses: NotAllowed, ForeignBooks."""
    require(caller, "reconciliation.write")
    require_books(session, caller, organisation_id)
    row = StatementFile(
        organisation_id=organisation_id,
        name=name,
        content=content,
        digest=hashlib.sha256(content).digest(),
        received_at=caller.at,
        received_from=caller.id,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row


def file(session: Session, caller: Caller, *, file_id: int) -> StatementFile:
    """A stored file of the caller's own. Refuses: NotAllowed, StatementFileUnknown, StatementFileExpired."""
    require(caller, "reconciliation.read")
    row = session.get(StatementFile, file_id)
    if row is None or row.organisation_id != caller.organisation_id:
        raise StatementFileUnknown(file_id=file_id)
    if row.expires_at < caller.at:
        raise StatementFileExpired(file_id=file_id, expires_at=row.expires_at.isoformat(timespec="seconds"))
    return row


def require_books(session: Session, caller: Caller, organisation_id: str) -> None:
    """An institution sees its own books, the bureau everybody's. Refuses: ForeignBooks."""
    if caller.organisation_id == organisation_id or caller.kind == "job":
        return
    own = caller.organisation_id
    if own is None or directory.organisation(session, own).tier != "bureau":
        raise ForeignBooks(organisation_id=organisation_id)


def check_period(period: Period) -> None:
    """Refuses: Invalid, PeriodTooLong."""
    if period.day_to < period.day_from:
        raise Invalid(element="stmt_enddate", found=period.day_to, allowed=f"{period.day_from} 或以后")
    if period.day_to - period.day_from > LONGEST_PERIOD:
        raise PeriodTooLong(day_from=period.day_from, day_to=period.day_to, days=LONGEST_PERIOD.days)


def check_foots(stated: Amounts, lines: Sequence[Line]) -> None:
    """The totals of a statement are the sums of its lines, to the fen. Refuses: StatementDoesNotFoot."""
    summed = sum_of(lines)
    for element, said, found in (
        ("medfee_sumamt", Money(stated.fee), Money(summed.fee)),
        ("fund_pay_sumamt", Money(stated.fund), Money(summed.fund)),
        ("fixmedins_setl_cnt", stated.count, summed.count),
    ):
        if said != found:
            raise StatementDoesNotFoot(element=element, found=said, allowed=str(found))


def take_in(
    session: Session,
    *,
    side: str,
    period: Period,
    insutypes: Sequence[str],
    amounts: Amounts,
    at: datetime,
    by: str,
    lines: Sequence[Line] | None = None,
    file: StatementFile | None = None,
) -> Statement:
    """Store one side's word. Its hash is the file's, or that of totals and lines as they stand here."""
    row = Statement(
        side=side,
        organisation_id=period.organisation_id,
        day_from=period.day_from,
        day_to=period.day_to,
        insutypes=list(insutypes),
        clr_type=period.clr_type,
        office=period.office,
        has_lines=lines is not None,
        fee=Money(amounts.fee),
        fund=Money(amounts.fund),
        account=Money(amounts.account),
        count=amounts.count,
        file_id=file.id if file else None,
        digest=file.digest if file else _digest(period, amounts, lines or ()),
        received_at=file.received_at if file else at,
        received_from=by,
    )
    session.add(row)
    session.flush()
    if lines:
        session.execute(insert(StatementLine), _rows(row.id, lines))
    return row


def lines_of(session: Session, statement_id: int) -> list[Line]:
    """A statement's lines in their order."""
    wanted = select(StatementLine).where(StatementLine.statement_id == statement_id).order_by(StatementLine.number)
    return [
        Line(x.setl_id, x.mdtrt_id, x.psn_no, int(x.fee), int(x.fund), int(x.account), x.refund, x.msgid)
        for x in session.scalars(wanted)
    ]


def _rows(statement_id: int, lines: Sequence[Line]) -> list[dict[str, object]]:
    return [
        {
            "statement_id": statement_id,
            "number": number,
            "setl_id": line.setl_id,
            "mdtrt_id": line.mdtrt_id,
            "psn_no": line.psn_no,
            "msgid": line.msgid,
            "fee": Money(line.fee),
            "fund": Money(line.fund),
            "account": Money(line.account),
            "refund": line.refund,
        }
        for number, line in enumerate(lines, start=1)
    ]


def _digest(period: Period, amounts: Amounts, lines: Sequence[Line]) -> bytes:
    digest = hashlib.sha256(repr((period, amounts)).encode())
    for line in lines:
        digest.update(repr(line).encode())
    return digest.digest()
