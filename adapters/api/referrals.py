"""Referrals: sent with a reserved slot in one call, and each action that the state table allows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Id, local
from hub import journeys, referrals
from hub.faults import Missing
from hub.records import Diagnosis
from hub.referrals import CarePlan, Letter, Referral, ReferralFacts, ReferralUnknown
from hub.trust import RecordUnknown

NAMES = (ReferralUnknown,)


class DiagnosisBody(Body, frozen=True):
    """A diagnosis by its code of GB/T 14396 (ICD-10) and its name."""

    code: str
    name: str


class CarePlanBody(Body, frozen=True, omit_defaults=True):
    """What the receiving doctor is asked to do; `next_visit` is a day."""

    summary: str
    medicines: tuple[str, ...] = ()
    warning_signs: tuple[str, ...] = ()
    next_visit: str = ""
    follow_up: tuple[str, ...] = ()


class ReferralWish(Body, frozen=True):
    """`placer_number` is the sender's own number: the same number with the same content is the same referral.

    `previous_id` is the referral that this one follows (rejected, recalled or expired): the chain goes on.
    """

    person_id: Id
    receiver_id: str
    reason: str
    diagnoses: list[DiagnosisBody]
    priority: Literal["routine", "urgent"] = "routine"
    receiver_department_id: str | None = None
    receiver_practitioner_id: str | None = None
    sender_department_id: str | None = None
    sender_practitioner_id: str | None = None
    chief_complaint: str = ""
    treatment: str = ""
    care_plan: CarePlanBody | None = None
    placer_number: str | None = None
    previous_id: Id | None = None
    slot_id: Id | None = None
    file_with_insurance: bool = True


class DownWish(Body, frozen=True):
    """The way back down, to the sender unless another receiver is named."""

    reason: str
    care_plan: CarePlanBody
    receiver_id: str | None = None
    receiver_department_id: str | None = None
    diagnoses: tuple[DiagnosisBody, ...] = ()
    placer_number: str | None = None
    slot_id: Id | None = None


class Note(Body, frozen=True):
    note: str = ""


class Said(Body, frozen=True):
    text: str


class Elsewhere(Body, frozen=True):
    receiver_id: str
    reason: str
    department_id: str | None = None


class Place(Body, frozen=True):
    slot_id: Id


class LetterBody(Body, frozen=True):
    """The outcome letter; `signer_id` is the practitioner who signs it."""

    title: str
    text: str
    signer_id: str


class ReferralView(msgspec.Struct):
    """`state` is ours, `task_status` and `request_status` are the words of FHIR for the two sides of it.

    `slot_leg` and `insurance_leg` say how place and filing stand; `due_at` is the deadline of who has to act now.
    """

    referral_id: int
    chain_id: int
    previous_id: int | None
    placer_number: str | None
    person_id: int
    direction: str
    priority: str
    state: str
    task_status: str
    request_status: str
    sender_id: str
    receiver_id: str
    receiver_department_id: str | None
    reason: str
    diagnoses: list[Any]
    slot_leg: Literal["none", "booked", "lost"]
    appointment_id: int | None
    insurance_leg: Literal["none", "filed", "withdrawn"]
    filing_id: int | None
    sent_at: datetime | None
    answer_due_at: datetime | None
    due_at: datetime | None
    valid_until: datetime
    available_actions: list[str]


class EventView(msgspec.Struct):
    event: str
    state: str
    at: datetime
    organisation_id: str | None
    note: str


class ReferralQuery(msgspec.Struct, frozen=True):
    """The referrals of a person, or a worklist of the caller's institution."""

    person_id: Id | None = None
    worklist: Literal["incoming", "outgoing"] | None = None
    state: str | None = None


@operation("POST", "/referrals", tag="referrals", body=ReferralWish, answer=ReferralView, status=201)
def refer(call: Call[ReferralWish]) -> ReferralView:
    """Refer a patient, with a place reserved and the insurance told: all three or nothing."""
    wish = call.body
    call.about(person_id=wish.person_id)
    facts = ReferralFacts(
        person_id=wish.person_id,
        sender_id=call.caller.organisation_id or "",
        receiver_id=wish.receiver_id,
        reason=wish.reason,
        diagnoses=_diagnoses(wish.diagnoses),
        priority=wish.priority,
        chief_complaint=wish.chief_complaint,
        treatment=wish.treatment,
        care_plan=_care_plan(wish.care_plan),
        sender_department_id=wish.sender_department_id,
        sender_practitioner_id=wish.sender_practitioner_id,
        receiver_department_id=wish.receiver_department_id,
        receiver_practitioner_id=wish.receiver_practitioner_id,
        placer_number=wish.placer_number,
        previous_id=wish.previous_id,
    )
    row = journeys.refer(
        call.session, call.caller, facts=facts, slot_id=wish.slot_id, file_with_insurance=wish.file_with_insurance
    )
    return _view(call, row)


