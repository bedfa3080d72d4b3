"""2207 and 2304: settlements that arrive at the same moment share a transaction, from sign-in to audit.

A batch asks each table once: who signed, whom and what they name, then the hub's own batch; then one
statement for what was heard and answered and one for the audit. The settlement's own key decides
between two copies of a message, so a repeat is answered with what its first copy got.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from adapters import door
from adapters.gather import Gatherer
from adapters.nhsa import envelope, identities, refusing, settling
from adapters.nhsa.arriving import DOOR, Knocking, asked_by, believed, read
from adapters.nhsa.forwarding import Upward
from adapters.nhsa.gateway import GatewayRefused
from adapters.nhsa.tables import transaction
from adapters.nhsa.verbs import Asked, Done, Said
from hub import exchange, settlement, trust
from hub.coverage import SettledUpstream
from hub.db import PLAN_ONCE, Statement, run_together
from hub.faults import Fault
from hub.settlement import KeyTaken, Naming, Order, Settlement, TotalDiffers, Window
from hub.trust import Caller

SETTLES = frozenset({"2207", "2304"})


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes of an answer, and the word for it in the log: "ok" or the code of a Fault."""

    content: bytes
    outcome: str


@dataclass(slots=True)
class Waiting:
    """One settlement on its way through a batch; what is known of it grows, `end` is what became of it."""

    came: Knocking
    said: Said
    asked: Asked | None = None
    window: Window | None = None
    order: Order | None = None
    end: Done | Fault | GatewayRefused | None = None
    kept: bytes | None = None

    def begin_again(self) -> None:
        """A batch that the database asked to be repeated begins from the start."""
        self.asked = self.window = self.order = self.end = self.kept = None


Answer = Reply | GatewayRefused | Upward
"""What becomes of a call in its batch; who is settled further up is carried there afterwards, alone."""

_gatherer: Gatherer[Waiting, Answer] | None = None


def offered() -> bool:
    """Whether settlements are gathered in this process."""
    return door.settings().writer_threads > 0


def waiting(came: Knocking) -> Waiting | None:
    """A call ready to wait; None when it is not a whole settlement, so that the ordinary way says what is wrong."""
    try:
        return Waiting(came, read(came)) if came.infno in SETTLES else None
    except Fault:
        return None


async def outcome(one: Waiting) -> Reply | Upward:
    """The answer, once the batch is committed. Raises GatewayRefused. Refuses: QueueFull, WaitedTooLong."""
    global _gatherer
    if _gatherer is None:
        _gatherer = Gatherer("nhsa.settle", settle_together)
    answered = await asyncio.wrap_future(_gatherer.submit(one))
    if isinstance(answered, GatewayRefused):
        raise answered
    return answered


def settle_together(session: Session, batch: Sequence[Waiting]) -> list[Answer]:
    """Every call of a batch answered: settled, refused, turned away at the gate, or to be carried further up."""
    for one in batch:
        one.begin_again()
    _believe_and_look(session, batch)
    writes = _settle(session, _open(batch))
    return _answer(session, batch, writes)


def _open(batch: Sequence[Waiting]) -> list[Waiting]:
    return [one for one in batch if one.end is None]


def _believe_and_look(session: Session, batch: Sequence[Waiting]) -> None:
    """Who signed each, whom and what it names, and what it charges; what it names counts once it is believed."""
    named = [_named(one) for one in batch]
    namings = [naming for naming in named if isinstance(naming, Naming)]
    keys = trust.asking_keyed({one.came.knock.access_key for one in batch})
    _, holders, rows = run_together(session, [PLAN_ONCE, keys, settlement.asking_windows(namings)])
    known, found = trust.keyed_in(holders, batch[0].came.arrived), iter(rows)
    for one, naming in zip(batch, named, strict=True):
        row = next(found) if isinstance(naming, Naming) else None
        try:
            one.asked = asked_by(believed(one.came, known), one.said)
            if isinstance(naming, Fault):
                raise naming
            _order(one, settlement.windows_in([row], [replace(naming, caller=one.asked.caller)])[0])
        except (Fault, GatewayRefused) as refused:
            one.end = refused


