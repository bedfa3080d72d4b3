"""What a difference rests on: both sides field by field, the hospital's lines and file, and the messages heard.

Files and messages are sealed at rest. They are unsealed only here, for one difference, and the door that shows them
audits it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub import exchange, trust
from hub.exchange import HeardMessage
from hub.reconciliation import books
from hub.reconciliation.breaks import break_of
from hub.reconciliation.causes import vectors
from hub.reconciliation.matching import Line
from hub.reconciliation.tables import Break, Comparison, Statement, StatementFile, StatementLine
from hub.settlement import Settlement
from hub.trust import Caller
from hub.units import CHINA, Money

MOST_MESSAGES = 12


@dataclass(frozen=True, slots=True)
class Field:
    """One field as each side has it, in words; None where the side says nothing of it."""

    name: str
    hospital: str | None
    insurer: str | None

    @property
    def differs(self) -> bool:
        """Both sides speak of it, and not the same."""
        return None not in (self.hospital, self.insurer) and self.hospital != self.insurer


@dataclass(frozen=True, slots=True)
class Evidence:
    """`file` is what the hospital sent its lines in, where it came as one; `settlements` are our side's rows."""

    difference: Break
    fields: tuple[Field, ...]
    statement: Statement
    lines: tuple[Line, ...]
    file: StatementFile | None
    settlements: tuple[Settlement, ...]
    messages: tuple[HeardMessage, ...]

    @property
    def person_id(self) -> int | None:
        return self.settlements[0].person_id if self.settlements else None


def evidence(session: Session, caller: Caller, *, break_id: int) -> Evidence:
    """Everything behind a difference. Refuses: NotAllowed, BreakUnknown."""
    row = break_of(session, caller, break_id=break_id)
    statement = session.get_one(Statement, session.get_one(Comparison, row.comparison_id).hospital_id)
    lines = _lines(session, statement, row)
    settlements = _settlements(session, row)
    return Evidence(
        difference=row,
        fields=tuple(_fields(session, row, statement, lines, settlements)),
        statement=statement,
        lines=tuple(lines),
        file=session.get(StatementFile, statement.file_id) if statement.file_id else None,
        settlements=tuple(settlements),
        messages=tuple(_messages(session, row, settlements)),
    )


def _fields(
    session: Session, row: Break, statement: Statement, lines: Sequence[Line], settlements: Sequence[Settlement]
) -> Iterator[Field]:
    theirs, ours = row.hospital_fee is not None, row.insurer_fee is not None
    first = settlements[0] if settlements else None
    yield Field("setl_id", row.setl_id if theirs else None, row.setl_id if ours else None)
    yield Field("mdtrt_id", lines[0].mdtrt_id if lines else None, str(first.visit_id) if first else None)
    numbers = books.psn_numbers(session, {first.person_id}) if first else {}
    our_number = numbers.get((first.person_id, first.insutype)) if first else None
    yield Field("psn_no", lines[0].psn_no if lines else None, our_number)
    day = str(row.day_from) if row.day_from == row.day_to else f"{row.day_from} / {row.day_to}"
    yield Field("day", day if theirs else row.facts.get("day"), str(first.settled_on) if first else None)
    insutype = statement.insutypes[0] if len(statement.insutypes) == 1 and theirs else None
    yield Field("insutype", insutype, first.insutype if first else None)
    yield Field("clr_type", row.clr_type if theirs else row.facts.get("clr_type"), first.clr_type if first else None)
    for name, hospital, insurer in vectors(row):
        if name == "count":
            yield Field(name, str(hospital) if theirs else None, str(insurer) if ours else None)
        else:
            yield Field(name, _yuan(hospital), _yuan(insurer))
    undone = str(sum(each.undoes is not None for each in settlements)) if first else None
    yield Field("refunded", str(sum(line.refund for line in lines)) if lines else None, undone)
    if first:
        yield Field("cash", None, str(Money(sum(each.cash for each in settlements))))
        yield Field("settled_at", None, f"{first.settled_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}")
        yield Field("msgid", None, first.msgid)


def _yuan(fen: int | None) -> str | None:
    return None if fen is None else str(Money(fen))


def _lines(session: Session, statement: Statement, row: Break) -> list[Line]:
    wanted = select(StatementLine).where(
        StatementLine.statement_id == statement.id, StatementLine.setl_id == row.setl_id
    )
    return [
        Line(x.setl_id, x.mdtrt_id, x.psn_no, int(x.fee), int(x.fund), int(x.account), x.refund, x.msgid)
        for x in session.scalars(wanted.order_by(StatementLine.number))
    ]


def _settlements(session: Session, row: Break) -> list[Settlement]:
    """The settlement and what undid it, as the ledger has them; nothing for a number that cannot be the ledger's."""
    ids = books.numbers([row.setl_id])
    wanted = select(Settlement).where(
        Settlement.organisation_id == row.organisation_id, or_(Settlement.id.in_(ids), Settlement.undoes.in_(ids))
    )
    return list(session.scalars(wanted.order_by(Settlement.id))) if ids else []


def _messages(session: Session, row: Break, settlements: Sequence[Settlement]) -> list[HeardMessage]:
    """What was heard under the message ids of our side, oldest first."""
    senders = trust.systems_of(session, row.organisation_id)
    keys = dict.fromkeys(each.msgid for each in settlements)
    found = [copy for key in keys for copy in exchange.earlier_of(session, senders=senders, key=key)]
    return sorted(found, key=lambda message: message.id)[:MOST_MESSAGES]
