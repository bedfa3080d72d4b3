"""ServiceRequest: a referral as its sender asked for it. Creating one sends it."""

from typing import Any

from adapters.fhir.outcome import NotSupported, ResourceUnknown, VersionOld
from adapters.fhir.resources import (
    Call,
    Parameter,
    Query,
    Resource,
    ResourceType,
    number_of,
    numbered_target,
    reference,
    target_of,
    text_of,
)
from adapters.fhir.search import codes, token
from adapters.fhir.systems import ICD10, REFERRAL_CHAIN, REFERRAL_NUMBER
from hub import directory, journeys, referrals
from hub.faults import Invalid, Missing, Problem
from hub.records import Diagnosis
from hub.referrals import Referral, ReferralFacts, ReferralUnknown
from hub.units import CHINA

_PRIORITIES = {"routine": "routine", "urgent": "urgent", "asap": "urgent", "stat": "urgent"}
STATUSES = tuple(dict.fromkeys(standing.request for standing in referrals.STATES.values()))


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    return service_request(call, referral_of(call, logical_id, "ServiceRequest"))


def search(call: Call, query: Query) -> list[Resource]:
    """Of a patient, or what the caller's institution sent or received. Refuses: NotAllowed, Invalid."""
    wanted = codes(query.all("status"), allowed=STATUSES, element="status")
    rows = [row for row in rows_of(call, query, "ServiceRequest") if not wanted or row.request_status in wanted]
    if (said := query.one("identifier")) is not None:
        _, number = token(said, element="identifier")
        rows = [row for row in rows if row.placer_number == number]
    rows = narrowed(rows, query)
    return [service_request(call, row) for row in rows[: query.count]]


def create(call: Call, body: Resource) -> tuple[Resource, bool]:
    """Refer a patient; under a number that was sent before, the referral that stands.

    Refuses: what `journeys.refer` refuses.
    """
    row = journeys.refer(call.session, call.caller, facts=facts_of(call, body))
    return service_request(call, row), row.sent_at == call.caller.at


def update(call: Call, logical_id: str, body: Resource) -> Resource:
    """The sender takes it back: status revoked, why as the last note. Nothing else of a sent referral changes.

    Refuses: VersionOld, NotSupported, Missing, what `journeys.recall` refuses.
    """
    row = referral_of(call, logical_id, "ServiceRequest")
    call.session.refresh(row, with_for_update=True)
    check_version(call, row)
    if body["status"] == "revoked" and row.request_status != "revoked":
        notes = [note["text"] for note in body.get("note", []) if note["text"] != row.chief_complaint]
        if not notes:
            raise Missing(element="ServiceRequest.note", allowed="note[].text")
        row = journeys.recall(call.session, call.caller, referral_id=row.id, reason=notes[-1])
    elif body["status"] != row.request_status:
        raise NotSupported(what=f"ServiceRequest.status {row.request_status} → {body['status']}; revoked")
    return service_request(call, row)


def history(call: Call, logical_id: str) -> list[Resource]:
    """What the sender asked for never changes, only how it stands. Refuses: NotAllowed, ResourceUnknown."""
    row = referral_of(call, logical_id, "ServiceRequest")
    now = service_request(call, row)
    events = referrals.history(call.session, row.id)
    versions = [
        now | {"meta": {"versionId": str(n)}, "status": referrals.STATES[event.state].request}
        for n, event in enumerate(events, start=1)
    ]
    return versions[::-1]


