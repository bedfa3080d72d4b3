"""A message comes in: stored first, worked on in a savepoint, answered, committed, and only then acknowledged.

Original mode is one transaction and one answer. Enhanced mode is two: the first stores the message and
gives the commit acknowledgement, the second does the verb; `sweep` finishes what was killed in between.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2 import acknowledgements, er7, peers, pid, structures, times
from adapters.hl7v2.acknowledgements import ACCEPTED, Complaint, Verdict
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Message, Unreadable, storable
from adapters.hl7v2.messages import CODES, EVERYWHERE, MESSAGES, Row, events_of
from adapters.hl7v2.mllp import KEPT_BYTES, LIMIT_BYTES, Oversized
from adapters.hl7v2.structures import FALLBACK, Finding, Location
from hub import exchange, trust
from hub.db import may_wait, run_later
from hub.exchange import Heard
from hub.faults import Fault, Invalid, Kind, Problem
from hub.trust import Caller, Door

DOOR = "hl7v2"
ORPHAN_AFTER = timedelta(seconds=30)
PROCESSING_IDS = ("P",)
NOTHING = Done()


def receive(raw: bytes, *, address: str) -> Iterator[bytes]:
    """The answers to one frame, in order; each is yielded once what it promises is committed.

    Nothing is yielded for an acknowledgement, or where MSH-15 and MSH-16 ask for nothing. The messages of a batch
    are done and answered one by one: one that is refused holds up none of the others.
    """
    arrival = door.arriving(DOOR)
    try:
        if (several := er7.batch(raw)) is not None:
            for one in several:
                yield from receive(one, address=address)
            return
        message = er7.read(raw)
    except Unreadable as trouble:
        _store_rubbish(raw, address, arrival, why=str(trouble))
        yield acknowledgements.unreadable(str(trouble), control_id=arrival.trace[:20], at=arrival.at)
        return
    if not (acknowledgements.is_acknowledgement(message) and message.code in ("ACK", "MCF", "RRI")):
        yield from Reception(message, arrival, address).answers()


def keep(body: bytes, why: str, *, address: str) -> tuple[()]:
    """Store what came outside any frame, or a frame cut before its end: there is nobody to answer."""
    _store_rubbish(body, address, door.arriving(DOOR), why=why)
    return ()


def refuse_oversized(event: Oversized, *, address: str) -> Iterator[bytes]:
    """AR for a message over the limit; its head, length and hash are kept."""
    arrival = door.arriving(DOOR)
    why = f"over the limit of {LIMIT_BYTES // 1024 // 1024} MB"
    _store_rubbish(event.head, address, arrival, why=why, length=event.length, digest=event.digest)
    try:
        message = er7.read(event.head)
    except Unreadable:
        yield acknowledgements.unreadable(why, control_id=arrival.trace[:20], at=arrival.at)
        return
    zh = f"报文超过 {LIMIT_BYTES // 1024 // 1024} MB 的上限，未受理。"
    verdict = Verdict("AR", (Complaint("207", "too-long", zh, f"The message is {why}."),))
    yield acknowledgements.acknowledge(message, verdict, control_id=arrival.trace[:20], at=arrival.at)


def _store_rubbish(
    head: bytes, address: str, arrival: Door, *, why: str, length: int | None = None, digest: bytes | None = None
) -> None:
    """Keep what is no message for operations to see, under the address it came from."""
    nobody = replace(door.nobody(arrival), id=address)
    digest = digest or hashlib.sha256(head).digest()

    def work(session: Session) -> None:
        heard = exchange.hear(
            session,
            nobody,
            door=DOOR,
            kind="?",
            key=None,
            body=head[:KEPT_BYTES],
            content_hash=digest,
            length=len(head) if length is None else length,
        )
        exchange.answer(session, heard, outcome="unreadable", answer=None, fault=why)
        trust.audit(session, nobody, verb="hl7v2.read", outcome="unreadable")

    door.transact(work)
    door.record(door.Call(DOOR, "hl7v2.read", address, "unreadable", arrival.trace), 0.0)


class _Refused(Exception):
    """The hub refused a message that was tried without a savepoint."""


class Reception:
    """One message on its way through the door."""

    def __init__(self, message: Message, arrival: Door, address: str) -> None:
        self.message, self.arrival, self.address = message, arrival, address
        self.row = MESSAGES.get((message.code, message.event))
        self.name = self.row.name if self.row else "hl7v2.refuse"
        self.done = NOTHING

    def answers(self) -> Iterator[bytes]:
        with door.logged(self.arrival) as call:
            call.verb, call.caller = self.name, f"{self.address} {self.message.header.text(4)}"
            if not acknowledgements.is_enhanced(self.message):
                verdict, answer = self._in_one()
                call.outcome = verdict.outcome
                yield answer
                return
            yield from self._in_two(call)

    def _in_one(self) -> tuple[Verdict, bytes]:
        """Original mode: hear, do, answer, in one transaction.

        Nearly every message is accepted, so it is tried without a savepoint first; what the hub refuses is rolled
        back whole and done again with one, from which its answer is stored.
        """
        try:
            with contextlib.suppress(_Refused):
                return door.transact(lambda session: self._heard_and_done(session, hopeful=True))
            return door.transact(lambda session: self._heard_and_done(session))
        except Fault as fault:
            return self._without_storing(acknowledgements.of_fault(fault), stranger=fault.kind is Kind.FORBIDDEN)
        except Exception:
            return self._bug()

    def _heard_and_done(self, session: Session, *, hopeful: bool = False) -> tuple[Verdict, bytes]:
        caller = self.caller(session)
        if hopeful:
            may_wait(session)
            if self.row and self.message["PID"]:
                pid.ask_ahead(session, caller, self.message["PID"])
        heard = self._hear(session, caller)
        if heard.repeat_answer is not None:
            exchange.answer(session, heard, answer=heard.repeat_answer)
            return ACCEPTED, heard.repeat_answer
        return self.work(session, caller, heard, hopeful=hopeful)

    def _in_two(self, call: door.Call) -> Iterator[bytes]:
        """Enhanced mode: what can be seen without the database decides between CA, CE and CR."""
        refusal = judge(self.message, self.row)
        try:
            caller, heard = door.transact(lambda session: self._store(session, refusal))
        except Fault as fault:
            verdict, answer = self._without_storing(
                acknowledgements.of_fault(fault), stranger=fault.kind is Kind.FORBIDDEN, commit=True
            )
            call.outcome = verdict.outcome
            if acknowledgements.wants(self.message, verdict, 15):
                yield answer
            return
        verdict = refusal or ACCEPTED
        call.outcome = verdict.outcome
        if acknowledgements.wants(self.message, verdict, 15):
            yield self._acknowledge(verdict, f"C{heard.id}", commit=True)
        if refusal:
            return
        if heard.repeat_answer is not None:
            answer = heard.repeat_answer
        else:
            verdict, answer = self.finish(caller, heard)
            call.outcome = verdict.outcome
        if answer and acknowledgements.wants(self.message, verdict, 16):
            yield answer

    def _store(self, session: Session, refusal: Verdict | None) -> tuple[Caller, Heard]:
        caller = self.caller(session)
        heard = self._hear(session, caller)
        if heard.repeat_answer is not None:
            exchange.answer(session, heard, answer=heard.repeat_answer)
        elif refusal:
            self._record(session, caller, heard, refusal, self._acknowledge(refusal, f"C{heard.id}", commit=True))
        return caller, heard

    def finish(self, caller: Caller, heard: Heard) -> tuple[Verdict, bytes]:
        """The second half of enhanced mode."""

        def work(session: Session) -> tuple[Verdict, bytes]:
            if exchange.claim(session, heard):
                return self.work(session, caller, heard)
            return ACCEPTED, exchange.heard(session, heard.id).answer or b""

        try:
            return door.transact(work)
        except Fault as fault:
            verdict = acknowledgements.of_fault(fault)
            return verdict, self._acknowledge(verdict, f"A{heard.id}")
        except Exception:
            door.log.exception("bug", door=DOOR, verb=self.name, trace=self.arrival.trace)
            verdict = acknowledgements.internal_error(self.arrival.trace)
            answer = self._acknowledge(verdict, f"A{heard.id}")
            door.transact(lambda session: self._record(session, caller, heard, verdict, answer))
            return verdict, answer

    def work(self, session: Session, caller: Caller, heard: Heard, *, hopeful: bool = False) -> tuple[Verdict, bytes]:
        """The verb in a savepoint; its answer, or that of the Fault which undid it, stored. Hopeful: no savepoint."""
        self.done, verdict = NOTHING, judge(self.message, self.row)
        if verdict is None:
            assert self.row is not None
            try:
                with contextlib.nullcontext() if hopeful else session.begin_nested():
                    self.done = self.row.verb(session, caller, self.message)
                verdict = _accepted(self.message, self.done.warnings)
                self._do_what_waited(session, caller, hopeful)
            except Fault as fault:
                if hopeful:
                    raise _Refused from fault
                verdict = acknowledgements.of_fault(_in_our_words(fault, self.row))
        refusal = self.row.refusal(self.message) if self.row and self.row.refusal else None
        reply = self.done.reply if verdict.code == "AA" else refusal
        answer = acknowledgements.acknowledge(
            self.message, verdict, control_id=f"A{heard.id}", at=self.arrival.at, reply=reply
        )
        self._record(session, caller, heard, verdict, answer)
        return verdict, answer

    def _record(self, session: Session, caller: Caller, heard: Heard, verdict: Verdict, answer: bytes) -> None:
        done = self.done if verdict.code == "AA" else NOTHING
        fault = storable(verdict.complaints[0].zh) if verdict.code != "AA" else None
        outcome = exchange.PARKED if done.waits_for else verdict.outcome
        audited = trust.audit_row(
            caller, verb=self.name, outcome=outcome, person_id=done.person_id, subject=done.subject
        )
        waiting = [exchange.waiting(heard.id, waits_for=done.waits_for)] if done.waits_for else []
        session.flush()
        run_later(
            session,
            exchange.answering(heard, outcome=outcome, answer=answer, fault=fault),
            trust.auditing([audited]),
            *waiting,
        )

    def _do_what_waited(self, session: Session, caller: Caller, hopeful: bool) -> None:
        """Each message that waited for this one in a savepoint of its own, in the order its sender told them."""
        if self.done.brings is None:
            return
        waited = exchange.parked(session, waits_for=self.done.brings)
        if waited and hopeful:
            raise _Refused
        told = [(er7.read(row.body), row) for row in waited]
        for message, row in sorted(told, key=lambda pair: (times.told_at(pair[0], pair[1].heard_at), pair[1].id)):
            known = MESSAGES[message.code, message.event]
            done, outcome, fault = NOTHING, exchange.GOOD, None
            try:
                with session.begin_nested():
                    done = known.verb(session, caller, message)
            except Fault as refused:
                outcome, fault = refused.code, refused.sentence("zh")
            exchange.unpark(session, row, outcome=outcome, fault=fault)
            trust.audit(
                session, caller, verb=known.name, outcome=outcome, person_id=done.person_id, subject=done.subject
            )

    def caller(self, session: Session) -> Caller:
        return peers.caller(session, self.message.header, address=self.address, arrival=self.arrival)

    @property
    def kind(self) -> str:
        return storable(f"{self.message.code}^{self.message.event}")

    @property
    def key(self) -> str | None:
        """MSH-9 and MSH-10 are the key of a sender; an empty MSH-10 never is one."""
        return storable(f"{self.kind} {self.message.control_id}") if self.message.control_id else None

    def _hear(self, session: Session, caller: Caller) -> Heard:
        message = self.message
        return exchange.hear(
            session,
            caller,
            door=DOOR,
            kind=self.kind,
            key=self.key,
            body=message.raw,
            content_hash=message.content_hash(),
        )

    def _without_storing(
        self, verdict: Verdict, *, stranger: bool = False, commit: bool = False
    ) -> tuple[Verdict, bytes]:
        """Nothing of the first transaction stands. A stranger's message is kept in part; when the hub is busy, none."""
        answer = self._acknowledge(verdict, self.arrival.trace[:20], commit=commit)
        if stranger:
            nobody = replace(door.nobody(self.arrival), id=self.address)

            def work(session: Session) -> None:
                heard = exchange.hear(
                    session,
                    nobody,
                    door=DOOR,
                    kind=self.kind,
                    key=None,
                    body=self.message.raw[:KEPT_BYTES],
                    content_hash=self.message.content_hash(),
                    length=len(self.message.raw),
                )
                self._record(session, nobody, heard, verdict, answer)

            door.transact(work)
        return verdict, answer

    def _bug(self) -> tuple[Verdict, bytes]:
        """The transaction of a bug was rolled back; the message is stored in one of its own."""
        door.log.exception("bug", door=DOOR, verb=self.name, trace=self.arrival.trace)
        verdict = acknowledgements.internal_error(self.arrival.trace)

        def work(session: Session) -> bytes:
            caller = self.caller(session)
            heard = self._hear(session, caller)
            answer = self._acknowledge(verdict, f"A{heard.id}")
            self._record(session, caller, heard, verdict, answer)
            return answer

        return verdict, door.transact(work)

    def _acknowledge(self, verdict: Verdict, control_id: str, *, commit: bool = False) -> bytes:
        return acknowledgements.acknowledge(
            self.message, verdict, control_id=control_id, at=self.arrival.at, commit=commit
        )


