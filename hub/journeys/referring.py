"""A referral carries a place at the receiver and a filing with the insurance; they begin and end together."""

from dataclasses import replace

from sqlalchemy.orm import Session

from hub import booking, coverage, referrals
from hub.records import Diagnosis, Visit
from hub.referrals import CarePlan, Letter, Referral, ReferralFacts
from hub.trust import Caller
from hub.units import Code, day_of

ICD10 = "icd-10"
"""Diagnoses are coded in GB/T 14396, the national clinical edition of ICD-10."""


def refer(
    session: Session,
    caller: Caller,
    *,
    facts: ReferralFacts,
    slot_id: int | None = None,
    file_with_insurance: bool = True,
) -> Referral:
    """Refer a patient, with a place reserved and the insurance told: all three or nothing.

    Said twice under one number it is one referral, one place, one filing. A patient who is not insured
    travels without a filing. Refuses: what `referrals.draft`, `booking.book` and `coverage.file_referral` refuse.
    """
    referral = referrals.draft(session, caller, facts=facts)
    if referral.state != referrals.REFERRAL.start:
        return referral
    if slot_id is not None:
        reserve(session, caller, referral_id=referral.id, slot_id=slot_id)
    if file_with_insurance:
        _file(session, caller, referral)
    return referrals.send(session, caller, referral_id=referral.id)


def refer_down(
    session: Session,
    caller: Caller,
    *,
    referral_id: int,
    care_plan: CarePlan,
    reason: str,
    receiver_id: str | None = None,
    receiver_department_id: str | None = None,
    diagnoses: tuple[Diagnosis, ...] = (),
    placer_number: str | None = None,
    slot_id: int | None = None,
    letter: Letter | None = None,
) -> Referral:
    """Send a patient who arrived on a referral back down, in the same chain; answers the new referral.

    Without a receiver the patient goes back to who sent them. A letter given closes the first referral at
    once, else `close` does it later. Refuses: as `refer`, CarePlanMissing, and as `close`.
    """
    up = referrals.referral(session, caller, referral_id)
    facts = ReferralFacts(
        person_id=up.person_id,
        sender_id=up.receiver_id,
        sender_department_id=up.receiver_department_id,
        sender_practitioner_id=caller.practitioner_id,
        receiver_id=receiver_id or up.sender_id,
        receiver_department_id=receiver_department_id,
        direction="down",
        reason=reason,
        diagnoses=diagnoses or tuple(up.diagnoses),
        care_plan=care_plan,
        placer_number=placer_number,
        visit_id=up.receiver_visit_id,
        previous_id=up.id,
    )
    down = refer(session, caller, facts=facts, slot_id=slot_id)
    if letter is not None:
        close(session, caller, referral_id=up.id, letter=letter)
    return down


def close(session: Session, caller: Caller, *, referral_id: int, letter: Letter) -> Referral:
    """Complete a referral with its signed letter, which also reaches the doctor who began the episode.

    Refuses: what `referrals.complete` refuses.
    """
    referral = referrals.complete(session, caller, referral_id=referral_id, letter=letter)
    first = referrals.first_of_chain(session, referral)
    if first.sender_id not in (referral.sender_id, referral.receiver_id) and referral.letter_id is not None:
        referrals.forward_letter(session, caller, first, letter_id=referral.letter_id)
    return referral


def reserve(session: Session, caller: Caller, *, referral_id: int, slot_id: int) -> Referral:
    """Book a place for a referral. Refuses: what `booking.book` refuses, and as `referrals.take_place`."""
    referral = referrals.lock(session, caller, referral_id=referral_id, action="book")
    appointment = booking.book(
        session,
        caller,
        slot_id=slot_id,
        person_id=referral.person_id,
        channel="referral",
        reason=referral.reason,
        referral_id=referral.id,
    )
    return referrals.take_place(session, caller, referral_id=referral.id, appointment_id=appointment.id)


def recall(session: Session, caller: Caller, *, referral_id: int, reason: str) -> Referral:
    """The sender takes it back; place and filing go with it. Refuses: what `referrals.recall` refuses."""
    referral = referrals.recall(session, caller, referral_id=referral_id, reason=reason)
    return _let_go(session, caller, referral, reason)


