"""The one path on which hospitals speak the national interface: POST /nhsa/{infno}.

Signature, envelope, field table, verb, reply. Transactions that change something are stored before
they are worked on, so that a repeat gets the answer its first copy got; a refusal rolls everything
back and is stored with its sentence in a transaction of its own. Nothing leaves here as a 500.
"""

import functools
import hashlib
from dataclasses import dataclass
from datetime import timedelta

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from adapters import door
from adapters.nhsa import envelope
from adapters.nhsa.gateway import SIGNINGS, GatewayRefused, Knock, unknown_user
from adapters.nhsa.region import HOME_AREA, region
from adapters.nhsa.served import READS, VERBS
from adapters.nhsa.tables import transaction
from adapters.nhsa.verbs import Asked, Done
from hub import exchange, settlement, trust
from hub.faults import Fault
from hub.trust import Caller, CredentialRefused

router = APIRouter()

DOOR = "nhsa"
REVERSAL = "2601"


class HubFailed(Fault):
    """A bug of ours, said in the interface's own form."""

    zh = "平台内部错误，本次未写入任何内容。请凭参考号 {reference} 联系运维。"
    en = "The hub failed and nothing was written. Quote reference {reference}."


@router.post("/nhsa/{infno}", include_in_schema=False)
async def national_interface(infno: str, request: Request) -> Response:
    body = await request.body()
    headers = dict(request.headers)
    return await to_thread.run_sync(functools.partial(answer, infno, headers, body))


@dataclass(frozen=True, slots=True)
class Knocking:
    """A call at the gate: what came, when, and what it says of itself."""

    arrived: trust.Door
    knock: Knock
    infno: str
    body: bytes


def answer(infno: str, headers: dict[str, str], body: bytes) -> Response:
    """The reply to one call, whatever came."""
    arrived = door.arriving(DOOR)
    spoken = region(HOME_AREA)
    with door.logged(arrived) as call:
        call.verb = f"nhsa.{infno if infno in VERBS else 'other'}"
        try:
            window = timedelta(minutes=spoken.signing_window_minutes)
            knock = SIGNINGS[spoken.signing].knock(headers, at=arrived.at, window=window)
            call.caller = knock.access_key
            return _at_the_gate(Knocking(arrived, knock, infno, body), call)
        except GatewayRefused as refused:
            call.outcome = "gateway"
            return Response(
                envelope.encode({"code": 401, "message": refused.message}), 401, media_type="application/json"
            )


def _at_the_gate(came: Knocking, call: door.Call) -> Response:
    spoken = region(HOME_AREA)
    at = came.arrived.at
    try:
        answered = door.transact(lambda session: _answered(session, came))
    except Fault as fault:
        call.outcome = fault.code
        _remember_refusal(came, fault, reply := envelope.refused(fault, spoken=spoken, heard_at=at))
        return _json(reply)
    except GatewayRefused:
        raise
    except Exception:
        door.log.exception("bug", door=DOOR, verb=call.verb, trace=came.arrived.trace)
        call.outcome = "bug"
        fault = HubFailed(reference=came.arrived.trace[:12])
        _remember_refusal(came, fault, reply := envelope.refused(fault, spoken=spoken, heard_at=at))
        return _json(reply)
    return answered


def _answered(session: Session, came: Knocking) -> Response:
    """Everything of one call that needs the database, in one transaction. Refuses with a Fault."""
    spoken = region(HOME_AREA)
    caller = _known_caller(session, came)
    asked = _read(came, caller)
    request = asked.request
    if request.infno in READS:
        done = VERBS[request.infno](session, asked)
        _audit(session, asked, done)
        return _reply(asked, done)
    heard = exchange.hear(
        session,
        caller,
        door=DOOR,
        kind=request.infno,
        key=request.msgid,
        body=came.body,
        content_hash=request.content_hash,
    )
    if heard.repeat_answer is not None:
        return _json(heard.repeat_answer)
    if heard.conflict:
        raise _used(session, caller, request.msgid)
    done = VERBS[request.infno](session, asked)
    reply = envelope.accepted(
        transaction(request.infno, spoken).write(done.output), spoken=spoken, heard_at=came.arrived.at
    )
    exchange.answer(session, heard, answer=reply)
    _audit(session, asked, done)
    return _json(reply)


def _used(session: Session, caller: Caller, msgid: str) -> Fault:
    """Why a message id with other content is refused: it was reversed, or simply used before."""
    earlier = exchange.search_heard(session, sender=caller.id, door=DOOR, key=msgid)
    if any(row.kind == REVERSAL for row in earlier):
        return settlement.KeyReversed(key=msgid)
    return envelope.MessageIdReused(msgid=msgid)


def _known_caller(session: Session, came: Knocking) -> Caller:
    """Raises GatewayRefused: nobody of that name, or not signed with their secret."""
    try:
        caller, secret = trust.keyed(session, came.knock.access_key, came.arrived)
    except CredentialRefused:
        raise unknown_user() from None
    SIGNINGS[region(HOME_AREA).signing].check(came.knock, secret)
    return caller


def _read(came: Knocking, caller: Caller) -> Asked:
    """Envelope and input, checked against their field tables. Refuses: Invalid, Missing, NotOffered and others."""
    spoken = region(HOME_AREA)
    found = envelope.decode(came.body)
    request = envelope.open_envelope(
        found, asked=came.knock.name, path=came.infno, organisation_id=caller.organisation_id, spoken=spoken
    )
    nodes = transaction(request.infno, spoken).read(request.input, lines_at_most=spoken.lines_at_most)
    return Asked(caller, request, spoken, nodes)


def _reply(asked: Asked, done: Done) -> Response:
    if done.file is not None:
        return Response(done.file, media_type="application/octet-stream")
    output = transaction(asked.request.infno, asked.region).write(done.output)
    return _json(envelope.accepted(output, spoken=asked.region, heard_at=asked.caller.at))


def _audit(session: Session, asked: Asked, done: Done) -> None:
    verb = f"nhsa.{asked.request.infno}"
    trust.audit(session, asked.caller, verb=verb, person_id=done.person_id, subject=done.subject)


def _remember_refusal(came: Knocking, fault: Fault, reply: bytes) -> None:
    """What was refused is stored with its sentence, for operations; a database that is down must not hide the reply."""
    try:
        door.transact(lambda session: _store_refusal(session, came, fault, reply))
    except Exception:
        door.log.exception("refusal not stored", door=DOOR, trace=came.arrived.trace)


def _store_refusal(session: Session, came: Knocking, fault: Fault, reply: bytes) -> None:
    caller, _ = trust.keyed(session, came.knock.access_key, came.arrived)
    heard = exchange.hear(
        session,
        caller,
        door=DOOR,
        kind=came.infno[:6],
        key=None,
        body=came.body,
        content_hash=hashlib.sha256(came.body).digest(),
    )
    exchange.answer(session, heard, outcome=fault.code, answer=reply, fault=fault.sentence("zh"))
    trust.audit(session, caller, verb=f"nhsa.{came.infno[:6]}", outcome=fault.code)


def _json(reply: bytes) -> Response:
    return Response(reply, media_type="application/json")
