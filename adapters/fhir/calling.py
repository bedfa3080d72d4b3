"""One call of the FHIR door, from the raw request to the answer's bytes.

Routes are few and regular, so one function reads them: the method and the path say the
interaction. Everything happens in one transaction; the answer leaves after the commit. Numbers are
read and written digit for digit (Decimal), never as floats.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.fhir import outcome, validation
from adapters.fhir.outcome import DoorRefusal, NotOffered, ResourceInvalid, ResourceUnknown, SignInMissing
from adapters.fhir.resources import Call, Resource, ResourceType
from adapters.fhir.search import bundle, query_of
from hub import trust
from hub.faults import Fault
from hub.trust import Caller, CredentialRefused, Door

MEDIA_TYPE = "application/fhir+json"
METADATA = "fhir.metadata"
_JSON = ("application/fhir+json", "application/json", "text/json")
_ANY = ("*/*", "application/*", "text/*", "")
_FORM = "application/x-www-form-urlencoded"

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

_LOGICAL_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

Table = dict[str, ResourceType]


@dataclass(slots=True)
class Incoming:
    """What the event loop has read of a request; the thread does the rest."""

    arrived: Door
    method: str
    segments: list[str]
    given: list[tuple[str, str]]
    headers: dict[str, str]
    base: str
    body: bytes
    caller: Caller | None = None
    call: Call | None = None


@dataclass(slots=True)
class Answer:
    status: int
    resource: Resource | None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What a request asks for: its name in the audit, and the work."""

    verb: str
    run: Callable[[Call, Incoming], Answer]


async def incoming_of(request: Request) -> Incoming:
    segments = [part for part in request.path_params.get("rest", "").split("/") if part]
    return Incoming(
        arrived=door.arriving("fhir", request.headers.get("x-request-id")),
        method="GET" if request.method == "HEAD" else request.method,
        segments=segments,
        given=parse_qsl(request.url.query, keep_blank_values=True),
        headers={name.lower(): value for name, value in request.headers.items()},
        base=f"{request.base_url}fhir",
        body=await request.body(),
    )


async def answered(interaction_of: Callable[[Incoming], Interaction], request: Request) -> Response:
    return await anyio.to_thread.run_sync(_answered, interaction_of, await incoming_of(request))


def _answered(interaction_of: Callable[[Incoming], Interaction], incoming: Incoming) -> Response:
    interaction: Interaction | None = None
    try:
        with door.logged(incoming.arrived) as line:
            try:
                check_accept(incoming)
                interaction = interaction_of(incoming)
                line.verb = interaction.verb
                answer = _perform(interaction, incoming)
            finally:
                line.caller = incoming.caller.id if incoming.caller else "?"
    except Fault as fault:
        verb = interaction.verb if interaction else "fhir"
        if incoming.caller is not None and not isinstance(fault, CredentialRefused):
            person_id = incoming.call.person_id if incoming.call else None
            door.refused_look(incoming.caller, verb=verb, fault=fault, person_id=person_id)
        refusal = outcome.render(fault)
        answer = Answer(refusal.status, refusal.body, refusal.headers)
    return _response(incoming, answer)


def _perform(interaction: Interaction, incoming: Incoming) -> Answer:
    if interaction.verb == METADATA:
        return interaction.run(None, incoming)  # type: ignore[arg-type]
    token = incoming.headers.get("authorization", "")
    if not token.lower().startswith("bearer "):
        raise SignInMissing()

    def work(session: Any) -> Answer:
        caller = incoming.caller = trust.bearer(session, token[7:].strip(), incoming.arrived)
        call = incoming.call = Call(
            session,
            caller,
            incoming.base,
            if_match=incoming.headers.get("if-match"),
            if_none_exist=incoming.headers.get("if-none-exist"),
        )
        answer = interaction.run(call, incoming)
        trust.audit(session, caller, verb=interaction.verb, person_id=call.person_id, subject=call.subject)
        return answer

    return door.transact(work)


