"""The ledger against the journal of messages: what stands in a row, and what was said over the wire about it.

3202 compares three amounts. Here every amount of every settlement of a day is held against the answer that its message
got, and against what a platform further up answered us. A row that somebody changed behind the hub's back shows, though
it foots. The doors know their own words; which message a settlement came by is known here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import exchange, trust
from hub.reconciliation.breaches import Unbalanced, note_breaches
from hub.settlement import AMOUNTS, Settlement
from hub.settlement.upstream import Forwarded
from hub.trust import Caller, require

PAGE = 500
RULE = "journal."
"""Before the name of the amount that differs: the rule of a breach between row and message."""


@dataclass(frozen=True, slots=True)
class Told:
    """A settlement's amounts in fen, by our names, and every answer about it that is kept."""

    id: int
    undoes: int | None
    organisation_id: str
    msgid: str
    amounts: Mapping[str, int]
    sent: tuple[tuple[str, str, bytes], ...]
    """Door, kind of message, and our answer's bytes."""
    received: tuple[tuple[str, Mapping[str, Any]], ...]
    """Transaction and what a platform answered."""


@dataclass(slots=True)
class Journal:
    """A day held against the journal: settlements looked at, answers found for them, amounts that differ."""

    settlements: int = 0
    answers: int = 0
    differing: list[tuple[int, str, Unbalanced]] = field(default_factory=list)
    """Settlement, message id, and the amount that differs."""


def told(session: Session, caller: Caller, *, day: date, after: int) -> list[Told]:
    """A page of the day's settlements behind an id, each with the answers kept of it. Refuses: NotAllowed."""
    require(caller, "reconciliation.read")
    t = Settlement
    columns = [t.id, t.undoes, t.organisation_id, t.msgid, *(getattr(t, name) for name in AMOUNTS)]
    wanted = select(*columns).where(t.settled_on == day, t.id > after).order_by(t.id).limit(PAGE)
    rows = session.execute(wanted).all()
    answers = _answers(session, {(row.organisation_id, row.msgid) for row in rows})
    platforms = _platforms(session, [row.id for row in rows])
    return [
        Told(
            row.id,
            row.undoes,
            row.organisation_id,
            row.msgid,
            {name: int(getattr(row, name)) for name in AMOUNTS},
            tuple(answers[row.organisation_id, row.msgid]),
            tuple(platforms[row.id]),
        )
        for row in rows
    ]


def note_differing(
    session: Session, caller: Caller, *, row: Told, direction: str, infno: str, said: Mapping[str, tuple[str, int]]
) -> list[Unbalanced]:
    """Keep every amount that a message says otherwise than the row: `said` is element and fen by our names.

    It becomes an item of reconciliation that a clerk explains; found again it adds nothing. Refuses: NotAllowed.
    """
    require(caller, "reconciliation.write")
    found = [
        Unbalanced(RULE + name, element, fen, row.amounts[name])
        for name, (element, fen) in said.items()
        if fen != row.amounts[name]
    ]
    note_breaches(
        session,
        caller,
        organisation_id=row.organisation_id,
        direction=direction,
        infno=infno,
        msgid=row.msgid,
        found=found,
    )
    return found


def _answers(session: Session, named: set[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[str, str, bytes]]]:
    """Good answers by institution and message id; only what its own systems were answered counts."""
    senders = {
        sender: organisation_id
        for organisation_id in {organisation_id for organisation_id, _ in named}
        for sender in trust.systems_of(session, organisation_id)
    }
    found: dict[tuple[str, str], list[tuple[str, str, bytes]]] = defaultdict(list)
    keys = sorted({msgid for _, msgid in named})
    for message in exchange.answered(session, senders=list(senders), keys=keys):
        organisation_id = senders[message.sender]
        if message.key and message.answer and (organisation_id, message.key) in named:
            found[organisation_id, message.key].append((message.door, message.kind, message.answer))
    return found


def _platforms(session: Session, settlement_ids: Sequence[int]) -> dict[int, list[tuple[str, Mapping[str, Any]]]]:
    wanted = select(Forwarded.settlement_id, Forwarded.infno, Forwarded.answer).where(
        Forwarded.settlement_id.in_(settlement_ids), Forwarded.answer.is_not(None)
    )
    found: dict[int, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for settlement_id, infno, answer in session.execute(wanted):
        found[settlement_id].append((infno, answer))
    return found
