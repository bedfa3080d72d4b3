"""A message taken apart for reading: every field with its position and value, what is private masked.

This is for eyes, not for processing: whatever does not look like ER7 or JSON is shown as it came.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from hub.units import masked_name, masked_number

_NAMES = frozenset({"PID-5", "PID-9", "NK1-2"})
_NUMBERS = frozenset({"PID-2", "PID-3", "PID-4", "PID-11", "PID-13", "PID-14", "PID-18", "PID-19", "NK1-4", "NK1-5"})
_NAME_KEYS = frozenset({"name_of_person", "psn_name", "patn_name"})
_NUMBER_KEYS = frozenset(
    {"card", "certno", "telephone", "tel", "mrn", "psn_no", "mdtrt_cert_no", "psn_cert_no", "address", "card_sn"}
)
_SHOWN_FIELDS = 400


class Field(NamedTuple):
    """`position` is PID-3 or a path as input.data.psn_no; `suspect` marks the one a refusal names."""

    position: str
    value: str
    suspect: bool = False


def fields_of(text: str, *, suspect: str = "") -> list[Field]:
    """The fields that hold something; `suspect` is a sentence that may name one of them."""
    if text.lstrip().startswith(("MSH", "FHS", "BHS")):
        found = list(_er7(text))
    elif text.lstrip().startswith(("{", "[")):
        found = list(_json(text))
    else:
        found = []
    return [Field(f.position, f.value, _names(suspect, f.position)) for f in found[:_SHOWN_FIELDS]]


def snapshot_fields(snapshot: dict[str, Any]) -> list[Field]:
    """The leaves of a snapshot, with the person's name and numbers masked."""
    return list(_leaves(snapshot, ""))


def masked_text(text: str) -> str:
    """A message as it came, with private values masked."""
    if text.lstrip().startswith("MSH"):
        return "\n".join(_masked_line(line, _separator(text)) for line in text.replace("\r\n", "\r").split("\r"))
    return re.sub(r"(?<!\d)(\d{4})\d{7,10}([\dXx]{4})(?!\d)", r"\1**********\2", text)


def _er7(text: str) -> Iterator[Field]:
    separator = _separator(text)
    seen: dict[str, int] = {}
    for line in re.split(r"[\r\n]+", text.strip()):
        parts = line.split(separator)
        name = parts[0][:3]
        seen[name] = seen.get(name, 0) + 1
        label = name if seen[name] == 1 else f"{name}[{seen[name]}]"
        offset = 1 if name in ("MSH", "FHS", "BHS") else 0
        for number, value in enumerate(parts[1:], start=1 + offset):
            if value and not (offset and number == 2):
                yield Field(f"{label}-{number}", _masked(f"{name}-{number}", value))


def _masked(position: str, value: str) -> str:
    if position in _NAMES:
        return "~".join(_masked_person(each) for each in value.split("~"))
    if position in _NUMBERS:
        return "~".join(_masked_first(each) for each in value.split("~"))
    return value


def _masked_person(value: str) -> str:
    """Family name kept, the rest starred, whether it came in one component or in several."""
    family, separator, given = value.partition("^")
    return family + separator + "".join("^" if c == "^" else "*" for c in given) if separator else masked_name(family)


def _masked_first(value: str) -> str:
    head, separator, rest = value.partition("^")
    return masked_number(head) + separator + rest


def _masked_line(line: str, separator: str) -> str:
    parts = line.split(separator)
    return separator.join([parts[0], *(_masked(f"{parts[0]}-{n}", value) for n, value in enumerate(parts[1:], 1))])


def _separator(text: str) -> str:
    return text.lstrip()[3:4] or "|"


def _json(text: str) -> Iterator[Field]:
    try:
        yield from _leaves(json.loads(text), "")
    except ValueError:
        return


def _leaves(value: Any, path: str) -> Iterator[Field]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    elif value not in (None, ""):
        yield Field(path, _masked_leaf(path, str(value)))


def _masked_leaf(path: str, value: str) -> str:
    key = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
    if key in _NAME_KEYS or path.endswith(("person.name", "demographics.name")):
        return masked_name(value)
    return masked_number(value) if key in _NUMBER_KEYS else value


def _names(sentence: str, position: str) -> bool:
    return bool(sentence) and re.search(rf"(?<![\w-]){re.escape(position)}(?!\d)", sentence) is not None
