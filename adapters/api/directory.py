"""Institutions and what they offer."""

import msgspec

from adapters.api.operations import Call, operation
from hub import directory, trust
from hub.directory import OrganisationUnknown


class OrganisationView(msgspec.Struct):
    """`level` is the hospital's level for the insurance: 3 tertiary to 0 primary."""

    id: str
    name: str
    name_en: str
    tier: str
    level: int
    district: str
    address: str
    telephone: str


class DepartmentView(msgspec.Struct):
    id: str
    name: str
    name_en: str
    location: str


class PractitionerView(msgspec.Struct):
    id: str
    name: str
    title: str
    department_id: str | None


class ServiceView(msgspec.Struct):
    id: str
    code: str
    name: str
    name_en: str
    department_id: str


@operation("GET", "/organisations", tag="directory", answer=list[OrganisationView])
def organisations(call: Call[None]) -> list[OrganisationView]:
    """The institutions of the region, highest level first."""
    trust.require(call.caller, "directory.read")
    return [
        OrganisationView(r.id, r.name, r.name_en, r.tier, r.level, r.district, r.address, r.telephone)
        for r in directory.organisations(call.session)
    ]


@operation(
    "GET",
    "/organisations/{organisation_id}/departments",
    tag="directory",
    answer=list[DepartmentView],
    names=(OrganisationUnknown,),
)
def departments(call: Call[None]) -> list[DepartmentView]:
    """The departments of an institution."""
    rows = directory.departments(call.session, _organisation(call))
    return [DepartmentView(r.id, r.name, r.name_en, r.location) for r in rows]


@operation(
    "GET",
    "/organisations/{organisation_id}/practitioners",
    tag="directory",
    answer=list[PractitionerView],
    names=(OrganisationUnknown,),
)
def practitioners(call: Call[None]) -> list[PractitionerView]:
    """The practitioners of an institution."""
    rows = directory.practitioners(call.session, _organisation(call))
    return [PractitionerView(r.id, r.name, r.title, r.department_id) for r in rows]


@operation(
    "GET",
    "/organisations/{organisation_id}/services",
    tag="directory",
    answer=list[ServiceView],
    names=(OrganisationUnknown,),
)
def services(call: Call[None]) -> list[ServiceView]:
    """What an institution offers for booking."""
    rows = directory.services(call.session, _organisation(call))
    return [ServiceView(r.id, r.code, r.name, r.name_en, r.department_id) for r in rows]


def _organisation(call: Call[None]) -> str:
    trust.require(call.caller, "directory.read")
    return directory.organisation(call.session, call.path["organisation_id"]).id
