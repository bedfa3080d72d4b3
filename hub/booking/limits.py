"""How often one card may book: dated rules, counted over what the card has already booked.

A region or a hospital sets its own, each with its days; a rule that ends gives way to the next of its
code. Numbers kept for referrals are not counted: a doctor decided there, not the wish to have many.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Date, bindparam, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import trust
from hub.booking.calendar import Offer
from hub.booking.faults import LimitReached
from hub.booking.tables import Limit
from hub.db import Ready, Statement, run
from hub.trust import Caller
from hub.units import day_of

COUNTED = ("booked", "arrived", "fulfilled", "noshow")


@dataclass(frozen=True, slots=True)
class Rule:
    """`most` bookings within any `days` days, counted per department, organisation or region."""

    code: str
    name: str
    name_en: str
    scope: str
    days: int
    most: int
    until: date | None = None
    """The last day it holds on."""


def set_limits(
    session: Session, caller: Caller, rules: Iterable[Rule], *, since: date, organisation_id: str | None = None
) -> None:
    """Put rules in force from a day on, for the region or one organisation. A rule said again moves its end alone."""
    trust.require(caller, "operations")
    rows = [
        {
            "code": r.code,
            "name": r.name,
            "name_en": r.name_en,
            "organisation_id": organisation_id,
            "scope": r.scope,
            "days": r.days,
            "most": r.most,
            "since": since,
            "until": r.until,
        }
        for r in rules
    ]
    if rows:
        new = insert(Limit).values(rows)
        key = ["code", "organisation_id", "since"]
        session.execute(new.on_conflict_do_update(index_elements=key, set_={"until": new.excluded.until}))


def limits_in_force(session: Session, days: Collection[date]) -> Sequence[Any]:
    """The rows of `Limit` that hold on any of these days; which day each holds on, `judge` looks at."""
    session.flush()
    return run(session, *asking_limits(min(days), max(days)))


def asking_limits(first: date, last: date = date.max) -> Statement:
    """What `limits_in_force` runs, for who runs it together with others."""
    return _IN_FORCE.asking(first=first, last=last)


def judge(wanted: Offer, standing: Iterable[Any], rules: Iterable[Any]) -> LimitReached | None:
    """The first rule that one more booking would break, given what the card has already booked."""
    if wanted.pool == "referral":
        return None
    day = day_of(wanted.start_at)
    counted = [row for row in standing if row.state in COUNTED and row.referral_id is None]
    for rule in rules:
        if not _holds(rule, wanted, day):
            continue
        days = sorted(day_of(row.start_at) for row in counted if _same(rule.scope, row, wanted))
        window = _fullest(days, day, rule.days)
        if len(window) >= rule.most:
            return LimitReached(
                rule=rule.name,
                rule_en=rule.name_en,
                days=rule.days,
                most=rule.most,
                count=len(window),
                free_from=_free_from(days, day, rule).isoformat(),
            )
    return None


def _holds(rule: Any, wanted: Offer, day: date) -> bool:
    dated = rule.since <= day and (rule.until is None or day <= rule.until)
    return dated and rule.organisation_id in (None, wanted.organisation_id)


def _same(scope: str, row: Any, wanted: Offer) -> bool:
    if scope == "department":
        return bool(row.department_id == wanted.department_id)
    return scope == "region" or bool(row.organisation_id == wanted.organisation_id)


def _fullest(days: Sequence[date], day: date, length: int) -> list[date]:
    """Of all windows of `length` days that contain `day`, the bookings in the fullest one."""
    starts = sorted({day} | {d for d in days if day - timedelta(days=length) < d <= day})
    return max(([d for d in days if start <= d < start + timedelta(days=length)] for start in starts), key=len)


def _free_from(days: Sequence[date], day: date, rule: Any) -> date:
    """The next day on which one more booking would break this rule no longer."""
    while len(_fullest(days, day, rule.days)) >= rule.most and (rule.until is None or day <= rule.until):
        day += timedelta(days=1)
    return day


_IN_FORCE = Ready(
    select(Limit)
    .where(
        Limit.since <= bindparam("last", type_=Date),
        or_(Limit.until.is_(None), Limit.until >= bindparam("first", type_=Date)),
    )
    .order_by(Limit.days, Limit.id)
)
