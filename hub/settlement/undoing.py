"""Undoing a settlement (2208, 2305), and reversing a message whose answer was never seen (2601).

A counter-entry with the negative of every amount is written, the accumulators and the account go back, the fee
lines are open again. A settlement on which later ones were built is undone last first.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import coverage, directory, people, trust
from hub.faults import Fault, Refused, Unknown
from hub.records import Visit
from hub.settlement.keys import Known, claim, known_keys, point
from hub.settlement.rows import as_settlement, by_id, counter_row, plain, write
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

    Refuses: NotAllowed, SettlementUnknown, BuiltUpon, KeyTaken, KeyReversed.
    """
    trust.require(caller, "settlement.write")
    original = _own(session, caller, settlement_id)
    session.execute(select(Visit.id).where(Visit.id == original.visit_id).with_for_update())
    person_ids = people.cluster(session, original.person_id)
    coverage.hold(session, person_ids, original.year, original.insutype)
    name = (original.organisation_id, key)
    known = known_keys(session, [name])
    if known:
        return _repeated(session, known[name], content_hash)
    session.refresh(original)
    counter = _counter_entry(session, original.id)
    later = [] if counter is not None else _built_upon(session, original, person_ids)
    if later:
        raise BuiltUpon(settlement_id=original.id, later="、".join(map(str, later)))
    claimed = claim(session, {name: content_hash})
    if not claimed:
        return _repeated(session, known_keys(session, [name])[name], content_hash)
    if counter is not None:
        point(session, {name: counter.id})
        return counter
    return _undo(session, caller, original, settlement_id=claimed[name], key=key)


def reverse(session: Session, caller: Caller, *, original_key: str, key: str, content_hash: bytes) -> Settlement | None:
    """Undo what a message did, known by its key only; answers the counter-entry, None when it did nothing.

    A message never seen leaves a tombstone, so that its late arrival is refused. Said twice it changes nothing.
    Refuses: NotAllowed, BuiltUpon, KeyTaken.
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
    return undo(session, caller, settlement_id=known.settlement_id, key=key, content_hash=content_hash)


def _undo(session: Session, caller: Caller, original: Settlement, *, settlement_id: int, key: str) -> Settlement:
    balance = coverage.balance(session, original.person_id) + original.account
    row = counter_row(caller, plain(original), settlement_id=settlement_id, key=key, balance=balance)
    write(session, [row])
    SETTLEMENT.move(original, "undo")
    session.flush()
    session.execute(delete(ChargeKey).where(ChargeKey.settlement_id == original.id))
    hospital = directory.organisation(session, original.organisation_id)
    tell(session, caller, [News(row, hospital.name, people.person(session, original.person_id).telephone)])
    return as_settlement(row)


def _repeated(session: Session, known: Known, content_hash: bytes) -> Settlement:
    outcome = known.repeat(content_hash)
    if isinstance(outcome, Fault):
        raise outcome
    return by_id(session, [outcome.settlement_id])[outcome.settlement_id]


def _own(session: Session, caller: Caller, settlement_id: int) -> Settlement:
    row = session.get(Settlement, settlement_id)
    if (
        row is None
        or row.undoes is not None
        or (caller.kind != "job" and row.organisation_id != caller.organisation_id)
    ):
        raise SettlementUnknown(settlement_id=settlement_id)
    return row


def _counter_entry(session: Session, settlement_id: int) -> Settlement | None:
    return session.scalars(select(Settlement).where(Settlement.undoes == settlement_id)).one_or_none()


def _built_upon(session: Session, original: Settlement, person_ids: Sequence[int]) -> list[int]:
    """Later settlements of this human in the same year and scheme, or of the stay that this one was sent on to."""
    t = Settlement
    same_year = t.person_id.in_(person_ids) & (t.year == original.year) & (t.insutype == original.insutype)
    sent_on = t.sender_visit_id == original.visit_id
    wanted = select(t.id).where(t.id > original.id, t.state == "active", t.undoes.is_(None), same_year | sent_on)
    return list(session.scalars(wanted.order_by(t.id.desc())))
