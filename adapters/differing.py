"""Where two messages under one key differ: the first element, named as the door names its elements."""

from typing import Any

import msgspec

ALL = "body"


def first_difference(before: bytes, now: bytes, inside: str = "") -> str:
    """The path of the first element that is not the same ("lines[2].quantity"), ALL when one cannot be read.

    `inside` is a member to look into, as `input` of the national interface.
    """
    try:
        one, other = msgspec.json.decode(before), msgspec.json.decode(now)
    except msgspec.DecodeError:
        return ALL
    if inside and isinstance(one, dict) and isinstance(other, dict):
        one, other = one.get(inside), other.get(inside)
    return _differing(one, other, inside) or ALL


def _differing(one: Any, other: Any, path: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            found = _differing(one.get(name), other.get(name), f"{path}.{name}" if path else str(name))
            if found:
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list):
        for place in range(max(len(one), len(other))):
            if place >= min(len(one), len(other)):
                return f"{path}[{place}]"
            found = _differing(one[place], other[place], f"{path}[{place}]")
            if found:
                return found
        return ""
    return "" if one == other else path
