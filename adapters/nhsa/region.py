"""One region's way of speaking the national interface: what it serves, signs with, and calls things.

Data in regions/<area>.toml and codes/*.toml; another province's dialect is another file.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOME_AREA = "420500"


@dataclass(frozen=True, slots=True)
class CodeList:
    """The values a coded field may take, each with its name."""

    name: str
    zh: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    area: str
    name: str
    signing: str
    signing_window_minutes: int
    sign_in_required: bool
    code_lists: tuple[str, ...]
    file_bytes: str
    file_days: int
    balanced: str
    unbalanced: str
    lines_at_most: int
    served: frozenset[str]
    diseases: dict[str, str]
    codes: dict[str, CodeList]


@cache
def region(area: str) -> Region:
    """The region's settings with its code lists read in."""
    said = _read(HERE / "regions" / f"{area}.toml")
    said["served"] = frozenset(said["served"])
    said["code_lists"] = tuple(said["code_lists"])
    return Region(**said, codes=_code_lists(said["code_lists"]))


@cache
def names() -> dict[str, str]:
    """Every transaction of the national interface by number: what is not served is refused by its name."""
    return {str(infno): zh for infno, zh in _read(HERE / "codes" / "names.toml").items()}


def _code_lists(files: tuple[str, ...]) -> dict[str, CodeList]:
    lists: dict[str, CodeList] = {}
    for file in files:
        for name, entries in _read(HERE / "codes" / f"{file}.toml").items():
            zh = entries.pop("zh", "")
            lists.setdefault(name, CodeList(name, zh, {})).values.update(entries)
    return lists


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)
