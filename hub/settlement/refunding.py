"""Part of a settlement given back, by line and quantity.

The whole settlement is taken back and the rest settled again from the bill that was kept, under its own pack and
standing, in one transaction: a counter-entry, a new settlement that stands for the charge batch, and a Refund that
ties the three. A refund of a refund goes on from the one that stands, so no line is given back twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import ARRAY, Text, any_, cast, select
from sqlalchemy.orm import Session

from hub import coverage, directory, exchange
from hub.coverage import Bill, Explanation
from hub.db import run_together
from hub.faults import Invalid, Refused
from hub.settlement import hearing
from hub.settlement.keys import claim, known_keys, point
from hub.settlement.rows import Row, as_settlement, paid, plain, writing
from hub.settlement.standing import require_not_refunded
from hub.settlement.tables import AMOUNTS, SETTLEMENT, FeeLine, Refund, Settlement, settlement_serial
from hub.settlement.telling import REFUNDED, tell
from hub.settlement.undoing import (
    SettlementUnknown,
    hold,
    news_of,
    repeated,
    require_last,
    take_back,
)
from hub.trust import Caller
from hub.units import Money, day_of

QUANTITY_PLACES = 4


class RefundWrong(Invalid):
    """`element` is lines[number].field."""

    zh = "退费明细 {element} 有误：收到“{found}”，应为{allowed}。"
    en = "The refund's {element} is wrong: found '{found}', allowed is {allowed}."


class RefundOfAll(Refused):
    zh = "结算 {settlement_id} 的明细全部退完了。请直接撤销这笔结算（2208 或 2305），不用逐条退费。"
    en = "That would give back every line of settlement {settlement_id}. Undo the settlement instead."


@dataclass(frozen=True, slots=True)
class Given:
    """What a refund came to: the settlement taken back, its counter-entry, the settlement of the rest, and why."""

    original: Settlement
    counter: Settlement
    rest: Settlement
    reason: str
    lines: tuple[tuple[str, Decimal], ...]

    def amount(self, name: str) -> Money:
        """What comes back of one of AMOUNTS, or of shared (fen)."""
        return Money((getattr(self.original, name) or 0) - (getattr(self.rest, name) or 0))

    @property
    def person(self) -> Money:
        return Money(self.amount("account") + self.amount("cash"))


def refund(
    session: Session,
    caller: Caller,
    *,
    settlement_id: int,
    lines: Mapping[str, Decimal],
    reason: str,
    key: str,
    content_hash: bytes,
) -> Given:
    """Give back quantities of some lines of a settlement. The same key and content again is the same refund.

    Refuses: NotAllowed, SettlementUnknown, SettledUpstream, RefundedInPart, BuiltUpon, RefundWrong, RefundOfAll,
    KeyTaken, KeyReversed.
    """
    original = hold(session, caller, settlement_id)
    name = (original.organisation_id, key)
    known = known_keys(session, [name])
    if known:
        return given_by(session, repeated(session, known[name], content_hash).id)
    require_not_refunded(session, original.id)
    if original.state != SETTLEMENT.start:
        raise SettlementUnknown(settlement_id=settlement_id)
    require_last(session, original)
    explanation = _rest(session, original, lines)
    claimed = claim(session, {name: content_hash})
    if not claimed:
        return given_by(session, repeated(session, known_keys(session, [name])[name], content_hash).id)
    counter = take_back(session, caller, original, settlement_id=claimed[name], key=key)
    row = _settle_rest(session, caller, original, explanation, key=key)
    point(session, {name: row["id"]})
    _mark_lines(session, original.visit_id, lines)
    said = [[number, f"{quantity:f}"] for number, quantity in lines.items()]
    session.add(
        Refund(settlement_id=row["id"], replaces=original.id, counter_id=counter["id"], reason=reason, lines=said)
    )
    session.flush()
    given = Given(original, as_settlement(counter), as_settlement(row), reason, tuple(lines.items()))
    back = row | {amount: given.amount(amount) for amount in (*AMOUNTS, "shared")}
    back["shared_from"] = original.shared_from if back["shared"] else None
    tell(session, caller, [news_of(session, back, REFUNDED)])
    if directory.has_endpoint(session, original.organisation_id, hearing.WEBHOOK):
        heard = hearing.refunded(original.id, counter, row, said, reason)
        run_together(session, exchange.posting(caller, [heard]))
    return given


def given_by(session: Session, settlement_id: int) -> Given:
    """The refund after which a settlement stands for the rest. Refuses: SettlementUnknown."""
    found = session.get(Refund, settlement_id)
    if found is None:
        raise SettlementUnknown(settlement_id=settlement_id)
    return _given(session, found)


def chain(session: Session, settlement_id: int) -> Sequence[Given]:
    """Every refund of the charges that a settlement is about, the first one first."""
    before: list[Refund] = []
    found = session.get(Refund, settlement_id)
    while found is not None:
        before.insert(0, found)
        found = session.get(Refund, found.replaces)
    after = list(before)
    last: int | None = settlement_id
    while last is not None:
        row = session.scalars(select(Refund).where(Refund.replaces == last)).one_or_none()
        last = row.settlement_id if row is not None else None
        after += [row] if row is not None else []
    return [_given(session, row) for row in after]


def _given(session: Session, row: Refund) -> Given:
    return Given(
        original=session.get_one(Settlement, row.replaces),
        counter=session.get_one(Settlement, row.counter_id),
        rest=session.get_one(Settlement, row.settlement_id),
        reason=row.reason,
        lines=tuple((number, Decimal(quantity)) for number, quantity in row.lines),
    )


def _rest(session: Session, original: Settlement, lines: Mapping[str, Decimal]) -> Explanation:
    """The bill without what is given back, by its own pack and standing. Refuses: RefundWrong, RefundOfAll."""
    pack_id, bill, standing = coverage.bill_of(original.bill)
    rest = _less(bill, lines)
    if not rest.lines:
        raise RefundOfAll(settlement_id=original.id)
    return coverage.adjudicate(rest, coverage.pack_named(session, pack_id), standing)


def _less(bill: Bill, lines: Mapping[str, Decimal]) -> Bill:
    if not lines:
        raise RefundWrong(element="lines", found="0", allowed="1 条以上 / one and more")
    left = {line.id: line.quantity for line in bill.lines}
    for number, quantity in lines.items():
        if number not in left or not left[number]:
            allowed = "、".join(line.id for line in bill.lines[:20] if line.quantity)
            raise RefundWrong(element=f"lines[{number}].number", found=number, allowed=allowed)
        if not 0 < quantity <= left[number] or quantity != round(quantity, QUANTITY_PLACES):
            allowed = f"大于 0，不超过 {left[number]:f}，最多四位小数 / above 0, not above that, four decimals"
            raise RefundWrong(element=f"lines[{number}].quantity", found=f"{quantity:f}", allowed=allowed)
        left[number] -= quantity
    kept = tuple(line._replace(quantity=left[line.id]) for line in bill.lines if left[line.id])
    return replace(bill, lines=kept)


def _settle_rest(session: Session, caller: Caller, original: Settlement, explanation: Explanation, *, key: str) -> Row:
    """The settlement of the rest: all of the original but the money, and who settled it when."""
    own = explanation.totals.account - explanation.shared
    row = plain(original) | {
        "id": session.scalar(settlement_serial),
        "state": SETTLEMENT.start,
        "msgid": key,
        "settled_at": caller.at,
        "settled_on": day_of(caller.at),
        "settled_by": f"{caller.kind}/{caller.id}",
        "balance": Money(coverage.balance(session, original.person_id) - own),
        **paid(explanation),
        "shared_from": original.shared_from if explanation.shared else None,
        "ratio": explanation.ratio,
        "bill": coverage.document_of(original.pack_id, explanation.bill, explanation.standing),
        "shares": explanation.shares,
    }
    run_together(session, writing([row]))
    return row


def _mark_lines(session: Session, visit_id: int, lines: Mapping[str, Decimal]) -> None:
    named = FeeLine.number == any_(cast(list(lines), ARRAY(Text)))
    for line in session.scalars(select(FeeLine).where(FeeLine.visit_id == visit_id, named)):
        line.refunded += lines[line.number]
    session.flush()
