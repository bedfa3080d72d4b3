"""What people and programs send that they should not."""

import json
from collections.abc import Iterator
from typing import Any

NUL, LONE = "\u0000", "\ud800"

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1.5,
    "",
    "   ",
    "150.105",
    "-0.01",
    "NaN",
    "2026-02-30",
    "2026-11-23T09:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    f"a{NUL}b",
    f"a{LONE}b",
    "'; DROP TABLE person; --",
    "x" * 70_000,
    [],
    {},
    [[[]]],
    {"a": {"a": 1}},
]
"""In the place of any field, whatever its type."""

TEXTS = [
    "",
    "-1",
    "0",
    "9" * 40,
    "1.5",
    "NaN",
    "１２",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    f"a{NUL}b",
    "x" * 5000,
    "%",
    "'",
]
"""In the place of any field of a form or of a query."""

IDS = [
    "0",
    "-1",
    "1e3",
    "NaN",
    "１",
    str(2**31),
    str(2**63),
    "9" * 40,
    "%00",
    "a%00b",
    "..%2f..",
    "%ed%a0%80",
    "x" * 2000,
]
"""In the place of an id in an address, already quoted."""

UNKNOWN_ID = "999999999999"

BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n",
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "number": b"1e400",
    "half": b'{"a": ',
    "two": b"{}{}",
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 20_000,
    "NaN": b'{"slot_id": NaN}',
    "bytes": b"\xff\xfe\x00\x01",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "utf-8 with mark": b"\xef\xbb\xbf{}",
    "raw NUL": b'{"reason": "a\x00b"}',
    "gb18030": '{"reason": "胸闷"}'.encode("gb18030"),
    "long number": b'{"slot_id": ' + b"9" * 100_000 + b"}",
    "form": b"slot_id=1&person_id=2",
}
"""What is no document of any kind that a door takes."""

LONG_TEXT = "长" * 1_700_000
"""Five megabytes of Chinese."""


def encoded(document: Any) -> bytes:
    """JSON with whatever Python can hold: lone surrogates and NULs stand escaped, NaN as itself."""
    return json.dumps(document, ensure_ascii=True).encode()


def mutated(document: Any, *, values: list[Any] | None = None) -> Iterator[tuple[str, Any]]:
    """The document with one node at a time left out, renamed, doubled or replaced; and where."""
    for path in _paths(document):
        where = ".".join(str(step) for step in path)
        yield f"{where} left out", _changed(document, path, remove=True)
        for value in values if values is not None else VALUES:
            shown = repr(value)
            yield f"{where} = {shown if len(shown) < 40 else shown[:20] + '…'}", _changed(document, path, value=value)
    if isinstance(document, dict):
        yield "an unknown member", document | {"unknownMember": 1}


def _paths(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, inner in steps:
        yield (*at, step)
        yield from _paths(inner, (*at, step))


def _changed(node: Any, path: tuple[Any, ...], *, value: Any = None, remove: bool = False) -> Any:
    copy = dict(node) if isinstance(node, dict) else list(node)
    step, *rest = path
    if rest:
        copy[step] = _changed(copy[step], tuple(rest), value=value, remove=remove)
    elif remove:
        del copy[step]
    else:
        copy[step] = value
    return copy
