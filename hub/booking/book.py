"""Taking a place: hold it, book it, for one person or for a batch of people at once.

The ladder of refusals is climbed on what is read without a lock, so that hundreds who come too
late disturb nobody; the locked slots then decide. A refusal in a batch is a value; only bugs raise.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, or_, select
from sqlalchemy.orm import Session, class_mapper

from hub import people, trust
from hub.booking.calendar import Offer, asking_offers, offers_in
from hub.booking.faults import AlreadyBooked, HoldUnknown, SlotBlocked, SlotPast, SlotReserved, SlotTaken, SlotUnknown
from hub.booking.limits import COUNTED, asking_limits, judge
from hub.booking.places import lock_places, locking_cards, locking_places, move_counters, places_in
from hub.booking.tables import APPOINTMENT, CHANNELS, Appointment, Hold
from hub.booking.telling import spoken, telling
from hub.db import Instant, Ready, Statement, loaded, run, run_together
from hub.faults import Fault, Invalid, Problem
from hub.trust import Caller
from hub.units import day_of

HOLD_LASTS = timedelta(minutes=10)
SEEN_AFTER = timedelta(days=30)
"""How long after the visit the hospital may still read the record of somebody who had an appointment."""

REACH = timedelta(days=92)
"""No limit looks further than this from the slot that is wanted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One person's wish for one slot, as it waits in a batch."""

    caller: Caller
    slot_id: int
    person_id: int
    channel: str
    reason: str = ""
    referral_id: int | None = None


@dataclass(slots=True)
class _Case:
    """A wish on its way through a batch: what is known about it, and in the end its answer."""

    wish: Wish
    order: int
    ids: tuple[int, ...] = ()
    offer: Offer | None = None
    standing: list[Any] = field(default_factory=list)
    hold_id: int | None = None
    answer: Appointment | Fault | None = None

    @property
    def open(self) -> bool:
        return self.answer is None


def book(
    session: Session,
    caller: Caller,
    *,
    slot_id: int,
    person_id: int,
    channel: str,
    reason: str = "",
    referral_id: int | None = None,
) -> Appointment:
    """Book a place; the hospital gets `appointment.booked`, the citizen a notice, in the same transaction.

    A hold of the same person and channel on the slot is used up.
    Refuses: NotAllowed, PersonUnknown, SlotUnknown, SlotPast, SlotBlocked, SlotReserved, AlreadyBooked,
    LimitReached, SlotTaken.
    """
    wish = Wish(caller, slot_id, person_id, channel, reason, referral_id)
    answer = book_many(session, [wish])[0]
    if isinstance(answer, Fault):
        raise answer
    return answer


def book_many(session: Session, wishes: Sequence[Wish]) -> list[Appointment | Fault]:
    """Book a batch in order of arrival; each answer is the appointment or the Fault, and a Fault wrote nothing.

    A card comes once in a round: what it asks for a second time is decided after the first is known.
    """
    session.flush()
    answers, writes = taking(session, wishes, run(session, *looking(wish.person_id for wish in wishes)))
    run_together(session, writes)
    return [answer if isinstance(answer, Fault) else loaded(session, answer) for answer in answers]


def looking(person_ids: Iterable[int]) -> Statement:
    """What a batch asks before anything else, for a door that runs it together with its own question."""
    return people.asking_clusters(set(person_ids))


def taking(
    session: Session, wishes: Sequence[Wish], looked: Iterable[Any]
) -> tuple[list[Appointment | Fault], list[Statement]]:
    """`book_many` but for its last statements, which the door runs together with its own.

    `looked` are the rows of `looking`. The appointments are no part of the session.
    """
    cases = [_Case(wish, order) for order, wish in enumerate(wishes)]
    of_card = people.clusters_in(looked)
    writes: list[Statement] = []
    waiting: list[_Case] = []
    for case in cases:
        case.ids = of_card.get(case.wish.person_id, ())
        case.answer = _may_not(session, case.wish, case.ids)
        if case.open:
            waiting.append(case)
    while waiting:
        seen: set[int] = set()
        now: list[_Case] = []
        later: list[_Case] = []
        for case in waiting:
            (later if case.ids[0] in seen else now).append(case)
            seen.add(case.ids[0])
        run_together(session, writes)
        writes = _round(session, now)
        waiting = later
    return [case.answer for case in cases], writes  # type: ignore[misc]


