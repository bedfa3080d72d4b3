"""Settling: one transaction claims the keys, locks the accumulators, explains, posts, and tells.

Locks are taken in the same order by everybody: visits by id, shared accounts' consents, message keys by name,
accumulators by person, accounts by person. The message key decides between two copies of a message, the
accumulators between two charges of one human, and the charge key says which settlement stands for a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.coverage import Explanation, SettledUpstream, tidying
from hub.db import Statement, run_together
from hub.faults import Conflict, Fault, Unavailable
from hub.settlement import doubts
from hub.settlement.charges import Charge, Place, Prepared, Stands, charging, places, prepare, with_sharers
from hub.settlement.fees import STAY
from hub.settlement.keys import KeyTaken, Name, claimed_in, claiming, known_keys, letting_go, pointing
from hub.settlement.rows import Row, as_settlement, by_id, settlement_row, writing
from hub.settlement.standing import differing, still
from hub.settlement.tables import Settlement
from hub.settlement.telling import News, owners_told, telling
from hub.trust import Caller


class AlreadySettled(Conflict):
    zh = "该收费批次已结算，结算号 {settlement_id}。"
    en = "This charge batch is already settled as {settlement_id}."


class OutcomeNotKnown(Unavailable):
    """Something was asked of a platform further up, and what it did is not known yet."""

    zh = "上级医保平台对报文 {key} 的处理结果暂未确认。请勿换报文号重做，稍后用同一报文号重新查询或重发。"
    en = "The platform's outcome for message {key} is not yet known. Ask again later under the same message id."


@dataclass(frozen=True, slots=True)
class Order:
    """One call of settle: the hospital's key for it (msgid) and the hash of what it said."""

    caller: Caller
    charge: Charge
    key: str
    content_hash: bytes


Asked = tuple[Order, Place]
Outcome = Row | Stands | Fault


def quote(session: Session, caller: Caller, charge: Charge) -> Explanation:
    """What settling now would give, to the fen; writes nothing and locks nothing.

    Refuses: NotAllowed, VisitUnknown, VisitOver, NotInsured, PackMissing, ChronicNotFiled, NothingToSettle,
    TotalDiffers, BillWrong, AlreadySettled, SettledUpstream, NotShared.
    """
    (place,) = places(session, [(caller, charge.visit_id)], lock=False)
    (place,) = with_sharers(session, [(caller, charge, place)], lock=False)
    if isinstance(place, Fault):
        raise place
    (ready,) = prepare(session, [(caller, charge, place)], lock=False)
    if isinstance(ready, Fault):
        raise ready
    if isinstance(ready, Stands):
        raise AlreadySettled(settlement_id=ready.settlement_id)
    if ready.entitlement.enrolment.upstream:
        raise SettledUpstream(area=ready.entitlement.enrolment.area)
    return ready.explain()


def settle(session: Session, caller: Caller, charge: Charge, *, key: str, content_hash: bytes) -> Settlement:
    """Settle a charge. The same key and content again is the same settlement, a new key for the same batch too.

    Refuses: what `quote` refuses, except AlreadySettled; Doubted, OverrideWrong, KeyTaken, KeyReversed, KeyUndone,
    RefundedInPart, OutcomeNotKnown.
    """
    (outcome,) = settle_many(session, [Order(caller, charge, key, content_hash)])
    if isinstance(outcome, Fault):
        raise outcome
    return outcome


def settle_many(session: Session, orders: Sequence[Order]) -> list[Settlement | Fault]:
    """Settle a batch in the order given; a Fault is a value here, and only bugs raise.

    Orders about one human, with one key or paid from one account are settled one after the other.
    """
    outcomes, writes = settling_many(session, orders)
    run_together(session, writes)
    return outcomes


def settling_many(session: Session, orders: Sequence[Order]) -> tuple[list[Settlement | Fault], list[Statement]]:
    """`settle_many` but for its last statements, which a door runs together with its own."""
    found = places(session, [(order.caller, order.charge.visit_id) for order in orders], lock=True)
    named = [(order.caller, order.charge, place) for order, place in zip(orders, found, strict=True)]
    found = with_sharers(session, named, lock=True)
    outcomes: dict[int, Outcome] = {i: place for i, place in enumerate(found) if isinstance(place, Fault)}
    waiting = [(i, (orders[i], place)) for i, place in enumerate(found) if isinstance(place, Place)]
    if any(place.sharer for _, (_, place) in waiting) and len(waiting) > 1:
        # A later round locks accumulators after accounts of an earlier one; so all are held in order first.
        prepare(session, [(order.caller, order.charge, place) for _, (order, place) in waiting], lock=True)
    writes: list[Statement] = []
    while waiting:
        run_together(session, writes)
        turn, waiting = _one_of_each(waiting)
        ended, writes = _settle_round(session, [asked for _, asked in turn])
        outcomes |= zip((i for i, _ in turn), ended, strict=True)
    return _settlements(session, orders, [outcomes[i] for i in range(len(orders))]), writes


