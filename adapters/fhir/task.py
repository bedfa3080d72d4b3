"""Task: a referral as its receiver works on it. It shares its id with the ServiceRequest it is about.

The status says what is wanted, one step of the referral's state table at a time; everything else
about a referral is not changed here.
"""

from collections.abc import Callable, Sequence

from adapters.fhir.outcome import NotSupported
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType, reference, target_of, text_of
from adapters.fhir.search import codes
from adapters.fhir.servicerequest import check_version, narrowed, referral_of, rows_of
from adapters.fhir.systems import REFERRAL_STATE
from hub import directory, journeys, referrals
from hub.faults import Missing
from hub.referrals import Letter, Referral, ReferralEvent
from hub.units import CHINA

_WITHOUT_PLACE = (
    "lose-place",
    "miss",
    "undo-arrival",
    "reject",
    "redirect",
    "recall",
    "decline",
    "expire",
    "lapse",
)
_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
STATUSES = tuple(dict.fromkeys(standing.task for standing in referrals.STATES.values()))


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    return task(call, referral_of(call, logical_id, "Task"))


def search(call: Call, query: Query) -> list[Resource]:
    """Worklists: `owner` what was sent to an institution, `requester` what it sent. Refuses: NotAllowed, Invalid."""
    wanted = codes(query.all("status"), allowed=STATUSES, element="status")
    rows = [row for row in rows_of(call, query, "Task") if not wanted or row.task_status in wanted]
    states = codes(query.all("business-status"), allowed=referrals.STATES, element="business-status")
    rows = narrowed([row for row in rows if not states or row.state in states], query)
    if (said := query.one("focus")) is not None:
        focus = target_of(said, "ServiceRequest", "focus")
        rows = [row for row in rows if str(row.id) == focus]
    return [task(call, row) for row in rows[: query.count]]


def update(call: Call, logical_id: str, body: Resource) -> Resource:
    """Take the step that leads to the status wanted. Refuses: VersionOld, NotSupported, what the verb refuses."""
    row = referral_of(call, logical_id, "Task")
    call.session.refresh(row, with_for_update=True)
    check_version(call, row)
    if body["status"] != row.task_status or _business_status(body) not in ("", row.state):
        row = _step(row, body)(call, row, body)
    return task(call, row)


def history(call: Call, logical_id: str) -> list[Resource]:
    """The work as it stood after each step, the newest first. Refuses: NotAllowed, ResourceUnknown."""
    row = referral_of(call, logical_id, "Task")
    events = referrals.history(call.session, row.id)
    return [_version(call, row, events[:n]) for n in range(len(events), 0, -1)]


def task(call: Call, row: Referral) -> Resource:
    """The work on a referral as a resource."""
    return _version(call, row, referrals.history(call.session, row.id))


def _version(call: Call, row: Referral, events: Sequence[ReferralEvent]) -> Resource:
    """The work after the last of some events."""
    standing, state = referrals.STATES[events[-1].state].task, events[-1].state
    call.about(person_id=row.person_id, subject=f"referral/{row.id}")
    sender = directory.organisation(call.session, row.sender_id)
    receiver = directory.organisation(call.session, row.receiver_id)
    told: Resource = {
        "resourceType": "Task",
        "id": str(row.id),
        "meta": {"versionId": str(len(events))},
        "status": standing,
        "businessStatus": {"coding": [{"system": REFERRAL_STATE, "code": state}]},
        "intent": "order",
        "priority": row.priority,
        "code": {"coding": [{"system": _CODE, "code": "fulfill"}]},
        "focus": reference("ServiceRequest", row.id),
        "for": reference("Patient", row.person_id),
        "authoredOn": row.written_at.astimezone(CHINA).isoformat(timespec="seconds"),
        "requester": reference("Organization", sender.id, sender.name),
        "owner": reference("Organization", receiver.id, receiver.name),
        "restriction": {"period": {"end": row.valid_until.astimezone(CHINA).isoformat(timespec="seconds")}},
    }
    told["lastModified"] = events[-1].at.astimezone(CHINA).isoformat(timespec="seconds")
    if events[-1].note and standing in ("rejected", "on-hold", "cancelled", "failed"):
        told["statusReason"] = {"text": events[-1].note}
    if place := _place(events):
        told["output"] = [{"type": {"text": "appointment"}, "valueReference": {"reference": place}}]
    return told


