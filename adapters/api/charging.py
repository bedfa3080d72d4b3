"""Money moved over the JSON API: such a call needs an Idempotency-Key, which is the settlement's own key too."""

from decimal import Decimal, InvalidOperation

import msgspec
from sqlalchemy.orm import Session

from adapters.api.operations import Call, operation
from adapters.api.settlements import SettlementView, fen, settlement_view
from adapters.api.shapes import Body, Id
from hub import settlement
from hub.faults import Invalid, Missing
from hub.settlement import Charge, Override, SettlementUnknown
from hub.trust import Caller
from hub.units import Money


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


class OverrideWish(Body, frozen=True):
    """A doctor of the hospital who answers for what is doubted, and why."""

    practitioner_id: str
    reason: str


class ChargeWish(Body, frozen=True):
    """What is to be settled: a batch of an out-patient visit, or a stay so far (no batch).

    `total` in yuan is the hospital's own sum, checked when given; the rest overrides what was registered.
    `shared_used`: a relative's shared account is to pay, after the patient's own where `account_used` says so.
    """

    visit_id: Id
    batch: str = ""
    total: str | None = None
    account_used: bool = True
    shared_used: bool = False
    insutype: str | None = None
    med_type: str | None = None
    disease: str | None = None
    emergency: bool | None = None
    override: OverrideWish | None = None


class DoubtView(msgspec.Struct):
    """Something a doctor must answer for by `override` before it is settled: duplicate, overlap or quantity."""

    kind: str
    line: str
    sentence: str
    sentence_en: str


class QuoteView(msgspec.Struct):
    """In yuan, what settling now would give; total = fund + account + cash. `shared`: a relative's part of account."""

    total: str
    over: str
    own: str
    first: str
    scope: str
    deductible: str
    fund: str
    account: str
    cash: str
    shared: str
    doubts: list[DoubtView]


class SettledView(msgspec.Struct):
    """`already_settled` says that the charge was settled under another key before: the settlement that stands."""

    settlement: SettlementView
    already_settled: bool


def still_stands(session: Session, caller: Caller, key: str) -> None:
    """Before an answer about money is repeated. Refuses: what the settlement's own key is refused for."""
    settlement.require_standing(session, caller, key=key)


@operation("POST", "/quotes", tag="settlement", body=ChargeWish, answer=QuoteView)
def quote(call: Call[ChargeWish]) -> QuoteView:
    """What settling now would give, and what would be doubted; writes nothing."""
    wish = call.body
    call.about(subject=f"visit/{wish.visit_id}")
    explained = settlement.quote(call.session, call.caller, _charge(wish))
    found = settlement.doubts_of(call.session, call.caller, visit_id=wish.visit_id, batch=wish.batch)
    told = [DoubtView(one.kind, one.line, one.sentence("zh"), one.sentence("en")) for one in found]
    named = ("total", "over", "own", "first", "scope", "deductible", "fund", "account", "cash")
    amounts = (str(Money(getattr(explained.totals, name))) for name in named)
    return QuoteView(*amounts, shared=str(Money(explained.shared)), doubts=told)


@operation("POST", "/settlements", tag="settlement", body=ChargeWish, answer=SettledView, stands=still_stands)
def settle(call: Call[ChargeWish]) -> SettledView:
    """Settle a charge; asked again under another key it is the settlement that stands."""
    wish = call.body
    call.about(subject=f"visit/{wish.visit_id}")
    assert call.key is not None
    row = settlement.settle(call.session, call.caller, _charge(wish), key=call.key, content_hash=call.content_hash)
    call.about(person_id=row.person_id, subject=f"settlement/{row.id}")
    return SettledView(settlement_view(row), already_settled=row.msgid != call.key)


@operation(
    "POST",
    "/settlements/{settlement_id:int}/undo",
    tag="settlement",
    answer=SettlementView,
    names=(SettlementUnknown,),
    stands=still_stands,
)
def undo(call: Call[None]) -> SettlementView:
    """Take a settlement back whole; answers its counter-entry."""
    settlement_id = call.number("settlement_id")
    call.about(subject=f"settlement/{settlement_id}")
    assert call.key is not None
    row = settlement.undo(
        call.session, call.caller, settlement_id=settlement_id, key=call.key, content_hash=call.content_hash
    )
    call.about(person_id=row.person_id, subject=f"settlement/{settlement_id}")
    return settlement_view(row)


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


def _charge(wish: ChargeWish) -> Charge:
    """Refuses: Invalid."""
    override = wish.override
    return Charge(
        wish.visit_id,
        wish.batch,
        account_used=wish.account_used,
        shared_used=wish.shared_used,
        total=None if wish.total is None else fen(wish.total, "total"),
        insutype=wish.insutype,
        med_type=wish.med_type,
        disease=wish.disease,
        emergency=wish.emergency,
        override=None if override is None else Override(override.practitioner_id, override.reason),
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
