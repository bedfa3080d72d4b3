"""The waiting list of a department: who waits for a place gets the next one that is freed, in order of joining.

A freed place is offered in the transaction that frees it: the offer is a hold of its own, so nobody can take the
place meanwhile, and accepting is an ordinary booking that uses the hold up. An offer that is declined or runs out goes
on to the next. The hold outlives the offer by GRACE, in which the job `pass-places-on` hands the place over; were
every worker stopped, it would simply be free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import CheckConstraint, ForeignKey, Index, exists, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import directory, exchange, people, trust
from hub.booking.book import Wish, book, check_person, refusal, standing_of
from hub.booking.calendar import Offer, offers, search
from hub.booking.faults import NothingOffered, PlaceFree, WaitingUnknown
from hub.booking.limits import limits_in_force
from hub.booking.places import lock_cards, lock_places, move_counters
from hub.booking.tables import CHANNELS, Appointment, Hold
from hub.booking.telling import spoken
from hub.db import Base, identity
from hub.faults import Invalid
from hub.lifecycle import Lifecycle
from hub.trust import Caller
from hub.units import CHINA, day_of

WAITING = Lifecycle(
    "waiting wish",
    start="waiting",
    moves={
        ("waiting", "offer"): "offered",
        ("offered", "pass"): "waiting",
        ("offered", "lapse"): "lapsed",
        ("offered", "accept"): "booked",
        ("waiting", "accept"): "booked",
        ("waiting", "leave"): "left",
        ("offered", "leave"): "left",
        ("waiting", "end"): "ended",
        ("offered", "end"): "ended",
    },
)
"""lapsed: two offers ran out unanswered. ended: the last day has passed."""

OFFERED = Lifecycle(
    "waiting offer",
    start="open",
    moves={("open", "take"): "taken", ("open", "decline"): "declined", ("open", "expire"): "expired"},
)

OFFER_LASTS = timedelta(minutes=30)
GRACE = timedelta(minutes=2)
HEADWAY = timedelta(hours=1)
"""A place that begins sooner is offered to nobody: it goes to whoever stands at the window."""

QUIET = (21, 7)
MORNING = 8
"""What is offered at night may be answered until half an hour after eight."""

MISSED_AT_MOST = 2
LONGEST = timedelta(days=60)
OPEN = "state IN ('waiting', 'offered')"


class WaitingWish(Base):
    """One card waits for a place in a department (or with one doctor) on any of these days."""

    __tablename__ = "waiting_wish"
    __table_args__ = (
        Index("waiting_wish_open_key", "person_id", "department_id", unique=True, postgresql_where=OPEN),
        Index("waiting_wish_queue_idx", "department_id", "id", postgresql_where=OPEN),
        CheckConstraint("day_from <= day_to", name="days_in_order"),
        CheckConstraint("missed >= 0", name="missed_counted"),
        CheckConstraint(f"channel IN {CHANNELS}", name="channel_known"),
        WAITING.check(),
    )

    id: Mapped[int] = identity()
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    practitioner_id: Mapped[str | None] = mapped_column(ForeignKey("practitioner.id"))
    day_from: Mapped[date]
    day_to: Mapped[date]
    channel: Mapped[str]
    state: Mapped[str] = mapped_column(default=WAITING.start)
    missed: Mapped[int] = mapped_column(default=0)
    joined_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class WaitingOffer(Base):
    """One place offered to one who waits, kept by a hold of its own."""

    __tablename__ = "waiting_offer"
    __table_args__ = (
        Index("waiting_offer_open_key", "wish_id", unique=True, postgresql_where="state = 'open'"),
        Index("waiting_offer_expires_idx", "expires_at", postgresql_where="state = 'open'"),
        OFFERED.check(),
    )

    id: Mapped[int] = identity()
    wish_id: Mapped[int] = mapped_column(ForeignKey("waiting_wish.id"), index=True)
    slot_id: Mapped[int] = mapped_column(ForeignKey("slot.id"))
    hold_id: Mapped[int]
    state: Mapped[str] = mapped_column(default=OFFERED.start)
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wish as its owner sees it: how many are before it, and the place that is offered now, if any."""

    wish: WaitingWish
    before: int
    offer: WaitingOffer | None
    place: Offer | None


