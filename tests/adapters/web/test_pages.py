"""Every page of the four faces, in both languages: it is shown, it is whole, and it keeps the house rules."""

import re

import pytest

from adapters.web.look import Look
from adapters.web.words import dictionary
from tests.adapters.web.addresses import CITIZEN, EVERY, at
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario


def _open(visit: Visit, scenario: Scenario, who: str, path: str, language: str, elder: bool = False) -> Page:
    client = visit(scenario.person_id if who == "citizen" else who or None, language=language, elder=elder)
    answer = client.get(at(path, scenario))
    assert answer.status_code == 200, (path, answer.status_code, answer.text[-1500:])
    assert "Content-Security-Policy" in answer.headers
    return Page(answer.text)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("who", "path"), EVERY)
def test_a_page_is_whole_in_either_language(
    visit: Visit, scenario: Scenario, who: str, path: str, language: str
) -> None:
    page = _open(visit, scenario, who, path, language)
    assert page.language == Look(language).html_language
    assert page.unclosed == []
    assert len(page.headings) == 1
    assert page.headings[0]
    assert page.unlabelled == []
    assert page.styled == [], "the content policy allows no inline style and no inline script"
    assert sorted(page.ids) == sorted(set(page.ids)), "an id is used once"
    assert all("csrf" in form.fields and form.fields["csrf"] for form in page.forms if form.method == "post")


@pytest.mark.parametrize("path", CITIZEN)
def test_a_citizens_page_in_elder_mode_offers_a_telephone(visit: Visit, scenario: Scenario, path: str) -> None:
    page = _open(visit, scenario, "citizen", path, "zh", elder=True)
    assert "data-elder" in page.text
    assert "tel:07170000000" in page.links


@pytest.mark.parametrize(("who", "path"), EVERY)
def test_an_english_page_has_no_chinese_words_of_ours(visit: Visit, scenario: Scenario, who: str, path: str) -> None:
    """Names, complaints and letters stay as they were written; the words of the page are English."""
    ours = {chinese for chinese, english in dictionary().values() if len(chinese) > 3 and chinese != english}
    page = _open(visit, scenario, who, path, "en")
    text = re.sub(r"<script.*?</script>|<[^>]+>", "\n", page.text)
    assert not {line.strip() for line in text.splitlines()} & (ours - {"中文"})


def test_every_link_of_the_citizens_pages_leads_somewhere(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    seen: set[str] = set()
    waiting = ["/"]
    while waiting and len(seen) < 120:
        path = waiting.pop()
        if path in seen or not path.startswith("/") or path.startswith(("/look", "/staff", "/static")):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        if answer.headers["content-type"].startswith("text/html"):
            waiting += [link.split("#")[0] for link in Page(answer.text).links]
    assert len(seen) > 25
