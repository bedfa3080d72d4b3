"""A referral as a page shows it: both sides by name, how far it has come, the place and the letter it carries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from hub import booking, directory, people, referrals
from hub.booking import Offer
from hub.directory import Department, Organisation, Practitioner
from hub.people import Person
from hub.records import Document
from hub.referrals import Referral, ReferralEvent
from hub.trust import Caller

ENDED = ("rejected", "redirected", "recalled", "expired", "error")
REACHED = {
    "draft": 0,
    "sent": 1,
    "received": 1,
    "info-requested": 1,
    "accepted": 2,
    "booked": 3,
    "no-show": 3,
    "arrived": 4,
    "completed": 5,
    "returned-down": 5,
}
"""How many of the five steps sent, accepted, booked, arrived, completed lie behind a state."""
MARKS = {
    "sent": ("send",),
    "accepted": ("accept",),
    "arrived": ("arrive",),
    "completed": ("complete", "return-down"),
}


@dataclass(frozen=True)
class Step:
    """One step of the line: `word` of [step] in the words, when it happened or is due."""

    word: str
    at: datetime | None
    done: bool
    current: bool
    due: bool = False


@dataclass(frozen=True)
class Side:
    """One of the two institutions of a referral."""

    organisation: Organisation
    department: Department | None
    practitioner: Practitioner | None


@dataclass(frozen=True)
class Letter:
    """Everything about one referral that both sides and the patient read."""

    referral: Referral
    person: Person
    sender: Side
    receiver: Side
    steps: tuple[Step, ...]
    events: Sequence[ReferralEvent]
    place: Offer | None
    closing: Document | None

    @property
    def last_word(self) -> str:
        """What was last said with a step: why it was rejected, what is asked for."""
        return next((event.note for event in reversed(self.events) if _said(event)), "")


def letter(session: Session, caller: Caller, row: Referral) -> Letter:
    """The referral with all that a reader needs. The caller has been given `row` by the room."""
    events = referrals.history(session, row.id)
    place = _place(session, row, caller.at)
    return Letter(
        referral=row,
        person=people.person(session, row.person_id),
        sender=_side(session, row.sender_id, row.sender_department_id, row.sender_practitioner_id),
        receiver=_side(session, row.receiver_id, row.receiver_department_id, row.receiver_practitioner_id),
        steps=steps(row, events, place),
        events=events,
        place=place,
        closing=referrals.letter(session, caller, row.id),
    )


@dataclass(frozen=True)
class Link:
    """One referral of an episode: from whom to whom, how it stands, and why it ended where it did."""

    referral: Referral
    sender: Organisation
    receiver: Organisation
    said: str


def chain(session: Session, caller: Caller, row: Referral) -> list[Link]:
    """The whole episode, first referral first; empty for one that stands alone."""
    rows = referrals.chain(session, caller, row.id)
    if len(rows) < 2:
        return []
    return [
        Link(
            each,
            directory.organisation(session, each.sender_id),
            directory.organisation(session, each.receiver_id),
            next((e.note for e in reversed(referrals.history(session, each.id)) if _said(e)), ""),
        )
        for each in rows
    ]


def steps(row: Referral, events: Sequence[ReferralEvent], place: Offer | None) -> tuple[Step, ...]:
    """The step line: five steps, or where it ended early the steps taken and the end."""
    times = {word: next((e.at for e in events if e.event in marks), None) for word, marks in MARKS.items()}
    if row.state in ENDED:
        taken = [Step(word, at, True, False) for word, at in times.items() if at is not None]
        return (*taken, Step(row.state, events[-1].at if events else None, True, True))
    reached = REACHED[row.state]
    line = []
    for number, word in enumerate(("sent", "accepted", "booked", "arrived", "completed")):
        done = number < reached or (word == "booked" and place is not None)
        at = place.start_at if word == "booked" and place else times.get(word)
        line.append(Step(word, at, done, False))
    if row.state in ("sent", "received", "info-requested"):
        line[1] = Step("waiting", row.answer_due_at, False, True, due=True)
    else:
        now = max((n for n, step in enumerate(line) if step.done), default=0)
        line[now] = replace(line[now], current=True)
    return tuple(line)


def _side(session: Session, organisation_id: str, department_id: str | None, practitioner_id: str | None) -> Side:
    return Side(
        directory.organisation(session, organisation_id),
        directory.department(session, department_id) if department_id else None,
        directory.practitioner(session, practitioner_id) if practitioner_id else None,
    )


def _place(session: Session, row: Referral, at: datetime) -> Offer | None:
    if row.slot_leg != "booked" or row.appointment_id is None:
        return None
    appointment = session.get_one(booking.Appointment, row.appointment_id)
    return booking.offer(session, appointment.slot_id, at=at)


def _said(event: ReferralEvent) -> bool:
    return bool(event.note) and "/" not in event.note and event.event != "draft"
