"""2601: take back what a message did whose answer was never seen.

The reversal takes over the message id of what it reverses: a late original then finds its id used and
is refused, whether or not it had been seen before.
"""

import hashlib

import msgspec
from sqlalchemy.orm import Session

from adapters.nhsa.identity import by_psn_no, own_visit
from adapters.nhsa.verbs import Asked, Done
from hub import exchange, journeys, people, settlement
from hub.exchange import HeardMessage
from hub.faults import Invalid, Problem, Unknown

SETTLES = frozenset({"2207", "2304"})
ADMITS = "2401"


class ReversalOfOthers(Unknown):
    zh = "原报文 {msgid} 不是为该人员发送的，不能冲正。请核对人员编号和原报文ID。"
    en = "The original message {msgid} was not about this person, so it is not reversed."


def reverse(session: Session, asked: Asked) -> Done:
    """2601. Refuses: Invalid for what cannot be reversed, ReversalOfOthers, and what undoing refuses."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    original = said["omsgid"]
    if said["oinfno"] not in SETTLES | {ADMITS}:
        allowed = "2207、2304 或 2401"
        raise Invalid(element="input.data.oinfno", found=said["oinfno"], allowed=allowed, problem=Problem.CODE)
    if said["oinfno"] == ADMITS:
        subject = _take_back_admission(session, asked, original)
    else:
        subject = _take_back_settlement(session, asked, original, person.id)
    _take_over(session, asked, original)
    return Done({}, person.id, subject)


def _take_back_settlement(session: Session, asked: Asked, original: str, person_id: int) -> str | None:
    known = settlement.by_key(session, asked.caller, key=original)
    if known.settlement is not None and known.settlement.person_id not in people.cluster(session, person_id):
        raise ReversalOfOthers(msgid=original)
    undone = settlement.reverse(
        session,
        asked.caller,
        original_key=original,
        key=asked.request.msgid,
        content_hash=asked.request.content_hash,
    )
    return f"settlement/{undone.undoes}" if undone else None


def _take_back_admission(session: Session, asked: Asked, original: str) -> str | None:
    seen = _answered(session, asked, original)
    if seen is None or seen.answer is None:
        return None
    mdtrt_id = msgspec.json.decode(seen.answer)["output"]["result"]["mdtrt_id"]
    visit = own_visit(session, asked, mdtrt_id, by_psn_no(session, asked.nodes["data"]["psn_no"]))
    settlement.require_no_charges(session, asked.caller, visit_id=visit.id)
    journeys.cancel_admission(session, asked.caller, visit_id=visit.id)
    return f"visit/{visit.id}"


def _answered(session: Session, asked: Asked, msgid: str) -> HeardMessage | None:
    """The message of this sender that was accepted under an id."""
    found = exchange.earlier(session, sender=asked.caller.id, door=asked.caller.door, key=msgid)
    return next((row for row in found if row.kind == ADMITS and row.outcome == "ok"), None)


def _take_over(session: Session, asked: Asked, msgid: str) -> None:
    marked = exchange.hear(
        session,
        asked.caller,
        door=asked.caller.door,
        kind=asked.request.infno,
        key=msgid,
        body=b"",
        content_hash=hashlib.sha256(asked.request.msgid.encode()).digest(),
    )
    exchange.answer(session, marked, answer=None)