def _one_of_each(waiting: list[tuple[int, Asked]]) -> tuple[list[tuple[int, Asked]], list[tuple[int, Asked]]]:
    """The first order of every human, of every account and of every key; and the rest."""
    seen: set[object] = set()
    turn: list[tuple[int, Asked]] = []
    rest: list[tuple[int, Asked]] = []
    for item in waiting:
        names: set[object] = {*item[1][1].paying, _name(*item[1])}
        (rest if names & seen else turn).append(item)
        seen |= names
    return turn, rest


def _settle_round(session: Session, asked: Sequence[Asked]) -> tuple[list[Outcome], list[Statement]]:
    """Orders of different people and keys, in order; and what is to be written for them."""
    names = [_name(*one) for one in asked]
    hashes = {name: order.content_hash for name, (order, _) in zip(names, asked, strict=True)}
    charged = charging([(order.charge, place) for order, place in asked])
    new, lines = run_together(session, [claiming(hashes), charged])
    claimed = claimed_in(new)
    known = known_keys(session, [name for name in names if name not in claimed])
    fresh = [one for one, name in zip(asked, names, strict=True) if name in claimed]
    ready = prepare(session, [(order.caller, order.charge, place) for order, place in fresh], lock=True, lines=lines)
    outcomes: dict[Name, Outcome] = {}
    for (order, place), prepared in zip(fresh, ready, strict=True):
        name = _name(order, place)
        outcomes[name] = _decide(session, order, prepared, claimed[name])
    written = [(order, place, row) for order, place in fresh if isinstance(row := outcomes[_name(order, place)], dict)]
    refused = [name for name, outcome in outcomes.items() if isinstance(outcome, Fault)]
    standing = {name: stands.settlement_id for name, stands in outcomes.items() if isinstance(stands, Stands)}
    news = [News(row, place.visit.hospital, place.telephone, hears=place.visit.hears) for _, place, row in written]
    turned_away = [place for order, place in fresh if isinstance(outcomes[_name(order, place)], Fault)]
    writes = [*writing([row for _, _, row in written]), *letting_go(refused), *pointing(standing)]
    writes += tidying({person_id for place in turned_away for person_id in place.person_ids})
    writes += telling(asked[0][0].caller, [*news, *owners_told(session, news)])
    for name, (order, _) in zip(names, asked, strict=True):
        if name in known:
            outcomes[name] = known[name].repeat(order.content_hash)
    return [outcomes[name] for name in names], writes


def _decide(session: Session, order: Order, prepared: Prepared | Stands | Fault, settlement_id: int) -> Outcome:
    if not isinstance(prepared, Prepared):
        return prepared
    try:
        explanation = prepared.explain()
    except Fault as refusal:
        return refusal
    unanswered = doubted(session, order.caller, order.charge, prepared)
    if unanswered is not None:
        return unanswered
    return settlement_row(order.caller, prepared, explanation, settlement_id=settlement_id, key=order.key)


def doubted(session: Session, caller: Caller, charge: Charge, prepared: Prepared) -> Fault | None:
    """Why a doubtful charge is not settled; None when nothing is doubtful, or a doctor has answered for it."""
    if not prepared.doubted:
        return None
    batch = STAY if prepared.place.inpatient else prepared.batch
    return doubts.answer(session, caller, visit_id=charge.visit_id, batch=batch, override=charge.override)


def _name(order: Order, place: Place) -> Name:
    return place.visit.organisation_id, order.key


def _settlements(session: Session, orders: Sequence[Order], outcomes: Sequence[Outcome]) -> list[Settlement | Fault]:
    """Rows just written as settlements, those that stood read back.

    What was undone since stands no longer; what a platform was asked for is not there yet.
    """
    named = {outcome.settlement_id for outcome in outcomes if isinstance(outcome, Stands)}
    named |= {outcome.facts["settlement_id"] for outcome in outcomes if isinstance(outcome, KeyTaken)}
    standing = by_id(session, named) if named else {}
    settled: list[Settlement | Fault] = []
    for order, outcome in zip(orders, outcomes, strict=True):
        if isinstance(outcome, Stands):
            row = standing.get(outcome.settlement_id)
            settled.append(OutcomeNotKnown(key=order.key) if row is None else still(session, row, order.key))
        elif isinstance(outcome, KeyTaken) and outcome.facts["settlement_id"] in standing:
            stands = standing[outcome.facts["settlement_id"]]
            settled.append(KeyTaken(**outcome.facts | {"element": differing(order.charge, stands)}))
        else:
            settled.append(outcome if isinstance(outcome, Fault) else as_settlement(outcome))
    return settled