def hold(session: Session, caller: Caller, *, slot_id: int, person_id: int, channel: str) -> Hold:
    """Keep a place for HOLD_LASTS; `expires_at` is in the answer.

    A person's earlier hold in the department moves; asking twice for one place does not make it last longer.

    Refuses: what `book` refuses.
    """
    wish = Wish(caller, slot_id, person_id, channel)
    case = _Case(wish, 0, check_person(session, caller, person_id=person_id, channel=channel))
    _prepare(session, [case])
    if isinstance(case.answer, Fault):
        raise case.answer
    assert case.offer is not None
    earlier = session.scalars(
        select(Hold).where(Hold.person_id == person_id, Hold.department_id == case.offer.department_id)
    ).first()
    if earlier is not None and earlier.id == case.hold_id:
        return earlier
    mine = [] if earlier is None else [earlier]
    for row in mine:
        session.expunge(row)
    places = lock_places(
        session, [slot_id, *(row.slot_id for row in mine)], at=caller.at, giving_back=[row.id for row in mine]
    )
    if places[slot_id].room < 1 or not places[slot_id].free:
        raise SlotTaken(**slot_facts(case.offer))
    move_counters(session, slot_id, held=1)
    row = Hold(
        slot_id=slot_id,
        person_id=person_id,
        department_id=case.offer.department_id,
        channel=channel,
        held_by=f"{caller.kind}/{caller.id}",
        expires_at=caller.at + HOLD_LASTS,
    )
    session.add(row)
    session.flush()
    return row


def release(session: Session, caller: Caller, *, hold_id: int) -> None:
    """Give a held place back at once. Refuses: NotAllowed, HoldUnknown."""
    row = session.get(Hold, hold_id)
    if row is None:
        raise HoldUnknown(hold_id=hold_id)
    try:
        check_person(session, caller, person_id=row.person_id, channel=row.channel)
    except people.PersonUnknown:
        raise HoldUnknown(hold_id=hold_id) from None
    session.expunge(row)
    lock_places(session, [row.slot_id], at=caller.at, giving_back=[hold_id])


def check_person(session: Session, caller: Caller, *, person_id: int, channel: str) -> tuple[int, ...]:
    """All person ids of the card, once it is clear that the caller may book for it.

    A citizen books for self and family, hospitals for their patients. Refuses: NotAllowed, PersonUnknown, Invalid.
    """
    ids = people.cluster(session, person_id)
    fault = _may_not(session, Wish(caller, 0, person_id, channel), ids)
    if fault is not None:
        raise fault
    return ids


def refusal(
    offer: Offer, standing: Iterable[Any], rules: Iterable[Any], wish: Wish, *, may_move: bool = False
) -> Fault | None:
    """The ladder, from the general to the special; the last rung, whether a place is left, is the database's."""
    if offer.start_at <= wish.caller.at:
        return SlotPast(**slot_facts(offer))
    if offer.state == "blocked":
        return SlotBlocked(**slot_facts(offer))
    if offer.pool == "referral" and wish.referral_id is None:
        return SlotReserved(**slot_facts(offer))
    twice = next((row for row in standing if row.slot_id == offer.slot_id and row.state in ("booked", "arrived")), None)
    if twice is not None:
        return AlreadyBooked(appointment_id=twice.id, **slot_facts(offer))
    return judge(offer, standing, rules)


def standing_of(session: Session, person_ids: Iterable[int], *, around: Iterable[Offer]) -> Sequence[Any]:
    """What these people have booked within the reach of any limit of these slots, as rows of Appointment."""
    session.flush()
    return run(session, *_asking_standing(person_ids, since=min(offer.start_at for offer in around) - REACH))


def _asking_standing(person_ids: Iterable[int], *, since: datetime) -> Statement:
    return _STANDING.asking(ids=list(person_ids), since=since)


