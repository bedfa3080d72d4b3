"""What a platform further up settles: quotes, settlements and their undoing carried to it and back.

The question is written down and committed before it is sent; no transaction is open while the platform is waited
for; what comes back is recorded in a transaction of its own together with the answer that the hospital gets. From
the moment of sending, whatever goes wrong is answered with the truth: the outcome is not yet known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from adapters import door
from adapters.nhsa import envelope, identities, settling, upward, upward_visits
from adapters.nhsa.arriving import DOOR, Knocking, asked_by, believed, callers, read
from adapters.nhsa.region import HOME_AREA, region_on
from adapters.nhsa.tables import transaction
from adapters.nhsa.upward import Accepted, NotReached, Outcome, Refused, Speaker
from adapters.nhsa.upward_answers import answer_of
from adapters.nhsa.verbs import Asked, Done, Said
from hub import exchange, reconciliation, settlement, trust
from hub.db import run_together
from hub.faults import Fault, Unavailable
from hub.settlement import OutcomeNotKnown, Settlement, TotalDiffers, Window, upstream
from hub.settlement.standing import still
from hub.settlement.upstream import Asking, PlatformRefused, Subject
from hub.units import day_of

QUOTES = frozenset({"2206", "2303"})
SETTLES = frozenset({"2207", "2304"})
UNDOES = frozenset({"2208", "2305"})
REVERSAL = "2601"
CARRIED = QUOTES | SETTLES | UNDOES | {REVERSAL}
FINAL = "0"


class PlatformSilent(Unavailable):
    """Said only when nothing was done that costs money."""

    zh = "上级医保平台暂时联系不上，本次没有结算，也没有撤销。请稍后用同一报文号重发。"
    en = "The platform further up cannot be reached; nothing was settled or undone. Send the same message again later."


@dataclass(frozen=True, slots=True)
class Upward:
    """A call that must be carried further up: it waits for somebody else's computer, so not in a batch."""

    came: Knocking


def forward(came: Knocking) -> bytes:
    """The reply to one call, carried upward. Refuses: what the hub's verbs refuse; PlatformRefused, OutcomeNotKnown."""
    said = read(came)
    infno = said.request.infno
    try:
        if infno in QUOTES:
            return _quote(came, said)
        return _settle(came, said) if infno in SETTLES else _undo(came, said)
    except TotalDiffers as wrong:
        raise settling.in_our_words(wrong) from None


def _quote(came: Knocking, said: Said) -> bytes:
    def ask(session: Session) -> tuple[Asked, Window, Asking]:
        asked = asked_by(believed(came, callers(session, {came.knock.access_key}, came.arrived)), said)
        window = settling.window_of(session, asked)
        return asked, window, upstream.ask_quote(session, asked.caller, settling.charge_of(asked, window))

    asked, window, asking = door.transact(ask)
    talk = Talk(asked, asking.subject)
    talk.prepare(asking)
    outcome = talk.say("quote", said.request.infno, talk.money_input())
    if not isinstance(outcome, Accepted):
        raise _refusal(outcome)
    answer = answer_of(outcome, area=talk.subject.area, at=asked.caller.at)
    done = settling.told_upstream(asked, window, answer.words)
    return door.transact(lambda session: _reply(session, came, asked, done))