def reject(session: Session, caller: Caller, *, referral_id: int, reason: str) -> Referral:
    """The receiver will not take the patient; place and filing go. Refuses: what `referrals.reject` refuses."""
    referral = referrals.reject(session, caller, referral_id=referral_id, reason=reason)
    return _let_go(session, caller, referral, reason)


def decline(session: Session, caller: Caller, *, referral_id: int, reason: str) -> Referral:
    """The patient does not want to go; place and filing go. Refuses: what `referrals.decline` refuses."""
    referral = referrals.decline(session, caller, referral_id=referral_id, reason=reason)
    return _let_go(session, caller, referral, reason)


def redirect(
    session: Session,
    caller: Caller,
    *,
    referral_id: int,
    receiver_id: str,
    reason: str,
    department_id: str | None = None,
) -> Referral:
    """The receiver passes the patient on; answers the successor, sent and filed for its new receiver.

    The place at the old receiver is given back. Refuses: what `referrals.redirect` refuses.
    """
    onward = referrals.redirect(
        session, caller, referral_id=referral_id, receiver_id=receiver_id, department_id=department_id, reason=reason
    )
    old = session.get_one(Referral, referral_id)
    was_filed = old.insurance_leg == "filed"
    _let_go(session, caller, old, reason)
    if was_filed:
        _file(session, caller, onward)
    return referrals.send_onward(session, caller, referral_id=onward.id)


def expire_overdue(session: Session, caller: Caller) -> int:
    """Let every open referral whose validity has run out expire; answers how many. For the hub's own job."""
    rows = referrals.overdue(session, at=caller.at)
    for row in rows:
        expired = referrals.expire(session, caller, referral_id=row.id)
        _let_go(session, caller, expired, "转诊已过有效期")
    return len(rows)


def return_not_taken(session: Session, caller: Caller) -> int:
    """Give patients sent down whom nobody took back to their senders again; answers how many. For the hub's own job."""
    rows = referrals.not_taken_back(session, at=caller.at)
    for row in rows:
        lapsed = referrals.lapse(session, caller, referral_id=row.id)
        _let_go(session, caller, lapsed, "下级机构未在时限内接收")
    return len(rows)


def watch(session: Session, caller: Caller) -> tuple[int, int]:
    """Tell duty desks what nobody has confirmed, and people whose referral ends soon; how many of each."""
    late = referrals.unconfirmed(session, at=caller.at, again=True)
    for row in late:
        referrals.escalate(session, caller, referral_id=row.id)
    soon = referrals.ending(session, at=caller.at)
    for row in soon:
        referrals.warn(session, caller, referral_id=row.id)
    return len(late), len(soon)


def _file(session: Session, caller: Caller, referral: Referral) -> None:
    if not coverage.enrolments(session, referral.person_id, day_of(caller.at)):
        return
    first: Diagnosis = referral.diagnoses[0]
    visit = session.get(Visit, referral.sender_visit_id) if referral.sender_visit_id is not None else None
    filing = coverage.file_referral(
        session,
        caller,
        person_id=referral.person_id,
        sender_id=referral.sender_id,
        sender_visit=visit.number if visit else None,
        receiver_id=referral.receiver_id,
        diagnosis=Code(ICD10, first["code"]),
        diagnosis_name=first["name"],
        direction=None if referral.direction == "sideways" else referral.direction,
        reason=referral.reason,
        since=day_of(caller.at),
        until=day_of(referral.valid_until),
        source=f"referral/{referral.id}",
    )
    referrals.file(session, referral=referral, filing_id=filing.id)


def _let_go(session: Session, caller: Caller, referral: Referral, reason: str) -> Referral:
    """Give back what an ended referral still holds."""
    if referral.slot_leg == "booked" and referral.appointment_id is not None:
        appointment = session.get_one(booking.Appointment, referral.appointment_id)
        if appointment.state == "booked":
            booking.cancel(session, caller, appointment_id=appointment.id, reason=reason)
        referrals.release_place(session, referral=referral)
    if referral.insurance_leg == "filed":
        # Whoever may end a referral ends its filing by that; a patient holds no right of their own to file.
        ending = replace(caller, scopes=caller.scopes | {"referral.write"})
        coverage.withdraw(session, ending, source=f"referral/{referral.id}", reason=reason)
        referrals.unfile(session, referral=referral)
    return referral
