"""What a pack would have paid: the settlements of past days run again under it, in the order they were made.

What the pack changes is carried along: a later bill of the same person meets the year, the stay and the account as
the pack would have left them. The money moves nowhere; the report is kept beside the pack for who signs it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from hub import coverage, trust
from hub.coverage import BillWrong, Explanation, Pack, Share, Standing, Year
from hub.faults import Invalid, Refused
from hub.settlement.rows import moved_by
from hub.settlement.tables import PackReplay, Settlement
from hub.trust import Caller
from hub.units import day_of

MONEY = ("pool", "large", "serious", "civil", "aid", "fund", "account", "cash")
NAMED_AT_MOST = 20
AT_ONCE = 500

Found = Row[*tuple[Any, ...]]
Pair = list[int]
"""What was paid and what the pack would have paid, fen."""


class NothingToReplay(Refused):
    zh = "{first_day} 至 {last_day} 没有参保地 {area} 的结算，无从试算。"
    en = "There is no settlement of area {area} from {first_day} to {last_day} to replay."


class TooManyToReplay(Refused):
    zh = "这段时间有 {count} 笔结算，页面上最多试算 {most} 笔。请在服务器上运行：onecard packs replay {pack_id} {month}"
    en = (
        "{count} settlements are too many for a page ({most}). Run this instead: onecard packs replay {pack_id} {month}"
    )


@dataclass(slots=True)
class Report:
    """Settlements run again, how many of them come out otherwise, and the money (fen) before and after.

    A bill that the pack cannot decide (a disease without quota) is counted as refused and left out of the money.
    """

    settlements: int = 0
    changed: int = 0
    pays_more: int = 0
    pays_less: int = 0
    refused: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)
    totals: dict[str, Pair] = field(default_factory=lambda: {name: [0, 0] for name in MONEY})
    hospitals: dict[str, dict[str, Pair]] = field(default_factory=dict)
    classes: dict[str, Pair] = field(default_factory=lambda: {name: [0, 0] for name in "ABC"})

    def add(self, row: Found, becomes: Explanation) -> None:
        hospital = self.hospitals.setdefault(row.organisation_id, {name: [0, 0] for name in MONEY})
        for name in MONEY:
            for pair in (self.totals[name], hospital[name]):
                pair[0] += getattr(row, name)
                pair[1] += getattr(becomes.totals, name)
        for line, share, was in zip(becomes.bill.lines, becomes.shares, row.shares, strict=True):
            pair = self.classes[line.item_class]
            pair[0] += Share._make(was).fund
            pair[1] += share.fund
        difference = becomes.totals.person - row.account - row.cash
        self.settlements += 1
        self.changed += any(getattr(row, name) != getattr(becomes.totals, name) for name in MONEY)
        self.pays_more += difference > 0
        self.pays_less += difference < 0

    def refuse(self, row: Found, refusal: BillWrong) -> None:
        self.refused += 1
        if len(self.refusals) < NAMED_AT_MOST:
            said = {"zh": refusal.sentence("zh"), "en": refusal.sentence("en")}
            self.refusals.append({"settlement": row.id, **said})


def replay(
    session: Session,
    caller: Caller,
    *,
    pack_id: str,
    month: date,
    at_most: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> PackReplay:
    """Run the settlements of bills of a month again under a pack and keep the report.

    Refuses: NotAllowed, PackUnknown, Invalid, NothingToReplay, TooManyToReplay.
    """
    trust.require(caller, "coverage.write")
    pack = coverage.pack_named(session, pack_id)
    first_day, last_day = bounds_of_month(month)
    if first_day > day_of(caller.at):
        raise Invalid(element="month", found=f"{first_day:%Y-%m}", allowed=f"≤ {day_of(caller.at):%Y-%m}")
    stands = _standing(pack.area, first_day, last_day)
    count = session.scalar(select(func.count()).where(*stands)) or 0
    if not count:
        raise NothingToReplay(area=pack.area, first_day=first_day, last_day=last_day)
    if at_most is not None and count > at_most:
        raise TooManyToReplay(count=count, most=at_most, pack_id=pack_id, month=f"{first_day:%Y-%m}")
    report = _run_again(_rows(session, stands), replace(pack, valid_from=date.min, valid_to=None), count, progress)
    row = PackReplay(
        pack_id=pack.id,
        first_day=first_day,
        last_day=last_day,
        at=caller.at,
        by=f"{caller.kind}/{caller.id}",
        report={name: getattr(report, name) for name in Report.__slots__},
    )
    session.add(row)
    session.flush()
    return row


def replays(session: Session, caller: Caller, *, pack_id: str) -> Sequence[PackReplay]:
    """The replays of a pack, newest first. Refuses: NotAllowed."""
    trust.require(caller, "settlement.read")
    wanted = select(PackReplay).where(PackReplay.pack_id == pack_id)
    return session.scalars(wanted.order_by(PackReplay.id.desc())).all()


def month_of(text: str) -> date:
    """The first day of a month written as 2026-10. Refuses: Invalid."""
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == 7 else "")
    except ValueError:
        raise Invalid(element="month", found=text[:20], allowed="2026-10") from None


def bounds_of_month(month: date) -> tuple[date, date]:
    """The first and the last day of the month that a day lies in."""
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return month.replace(day=1), date.fromordinal(following.toordinal() - 1)


def _run_again(rows: Iterator[Found], pack: Pack, count: int, progress: Callable[[int, int], None]) -> Report:
    report, changes = Report(), _Changes()
    for done, row in enumerate(rows):
        if done % AT_ONCE == 0:
            progress(done, count)
        _, bill, standing = coverage.bill_of(row.bill)
        try:
            becomes = coverage.adjudicate(bill, pack, changes.met_by(row, standing))
        except BillWrong as refusal:
            report.refuse(row, refusal)
            continue
        report.add(row, becomes)
        changes.carry(row, becomes)
    progress(count, count)
    return report


class _Changes:
    """What the pack has changed so far: in a person's year, quota and account, and in a stay's deductible."""

    def __init__(self) -> None:
        self._years: dict[tuple[int, int, str], list[int]] = {}
        self._quotas: dict[tuple[int, int, str, str | None], int] = defaultdict(int)
        self._accounts: dict[int | None, int] = defaultdict(int)
        self._stays: dict[int, int] = defaultdict(int)

    def met_by(self, row: Found, standing: Standing) -> Standing:
        """The standing that a bill would have met."""
        years = self._years.get((row.person_id, row.year, row.insutype), [0] * len(_YEARLY))
        year = dict(zip(_YEARLY, years, strict=True))
        year["chronic"] = self._quotas[row.person_id, row.year, row.insutype, row.disease]
        referral = standing.referral
        if referral is not None and row.sender_visit_id is not None:
            paid = max(0, referral.deductible_paid + self._stays[row.sender_visit_id])
            referral = replace(referral, deductible_paid=paid)
        return replace(
            standing,
            referral=referral,
            year=Year(**{name: max(0, was + year[name]) for name, was in standing.year._asdict().items()}),
            stay_deductible_paid=max(0, standing.stay_deductible_paid + self._stays[row.visit_id]),
            account_balance=max(0, standing.account_balance - self._accounts[row.person_id]),
            shared_balance=None
            if standing.shared_balance is None
            else max(0, standing.shared_balance - self._accounts[row.shared_from]),
        )

    def carry(self, row: Found, becomes: Explanation) -> None:
        amounts = {**becomes.totals._asdict(), "own_in_scope": becomes.own_in_scope, "shared": becomes.shared}
        was = moved_by(row._asdict()).movement
        now = moved_by({**row._asdict(), **amounts}).movement
        years = self._years.setdefault((row.person_id, row.year, row.insutype), [0] * len(_YEARLY))
        for place, name in enumerate(_YEARLY):
            years[place] += getattr(now, name) - getattr(was, name)
        self._quotas[row.person_id, row.year, row.insutype, row.disease] += now.chronic - was.chronic
        self._accounts[row.person_id] += now.account - was.account
        self._accounts[row.shared_from] += now.shared - was.shared
        self._stays[row.visit_id] += becomes.totals.deductible - row.deductible


_YEARLY = Year._fields[: Year._fields.index("chronic")]


def _standing(area: str, first_day: date, last_day: date) -> tuple[ColumnElement[bool], ...]:
    """Settlements that stand, of bills of some days, of people insured in an area."""
    t = Settlement
    own = t.platform.is_(None)
    return t.clr_office == area, t.day.between(first_day, last_day), t.state == "active", t.undoes.is_(None), own


def _rows(session: Session, stands: tuple[ColumnElement[bool], ...]) -> Iterator[Found]:
    wanted = select(*Settlement.__table__.columns).where(*stands).order_by(Settlement.id)
    return iter(session.execute(wanted.execution_options(yield_per=AT_ONCE)))
