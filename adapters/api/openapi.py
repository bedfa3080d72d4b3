"""openapi/api.json from the table of operations: `python -m adapters.api.openapi` writes it, a test compares it."""

import re
from http import HTTPStatus
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from adapters import api
from adapters.api.operations import OPERATIONS, Operation
from adapters.api.problems import MEDIA_TYPE, Problem

FILE = Path(__file__).parents[2] / "openapi" / "api.json"
_REF = "#/components/schemas/{name}"
_IN_PATH = re.compile(r"\{(\w+)(:int|:key)?\}")

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The same key with the same request is done once and answered again; a retry is then harmless.",
}


def document() -> dict[str, Any]:
    """The description of every operation (OpenAPI 3.1)."""
    types: list[Any] = [Problem]
    for one in OPERATIONS:
        types += [part for part in (one.body, one.answer) if part is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    for described in components.values():
        if "description" in described:
            described["description"] = cleandoc(described["description"])  # Python before 3.13 keeps the indentation
    schema_of = {id(part): schema for part, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        path = api.PREFIX + _IN_PATH.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _described(one, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OneCard Hub JSON API", "version": "1", "summary": "People, booking, referrals, results"},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def text() -> str:
    """The document as it is checked in."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"


def _described(one: Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tags": [one.tag],
        "operationId": one.verb,
        "summary": one.summary,
        "parameters": _parameters(one),
        "responses": {
            str(one.status): _answer(one, schema_of),
            "default": {
                "description": "A refusal (RFC 9457), by its code and kind, in Chinese and English.",
                "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
            },
        },
    }
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema_of[id(one.body)]}}}
    return told


def _answer(one: Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(one.status).phrase}
    if one.answer is not None:
        told["content"] = {"application/json": {"schema": schema_of[id(one.answer)]}}
    return told


def _parameters(one: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer" if kind == ":int" else "string"}}
        for name, kind in _IN_PATH.findall(one.path)
    ]
    if one.query is not None:
        (schema,), components = msgspec.json.schema_components([one.query])
        described = components[schema["$ref"].rpartition("/")[2]]
        required = described.get("required", [])
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": part}
            for name, part in described["properties"].items()
        ]
    if one.method == "POST":
        found.append(_KEY | {"required": one.stands is not None})
    return found


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