def _may_not(session: Session, wish: Wish, ids: tuple[int, ...]) -> Fault | None:
    """The rungs before any slot is looked at."""
    caller = wish.caller
    if "booking.write" not in caller.scopes:
        return trust.NotAllowed(scope="booking.write")
    if wish.channel not in CHANNELS:
        return Invalid(element="channel", found=wish.channel, allowed="、".join(CHANNELS), problem=Problem.CODE)
    own = caller.kind != "citizen" or caller.person_id in ids
    if not ids or not (own or people.may_act_for(session, caller, wish.person_id)):
        return people.PersonUnknown(system="person", shown=wish.person_id)
    return None


def _round(session: Session, cases: list[_Case]) -> list[Statement]:
    _prepare(session, cases)
    wanted = [case for case in cases if case.open]
    return _take(session, wanted) if wanted else []


def _prepare(session: Session, cases: list[_Case]) -> None:
    """Everything up to the race: cards locked, slots as they stand, what each card has, holds, and the ladder."""
    ats = [case.wish.caller.at for case in cases]
    owner = {person_id: case for case in cases for person_id in case.ids}
    asked = [
        locking_cards(case.ids for case in cases),
        asking_offers({case.wish.slot_id for case in cases}, at=max(ats)),
        asking_limits(day_of(min(ats))),
        _asking_standing(owner, since=min(ats) - REACH),
    ]
    _, offered, rules, standing = run_together(session, asked)
    found = offers_in(offered)
    for case in cases:
        case.offer = found.get(case.wish.slot_id)
        if case.offer is None:
            case.answer = SlotUnknown(slot_id=case.wish.slot_id)
    known = [case for case in cases if case.offer is not None]
    for row in standing:
        owner[row.person_id].standing.append(row)
    holds = _own_holds(session, known) if any(offer.held for offer in found.values()) else {}
    for case in known:
        assert case.offer is not None
        case.answer = refusal(case.offer, case.standing, rules, case.wish)
        case.hold_id = holds.get((case.wish.slot_id, case.wish.person_id, case.wish.channel))
        if case.open and case.hold_id is None and not case.offer.available:
            case.answer = SlotTaken(**slot_facts(case.offer))


def _letting_hospitals_see(booked: Iterable[tuple[Caller, Appointment, Offer]]) -> Statement:
    rows = [
        (caller, row.person_id, row.organisation_id, f"appointment/{row.id}", row.end_at + SEEN_AFTER)
        for caller, row, _ in booked
    ]
    return trust.granting("appointment", rows)


def slot_facts(offer: Offer) -> dict[str, object]:
    start_zh, start_en = spoken(offer.start_at)
    return {
        "slot_id": offer.slot_id,
        "organisation": offer.organisation_name,
        "department": offer.department_name,
        "department_en": offer.department_name_en,
        "start": start_zh,
        "start_en": start_en,
        "capacity": offer.capacity,
    }


def _own_holds(session: Session, cases: Iterable[_Case]) -> dict[tuple[int, int, str], int]:
    by_person = defaultdict(list)
    for case in cases:
        by_person[case.wish.person_id].append(case)
    rows = session.scalars(select(Hold).where(Hold.person_id.in_(by_person)))
    return {
        (row.slot_id, row.person_id, row.channel): row.id
        for row in rows
        if any(case.wish.caller.at < row.expires_at for case in by_person[row.person_id])
    }


def _take(session: Session, cases: Sequence[_Case]) -> list[Statement]:
    """Lock, give out what is left in order of arrival, answer what writes the appointments and tells of them.

    Whoever holds a place comes first: it is theirs.
    """
    holds = [case.hold_id for case in cases if case.hold_id is not None]
    seen = [(case.wish.person_id, case.offer.organisation_id) for case in cases if case.offer is not None]
    asked = [
        locking_places(case.wish.slot_id for case in cases),
        people.asking_snapshots(seen),
        (_NUMBERS, {"n": len(cases)}),
    ]
    locked, persons, numbers = run_together(session, asked)
    places = places_in(session, locked, at=cases[0].wish.caller.at, giving_back=holds)
    items: list[dict[str, Any]] = []
    booked: list[tuple[Caller, Appointment, Offer]] = []
    for case in sorted(cases, key=lambda case: (case.hold_id is None, case.order)):
        assert case.offer is not None
        number = places[case.wish.slot_id].take()
        if number is None:
            case.answer = SlotTaken(**slot_facts(case.offer))
        else:
            item = _taking(case, numbers[len(items)].id, number)
            case.answer = _as_appointment(item)
            items.append(item)
            booked.append((case.wish.caller, case.answer, case.offer))
    if not items:
        return []
    written = _TAKE, {name: [item[name] for item in items] for name in items[0]}
    told = telling("appointment.booked", booked, people.snapshots_in(persons, seen))
    return [written, _letting_hospitals_see(booked), *told]


