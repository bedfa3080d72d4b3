"""Whole ways through the pages with a real browser: booking, acting for a child, answering a referral."""

import re

from playwright.sync_api import expect

from tests.adapters.web.scenario import PASSWORD, Scenario
from tests.browser.conftest import DESK, Look, picture
from tests.region import CARDIOLOGY


def test_a_citizen_books_by_thumb(look: Look, scenario: Scenario) -> None:
    page = look("/", scenario.child_id)
    page.get_by_role("link", name="去挂号").click()
    page.get_by_role("searchbox").fill("心")
    page.get_by_role("button", name="查").click()
    page.get_by_role("link", name="心血管内科").first.click()
    page.locator(f'a[href*="day={scenario.day}"]').click()
    page.locator(".slot:has(input:enabled)").first.click()
    picture(page, "citizen-book-chosen-390")
    page.get_by_role("button", name="下一步：核对并确认").click()
    expect(page.locator("[data-countdown]")).to_have_text(re.compile("还有 9 分"))
    page.get_by_label("哪里不舒服").fill("发烧两天")
    picture(page, "citizen-book-held-390")
    page.get_by_role("button", name="确认挂号").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("挂好了")
    picture(page, "citizen-booked-390")
    page.get_by_role("link", name="取消").click()
    page.get_by_role("button", name="取消这个号").click()
    expect(page.get_by_role("status")).to_contain_text("已取消")
    page.get_by_role("status").get_by_text("关闭").click()
    expect(page.get_by_role("status")).to_have_count(0)
    assert "done=" not in page.url


def test_booking_works_without_a_script(look: Look, scenario: Scenario) -> None:
    page = look(f"/book/{CARDIOLOGY}?day={scenario.day}", scenario.stranger_id, script=False)
    page.locator(".slot:has(input:enabled)").last.click()
    page.get_by_role("button", name="下一步：核对并确认").click()
    page.get_by_role("button", name="确认挂号").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("挂好了")


def test_a_parent_switches_to_the_child_from_the_top_of_the_page(look: Look, scenario: Scenario) -> None:
    page = look("/", scenario.person_id)
    page.locator("details.who summary").click()
    page.get_by_role("button", name="张小例").click()
    expect(page.locator("details.who summary")).to_contain_text("张小例（家人）")
    page.keyboard.press("Escape")


def test_larger_text_and_english_are_one_tap_away(look: Look, scenario: Scenario) -> None:
    page = look("/bills", scenario.person_id)
    page.get_by_role("link", name="换成长辈版").click()
    expect(page.locator("html")).to_have_attribute("data-elder", "")
    assert page.url.endswith("/bills")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My bills")


def test_a_bill_opens_line_by_line(look: Look, scenario: Scenario) -> None:
    page = look(f"/bills/{scenario.bill_id}", scenario.person_id)
    line = page.locator("details.why", has_text="心脏彩超")
    line.locator("summary").click()
    expect(line).to_contain_text("限价")
    expect(line).to_contain_text("¥100.00")


def test_a_nurse_signs_in_answers_a_referral_by_keyboard(look: Look, scenario: Scenario) -> None:
    page = look("/desk/referrals/in", size=DESK)
    page.get_by_label("用户名").fill("center.doctor")
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("转入")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="转诊信")).to_be_visible()
    picture(page, "desk-letter-opened-1280")
    page.get_by_role("button", name=re.compile("接收，确认")).click()
    expect(page.get_by_role("status")).to_contain_text("已接收")


def test_a_letter_on_a_phone_is_a_page_of_its_own(look: Look, scenario: Scenario) -> None:
    page = look("/desk/referrals/in?group=all", "center.doctor")
    page.locator(".list-item").first.click()
    expect(page.locator(".list")).to_be_hidden()
    page.get_by_role("link", name="回到列表").click()
    expect(page.locator(".list")).to_be_visible()


def test_the_bureau_sees_how_a_becomes_b(look: Look, scenario: Scenario) -> None:
    page = look("/bureau", "bureau.clerk", size=DESK)
    expect(page.get_by_text("A + 差异 = B，分毫不差")).to_be_visible()
    page.get_by_role("link", name="医保有，医院没有").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("医保有，医院没有")


def test_a_list_stays_fresh_by_itself(look: Look, scenario: Scenario) -> None:
    page = look("/sign-in", size=DESK)
    page.clock.install()
    page.goto("/staff/sign-in")
    page.get_by_label("用户名").fill("operator")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#health")).to_contain_text("短信网关")
    page.evaluate("document.querySelector('#health').replaceChildren()")
    page.clock.run_for(16_000)
    expect(page.locator("#health")).to_contain_text("短信网关")


def test_the_slip_prints_without_the_frame(look: Look, scenario: Scenario) -> None:
    page = look(f"/desk/slips/{scenario.appointment_id}", "center.clerk", size=DESK)
    page.emulate_media(media="print")
    expect(page.locator(".appbar")).to_be_hidden()
    expect(page.locator(".slip")).to_be_visible()
    expect(page.get_by_role("button", name="打印小票")).to_be_hidden()
