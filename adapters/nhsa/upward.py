"""The national interface spoken upward: the tables, the envelope and the signing that hospitals use towards us.

Every message ends in one of four ways, told apart by what the platform may have done: Accepted; Refused, which
says that it did nothing; NotReached, which is as sure; Unanswered, which nobody can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import count
from time import monotonic
from typing import Any

import httpx
import msgspec
from sqlalchemy.orm import Session

from adapters.nhsa.gateway import SIGNINGS
from adapters.nhsa.region import HOME_AREA, Region, region_on
from adapters.nhsa.tables import Node, shown, transaction
from hub.coverage import Authority
from hub.faults import Fault, Invalid, Missing
from hub.settlement import upstream
from hub.trust import Caller
from hub.units import CHINA, day_of

CONNECT_SECONDS = 3.0
LARGEST_BYTES = 16 * 1024 * 1024
DOWNLOAD = "9102"
VERSION = "1.0.0"
SURELY_REFUSED = frozenset(range(400, 500)) - {408, 499}
"""Statuses with which a gateway turns a message away before anybody acts on it."""
NEEDED = frozenset({"mdtrt_id", "clr_type", "medfee_sumamt", "fund_pay_sumamt", "acct_pay", "file_qury_no"})
"""Without these an answer says nothing that could be booked or asked further."""
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_serial = count(1)


@dataclass(frozen=True, slots=True)
class Accepted:
    """infcode 0: the nodes of the answer as values, and as they were written; the bytes of a file."""

    nodes: dict[str, Any]
    written: dict[str, Any]
    file: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """infcode -1, or the gateway's own refusal: nothing was done."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NotReached:
    """The message never left this house: nothing was done."""

    problem: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The message may have arrived; what came back, if anything did, says nothing."""

    problem: str


Outcome = Accepted | Refused | NotReached | Unanswered


@dataclass(frozen=True, slots=True)
class Speaker:
    """On whose behalf a message is sent: the hospital, and who sits at its window."""

    institution: str
    name: str
    operator: str = "HUB"
    operator_name: str = "区域平台"
    operator_type: str = "1"


def msgid(institution: str, at: datetime) -> str:
    """A message id of our own making: a hospital's serial has no letter, so the two never meet."""
    number, letters = next(_serial) % 36**3, ""
    for _ in range(3):
        number, rest = divmod(number, 36)
        letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + letters
    return f"{institution}{at.astimezone(CHINA):%Y%m%d%H%M%S}H{letters}"


def written(infno: str, nodes: Mapping[str, Any], spoken: Region) -> dict[str, Any]:
    """The `input` of a message from plain values, by its field table."""
    table = transaction(infno, spoken).incoming
    return {
        name: [node.write(row) for row in nodes[name]] if node.many else node.write(nodes[name])
        for name, node in table.items()
    }


def say(
    authority: Authority, infno: str, input_: Mapping[str, Any], *, msgid: str, speaker: Speaker, at: datetime
) -> Outcome:
    """Send one message and wait for its answer, at most as long as the platform is given."""
    spoken = region_on(HOME_AREA, day_of(at))
    headers = {"content-type": "application/json"} | SIGNINGS[spoken.signing].sign(
        access_key=authority.access_key or "", secret=authority.secret or "", name=infno, version=VERSION, at=at
    )
    body = msgspec.json.encode(_envelope(authority, infno, input_, msgid, speaker, at, spoken))
    try:
        status, content = _posted(f"{authority.url}/{infno}", body, headers, authority.timeout_seconds)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as trouble:
        return NotReached(_named(trouble))
    except (httpx.HTTPError, _TooMuch) as trouble:
        return Unanswered(_named(trouble))
    return _heard(infno, status, content, spoken)


def note_end(session: Session, caller: Caller, forwarded_id: int, outcome: Outcome) -> None:
    """How a message ended, in its row of the journal; that a settlement was accepted is recorded with its answer."""
    match outcome:
        case Accepted():
            upstream.record_done(session, caller, forwarded_id, outcome.written)
        case Refused(sentence):
            upstream.record_refused(session, caller, forwarded_id, sentence)
        case NotReached(problem):
            upstream.record_refused(session, caller, forwarded_id, problem)
        case _:
            upstream.record_lost(session, caller, forwarded_id, outcome.problem)


