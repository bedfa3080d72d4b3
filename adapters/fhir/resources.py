"""What a resource type of this server is; the CapabilityStatement and the routes follow from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from adapters.fhir.outcome import ResourceUnknown, TargetUnknown
from hub.faults import Invalid
from hub.trust import Caller

Resource = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One call as a resource sees it. `base` is the address of this server; the rest goes into the audit row."""

    session: Session
    caller: Caller
    base: str
    if_match: str | None = None
    if_none_exist: str | None = None
    person_id: int | None = None
    subject: str | None = None

    def about(self, *, person_id: int | None = None, subject: str | None = None) -> None:
        self.person_id, self.subject = person_id, subject


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter: its FHIR type (token, reference, date, number) and what it searches."""

    type: str
    says: str


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a search, each with all the values given, in order."""

    values: Mapping[str, tuple[str, ...]]
    count: int

    def one(self, name: str) -> str | None:
        found = self.values.get(name, ())
        if len(found) > 1:
            raise Invalid(element=name, found=", ".join(found), allowed="1")
        return found[0] if found else None

    def all(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())


@dataclass(frozen=True, slots=True)
class ResourceType:
    """`create` answers the resource and whether it is new; an operation ($submit) takes one and answers another.

    `history` answers every version, the newest first.
    """

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    includes: tuple[str, ...] = ()
    read: Callable[[Call, str], Resource] | None = None
    search: Callable[[Call, Query], list[Resource]] | None = None
    create: Callable[[Call, Resource], tuple[Resource, bool]] | None = None
    update: Callable[[Call, str, Resource], Resource] | None = None
    history: Callable[[Call, str], list[Resource]] | None = None
    operations: Mapping[str, Callable[[Call, Resource], Resource]] = field(default_factory=dict)
    conditional_create: bool = False


def number_of(resource_type: str, logical_id: str) -> int:
    """Our id behind a logical id. Refuses: ResourceUnknown, since what is not a number was never given."""
    if logical_id.isascii() and logical_id.isdigit() and len(logical_id) < 19:
        return int(logical_id)
    raise ResourceUnknown(reference=f"{resource_type}/{logical_id}")


def target_of(reference: Any, resource_type: str, element: str) -> str:
    """The logical id that a Reference (or its text) points at. Refuses: Invalid."""
    said = reference.get("reference", "") if isinstance(reference, dict) else str(reference)
    head, _, logical_id = said.partition("/")
    if head != resource_type or not logical_id or "/" in logical_id:
        raise Invalid(element=element, found=said, allowed=f"{resource_type}/…")
    return logical_id


def numbered_target(reference: Any, resource_type: str, element: str) -> int:
    """The same where our ids are numbers. Refuses: Invalid, TargetUnknown."""
    logical_id = target_of(reference, resource_type, element)
    try:
        return number_of(resource_type, logical_id)
    except ResourceUnknown:
        raise TargetUnknown(element=element, reference=f"{resource_type}/{logical_id}") from None


def reference(resource_type: str, logical_id: object, display: str | None = None) -> Resource:
    pointed: Resource = {"reference": f"{resource_type}/{logical_id}"}
    if display:
        pointed["display"] = display
    return pointed


def coding_of(concept: Any, system: str) -> str | None:
    """The code that a CodeableConcept has in a system."""
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    return next((one.get("code") for one in codings if one.get("system") == system), None)


def coded(system: str, code: str, display: str | None = None) -> Resource:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def text_of(concept: Any) -> str:
    """What a CodeableConcept says: its text, else the display or code of its first coding."""
    if not isinstance(concept, dict):
        return ""
    coding = next(iter(concept.get("coding", [])), {})
    return concept.get("text") or coding.get("display") or coding.get("code") or ""