def facts_of(call: Call, body: Resource) -> ReferralFacts:
    """What a ServiceRequest states. Refuses: Missing, Invalid, and unknown references."""
    if body["status"] != "active" or body["intent"] not in ("order", "plan", "original-order"):
        found = f"{body['status']}, {body['intent']}"
        allowed = "active, order"
        raise Invalid(element="ServiceRequest.status", found=found, allowed=allowed, problem=Problem.CODE)
    sender_id, sender_practitioner_id = _sender(call, body)
    receiver = _targets(body.get("performer", []), ("Organization", "Practitioner"), "ServiceRequest.performer")
    places = _targets(body.get("locationReference", []), ("Location",), "ServiceRequest.locationReference")
    if "Organization" not in receiver:
        raise Missing(element="ServiceRequest.performer", allowed="Organization/…")
    diagnoses, reasons = _reasons(body)
    identifiers = body.get("identifier", [])
    plan = body.get("patientInstruction")
    return ReferralFacts(
        person_id=numbered_target(body["subject"], "Patient", "ServiceRequest.subject.reference"),
        sender_id=sender_id,
        sender_practitioner_id=sender_practitioner_id,
        receiver_id=receiver["Organization"],
        receiver_practitioner_id=receiver.get("Practitioner"),
        receiver_department_id=places.get("Location"),
        reason="；".join(reasons) or "；".join(item["name"] for item in diagnoses),
        diagnoses=diagnoses,
        priority=_PRIORITIES[body.get("priority", "routine")],
        chief_complaint="；".join(note["text"] for note in body.get("note", [])),
        care_plan={"summary": plan} if plan else None,
        placer_number=identifiers[0].get("value") if identifiers else None,
    )


def referral_of(call: Call, logical_id: str, resource_type: str) -> Referral:
    """Refuses: NotAllowed, ResourceUnknown."""
    referral_id = number_of(resource_type, logical_id)
    call.about(subject=f"referral/{referral_id}")
    try:
        row = referrals.referral(call.session, call.caller, referral_id)
    except ReferralUnknown:
        raise ResourceUnknown(reference=f"{resource_type}/{logical_id}") from None
    call.about(person_id=row.person_id, subject=f"referral/{row.id}")
    return row


def rows_of(call: Call, query: Query, resource_type: str) -> list[Referral]:
    """The referrals that a search is about: by id, by patient, else both worklists of the caller's institution."""
    if query.all("_id"):
        rows = []
        for logical_id in (one for value in query.all("_id") for one in value.split(",")):
            try:
                rows.append(referral_of(call, logical_id, resource_type))
            except ResourceUnknown:
                continue
        return rows
    if (said := query.one("patient")) is not None:
        person_id = numbered_target(said if "/" in said else f"Patient/{said}", "Patient", "patient")
        call.about(person_id=person_id)
        return list(referrals.referrals_of(call.session, call.caller, person_id=person_id))
    return [*referrals.incoming(call.session, call.caller), *referrals.outgoing(call.session, call.caller)]


def check_version(call: Call, row: Referral) -> None:
    """Refuses: VersionOld when If-Match names another version than the one that stands."""
    version = version_of(call, row)
    given = (call.if_match or "").removeprefix("W/").strip('"')
    if call.if_match is not None and given != str(version):
        raise VersionOld(given=given, current=version)


def narrowed(rows: list[Referral], query: Query) -> list[Referral]:
    """What ServiceRequest and Task are searched by alike: the two institutions, the chain, the urgency."""
    for name, column in (("owner", "receiver_id"), ("performer", "receiver_id"), ("requester", "sender_id")):
        if (said := query.one(name)) is not None:
            organisation_id = target_of(said, "Organization", name)
            rows = [row for row in rows if getattr(row, column) == organisation_id]
    if (said := query.one("requisition")) is not None:
        _, chain = token(said, system=REFERRAL_CHAIN, element="requisition")
        rows = [row for row in rows if str(row.chain_id) == chain]
    if priorities := codes(query.all("priority"), allowed=_PRIORITIES, element="priority"):
        rows = [row for row in rows if row.priority in {_PRIORITIES[each] for each in priorities}]
    return rows


def version_of(call: Call, row: Referral) -> int:
    """How often it has moved."""
    return len(referrals.history(call.session, row.id))


