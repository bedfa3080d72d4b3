"""The one path on which hospitals speak the national interface: POST /nhsa/{infno}.

Signature, envelope, field table, verb, reply. Transactions that change something are stored before
they are worked on, so that a repeat gets the answer its first copy got; a refusal rolls everything
back and is stored with its sentence in a transaction of its own. Nothing leaves here as a 500.
"""

import hashlib
from typing import Any

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.routing import Route

from adapters import door
from adapters.nhsa import envelope, gathered, identities, refusing
from adapters.nhsa.arriving import DOOR, Knocking, asked_by, believed, callers, knocking, read
from adapters.nhsa.forwarding import CARRIED, Upward, forward
from adapters.nhsa.gateway import GatewayRefused
from adapters.nhsa.region import HOME_AREA, region
from adapters.nhsa.served import READS, VERBS
from adapters.nhsa.tables import transaction
from adapters.nhsa.verbs import Asked, Done
from hub import exchange, settlement, trust
from hub.coverage import SettledUpstream
from hub.db import run
from hub.faults import Fault

REVERSAL = "2601"
BUG = "bug"
BUG_SENTENCE = "平台内部错误，本次未写入任何内容。请凭参考号 {reference} 联系运维。"


async def national_interface(request: Request) -> Response:
    infno, body, headers = request.path_params["infno"], await request.body(), dict(request.headers)
    if infno in gathered.SETTLES and gathered.offered():
        replied = await _gathered(infno, headers, body)
    else:
        replied = None
    if replied is None:
        replied = await to_thread.run_sync(answer, infno, headers, body)
    if isinstance(replied, Upward):
        return await to_thread.run_sync(carried, replied.came, limiter=_upward_threads())
    return replied


HOT = [Route("/nhsa/{infno}", national_interface, methods=["POST"])]
"""Looked at before all other routes, and without what FastAPI does for a signature."""


def answer(infno: str, headers: dict[str, str], body: bytes) -> Response | Upward:
    """The reply to one call, whatever came; or that it must be carried to a platform further up."""
    arrived = door.arriving(DOOR)
    with door.logged(arrived) as call:
        call.verb = f"nhsa.{infno if infno in VERBS or infno in gathered.SETTLES else 'other'}"
        try:
            came = knocking(infno, headers, body, arrived)
            call.caller = came.knock.access_key
            replied = _at_the_gate(came, call)
            call.handed_on = isinstance(replied, Upward)  # `carried` says the line of this call
            return replied
        except GatewayRefused as refused:
            return _turned_away(refused, call)


def carried(came: Knocking) -> Response:
    """The reply to a call that a platform further up decides."""
    with door.logged(came.arrived) as call:
        call.verb, call.caller = f"nhsa.{came.infno}", came.knock.access_key
        try:
            return _json(forward(came))
        except GatewayRefused as refused:
            return _turned_away(refused, call)
        except Exception as trouble:
            return _in_trouble(came, trouble, call)


_waiting_upward: RunVar[CapacityLimiter] = RunVar("waiting_upward")


def _upward_threads() -> CapacityLimiter:
    """Threads of their own wait for platforms, so that a slow one takes none from anybody else."""
    try:
        return _waiting_upward.get()
    except LookupError:
        limiter = CapacityLimiter(door.settings().upstream_threads)
        _waiting_upward.set(limiter)
        return limiter


async def _gathered(infno: str, headers: dict[str, str], body: bytes) -> Response | Upward | None:
    """A whole settlement waits for its batch; None for what is not whole, or must be tried alone."""
    arrived = door.arriving(DOOR)
    try:
        came = knocking(infno, headers, body, arrived)
    except GatewayRefused:
        return None
    one = gathered.waiting(came)
    if one is None:
        return None
    with door.logged(arrived) as call:
        call.verb, call.caller = f"nhsa.{infno}", came.knock.access_key
        try:
            reply = await gathered.outcome(one)
        except GatewayRefused as refused:
            return _turned_away(refused, call)
        except Exception as trouble:
            return await to_thread.run_sync(_in_trouble, came, trouble, call)
        if isinstance(reply, Upward):
            call.handed_on = True
            return reply
        call.outcome = reply.outcome
        return _json(reply.content)


def _at_the_gate(came: Knocking, call: door.Call) -> Response | Upward:
    try:
        return door.transact(lambda session: _answered(session, came, call))
    except GatewayRefused:
        raise
    except SettledUpstream as elsewhere:
        if came.infno not in CARRIED:
            return _in_trouble(came, elsewhere, call)
        return Upward(came)
    except Exception as trouble:
        return _in_trouble(came, trouble, call)


