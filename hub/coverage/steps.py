"""An explanation told step by step, for a line or for the whole bill, in data and in plain words.

A step has the rule that was applied, what went in and the fen that came out. Its sentence is one a patient can
follow with a pencil, in Chinese and in English.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hub.coverage.adjudication import RATIO_ONE, charge, half_up, is_unreferred
from hub.coverage.bills import Line
from hub.coverage.explanation import Explanation, Share
from hub.coverage.packs import WHOLE
from hub.coverage.sentences import A_RELATIVE, LEVEL_NAMES, SENTENCES
from hub.units import Money


class Step(NamedTuple):
    """rule, what went in (as text, money "150.10", shares "88%"), and the fen (or for a ratio, none) that came out."""

    rule: str
    facts: dict[str, str]
    fen: int | None

    def sentence(self, language: str = "zh") -> str:
        facts = self.facts
        if "hospital_level" in facts:
            facts = {**facts, "level": LEVEL_NAMES[language][int(facts["hospital_level"])]}
        if facts.get("owner") == "":
            facts = {**facts, "owner": A_RELATIVE[language]}
        text = SENTENCES[self.rule][0 if language == "zh" else 1].format(**facts)
        return text[0].upper() + text[1:]

    def document(self, explanation: Explanation) -> dict[str, Any]:
        output = None if self.fen is None else str(Money(self.fen))
        return {"rule": explanation.pack.rule(self.rule), "input": self.facts, "output": output}


def percent(share: int, whole: int = WHOLE) -> str:
    """A share in plain words: percent(8800) is "88%"; exact, without trailing zeros."""
    hundredths, rest = divmod(share * 100, whole)
    digits = str(rest * 10**8 // whole).zfill(8).rstrip("0") if rest else ""
    return f"{hundredths}.{digits}%" if digits else f"{hundredths}%"


def line_steps(explanation: Explanation, line: Line, share: Share) -> Iterator[Step]:
    """From the charge to what the person pays for it; the outputs sum as the share does."""
    totals = explanation.totals
    yield Step("amount", {"quantity": f"{line.quantity:f}", "unit_price": f"{line.unit_price:f}"}, share.amount)
    if line.ceiling is not None:
        most = charge(line.quantity, line.ceiling)
        yield Step("ceiling", {"ceiling": f"{line.ceiling:f}", "most": _yuan(most)}, share.over)
    if line.item_class == "C":
        yield Step("class-c", {}, share.own)
    elif not line.approved:
        yield Step("not-approved", {}, share.own)
    elif line.item_class == "B":
        facts = {"share": percent(explanation.scheme.class_b_first_share), "payable": _yuan(share.amount - share.over)}
        yield Step("first-share", facts, share.first)
    if share.scope:
        yield Step("scope", {}, share.scope)
    if totals.deductible and share.scope:
        yield Step("line-deductible", {"bill": _yuan(totals.deductible)}, share.deductible)
    if totals.pool and share.scope:
        facts = {"rest": _yuan(share.scope - share.deductible), "ratio": percent(explanation.ratio, RATIO_ONE)}
        yield Step("line-pool", facts, share.pool)
    for fund in ("large", "serious", "civil", "aid"):
        if getattr(share, fund):
            yield Step(f"line-{fund}", {"bill": _yuan(getattr(totals, fund))}, getattr(share, fund))
    yield Step("person", {}, share.person)


def bill_steps(explanation: Explanation, owner: str = "") -> Iterator[Step]:
    """How the bill's deductible, ratio, funds, account and cash came about.

    `owner` is whose shared account pays, as it may be shown. What is in it is not the patient's to know.
    """
    totals, scheme, standing = explanation.totals, explanation.scheme, explanation.standing
    yield from _deductible_steps(explanation)
    yield from _ratio_steps(explanation)
    rest = totals.scope - totals.deductible
    facts = {"rest": _yuan(rest), "ratio": percent(explanation.ratio, RATIO_ONE), "room": _yuan(explanation.room)}
    yield Step("quota" if explanation.bill.chronic else "pool", facts, totals.pool)
    if totals.large and scheme.large:
        above = {"base": _yuan(rest - explanation.covered), "ratio": percent(scheme.large.ratio)}
        yield Step("large", above, totals.large)
    if totals.serious:
        before = standing.year.own_in_scope
        yield Step(
            "serious", {"before": _yuan(before), "after": _yuan(before + totals.scope - totals.pool)}, totals.serious
        )
    remains = totals.scope - totals.pool - totals.large - totals.serious
    if totals.civil:
        yield Step("civil", {"base": _yuan(remains), "ratio": percent(scheme.civil_servant_share)}, totals.civil)
    if totals.aid and scheme.aid:
        yield Step("aid", {"base": _yuan(remains - totals.civil), "ratio": percent(scheme.aid.ratio)}, totals.aid)
    if totals.account > explanation.shared:
        own = totals.account - explanation.shared
        yield Step("account", {"balance": _yuan(standing.account_balance)}, own)
    if explanation.shared:
        yield Step("shared", {"owner": owner}, explanation.shared)
    yield Step("cash", {}, totals.cash)


def document(explanation: Explanation) -> dict[str, Any]:
    """The whole explanation as plain values: the totals, the bill's steps, and every line with its steps."""
    lines = []
    for line, share in zip(explanation.bill.lines, explanation.shares, strict=True):
        steps = [step.document(explanation) for step in line_steps(explanation, line, share)]
        lines.append({"id": line.id, **_amounts(share._asdict()), "steps": steps})
    return {
        **_amounts(explanation.totals._asdict()),
        "pack": explanation.pack.id,
        "pack_hash": explanation.pack.content_hash,
        "steps": [step.document(explanation) for step in bill_steps(explanation)],
        "lines": lines,
    }