def _envelope(
    authority: Authority,
    infno: str,
    input_: Mapping[str, Any],
    msgid: str,
    speaker: Speaker,
    at: datetime,
    spoken: Region,
) -> dict[str, Any]:
    head = {
        "infno": infno,
        "msgid": msgid,
        "mdtrtarea_admvs": spoken.area,
        "insuplc_admdvs": authority.area,
        "recer_sys_code": "MBS_LOCAL",
        "infver": "V1.0",
        "opter_type": speaker.operator_type,
        "opter": speaker.operator,
        "opter_name": speaker.operator_name,
        "inf_time": at,
        "fixmedins_code": speaker.institution,
        "fixmedins_name": speaker.name,
    }
    return transaction("envelope", spoken).incoming["request"].write(head) | {"input": input_}


class _TooMuch(Exception):
    """More bytes, or more time, than an answer may take."""


def _posted(url: str, body: bytes, headers: dict[str, str], timeout_seconds: int) -> tuple[int, bytes]:
    """Status and content. The whole answer has the time that its first byte has, so that dripping does not help."""
    until = monotonic() + timeout_seconds
    timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
    content = bytearray()
    with _client().stream("POST", url, content=body, headers=headers, timeout=timeout) as response:
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > LARGEST_BYTES:
                raise _TooMuch(f"more than {LARGEST_BYTES} bytes")
            if monotonic() > until:
                raise _TooMuch(f"not whole after {timeout_seconds} s")
        return response.status_code, bytes(content)


def _heard(infno: str, status: int, content: bytes, spoken: Region) -> Outcome:
    if status in SURELY_REFUSED:
        return Refused(_gateways_words(status, content))
    if status != 200:
        return Unanswered(f"HTTP {status}")
    if infno == DOWNLOAD and content.startswith(b"PK"):
        return Accepted({}, {}, content)
    try:
        answer = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
        return Unanswered("the answer is not JSON")
    if type(answer) is not dict or "infcode" not in answer:
        return Unanswered("the answer has no infcode")
    if str(answer["infcode"]) != "0":
        return Refused(str(answer.get("err_msg") or f"infcode {answer['infcode']}")[:200])
    output = answer.get("output")
    output = output if type(output) is dict else {}
    try:
        return Accepted(_read(infno, output, spoken), output)
    except Fault as wrong:
        return Unanswered(f"the answer does not fit its table: {wrong.sentence('en')}")


def _read(infno: str, output: Mapping[str, Any], spoken: Region) -> dict[str, Any]:
    """The nodes of an answer. What an undo answers is not agreed between provinces, sign included: left unread."""
    if infno in ("2208", "2305"):
        return {}
    nodes: dict[str, Any] = {}
    for name, node in transaction(infno, spoken).outgoing.items():
        found = output if name == "_" else output.get(name)
        if node.many:
            nodes[name] = [_row(node, row, f"output.{name}") for row in found or []]
        else:
            nodes[name] = _row(node, found, f"output.{name}")
    return nodes


def _row(node: Node, found: Any, where: str) -> dict[str, Any]:
    """The values of a row by its table. Money that was paid is not left unbooked because a platform says less of the
    person than it should: what is missing is None unless it is needed. Refuses: Invalid, Missing."""
    if type(found) is not dict:
        raise Missing(element=where)
    row: dict[str, Any] = {}
    for code, other_spelling, _, convert in node.plan:
        value = found.get(code, found.get(other_spelling) if other_spelling else None)
        if value is None or value == "":
            if code in NEEDED:
                raise Missing(element=f"{where}.{code}")
            row[code] = None
            continue
        try:
            row[code] = convert(value)
        except ValueError as wrong:
            if code in NEEDED or type(value) is not str or _is_number(node, code):
                raise Invalid(element=f"{where}.{code}", found=shown(value), allowed=str(wrong)) from None
            row[code] = value
    return row


def _is_number(node: Node, code: str) -> bool:
    return any(f.code == code and f.type.startswith("N") for f in node.fields)


def _gateways_words(status: int, content: bytes) -> str:
    try:
        said = _decoder.decode(content)
        return f"{said['code']} {said['message']}"[:200]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError, TypeError):
        return f"HTTP {status}"


def _named(trouble: Exception) -> str:
    return f"{type(trouble).__name__}: {trouble}"[:300]


@cache
def _client() -> httpx.Client:
    """A connection a message: one kept open may be closed while we write, and then nobody knows what arrived."""
    return httpx.Client(trust_env=False, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0))