def _named(one: Waiting) -> Naming | Fault:
    said = one.said
    try:
        return settling.naming(Asked(_nobody(one.came), said.request, said.region, said.nodes))
    except Fault as refused:
        return refused


def _order(one: Waiting, window: Window | Fault) -> None:
    """Refuses: what `windows` and `charge_of` refuse."""
    if isinstance(window, Fault):
        raise window
    one.window, request = window, one.said.request
    one.order = Order(one.asked.caller, settling.charge_of(one.asked, window), request.msgid, request.content_hash)


def _settle(session: Session, batch: Sequence[Waiting]) -> list[Statement]:
    """Answers what is still to be written for the settlements."""
    rows, writes = settlement.settling_many(session, [one.order for one in batch]) if batch else ([], [])
    for one, row in zip(batch, rows, strict=True):
        if isinstance(row, TotalDiffers):
            one.end = settling.in_our_words(row)
        elif isinstance(row, KeyTaken):
            one.end = KeyTaken(**row.facts | {"element": _differing(session, one)})
        elif isinstance(row, Fault):
            one.end = row
        else:
            one.end = settling.told(one.asked, one.window, row)
            identities.watch_sent(session, one.asked, one.end.output)
            one.kept = _answered_before(session, one, row)
    return writes


def _differing(session: Session, one: Waiting) -> str:
    """Where a message differs from the one that used its id before it."""
    copies = exchange.earlier(session, sender=one.asked.caller.id, door=DOOR, key=one.said.request.msgid)
    good = next((copy for copy in copies if copy.outcome == exchange.GOOD), None)
    return envelope.differing(good, one.said.request, one.came.body)


def _answered_before(session: Session, one: Waiting, row: Settlement) -> bytes | None:
    """What the first copy of this very message was answered, byte for byte."""
    caller, request = one.asked.caller, one.said.request
    if row.settled_at == caller.at or row.msgid != request.msgid:
        return None
    copies = exchange.earlier(session, sender=caller.id, door=DOOR, key=request.msgid)
    good = (c.answer for c in copies if c.outcome == "ok" and c.content_hash == request.content_hash)
    return next(good, None)


def _answer(session: Session, batch: Sequence[Waiting], writes: list[Statement]) -> list[Answer]:
    heard, audited, replies = [], [], []
    first: dict[tuple[str, str, bytes], Reply] = {}
    for one in batch:
        if isinstance(one.end, GatewayRefused):
            replies.append(one.end)
            continue
        if isinstance(one.end, SettledUpstream):
            replies.append(Upward(one.came))
            continue
        reply, fault = _reply(one)
        caller = one.asked.caller if one.asked else _nobody(one.came)
        request = one.said.request
        if fault is None:  # copies in one batch are answered alike, though nothing is stored of the first yet
            reply = first.setdefault((caller.id, request.msgid, request.content_hash), reply)
        replies.append(reply)
        heard.append(
            exchange.kept(
                caller,
                door=DOOR,
                kind=request.infno,
                key=request.msgid,
                body=one.came.body,
                content_hash=request.content_hash,
                answer=reply.content,
                outcome=reply.outcome,
                fault=refusing.told(fault, one.said.nodes) if fault else None,
            )
        )
        done = Done() if fault else one.end
        audited.append(
            trust.audit_row(
                caller,
                verb=f"nhsa.{request.infno}",
                outcome=reply.outcome,
                person_id=done.person_id,
                subject=done.subject,
            )
        )
    if heard:
        writes = [*writes, exchange.keeping(heard), trust.auditing(audited)]
    door.with_commit(session, writes)
    return replies


def _reply(one: Waiting) -> tuple[Reply, Fault | None]:
    spoken, at = one.said.region, one.came.arrived.at
    if isinstance(one.end, Fault):
        sentence = refusing.told(one.end, one.said.nodes)
        return Reply(envelope.refused(sentence, spoken=spoken, heard_at=at), one.end.code), one.end
    output = transaction(one.said.request.infno, spoken).write(one.end.output)
    return Reply(one.kept or envelope.accepted(output, spoken=spoken, heard_at=at), "ok"), None


def _nobody(came: Knocking) -> Caller:
    return Caller(kind="system", id=came.knock.access_key, at=came.arrived.at, trace=came.arrived.trace, door=DOOR)
