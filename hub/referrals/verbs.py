"""What is done to a referral, from the first word to the letter that closes it.

Every verb: lock the row, ask `require_action`, move, write the history, tell the others. What a
referral carries in other rooms (the place, the filing, the visit) is joined to it by `journeys`.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hub import people, records, trust
from hub.faults import LONGEST_TEXT, Conflict, Invalid, Missing, within
from hub.referrals.actions import RECEIVER, SENDER, ReferralUnknown, require_action, roles
from hub.referrals.facts import Letter, ReferralFacts, checked_direction, content_hash
from hub.referrals.messages import announce
from hub.referrals.reading import arrived_at, brought_into, by_number, referral
from hub.referrals.rows import facts_of, followers, insert_draft, let_see, locked, move, source
from hub.referrals.tables import EXPECTED, REFERRAL, UNANSWERED, Referral
from hub.referrals.times import answer_due, time_for
from hub.trust import Caller

# Both sides still write and read the closing papers: the follow-up visit after a discharge falls in
# the second to fourth week. Then access ends by itself.
AFTER_COMPLETION = timedelta(days=30)


class PlacerNumberTaken(Conflict):
    zh = "转诊单号 {placer_number} 已用于另一份内容不同的转诊（编号 {referral_id}）。请核对，或换一个单号。"
    en = "Number {placer_number} already belongs to a referral with other content ({referral_id}). Check it."


class StillOpen(Conflict):
    zh = "转诊 {number}（编号 {referral_id}）还没有结束，不能重新转诊；要改去别处请先撤回。"
    en = "Referral {number} ({referral_id}) is still open and cannot be sent again. Recall it first."


def draft(session: Session, caller: Caller, *, facts: ReferralFacts) -> Referral:
    """A referral that nobody has been told of yet, or the one that stands under the sender's number.

    Refuses: NotAllowed, NotYourRecord, PersonUnknown, PlacerNumberTaken, ReferralUnknown, StillOpen, and all
    that `checked_direction` refuses.
    """
    trust.require(caller, "referral.write")
    records.require_own(caller, facts.sender_id)
    people.person(session, facts.person_id)
    direction = checked_direction(session, facts)
    previous = _followed(session, caller, facts)
    said = content_hash(facts)
    row = insert_draft(
        session,
        caller,
        replace(facts, previous_id=previous.id if previous else None, visit_id=_sent_from(session, caller, facts)),
        direction=direction,
        first_id=previous.chain_id if previous else None,
        content_hash=said,
        valid_until=facts.valid_until or caller.at + time_for("validity"),
    )
    if row is not None:
        return row
    row = by_number(session, sender_id=facts.sender_id, placer_number=facts.placer_number or "")
    if row.content_hash != said:
        raise PlacerNumberTaken(placer_number=facts.placer_number, referral_id=row.id)
    return row


def send(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """The receiver is told; for an urgent patient it may read the records at once.

    Refuses: ReferralUnknown, NotAllowed, NotYourMove, IllegalMove.
    """
    return _send(session, caller, lock(session, caller, referral_id=referral_id, action="send"))


def discard(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """A draft that will not be sent. Refuses: ReferralUnknown, NotAllowed, NotYourMove, IllegalMove."""
    return _act(session, caller, referral_id, "discard")


def receive(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """The receiver has read it and is deciding. Refuses: as `send`."""
    return _told(session, caller, _act(session, caller, referral_id, "receive"), "receive")


def accept(session: Session, caller: Caller, *, referral_id: int, note: str = "") -> Referral:
    """The receiver takes the patient: it may read the records now, and the sender what the receiver finds.

    Refuses: as `send`.
    """
    row = _act(session, caller, referral_id, "accept", note=note)
    if row.priority != "urgent":
        let_see(session, caller, row, row.receiver_id)
    let_see(session, caller, row, row.sender_id, kinds=("result", "visit", "document", "referral"))
    if row.slot_leg == "booked":
        move(session, caller, row, "book")
    return _told(session, caller, row, "accept", note=note)


def request_info(session: Session, caller: Caller, *, referral_id: int, question: str) -> Referral:
    """The receiver asks before it decides. Refuses: Missing, and as `send`."""
    _say(question, "question")
    row = _act(session, caller, referral_id, "request-info", note=question)
    return _told(session, caller, row, "request-info", note=question)


def answer_info(session: Session, caller: Caller, *, referral_id: int, answer: str) -> Referral:
    """The sender answers, and the clock of the receiver starts anew. Refuses: Missing, and as `send`."""
    _say(answer, "answer")
    row = lock(session, caller, referral_id=referral_id, action="answer-info")
    row.answer_due_at = answer_due(row.priority, caller.at)
    move(session, caller, row, "answer-info", note=answer)
    return _told(session, caller, row, "answer-info", note=answer)


def reject(session: Session, caller: Caller, *, referral_id: int, reason: str) -> Referral:
    """The receiver will not take the patient, and says why. Refuses: Missing, and as `send`."""
    return _end(session, caller, referral_id, "reject", reason)


def recall(session: Session, caller: Caller, *, referral_id: int, reason: str) -> Referral:
    """The sender takes it back. Refuses: Missing, and as `send`."""
    return _end(session, caller, referral_id, "recall", reason)


def decline(session: Session, caller: Caller, *, referral_id: int, reason: str) -> Referral:
    """The patient does not want to go. Refuses: Missing, and as `send`."""
    return _end(session, caller, referral_id, "decline", reason)


def expire(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """Nobody came or answered in time; the hub's job says so. Refuses: as `send`."""
    return _end(session, caller, referral_id, "expire", "已过有效期")