def interactions(
    table: Table, metadata: Callable[[Incoming], Resource], transaction: Callable[[Call, Any], Resource]
) -> Callable[[Incoming], Interaction]:
    """The function from a request to its interaction. Refuses there: NotOffered, DoorRefusal."""

    def interaction_of(incoming: Incoming) -> Interaction:
        match incoming.method, incoming.segments:
            case "GET", ["metadata"]:
                return Interaction(METADATA, lambda _, said: Answer(200, metadata(said)))
            case "POST", []:
                return Interaction("fhir.transaction", lambda call, said: Answer(200, transaction(call, body_of(said))))
            case _, [name, *rest] if name in table:
                return _of_type(table[name], incoming, rest)
        raise NotOffered(what="/".join(incoming.segments) or "GET /", offered=", ".join(table))

    return interaction_of


def _of_type(resource: ResourceType, incoming: Incoming, rest: list[str]) -> Interaction:
    verb = f"fhir.{resource.name}."
    match incoming.method, rest:
        case "GET", [] if resource.search:
            return Interaction(verb + "search", partial(_search, resource, incoming.given))
        case "POST", ["_search"] if resource.search:
            return Interaction(verb + "search", lambda call, said: _search(resource, _form(said), call, said))
        case "POST", [operation] if operation in resource.operations:
            return Interaction(verb + operation, partial(_operate, resource, operation))
        case "POST", [] if resource.create:
            return Interaction(verb + "create", partial(_create, resource))
        case "GET" | "PUT", [logical_id] if not logical_id.startswith("_") and not _LOGICAL_ID.fullmatch(logical_id):
            raise ResourceUnknown(reference=f"{resource.name}/{logical_id[:64].encode('ascii', 'replace').decode()}")
        case "GET", [logical_id] if resource.read and not logical_id.startswith("_"):
            return Interaction(verb + "read", partial(_read, resource, logical_id))
        case "GET", [logical_id, "_history"] if resource.history:
            return Interaction(verb + "history", partial(_history, resource, logical_id))
        case "GET", [logical_id, "_history", version] if resource.history:
            return Interaction(verb + "vread", partial(_version, resource, logical_id, version))
        case "PUT", [logical_id] if resource.update:
            return Interaction(verb + "update", partial(_update, resource, logical_id))
    raise DoorRefusal(
        405,
        "not-supported",
        what=f"{resource.name} does not offer this; see /fhir/metadata.",
        what_zh=f"{resource.name} 不支持此操作，可用操作见 /fhir/metadata。",
    )


def _search(resource: ResourceType, given: list[tuple[str, str]], call: Call, said: Incoming) -> Answer:
    assert resource.search is not None
    query = query_of(resource, given)
    return Answer(200, bundle(said.base, resource, given, resource.search(call, query)))


def _read(resource: ResourceType, logical_id: str, call: Call, said: Incoming) -> Answer:
    assert resource.read is not None
    return _tagged(200, resource.read(call, logical_id))


def _history(resource: ResourceType, logical_id: str, call: Call, said: Incoming) -> Answer:
    """Every version, the newest first (http.html#history). Refuses: ParameterUnknown."""
    assert resource.history is not None
    if said.given:
        query_of(ResourceType(f"{resource.name}/_history"), said.given)
    versions = resource.history(call, logical_id)
    address = f"{said.base}/{resource.name}/{logical_id}"
    entries = [
        {
            "fullUrl": address,
            "resource": one,
            "request": {"method": "POST" if n == len(versions) else "PUT", "url": f"{resource.name}/{logical_id}"},
            "response": {"status": "201" if n == len(versions) else "200", "etag": f'W/"{one["meta"]["versionId"]}"'},
        }
        for n, one in enumerate(versions, start=1)
    ]
    link = [{"relation": "self", "url": f"{address}/_history"}]
    told = {"resourceType": "Bundle", "type": "history", "total": len(versions), "link": link, "entry": entries}
    return Answer(200, told)