def _deductible_steps(explanation: Explanation) -> Iterator[Step]:
    bill, standing, scheme = explanation.bill, explanation.standing, explanation.scheme
    level = bill.hospital_level
    if bill.chronic or (bill.care == "outpatient" and not scheme.outpatient.ratio[level]):
        return
    if bill.care == "outpatient":
        rules = scheme.outpatient
        own = (rules.retired_deductible if standing.retired else rules.deductible)[level]
        paid = standing.year.outpatient_deductible + standing.stay_deductible_paid
        yield Step("deductible", {"hospital_level": str(level), "own": _yuan(own)}, own)
    else:
        own, paid = scheme.inpatient.deductible[level], standing.stay_deductible_paid
        yield Step("deductible", {"hospital_level": str(level), "own": _yuan(own)}, own)
        yield from _stay_steps(explanation, own)
    if paid:
        yield Step("deductible-paid", {"paid": _yuan(paid)}, None)
    yield Step("deductible-borne", {}, explanation.totals.deductible)


def _stay_steps(explanation: Explanation, own: int) -> Iterator[Step]:
    standing, rules = explanation.standing, explanation.scheme.inpatient
    if standing.admission > 1 and rules.later_admission_share < WHOLE:
        later = half_up(own * rules.later_admission_share, WHOLE)
        yield Step("deductible-later", {"admission": str(standing.admission), "own": _yuan(later)}, later)
    referral = standing.referral
    if referral is None or not referral.filed:
        return
    if referral.direction == "down" and rules.referral_down_waives_deductible:
        yield Step("deductible-down", {}, 0)
    elif referral.direction == "up" and rules.referral_up_carries_deductible and referral.deductible_paid:
        yield Step("deductible-up", {"paid": _yuan(referral.deductible_paid)}, None)


def _ratio_steps(explanation: Explanation) -> Iterator[Step]:
    bill, standing, scheme = explanation.bill, explanation.standing, explanation.scheme
    level = bill.hospital_level
    if bill.chronic:
        ratio, points = scheme.chronic[bill.chronic].ratio, 0
    elif bill.care == "outpatient":
        ratio, points = scheme.outpatient.ratio[level], scheme.outpatient.retired_points
    else:
        ratio, points = scheme.inpatient.ratio[level], scheme.inpatient.retired_points
    yield Step("ratio", {"hospital_level": str(level), "ratio": percent(ratio)}, None)
    if standing.retired and points and ratio:
        yield Step("ratio-retired", {"points": percent(points)}, None)
    if is_unreferred(bill, standing) and scheme.inpatient.unreferred_points[level]:
        yield Step("ratio-unreferred", {"points": percent(scheme.inpatient.unreferred_points[level])}, None)
    if bill.out_of_area is not None:
        yield Step("ratio-out-of-area", {"factor": percent(scheme.out_of_area[bill.out_of_area])}, None)


def _yuan(fen: int) -> str:
    return str(Money(fen))


def _amounts(fens: dict[str, int]) -> dict[str, str]:
    return {name: str(Money(fen)) for name, fen in fens.items()}
