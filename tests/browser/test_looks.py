"""Every kind of page looked at: nothing wider than the screen, nothing too small to hit, nothing too pale to read."""

import pytest

from tests.adapters.web.scenario import Scenario
from tests.browser.conftest import DESK, PHONE, Look, picture

CITIZEN = {
    "home": "/",
    "book-where": "/book",
    "book-when": "/book/H42050000101-0301?day={day}",
    "book-confirm": "/book/confirm?slot_id={slot_id}",
    "appointments": "/appointments",
    "appointment": "/appointments/{appointment_id}",
    "cancel": "/appointments/{appointment_id}/cancel",
    "waiting": "/waiting?department=H42050000101-0301",
    "referral": "/referrals/{referral_id}",
    "results": "/results",
    "result": "/results/{report_id}",
    "document": "/documents/{document_id}",
    "bills": "/bills",
    "bill": "/bills/{bill_id}",
    "bill-platform": "/bills/{upstream_bill_id}",
    "estimate": "/estimate",
    "visits": "/visits",
    "card": "/card",
    "messages": "/messages",
    "me": "/me",
}
DESKS = {
    "desk-today": ("center.doctor", "/desk?day={day}"),
    "desk-incoming": ("center.doctor", "/desk/referrals/in"),
    "desk-duty": ("center.doctor", "/desk/duty"),
    "desk-referrals": ("center.doctor", "/desk/referrals/in?open={waiting_id}"),
    "desk-new-referral": (
        "community.doctor",
        "/desk/refer?person_id={stranger_id}&receiver=H42050000101/H42050000101-0301",
    ),
    "desk-consultation": ("community.doctor", "/desk/consultations?open={consultation_id}"),
    "desk-stops": (
        "center.doctor",
        "/desk/stops?department=H42050000101-0301&since={day}T08:00&until={day}T18:00&reason=开会",
    ),
    "desk-stop": ("center.doctor", "/desk/stops/{stop_id}"),
    "desk-slip": ("center.clerk", "/desk/slips/{appointment_id}"),
    "bureau-board": ("bureau.clerk", "/bureau"),
    "bureau-differences": ("bureau.clerk", "/bureau/differences"),
    "bureau-difference": ("bureau.clerk", "/bureau/differences/{break_id}"),
    "bureau-sheets": ("bureau.clerk", "/bureau/sheets?hospital=H42050000101"),
    "bureau-wire": ("bureau.clerk", "/bureau/differences/{break_id}/wire"),
    "bureau-month": ("bureau.clerk", "/bureau/month"),
    "bureau-breaches": ("bureau.clerk", "/bureau/breaches"),
    "bureau-packs": ("bureau.clerk", "/bureau/rules"),
    "bureau-try": ("bureau.clerk", "/bureau/rules/try"),
    "bureau-pack": ("bureau.clerk", "/bureau/rules/yichang-draft-2028"),
    "bureau-referrals": ("bureau.clerk", "/bureau/referrals"),
    "operations": ("operator", "/ops"),
    "operations-messages": ("operator", "/ops/heard?open={heard_id}"),
    "operations-replay": ("operator", "/ops/heard/correct?message={heard_id}"),
    "operations-due": ("operator", "/ops/due?open={due_id}"),
    "operations-lanes": ("operator", "/ops/lanes"),
    "operations-platforms": ("operator", "/ops/platforms"),
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """least => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
  .filter(e => e.type !== "hidden" && !e.closest("p, dd, td, th, label, .skip, h2, .timeline, .slot"))
  .map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width > 0 && r.height > 0 && r.height < least)
  .map(([e, r]) => `${e.tagName} ${e.textContent.trim().slice(0, 20)} ${Math.round(r.height)}`)"""
PALE = """least => {
  const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const colour = s => s.match(/[\\d.]+/g).map(Number);
  const ground = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest("svg, .hidden, .skip, option")) continue;
    const [a, b] = [light(colour(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < least) found.add(`${walk.currentNode.data.trim().slice(0, 16)} ${ratio.toFixed(2)}`);
  }
  return [...found];
}"""


@pytest.mark.parametrize("name", CITIZEN)
def test_a_citizens_page_fits_a_phone_and_can_be_hit_and_read(glance: Look, scenario: Scenario, name: str) -> None:
    page = glance(CITIZEN[name].format(**scenario.__dict__), scenario.person_id)
    assert page.evaluate(WIDER) == 0
    assert page.evaluate(SMALL, 44) == []
    assert page.evaluate(PALE, 4.5) == []
    picture(page, f"citizen-{name}-390")


@pytest.mark.parametrize("name", CITIZEN)
def test_elder_mode_has_larger_targets_and_stronger_contrast(glance: Look, scenario: Scenario, name: str) -> None:
    page = glance(CITIZEN[name].format(**scenario.__dict__), scenario.person_id, elder=True)
    assert page.evaluate(WIDER) == 0
    assert page.evaluate(SMALL, 56) == []
    assert page.evaluate(PALE, 7) == []
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == 22
    picture(page, f"citizen-{name}-390-elder")


@pytest.mark.parametrize("name", ["home", "book-when", "bill", "referral", "result", "card"])
@pytest.mark.parametrize(("language", "dark"), [("en", False), ("zh", True)])
def test_english_and_dark_fit_and_can_be_read(
    glance: Look, scenario: Scenario, name: str, language: str, dark: bool
) -> None:
    page = glance(CITIZEN[name].format(**scenario.__dict__), scenario.person_id, language=language, dark=dark)
    assert page.evaluate(WIDER) == 0
    assert page.evaluate(PALE, 4.5) == []
    picture(page, f"citizen-{name}-390-{'dark' if dark else 'en'}")


@pytest.mark.parametrize("name", ["home", "book-when", "bill", "referral"])
def test_a_citizens_page_on_a_desk_keeps_its_measure(glance: Look, scenario: Scenario, name: str) -> None:
    page = glance(CITIZEN[name].format(**scenario.__dict__), scenario.person_id, size=DESK)
    assert page.evaluate(WIDER) == 0
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().width") <= 712
    picture(page, f"citizen-{name}-1280")


@pytest.mark.parametrize("size", [PHONE, DESK])
@pytest.mark.parametrize("name", DESKS)
def test_a_desks_page_fits_a_screen_and_can_be_hit_and_read(
    glance: Look, scenario: Scenario, name: str, size: tuple[int, int]
) -> None:
    who, path = DESKS[name]
    page = glance(path.format(**scenario.__dict__), who, size=size)
    assert page.evaluate(WIDER) == 0
    assert page.evaluate(SMALL, 44 if size == PHONE else 24) == []
    assert page.evaluate(PALE, 4.5) == []
    picture(page, f"{name}-{size[0]}")
