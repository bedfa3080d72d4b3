"""A bill told to a person: one sentence that says what mattered, sums that the eye can check, and why, line by line.

Everything here is made from an Explanation, so the page says what the adjudication did and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from adapters.web.figures import money, quantity
from adapters.web.words import Words
from hub import coverage
from hub.coverage import Explanation, Line, Share, Step

FUND_STEPS = ("line-pool", "line-large", "line-serious", "line-civil", "line-aid")
PART_STEPS = ("ceiling", "class-c", "not-approved", "first-share", "line-deductible")


@dataclass(frozen=True)
class Row:
    """One line of a sum: `takes_off` is shown with a minus sign."""

    text: str
    amount: int
    note: str = ""
    takes_off: bool = False


@dataclass(frozen=True)
class Why:
    """One charged item: `paid` leads from the amount to `person`; `parts` add up to `person`."""

    name: str
    count: str
    amount: int
    person: int
    paid: tuple[Row, ...]
    parts: tuple[Row, ...]


@dataclass(frozen=True)
class Choice:
    """One column of a comparison."""

    title: str
    amount: int
    notes: tuple[str, ...]
    chosen: bool


@dataclass(frozen=True)
class Telling:
    """A whole bill in words and sums, in one language. Amounts are fen; every table foots.

    `account` is what the person's own account pays, `shared` what that of `owner` (a masked name) does.
    """

    headline: Markup
    total: int
    fund: int
    person: int
    account: int
    shared: int
    owner: str
    cash: int
    parts: tuple[Row, ...]
    lines: tuple[Why, ...]
    choices: tuple[Choice, ...]
    apart: int
    steps: tuple[Row, ...]


def telling(
    explanation: Explanation,
    other: Explanation | None,
    t: Words,
    language: str,
    *,
    names: Mapping[str, str],
    units: Mapping[str, str],
    owner: str = "",
) -> Telling:
    """Tell a bill; `other` is the same bill under the opposite referral, `names` and `units` are by line id."""
    totals = explanation.totals
    return Telling(
        headline=_headline(explanation, other, t),
        total=totals.total,
        fund=totals.fund,
        person=totals.person,
        account=totals.account - explanation.shared,
        shared=explanation.shared,
        owner=owner or t("money.a_relative"),
        cash=totals.cash,
        parts=_parts(explanation, t, language),
        lines=tuple(
            _why(explanation, line, share, names.get(line.id, line.id), units.get(line.id, ""), t, language)
            for line, share in zip(explanation.bill.lines, explanation.shares, strict=True)
        ),
        choices=_choices(explanation, other, t, language) if other else (),
        apart=abs(other.totals.person - totals.person) if other else 0,
        steps=tuple(
            Row(step.sentence(language), step.fen or 0, note="" if step.fen is not None else "-")
            for step in coverage.bill_steps(explanation, owner)
        ),
    )


def ratio_of(explanation: Explanation) -> str:
    """The pool's ratio in plain figures: `88%`."""
    return coverage.percent(explanation.ratio, coverage.RATIO_ONE)


def _headline(explanation: Explanation, other: Explanation | None, t: Words) -> Markup:
    """How much the insurance paid, and what the referral did to it."""
    totals = explanation.totals
    said = share_said(totals.fund, totals.total, t)
    if other is None:
        return said
    apart = other.totals.person - totals.person
    amount = Markup('<span class="fig">{}</span>').format(money(abs(apart)))
    return said + t("common.between") + t("bill.saved" if apart > 0 else "bill.missed", amount=amount)


def share_said(fund: int, total: int, t: Words) -> Markup:
    """How much of a bill the insurance paid, in tenths."""
    tenths = fund * 10 // total if total else 0
    if fund == 0:
        return t("bill.share_none")
    if fund >= total:
        return t("bill.share_all")
    if tenths == 0:
        return t("bill.share_less")
    return t("bill.share_most", tenths=t(f"tenths.n{tenths}"))


def _parts(explanation: Explanation, t: Words, language: str) -> tuple[Row, ...]:
    """Where the person's money goes; the rows add up to what the person pays."""
    totals = explanation.totals
    rows = (
        Row(t("bill.from_deductible"), totals.deductible, _note(explanation, "deductible", language)),
        Row(
            t("bill.from_copay"), totals.scope - totals.deductible - totals.fund, _note(explanation, "ratio", language)
        ),
        Row(t("bill.from_first"), totals.first),
        Row(t("bill.from_over"), totals.over),
        Row(t("bill.from_own"), totals.own),
    )
    return tuple(row for row in rows if row.amount)


def _note(explanation: Explanation, head: str, language: str) -> str:
    """The sentences of the bill's steps that begin with a word, as one note."""
    told = [
        step.sentence(language)
        for step in coverage.bill_steps(explanation)
        if step.rule.startswith(head) and step.rule != "deductible-borne"
    ]
    return ("，" if language == "zh" else "; ").join(told)


def _why(explanation: Explanation, line: Line, share: Share, name: str, unit: str, t: Words, language: str) -> Why:
    steps = {step.rule: step for step in coverage.line_steps(explanation, line, share)}
    count = t("bill.each", quantity=quantity(line.quantity) + (f" {unit}" if unit else ""), price="¥" + _price(line))
    paid = [Row(t("bill.amount"), share.amount, note=count)]
    paid += [
        Row(_said(steps[rule], language), _fen(steps[rule]), takes_off=True) for rule in FUND_STEPS if rule in steps
    ]
    parts = [Row(_said(steps[rule], language), _fen(steps[rule])) for rule in PART_STEPS if rule in steps]
    rest = share.person - sum(row.amount for row in parts)
    if rest:
        parts.append(Row(t("bill.copay_line", ratio=ratio_of(explanation)), rest))
    return Why(
        name,
        count,
        share.amount,
        share.person,
        tuple(paid),
        tuple(row for row in parts if row.amount or len(parts) == 1),
    )


def _choices(explanation: Explanation, other: Explanation, t: Words, language: str) -> tuple[Choice, ...]:
    filed = explanation.standing.referral is not None and explanation.standing.referral.filed
    titles = ("bill.this_filed", "bill.if_unfiled") if filed else ("bill.this_unfiled", "bill.if_filed")
    return tuple(
        Choice(
            t(title),
            each.totals.person,
            (
                t("bill.deductible_note", amount=money(each.totals.deductible)),
                t("bill.ratio_note", ratio=ratio_of(each)),
            ),
            chosen=each is explanation,
        )
        for title, each in zip(titles, (explanation, other), strict=True)
    )


def _price(line: Line) -> str:
    text = quantity(line.unit_price)
    whole, point, part = text.partition(".")
    return f"{whole}.{part.ljust(2, '0')}" if point or part else f"{whole}.00"


def _said(step: Step, language: str) -> str:
    return step.sentence(language)


def _fen(step: Step) -> int:
    return step.fen or 0
