"""The words: both languages, the same places, and every word that a template asks for."""

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from adapters.web.words import dictionary, words

TEMPLATES = Path(__file__).parents[3] / "adapters/web/templates"
WEB = Path(__file__).parents[3] / "adapters/web"
_PLACE = re.compile(r"{(\w+)}")


def test_a_word_has_the_same_places_in_both_languages() -> None:
    unlike = [
        key
        for key, (chinese, english) in dictionary().items()
        if set(_PLACE.findall(chinese)) != set(_PLACE.findall(english))
    ]
    assert unlike == []


def test_every_word_that_is_asked_for_exists() -> None:
    asked = set()
    for path in [*TEMPLATES.rglob("*.html"), *WEB.rglob("*.py")]:
        text = path.read_text("utf-8")
        asked |= set(re.findall(r"""\bt\(\s*["']([\w.-]+\.[\w-]+)["']\s*[,)]""", text))
    assert asked - set(dictionary()) == set()


def test_a_place_filled_with_text_is_escaped_and_markup_is_kept() -> None:
    t = words("zh")
    assert t("common.help", telephone="<b>1</b>") == Markup(
        "不会用？打 &lt;b&gt;1&lt;/b&gt;（每天 7:00 至 21:00），有人帮您办。"
    )
    assert "<b>1</b>" in t("common.help", telephone=Markup("<b>1</b>"))


def test_a_word_that_nobody_wrote_is_a_bug() -> None:
    with pytest.raises(KeyError):
        words("zh")("home.nothing")
