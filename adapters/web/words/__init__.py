"""The words of the pages as data: one TOML file a face, each entry a pair [Chinese, English].

Both languages stand on one line, so that neither can be forgotten. A word may have places in
braces; a place filled with plain text is escaped, one filled with Markup is kept.
"""

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

LANGUAGES = ("zh", "en")
DEFAULT = "zh"

Words = Callable[..., Markup]


@cache
def dictionary() -> dict[str, tuple[str, str]]:
    """Every word of every face: "home.next" -> (Chinese, English)."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for section, entries in tomllib.loads(path.read_text("utf-8")).items():
            for name, pair in entries.items():
                key = f"{section}.{name}"
                if key in found:
                    raise ValueError(f"{path.name}: {key} is defined twice")
                found[key] = (pair[0], pair[1])
    return found


@cache
def words(language: str) -> Words:
    """The function templates call as t("home.next", minutes=15). Raises KeyError for a word nobody wrote."""
    index = LANGUAGES.index(language)

    def t(key: str, **places: Any) -> Markup:
        text = Markup(escape(dictionary()[key][index]))  # noqa: S704 - escaped
        return text.format(**places) if places else text

    return t


def has(key: str) -> bool:
    """Whether a word exists: for state names that other rooms may grow."""
    return key in dictionary()
