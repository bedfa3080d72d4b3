"""Undoing a settlement (2208, 2305), and reversing a message whose answer was never seen (2601).

A counter-entry with the negative of every amount is written, the accumulators and the account go back, the fee
lines are open again. A settlement on which later ones were built is undone last first.
"""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import coverage, directory, people, trust
from hub.db import run_together
from hub.faults import Fault, Refused, Unknown
from hub.records import Visit
from hub.settlement.hearing import WEBHOOK
from hub.settlement.keys import Known, claim, known_keys, point
from hub.settlement.rows import Row, as_settlement, by_id, counter_row, plain, writing
from hub.settlement.settling import OutcomeNotKnown
from hub.settlement.standing import require_not_refunded
from hub.settlement.tables import SETTLEMENT, ChargeKey, Settlement, SettlementKey
from hub.settlement.telling import News, tell
from hub.trust import Caller


class SettlementUnknown(Unknown):
    zh = "查不到结算 {settlement_id}，或不属于本机构。请核对结算号。"
    en = "There is no settlement {settlement_id} of this institution. Check the settlement number."


class BuiltUpon(Refused):
    zh = "结算 {settlement_id} 之后又有结算 {later}，是在它的累计上算的。请先撤销后面的，再撤销这一笔。"
    en = "Settlements {later} were computed on top of {settlement_id}. Undo those first, the last one first."


def undo(session: Session, caller: Caller, *, settlement_id: int, key: str, content_hash: bytes) -> Settlement:
    """Undo a settlement whole; answers the counter-entry. Asked again, under any key, it is the same counter-entry.

    Refuses: NotAllowed, SettlementUnknown, BuiltUpon, RefundedInPart, KeyTaken, KeyReversed,
    SettledUpstream.
    """
    original = hold(session, caller, settlement_id)
    name = (original.organisation_id, key)
    known = known_keys(session, [name])
    if known:
        return repeated(session, known[name], content_hash)
    require_not_refunded(session, original.id)
    counter = counter_entry(session, original.id)
    if counter is None:
        require_last(session, original)
    claimed = claim(session, {name: content_hash})
    if not claimed:
        return repeated(session, known_keys(session, [name])[name], content_hash)
    if counter is not None:
        point(session, {name: counter.id})
        return counter
    row = take_back(session, caller, original, settlement_id=claimed[name], key=key)
    tell(session, caller, [news_of(session, row)])
    return as_settlement(row)


def reverse(session: Session, caller: Caller, *, original_key: str, key: str, content_hash: bytes) -> Settlement | None:
    """Undo what a message did, known by its key only; answers the counter-entry, None when it did nothing.

    A message never seen leaves a tombstone, so that its late arrival is refused. Said twice it changes nothing.
    Refuses: NotAllowed, BuiltUpon, RefundedInPart, KeyTaken, SettledUpstream, OutcomeNotKnown.
    """
    trust.require(caller, "settlement.write")
    organisation_id = caller.organisation_id or ""
    tombstone = insert(SettlementKey).values(
        organisation_id=organisation_id, key=original_key, content_hash=None, settlement_id=None
    )
    # A copy that is running holds the key; this waits for it.
    made = session.execute(tombstone.on_conflict_do_nothing().returning(SettlementKey.key)).first()
    if made is not None:
        return None
    known = known_keys(session, [(organisation_id, original_key)])[(organisation_id, original_key)]
    if known.settlement_id is None:
        return None
    if session.get(Settlement, known.settlement_id) is None:
        raise OutcomeNotKnown(key=original_key)
    return undo(session, caller, settlement_id=known.settlement_id, key=key, content_hash=content_hash)


def hold(session: Session, caller: Caller, settlement_id: int) -> Settlement:
    """An own settlement with its visit and its person's accumulators locked, in the order in which everybody locks.

    Refuses: NotAllowed, SettlementUnknown, SettledUpstream.
    """
    trust.require(caller, "settlement.write")
    row = own_settlement(session, caller, settlement_id)
    if row.platform is not None:
        raise coverage.SettledUpstream(area=row.platform["area"])
    session.execute(select(Visit.id).where(Visit.id == row.visit_id).with_for_update())
    coverage.hold(session, people.cluster(session, row.person_id), row.year, row.insutype, row.shared_from)
    session.refresh(row)
    return row


def own_settlement(session: Session, caller: Caller, settlement_id: int) -> Settlement:
    """A settlement of the caller's own hospital. Refuses: SettlementUnknown."""
    row = session.get(Settlement, settlement_id)
    if (
        row is None
        or row.undoes is not None
        or (caller.kind != "job" and row.organisation_id != caller.organisation_id)
    ):
        raise SettlementUnknown(settlement_id=settlement_id)
    return row


def counter_entry(session: Session, settlement_id: int) -> Settlement | None:
    """What undid a settlement."""
    return session.scalars(select(Settlement).where(Settlement.undoes == settlement_id)).one_or_none()


def require_last(session: Session, original: Settlement) -> None:
    """Nothing was built upon a settlement: no later one of this human in the same year and scheme, none of the stay
    that this one was sent on to. Refuses: BuiltUpon.
    """
    t = Settlement
    person_ids = people.cluster(session, original.person_id)
    same_year = t.person_id.in_(person_ids) & (t.year == original.year) & (t.insutype == original.insutype)
    sent_on = t.sender_visit_id == original.visit_id
    stands = (t.state == SETTLEMENT.start, t.undoes.is_(None), t.platform.is_(None))
    wanted = select(t.id).where(t.id > original.id, *stands, same_year | sent_on)
    later = session.scalars(wanted.order_by(t.id.desc())).all()
    if later:
        raise BuiltUpon(settlement_id=original.id, later="、".join(map(str, later)))


def take_back(session: Session, caller: Caller, original: Settlement, *, settlement_id: int, key: str) -> Row:
    """Write the counter-entry of a settlement that is held; it stands for its charge batch no longer."""
    balance = coverage.balance(session, original.person_id) + original.account - (original.shared or 0)
    row = counter_row(caller, plain(original), settlement_id=settlement_id, key=key, balance=balance)
    run_together(session, writing([row]))
    SETTLEMENT.move(original, "undo")
    session.flush()
    session.execute(delete(ChargeKey).where(ChargeKey.settlement_id == original.id))
    return row


def news_of(session: Session, row: Row, about: str | None = None) -> News:
    """What the person of a row is told about it."""
    hospital = directory.organisation(session, row["organisation_id"])
    hears = about is None and directory.has_endpoint(session, hospital.id, WEBHOOK)
    return News(row, hospital.name, people.person(session, row["person_id"]).telephone, about, hears)


def repeated(session: Session, known: Known, content_hash: bytes) -> Settlement:
    """What stands under a key that was seen before. Refuses: KeyTaken, KeyReversed."""
    outcome = known.repeat(content_hash)
    if isinstance(outcome, Fault):
        raise outcome
    return by_id(session, [outcome.settlement_id])[outcome.settlement_id]
