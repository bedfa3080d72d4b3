"""Before a platform is asked: who and what it is about is settled, the keys are kept, the question is written down.

The message key and the charge key decide here as they do for a settlement of our own: both get an id that no
settlement has yet, so that who asks meanwhile, under whichever key, is told that the outcome is not known. A caller
commits, sends with no transaction open, and records what came of it (recording.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import coverage, directory, people, trust
from hub.coverage import Authority, Enrolment, Explanation
from hub.directory import Department, Organisation, Practitioner
from hub.faults import Conflict, Fault
from hub.people import Person
from hub.records import Visit, VisitUnknown
from hub.settlement.charges import Charge, Place, Prepared, Stands, places, prepare
from hub.settlement.keys import Known, Name, claim, known_keys, point
from hub.settlement.rows import by_id
from hub.settlement.settling import AlreadySettled, OutcomeNotKnown, doubted
from hub.settlement.tables import ChargeKey, FeeLine, Registration, Settlement
from hub.settlement.undoing import counter_entry, own_settlement
from hub.settlement.upstream.shadow import explain, shadow_document
from hub.settlement.upstream.tables import FORWARDED, Forwarded, UpstreamVisit
from hub.trust import Caller

LEASE_FACTOR = 4
"""A question whose asker has not come back after so many time-outs of the platform is taken for lost."""


class SettledHere(Conflict):
    zh = "参保地 {area} 由本平台结算。请重发。"
    en = "Area {area} is settled here. Send again."


class NotYetUndone(Conflict):
    zh = "结算 {settlement_id} 的撤销已经报上级平台，结果暂未确认。请稍后用同一报文号重新查询或重发。"
    en = "The undo of settlement {settlement_id} was sent to the platform, whose outcome is not known. Ask again later."


@dataclass(frozen=True, slots=True)
class Subject:
    """All that a platform must be told of a visit and its person."""

    authority: Authority
    hospital: Organisation
    visit: Visit
    person: Person
    enrolment: Enrolment
    registration: Registration | None
    department: Department | None
    practitioner: Practitioner | None
    known_as: str | None
    discharged: bool

    @property
    def area(self) -> str:
        return self.authority.area


@dataclass(frozen=True, slots=True)
class Asking:
    """A question to a platform: about whom, the lines it is about, and its row once there is one."""

    subject: Subject
    lines: Sequence[FeeLine]
    forwarded: Forwarded | None = None


def ask_quote(session: Session, caller: Caller, charge: Charge) -> Asking:
    """What is to be quoted upstream; keeps no key and writes nothing. Refuses: what `quote` refuses; SettledHere."""
    place, ready = _prepared(session, caller, charge)
    if isinstance(ready, Stands):
        raise AlreadySettled(settlement_id=ready.settlement_id)
    return Asking(_subject(session, place, ready), _lines(session, ready))


def shadow(session: Session, caller: Caller, charge: Charge) -> Explanation:
    """Our own calculation of what a platform would be asked now; writes nothing. Refuses: what `ask_quote` does."""
    _, ready = _prepared(session, caller, charge)
    if isinstance(ready, Stands):
        raise AlreadySettled(settlement_id=ready.settlement_id)
    return explain(session, shadow_document(session, ready))


def ask_settle(
    session: Session,
    caller: Caller,
    charge: Charge,
    *,
    key: str,
    content_hash: bytes,
    infno: str,
    said: dict[str, Any],
) -> Asking | Settlement:
    """Write down that a charge is about to be settled upstream; or the settlement that stands for it already.

    Refuses: what `settle` refuses, OutcomeNotKnown, SettledHere.
    """
    name = _name(caller, key)
    place = _place(session, caller, charge)
    claimed = claim(session, {name: content_hash})
    if not claimed:
        return _repeated(session, known_keys(session, [name])[name], content_hash)
    settlement_id = claimed[name]
    place, ready = _prepared(session, caller, charge, place)
    if isinstance(ready, Stands):
        stands = _standing(session, ready.settlement_id, key)
        point(session, {name: stands.id})
        return stands
    reserved = insert(ChargeKey).values(visit_id=charge.visit_id, batch=ready.batch, settlement_id=settlement_id)
    if session.execute(reserved.on_conflict_do_nothing().returning(ChargeKey.batch)).first() is None:
        raise OutcomeNotKnown(key=key)
    bill = shadow_document(session, ready)
    explain(session, bill)
    unanswered = doubted(session, caller, charge, ready)
    if unanswered is not None:
        raise unanswered
    subject = _subject(session, place, ready)
    row = write_down(
        session,
        caller,
        subject.authority,
        kind="settle",
        infno=infno,
        msgid=key,
        said=said,
        organisation_id=place.visit.organisation_id,
        visit_id=place.visit.id,
        person_id=ready.entitlement.home,
        psn_no=subject.enrolment.psn_no,
        batch=ready.batch,
        key=key,
        content_hash=content_hash,
        settlement_id=settlement_id,
        bill=bill,
        facts=_facts(ready),
    )
    return Asking(subject, _lines(session, ready), row)


def ask_undo(
    session: Session,
    caller: Caller,
    *,
    settlement_id: int,
    key: str,
    content_hash: bytes,
    infno: str,
    said: dict[str, Any],
) -> Asking | Settlement:
    """Write down that a settlement is about to be undone upstream; or the counter-entry that stands.

    Refuses: NotAllowed, SettlementUnknown, KeyTaken, KeyReversed, NotYetUndone, OutcomeNotKnown.
    """
    trust.require(caller, "settlement.write")
    original = own_settlement(session, caller, settlement_id)
    session.execute(select(Visit.id).where(Visit.id == original.visit_id).with_for_update())
    name = _name(caller, key)
    claimed = claim(session, {name: content_hash})
    if not claimed:
        return _repeated(session, known_keys(session, [name])[name], content_hash)
    session.refresh(original)
    counter = counter_entry(session, original.id)
    if counter is not None:
        point(session, {name: counter.id})
        return counter
    running = select(Forwarded.id).where(Forwarded.undoes == original.id, Forwarded.state.in_(("asked", "unanswered")))
    if session.scalars(running).first() is not None:
        raise NotYetUndone(settlement_id=original.id)
    subject = subject_of(session, original.visit_id, original.person_id, original.insutype, original.day)
    row = write_down(
        session,
        caller,
        subject.authority,
        kind="undo",
        infno=infno,
        msgid=key,
        said=said,
        organisation_id=original.organisation_id,
        visit_id=original.visit_id,
        person_id=original.person_id,
        psn_no=subject.enrolment.psn_no,
        batch=original.batch,
        key=key,
        content_hash=content_hash,
        settlement_id=claimed[name],
        undoes=original.id,
    )
    return Asking(subject, (), row)


def write_down(
    session: Session,
    caller: Caller,
    authority: Authority,
    *,
    kind: str,
    infno: str,
    msgid: str,
    said: dict[str, Any],
    organisation_id: str,
    psn_no: str,
    **about: Any,
) -> Forwarded:
    """The row of a message that is about to be sent. Settle and undo are looked at again when nobody comes back."""
    lease = LEASE_FACTOR * authority.timeout + timedelta(seconds=5)
    row = Forwarded(
        area=authority.area,
        kind=kind,
        infno=infno,
        msgid=msgid,
        said=said,
        organisation_id=organisation_id,
        psn_no=psn_no,
        state=FORWARDED.start,
        asked_at=caller.at,
        due_at=caller.at + lease if kind in ("settle", "undo") else None,
        attempts=0,
        **about,
    )
    session.add(row)
    session.flush()
    return row


def subject_of(session: Session, visit_id: int, person_id: int, insutype: str, day: date) -> Subject:
    """What a platform must be told. Refuses: VisitUnknown, NotInsured, AuthorityUnknown."""
    visit = session.get(Visit, visit_id)
    if visit is None:
        raise VisitUnknown(visit=visit_id)
    enrolled = [row for row in coverage.enrolments(session, person_id, day) if row.insutype == insutype]
    if not enrolled:
        raise coverage.NotInsured(day=day, insutype=insutype)
    authority = coverage.platform_of(session, enrolled[0].area)
    upstream = session.get(UpstreamVisit, (visit_id, authority.area))
    return Subject(
        authority=authority,
        hospital=directory.organisation(session, visit.organisation_id),
        visit=visit,
        person=people.person(session, enrolled[0].person_id),
        enrolment=enrolled[0],
        registration=session.get(Registration, visit_id),
        department=directory.department(session, visit.department_id) if visit.department_id else None,
        practitioner=directory.practitioner(session, visit.practitioner_id) if visit.practitioner_id else None,
        known_as=upstream.mdtrt_id if upstream else None,
        discharged=bool(upstream and upstream.discharged),
    )


def _place(session: Session, caller: Caller, charge: Charge) -> Place:
    (place,) = places(session, [(caller, charge.visit_id)], lock=True)
    if isinstance(place, Fault):
        raise place
    return place


def _prepared(
    session: Session, caller: Caller, charge: Charge, place: Place | None = None
) -> tuple[Place, Prepared | Stands]:
    place = place or _place(session, caller, charge)
    (ready,) = prepare(session, [(caller, charge, place)], lock=False)
    if isinstance(ready, Fault):
        raise ready
    if isinstance(ready, Prepared) and not ready.entitlement.enrolment.upstream:
        raise SettledHere(area=ready.entitlement.enrolment.area)
    return place, ready


def _subject(session: Session, place: Place, ready: Prepared) -> Subject:
    known = ready.entitlement
    return subject_of(session, place.visit.id, known.home, known.insutype, ready.bill.day)


def _lines(session: Session, ready: Prepared) -> Sequence[FeeLine]:
    """The rows behind a bill, the returns among them too."""
    numbers = [line.id for line in ready.bill.lines]
    own = FeeLine.number.in_(numbers) | FeeLine.returns.in_(numbers)
    wanted = select(FeeLine).where(FeeLine.visit_id == ready.charge.visit_id, FeeLine.id <= ready.last_line_id, own)
    return session.scalars(wanted.order_by(FeeLine.id)).all()


def _facts(ready: Prepared) -> dict[str, Any]:
    """What the settlement's row will need and the bill does not say."""
    known = ready.entitlement
    return {
        "insutype": known.insutype,
        "med_type": ready.med_type,
        "new_admission": ready.new_admission,
        "filing_id": known.filing.id if known.filing is not None else None,
        "sender_visit_id": ready.sender_visit_id,
        "last_line_id": ready.last_line_id,
    }


def _repeated(session: Session, known: Known, content_hash: bytes) -> Settlement:
    outcome = known.repeat(content_hash)
    if isinstance(outcome, Fault):
        raise outcome
    return _standing(session, outcome.settlement_id, known.key)


def _standing(session: Session, settlement_id: int, key: str) -> Settlement:
    """Refuses: OutcomeNotKnown, when it is being asked for."""
    row = by_id(session, [settlement_id]).get(settlement_id)
    if row is None:
        raise OutcomeNotKnown(key=key)
    return row


def _name(caller: Caller, key: str) -> Name:
    return caller.organisation_id or "", key
