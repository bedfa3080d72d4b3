"""2204, 2205, 2301, 2302: what a visit is charged, line by line, and how each line divides."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.funds import CHARGE_TYPES, CLASSES, OTHER_CHARGES
from adapters.nhsa.identity import alive, by_psn_no, own_visit
from adapters.nhsa.verbs import Asked, Done
from hub import directory, settlement
from hub.coverage import Explanation, SettledUpstream, Share
from hub.faults import Fault, Invalid
from hub.people import Person
from hub.records import Visit
from hub.settlement import STAY, Charge, FeeFacts, FeeLine, upstream
from hub.units import Money, day_of

FOUR_PLACES = Decimal("0.0001")
ALL = "0000"
"""The batch, or the line number, that stands for everything not yet settled."""

APPROVALS = {None: "none", "0": "none", "1": "approved", "2": "refused"}
FIELDS = {
    "number": "feedetl_sn",
    "quantity": "cnt",
    "unit_price": "pric",
    "amount": "det_item_fee_sumamt",
    "returns": "init_feedetl_sn",
}


def upload(session: Session, asked: Asked) -> Done:
    """2204 and 2301: lines in any number of parts; each is answered with its share of what is paid by whom."""
    rows = list(enumerate(asked.nodes["feedetail"]))
    results: dict[int, dict[str, Any]] = {}
    person = visit = None
    for (mdtrt_id, psn_no), own in groupby(rows, key=lambda row: (row[1]["mdtrt_id"], row[1]["psn_no"])):
        lines = list(own)
        person = alive(session, psn_no, day_of(max(said["fee_ocur_time"] for _, said in lines)))
        visit = own_visit(session, asked, mdtrt_id, person)
        results |= _upload(session, asked, visit, lines)
    assert person is not None
    assert visit is not None
    return Done({"result": [results[index] for index, _ in rows]}, person.id, f"visit/{visit.id}")


def cancel_batch(session: Session, asked: Asked) -> Done:
    """2205: drop the open lines of a batch, or of the whole visit."""
    said = asked.nodes["data"]
    person, visit = _whose(session, asked, said)
    batch = None if said["chrg_bchno"] == ALL else said["chrg_bchno"]
    settlement.cancel_fees(session, asked.caller, visit_id=visit.id, batch=batch)
    return Done({}, person.id, f"visit/{visit.id}")


def cancel_lines(session: Session, asked: Asked) -> Done:
    """2302: drop open lines of a stay by number, or all of them."""
    person = visit = None
    for said in asked.nodes["data"]:
        person, visit = _whose(session, asked, said)
        numbers = None if said["feedetl_sn"] == ALL else [said["feedetl_sn"]]
        settlement.cancel_fees(session, asked.caller, visit_id=visit.id, numbers=numbers)
    assert person is not None
    assert visit is not None
    return Done({}, person.id, f"visit/{visit.id}")


def _upload(
    session: Session, asked: Asked, visit: Visit, rows: Sequence[tuple[int, Mapping[str, Any]]]
) -> dict[int, dict[str, Any]]:
    facts = [_facts(index, said) for index, said in rows]
    try:
        stored = settlement.upload(session, asked.caller, visit_id=visit.id, lines=facts)
    except Invalid as wrong:
        raise _in_our_words(wrong, {fact.number: index for fact, (index, _) in zip(facts, rows, strict=True)}) from None
    splits: dict[str, dict[str, Share] | Fault] = {
        batch: _split(session, asked, visit, batch) for batch in {line.batch for line in stored}
    }
    items = directory.catalogue(session, {line.code for line in stored})
    return {
        index: _result(line, items[line.code].kind, splits[line.batch])
        for (index, _), line in zip(rows, stored, strict=True)
    }


def _facts(index: int, said: Mapping[str, Any]) -> FeeFacts:
    if not said["feedetl_sn"]:
        raise Invalid(element=f"input.feedetail[{index}].feedetl_sn", found=said["feedetl_sn"], allowed="不为 0 的数字")
    return FeeFacts(
        number=str(said["feedetl_sn"]),
        code=said["med_list_codg"],
        quantity=said["cnt"],
        unit_price=said["pric"],
        amount=said["det_item_fee_sumamt"],
        occurred_at=said["fee_ocur_time"],
        batch=said.get("chrg_bchno") or STAY,
        approval=APPROVALS[said["hosp_appr_flag"]],
        returns=said.get("init_feedetl_sn"),
        local_code=said["medins_list_codg"],
    )


def _in_our_words(wrong: Invalid, index_of: Mapping[str, int]) -> Invalid:
    """The hub speaks of lines[number].quantity; the hospital sent input.feedetail[2].cnt."""
    number, _, name = wrong.element.removeprefix("lines[").partition("].")
    if number not in index_of:
        return wrong
    element = f"input.feedetail[{index_of[number]}].{FIELDS.get(name, name)}"
    return type(wrong)(**wrong.facts | {"element": element})


def _split(session: Session, asked: Asked, visit: Visit, batch: str) -> dict[str, Share] | Fault:
    """How the open lines of a batch divide, by line number; the Fault says why nothing can be said yet.

    Where a platform settles it is our own calculation: what the platform makes of them its settlement says.
    """
    try:
        try:
            explained: Explanation = settlement.quote(session, asked.caller, Charge(visit.id, batch))
        except SettledUpstream:
            explained = upstream.shadow(session, asked.caller, Charge(visit.id, batch))
    except Fault as not_yet:
        return not_yet
    return {line.id: share for line, share in zip(explained.bill.lines, explained.shares, strict=True)}


def _result(line: FeeLine, kind: str, split: dict[str, Share] | Fault) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "feedetl_sn": line.number,
        "det_item_fee_sumamt": line.amount,
        "cnt": line.quantity,
        "pric": line.unit_price,
        "pric_uplmt_amt": line.ceiling,
        "chrgitm_lv": CLASSES[line.item_class],
        "med_chrgitm_type": CHARGE_TYPES.get(kind, OTHER_CHARGES),
        "lmt_used_flag": line.restricted,
    }
    if isinstance(split, Fault):
        return answer | {"memo": split.sentence("zh")}
    share = split.get(line.number)
    if share is None:  # a return: what it takes back is already off the line it names
        return answer
    below = share.amount - share.over
    return answer | {
        "selfpay_prop": (Decimal(share.own + share.first) / below).quantize(FOUR_PLACES) if below else None,
        "fulamt_ownpay_amt": Money(share.own),
        "overlmt_amt": Money(share.over),
        "preselfpay_amt": Money(share.first),
        "inscp_scp_amt": Money(share.scope),
    }


def _whose(session: Session, asked: Asked, said: Mapping[str, Any]) -> tuple[Person, Visit]:
    person = by_psn_no(session, said["psn_no"])
    return person, own_visit(session, asked, said["mdtrt_id"], person)
