"""Refusals as application/problem+json (RFC 9457): one table, by kind.

A problem carries the Fault's code and kind, the element where one is at fault, the sentence in
Chinese (`detail`) and in English (`detail_en`), and the trace that operations can look up.
"""

import msgspec
from starlette.responses import Response

from hub.faults import Conflict, Fault, Invalid, Kind, Unavailable
from hub.trust import CredentialRefused

MEDIA_TYPE = "application/problem+json"

STATUS: dict[Kind, tuple[int, str]] = {
    Kind.INVALID: (400, "Invalid"),
    Kind.UNKNOWN: (422, "Unknown"),
    Kind.FORBIDDEN: (403, "Forbidden"),
    Kind.CONFLICT: (409, "Conflict"),
    Kind.REFUSED: (422, "Refused by a rule"),
    Kind.UNAVAILABLE: (503, "Unavailable"),
}


class BodyUnreadable(Invalid):
    zh = "请求内容无法读取：{why}（位置 {element}）。"
    en = "The body cannot be read: {why} (at {element})."


class KeyReused(Conflict):
    """`element` is where the two requests differ."""

    zh = "Idempotency-Key“{key}”已用于另一个内容不同的请求（不同处：{element}）。请为新请求换一个键。"
    en = "Idempotency-Key '{key}' was used for a request with another {element}. Use a new key for a new request."


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457, with our members after the standard's."""

    type: str
    title: str
    status: int
    detail: str
    detail_en: str
    code: str
    kind: str | None = None
    element: str | None = None
    trace: str | None = None


def status_of(fault: Fault, named: tuple[type[Fault], ...] = ()) -> int:
    """The status of a refusal; `named` are those about what the URL itself names."""
    if isinstance(fault, CredentialRefused):
        return 401
    if fault.kind is Kind.UNKNOWN and isinstance(fault, named):
        return 404
    return STATUS[fault.kind][0]


def render(fault: Fault, trace: str, named: tuple[type[Fault], ...] = ()) -> Response:
    """A Fault as a response."""
    status = status_of(fault, named)
    problem = Problem(
        type=f"urn:onecard:problem:{fault.code}",
        title=STATUS[fault.kind][1],
        status=status,
        detail=fault.sentence("zh"),
        detail_en=fault.sentence("en"),
        code=fault.code,
        kind=fault.kind.value,
        element=fault.element if isinstance(fault, Invalid) else None,
        trace=trace or None,
    )
    headers = {}
    if isinstance(fault, Unavailable):
        headers["Retry-After"] = str(fault.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(problem, headers)


def no_token(trace: str) -> Response:
    """No bearer token at all."""
    problem = Problem(
        type="urn:onecard:problem:token-missing",
        title="Not signed in",
        status=401,
        detail="请求缺少令牌：Authorization: Bearer …。",
        detail_en="The request carries no token: Authorization: Bearer ….",
        code="token-missing",
        trace=trace,
    )
    return _answer(problem, {"WWW-Authenticate": "Bearer"})


def wrong_media_type(found: str, trace: str) -> Response:
    problem = Problem(
        type="urn:onecard:problem:media-type",
        title="Unsupported media type",
        status=415,
        detail=f"内容类型应为 application/json，收到“{found}”。",
        detail_en=f"The body should be application/json, found '{found}'.",
        code="media-type",
        element="Content-Type",
        trace=trace,
    )
    return _answer(problem, {"Accept-Post": "application/json"})


def _answer(problem: Problem, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(problem), problem.status, headers, media_type=MEDIA_TYPE)