def _settle(came: Knocking, said: Said) -> bytes:
    def ask(session: Session) -> tuple[Asked, Window, Asking | Settlement]:
        asked = asked_by(believed(came, callers(session, {came.knock.access_key}, came.arrived)), said)
        window = settling.window_of(session, asked)
        begun = upstream.ask_settle(
            session,
            asked.caller,
            settling.charge_of(asked, window),
            key=said.request.msgid,
            content_hash=said.request.content_hash,
            infno=said.request.infno,
            said=_as_said(said),
        )
        return asked, window, begun

    asked, window, begun = door.transact(ask)
    if isinstance(begun, Settlement):
        return door.transact(lambda session: _standing(session, came, asked, window, begun))
    assert begun.forwarded is not None
    forwarded_id = begun.forwarded.id
    talk = Talk(asked, begun.subject)
    try:
        talk.prepare(begun)
    except Exception as trouble:
        raise talk.not_begun(forwarded_id, trouble, said.request.msgid) from trouble
    outcome = upward.say(
        talk.subject.authority,
        said.request.infno,
        talk.money_input(),
        msgid=said.request.msgid,
        speaker=talk.speaker,
        at=door.now(),
    )
    if not isinstance(outcome, Accepted):
        raise talk.not_accepted(forwarded_id, outcome, said.request.msgid)

    def record(session: Session) -> bytes:
        row = record_settled(session, asked.caller, forwarded_id, outcome, infno=said.request.infno)
        return _reply(session, came, asked, settling.told(asked, window, row))

    return _recorded(said, record)


def _undo(came: Knocking, said: Said) -> bytes:
    """2208 and 2305; and a 2601 for what has been settled, which is undone by the same means."""
    infno = said.request.infno

    def ask(session: Session) -> tuple[Asked, Window | None, Asking | Settlement, dict[str, Any]]:
        asked = asked_by(believed(came, callers(session, {came.knock.access_key}, came.arrived)), said)
        if infno in UNDOES:
            window, original = settling.window_of(session, asked), settling.named(session, asked)
        else:
            window, original = None, _reversed(session, asked)
        begun = upstream.ask_undo(
            session,
            asked.caller,
            settlement_id=original.id,
            key=said.request.msgid,
            content_hash=said.request.content_hash,
            infno="2305" if original.care == "inpatient" else "2208",
            said=_as_said(said),
        )
        return asked, window, begun, original.platform or {}

    asked, window, begun, platform = door.transact(ask)

    def told(session: Session, counter: Settlement) -> bytes:
        if window is None:
            done = Done({}, counter.person_id, f"settlement/{counter.undoes}")
        else:
            done = settling.told(asked, window, counter)
        return _reply(session, came, asked, done)

    if isinstance(begun, Settlement):
        return door.transact(lambda session: told(session, begun))
    assert begun.forwarded is not None
    forwarded_id, talk = begun.forwarded.id, Talk(asked, begun.subject)
    outcome = upward.say(
        talk.subject.authority,
        begun.forwarded.infno,
        undo_input(begun.forwarded.infno, platform, talk.subject.enrolment.psn_no, asked),
        msgid=said.request.msgid,
        speaker=talk.speaker,
        at=door.now(),
    )
    if not isinstance(outcome, Accepted):
        raise talk.not_accepted(forwarded_id, outcome, said.request.msgid)
    written = outcome.written

    def record(session: Session) -> bytes:
        return told(session, upstream.record_undone(session, asked.caller, forwarded_id, written))

    return _recorded(said, record)