def judge(message: Message, row: Row | None) -> Verdict | None:
    """What can be refused without the hub: type, event, processing id, version, character set, structure."""
    return _not_offered(message, row) or _undecodable(message) or _unstorable(message) or _malformed(message, row)


def sweep(session: Session, caller: Caller) -> str:
    """Finish messages of enhanced mode that were stored and acknowledged but never worked on."""
    rows = exchange.orphans(session, door=DOOR, before=caller.at - ORPHAN_AFTER)
    for row in rows:
        arrival = Door(at=caller.at, name=DOOR, trace=row.trace)
        reception = Reception(er7.read(row.body), arrival, row.sender.split("/", 1)[0])
        try:
            with session.begin_nested():
                reception.work(session, reception.caller(session), Heard(row.id))
        except Exception as trouble:  # one that cannot be finished must not hold up the others
            door.log.exception("sweep", door=DOOR, message=row.id)
            exchange.answer(session, Heard(row.id), outcome="internal-error", answer=None, fault=str(trouble)[:200])
    return f"{len(rows)} messages"


def _not_offered(message: Message, row: Row | None) -> Verdict | None:
    version, processing = message.version, message.header.text(11)
    if message.code not in CODES:
        allowed = ", ".join(sorted(CODES))
        return acknowledgements.unsupported("200", Location("MSH", 1, 9, 1, 1), message.code, allowed)
    if row is None:
        allowed = events_of(message.code)
        return acknowledgements.unsupported("201", Location("MSH", 1, 9, 1, 2), message.event, allowed)
    if processing and processing not in PROCESSING_IDS:
        allowed = ", ".join(PROCESSING_IDS)
        return acknowledgements.unsupported("202", Location("MSH", 1, 11, 1, 1), processing, allowed)
    if version and not version.startswith("2."):
        return acknowledgements.unsupported("203", Location("MSH", 1, 12, 1, 1), version, f"2.1 … 2.8.2 ({FALLBACK})")
    return None


