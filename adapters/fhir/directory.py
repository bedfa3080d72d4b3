"""Organization, Location (a department), HealthcareService and Practitioner: what others refer to."""

from adapters.fhir.outcome import ResourceUnknown
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType, reference, target_of
from adapters.fhir.search import token
from adapters.fhir.systems import INSTITUTION, SERVICE
from adapters.fhir.systems import PRACTITIONER as PRACTITIONER_NUMBER
from hub import directory, trust
from hub.directory import Department, Organisation, Practitioner, Service
from hub.faults import Missing, Unknown


def read_organization(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "directory.read")
    try:
        return organization(directory.organisation(call.session, logical_id))
    except Unknown:
        raise ResourceUnknown(reference=f"Organization/{logical_id}") from None


def search_organizations(call: Call, query: Query) -> list[Resource]:
    """All institutions, or the one with a code. Refuses: NotAllowed, Invalid."""
    trust.require(call.caller, "directory.read")
    rows = directory.organisations(call.session)
    if (said := query.one("identifier")) is not None:
        _, code = token(said, system=INSTITUTION, element="identifier")
        rows = [row for row in rows if row.id == code]
    return [organization(row) for row in rows[: query.count]]


def read_location(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "directory.read")
    try:
        return location(directory.department(call.session, logical_id))
    except Unknown:
        raise ResourceUnknown(reference=f"Location/{logical_id}") from None


def search_locations(call: Call, query: Query) -> list[Resource]:
    """The departments of an institution. Refuses: NotAllowed, Missing."""
    return [location(row) for row in directory.departments(call.session, _of(call, query))][: query.count]


def read_service(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "directory.read")
    try:
        return service(directory.service(call.session, logical_id))
    except Unknown:
        raise ResourceUnknown(reference=f"HealthcareService/{logical_id}") from None


def search_services(call: Call, query: Query) -> list[Resource]:
    """What an institution offers. Refuses: NotAllowed, Missing."""
    return [service(row) for row in directory.services(call.session, _of(call, query))][: query.count]


def read_practitioner(call: Call, logical_id: str) -> Resource:
    """Refuses: NotAllowed, ResourceUnknown."""
    trust.require(call.caller, "directory.read")
    try:
        return practitioner(directory.practitioner(call.session, logical_id))
    except Unknown:
        raise ResourceUnknown(reference=f"Practitioner/{logical_id}") from None


def organization(row: Organisation) -> Resource:
    return {
        "resourceType": "Organization",
        "id": row.id,
        "identifier": [{"system": INSTITUTION, "value": row.id}],
        "active": True,
        "name": row.name,
        "alias": [row.name_en],
        **({"telecom": [{"system": "phone", "value": row.telephone}]} if row.telephone else {}),
        **({"address": [{"text": row.address}]} if row.address else {}),
    }


def location(row: Department) -> Resource:
    return {
        "resourceType": "Location",
        "id": row.id,
        "status": "active",
        "name": row.name,
        "alias": [row.name_en],
        **({"description": row.location} if row.location else {}),
        "managingOrganization": reference("Organization", row.organisation_id),
    }


def service(row: Service) -> Resource:
    return {
        "resourceType": "HealthcareService",
        "id": row.id,
        "identifier": [{"system": SERVICE, "value": row.id}],
        "active": True,
        "providedBy": reference("Organization", row.organisation_id),
        "location": [reference("Location", row.department_id)],
        "name": row.name,
        "comment": row.name_en,
    }


def practitioner(row: Practitioner) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": row.id,
        "identifier": [{"system": PRACTITIONER_NUMBER, "value": row.id}],
        "active": True,
        "name": [{"text": row.name, **({"suffix": [row.title]} if row.title else {})}],
    }


def _of(call: Call, query: Query) -> str:
    trust.require(call.caller, "directory.read")
    said = query.one("organization")
    if said is None:
        raise Missing(element="organization", allowed="Organization/…")
    return target_of(said, "Organization", "organization")


_ORGANIZATION_PARAMETER = {"organization": Parameter("reference", "Organization/…")}

ORGANIZATION = ResourceType(
    "Organization",
    parameters={"identifier": Parameter("token", "the 12-character institution code")},
    read=read_organization,
    search=search_organizations,
)
LOCATION = ResourceType("Location", parameters=_ORGANIZATION_PARAMETER, read=read_location, search=search_locations)
SERVICES = ResourceType(
    "HealthcareService", parameters=_ORGANIZATION_PARAMETER, read=read_service, search=search_services
)
PRACTITIONER = ResourceType("Practitioner", read=read_practitioner)