class Talk:
    """One hospital's words about one visit, carried to the platform that settles for its person."""

    def __init__(self, asked: Asked, subject: Subject) -> None:
        self.asked, self.subject = asked, subject
        self.mdtrt_id = subject.known_as or ""
        head = asked.request.head
        self.speaker = Speaker(
            subject.hospital.id,
            head["fixmedins_name"],
            operator=head["opter"],
            operator_name=head["opter_name"],
            operator_type=head["opter_type"],
        )

    def prepare(self, asking: Asking) -> None:
        """Tell the platform of the visit and of what it is charged now. Refuses: PlatformRefused, PlatformSilent."""
        subject, visit = self.subject, self.subject.visit
        inpatient = visit.care == "inpatient"
        med_type = subject.registration.med_type if subject.registration else None
        med_type = med_type or ("21" if inpatient else "11")
        if not self.mdtrt_id:
            self.mdtrt_id = self._register(inpatient, med_type)
        else:
            batch = asking.lines[0].batch
            nodes = upward_visits.no_charges(subject, self.mdtrt_id, batch)
            self._tell("charge", "2302" if inpatient else "2205", nodes)
        nodes = upward_visits.charges(subject, self.mdtrt_id, asking.lines, med_type)
        self._tell("charge", "2301" if inpatient else "2204", nodes)
        final = self.asked.nodes["data"].get("mid_setl_flag") == FINAL
        if inpatient and final and visit.ended_at is not None and not subject.discharged:
            self._tell("discharge", "2402", upward_visits.discharge(subject, self.mdtrt_id))
            door.transact(lambda session: upstream.visit_discharged(session, visit.id, subject.area))

    def money_input(self) -> dict[str, Any]:
        """The hospital's own words, with the platform's number for the visit."""
        own = {"mdtrt_id": self.mdtrt_id, "psn_no": self.subject.enrolment.psn_no}
        if "insuplc_admdvs" in self.asked.nodes["data"]:
            own["insuplc_admdvs"] = self.subject.area
        nodes = {"data": self.asked.nodes["data"] | own}
        return upward.written(self.asked.request.infno, nodes, self.asked.region)

    def say(self, kind: str, infno: str, input_: Mapping[str, Any]) -> Outcome:
        """A message that moves no money, in the journal before it is sent and after."""
        at = door.now()
        number = upward.msgid(self.subject.hospital.id, at)

        def note(session: Session) -> int:
            return upstream.write_down(
                session,
                self.asked.caller,
                self.subject.authority,
                kind=kind,
                infno=infno,
                msgid=number,
                said=dict(input_),
                organisation_id=self.subject.hospital.id,
                psn_no=self.subject.enrolment.psn_no,
                visit_id=self.subject.visit.id,
                person_id=self.subject.person.id,
                key=self.asked.request.msgid,
            ).id

        row_id = door.transact(note)
        outcome = upward.say(self.subject.authority, infno, input_, msgid=number, speaker=self.speaker, at=at)
        door.transact(lambda session: upward.note_end(session, self.asked.caller, row_id, outcome))
        return outcome

    def not_begun(self, forwarded_id: int, trouble: Exception, msgid: str) -> Exception:
        """What the hospital is told when nothing that costs money was said: the question is closed again."""
        why = trouble.sentence("en") if isinstance(trouble, Fault) else type(trouble).__name__
        try:
            door.transact(lambda session: upstream.record_refused(session, self.asked.caller, forwarded_id, why))
        except Exception as more:
            door.log.error("question not closed", door=DOOR, trace=self.asked.caller.trace, exc_info=more)
            return OutcomeNotKnown(key=msgid)
        return trouble

    def not_accepted(self, forwarded_id: int, outcome: Outcome, msgid: str) -> Fault:
        """What the hospital is told, once it is recorded that a settle or an undo was not accepted."""
        try:
            door.transact(lambda session: upward.note_end(session, self.asked.caller, forwarded_id, outcome))
        except Exception as trouble:
            door.log.error("outcome not recorded", door=DOOR, trace=self.asked.caller.trace, exc_info=trouble)
            return OutcomeNotKnown(key=msgid)
        return _refusal(outcome, msgid)

    def _register(self, inpatient: bool, med_type: str) -> str:
        subject = self.subject
        if inpatient:
            nodes, infno, node = upward_visits.admission(subject, med_type), "2401", "result"
        else:
            nodes, infno, node = upward_visits.registration(subject), "2201", "data"
        mdtrt_id = str(self._tell("register", infno, nodes).nodes[node]["mdtrt_id"])
        known = lambda session: upstream.visit_known_as(session, subject.visit.id, subject.area, mdtrt_id)  # noqa: E731
        door.transact(known)
        return mdtrt_id

    def _tell(self, kind: str, infno: str, nodes: Mapping[str, Any]) -> Accepted:
        outcome = self.say(kind, infno, upward.written(infno, nodes, self.asked.region))
        if not isinstance(outcome, Accepted):
            raise _refusal(outcome)
        return outcome


