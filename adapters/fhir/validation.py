"""Whether a resource that is sent conforms to R4 (4.0.1).

fhir.resources carries the required bindings, required elements and reference targets of every
element but does not enforce them, so they are compiled once into a JSON Schema; its R4B models then
check what a schema cannot (real dates, one value[x]). A resource is never dumped from the models:
they lose the decimals of a number.
"""

import re
from functools import cache
from typing import Any

import jsonschema_rs
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from adapters.fhir.outcome import Issue, ResourceInvalid

MOST_ISSUES = 20

_TEXT = r"^[ \r\n\t\S]+$"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_DAY = r"([0-9]{4})(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"

# http://hl7.org/fhir/R4/datatypes.html#primitive
_PRIMITIVES: dict[str, dict[str, Any]] = {
    "Id": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
    "Code": {"type": "string", "pattern": r"^\S+(\s\S+)*$"},
    "String": {"type": "string", "pattern": _TEXT, "maxLength": 1_048_576},
    "Markdown": {"type": "string", "pattern": _TEXT, "maxLength": 1_048_576},
    "Uri": {"type": "string", "pattern": r"^\S+$"},
    "Url": {"type": "string", "pattern": r"^\S+$"},
    "Canonical": {"type": "string", "pattern": r"^\S+$"},
    "Oid": {"type": "string", "pattern": r"^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$"},
    "Uuid": {"type": "string", "pattern": r"^urn:uuid:[0-9a-f-]{36}$"},
    "Instant": {"type": "string", "pattern": rf"^{_DAY}T{_CLOCK}{_ZONE}))$"},
    "DateTime": {"type": "string", "pattern": rf"^{_DAY}(T{_CLOCK}{_ZONE})?)?)?$"},
    "Date": {"type": "string", "pattern": rf"^{_DAY})?)?$"},
    "Time": {"type": "string", "pattern": rf"^{_CLOCK}$"},
    "Base64Binary": {"type": "string"},
    "Integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "PositiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "UnsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "Xhtml": {"type": "string", "pattern": r"(?is)^<div(?!.*(<script|<iframe|javascript:|\son\w+\s*=)).*</div>$"},
}
_EXTENSION = {"type": "object", "required": ["url"], "properties": {"url": _PRIMITIVES["Uri"]}}
_ANYTHING = {"type": "object"}

# The library lists only the first codes of these value sets.
_COMPLETE = {
    ("Task", "status"): [
        *("draft", "requested", "received", "accepted", "rejected", "ready"),
        *("cancelled", "in-progress", "on-hold", "failed", "completed", "entered-in-error"),
    ],
}
# An element that changes the meaning of the others and that we would have to understand.
_REFUSED = ("modifierExtension", "implicitRules", "contained")

_TYPE = re.compile(r"abc\.(\w+)Type\b")
_PRIMITIVE = re.compile(r"\b(\w+)\([^)]*\)\]")
_ISSUE_OF = {
    "required": "required",
    "enum": "code-invalid",
    "additionalProperties": "structure",
    "type": "structure",
    "false": "not-supported",
}


def check(resource: Any, *, expected: str) -> None:
    """Refuses: ResourceInvalid with every issue found (at most MOST_ISSUES)."""
    if not isinstance(resource, dict) or resource.get("resourceType") != expected:
        found = resource.get("resourceType") if isinstance(resource, dict) else type(resource).__name__
        raise ResourceInvalid([Issue("resourceType", "structure", f"{found!r}; expected {expected}")])
    issues = [_issue(expected, error) for error in _validator(expected).iter_errors(resource)]
    if issues:
        raise ResourceInvalid(sorted(issues, key=lambda issue: issue.expression)[:MOST_ISSUES])
    try:
        get_fhir_model_class(expected).model_validate(resource)
    except ValidationError as wrong:
        found = [Issue(_expression(expected, e["loc"]), "invariant", e["msg"]) for e in wrong.errors()]
        raise ResourceInvalid(found[:MOST_ISSUES]) from None


@cache
def _validator(name: str) -> Any:
    definitions: dict[str, Any] = {"Extension": _EXTENSION}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in definitions:
            definitions[current] = _schema_of(current)
            waiting += [used for used in definitions[current].pop("used") if used not in definitions]
    return jsonschema_rs.validator_for({"$ref": f"#/definitions/{name}", "definitions": definitions})


def _schema_of(name: str) -> dict[str, Any]:
    """The schema of one type; `used` names the types it refers to."""
    properties: dict[str, Any] = {"resourceType": {"type": "string"}, "fhir_comments": True}
    required, used = [], set()
    for field in get_fhir_model_class(name).model_fields.values():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        alias = field.alias or ""
        if alias in _REFUSED:
            properties[alias] = False
        elif alias not in properties:
            properties[alias] = _element(name, alias, str(field.annotation), extra, used)
        if extra.get("element_required") or (field.is_required() and alias not in ("", "resourceType")):
            required.append(alias)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "used": used,
    }


def _element(name: str, alias: str, annotation: str, extra: dict[str, Any], used: set[str]) -> dict[str, Any] | bool:
    if alias.startswith("_"):
        return True
    complex_type = _TYPE.search(annotation)
    if complex_type is not None and complex_type[1] == "Reference":
        schema = _reference(extra.get("enum_reference_types") or [])
    elif complex_type is not None and complex_type[1] in ("Resource", "FHIRPrimitiveExtension"):
        schema = _ANYTHING
    elif complex_type is not None:
        used.add(complex_type[1])
        schema = {"$ref": f"#/definitions/{complex_type[1]}"}
    else:
        schema = _primitive(annotation)
        codes = _COMPLETE.get((name, alias)) or extra.get("enum_values") or []
        if codes and not {"+", "etc."} & set(codes):
            schema = {"type": "string", "enum": codes}
    if "List[" in annotation:
        return {"type": "array", "minItems": 1, "items": schema}
    return schema


def _primitive(annotation: str) -> dict[str, Any]:
    if "Xhtml" in annotation:
        return _PRIMITIVES["Xhtml"]
    named = _PRIMITIVE.search(annotation)
    if named is not None and named[1] in _PRIMITIVES:
        return _PRIMITIVES[named[1]]
    if "bool" in annotation:
        return {"type": "boolean"}
    return {"type": "number"} if "Decimal" in annotation else {}


def _reference(targets: list[str]) -> dict[str, Any]:
    """A reference within this server names an allowed type; absolute and urn references cannot be judged."""
    types = "[A-Z][A-Za-z]+" if not targets or "Resource" in targets else "|".join(targets)
    pattern = rf"^(urn:(uuid|oid):\S+|https?://\S+|#\S*|({types})/[A-Za-z0-9\-.]{{1,64}}(/_history/\S+)?)$"
    return {
        "type": "object",
        "properties": {
            "reference": {"type": "string", "pattern": pattern},
            "type": _PRIMITIVES["Uri"],
            "identifier": _ANYTHING,
            "display": _PRIMITIVES["String"],
            "id": _PRIMITIVES["String"],
            "extension": {"type": "array", "items": _EXTENSION},
        },
        "additionalProperties": False,
    }


def _issue(resource_type: str, error: Any) -> Issue:
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    path = list(error.instance_path)
    if keyword == "required":
        path.append(error.message.split('"')[1])
    if error.message.startswith("False schema"):
        keyword = "false"
    return Issue(_expression(resource_type, path), _ISSUE_OF.get(keyword, "value"), error.message)


def _expression(resource_type: str, path: Any) -> str:
    said = resource_type
    for step in path:
        said += f"[{step}]" if isinstance(step, int) else f".{step}"
    return said