@operation("GET", "/referrals", tag="referrals", query=ReferralQuery, answer=list[ReferralView], names=(RecordUnknown,))
def search(call: Call[None]) -> list[ReferralView]:
    """The referrals of a person, or a worklist of one's own institution."""
    query: ReferralQuery = call.query
    states = (query.state,) if query.state is not None else None
    if query.person_id is not None:
        call.about(person_id=query.person_id)
        rows = referrals.referrals_of(call.session, call.caller, person_id=query.person_id)
        rows = [row for row in rows if query.state in (None, row.state)]
    elif query.worklist == "incoming":
        rows = referrals.incoming(call.session, call.caller, states=states)
    elif query.worklist == "outgoing":
        rows = referrals.outgoing(call.session, call.caller, states=states)
    else:
        raise Missing(element="person_id, worklist", allowed="person_id / worklist")
    return [referral_view(call, row) for row in rows]


@operation("GET", "/referrals/{referral_id:int}", tag="referrals", answer=ReferralView, names=NAMES)
def referral(call: Call[None]) -> ReferralView:
    """One referral, with the actions that the caller may take now."""
    return _view(call, referrals.referral(call.session, call.caller, _id(call)))


@operation("GET", "/referrals/{referral_id:int}/chain", tag="referrals", answer=list[ReferralView], names=NAMES)
def chain(call: Call[None]) -> list[ReferralView]:
    """The whole episode, first referral first."""
    return [referral_view(call, row) for row in referrals.chain(call.session, call.caller, _id(call))]


@operation("GET", "/referrals/{referral_id:int}/history", tag="referrals", answer=list[EventView], names=NAMES)
def history(call: Call[None]) -> list[EventView]:
    """What happened to a referral, in order."""
    row = referrals.referral(call.session, call.caller, _id(call))
    call.about(person_id=row.person_id, subject=f"referral/{row.id}")
    return [
        EventView(e.event, e.state, local(e.at), e.organisation_id, e.note)
        for e in referrals.history(call.session, row.id)
    ]


@operation("POST", "/referrals/{referral_id:int}/receive", tag="referrals", answer=ReferralView, names=NAMES)
def receive(call: Call[None]) -> ReferralView:
    """The receiver has read it and is deciding."""
    return _view(call, referrals.receive(call.session, call.caller, referral_id=_id(call)))


@operation("POST", "/referrals/{referral_id:int}/accept", tag="referrals", body=Note, answer=ReferralView, names=NAMES)
def accept(call: Call[Note]) -> ReferralView:
    """The receiver takes the patient."""
    return _view(call, referrals.accept(call.session, call.caller, referral_id=_id(call), note=call.body.note))


@operation(
    "POST", "/referrals/{referral_id:int}/request-info", tag="referrals", body=Said, answer=ReferralView, names=NAMES
)
def request_info(call: Call[Said]) -> ReferralView:
    """The receiver asks before it decides."""
    return _view(
        call, referrals.request_info(call.session, call.caller, referral_id=_id(call), question=call.body.text)
    )


@operation(
    "POST", "/referrals/{referral_id:int}/answer-info", tag="referrals", body=Said, answer=ReferralView, names=NAMES
)
def answer_info(call: Call[Said]) -> ReferralView:
    """The sender answers what the receiver asked."""
    return _view(call, referrals.answer_info(call.session, call.caller, referral_id=_id(call), answer=call.body.text))


@operation("POST", "/referrals/{referral_id:int}/reject", tag="referrals", body=Said, answer=ReferralView, names=NAMES)
def reject(call: Call[Said]) -> ReferralView:
    """The receiver will not take the patient; place and filing go."""
    return _view(call, journeys.reject(call.session, call.caller, referral_id=_id(call), reason=call.body.text))


@operation("POST", "/referrals/{referral_id:int}/recall", tag="referrals", body=Said, answer=ReferralView, names=NAMES)
def recall(call: Call[Said]) -> ReferralView:
    """The sender takes it back; place and filing go."""
    return _view(call, journeys.recall(call.session, call.caller, referral_id=_id(call), reason=call.body.text))


