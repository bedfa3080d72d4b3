"""Settlements read, bills explained, and what a treatment would cost where."""

from datetime import date, datetime
from typing import Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Id, local
from hub import coverage, settlement
from hub.coverage import Explanation, Step
from hub.faults import Invalid
from hub.settlement import Settlement, SettlementUnknown
from hub.trust import RecordUnknown
from hub.units import Money


class SettlementView(msgspec.Struct):
    """Amounts in yuan: total = fund + account + cash, and total = over + own + first + scope.

    `shared` is the part of account that a relative's shared account paid.
    """

    settlement_id: int
    state: str
    undoes: int | None
    organisation_id: str
    visit_id: int
    batch: str
    person_id: int
    msgid: str
    settled_at: datetime
    insutype: str
    pack_id: str
    total: str
    over: str
    own: str
    first: str
    scope: str
    deductible: str
    fund: str
    account: str
    shared: str
    cash: str


class OutcomeView(msgspec.Struct):
    """What became of a message.

    settled: the settlement stands. refunded: in part, the settlement is that of the rest. undone: it stands no longer.
    refused: `refusal` says why, and the key may be used again. reversed: before it was seen; refused for ever.
    in-progress: it still runs, ask again. asked: a platform further up was asked, and its outcome is not known yet.
    unknown: never seen.
    """

    state: Literal["settled", "refunded", "undone", "refused", "reversed", "in-progress", "asked", "unknown"]
    settlement: SettlementView | None
    refusal: str | None


class PersonQuery(msgspec.Struct, frozen=True):
    person_id: Id


class StepView(msgspec.Struct):
    rule: str
    input: dict[str, str]
    output: str | None
    sentence: str
    sentence_en: str


class LineView(msgspec.Struct):
    number: str
    name: str
    code: str
    item_class: str
    person: str
    steps: list[StepView]


class BillView(msgspec.Struct):
    """A settlement explained. `saved` is what the referral saved the patient, or (unless `referred`) would have."""

    settlement: SettlementView
    organisation: str
    person: str
    referred: bool
    saved: str
    steps: list[StepView]
    lines: list[LineView]


class EstimateWish(Body, frozen=True):
    """`total` in yuan. `deductible_paid`: what the stay from which the patient would be sent has borne."""

    person_id: Id
    total: str
    care: Literal["inpatient", "outpatient"] = "inpatient"
    insutype: str | None = None
    emergency: bool = False
    deductible_paid: str = "0.00"


class CostView(msgspec.Struct):
    total: str
    deductible: str
    fund: str
    person: str


class ChoiceView(msgspec.Struct):
    """One hospital level (3 tertiary to 0 primary), with a filed referral and without."""

    level: int
    referred: CostView
    unreferred: CostView


class EstimateView(msgspec.Struct):
    """Made on `day` from the year so far; only a settlement is money."""

    day: date
    insutype: str
    pack_id: str
    choices: list[ChoiceView]


@operation(
    "GET", "/settlements", tag="settlement", query=PersonQuery, answer=list[SettlementView], names=(RecordUnknown,)
)
def settlements(call: Call[None]) -> list[SettlementView]:
    """The settlements of a person, newest first."""
    call.about(person_id=call.query.person_id)
    rows = settlement.settlements_of(call.session, call.caller, person_id=call.query.person_id)
    return [settlement_view(row) for row in rows]


@operation("GET", "/settlements/by-key/{key:key}", tag="settlement", answer=OutcomeView)
def outcome(call: Call[None]) -> OutcomeView:
    """What became of one's own message, by its msgid or Idempotency-Key; one that is still running is waited for."""
    found = settlement.by_key(call.session, call.caller, key=call.path["key"])
    row = found.settlement
    if row is not None:
        call.about(person_id=row.person_id, subject=f"settlement/{row.id}")
    view = None if row is None else settlement_view(row)
    return OutcomeView(found.state, view, found.refusal)  # type: ignore[arg-type]


@operation(
    "GET",
    "/settlements/{settlement_id:int}/bill",
    tag="settlement",
    answer=BillView,
    names=(SettlementUnknown, RecordUnknown),
)
def bill(call: Call[None]) -> BillView:
    """A settlement with every fen of every line explained, in Chinese and in English."""
    settlement_id = call.number("settlement_id")
    call.about(subject=f"settlement/{settlement_id}")
    told = settlement.bill(call.session, call.caller, settlement_id)
    call.about(person_id=told.settlement.person_id, subject=f"settlement/{settlement_id}")
    return BillView(
        settlement=settlement_view(told.settlement),
        organisation=told.hospital.name,
        person=str(told.person),
        referred=told.referred,
        saved=str(told.saved),
        steps=[_step(told.explanation, step) for step in told.steps],
        lines=[
            LineView(
                line.number,
                line.name,
                line.code,
                line.item_class,
                str(line.person),
                [_step(told.explanation, step) for step in line.steps],
            )
            for line in told.lines
        ],
    )


@operation("POST", "/estimates", tag="settlement", body=EstimateWish, answer=EstimateView)
def estimate(call: Call[EstimateWish]) -> EstimateView:
    """What a planned treatment would cost at each level, with and without a referral; writes nothing."""
    wish = call.body
    call.about(person_id=wish.person_id)
    told = coverage.estimate(
        call.session,
        call.caller,
        person_id=wish.person_id,
        care=wish.care,
        total=fen(wish.total, "total"),
        insutype=wish.insutype,
        emergency=wish.emergency,
        deductible_paid=fen(wish.deductible_paid, "deductible_paid"),
    )
    return EstimateView(
        told.day,
        told.insutype,
        told.pack.id,
        [ChoiceView(choice.level, _cost(choice.referred), _cost(choice.unreferred)) for choice in told.choices],
    )


def settlement_view(row: Settlement) -> SettlementView:
    return SettlementView(
        settlement_id=row.id,
        state=row.state,
        undoes=row.undoes,
        organisation_id=row.organisation_id,
        visit_id=row.visit_id,
        batch=row.batch,
        person_id=row.person_id,
        msgid=row.msgid,
        settled_at=local(row.settled_at),
        insutype=row.insutype,
        pack_id=row.pack_id,
        total=str(row.total),
        over=str(row.over),
        own=str(row.own),
        first=str(row.first),
        scope=str(row.scope),
        deductible=str(row.deductible),
        fund=str(row.fund),
        account=str(row.account),
        shared=str(row.shared or Money(0)),
        cash=str(row.cash),
    )


def _step(explanation: Explanation, step: Step) -> StepView:
    document = step.document(explanation)
    return StepView(
        rule=str(document["rule"]),
        input=step.facts,
        output=document["output"],
        sentence=step.sentence("zh"),
        sentence_en=step.sentence("en"),
    )


def _cost(explanation: Explanation) -> CostView:
    totals = explanation.totals
    return CostView(*(str(Money(fen)) for fen in (totals.total, totals.deductible, totals.fund, totals.person)))


def fen(said: str, element: str) -> Money:
    """Yuan as written. Refuses: Invalid."""
    try:
        amount = Money.yuan(said)
    except ValueError:
        amount = Money(-1)
    if amount < 0:
        raise Invalid(element=element, found=said, allowed="12345.67")
    return amount
