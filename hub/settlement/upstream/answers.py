"""A platform's answer in the hub's words; what its own figures leave open, and where our calculation differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.coverage import Explanation
from hub.units import Money


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform settled, in fen. `words` are its own, without what says who the person is.

    `other` is paid by funds this region does not have, `hospital` is borne by the hospital, `person` what the
    platform says the person pays in all. `ratio` is in hundred-millionths.
    """

    setl_id: str
    mdtrt_id: str
    settled_at: datetime
    clr_type: str
    clr_office: str
    total: int
    over: int
    own: int
    first: int
    scope: int
    deductible: int
    pool: int
    large: int
    serious: int
    civil: int
    aid: int
    other: int
    fund: int
    account: int
    cash: int
    person: int
    hospital: int
    balance: int
    ratio: int
    words: Mapping[str, Any]


def suspense(answer: Answer) -> int:
    """What is owed to the hospital and nobody is said to pay: zero where the answer foots."""
    paid = answer.pool + answer.large + answer.serious + answer.civil + answer.aid + answer.other
    return answer.total - paid - answer.account - answer.cash - answer.hospital


COMPARED = ("total", "over", "own", "first", "scope", "deductible", "pool", "large", "serious", "civil", "aid")
"""What both sides say, in the order in which a calculation goes; `other` and `hospital` are zero with us."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure on which the platform and our calculation part. `cause` names a sentence of the pages."""

    name: str
    platform: int
    ours: int
    cause: str

    @property
    def apart(self) -> Money:
        return Money(self.platform - self.ours)


def differences(answer: Answer, explanation: Explanation) -> list[Difference]:
    """Where they part, with the likeliest cause: a later figure that only follows from an earlier one says so."""
    ours = explanation.totals._asdict() | {"other": 0, "hospital": 0, "person": explanation.totals.person}
    names = (*COMPARED, "other", "hospital", "person")
    apart = [(name, getattr(answer, name), ours[name]) for name in names if getattr(answer, name) != ours[name]]
    seen = {name for name, _, _ in apart}
    return [Difference(name, platform, own, _cause(name, seen, answer)) for name, platform, own in apart]


def _cause(name: str, seen: set[str], answer: Answer) -> str:
    if name == "total":
        return "total"
    if name in ("over", "own", "first", "scope"):
        return "catalogue"
    if seen & {"total", "over", "own", "first", "scope"}:
        return "follows"
    if name == "deductible":
        return "deductible"
    if name in ("other", "hospital"):
        return "other-fund"
    if name == "person" or "deductible" in seen:
        return "follows"
    return "ratio" if name == "pool" else "layer"