def service_request(call: Call, row: Referral) -> Resource:
    """A referral as a resource."""
    call.about(person_id=row.person_id, subject=f"referral/{row.id}")
    sender = directory.organisation(call.session, row.sender_id)
    receiver = directory.organisation(call.session, row.receiver_id)
    performers = [reference("Organization", receiver.id, receiver.name)]
    if row.receiver_practitioner_id is not None:
        performers.append(reference("Practitioner", row.receiver_practitioner_id))
    told: Resource = {
        "resourceType": "ServiceRequest",
        "id": str(row.id),
        "meta": {"versionId": str(version_of(call, row))},
        "requisition": {"system": REFERRAL_CHAIN, "value": str(row.chain_id)},
        "status": row.request_status,
        "intent": "order",
        "category": [{"text": {"up": "上转", "down": "下转", "sideways": "平级转诊"}[row.direction]}],
        "priority": row.priority,
        "subject": reference("Patient", row.person_id),
        "authoredOn": row.written_at.astimezone(CHINA).isoformat(timespec="seconds"),
        "requester": reference("Organization", sender.id, sender.name),
        "performer": performers,
        "reasonCode": [
            {"text": row.reason},
            *({"coding": [{"system": ICD10, "code": d["code"], "display": d["name"]}]} for d in row.diagnoses),
        ],
    }
    if row.sender_practitioner_id is not None:
        told["requester"] = reference("Practitioner", row.sender_practitioner_id)
    if row.placer_number is not None:
        told["identifier"] = [{"system": REFERRAL_NUMBER + row.sender_id, "value": row.placer_number}]
    if row.receiver_department_id is not None:
        told["locationReference"] = [reference("Location", row.receiver_department_id)]
    if row.chief_complaint:
        told["note"] = [{"text": row.chief_complaint}]
    if row.care_plan:
        told["supportingInfo"] = [reference("CarePlan", row.id)]
        told["patientInstruction"] = row.care_plan.get("summary", "")
    return told


def _sender(call: Call, body: Resource) -> tuple[str, str | None]:
    """The sending institution, and the doctor where one is named."""
    requester = [body["requester"]] if "requester" in body else []
    said = _targets(requester, ("Organization", "Practitioner"), "ServiceRequest.requester")
    if "Practitioner" in said:
        return directory.practitioner(call.session, said["Practitioner"]).organisation_id, said["Practitioner"]
    sender_id = said.get("Organization") or call.caller.organisation_id
    if sender_id is None:
        raise Missing(element="ServiceRequest.requester")
    return sender_id, None


def _targets(references: list[Resource], kinds: tuple[str, ...], element: str) -> dict[str, str]:
    """The logical ids of references by type; one of each. Refuses: Invalid, NotSupported."""
    found: dict[str, str] = {}
    for n, one in enumerate(references):
        place = element if element.endswith("requester") else f"{element}[{n}]"
        kind = str(one.get("reference", "")).partition("/")[0]
        if kind not in kinds:
            allowed = ", ".join(f"{k}/…" for k in kinds)
            raise Invalid(element=f"{place}.reference", found=one.get("reference", ""), allowed=allowed)
        if kind in found:
            raise NotSupported(what=f"{place}: {kind} × 2")
        found[kind] = target_of(one, kind, f"{place}.reference")
    return found


def _reasons(body: Resource) -> tuple[tuple[Diagnosis, ...], list[str]]:
    """Coded reasons are diagnoses; those in words are why."""
    diagnoses: list[Diagnosis] = []
    words: list[str] = []
    for n, concept in enumerate(body.get("reasonCode", [])):
        coding: dict[str, Any] = next((c for c in concept.get("coding", []) if c.get("system") == ICD10), {})
        if "code" in coding:
            name = coding.get("display") or concept.get("text")
            if not name:
                raise Missing(element=f"ServiceRequest.reasonCode[{n}].coding[0].display")
            diagnoses.append(Diagnosis(code=coding["code"], name=name))
        elif text_of(concept):
            words.append(text_of(concept))
    return tuple(diagnoses), words


SERVICE_REQUEST = ResourceType(
    "ServiceRequest",
    parameters={
        "_id": Parameter("token", "our logical id"),
        "patient": Parameter("reference", "Patient/…"),
        "identifier": Parameter("token", "the sender's own number"),
        "status": Parameter("token", ", ".join(STATUSES)),
        "requester": Parameter("reference", "Organization/… that sends"),
        "performer": Parameter("reference", "Organization/… that receives"),
        "requisition": Parameter("token", "the chain"),
        "priority": Parameter("token", ", ".join(_PRIORITIES)),
    },
    read=read,
    search=search,
    create=create,
    update=update,
    history=history,
)