def undo_input(infno: str, platform: Mapping[str, Any], psn_no: str, asked: Asked) -> dict[str, Any]:
    """2208 and 2305 in the platform's own numbers."""
    nodes = {"data": {"setl_id": platform["setl_id"], "mdtrt_id": platform["mdtrt_id"], "psn_no": psn_no}}
    return upward.written(infno, nodes, asked.region)


def record_settled(
    session: Session, caller: trust.Caller, forwarded_id: int, outcome: Accepted, *, infno: str
) -> Settlement:
    """The platform's answer as the settlement; what in it does not add up becomes an item of reconciliation."""
    asked = session.get_one(upstream.Forwarded, forwarded_id)
    row = upstream.record_settled(session, caller, forwarded_id, answer_of(outcome, area=asked.area, at=caller.at))
    spoken = region_on(HOME_AREA, day_of(caller.at))
    reconciliation.note_breaches(
        session,
        caller,
        organisation_id=asked.organisation_id,
        direction="received",
        infno=infno,
        msgid=asked.msgid,
        found=identities.unbalanced(spoken, infno, "out", outcome.nodes),
    )
    return row


def _refusal(outcome: Outcome, msgid: str | None = None) -> Fault:
    """`msgid` names a message that may have cost money."""
    if isinstance(outcome, Refused):
        return PlatformRefused(sentence=outcome.sentence)
    if isinstance(outcome, NotReached) or msgid is None:
        return PlatformSilent()
    return OutcomeNotKnown(key=msgid)


def _recorded(said: Said, record: Any) -> bytes:
    """The platform has acted: from here on no failure of ours may be told as if nothing had happened."""
    try:
        return door.transact(record)  # type: ignore[no-any-return]
    except OutcomeNotKnown:
        raise
    except Exception as trouble:
        door.log.error("platform's answer not recorded", door=DOOR, msgid=said.request.msgid, exc_info=trouble)
        raise OutcomeNotKnown(key=said.request.msgid) from trouble


def _standing(session: Session, came: Knocking, asked: Asked, window: Window, row: Settlement) -> bytes:
    """A settlement that stood before this call. Refuses: KeyUndone, when it stands no longer."""
    outcome = still(session, row, asked.request.msgid)
    if isinstance(outcome, Fault):
        raise outcome
    return _reply(session, came, asked, settling.told(asked, window, row))


def _reversed(session: Session, asked: Asked) -> Settlement:
    """The settlement that a 2601 is about. Refuses: OutcomeNotKnown, when it is not known whether there is one."""
    said = asked.nodes["data"]
    known = settlement.by_key(session, asked.caller, key=said["omsgid"])
    if known.settlement is None:
        raise OutcomeNotKnown(key=said["omsgid"])
    return known.settlement


def _reply(session: Session, came: Knocking, asked: Asked, done: Done) -> bytes:
    """The answer's bytes, kept with the message and in the audit. What a message was first answered is repeated."""
    request, caller = asked.request, asked.caller
    if request.infno not in QUOTES:
        copies = exchange.earlier(session, sender=caller.id, door=DOOR, key=request.msgid)
        good = (c.answer for c in copies if c.outcome == "ok" and c.content_hash == request.content_hash)
        if (before := next(good, None)) is not None:
            return before
    identities.watch_sent(session, asked, done.output)
    output = transaction(request.infno, asked.region).write(done.output)
    reply = envelope.accepted(output, spoken=asked.region, heard_at=caller.at)
    kept = exchange.kept(
        caller,
        door=DOOR,
        kind=request.infno,
        key=request.msgid,
        body=came.body,
        content_hash=request.content_hash,
        answer=reply,
    )
    verb = f"nhsa.{request.infno}"
    audited = trust.audit_row(caller, verb=verb, outcome="ok", person_id=done.person_id, subject=done.subject)
    run_together(session, [exchange.keeping([kept]), trust.auditing([audited])])
    return reply


def _as_said(said: Said) -> dict[str, Any]:
    """What the hospital said, as plain values for the journal."""
    found = said.request.input
    return found if isinstance(found, dict) else {}