def _version(resource: ResourceType, logical_id: str, version: str, call: Call, said: Incoming) -> Answer:
    """Refuses: ResourceUnknown for a version that never was."""
    assert resource.history is not None
    for one in resource.history(call, logical_id):
        if one["meta"]["versionId"] == version:
            return _tagged(200, one)
    raise ResourceUnknown(reference=f"{resource.name}/{logical_id}/_history/{version[:20]}")


def _create(resource: ResourceType, call: Call, said: Incoming) -> Answer:
    assert resource.create is not None
    if call.if_none_exist is not None and not resource.conditional_create:
        what = f"conditional create of {resource.name}"
        raise DoorRefusal(412, "not-supported", what=what, what_zh=f"{resource.name} 不支持条件创建")
    body = body_of(said)
    validation.check(body, expected=resource.name)
    created, new = resource.create(call, body)
    answer = _tagged(201 if new else 200, created)
    answer.headers["Location"] = f"{said.base}/{resource.name}/{created['id']}"
    return answer


def _update(resource: ResourceType, logical_id: str, call: Call, said: Incoming) -> Answer:
    assert resource.update is not None
    body = body_of(said)
    validation.check(body, expected=resource.name)
    if body.get("id") != logical_id:
        raise ResourceInvalid([outcome.Issue(f"{resource.name}.id", "value", f"{body.get('id')} ≠ {logical_id}")])
    return _tagged(200, resource.update(call, logical_id, body))


def _operate(resource: ResourceType, operation: str, call: Call, said: Incoming) -> Answer:
    body = body_of(said)
    validation.check(body, expected=resource.name)
    return Answer(200, resource.operations[operation](call, body))


def _tagged(status: int, resource: Resource) -> Answer:
    """With an ETag: the version where a resource counts them, else a hash of what it says."""
    version = resource.get("meta", {}).get("versionId") or hashlib.sha256(_encode(resource)).hexdigest()[:16]
    return Answer(status, resource, {"ETag": f'W/"{version}"'})


def body_of(said: Incoming) -> Any:
    """The body as JSON. Refuses: DoorRefusal 415 and 400."""
    media_type = said.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _JSON:
        what = f"Content-Type '{media_type}'; expected {MEDIA_TYPE}"
        raise DoorRefusal(415, "not-supported", what=what, what_zh=f"内容类型“{media_type}”；应为 {MEDIA_TYPE}")
    if b"\\u0000" in said.body:
        raise DoorRefusal(400, "structure", what="U+0000 in a text", what_zh="文本中含有 U+0000")
    try:
        return _decode(said.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise DoorRefusal(400, "structure", what=f"not JSON: {wrong}", what_zh=f"不是 JSON：{wrong}") from None


def _form(said: Incoming) -> list[tuple[str, str]]:
    media_type = said.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        what = f"Content-Type '{media_type}'; expected {_FORM}"
        raise DoorRefusal(415, "not-supported", what=what, what_zh=f"内容类型“{media_type}”；应为 {_FORM}")
    return [*said.given, *parse_qsl(said.body.decode("utf-8", "replace"), keep_blank_values=True)]


def check_accept(said: Incoming) -> None:
    """Refuses: DoorRefusal 406 for what is not JSON."""
    wanted = [value for name, value in said.given if name == "_format"] or said.headers.get("accept", "").split(",")
    types = [value.partition(";")[0].strip().lower() for value in wanted]
    if not any(t in _ANY or t in _JSON or t == "json" for t in types):
        what = f"only {MEDIA_TYPE} is spoken here, not {', '.join(types)}"
        raise DoorRefusal(406, "not-supported", what=what, what_zh=f"本接口只提供 {MEDIA_TYPE}")


def _response(incoming: Incoming, answer: Answer) -> Response:
    headers = {"X-Request-Id": incoming.arrived.trace} | answer.headers
    body = b"" if answer.resource is None else _encode(answer.resource)
    written = incoming.method in ("POST", "PUT") and "ETag" in headers
    if written and "return=minimal" in incoming.headers.get("prefer", ""):
        body = b""
    return Response(body, answer.status, headers, media_type=f"{MEDIA_TYPE}; charset=utf-8")
