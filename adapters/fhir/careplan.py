"""CarePlan: what a patient sent back down takes, watches for and comes back for. It shares the referral's id."""

from adapters.fhir.outcome import ResourceUnknown
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType, reference
from adapters.fhir.search import codes
from adapters.fhir.servicerequest import referral_of, rows_of, version_of
from hub.referrals import Referral
from hub.units import CHINA

_STATUS = {
    "draft": "draft",
    "completed": "completed",
    "returned-down": "completed",
    "rejected": "revoked",
    "redirected": "revoked",
    "recalled": "revoked",
    "expired": "revoked",
    "error": "entered-in-error",
}
"""Any other state of the referral is a plan in force."""
_ACTIVITIES = (("medicines", "MedicationRequest", "in-progress"), ("follow_up", "Task", "scheduled"))
STATUSES = ("active", *dict.fromkeys(_STATUS.values()))


def read(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown (also for a referral that carries no plan)."""
    row = referral_of(call, logical_id, "CarePlan")
    if not row.care_plan:
        raise ResourceUnknown(reference=f"CarePlan/{logical_id}")
    return care_plan(call, row)


def search(call: Call, query: Query) -> list[Resource]:
    """Of a patient, or what the caller's institution sent or received. Refuses: NotAllowed, Invalid."""
    wanted = codes(query.all("status"), allowed=STATUSES, element="status")
    rows = [row for row in rows_of(call, query, "CarePlan") if row.care_plan]
    found = [row for row in rows if not wanted or _status(row) in wanted]
    return [care_plan(call, row) for row in found[: query.count]]


def care_plan(call: Call, row: Referral) -> Resource:
    """The plan of a referral as a resource."""
    call.about(person_id=row.person_id, subject=f"referral/{row.id}")
    plan = row.care_plan or {}
    told: Resource = {
        "resourceType": "CarePlan",
        "id": str(row.id),
        "meta": {"versionId": str(version_of(call, row))},
        "status": _status(row),
        "intent": "plan",
        "subject": reference("Patient", row.person_id),
        "created": row.written_at.astimezone(CHINA).isoformat(timespec="seconds"),
        "author": reference("Organization", row.sender_id),
        "supportingInfo": [reference("ServiceRequest", row.id)],
    }
    if plan.get("summary"):
        told["description"] = plan["summary"]
    activities = [
        {"kind": kind, "status": status, "description": each}
        for name, kind, status in _ACTIVITIES
        for each in plan.get(name, ())
    ]
    if plan.get("next_visit"):
        activities.append({"kind": "Appointment", "status": "scheduled", "scheduledString": plan["next_visit"]})
    if activities:
        told["activity"] = [{"detail": detail} for detail in activities]
    if plan.get("warning_signs"):
        told["note"] = [{"text": each} for each in plan["warning_signs"]]
    return told


def _status(row: Referral) -> str:
    return _STATUS.get(row.state, "active")


CARE_PLAN = ResourceType(
    "CarePlan",
    parameters={
        "_id": Parameter("token", "our logical id, the ServiceRequest's"),
        "patient": Parameter("reference", "Patient/…"),
        "status": Parameter("token", ", ".join(STATUSES)),
    },
    read=read,
    search=search,
)