def lapse(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """Nobody below took the patient back in time: the sender decides anew. Refuses: NotSentDown, and as `send`."""
    return _end(session, caller, referral_id, "lapse", "下级机构未在时限内接收")


def warn(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """Sender and patient hear that the validity ends soon. Refuses: as `send`."""
    row = _act(session, caller, referral_id, "warn")
    row.warned_at = caller.at
    return _told(session, caller, row, "warn")


def escalate(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """Nobody has confirmed it: the receiver's duty desk and the sender are told. Refuses: as `send`."""
    row = _act(session, caller, referral_id, "escalate")
    row.escalated_at, row.escalations = caller.at, row.escalations + 1
    return _told(session, caller, row, "escalate")


def owe_letter(session: Session, *, visit_id: int, at: datetime) -> None:
    """The patient has left: the letter of the referral that brought the visit is owed sooner."""
    row = brought_into(session, visit_id=visit_id)
    if row is not None and row.state == "arrived":
        row.due_at = at + time_for("letter-after-discharge")
        session.flush()


def redirect(
    session: Session, caller: Caller, *, referral_id: int, receiver_id: str, department_id: str | None, reason: str
) -> Referral:
    """The receiver passes the patient on; answers the successor, a draft of the same sender, number and chain.

    Refuses: Missing, what `checked_direction` refuses, and as `send`.
    """
    row = _end(session, caller, referral_id, "redirect", reason)
    onward = replace(
        facts_of(row),
        receiver_id=receiver_id,
        receiver_department_id=department_id,
        receiver_practitioner_id=None,
        direction=None,
        previous_id=row.id,
    )
    successor = insert_draft(
        session,
        caller,
        onward,
        direction=checked_direction(session, onward),
        first_id=row.chain_id,
        content_hash=row.content_hash,
        valid_until=row.valid_until,
    )
    assert successor is not None
    return successor


def send_onward(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """Send the successor of a referral that the caller has just redirected. Refuses: ReferralUnknown, IllegalMove."""
    row = locked(session, referral_id)
    previous = locked(session, row.previous_id) if row.previous_id is not None else None
    if previous is None or previous.state != "redirected" or RECEIVER not in roles(caller, previous):
        raise ReferralUnknown(referral=referral_id)
    return _send(session, caller, row)


def arrive(session: Session, caller: Caller, *, referral_id: int, visit_id: int | None = None) -> Referral:
    """The patient is there, in the visit given. Refuses: as `send`."""
    row = _act(session, caller, referral_id, "arrive")
    row.receiver_visit_id = visit_id
    return _told(session, caller, row, "arrive")


def join_visit(session: Session, *, referral: Referral, visit_id: int) -> None:
    """The visit of a patient who has arrived already, where it was not known then."""
    if referral.receiver_visit_id is None:
        referral.receiver_visit_id = visit_id
        session.flush()


def undo_arrival(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """The admission was a mistake. Refuses: as `send`."""
    row = _act(session, caller, referral_id, "undo-arrival")
    row.receiver_visit_id = None
    row.slot_leg = "lost" if row.slot_leg == "booked" else row.slot_leg
    return _told(session, caller, row, "undo-arrival")


def miss(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """The patient did not come to the booked place; the referral stands. Refuses: as `send`."""
    row = _act(session, caller, referral_id, "miss")
    row.slot_leg = "lost"
    return _told(session, caller, row, "miss")


def complete(session: Session, caller: Caller, *, referral_id: int, letter: Letter) -> Referral:
    """Close the loop with a signed outcome letter, which goes to the sender.

    A referral from which the patient was already sent back down ends as `returned-down`.
    Refuses: Missing, SignedByAnother, PractitionerUnknown, and as `send`.
    """
    row = lock(session, caller, referral_id=referral_id, action="complete")
    written = records.write_document(
        session,
        caller,
        organisation_id=row.receiver_id,
        person_id=row.person_id,
        kind="outcome-letter",
        title=letter["title"],
        text=letter["text"],
    )
    records.sign(session, caller, document_id=written.id, signer_id=letter["signer_id"])
    event = "return-down" if followers(session, row, direction="down") else "complete"
    row.letter_id = written.id
    move(session, caller, row, event)
    trust.end_grants(session, caller, source=source(row), until=caller.at + AFTER_COMPLETION)
    return _told(session, caller, row, event)


def lock(session: Session, caller: Caller, *, referral_id: int, action: str) -> Referral:
    """The row, locked, for one who may take this action now; a referral is locked before what it carries.

    Refuses: AlreadyHasPlace, and as `send`.
    """
    row = locked(session, referral_id)
    require_action(caller, row, action)
    return row


def take_place(session: Session, caller: Caller, *, referral_id: int, appointment_id: int) -> Referral:
    """Join a booked appointment to the referral; a sender who did not do it is told.

    Refuses: AlreadyHasPlace, and as `send`.
    """
    row = lock(session, caller, referral_id=referral_id, action="book")
    row.slot_leg, row.appointment_id = "booked", appointment_id
    move(session, caller, row, "book", note=f"appointment/{appointment_id}")
    by_sender = SENDER in roles(caller, row)
    return row if by_sender else _told(session, caller, row, "book")


def lose_place(session: Session, caller: Caller, *, referral_id: int) -> Referral:
    """The appointment was cancelled; the referral stands without a place. Whoever may cancel there may say so here."""
    row = locked(session, referral_id)
    if row.slot_leg != "booked" or "lose-place" not in REFERRAL.allowed(row.state):
        return row
    move(session, caller, row, "lose-place")
    row.slot_leg = "lost"
    return _told(session, caller, row, "lose-place")


def release_place(session: Session, *, referral: Referral) -> None:
    """The place went back because the referral ended; there is nobody left to tell."""
    referral.slot_leg = "none"
    session.flush()


def file(session: Session, *, referral: Referral, filing_id: int) -> None:
    """The insurance knows of it."""
    referral.insurance_leg, referral.filing_id = "filed", filing_id
    session.flush()


def unfile(session: Session, *, referral: Referral) -> None:
    """The filing was withdrawn."""
    referral.insurance_leg = "withdrawn"
    session.flush()


def _followed(session: Session, caller: Caller, facts: ReferralFacts) -> Referral | None:
    """The referral whose episode this one carries on: named by a caller who takes part in it, or the one on
    which the patient is at the sender now."""
    if facts.previous_id is None:
        return arrived_at(session, organisation_id=facts.sender_id, person_id=facts.person_id)
    previous = referral(session, caller, facts.previous_id)
    if previous.person_id not in people.cluster(session, facts.person_id):
        raise Invalid(element="previous_id", found=facts.previous_id, allowed="同一位病人的转诊")
    if previous.sender_id == caller.organisation_id and previous.state in (*UNANSWERED, *EXPECTED):
        raise StillOpen(number=previous.number, referral_id=previous.id)
    return previous


def _sent_from(session: Session, caller: Caller, facts: ReferralFacts) -> int | None:
    """The sender's visit, named or found."""
    if facts.visit_id is None:
        sender, person_id = facts.sender_id, facts.person_id
        found = records.visit_under_way(session, organisation_id=sender, person_id=person_id, at=caller.at)
        return found.id if found else None
    named = session.get(records.Visit, facts.visit_id)
    if named is None or (named.organisation_id, named.person_id) != (facts.sender_id, facts.person_id):
        raise Invalid(element="visit_id", found=facts.visit_id, allowed="转出机构的同一位病人的就诊")
    return named.id


def _send(session: Session, caller: Caller, row: Referral) -> Referral:
    row.sent_at, row.answer_due_at = caller.at, answer_due(row.priority, caller.at)
    move(session, caller, row, "send")
    previous = locked(session, row.previous_id) if row.previous_id is not None else None
    if previous is not None and previous.state == "rejected":
        previous.due_at = None  # its sender has decided
    if row.priority == "urgent":
        let_see(session, caller, row, row.receiver_id)
    return _told(session, caller, row, "send")


def _act(session: Session, caller: Caller, referral_id: int, action: str, *, note: str = "") -> Referral:
    row = lock(session, caller, referral_id=referral_id, action=action)
    move(session, caller, row, action, note=note)
    return row


def _end(session: Session, caller: Caller, referral_id: int, action: str, reason: str) -> Referral:
    _say(reason, "reason")
    row = _act(session, caller, referral_id, action, note=reason)
    trust.end_grants(session, caller, source=source(row), until=caller.at)
    return _told(session, caller, row, action, note=reason)


def _told(session: Session, caller: Caller, row: Referral, event: str, *, note: str = "") -> Referral:
    session.flush()
    announce(session, caller, row, event, note=note)
    return row


def _say(text: str, element: str) -> None:
    if not text.strip():
        raise Missing(element=element)
    within(text, LONGEST_TEXT, element=element)
