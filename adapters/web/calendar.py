"""Slots as a page shows them: a week as a strip, a day by doctor and half-day, and why a place is not to be had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from urllib.parse import urlencode

from adapters.web.figures import daypart
from hub.booking import Offer
from hub.units import Money, day_of

WEEK_DAYS = 7
OPEN_DAYS = 14
"""How far ahead slots are made and shown."""


@dataclass(frozen=True)
class Day:
    """One day of the strip: how many places are free, or in one word why none is."""

    day: date
    free: int
    why: str
    href: str
    current: bool


@dataclass(frozen=True)
class Chip:
    """One slot to choose; `why` says why not when nothing is free."""

    slot_id: int
    start_at: datetime
    free: int
    why: str
    chosen: bool = False


@dataclass(frozen=True)
class Doctor:
    """A doctor's (or a general clinic's) slots of one day by half-day."""

    name: str | None
    title: str | None
    fee: Money
    parts: tuple[tuple[str, tuple[Chip, ...]], ...]


def week_start(wanted: date, today: date) -> date:
    """The first day of the strip that shows a day: weeks are counted from today."""
    if wanted < today:
        return today
    return today + timedelta(days=(wanted - today).days // WEEK_DAYS * WEEK_DAYS)


def strip(
    offers: Sequence[Offer],
    *,
    start: date,
    chosen: date | None,
    path: str,
    pool: str = "public",
    kept: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Day, ...]:
    """Seven days from `start`; each links to `path?day=...`, keeping what else was chosen."""
    days = []
    for n in range(WEEK_DAYS):
        day = start + timedelta(days=n)
        own = [offer for offer in offers if day_of(offer.start_at) == day]
        free = sum(offer.available for offer in own if offer.pool == pool)
        why = "" if free else _why_day(own, pool)
        days.append(Day(day, free, why, f"{path}?{urlencode({**kept, 'day': day.isoformat()})}", day == chosen))
    return tuple(days)


def first_free(days: Sequence[Day], wanted: date | None) -> date | None:
    """The day to open: the one asked for, else the first with a free place."""
    if wanted is not None and any(day.day == wanted for day in days):
        return wanted
    return next((day.day for day in days if day.free), None)


def by_doctor(
    offers: Sequence[Offer], day: date | None, *, pool: str = "public", own_slot: int | None = None
) -> tuple[Doctor, ...]:
    """The slots of a day by doctor, those with free places first; `own_slot` is the one the person holds now."""
    groups: dict[tuple[str | None, str, int], list[Offer]] = {}
    for offer in offers:
        if day_of(offer.start_at) == day and (offer.pool == pool or pool == "public"):
            groups.setdefault((offer.practitioner_id, offer.service_id, offer.fee), []).append(offer)
    doctors = [_doctor(own, pool, own_slot) for own in groups.values()]
    return tuple(sorted(doctors, key=lambda doctor: not _has_free(doctor)))


def other_weeks(start: date, today: date, path: str) -> tuple[str, str]:
    """Links to the week before and after, empty where there is none."""
    before = start - timedelta(days=WEEK_DAYS)
    after = start + timedelta(days=WEEK_DAYS)
    last = today + timedelta(days=OPEN_DAYS)
    return (
        f"{path}?{urlencode({'week': before.isoformat()})}" if before >= today else "",
        f"{path}?{urlencode({'week': after.isoformat()})}" if after < last else "",
    )


def _doctor(offers: Sequence[Offer], pool: str, own_slot: int | None) -> Doctor:
    first = offers[0]
    parts: dict[str, list[Chip]] = {}
    for offer in offers:
        free = offer.available if offer.pool == pool and offer.slot_id != own_slot else 0
        why = "yours" if offer.slot_id == own_slot else "" if free else _why(offer, pool)
        parts.setdefault(daypart(offer.start_at), []).append(Chip(offer.slot_id, offer.start_at, free, why))
    return Doctor(
        first.practitioner_name,
        first.practitioner_title,
        first.fee,
        tuple((part, tuple(chips)) for part, chips in parts.items()),
    )


def _has_free(doctor: Doctor) -> bool:
    return any(chip.free for _, chips in doctor.parts for chip in chips)


def _why(offer: Offer, pool: str) -> str:
    if offer.state == "blocked":
        return "stopped"
    return "referral" if offer.pool != pool and pool == "public" else "full"


def _why_day(own: Sequence[Offer], pool: str) -> str:
    reasons = {_why(offer, pool) for offer in own}
    return next((why for why in ("full", "stopped") if why in reasons), "none")
