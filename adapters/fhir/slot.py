"""Slot and Schedule: what can be booked. A search is as fresh as its answer; only booking decides."""

from datetime import timedelta

from adapters.fhir.outcome import ResourceUnknown
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType, number_of, reference, target_of
from adapters.fhir.search import codes, days
from adapters.fhir.systems import SERVICE
from hub import booking, trust
from hub.booking import Offer, Schedule, SlotUnknown
from hub.directory import Department, Practitioner, Service
from hub.faults import Invalid
from hub.units import CHINA, day_of

STATUSES = ("free", "busy", "busy-unavailable")
_ACTORS = {
    "HealthcareService": "service_id",
    "Practitioner": "practitioner_id",
    "Organization": "organisation_id",
    "Location": "department_id",
}
_ACTORS_SAY = "Organization, Location (department), HealthcareService, Practitioner"


def read_slot(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "booking.read")
    try:
        return slot(booking.offer(call.session, number_of("Slot", logical_id), at=call.caller.at))
    except SlotUnknown:
        raise ResourceUnknown(reference=f"Slot/{logical_id}") from None


def search_slots(call: Call, query: Query) -> list[Resource]:
    """Slots that have not begun, of the coming week unless `start` says otherwise. Refuses: NotAllowed, Invalid."""
    trust.require(call.caller, "booking.read")
    wanted = codes(query.all("status"), allowed=STATUSES, element="status")
    span = days(query.all("start"), element="start")
    first = span.first or day_of(call.caller.at)
    filters: dict[str, object] = {}
    if (said := query.one("schedule")) is not None:
        filters["schedule_id"] = number_of("Schedule", target_of(said, "Schedule", "schedule"))
    for said in query.all("schedule.actor"):
        filters |= _actor(said, "schedule.actor")
    found = booking.search(
        call.session,
        call.caller,
        day_from=first,
        day_to=span.last or first + timedelta(days=6),
        only_free=wanted == ("free",),
        **filters,  # type: ignore[arg-type]
    )
    rows = [offer for offer in found if span.holds(offer.start_at) and (not wanted or status(offer) in wanted)]
    rows = rows[: query.count]
    resources = [slot(offer) for offer in rows]
    if query.all("_include"):
        ids = {offer.schedule_id for offer in rows}
        resources += [schedule(call, row) for row in booking.schedules(call.session, call.caller, ids=ids)]
    return resources


def read_schedule(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "booking.read")
    row = call.session.get(Schedule, number_of("Schedule", logical_id))
    if row is None:
        raise ResourceUnknown(reference=f"Schedule/{logical_id}")
    return schedule(call, row)


def search_schedules(call: Call, query: Query) -> list[Resource]:
    """Refuses: NotAllowed, Invalid."""
    trust.require(call.caller, "booking.read")
    filters: dict[str, object] = {}
    for said in query.all("actor"):
        filters |= _actor(said, "actor")
    rows = booking.schedules(call.session, call.caller, limit=query.count, **filters)  # type: ignore[arg-type]
    return [schedule(call, row) for row in rows]


def status(offer: Offer) -> str:
    """A word of slotstatus: a stopped clinic is busy-unavailable, a full one busy."""
    if offer.state == "blocked":
        return "busy-unavailable"
    return "free" if offer.available > 0 else "busy"


def slot(offer: Offer) -> Resource:
    """A slot as a resource; how many places are left is in `comment`, since a Slot of FHIR has one."""
    return {
        "resourceType": "Slot",
        "id": str(offer.slot_id),
        "serviceType": [_service(offer.service_id, offer.service_name)],
        "appointmentType": {"text": "转诊专用" if offer.pool == "referral" else "普通号源"},
        "schedule": reference("Schedule", offer.schedule_id),
        "status": status(offer),
        "start": offer.start_at.astimezone(CHINA).isoformat(),
        "end": offer.end_at.astimezone(CHINA).isoformat(),
        "comment": f"余 {max(0, offer.available)} / 共 {offer.capacity}，挂号费 {offer.fee} 元",
    }


def schedule(call: Call, row: Schedule) -> Resource:
    """A template as a resource: who, where, which service, in which months."""
    service = call.session.get_one(Service, row.service_id)
    department = call.session.get_one(Department, row.department_id)
    actors = [
        reference("HealthcareService", service.id, service.name),
        reference("Location", department.id, department.name),
    ]
    if row.practitioner_id is not None:
        practitioner = call.session.get_one(Practitioner, row.practitioner_id)
        actors.insert(0, reference("Practitioner", practitioner.id, practitioner.name))
    horizon = {"start": row.since.isoformat()}
    if row.until is not None:
        horizon["end"] = row.until.isoformat()
    return {
        "resourceType": "Schedule",
        "id": str(row.id),
        "active": True,
        "serviceType": [_service(service.id, service.name)],
        "actor": actors,
        "planningHorizon": horizon,
    }


def _service(service_id: str, name: str) -> Resource:
    return {"coding": [{"system": SERVICE, "code": service_id, "display": name}], "text": name}


def _actor(said: str, element: str) -> dict[str, str]:
    kind = said.partition("/")[0]
    if kind not in _ACTORS:
        raise Invalid(element=element, found=said, allowed=", ".join(f"{kind}/…" for kind in _ACTORS))
    return {_ACTORS[kind]: target_of(said, kind, element)}


SLOT = ResourceType(
    "Slot",
    parameters={
        "schedule": Parameter("reference", "the schedule a slot belongs to"),
        "schedule.actor": Parameter("reference", _ACTORS_SAY),
        "start": Parameter("date", "ge, le, gt, lt; a day is a day in China"),
        "status": Parameter("token", "free, busy, busy-unavailable"),
    },
    includes=("Slot:schedule",),
    read=read_slot,
    search=search_slots,
)
SCHEDULE = ResourceType(
    "Schedule",
    parameters={"actor": Parameter("reference", _ACTORS_SAY)},
    read=read_schedule,
    search=search_schedules,
)
