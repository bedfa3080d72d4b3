"""A transaction Bundle: all of its entries or none.

Entries may refer to one another by their fullUrl (urn:uuid:…). A ServiceRequest travels with the
Appointment based on it: referral and place are one verb, so neither exists without the other. A
Task in the Bundle says nothing that the ServiceRequest does not; it is answered with the one made.
"""

from dataclasses import dataclass, field
from typing import Any

from adapters.fhir import appointment, patient, servicerequest, task, validation
from adapters.fhir.outcome import Issue, NotSupported, ResourceInvalid
from adapters.fhir.resources import Call, Resource, reference
from hub import journeys
from hub.booking import Appointment
from hub.faults import Fault, Invalid
from hub.referrals import Referral

MOST_ENTRIES = 50
_CREATED = {True: "201 Created", False: "200 OK"}


@dataclass(slots=True)
class _Entry:
    """One entry on its way: what it asks, and in the end what came of it."""

    place: str
    method: str
    url: str
    full_url: str
    resource: Resource
    if_match: str | None
    if_none_exist: str | None
    answer: Resource | None = None
    status: str = "200 OK"

    @property
    def type(self) -> str:
        return self.url.partition("/")[0].partition("?")[0]


@dataclass(slots=True)
class _Transaction:
    call: Call
    entries: list[_Entry]
    made: dict[str, str] = field(default_factory=dict)

    def done(self, entry: _Entry, answer: Resource, *, new: bool) -> None:
        entry.answer, entry.status = answer, _CREATED[new]
        if entry.full_url:
            self.made[entry.full_url] = f"{answer['resourceType']}/{answer['id']}"


def transaction(call: Call, body: Any) -> Resource:
    """Refuses: ResourceInvalid, NotSupported, and whatever the verbs refuse, naming the entry."""
    entries = _entries(body)
    work = _Transaction(call, entries)
    for entry in _in_order(entries):
        if entry.answer is None:
            try:
                _run(work, entry)
            except ResourceInvalid as wrong:
                raise ResourceInvalid([_placed(entry, issue) for issue in wrong.issues]) from None
            except Invalid as wrong:
                raise _at(entry, wrong) from None
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [_response(call, entry) for entry in entries],
    }


def _entries(body: Any) -> list[_Entry]:
    validation.check(_without_resources(body), expected="Bundle")
    if body["type"] != "transaction":
        raise NotSupported(what=f"Bundle.type {body['type']}; transaction")
    said = body.get("entry", [])
    if len(said) > MOST_ENTRIES:
        raise NotSupported(what=f"Bundle.entry × {len(said)} > {MOST_ENTRIES}")
    entries = []
    for n, one in enumerate(said):
        asked = one.get("request")
        if asked is None:
            raise ResourceInvalid([Issue(f"Bundle.entry[{n}].request", "required", "a transaction says what to do")])
        resource = one.get("resource") or {}
        if not isinstance(resource, dict):
            raise ResourceInvalid([Issue(f"Bundle.entry[{n}].resource", "structure", "a resource is an object")])
        entries.append(
            _Entry(
                f"Bundle.entry[{n}]",
                asked["method"],
                asked["url"],
                one.get("fullUrl", ""),
                resource,
                asked.get("ifMatch"),
                asked.get("ifNoneExist"),
            )
        )
    return entries


def _without_resources(body: Any) -> Any:
    """The envelope alone: each resource is checked in its turn, when what it refers to is known."""
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        return body
    bare = [
        {k: v for k, v in one.items() if k != "resource"} if isinstance(one, dict) else one for one in body["entry"]
    ]
    return body | {"entry": bare}


def _bare(entry: Any) -> Any:
    return {name: said for name, said in entry.items() if name != "resource"} if isinstance(entry, dict) else entry


def _in_order(entries: list[_Entry]) -> list[_Entry]:
    """People before what is about them, creations before updates (http.html#trules)."""
    order = {"Patient": 0, "ServiceRequest": 1, "Appointment": 2, "Task": 3}
    return sorted(entries, key=lambda entry: (entry.method != "POST", order.get(entry.type, 9)))


