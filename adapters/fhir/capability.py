"""The CapabilityStatement, made from the table of resource types: it cannot say what is not there."""

from adapters.fhir.calling import MEDIA_TYPE, Incoming, Table
from adapters.fhir.resources import Resource, ResourceType

FHIR_VERSION = "4.0.1"


def statement(table: Table, said: Incoming) -> Resource:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "software": {"name": "OneCard Hub"},
        "implementation": {"description": "OneCard Hub", "url": said.base},
        "fhirVersion": FHIR_VERSION,
        "format": [MEDIA_TYPE],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Authorization: Bearer, a token of one hospital system"},
                "resource": [_resource(one) for one in table.values()],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def _resource(one: ResourceType) -> Resource:
    interactions = {
        "read": one.read,
        "search-type": one.search,
        "create": one.create,
        "update": one.update,
        "history-instance": one.history,
        "vread": one.history,
    }
    told: Resource = {
        "type": one.name,
        "interaction": [{"code": code} for code, offered in interactions.items() if offered],
        "versioning": "versioned-update" if one.update else "no-version",
        "conditionalCreate": one.conditional_create,
        "readHistory": one.history is not None,
        "updateCreate": False,
    }
    if one.includes:
        told["searchInclude"] = list(one.includes)
    if one.operations:
        definition = "http://hl7.org/fhir/OperationDefinition/"
        told["operation"] = [
            {"name": name.removeprefix("$"), "definition": f"{definition}{one.name}-{name.removeprefix('$')}"}
            for name in one.operations
        ]
    if one.parameters:
        told["searchParam"] = [
            {"name": name, "type": parameter.type, "documentation": parameter.says}
            for name, parameter in one.parameters.items()
        ]
    return told
