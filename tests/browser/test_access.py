"""Every page for everybody: what axe-core finds wrong with it, and what it weighs on a slow phone."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.adapters.web.addresses import EVERY, at
from tests.adapters.web.scenario import Scenario
from tests.browser.conftest import DESK, PHONE, Look

WEIGHT_LIMIT_BYTES = 100_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """rules => axe.run({runOnly: rules, resultTypes: ["violations"]}).then(found => found.violations.flatMap(
  rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 200)} ${node.any.map(a => a.message).join(" ")}`)))"""
WEIGHED = """() => Object.fromEntries(["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
  .map(part => [new URL(part.name).pathname, part.encodedBodySize]))"""
"""What went over the wire for each part, also where this browser had kept it from the page before."""

PLAIN = list({path.partition("?")[0]: (who, path) for who, path in reversed(EVERY)}.values())[::-1]
"""Each page once, as it opens."""
OTHERWISE = (
    [(who, path, "other width") for who, path in EVERY]
    + [(who, path, "as asked") for who, path in EVERY if (who, path) not in PLAIN]
    + [(who, path, look) for look in ("elder", "dark") for who, path in PLAIN]
    + [(who, path, "en") for who, path in PLAIN if who in ("citizen", "")]
)


def open_as(look: Look, scenario: Scenario, who: str, path: str, seen: str = "") -> Page:
    """The page as its visitor has it: citizens on a phone, desks on a screen, unless `seen` says otherwise."""
    sizes = (PHONE, DESK) if who in ("citizen", "") else (DESK, PHONE)
    return look(
        at(path, scenario),
        scenario.person_id if who == "citizen" else who or None,
        size=sizes[seen == "other width"],
        language="en" if seen == "en" else "zh",
        elder=seen == "elder",
        dark=seen == "dark",
    )


def violations(page: Page) -> list[str]:
    page.evaluate(AXE_SCRIPT)
    return page.evaluate(RUN, RULES)


@pytest.mark.parametrize(("who", "path"), PLAIN)
def test_axe_finds_nothing_wrong_with_a_page_and_it_is_light(
    glance: Look, scenario: Scenario, who: str, path: str
) -> None:
    page = open_as(glance, scenario, who, path)
    parts = page.evaluate(WEIGHED)
    assert {"components.css", "tokens.css", "page.js"} <= {part.rpartition("/")[2] for part in parts}
    assert 0 not in parts.values(), parts
    assert sum(parts.values()) < WEIGHT_LIMIT_BYTES, parts
    assert violations(page) == []


@pytest.mark.slow
@pytest.mark.parametrize(("who", "path", "seen"), OTHERWISE)
def test_nor_at_the_other_width_nor_in_another_look(
    glance: Look, scenario: Scenario, who: str, path: str, seen: str
) -> None:
    assert violations(open_as(glance, scenario, who, path, seen)) == []


def test_axe_does_find_what_is_wrong(glance: Look, scenario: Scenario) -> None:
    """The measure of these tests is no constant."""
    page = open_as(glance, scenario, "citizen", "/me")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"\"><input>')")
    assert {each.partition(":")[0] for each in violations(page)} >= {"image-alt", "label"}
