"""What is due to a hospital leaves as HL7 v2, rendered from the snapshot alone.

MSH-10 and MSH-7 come from the row, so a message sent again has the same bytes and the receiver can tell.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from adapters.delivery.outcome import Outcome
from adapters.hl7v2 import er7, oru, ref, siu, times
from adapters.hl7v2.acknowledgements import APPLICATION, FACILITY
from adapters.hl7v2.connection import NoAnswer, Pool
from adapters.hl7v2.er7 import Line, Message
from hub.directory import Endpoint
from hub.exchange import Due

ANSWER_SECONDS = 15.0
VERSION = "2.5.1"

Rendered = tuple[tuple[str, str, str], list[Line]]

_pool = Pool()

_FAMILIES: dict[str, Callable[[str, Mapping[str, Any], str], Rendered]] = {
    "appointment": siu.render,
    "referral": ref.render,
    "result": oru.render,
    "consultation": oru.render,
}


def render(
    due_kind: str, snapshot: Mapping[str, Any], *, control_id: str, created_at: datetime, endpoint: Endpoint
) -> bytes:
    """The message for a row of the outbox. Raises KeyError for a kind that this door does not send."""
    family = _FAMILIES[due_kind.partition(".")[0]]
    kind, lines = family(due_kind, snapshot, endpoint.organisation_id)
    header: er7.Fields = {
        3: APPLICATION,
        4: FACILITY,
        5: endpoint.application,
        6: endpoint.facility,
        7: times.stamp(created_at),
        9: kind,
        10: control_id,
        11: "P",
        12: VERSION,
        17: "CHN",
        18: "UNICODE UTF-8",
    }
    return er7.write([("MSH", header), *lines])


def control_id(due: Due) -> str:
    """MSH-10 of a row: its second and its id, at most 20 characters, the same whenever it is sent."""
    return f"{times.stamp(due.posted_at)[2:14]}-{due.id}"


def deliver(endpoint: Endpoint, due: Due) -> Outcome:
    """Send one row to its hospital and say how it went; no transaction is open."""
    number = control_id(due)
    message = render(due.kind, due.snapshot, control_id=number, created_at=due.posted_at, endpoint=endpoint)
    if endpoint.host is None or endpoint.port is None:
        return Outcome("poison", f"the endpoint of {endpoint.organisation_id} has no address")
    try:
        with _pool.take(endpoint.host, endpoint.port) as connection:
            answer = connection.send(message, control_id=number, timeout_seconds=ANSWER_SECONDS)
    except NoAnswer as trouble:
        return Outcome("failed", str(trouble))
    return outcome_of(answer)


def outcome_of(answer: Message) -> Outcome:
    """AA and CA: it has it. AE and CE: it never will. AR, CR and anything else: later again."""
    code = answer["MSA"].text(1)
    kind = {"A": "sent", "E": "refused"}.get(code[1:2], "failed")
    reason = answer["ERR"].text(8) or answer["MSA"].text(3) or answer["ERR"].text(3, 2)
    return Outcome(kind, f"{code} {reason}".strip(), answer.raw)  # type: ignore[arg-type]