def _as_appointment(columns: dict[str, Any]) -> Appointment:
    """A row just taken, as reading it back would give it; setting its attributes one by one costs ten times as much."""
    row = class_mapper(Appointment).class_manager.new_instance()
    row.__dict__.update(columns, state=APPOINTMENT.start, version=1, cancel_reason=None)
    return row


def _taking(case: _Case, appointment_id: int, queue_number: int) -> dict[str, Any]:
    """The columns of the appointment that takes a place, but for those that are the same for every new one."""
    wish, offer = case.wish, case.offer
    assert offer is not None
    return {
        "id": appointment_id,
        "slot_id": wish.slot_id,
        "person_id": wish.person_id,
        "queue_number": queue_number,
        "channel": wish.channel,
        "reason": wish.reason,
        "referral_id": wish.referral_id,
        "organisation_id": offer.organisation_id,
        "department_id": offer.department_id,
        "practitioner_id": offer.practitioner_id,
        "service_id": offer.service_id,
        "start_at": offer.start_at,
        "end_at": offer.end_at,
        "booked_by": f"{wish.caller.kind}/{wish.caller.id}",
        "booked_by_organisation": wish.caller.organisation_id,
        "booked_at": wish.caller.at,
        "changed_at": wish.caller.at,
    }


_STANDING = Ready(
    select(
        Appointment.id,
        Appointment.slot_id,
        Appointment.person_id,
        Appointment.organisation_id,
        Appointment.department_id,
        Appointment.start_at,
        Appointment.state,
        Appointment.referral_id,
    )
    .where(
        Appointment.person_id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
        Appointment.start_at > bindparam("since", type_=Instant),
        or_(*(Appointment.state == state for state in COUNTED)),
    )
    .order_by(Appointment.start_at)
)

# The slots are locked and have the room: their counters move with the rows.
_TAKE = """
WITH item AS (
    SELECT * FROM unnest(
        %(id)s::bigint[], %(slot_id)s::bigint[], %(person_id)s::bigint[], %(queue_number)s::bigint[],
        %(channel)s::text[], %(reason)s::text[], %(referral_id)s::bigint[], %(organisation_id)s::text[],
        %(department_id)s::text[], %(practitioner_id)s::text[], %(service_id)s::text[],
        %(start_at)s::timestamptz[], %(end_at)s::timestamptz[],
        %(booked_by)s::text[], %(booked_by_organisation)s::text[], %(booked_at)s::timestamptz[],
        %(changed_at)s::timestamptz[]
    ) AS i(id, slot_id, person_id, queue_number, channel, reason, referral_id, organisation_id, department_id,
           practitioner_id, service_id, start_at, end_at, booked_by, booked_by_organisation, booked_at, changed_at)
), moved AS (
    UPDATE slot SET taken = slot.taken + n.n, issued = slot.issued + n.n
    FROM (SELECT slot_id, count(*) AS n FROM item GROUP BY slot_id) AS n
    WHERE slot.id = n.slot_id
)
INSERT INTO appointment (id, slot_id, person_id, queue_number, channel, reason, referral_id, organisation_id,
    department_id, practitioner_id, service_id, start_at, end_at, booked_by, booked_by_organisation, booked_at,
    changed_at, state, version) OVERRIDING SYSTEM VALUE
SELECT id, slot_id, person_id, queue_number, channel, reason, referral_id, organisation_id, department_id,
    practitioner_id, service_id, start_at, end_at, booked_by, booked_by_organisation, booked_at, changed_at, 'booked', 1
FROM item
"""

# Known before they are written, so that all a batch writes can be sent at once.
_NUMBERS = "SELECT nextval('appointment_id_seq') AS id FROM generate_series(1, %(n)s)"
