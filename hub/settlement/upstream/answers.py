"""A platform's answer in the hub's words; whether its own figures foot, and where they differ from our calculation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.coverage import Explanation
from hub.units import Money


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform settled, in fen. `words` are its own, without what says who the person is.

    `other` is paid by funds this region does not have, `hospital` is borne by the hospital, `details` what the
    platform lists fund by fund (None where it lists nothing). `ratio` is in hundred-millionths.
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
    details: int | None
    words: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Breach:
    """A sum that a platform's own answer does not keep; `apart` is what it says less what its parts come to."""

    rule: str
    apart: int


IDENTITIES: dict[str, Callable[[Answer], int]] = {
    "total = fund + person + hospital": lambda a: a.total - a.fund - a.person - a.hospital,
    "fund = its parts": lambda a: a.fund - a.pool - a.large - a.serious - a.civil - a.aid - a.other,
    "person = account + cash": lambda a: a.person - a.account - a.cash,
    "total = over + own + first + scope": lambda a: a.total - a.over - a.own - a.first - a.scope,
    "fund = the listed funds": lambda a: 0 if a.details is None else a.fund - a.details,
}
"""The money identities of the national interface (2206, 2207, 2303, 2304), to the fen."""


def breaches(answer: Answer) -> list[Breach]:
    """Every identity that an answer breaks."""
    return [Breach(rule, apart) for rule, foots in IDENTITIES.items() if (apart := foots(answer))]


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
