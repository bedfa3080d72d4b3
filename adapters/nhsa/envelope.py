"""The envelope: what every request carries besides its input, and the form of every reply."""

import hashlib
import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from adapters.differing import first_difference
from adapters.nhsa.region import Region, names
from adapters.nhsa.tables import Row, shown, transaction
from hub.exchange import HeardMessage
from hub.faults import Conflict, Forbidden, Invalid, Missing, Refused
from hub.units import CHINA

LONGEST_MESSAGE = 200
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_serial = itertools.count(secrets.randbelow(10**10))


class TransactionNotOffered(Refused):
    zh = "本地区（{region}）未开通交易 {infno} {name}。"
    en = "Transaction {infno} ({name}) is not offered by this region ({region})."


class ForeignInstitution(Forbidden):
    zh = "报文的定点医药机构编号 {found} 与本凭据所属机构 {owner} 不一致。"
    en = "The envelope names institution {found}, the credential belongs to {owner}."


class MessageIdReused(Conflict):
    """`element` is where the two messages differ."""

    zh = "发送方报文ID {msgid} 已用于另一内容的报文（不同处：{element}）。请换用新的报文ID。"
    en = "Message id {msgid} was used for a message with another {element}. Use a new one."


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose envelope has been checked; `input` is still as it came."""

    infno: str
    msgid: str
    head: Row
    input: Any
    content_hash: bytes


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, every number exact. Refuses: Invalid."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
        found = shown(body[:160].decode("utf-8", "replace"))
        raise Invalid(element="报文", found=found, allowed="UTF-8 编码的 JSON 对象") from None
    if type(found) is not dict:
        raise Invalid(element="报文", found=shown(found), allowed="UTF-8 编码的 JSON 对象")
    return found


def open_envelope(found: dict[str, Any], *, asked: str, path: str, spoken: Region) -> Request:
    """Check the envelope of a request signed for transaction `asked` that came on `path`.

    Refuses: Missing, Invalid, TransactionNotOffered.
    """
    head = transaction("envelope", spoken).incoming["request"].read_row(found, "")
    infno, msgid = head["infno"], head["msgid"]
    if asked != path:
        raise Invalid(element="_api_name", found=shown(asked), allowed=f"与请求地址中的交易编号相同（{path}）")
    if infno != asked:
        raise Invalid(element="infno", found=infno, allowed=f"与请求头 _api_name 相同（{asked}）")
    if infno not in spoken.served:
        raise TransactionNotOffered(infno=infno, name=names().get(infno, "未知交易"), region=spoken.name)
    if "input" not in found:
        raise Missing(element="input", allowed="交易的输入节点。")
    return Request(infno, msgid, head, found["input"], content_hash(infno, found["input"]))


def require_insured_area(request: Request, nodes: Mapping[str, Any], spoken: Region) -> None:
    """Where the region wants it, a message about a person says where they are insured. Refuses: Missing."""
    if spoken.insured_area_required and not request.head["insuplc_admdvs"]:
        rows = [row for node in nodes.values() for row in (node if isinstance(node, list) else [node])]
        if any(row.get("psn_no") for row in rows):
            raise Missing(element="insuplc_admdvs", allowed="输入含人员编号时必填：参保地医保区划，C(6)。")


def require_own(request: Request, organisation_id: str | None, spoken: Region) -> None:
    """A credential speaks for its own institution only, whose code begins its message ids.

    Refuses: ForeignInstitution, Invalid.
    """
    if organisation_id is None or request.head["fixmedins_code"] != organisation_id:
        raise ForeignInstitution(found=request.head["fixmedins_code"], owner=organisation_id)
    msgid = request.msgid
    rest = msgid.removeprefix(organisation_id)
    if rest == msgid or re.fullmatch(spoken.msgid_rest, rest) is None:
        raise Invalid(element="msgid", found=msgid, allowed="30 位：机构编号 12 位 + 时间 14 位 + 顺序号 4 位")


def content_hash(infno: str, input_: Any) -> bytes:
    """What makes two messages the same message: the transaction and its input, nothing of the envelope."""
    return hashlib.sha256(infno.encode() + msgspec.json.encode(input_, order="deterministic")).digest()


def differing(before: HeardMessage | None, request: Request, body: bytes) -> str:
    """Where a message differs from the one that used its id before it: infno, or an element of the input."""
    if before is None or before.kind == request.infno:
        return first_difference(before.body if before is not None else b"", body, inside="input")
    return "infno"


def encode(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document)


def accepted(output: dict[str, Any], *, spoken: Region, heard_at: datetime) -> bytes:
    """infcode 0."""
    return _reply(0, "", output, spoken=spoken, heard_at=heard_at)


def refused(sentence: str, *, spoken: Region, heard_at: datetime) -> bytes:
    """infcode -1 and the sentence; the interface knows no finer code."""
    return _reply(-1, sentence, {}, spoken=spoken, heard_at=heard_at)


def _reply(infcode: int, message: str, output: dict[str, Any], *, spoken: Region, heard_at: datetime) -> bytes:
    now = datetime.now(UTC)
    reply = {
        "infcode": infcode,
        "inf_refmsgid": f"{spoken.area}{heard_at.astimezone(CHINA):%Y%m%d%H%M%S}{next(_serial) % 10**10:010d}",
        "refmsg_time": _milliseconds(heard_at),
        "respond_time": _milliseconds(now),
        "err_msg": message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…",
        "output": output,
    }
    return encode(reply)


def _milliseconds(at: datetime) -> str:
    local = at.astimezone(CHINA)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"