def _place(events: Sequence[ReferralEvent]) -> str:
    """The appointment that travels with a referral after some events."""
    place = ""
    for event in events:
        if event.event == "book" and event.note:
            place = event.note.replace("appointment/", "Appointment/")
        elif event.event in _WITHOUT_PLACE:
            place = ""
    return place


def _step(row: Referral, body: Resource) -> Callable[[Call, Referral, Resource], Referral]:
    wanted, state = body["status"], _business_status(body)
    steps: dict[str, Callable[[Call, Referral, Resource], Referral]] = {
        "received": _answer_info if row.state == "info-requested" else _receive,
        "accepted": _accept,
        "rejected": _reject,
        "on-hold": _request_info,
        "cancelled": _recall,
        "completed": _complete,
    }
    if wanted == "in-progress" and state == "arrived":
        return _arrive
    if wanted not in steps:
        raise NotSupported(what=f"Task.status {row.task_status} → {wanted} {state}".strip())
    return steps[wanted]


def _receive(call: Call, row: Referral, body: Resource) -> Referral:
    return referrals.receive(call.session, call.caller, referral_id=row.id)


def _answer_info(call: Call, row: Referral, body: Resource) -> Referral:
    return referrals.answer_info(call.session, call.caller, referral_id=row.id, answer=_said(body))


def _accept(call: Call, row: Referral, body: Resource) -> Referral:
    return referrals.accept(call.session, call.caller, referral_id=row.id, note=_said(body))


def _reject(call: Call, row: Referral, body: Resource) -> Referral:
    return journeys.reject(call.session, call.caller, referral_id=row.id, reason=_said(body))


def _request_info(call: Call, row: Referral, body: Resource) -> Referral:
    return referrals.request_info(call.session, call.caller, referral_id=row.id, question=_said(body))


def _recall(call: Call, row: Referral, body: Resource) -> Referral:
    return journeys.recall(call.session, call.caller, referral_id=row.id, reason=_said(body))


def _arrive(call: Call, row: Referral, body: Resource) -> Referral:
    return referrals.arrive(call.session, call.caller, referral_id=row.id)


def _complete(call: Call, row: Referral, body: Resource) -> Referral:
    """The letter is the last note, signed by its author."""
    notes = body.get("note", [])
    if not notes or "authorReference" not in notes[-1]:
        raise Missing(element="Task.note", allowed="note[].text, note[].authorReference = Practitioner/…")
    signer_id = target_of(notes[-1]["authorReference"], "Practitioner", f"Task.note[{len(notes) - 1}].authorReference")
    letter = Letter(title=_reason(body) or "转诊诊治结果", text=notes[-1]["text"], signer_id=signer_id)
    return journeys.close(call.session, call.caller, referral_id=row.id, letter=letter)


def _business_status(body: Resource) -> str:
    codings = body.get("businessStatus", {}).get("coding", [])
    return next((coding.get("code", "") for coding in codings if coding.get("system") == REFERRAL_STATE), "")


def _said(body: Resource) -> str:
    """Why, in words: the status reason, else the last note."""
    notes = body.get("note", [])
    return _reason(body) or (notes[-1]["text"] if notes else "")


def _reason(body: Resource) -> str:
    return text_of(body.get("statusReason"))


TASK = ResourceType(
    "Task",
    parameters={
        "_id": Parameter("token", "our logical id"),
        "patient": Parameter("reference", "Patient/…"),
        "focus": Parameter("reference", "ServiceRequest/…"),
        "owner": Parameter("reference", "Organization/… that receives"),
        "requester": Parameter("reference", "Organization/… that sends"),
        "status": Parameter("token", ", ".join(STATUSES)),
        "business-status": Parameter("token", ", ".join(referrals.STATES)),
        "requisition": Parameter("token", "the chain"),
        "priority": Parameter("token", "routine, urgent"),
    },
    read=read,
    search=search,
    update=update,
    history=history,
)