def _in_trouble(came: Knocking, trouble: Exception, call: door.Call) -> Response:
    """A Fault is answered with its sentence, a bug with a reference; both are stored."""
    spoken, at = region(HOME_AREA), came.arrived.at
    if isinstance(trouble, Fault):
        call.outcome, sentence = trouble.code, refusing.told(trouble, _nodes(came))
    else:
        door.log.error("bug", door=DOOR, verb=call.verb, trace=came.arrived.trace, exc_info=trouble)
        call.outcome, sentence = (
            BUG,
            f"平台内部错误，本次未写入任何内容。请凭参考号 {came.arrived.trace[:12]} 联系运维。",
        )
    reply = envelope.refused(sentence, spoken=spoken, heard_at=at)
    _remember_refusal(came, call.outcome, sentence, reply)
    return _json(reply)


def _nodes(came: Knocking) -> dict[str, Any]:
    """What a refused message said; nothing where it could not be read."""
    try:
        return read(came).nodes
    except Fault:
        return {}


def _answered(session: Session, came: Knocking, call: door.Call) -> Response | Upward:
    """Everything of one call that needs the database, in one transaction. Refuses with a Fault."""
    known = callers(session, {came.knock.access_key}, came.arrived)
    caller = believed(came, known)
    said = read(came)
    if said.request.infno in gathered.SETTLES:
        (reply,) = gathered.settle_together(session, [gathered.Waiting(came, said)])
        if isinstance(reply, Upward):
            return reply
        call.outcome = reply.outcome
        return _json(reply.content)
    asked = asked_by(caller, said)
    if said.request.infno in READS:
        done = VERBS[said.request.infno](session, asked)
        _audit(session, asked, done)
        return _reply(session, asked, done)
    return _written(session, asked, came.body)


def _written(session: Session, asked: Asked, body: bytes) -> Response:
    request, caller = asked.request, asked.caller
    heard = exchange.hear(
        session,
        caller,
        door=DOOR,
        kind=request.infno,
        key=request.msgid,
        body=body,
        content_hash=request.content_hash,
    )
    if heard.repeat_answer is not None:
        return _json(heard.repeat_answer)
    if heard.conflict:
        raise _used(session, asked, body)
    done = VERBS[request.infno](session, asked)
    response = _reply(session, asked, done)
    exchange.answer(session, heard, answer=response.body)
    _audit(session, asked, done)
    return response


def _used(session: Session, asked: Asked, body: bytes) -> Fault:
    """Why a message id with other content is refused: it was reversed, or simply used before."""
    msgid = asked.request.msgid
    _, *copies = exchange.earlier(session, sender=asked.caller.id, door=DOOR, key=msgid)
    if any(row.kind == REVERSAL for row in copies):
        return settlement.KeyReversed(key=msgid)
    return envelope.MessageIdReused(msgid=msgid, element=envelope.differing(copies[0], asked.request, body))


def _reply(session: Session, asked: Asked, done: Done) -> Response:
    identities.watch_sent(session, asked, done.output)
    if done.file is not None:
        return Response(done.file, media_type="application/octet-stream")
    output = transaction(asked.request.infno, asked.region).write(done.output)
    return _json(envelope.accepted(output, spoken=asked.region, heard_at=asked.caller.at))


def _audit(session: Session, asked: Asked, done: Done) -> None:
    verb = f"nhsa.{asked.request.infno}"
    trust.audit(session, asked.caller, verb=verb, person_id=done.person_id, subject=done.subject)


def _remember_refusal(came: Knocking, outcome: str, sentence: str, reply: bytes) -> None:
    """What was refused is kept for operations. A database that is down must not keep the reply from leaving."""
    try:
        door.transact(lambda session: _keep_refusal(session, came, outcome, sentence, reply))
    except Exception as trouble:
        door.log.error("refusal not stored", door=DOOR, trace=came.arrived.trace, exc_info=trouble)


def _keep_refusal(session: Session, came: Knocking, outcome: str, sentence: str, reply: bytes) -> None:
    caller = believed(came, callers(session, {came.knock.access_key}, came.arrived))
    message = exchange.kept(
        caller,
        door=DOOR,
        kind=came.infno,
        key=None,
        body=came.body,
        content_hash=hashlib.sha256(came.body).digest(),
        answer=reply,
        outcome=outcome,
        fault=sentence,
    )
    run(session, *exchange.keeping([message]))
    trust.audit(session, caller, verb=f"nhsa.{came.infno}", outcome=outcome)


def _turned_away(refused: GatewayRefused, call: door.Call) -> Response:
    call.outcome = "gateway"
    return Response(envelope.encode({"code": 401, "message": refused.message}), 401, media_type="application/json")


def _json(reply: bytes) -> Response:
    return Response(reply, media_type="application/json")