@operation(
    "POST", "/referrals/{referral_id:int}/redirect", tag="referrals", body=Elsewhere, answer=ReferralView, names=NAMES
)
def redirect(call: Call[Elsewhere]) -> ReferralView:
    """The receiver passes the patient on; answers the new referral."""
    row = journeys.redirect(
        call.session,
        call.caller,
        referral_id=_id(call),
        receiver_id=call.body.receiver_id,
        reason=call.body.reason,
        department_id=call.body.department_id,
    )
    return _view(call, row)


@operation(
    "POST", "/referrals/{referral_id:int}/reserve", tag="referrals", body=Place, answer=ReferralView, names=NAMES
)
def reserve(call: Call[Place]) -> ReferralView:
    """Book a place for a referral that has none."""
    return _view(call, journeys.reserve(call.session, call.caller, referral_id=_id(call), slot_id=call.body.slot_id))


@operation("POST", "/referrals/{referral_id:int}/arrive", tag="referrals", answer=ReferralView, names=NAMES)
def arrive(call: Call[None]) -> ReferralView:
    """The patient is there."""
    return _view(call, referrals.arrive(call.session, call.caller, referral_id=_id(call)))


@operation(
    "POST", "/referrals/{referral_id:int}/complete", tag="referrals", body=LetterBody, answer=ReferralView, names=NAMES
)
def complete(call: Call[LetterBody]) -> ReferralView:
    """Close the loop with a signed outcome letter."""
    letter = Letter(title=call.body.title, text=call.body.text, signer_id=call.body.signer_id)
    return _view(call, journeys.close(call.session, call.caller, referral_id=_id(call), letter=letter))


@operation(
    "POST",
    "/referrals/{referral_id:int}/refer-down",
    tag="referrals",
    body=DownWish,
    answer=ReferralView,
    status=201,
    names=NAMES,
)
def refer_down(call: Call[DownWish]) -> ReferralView:
    """Send a patient who arrived on this referral back down, with a care plan; answers the new referral."""
    wish = call.body
    row = journeys.refer_down(
        call.session,
        call.caller,
        referral_id=_id(call),
        care_plan=_care_plan(wish.care_plan) or {},
        reason=wish.reason,
        receiver_id=wish.receiver_id,
        receiver_department_id=wish.receiver_department_id,
        diagnoses=_diagnoses(wish.diagnoses),
        placer_number=wish.placer_number,
        slot_id=wish.slot_id,
    )
    return _view(call, row)


def referral_view(call: Call[Any], row: Referral) -> ReferralView:
    return ReferralView(
        referral_id=row.id,
        chain_id=row.chain_id,
        previous_id=row.previous_id,
        placer_number=row.placer_number,
        person_id=row.person_id,
        direction=row.direction,
        priority=row.priority,
        state=row.state,
        task_status=row.task_status,
        request_status=row.request_status,
        sender_id=row.sender_id,
        receiver_id=row.receiver_id,
        receiver_department_id=row.receiver_department_id,
        reason=row.reason,
        diagnoses=row.diagnoses,
        slot_leg=row.slot_leg,  # type: ignore[arg-type]
        appointment_id=row.appointment_id,
        insurance_leg=row.insurance_leg,  # type: ignore[arg-type]
        filing_id=row.filing_id,
        sent_at=local(row.sent_at) if row.sent_at else None,
        answer_due_at=local(row.answer_due_at) if row.answer_due_at else None,
        due_at=local(row.due_at) if row.due_at else None,
        valid_until=local(row.valid_until),
        available_actions=sorted(referrals.available_actions(call.caller, row)),
    )


def _view(call: Call[Any], row: Referral) -> ReferralView:
    call.session.refresh(row)
    call.about(person_id=row.person_id, subject=f"referral/{row.id}")
    return referral_view(call, row)


def _id(call: Call[Any]) -> int:
    referral_id = call.number("referral_id")
    call.about(subject=f"referral/{referral_id}")
    return referral_id


def _diagnoses(said: Sequence[DiagnosisBody]) -> tuple[Diagnosis, ...]:
    return tuple(Diagnosis(code=item.code, name=item.name) for item in said)


def _care_plan(said: CarePlanBody | None) -> CarePlan | None:
    return None if said is None else CarePlan(**msgspec.to_builtins(said))  # type: ignore[typeddict-item]