def join(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    department_id: str,
    day_from: date,
    day_to: date,
    channel: str,
    practitioner_id: str | None = None,
) -> WaitingWish:
    """Wait for a place; who waits in a department already keeps the old wish and its turn.

    Refuses: NotAllowed, PersonUnknown, DepartmentUnknown, PractitionerUnknown, Invalid, PlaceFree.
    """
    check_person(session, caller, person_id=person_id, channel=channel)
    department = directory.department(session, department_id)
    if practitioner_id is not None:
        directory.practitioner(session, practitioner_id)
    today = day_of(caller.at)
    first = max(day_from, today)
    if not first <= day_to <= today + LONGEST:
        raise Invalid(element="day_to", found=day_to.isoformat(), allowed=f"{first} – {today + LONGEST}")
    standing = _open_wish(session, person_id, department_id)
    if standing is not None:
        return standing
    free = search(
        session,
        caller,
        day_from=first,
        day_to=day_to,
        department_id=department_id,
        practitioner_id=practitioner_id,
        pool="public",
        only_free=True,
        limit=1,
    )
    if free:
        start, start_en = spoken(free[0].start_at)
        raise PlaceFree(start=start, start_en=start_en, slot_id=free[0].slot_id)
    wanted = insert(WaitingWish).values(
        person_id=person_id,
        organisation_id=department.organisation_id,
        department_id=department_id,
        practitioner_id=practitioner_id,
        day_from=first,
        day_to=day_to,
        channel=channel,
        state=WAITING.start,
        missed=0,
        joined_at=caller.at,
        changed_at=caller.at,
    )
    session.execute(wanted.on_conflict_do_nothing())  # twice at once is once; the key decides
    row = _open_wish(session, person_id, department_id)
    assert row is not None
    return row


def waiting_of(session: Session, caller: Caller, *, person_id: int) -> list[Waiting]:
    """What a card waits for now. Refuses: NotAllowed, PersonUnknown."""
    trust.require(caller, "booking.read")
    ids = check_person(session, caller, person_id=person_id, channel="app")
    wanted = select(WaitingWish).where(WaitingWish.person_id.in_(ids), WaitingWish.state.in_(("waiting", "offered")))
    return [_seen(session, caller, row) for row in session.scalars(wanted.order_by(WaitingWish.id))]


def waiting_one(session: Session, caller: Caller, *, wish_id: int) -> Waiting:
    """One wish, also when it is over. Refuses: NotAllowed, WaitingUnknown."""
    return _seen(session, caller, _own(session, caller, wish_id))


def accept(session: Session, caller: Caller, *, wish_id: int) -> Appointment:
    """Book the place that is offered. Refuses: WaitingUnknown, NothingOffered (it has run out), what `book` refuses."""
    row = _own(session, caller, wish_id, lock=True)
    offered = _open_offer(session, row.id)
    if offered is None or offered.expires_at <= caller.at:
        raise NothingOffered(wish_id=wish_id)
    made = book(session, caller, slot_id=offered.slot_id, person_id=row.person_id, channel=row.channel)
    OFFERED.move(offered, "take")
    _move(session, caller, row, "accept")
    return made


def decline(session: Session, caller: Caller, *, wish_id: int) -> WaitingWish:
    """Not this place; the wish keeps its turn, the place goes on. Refuses: WaitingUnknown, NothingOffered."""
    row = _own(session, caller, wish_id, lock=True)
    offered = _open_offer(session, row.id)
    if offered is None:
        raise NothingOffered(wish_id=wish_id)
    OFFERED.move(offered, "decline")
    _move(session, caller, row, "pass")
    _hand_on(session, caller, offered)
    return row


def leave(session: Session, caller: Caller, *, wish_id: int) -> WaitingWish:
    """Wait no longer; a place that was offered goes on. Twice is once. Refuses: WaitingUnknown, IllegalMove."""
    row = _own(session, caller, wish_id, lock=True)
    if row.state == "left":
        return row
    offered = _open_offer(session, row.id)
    _move(session, caller, row, "leave")
    if offered is not None:
        OFFERED.move(offered, "decline")
        _hand_on(session, caller, offered)
    return row


