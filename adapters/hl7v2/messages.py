"""The messages this door takes, one line each: trigger, structure, what it does, and where its facts stand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from adapters.hl7v2 import adt, oru, qbp, ref, siu
from adapters.hl7v2.acknowledgements import Reply
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Message
from hub.trust import Caller

Verb = Callable[[Session, Caller, Message], Done]


@dataclass(frozen=True, slots=True)
class Row:
    """`structure` counts, not MSH-9.3, which most senders get wrong. `elements` says where a fact that the hub
    refuses by its own name stands in the message."""

    structure: str
    verb: Verb
    elements: Mapping[str, str] = field(default_factory=dict)
    refusal: Callable[[Message], Reply] | None = None
    """What is answered below the errors, where more than ACK is expected also when the hub refuses."""

    @property
    def name(self) -> str:
        """For the audit and the log: adt.register."""
        return f"{self.verb.__module__.rpartition('.')[2]}.{self.verb.__name__}"


MESSAGES: dict[tuple[str, str], Row] = {
    ("ADT", "A01"): Row("ADT_A01", adt.admit),
    ("ADT", "A02"): Row("ADT_A02", adt.update),
    ("ADT", "A03"): Row("ADT_A03", adt.discharge, {"ended_at": "PV1-45"}),
    ("ADT", "A04"): Row("ADT_A01", adt.attend),
    ("ADT", "A05"): Row("ADT_A05", adt.register),
    ("ADT", "A08"): Row("ADT_A01", adt.update),
    ("ADT", "A11"): Row("ADT_A09", adt.cancel_admission),
    ("ADT", "A12"): Row("ADT_A12", adt.update),
    ("ADT", "A13"): Row("ADT_A01", adt.cancel_discharge),
    ("ADT", "A28"): Row("ADT_A05", adt.register),
    ("ADT", "A31"): Row("ADT_A05", adt.register),
    ("SIU", "S12"): Row("SIU_S12", siu.book, siu.ELEMENTS),
    ("SIU", "S13"): Row("SIU_S12", siu.reschedule, siu.ELEMENTS),
    ("SIU", "S14"): Row("SIU_S12", siu.reschedule, siu.ELEMENTS),
    ("SIU", "S15"): Row("SIU_S12", siu.cancel, siu.ELEMENTS),
    ("SIU", "S16"): Row("SIU_S12", siu.cancel, siu.ELEMENTS),
    ("SIU", "S17"): Row("SIU_S12", siu.cancel, siu.ELEMENTS),
    ("SIU", "S23"): Row("SIU_S12", siu.stop, {"reason": "SCH-6", "until": "TQ1-8"}),
    ("SIU", "S26"): Row("SIU_S12", siu.miss, siu.ELEMENTS),
    ("REF", "I12"): Row("REF_I12", ref.refer, ref.ELEMENTS),
    ("REF", "I13"): Row("REF_I12", ref.answer_info, {"answer": "NTE-3"}),
    ("REF", "I14"): Row("REF_I12", ref.recall, {"reason": "NTE-3"}),
    ("REF", "I15"): Row("REF_I12", ref.status),
    ("RRI", "I12"): Row("RRI_I12", ref.respond, {"reason": "NTE-3", "question": "NTE-3"}),
    ("QBP", "Q22"): Row("QBP_Q21", qbp.find, qbp.ELEMENTS, qbp.refusal),
    ("QBP", "Q23"): Row("QBP_Q21", qbp.cross_reference, qbp.ELEMENTS, qbp.refusal),
    ("ORU", "R01"): Row("ORU_R01", oru.publish, {"observations": "OBX", "filler_number": "OBR-3"}),
}

EVERYWHERE = {"name": "PID-5", "telephone": "PID-13", "birth_date": "PID-7", "address": "PID-11", "number": "PV1-19"}
"""Where facts stand that every message has in the same place."""

CODES = frozenset(code for code, _ in MESSAGES)


def events_of(code: str) -> str:
    """The trigger events offered for a message type, for the refusal of another."""
    return ", ".join(event for known, event in MESSAGES if known == code)
