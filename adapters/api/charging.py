"""Money moved over the JSON API: each call needs an Idempotency-Key, which is the settlement's own key too."""

from decimal import Decimal, InvalidOperation

import msgspec
from sqlalchemy.orm import Session

from adapters.api.operations import Call, operation
from adapters.api.settlements import SettlementView, settlement_view
from adapters.api.shapes import Body
from hub import settlement
from hub.faults import Invalid, Missing
from hub.settlement import SettlementUnknown
from hub.trust import Caller


class RefundLine(Body, frozen=True):
    """`number` is the line's on the bill, `quantity` what of it comes back, as a decimal."""

    number: str
    quantity: str


class RefundWish(Body, frozen=True):
    """Which quantities of which lines come back, and why."""

    lines: list[RefundLine]
    reason: str


class GivenBack(msgspec.Struct):
    """In yuan; total = fund + account + cash."""

    total: str
    fund: str
    account: str
    cash: str


class RefundView(msgspec.Struct):
    """The settlement of the rest now stands; the refunded one is cancelled by its counter-entry."""

    refunded: int
    counter_entry: SettlementView
    settlement: SettlementView
    given_back: GivenBack


def still_stands(session: Session, caller: Caller, key: str) -> None:
    """Before an answer about money is repeated. Refuses: what the settlement's own key is refused for."""
    settlement.require_standing(session, caller, key=key)


@operation(
    "POST",
    "/settlements/{settlement_id:int}/refunds",
    tag="settlement",
    body=RefundWish,
    answer=RefundView,
    status=201,
    names=(SettlementUnknown,),
    stands=still_stands,
)
def refund(call: Call[RefundWish]) -> RefundView:
    """Give back quantities of some lines; the rest is settled again by the pack and standing of the original."""
    settlement_id = call.number("settlement_id")
    call.about(subject=f"settlement/{settlement_id}")
    assert call.key is not None
    given = settlement.refund(
        call.session,
        call.caller,
        settlement_id=settlement_id,
        lines=_quantities(call.body.lines),
        reason=_said(call.body.reason),
        key=call.key,
        content_hash=call.content_hash,
    )
    call.about(person_id=given.original.person_id, subject=f"settlement/{settlement_id}")
    return RefundView(
        refunded=given.original.id,
        counter_entry=settlement_view(given.counter),
        settlement=settlement_view(given.rest),
        given_back=GivenBack(*(str(given.amount(name)) for name in ("total", "fund", "account", "cash"))),
    )


def _quantities(lines: list[RefundLine]) -> dict[str, Decimal]:
    """By line number. Refuses: Invalid."""
    wanted: dict[str, Decimal] = {}
    for place, line in enumerate(lines):
        if line.number in wanted:
            raise Invalid(element=f"lines[{place}].number", found=line.number[:40], allowed="一次 / once")
        wanted[line.number] = _quantity(line.quantity, f"lines[{place}].quantity")
    return wanted


def _quantity(text: str, element: str) -> Decimal:
    try:
        quantity = Decimal(text)
    except InvalidOperation:
        quantity = Decimal(-1)
    if not quantity.is_finite() or quantity <= 0 or len(text) > 20 or "e" in text.lower():
        raise Invalid(element=element, found=text[:40], allowed="1, 0.5")
    return quantity


def _said(reason: str) -> str:
    """Refuses: Missing, Invalid."""
    said = reason.strip()
    if not said:
        raise Missing(element="reason")
    if len(said) > 200:
        raise Invalid(element="reason", found=said[:20] + "…", allowed="≤ 200")
    return said