def pass_on(session: Session, caller: Caller, *, slot_id: int) -> WaitingOffer | None:
    """A place of this slot has been freed: offer it to the first who waits for it and may have it.

    Called where a place is given up. None when nobody waits, or no place is left by now.
    """
    place = offers(session, [slot_id], at=caller.at).get(slot_id)
    if place is None or place.pool != "public" or place.start_at <= caller.at + HEADWAY:
        return None
    queue = _queue(session, place)
    if not queue:
        return None
    held = lock_places(session, [slot_id], at=caller.at)[slot_id]
    if held.room < 1 or not held.free:
        return None
    rules = limits_in_force(session, {day_of(place.start_at)})
    for row in queue:
        wanted = Wish(caller, slot_id, row.person_id, row.channel)
        standing = standing_of(session, people.cluster(session, row.person_id), around=[place])
        if refusal(place, standing, rules, wanted) is None:
            offered = _offer(session, caller, row, place)
            if offered is not None:
                return offered
    return None


def pass_places_on(session: Session, caller: Caller, *, limit: int = 50) -> int:
    """What has run out goes on, what has become free in another way is offered; answers how many. For a job."""
    late = session.scalars(
        select(WaitingOffer)
        .where(WaitingOffer.state == "open", WaitingOffer.expires_at <= caller.at)
        .order_by(WaitingOffer.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    done = sum(_run_out(session, caller, offered) for offered in late)
    over = session.scalars(
        select(WaitingWish)
        .where(WaitingWish.state == "waiting", WaitingWish.day_to < day_of(caller.at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in over:
        _move(session, caller, row, "end")
    return done + len(over) + _offer_what_is_free(session, caller, limit=limit)


def _run_out(session: Session, caller: Caller, offered: WaitingOffer) -> bool:
    """One offer whose time is over; False when its wish is just being decided about."""
    wanted = select(WaitingWish).where(WaitingWish.id == offered.wish_id).with_for_update(skip_locked=True)
    row = session.scalars(wanted.execution_options(populate_existing=True)).first()
    if row is None:
        return False
    booked = select(Appointment.id).where(
        Appointment.person_id == row.person_id,
        Appointment.slot_id == offered.slot_id,
        Appointment.state.in_(("booked", "arrived")),
    )
    if session.scalar(booked.limit(1)) is not None:
        OFFERED.move(offered, "take")
        _move(session, caller, row, "accept")
        return True
    OFFERED.move(offered, "expire")
    row.missed += 1
    _move(session, caller, row, "lapse" if row.missed >= MISSED_AT_MOST else "pass")
    _hand_on(session, caller, offered)
    return True


def _offer_what_is_free(session: Session, caller: Caller, *, limit: int) -> int:
    """Places that nobody gave up by hand: a hold ran out, slots were made or unblocked."""
    open_ones = select(
        WaitingWish.department_id,
        func.min(WaitingWish.day_from).label("first"),
        func.max(WaitingWish.day_to).label("last"),
    ).where(WaitingWish.state == "waiting")
    made = 0
    for queue in session.execute(open_ones.group_by(WaitingWish.department_id)).all():
        free = search(
            session,
            caller,
            day_from=queue.first,
            day_to=queue.last,
            department_id=queue.department_id,
            pool="public",
            only_free=True,
            limit=limit,
        )
        for place in free:
            made += pass_on(session, caller, slot_id=place.slot_id) is not None
    return made


def _hand_on(session: Session, caller: Caller, offered: WaitingOffer) -> None:
    """The hold of an offer is given up, and the place goes to the next who waits."""
    session.flush()
    lock_places(session, [offered.slot_id], at=caller.at, giving_back=[offered.hold_id])
    pass_on(session, caller, slot_id=offered.slot_id)


def _offer(session: Session, caller: Caller, row: WaitingWish, place: Offer) -> WaitingOffer | None:
    """A hold for one who waits, in a locked slot with room; None when they hold a place in the department already."""
    until = _answer_by(caller.at, place)
    wanted = insert(Hold).values(
        slot_id=place.slot_id,
        person_id=row.person_id,
        department_id=place.department_id,
        channel=row.channel,
        held_by=f"waiting/{row.id}",
        expires_at=until + GRACE,
    )
    hold_id = session.scalar(wanted.on_conflict_do_nothing().returning(Hold.id))
    if hold_id is None:
        return None
    move_counters(session, place.slot_id, held=1)
    offered = WaitingOffer(
        wish_id=row.id, slot_id=place.slot_id, hold_id=hold_id, offered_at=caller.at, expires_at=until
    )
    session.add(offered)
    _move(session, caller, row, "offer")
    _tell(session, caller, row, place, until)
    return offered


def _answer_by(at: datetime, place: Offer) -> datetime:
    local = at.astimezone(CHINA)
    until = at + OFFER_LASTS
    if local.hour >= QUIET[0] or local.hour < QUIET[1]:
        morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
        until = (morning if local.hour < QUIET[1] else morning + timedelta(days=1)) + OFFER_LASTS
    return min(until, place.start_at - HEADWAY / 2)


def _tell(session: Session, caller: Caller, row: WaitingWish, place: Offer, until: datetime) -> None:
    person = people.snapshot(session, row.person_id, row.organisation_id)
    if not person["telephone"]:
        return
    where = f"{place.organisation_name}{place.department_name}{place.practitioner_name or ''}"
    words = (
        f"【候补到号】{person['name']}，{where} {spoken(place.start_at)[0]}有一个号留给您，"
        f"请在 {spoken(until)[0]}前到“我的候补”确认，过时给下一位。候补编号 {row.id}。"
    )
    said = {"telephone": person["telephone"], "person_id": row.person_id, "template": "waiting.offered", "text": words}
    exchange.post(session, caller, destination="sms", subject=f"person/{row.person_id}", kind="notice", snapshot=said)


def _own(session: Session, caller: Caller, wish_id: int, *, lock: bool = False) -> WaitingWish:
    """A wish of the caller's own, of family, or of a patient; locked after its card, as booking locks."""
    trust.require(caller, "booking.write" if lock else "booking.read")
    row = session.get(WaitingWish, wish_id)
    if row is None:
        raise WaitingUnknown(wish_id=wish_id)
    try:
        ids = check_person(session, caller, person_id=row.person_id, channel=row.channel)
    except people.PersonUnknown:
        raise WaitingUnknown(wish_id=wish_id) from None
    if caller.kind != "citizen" and caller.kind != "job" and caller.organisation_id != row.organisation_id:
        raise WaitingUnknown(wish_id=wish_id)
    if lock:
        lock_cards(session, [ids])
        row = session.get_one(WaitingWish, wish_id, with_for_update=True, populate_existing=True)
    return row


def _seen(session: Session, caller: Caller, row: WaitingWish) -> Waiting:
    offered = _open_offer(session, row.id)
    if offered is not None and offered.expires_at <= caller.at:
        offered = None
    place = offers(session, [offered.slot_id], at=caller.at)[offered.slot_id] if offered else None
    before = select(func.count()).where(
        WaitingWish.department_id == row.department_id,
        WaitingWish.state == "waiting",
        WaitingWish.id < row.id,
        WaitingWish.day_from <= row.day_to,
        WaitingWish.day_to >= row.day_from,
        true()
        if row.practitioner_id is None
        else or_(WaitingWish.practitioner_id.is_(None), WaitingWish.practitioner_id == row.practitioner_id),
    )
    return Waiting(row, session.scalar(before) or 0, offered, place)


def _queue(session: Session, place: Offer, *, limit: int = 20) -> Sequence[WaitingWish]:
    """Who waits for such a place, in order; who is being decided about elsewhere is passed over."""
    day = day_of(place.start_at)
    seen_already = exists().where(WaitingOffer.wish_id == WaitingWish.id, WaitingOffer.slot_id == place.slot_id)
    return session.scalars(
        select(WaitingWish)
        .where(
            WaitingWish.department_id == place.department_id,
            WaitingWish.state == "waiting",
            WaitingWish.day_from <= day,
            WaitingWish.day_to >= day,
            or_(WaitingWish.practitioner_id.is_(None), WaitingWish.practitioner_id == place.practitioner_id),
            ~seen_already,
        )
        .order_by(WaitingWish.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _open_wish(session: Session, person_id: int, department_id: str) -> WaitingWish | None:
    return session.scalars(
        select(WaitingWish).where(
            WaitingWish.person_id == person_id,
            WaitingWish.department_id == department_id,
            WaitingWish.state.in_(("waiting", "offered")),
        )
    ).first()


def _open_offer(session: Session, wish_id: int) -> WaitingOffer | None:
    return session.scalars(
        select(WaitingOffer).where(WaitingOffer.wish_id == wish_id, WaitingOffer.state == "open")
    ).first()


def _move(session: Session, caller: Caller, row: WaitingWish, event: str) -> None:
    WAITING.move(row, event)
    row.changed_at = caller.at
    session.flush()
