"""One call of the JSON API, from the raw request to the answer's bytes.

One transaction: sign-in, the body and the query, the idempotency key, the operation, the audit row,
the stored answer. The answer leaves after the commit.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import anyio.to_thread
import msgspec
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import differing, door
from adapters.api import gathered, problems
from adapters.api.operations import Call, Operation
from adapters.api.problems import BodyUnreadable, KeyReused
from hub import exchange, trust
from hub.db import run
from hub.faults import Fault, Invalid, Missing
from hub.trust import Caller, CredentialRefused, Door

JSON = "application/json"
_NUL = rb"\u0000"
_YEARS = (1900, 2199)
LONGEST_KEY = 255
_AT = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")
_FIELD = re.compile(r"^Object (?:contains )?(?P<what>missing required|unknown) field `(?P<name>[^`]*)`")
_BYTE = re.compile(r"\(byte (\d+)\)")


@dataclass(slots=True)
class Incoming:
    """What the event loop has read of a request; the thread does the rest."""

    arrived: Door
    token: str
    address: str
    key: str | None
    body: bytes
    path: dict[str, str]
    query: list[tuple[str, str]]
    caller: Caller | None = None
    call: Call[Any] | None = None


def endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """The raw route of an operation."""
    decoder = msgspec.json.Decoder(operation.body) if operation.body is not None else None

    async def answer(request: Request) -> Response:
        arrived = door.arriving("api", request.headers.get("x-request-id"))
        token = request.headers.get("authorization", "")
        if not token.lower().startswith("bearer "):
            return problems.no_token(arrived.trace)
        if decoder is not None:
            media_type = request.headers.get("content-type", "")
            if media_type.partition(";")[0].strip().lower() != JSON:
                return problems.wrong_media_type(media_type, arrived.trace)
        incoming = Incoming(
            arrived,
            token[7:].strip(),
            f"{request.method} {request.url.path}",
            request.headers.get("idempotency-key"),
            await request.body(),
            dict(request.path_params),
            request.query_params.multi_items(),
        )
        if incoming.key is None and gathered.offered(operation):
            body = _read_or_none(decoder, incoming.body)
            if body is not None:
                return await _gathered(operation, incoming, body)
        return await anyio.to_thread.run_sync(_answered, operation, decoder, incoming)

    answer.__name__ = operation.run.__name__
    return answer


async def _gathered(operation: Operation, incoming: Incoming, body: Any) -> Response:
    """The same for a call that shares its transaction with others; its refusal is in the audit already."""
    asked = gathered.Asked(incoming.arrived, incoming.token, body)
    try:
        with door.logged(incoming.arrived) as line:
            line.verb = operation.verb
            try:
                content = await gathered.outcome(operation, asked)
            finally:
                line.caller = asked.caller.id if asked.caller else "?"
    except Fault as fault:
        return problems.render(fault, incoming.arrived.trace, operation.names)
    headers = {"X-Request-Id": incoming.arrived.trace}
    return Response(content, operation.status, headers, media_type=JSON)


def _answered(operation: Operation, decoder: Any, incoming: Incoming) -> Response:
    try:
        with door.logged(incoming.arrived) as line:
            line.verb = operation.verb
            try:
                content, repeated = door.transact(lambda session: _work(session, operation, decoder, incoming))
            finally:
                line.caller = incoming.caller.id if incoming.caller else "?"
    except Fault as fault:
        _write_refusal(operation, incoming, fault)
        return problems.render(fault, incoming.arrived.trace, operation.names)
    headers = {"X-Request-Id": incoming.arrived.trace}
    if repeated:
        headers["Idempotent-Replay"] = "true"
    if operation.status == 204:
        return Response(None, 204, headers)
    return Response(content, operation.status, headers, media_type=JSON)


def _work(session: Session, operation: Operation, decoder: Any, incoming: Incoming) -> tuple[bytes, bool]:
    caller = incoming.caller = trust.bearer(session, incoming.token, incoming.arrived)
    body = None if decoder is None else decode(decoder, incoming.body)
    query = None if operation.query is None else convert(operation.query, incoming.query)
    heard, content_hash = None, b""
    if incoming.key is not None and operation.method == "POST":
        if not incoming.key.strip() or len(incoming.key) > LONGEST_KEY:
            raise Invalid(element="Idempotency-Key", found=incoming.key[:40], allowed=f"1-{LONGEST_KEY}")
        content_hash = hashlib.sha256(incoming.address.encode() + b"\n" + incoming.body).digest()
        heard = exchange.hear(
            session,
            caller,
            door="api",
            kind=incoming.address,
            key=incoming.key,
            body=incoming.body,
            content_hash=content_hash,
        )
        if heard.conflict:
            raise KeyReused(key=incoming.key, element=_differing(session, caller, incoming))
        if heard.repeat_answer is not None:
            if operation.stands is not None:
                operation.stands(session, caller, incoming.key)
            return heard.repeat_answer, True
    elif operation.stands is not None:
        raise Missing(element="Idempotency-Key")
    call = Call(session, caller, body, incoming.path, query, key=incoming.key, content_hash=content_hash)
    incoming.call = call
    content = msgspec.json.encode(operation.run(call))
    trust.audit(session, caller, verb=operation.verb, person_id=call.person_id, subject=call.subject)
    if heard is not None:
        exchange.answer(session, heard, answer=content)
    return content, False


def _differing(session: Session, caller: Caller, incoming: Incoming) -> str:
    """Where a request differs from the one that used its key before it: its address, or a member of its body."""
    assert incoming.key is not None
    _, before, *_ = exchange.earlier(session, sender=caller.id, door="api", key=incoming.key)
    if before.kind != incoming.address:
        return "address"
    return differing.first_difference(before.body, incoming.body)


def _write_refusal(operation: Operation, incoming: Incoming, fault: Fault) -> None:
    """The refused transaction is gone; that somebody tried stays."""
    if incoming.caller is not None and not isinstance(fault, CredentialRefused):
        person_id = incoming.call.person_id if incoming.call else None
        door.refused_look(incoming.caller, verb=operation.verb, fault=fault, person_id=person_id)
        if operation.stands is not None and incoming.key is not None and incoming.call is not None:
            _remember_refusal(incoming, fault)


def _remember_refusal(incoming: Incoming, fault: Fault) -> None:
    """Whoever asks later what became of a key is told why it was refused; the key itself stays free."""
    assert incoming.caller is not None
    assert incoming.call is not None
    message = exchange.kept(
        incoming.caller,
        door="api",
        kind=incoming.address,
        key=incoming.key,
        body=incoming.body,
        content_hash=incoming.call.content_hash,
        answer=b"",
        outcome=fault.code,
        fault=fault.sentence("zh"),
    )
    door.transact(lambda session: run(session, *exchange.keeping([message])))


def decode(decoder: Any, body: bytes) -> Any:
    """The body as its struct. Refuses: BodyUnreadable with the byte, Invalid with the element."""
    nothing = body.find(_NUL)
    if nothing >= 0:
        raise BodyUnreadable(element=f"byte {nothing}", why="U+0000")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as wrong:
        raise _invalid(str(wrong)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        found = _BYTE.search(str(wrong))
        place = f"byte {found[1]}" if found else "body"
        raise BodyUnreadable(element=place, why=str(wrong)) from None


def convert(query: type[msgspec.Struct], given: list[tuple[str, str]]) -> Any:
    """The query parameters as their struct. Refuses: Invalid, also for one that is not offered or comes twice."""
    names = {field.encode_name: field.name for field in msgspec.structs.fields(query)}
    said: dict[str, str] = {}
    for name, value in given:
        if name not in names:
            raise Invalid(element=name[:100], found=value[:100], allowed=", ".join(sorted(names)))
        if name in said:
            raise Invalid(element=name, found=f"{said[name][:100]}, {value[:100]}", allowed="1")
        if "\x00" in value:
            raise Invalid(element=name, found="U+0000", allowed="text")
        said[name] = value
    try:
        found = msgspec.convert(said, query, strict=False)
    except msgspec.ValidationError as wrong:
        raise _invalid(str(wrong)) from None
    for name in said:
        day = getattr(found, names[name])
        if isinstance(day, date) and not _YEARS[0] <= day.year <= _YEARS[1]:
            raise Invalid(element=name, found=said[name], allowed=f"{_YEARS[0]}-01-01 … {_YEARS[1]}-12-31")
    return found


def _read_or_none(decoder: Any, body: bytes) -> Any:
    """None for a body that cannot be read: the plain path refuses it, to a caller who has signed in."""
    try:
        return decode(decoder, body)
    except Invalid:
        return None


def _invalid(message: str) -> Invalid:
    """msgspec's sentence as ours: "Expected `int`, got `str` - at `$.slot_id`"."""
    at = _AT.search(message)
    place = at["place"] if at else ""
    said = _AT.sub("", message)
    field = _FIELD.search(said)
    if field is not None:
        element = f"{place}.{field['name']}".lstrip(".")
        if field["what"] == "missing required":
            return Missing(element=element)
        return Invalid(element=element, found=field["name"], allowed="–")
    allowed, _, found = said.partition(", got ")
    return Invalid(element=place or "body", found=found.strip("`") or said, allowed=allowed.removeprefix("Expected "))
