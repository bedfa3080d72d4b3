"""Taking a place: hold it, book it, for one person or for a batch of people at once.

What decides the race is one statement, `_TAKE`: it locks the slots in id order, gives out what is
left in order of arrival and writes the appointments, all or nothing per person. A refusal in a
batch is a value; only bugs raise.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from hub import people, trust
from hub.booking.calendar import Offer, offers
from hub.booking.faults import AlreadyBooked, HoldUnknown, SlotBlocked, SlotPast, SlotReserved, SlotTaken, SlotUnknown
from hub.booking.limits import COUNTED, judge, limits_in_force
from hub.booking.tables import CHANNELS, Appointment, Hold, Limit, Slot
from hub.booking.telling import spoken, tell_many
from hub.faults import Fault, Invalid, Problem
from hub.trust import Caller
from hub.units import day_of

HOLD_LASTS = timedelta(minutes=10)
SEEN_AFTER = timedelta(days=30)
"""How long after the visit the hospital may still read the record of somebody who had an appointment."""

_CARD_LOCK = 421_201


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
    standing: list[Appointment] = field(default_factory=list)
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
    cases = [_Case(wish, order) for order, wish in enumerate(wishes)]
    waiting: list[_Case] = []
    for case in cases:
        try:
            case.ids = check_person(session, case.wish.caller, person_id=case.wish.person_id, channel=case.wish.channel)
            waiting.append(case)
        except Fault as fault:
            case.answer = fault
    while waiting:
        seen: set[int] = set()
        now: list[_Case] = []
        later: list[_Case] = []
        for case in waiting:
            (later if case.ids[0] in seen else now).append(case)
            seen.add(case.ids[0])
        _round(session, now)
        waiting = later
    return [case.answer for case in cases]  # type: ignore[misc]


def hold(session: Session, caller: Caller, *, slot_id: int, person_id: int, channel: str) -> Hold:
    """Keep a place for HOLD_LASTS; `expires_at` is in the answer.

    A person's earlier hold in the department moves; asking twice for one place does not make it last longer.

    Refuses: what `book` refuses.
    """
    wish = Wish(caller, slot_id, person_id, channel)
    case = _Case(wish, 0, check_person(session, caller, person_id=person_id, channel=channel))
    lock_cards(session, [case.ids])
    _prepare(session, [case])
    if isinstance(case.answer, Fault):
        raise case.answer
    assert case.offer is not None
    earlier = session.scalars(
        select(Hold).where(Hold.person_id == person_id, Hold.department_id == case.offer.department_id)
    ).first()
    if earlier is not None and earlier.id == case.hold_id:
        return earlier
    if earlier is not None:
        session.expunge(earlier)
        sweep(session, [earlier.slot_id, slot_id], caller, also=[earlier.id])
    elif not _room(case.offer):
        sweep(session, [slot_id], caller)
    if not _hold_place(session, slot_id):
        raise SlotTaken(**slot_facts(case.offer))
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
    sweep(session, [row.slot_id], caller, also=[hold_id])


def check_person(session: Session, caller: Caller, *, person_id: int, channel: str) -> tuple[int, ...]:
    """All person ids of the card, once it is clear that the caller may book for it.

    A citizen books for self and family, hospitals for their patients. Refuses: NotAllowed, PersonUnknown, Invalid.
    """
    trust.require(caller, "booking.write")
    if channel not in CHANNELS:
        raise Invalid(element="channel", found=channel, allowed="、".join(CHANNELS), problem=Problem.CODE)
    ids = people.cluster(session, person_id)
    if not ids or (caller.kind == "citizen" and not people.may_act_for(session, caller, person_id)):
        raise people.PersonUnknown(system="person", shown=person_id)
    return ids


def refusal(
    offer: Offer, standing: Iterable[Appointment], rules: Iterable[Limit], wish: Wish, *, may_move: bool = False
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


def lock_cards(session: Session, clusters: Iterable[tuple[int, ...]]) -> None:
    """Two requests of one card are decided one after the other; taken in order, so that batches cannot deadlock."""
    for key in sorted({ids[0] for ids in clusters}):
        session.execute(select(func.pg_advisory_xact_lock(_CARD_LOCK, key % 2**31)))


def standing_of(session: Session, person_ids: Iterable[int], *, around: Iterable[Offer]) -> Sequence[Appointment]:
    """What these people have booked within the reach of any limit of these slots."""
    starts = [offer.start_at for offer in around]
    reach = timedelta(days=92)
    return session.scalars(
        select(Appointment)
        .where(
            Appointment.person_id.in_(list(person_ids)),
            Appointment.start_at > min(starts) - reach,
            Appointment.start_at < max(starts) + reach,
            Appointment.state.in_(COUNTED),
        )
        .order_by(Appointment.start_at)
    ).all()


def sweep(session: Session, slot_ids: Iterable[int], caller: Caller, *, also: Iterable[int] = ()) -> None:
    """Delete the holds of these slots that have expired at `caller.at`, and those named, and count them out."""
    session.execute(_SWEEP, {"slots": sorted(set(slot_ids)), "also": list(also), "at": caller.at})


def _round(session: Session, cases: list[_Case]) -> None:
    lock_cards(session, (case.ids for case in cases))
    _prepare(session, cases)
    wanted = [case for case in cases if case.open]
    if not wanted:
        return
    _use_holds(session, wanted)
    # Whoever holds a place comes first: it is theirs.
    taken = _take(session, sorted(wanted, key=lambda case: (case.hold_id is None, case.order)))
    for case in wanted:
        assert case.offer is not None
        case.answer = taken.get((case.wish.slot_id, case.wish.person_id)) or SlotTaken(**slot_facts(case.offer))
    booked = [(c.wish.caller, c.answer, c.offer) for c in wanted if isinstance(c.answer, Appointment) and c.offer]
    _let_hospitals_see(session, [(caller, row) for caller, row, _ in booked])
    tell_many(session, "appointment.booked", booked)


def _prepare(session: Session, cases: list[_Case]) -> None:
    """Everything up to the race: slots as they stand, what each card has, holds, and the ladder."""
    at = max(case.wish.caller.at for case in cases)
    found = offers(session, {case.wish.slot_id for case in cases}, at=at)
    for case in cases:
        case.offer = found.get(case.wish.slot_id)
        if case.offer is None:
            case.answer = SlotUnknown(slot_id=case.wish.slot_id)
    known = [case for case in cases if case.offer is not None]
    if not known:
        return
    rules = limits_in_force(session, {day_of(offer.start_at) for offer in found.values()})
    owner = {person_id: case for case in known for person_id in case.ids}
    for row in standing_of(session, owner, around=found.values()):
        owner[row.person_id].standing.append(row)
    holds = _own_holds(session, known) if any(offer.held for offer in found.values()) else {}
    for case in known:
        assert case.offer is not None
        case.answer = refusal(case.offer, case.standing, rules, case.wish)
        case.hold_id = holds.get((case.wish.slot_id, case.wish.person_id, case.wish.channel))
        if case.open and case.hold_id is None and not case.offer.available:
            case.answer = SlotTaken(**slot_facts(case.offer))


def _use_holds(session: Session, cases: list[_Case]) -> None:
    """Turn own holds into free places, and free the places of expired ones where they are needed."""
    own = [case.hold_id for case in cases if case.hold_id is not None]
    full = {case.wish.slot_id for case in cases if case.hold_id is not None or (case.offer and not _room(case.offer))}
    if full:
        sweep(session, full, cases[0].wish.caller, also=own)


def _room(offer: Offer) -> bool:
    """Whether places are left even if every row of slot_hold still counted."""
    return offer.taken + offer.rows_held < offer.capacity


def _let_hospitals_see(session: Session, booked: Iterable[tuple[Caller, Appointment]]) -> None:
    for caller, row in booked:
        trust.grant(
            session,
            caller,
            person_id=row.person_id,
            organisation_id=row.organisation_id,
            basis="appointment",
            source=f"appointment/{row.id}",
            since=caller.at,
            until=row.end_at + SEEN_AFTER,
        )


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


def _hold_place(session: Session, slot_id: int) -> bool:
    """The conditional update decides the race for the last place."""
    wanted = update(Slot).where(Slot.id == slot_id, Slot.state == "free", Slot.taken + Slot.held < Slot.capacity)
    taken = session.execute(wanted.values(held=Slot.held + 1).execution_options(synchronize_session=False))
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def _take(session: Session, cases: Sequence[_Case]) -> dict[tuple[int, int], Appointment]:
    """The appointments that came about, by (slot, person); who is missing came too late."""
    columns = dict(zip(_TAKE_COLUMNS, map(list, zip(*map(_take_row, cases), strict=True)), strict=True))
    rows = session.scalars(select(Appointment).from_statement(_TAKE), columns)
    return {(row.slot_id, row.person_id): row for row in rows}


def _take_row(case: _Case) -> tuple[object, ...]:
    """One item of `_TAKE`, in the order of `_TAKE_COLUMNS`."""
    wish, offer = case.wish, case.offer
    assert offer is not None
    return (
        wish.slot_id,
        wish.person_id,
        wish.channel,
        wish.reason,
        wish.referral_id,
        offer.organisation_id,
        offer.department_id,
        offer.practitioner_id,
        offer.service_id,
        offer.start_at,
        offer.end_at,
        f"{wish.caller.kind}/{wish.caller.id}",
        wish.caller.organisation_id,
        wish.caller.at,
    )


_TAKE_COLUMNS = (
    "slot_ids",
    "person_ids",
    "channels",
    "reasons",
    "referral_ids",
    "organisations",
    "departments",
    "practitioners",
    "services",
    "starts",
    "ends",
    "bookers",
    "booker_organisations",
    "instants",
)

# The row locks of `locked`, taken in id order, decide; `room` is what is left once they are ours.
_TAKE = text("""
WITH item AS (
    SELECT i.*, row_number() OVER (PARTITION BY slot_id ORDER BY n) AS place
    FROM unnest(
        CAST(:slot_ids AS bigint[]), CAST(:person_ids AS bigint[]), CAST(:channels AS text[]),
        CAST(:reasons AS text[]), CAST(:referral_ids AS bigint[]), CAST(:organisations AS text[]),
        CAST(:departments AS text[]), CAST(:practitioners AS text[]), CAST(:services AS text[]),
        CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:bookers AS text[]),
        CAST(:booker_organisations AS text[]), CAST(:instants AS timestamptz[])
    ) WITH ORDINALITY AS i(slot_id, person_id, channel, reason, referral_id, organisation_id, department_id,
                           practitioner_id, service_id, start_at, end_at, booked_by, booked_by_organisation, at, n)
), wanted AS (
    SELECT slot_id, count(*) AS n FROM item GROUP BY slot_id
), locked AS MATERIALIZED (
    SELECT id, issued, capacity - taken - held AS room FROM slot
    WHERE id IN (SELECT slot_id FROM wanted) AND state = 'free' AND taken + held < capacity
    ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE slot SET taken = slot.taken + least(wanted.n, locked.room),
                    issued = slot.issued + least(wanted.n, locked.room)
    FROM locked JOIN wanted ON wanted.slot_id = locked.id
    WHERE slot.id = locked.id
)
INSERT INTO appointment (slot_id, person_id, organisation_id, department_id, practitioner_id, service_id, start_at,
    end_at, queue_number, state, channel, reason, referral_id, booked_by, booked_by_organisation, booked_at,
    changed_at, version)
SELECT item.slot_id, item.person_id, item.organisation_id, item.department_id, item.practitioner_id,
    item.service_id, item.start_at, item.end_at, locked.issued + item.place, 'booked', item.channel, item.reason,
    item.referral_id, item.booked_by, item.booked_by_organisation, item.at, item.at, 1
FROM item JOIN locked ON locked.id = item.slot_id
WHERE item.place <= locked.room
RETURNING *
""")

# Slots are locked before their holds, as everywhere.
_SWEEP = text("""
WITH locked AS MATERIALIZED (
    SELECT id FROM slot WHERE id = ANY(:slots) ORDER BY id FOR NO KEY UPDATE
), gone AS (
    DELETE FROM slot_hold USING locked
    WHERE slot_hold.slot_id = locked.id AND (slot_hold.expires_at <= :at OR slot_hold.id = ANY(:also))
    RETURNING slot_hold.slot_id
), counted AS (
    SELECT slot_id, count(*) AS n FROM gone GROUP BY slot_id
)
UPDATE slot SET held = slot.held - counted.n FROM counted WHERE slot.id = counted.slot_id
""")
