"""A clerk's morning without a mouse: down the queue, letters for the actions, the list of keys."""

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hub.reconciliation import Break
from tests.adapters.web.scenario import Scenario
from tests.browser.conftest import DESK, Look

FOCUSED = "document.activeElement.closest('tr')?.id"


@pytest.fixture
def rows(house: Engine, scenario: Scenario) -> list[int]:
    with Session(house) as session:
        return list(session.scalars(select(Break.id)))


def test_the_queue_is_worked_by_keyboard(look: Look, house: Engine, scenario: Scenario, rows: list[int]) -> None:
    page = look("/bureau/differences", "bureau.clerk", size=DESK)
    order = page.locator("[data-worklist] tr").evaluate_all("rows => rows.map(row => row.id)")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == order[0]
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid", "the focus is seen"
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == order[1]
    page.keyboard.press("k")
    page.keyboard.press("t")
    page.wait_for_url("**done=take**")
    page.wait_for_function(f"{FOCUSED} === '{order[0]}'")  # the queue goes on where it was
    assert page.get_by_role("status").first.is_visible()
    page.keyboard.press("p")
    page.wait_for_url("**done=propose**")
    page.wait_for_function(f"{FOCUSED} === '{order[0]}'")
    page.keyboard.press("a")
    assert "done=propose" in page.url, "nobody approves what they proposed"
    with Session(house) as session:
        row = session.get_one(Break, int(order[0][1:]))
        assert (row.owner, row.state, row.proposed_by) == ("bureau.clerk", "proposed", "bureau.clerk")
    other = look("/bureau/differences", "bureau.chief", size=DESK)
    other.keyboard.press("j")
    other.keyboard.press("a")
    other.wait_for_url("**done=approve**")
    other.wait_for_function(f"{FOCUSED} === '{order[0]}'")
    other.keyboard.press("Enter")
    other.wait_for_url(f"**/bureau/differences/{order[0][1:]}")
    other.keyboard.press("w")
    other.wait_for_url("**/wire")
    other.keyboard.press("u")
    other.wait_for_url(f"**/bureau/differences/{order[0][1:]}")
    other.keyboard.press("u")
    other.wait_for_url("**/bureau/differences")


def test_the_question_mark_lists_the_keys_and_a_field_takes_letters(look: Look, scenario: Scenario) -> None:
    page = look("/bureau/differences", "bureau.clerk", size=DESK)
    keys = page.locator("#keys")
    page.keyboard.press("?")
    assert keys.get_by_text("下一笔").is_visible()
    page.keyboard.press("Escape")
    assert not keys.get_by_text("下一笔").is_visible()
    page.keyboard.press("f")
    assert page.evaluate("document.activeElement.id") == "f-hospital"
    page.goto(f"/bureau/differences/{scenario.break_id}")
    page.locator("textarea").first.focus()
    page.keyboard.type("two")
    assert page.locator("textarea").first.input_value() == "two"
    assert page.url.endswith(f"/bureau/differences/{scenario.break_id}")


def test_without_a_script_the_same_forms_do(look: Look, scenario: Scenario) -> None:
    page = look("/bureau/differences", "bureau.clerk", size=DESK, script=False)
    page.locator("#keys summary").click()
    assert page.locator("#keys").get_by_text("下一笔").is_visible()
    page.locator("#keys summary").click()
    page.locator("[data-worklist] tr").last.get_by_role("button").last.click()
    assert "done=" in page.url
