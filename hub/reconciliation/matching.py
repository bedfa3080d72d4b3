"""What kind of difference two sides have over one settlement. Pure: no table, no clock.

Lines are grouped by settlement first, so that a settlement listed twice, or taken back on one side
only, shows as what it is instead of disappearing in a join. Amounts tolerate nothing; only the day
may differ, and then the difference is named so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from hub.units import Money


class Kind(StrEnum):
    INSURER_ONLY = "insurer-only"
    HOSPITAL_ONLY = "hospital-only"
    AMOUNT = "amount"
    REVERSED_ON_ONE_SIDE = "reversed-on-one-side"
    CROSS_DAY = "cross-day"
    WRONG_BUCKET = "wrong-bucket"
    DUPLICATE = "duplicate"
    SEVERAL_AT_INSURER = "several-at-insurer"
    RESULT_EXPIRED = "result-expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement in fen; a refund's amounts are negative."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    fee: int
    fund: int
    account: int
    refund: bool = False
    msgid: str | None = None

    @property
    def items(self) -> tuple[str, ...]:
        """The line as a statement file would have it."""
        amounts = (str(Money(fen)) for fen in (self.fee, self.fund, self.account))
        return self.setl_id, self.mdtrt_id, self.psn_no, *amounts, "1" if self.refund else "0"


@dataclass(frozen=True, slots=True)
class Group:
    """All lines that one side has for one settlement."""

    setl_id: str
    mdtrt_id: str
    settled: int
    refunded: int
    fee: int
    fund: int
    account: int
    msgid: str | None

    @property
    def count(self) -> int:
        return self.settled + self.refunded

    @property
    def amounts(self) -> tuple[int, int, int]:
        return self.fee, self.fund, self.account


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a settlement missing here was found after all; `same_period` tells a wrong bucket from a wrong day."""

    same_period: bool
    day: date
    clr_type: str
    insutype: str = ""

    @property
    def where(self) -> str:
        insutype = f"insutype {self.insutype}, " if self.insutype else ""
        return f"{self.day}, {insutype}clr_type {self.clr_type}"

    @property
    def facts(self) -> dict[str, str]:
        return {"day": str(self.day), "insutype": self.insutype, "clr_type": self.clr_type}


@dataclass(frozen=True, slots=True)
class Difference:
    """A settlement over which the sides differ, and what kind of difference it is."""

    kind: Kind
    hospital: Group | None
    insurer: Group | None
    place: Elsewhere | None = None

    @property
    def note(self) -> str:
        return self.place.where if self.place else ""

    @property
    def setl_id(self) -> str:
        group = self.hospital or self.insurer
        assert group is not None
        return group.setl_id


def grouped(lines: Iterable[Line]) -> dict[str, Group]:
    """Lines by settlement, in the order of their ids."""
    by_settlement = attrgetter("setl_id")
    groups = {}
    for setl_id, rows in groupby(sorted(lines, key=by_settlement), key=by_settlement):
        own = list(rows)
        groups[setl_id] = Group(
            setl_id=setl_id,
            mdtrt_id=own[0].mdtrt_id,
            settled=sum(not line.refund for line in own),
            refunded=sum(line.refund for line in own),
            fee=sum(line.fee for line in own),
            fund=sum(line.fund for line in own),
            account=sum(line.account for line in own),
            msgid=next((line.msgid for line in own if line.msgid), None),
        )
    return groups


def differences(
    hospital: Mapping[str, Group], insurer: Mapping[str, Group], elsewhere: Mapping[str, Elsewhere]
) -> list[Difference]:
    """Every settlement over which the two sides differ, named, in the order of settlement ids.

    `elsewhere` says of settlements that one side lacks here where that side has them.
    """
    crowded = _visits_with_several(hospital, insurer)
    found = []
    for setl_id in sorted(hospital.keys() | insurer.keys()):
        ours, theirs = insurer.get(setl_id), hospital.get(setl_id)
        if ours and theirs and ours.amounts == theirs.amounts and ours.count == theirs.count:
            continue
        place = elsewhere.get(setl_id)
        kind = _kind(theirs, ours, place, crowded)
        found.append(Difference(kind, theirs, ours, place))
    return found


def _kind(hospital: Group | None, insurer: Group | None, place: Elsewhere | None, crowded: set[str]) -> Kind:
    if hospital is None or insurer is None:
        present = hospital or insurer
        if present is not None and present.mdtrt_id in crowded:
            return Kind.SEVERAL_AT_INSURER
        if place is not None:
            return Kind.WRONG_BUCKET if place.same_period else Kind.CROSS_DAY
        return Kind.INSURER_ONLY if hospital is None else Kind.HOSPITAL_ONLY
    if hospital.refunded != insurer.refunded:
        return Kind.REVERSED_ON_ONE_SIDE
    if hospital.settled > insurer.settled > 0 and hospital.fee == insurer.fee * hospital.settled:
        return Kind.DUPLICATE
    if hospital.count == insurer.count:
        return Kind.AMOUNT
    return Kind.UNKNOWN


def _visits_with_several(hospital: Mapping[str, Group], insurer: Mapping[str, Group]) -> set[str]:
    """Visits for which the hospital has one settlement of its own and the insurer has several it lacks."""
    lacking = Counter(group.mdtrt_id for setl_id, group in insurer.items() if setl_id not in hospital)
    unmatched = {group.mdtrt_id for setl_id, group in hospital.items() if setl_id not in insurer}
    return {visit for visit in unmatched if lacking[visit] > 1}