def _run(work: _Transaction, entry: _Entry) -> None:
    call = work.call
    call.if_match, call.if_none_exist = entry.if_match, entry.if_none_exist
    if entry.method in ("POST", "PUT"):
        entry.resource = _resolved(entry.resource, work.made)
        validation.check(entry.resource, expected=entry.type)
    match entry.method, entry.url.split("/"):
        case "POST", ["Patient"]:
            made, new = patient.create(call, entry.resource)
            work.done(entry, made, new=new)
        case "POST", ["ServiceRequest"]:
            _refer(work, entry)
        case "POST", ["Appointment"]:
            made, new = appointment.create(call, entry.resource)
            work.done(entry, made, new=new)
        case "PUT", ["Appointment", logical_id]:
            work.done(entry, appointment.update(call, logical_id, entry.resource), new=False)
        case "PUT", ["Task", logical_id]:
            work.done(entry, task.update(call, logical_id, entry.resource), new=False)
        case _:
            raise NotSupported(what=f"{entry.place}: {entry.method} {entry.url}")


def _refer(work: _Transaction, entry: _Entry) -> None:
    """One verb for the referral, its place and its Task."""
    call = work.call
    place = _companion(work, entry, "Appointment", "basedOn")
    facts = servicerequest.facts_of(call, entry.resource)
    slot_id = None
    if place is not None:
        appointment.check_new(place.resource)
        slot_id = appointment.slot_of(place.resource)
        booked_for = appointment.patient_of(_resolved(place.resource, work.made))
        if booked_for != facts.person_id:
            found, allowed = f"Patient/{booked_for}", f"Patient/{facts.person_id}"
            raise Invalid(element=f"{place.place}.resource.participant", found=found, allowed=allowed)
    row: Referral = journeys.refer(call.session, call.caller, facts=facts, slot_id=slot_id)
    new = row.sent_at == call.caller.at
    work.done(entry, servicerequest.service_request(call, row), new=new)
    work_on = _companion(work, entry, "Task", "focus")
    if work_on is not None:
        work.done(work_on, task.task(call, row), new=new)
    if place is not None:
        booked = call.session.get_one(Appointment, row.appointment_id)
        work.done(place, appointment.told(call, booked), new=new)


def _companion(work: _Transaction, entry: _Entry, resource_type: str, element: str) -> _Entry | None:
    """The entry of a type that points at this one."""
    for other in work.entries:
        if other.method == "POST" and other.type == resource_type:
            pointed = other.resource.get(element) or {}
            first = pointed[0] if isinstance(pointed, list) and pointed else pointed
            if entry.full_url and isinstance(first, dict) and first.get("reference") == entry.full_url:
                validation.check(other.resource, expected=resource_type)
                return other
    return None


def _resolved(resource: Any, made: dict[str, str]) -> Any:
    """The resource with references to entries turned into references to what they became."""
    if isinstance(resource, list):
        return [_resolved(one, made) for one in resource]
    if not isinstance(resource, dict):
        return resource
    return {
        name: made[value]
        if name == "reference" and isinstance(value, str) and value in made
        else _resolved(value, made)
        for name, value in resource.items()
    }


def _placed(entry: _Entry, issue: Issue) -> Issue:
    return Issue(_expression(entry, issue.expression), issue.code, issue.sentence)


def _at(entry: _Entry, wrong: Invalid) -> Fault:
    """The same refusal, its element named from the Bundle down."""
    placed = _expression(entry, wrong.element)
    wrong.element = placed
    wrong.facts["element"] = placed
    return wrong


def _expression(entry: _Entry, element: str) -> str:
    if element.startswith("Bundle."):
        return element
    head, _, rest = element.partition(".")
    inner = rest if head == entry.type else element
    return f"{entry.place}.resource.{inner}" if inner else f"{entry.place}.resource"


def _response(call: Call, entry: _Entry) -> Resource:
    assert entry.answer is not None
    address = reference(entry.answer["resourceType"], entry.answer["id"])["reference"]
    said: Resource = {"status": entry.status, "location": f"{call.base}/{address}"}
    version = entry.answer.get("meta", {}).get("versionId")
    if version is not None:
        said["etag"] = f'W/"{version}"'
    return {"fullUrl": f"{call.base}/{address}", "resource": entry.answer, "response": said}
