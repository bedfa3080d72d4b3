"""What the health commission asks about referrals of a month: how many went where, how fast, and what was refused why.

Counted over rows, without a name of any patient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, literal_column, select, text
from sqlalchemy.orm import Session

from hub import directory, records, trust
from hub.referrals.tables import Referral, ReferralEvent
from hub.referrals.worklists import Astray, astray, overdue_letters
from hub.trust import Caller
from hub.units import CHINA

BASE_TIERS = ("village", "community")
COUNTY_TIERS = (*BASE_TIERS, "county")
ANSWERS = ("accept", "reject", "redirect")
REFUSALS = ("reject", "redirect", "lapse", "decline", "recall", "expire")
MOST_REASONS = 100
# Counting a month's visits of a city takes longer than a call may that somebody waits for at a window.
PATIENCE = "30s"


@dataclass(frozen=True, slots=True)
class Flow:
    """What one institution sent to another: by direction, how many arrived, how many were not taken."""

    sender_id: str
    receiver_id: str
    up: int
    down: int
    sideways: int
    arrived: int
    refused: int

    @property
    def sent(self) -> int:
        return self.up + self.down + self.sideways


@dataclass(frozen=True, slots=True)
class Answering:
    """How one institution answered what it was sent; the median is over what was answered."""

    receiver_id: str
    asked: int
    answered: int
    in_time: int
    median: timedelta | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why referrals to one institution came to nothing."""

    receiver_id: str
    event: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class Treated:
    """Where people were treated: visits in all, at community and village level, within the counties."""

    visits: int
    base: int
    county: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """One month, by the day of sending; `letters` counts closing letters overdue now, by hospital."""

    month: date
    flows: Sequence[Flow]
    answering: Sequence[Answering]
    refusals: Sequence[Refusal]
    treated: Treated
    letters: Mapping[str, int]
    astray: Sequence[Astray]

    @property
    def up(self) -> int:
        return sum(flow.up for flow in self.flows)

    @property
    def down(self) -> int:
        return sum(flow.down for flow in self.flows)

    @property
    def sideways(self) -> int:
        return sum(flow.sideways for flow in self.flows)


def statistics(session: Session, caller: Caller, *, month: date) -> Statistics:
    """The month in which a day lies, for the bureau and for operations. Refuses: NotAllowed."""
    if "operations" not in caller.scopes:
        trust.require(caller, "reconciliation.read")
    session.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}'"))
    since, until = _span(month)
    late: dict[str, int] = {}
    for row in overdue_letters(session, at=caller.at):
        late[row.receiver_id] = late.get(row.receiver_id, 0) + 1
    return Statistics(
        month=month.replace(day=1),
        flows=_flows(session, since, until),
        answering=_answering(session, since, until),
        refusals=_refusals(session, since, until),
        treated=_treated(session, since, until),
        letters=late,
        astray=astray(session),
    )


def _span(month: date) -> tuple[datetime, datetime]:
    first = month.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    begin, end = (datetime.combine(day, time(), CHINA) for day in (first, after))
    return begin, end


def _sent_in(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return Referral.sent_at >= since, Referral.sent_at < until


def _flows(session: Session, since: datetime, until: datetime) -> Sequence[Flow]:
    def count(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(*conditions)

    counted = select(
        Referral.sender_id,
        Referral.receiver_id,
        count(Referral.direction == "up"),
        count(Referral.direction == "down"),
        count(Referral.direction == "sideways"),
        count(Referral.state.in_(("arrived", "completed", "returned-down"))),
        count(Referral.state.in_(("rejected", "redirected"))),
    ).where(*_sent_in(since, until))
    pairs = counted.group_by(Referral.sender_id, Referral.receiver_id)
    rows = session.execute(pairs.order_by(func.count().desc(), Referral.sender_id, Referral.receiver_id))
    return [Flow(*row) for row in rows]


def _answering(session: Session, since: datetime, until: datetime) -> Sequence[Answering]:
    first = (
        select(ReferralEvent.referral_id, func.min(ReferralEvent.at).label("at"))
        .where(ReferralEvent.event.in_(ANSWERS))
        .group_by(ReferralEvent.referral_id)
        .subquery()
    )
    counted = (
        select(
            Referral.receiver_id,
            func.count(),
            func.count(first.c.at),
            func.count().filter(first.c.at <= Referral.answer_due_at),
            func.percentile_disc(literal_column("0.5")).within_group(first.c.at - Referral.sent_at),
        )
        .outerjoin(first, first.c.referral_id == Referral.id)
        .where(*_sent_in(since, until))
        .group_by(Referral.receiver_id)
        .order_by(func.count().desc(), Referral.receiver_id)
    )
    return [Answering(*row) for row in session.execute(counted)]


def _refusals(session: Session, since: datetime, until: datetime) -> Sequence[Refusal]:
    counted = (
        select(Referral.receiver_id, ReferralEvent.event, ReferralEvent.note, func.count())
        .join(Referral, Referral.id == ReferralEvent.referral_id)
        .where(ReferralEvent.event.in_(REFUSALS), ReferralEvent.at >= since, ReferralEvent.at < until)
        .group_by(Referral.receiver_id, ReferralEvent.event, ReferralEvent.note)
        .order_by(func.count().desc(), Referral.receiver_id, ReferralEvent.event, ReferralEvent.note)
    )
    return [Refusal(*row) for row in session.execute(counted.limit(MOST_REASONS))]


def _treated(session: Session, since: datetime, until: datetime) -> Treated:
    visits = records.visits_counted(session, since=since, until=until)
    tiers = {each.id: each.tier for each in directory.organisations(session)}

    def among(wanted: Sequence[str]) -> int:
        return sum(number for organisation_id, number in visits.items() if tiers.get(organisation_id) in wanted)

    return Treated(visits=sum(visits.values()), base=among(BASE_TIERS), county=among(COUNTY_TIERS))
