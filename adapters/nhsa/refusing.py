"""A refusal in the words of the message: node and field, what was found there, and the hub's own sentence.

The hub speaks of a visit, a number, a batch; the hospital sent input.data.mdtrt_id. A fact of a Fault is
looked for in the fields that can have carried it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.nhsa.tables import shown
from hub.faults import Fault, Invalid
from hub.lifecycle import IllegalMove
from hub.units import masked_number

Nodes = Mapping[str, Any]

CARRIED_BY = {
    "visit": ("mdtrt_id", "refl_old_mdtrt_id"),
    "shown": ("psn_no",),
    "system": ("psn_no", "mdtrt_cert_no"),
    "settlement_id": ("setl_id",),
    "insutype": ("insutype",),
    "disease": ("dise_codg", "opsp_dise_code"),
    "batch": ("chrg_bchno",),
    "code": ("med_list_codg",),
    "number": ("trt_dcla_detl_sn", "feedetl_sn", "ipt_otp_no", "ipt_no"),
    "organisation_id": ("fixmedins_code", "reflin_medins_no"),
    "file_id": ("file_qury_no",),
    "clearing_id": ("clr_appy_evt_id",),
    "msgid": ("omsgid",),
    "clr_type": ("clr_type",),
    "sign_no": ("sign_no",),
}
"""Facts of Faults to the fields that can have carried them, most telling first."""

NAMED_OTHERWISE = frozenset({"visit", "disease", "settlement_id", "shown", "system"})
"""Facts that the hub tells by another name than the message: the one field of its kind is meant."""

PERSONS_NUMBERS = (".psn_no", ".mdtrt_cert_no", ".certno")
"""Fields whose value is told by its ends only: refusals are kept and shown to operations."""

NOUNS = {"visit": "visit", "settlement": "settlement_id", "filing": "number", "clearing application": "clearing_id"}
"""What cannot move as asked, by the fact that would name it."""


def told(fault: Fault, nodes: Nodes) -> str:
    """The sentence for err_msg, beginning with the element wherever the message has one to blame."""
    if isinstance(fault, Invalid):
        return _at(fault, nodes)
    found = next(_places(fault, nodes), None)
    if found is None:
        return fault.sentence("zh")
    element, value = found
    value = masked_number(str(value)) if element.endswith(PERSONS_NUMBERS) else shown(value)
    return f"{element}（收到“{value}”）：{fault.sentence('zh')}"


def _at(fault: Invalid, nodes: Nodes) -> str:
    """An element that the hub named by the field alone is given its node."""
    code = fault.element.rpartition(".")[2]
    if fault.element == code:
        places = [place for place, field, _ in _fields(nodes) if field == code]
        if len(places) == 1:
            return fault.zh.format(**fault.facts | {"element": places[0]})
    return fault.sentence("zh")


def _places(fault: Fault, nodes: Nodes) -> Iterator[tuple[str, Any]]:
    """Where the facts of a Fault stand in the message, best first."""
    fields = [(place, field, value) for place, field, value in _fields(nodes) if value is not None]
    for fact, value in fault.facts.items():
        for wanted in CARRIED_BY.get(fact, ()):
            same = [(place, found) for place, field, found in fields if field == wanted and str(found) == str(value)]
            yield from same[:1]
    meant = fault.facts.keys() & NAMED_OTHERWISE
    if isinstance(fault, IllegalMove):
        meant = {NOUNS.get(fault.facts["noun"], "")} & CARRIED_BY.keys()
    for fact in meant:
        for wanted in CARRIED_BY[fact]:
            only = [(place, found) for place, field, found in fields if field == wanted]
            if len({str(found) for _, found in only}) == 1:
                yield only[0]


def _fields(nodes: Nodes) -> Iterator[tuple[str, str, Any]]:
    for name, node in nodes.items():
        rows = enumerate(node) if isinstance(node, list) else [(None, node)]
        for number, row in rows:
            where = f"input.{name}" if number is None else f"input.{name}[{number}]"
            for code, value in row.items():
                yield f"{where}.{code}", code, value
