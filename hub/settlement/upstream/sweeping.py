"""What is left open is found out: asked again, taken back, and believed only once the platform's own file agrees."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub import directory
from hub.coverage import UPSTREAM, Authority, AuthorityUnknown, authorities, platform_of
from hub.settlement.tables import ChargeKey, Settlement, SettlementKey
from hub.settlement.upstream.asking import LEASE_FACTOR
from hub.settlement.upstream.recording import locked
from hub.settlement.upstream.tables import FORWARDED, MOVES_MONEY, OPEN, Forwarded, UpstreamVisit
from hub.trust import Caller
from hub.units import day_of

SURELY_OVER = timedelta(minutes=10)
"""A question of which a platform's file knows nothing so long after it was asked will not arrive any more."""


NOBODY_TO_ASK = timedelta(hours=1)
"""How long until a question whose platform is registered no more is looked at again."""


class PlatformLine(NamedTuple):
    """One line of a platform's file: a settlement, or the taking back of one (`refund`, amounts negative). Fen."""

    msgid: str
    setl_id: str
    mdtrt_id: str
    psn_no: str
    total: int
    fund: int
    account: int
    refund: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A question to look after: what it was, and what the platform calls its visit and its settlement."""

    forwarded: Forwarded
    authority: Authority
    hospital_id: str
    hospital_name: str
    mdtrt_id: str
    setl_id: str | None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a platform's file said of reversals: those it confirms, and those whose settlement stands all the same."""

    confirmed: tuple[int, ...]
    standing: tuple[int, ...]


def take_due(session: Session, caller: Caller, *, at_most: int = 20) -> list[Due]:
    """Questions whose turn it is, each taken for as long as asking about it may last; a row lock decides who."""
    wanted = (
        select(Forwarded)
        .where(Forwarded.due_at <= caller.at, Forwarded.kind.in_(MOVES_MONEY))
        .where(Forwarded.state.in_(("asked", "unanswered")))
        .order_by(Forwarded.due_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for row in session.scalars(wanted).all():
        try:
            authority = platform_of(session, row.area)
        except AuthorityUnknown as nobody:  # the area came home with a question open: nobody is left to ask
            row.problem, row.due_at = nobody.sentence("en"), caller.at + NOBODY_TO_ASK
            continue
        if row.state == "asked":
            FORWARDED.move(row, "lose")
            row.problem = "the asker did not come back"
        row.attempts += 1
        row.due_at = caller.at + LEASE_FACTOR * authority.timeout
        taken.append(_due(session, row, authority))
    session.flush()
    return taken


def record_reversed(session: Session, caller: Caller, forwarded_id: int) -> None:
    """The platform says that it has taken a settlement back, or will refuse it: not believed before its file agrees."""
    asked = locked(session, forwarded_id)
    if asked.state == "unanswered":
        FORWARDED.move(asked, "reverse")
        asked.answered_at, asked.due_at, asked.problem = caller.at, None, None


def unconfirmed(session: Session) -> list[tuple[str, str, date, date]]:
    """The files that reversals wait for: area, hospital, and the days that may hold the settlement."""
    wanted = select(Forwarded).where(Forwarded.state == "reversal-unconfirmed").order_by(Forwarded.id)
    days: dict[tuple[str, str], list[date]] = {}
    reached = {one.area for one in authorities(session) if one.settles == UPSTREAM}
    for row in session.scalars(wanted):
        if row.area not in reached:
            continue
        days.setdefault((row.area, row.organisation_id), []).extend(_days(row))
    return [(*key, min(found), max(found)) for key, found in days.items()]


def agree(
    session: Session,
    caller: Caller,
    *,
    area: str,
    organisation_id: str,
    day_from: date,
    day_to: date,
    lines: Sequence[PlatformLine],
) -> Agreed:
    """Hold reversals against a platform's file of some days, received now.

    One whose message the file does not know, or knows taken back, is reversed: its charge is open again and its
    message refused for ever. One that the file shows standing is unanswered again, and asked about at once.
    """
    net = Counter[str]()
    for line in lines:
        net[line.msgid] += -1 if line.refund else 1
    waiting = select(Forwarded).where(
        Forwarded.state == "reversal-unconfirmed",
        Forwarded.area == area,
        Forwarded.organisation_id == organisation_id,
        Forwarded.asked_at <= caller.at - SURELY_OVER,
    )
    confirmed, standing = [], []
    for row in session.scalars(waiting.with_for_update()).all():
        first, last = _days(row)
        if net[row.msgid] > 0:
            FORWARDED.move(row, "stand")
            row.problem, row.due_at = "the platform's file shows it standing", caller.at
            standing.append(row.id)
        elif day_from <= first and last <= day_to:
            FORWARDED.move(row, "confirm")
            row.answered_at = caller.at
            _bury(session, row)
            confirmed.append(row.id)
    session.flush()
    return Agreed(tuple(confirmed), tuple(standing))


def settled_lines(
    session: Session, *, area: str, organisation_id: str, day_from: date, day_to: date
) -> dict[str, list[PlatformLine]]:
    """What this hub has recorded of a platform's settlements, in the platform's own numbers, by clr_type."""
    own = select(Settlement, Forwarded.psn_no).join(Forwarded, Forwarded.settlement_id == Settlement.id)
    own = own.where(
        Settlement.organisation_id == organisation_id,
        Settlement.settled_on.between(day_from, day_to),
        Settlement.platform["area"].as_string() == area,
    )
    found: dict[str, list[PlatformLine]] = {}
    for row, psn_no in session.execute(own.order_by(Settlement.id)):
        assert row.platform is not None
        line = PlatformLine(
            msgid=row.msgid,
            setl_id=row.platform["setl_id"],
            mdtrt_id=row.platform["mdtrt_id"],
            psn_no=psn_no,
            total=int(row.total),
            fund=int(row.fund),
            account=int(row.account),
            refund=row.undoes is not None,
        )
        found.setdefault(row.clr_type, []).append(line)
    return found


def still_open(session: Session, *, limit: int = 200) -> Sequence[Forwarded]:
    """Settlements and undos whose outcome is not known or not confirmed, oldest first, for operations."""
    wanted = select(Forwarded).where(Forwarded.kind.in_(MOVES_MONEY), Forwarded.state.in_(OPEN))
    return session.scalars(wanted.order_by(Forwarded.asked_at).limit(limit)).all()


def _due(session: Session, row: Forwarded, authority: Authority) -> Due:
    upstream = session.get(UpstreamVisit, (row.visit_id, row.area))
    original = session.get(Settlement, row.undoes) if row.undoes else None
    platform = original.platform if original is not None else None
    return Due(
        row,
        authority,
        row.organisation_id,
        directory.organisation(session, row.organisation_id).name,
        mdtrt_id=platform["mdtrt_id"] if platform else (upstream.mdtrt_id if upstream else ""),
        setl_id=platform["setl_id"] if platform else None,
    )


def _days(row: Forwarded) -> tuple[date, date]:
    """The days on which a platform may have settled what it was asked."""
    return day_of(row.asked_at), day_of(row.asked_at + SURELY_OVER)


def _bury(session: Session, row: Forwarded) -> None:
    """The message's key becomes a tombstone, the charge is open again."""
    key = SettlementKey.settlement_id == row.settlement_id
    session.execute(update(SettlementKey).where(key).values(settlement_id=None))
    session.execute(delete(ChargeKey).where(ChargeKey.settlement_id == row.settlement_id))
