"""Hot operations: calls that arrive at the same moment share a transaction, from sign-in to audit.

The event loop hands a call over and waits for its outcome; it holds neither thread nor connection
meanwhile. Sign-in is one question for the whole batch, so a token revoked a moment ago is refused.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from adapters import door
from adapters.api.operations import Call, Operation
from adapters.gather import Gatherer
from hub import trust
from hub.db import PLAN_ONCE, run_together
from hub.faults import Fault
from hub.trust import Caller, Door


@dataclass(slots=True)
class Asked:
    """One call as it waits; the caller is known once its batch has signed in."""

    arrived: Door
    token: str
    body: Any
    caller: Caller | None = None


_gatherers: dict[str, Gatherer[Asked, bytes]] = {}


def offered(operation: Operation) -> bool:
    """Whether an operation is gathered in this process."""
    return operation.many is not None and door.settings().writer_threads > 0


async def outcome(operation: Operation, asked: Asked) -> bytes:
    """The answer's bytes, once the batch is committed. Refuses: what the operation does, QueueFull, WaitedTooLong."""
    if operation.verb not in _gatherers:
        _gatherers[operation.verb] = Gatherer(operation.verb, partial(_batch, operation))
    return await asyncio.wrap_future(_gatherers[operation.verb].submit(asked))


def _batch(operation: Operation, session: Session, asked: Sequence[Asked]) -> list[bytes | Fault]:
    assert operation.many is not None
    asking = [PLAN_ONCE, trust.asking_bearers(one.token for one in asked)]
    asking.append(operation.many.asking([one.body for one in asked]))
    _, known, found = run_together(session, asking)
    outcomes: list[Any] = list(trust.bearers_in(known, [(one.token, one.arrived) for one in asked]))
    calls = {}
    for n, (one, caller) in enumerate(zip(asked, outcomes, strict=True)):
        if isinstance(caller, Caller):
            one.caller = caller
            calls[n] = Call(session, caller, one.body, {})
    if not calls:
        return outcomes
    answers, writes = operation.many.work(session, list(calls.values()), found)
    audited = [_audited(operation, *pair) for pair in zip(calls.values(), answers, strict=True)]
    door.with_commit(session, [*writes, trust.auditing(audited)])
    for n, answer in zip(calls, answers, strict=True):
        outcomes[n] = answer if isinstance(answer, Fault) else msgspec.json.encode(answer)
    return outcomes


def _audited(operation: Operation, call: Call[Any], answer: Any) -> dict[str, object]:
    said = answer.code if isinstance(answer, Fault) else "ok"
    return trust.audit_row(
        call.caller, verb=operation.verb, outcome=said, person_id=call.person_id, subject=call.subject
    )