def _undecodable(message: Message) -> Verdict | None:
    if message.charset_trouble not in ("undecodable", "unsupported"):
        return None
    found = message.header.text(18)
    allowed = "GB 18030-2000, UNICODE UTF-8, ASCII, BIG-5, 8859/1"
    return acknowledgements.of_fault(Invalid(element="MSH-18", found=found, allowed=allowed, problem=Problem.CODE))


def _unstorable(message: Message) -> Verdict | None:
    """U+0000, as it is or escaped: it is no character of any text, and no database keeps it."""
    if "\0" not in message.text and message.delimiters.escape + "X" not in message.text:
        return None
    counts: Counter[str] = Counter()
    for segment in message.segments:
        counts[segment.name] += 1
        for number, raw in enumerate(segment.fields):
            if number and "\0" in segment.unescape(raw):
                where = Location(segment.name, counts[segment.name], number)
                fault = Invalid(element=where.element, found="U+0000", allowed="text")
                return acknowledgements.of_findings([Finding(where, fault)])
    return None


def _malformed(message: Message, row: Row | None) -> Verdict | None:
    assert row is not None
    findings = structures.validate(message, row.structure)
    return acknowledgements.of_findings(findings) if findings else None


def _accepted(message: Message, further: tuple[Complaint, ...] = ()) -> Verdict:
    """AA, with a warning for whatever was not taken as it stands: nothing is left out without a word."""
    warnings = list(further)
    if message.charset_trouble == "misdeclared":
        zh = f"MSH-18 与实际编码不符，已按 {message.codec} 读取，请更正。"
        en = f"MSH-18 is not what was sent; read as {message.codec}. Please mend it."
        warnings.append(Complaint("103", "charset-misdeclared", zh, en, Location("MSH", 1, 18, 1), "W"))
    if dropped := pid.uncallable(message["PID"]):
        field, found = dropped
        zh = f"PID-{field} 的“{found[:20]}”不是可拨打的电话号码，未采用，其余内容已受理。"
        en = f"PID-{field} '{found[:20]}' is no telephone that can be called; it was left out, all else was taken."
        warnings.append(Complaint("102", "telephone-dropped", zh, en, Location("PID", 1, field, 1), "W"))
    return Verdict("AA", tuple(warnings)) if warnings else ACCEPTED


def _in_our_words(fault: Fault, row: Row) -> Fault:
    """The hub names an element by its own word; the sender knows it by its place in the message."""
    if isinstance(fault, Invalid) and (element := (EVERYWHERE | row.elements).get(fault.element)):
        fault.element = fault.facts["element"] = element
    return fault
