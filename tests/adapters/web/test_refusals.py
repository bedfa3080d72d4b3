"""A Fault becomes a page by its kind; a form without its token changes nothing; nothing is ever a 500."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.web.assets import assets
from adapters.web.refusals import BY_KIND
from hub import booking, trust
from hub.faults import Kind
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario


def test_every_kind_of_fault_has_its_page() -> None:
    assert set(BY_KIND) == set(Kind)
    assert all(rendering.status < 500 or kind is Kind.UNAVAILABLE for kind, rendering in BY_KIND.items())


@pytest.mark.parametrize("token", ["", "wrong", "另一个"])
def test_a_form_without_its_token_is_refused_and_nothing_is_written(
    visit: Visit, house: Engine, scenario: Scenario, token: str
) -> None:
    before = _appointments(house)
    answer = visit(scenario.person_id).post(
        "/book/confirm", data={"csrf": token, "slot_id": scenario.slot_id, "person_id": scenario.person_id}
    )
    assert answer.status_code == 403
    assert "这张表单已经过期，没有提交任何内容" in answer.text
    assert _appointments(house) == before


POSTS = [
    "/book/H42050000101-0301",
    "/book/confirm",
    "/appointments/1/move",
    "/appointments/1/cancel",
    "/referrals/1/decline",
    "/for/1",
    "/sign-out",
    "/sign-in",
    "/sign-in/code",
]
STAFF_POSTS = [
    "/desk/window",
    "/desk/refer",
    "/desk/referrals/1/accept",
    "/desk/appointments/1/arrive",
    "/desk/consultations/new",
    "/desk/consultations/1/begin",
    "/staff/sign-out",
]


@pytest.mark.parametrize("path", POSTS)
def test_no_form_of_a_citizen_works_without_a_token(visit: Visit, scenario: Scenario, path: str) -> None:
    assert visit(scenario.person_id).post(path, data={}).status_code == 403


@pytest.mark.parametrize("path", STAFF_POSTS)
def test_no_form_of_the_workbench_works_without_a_token(visit: Visit, scenario: Scenario, path: str) -> None:
    assert visit("center.doctor").post(path, data={}).status_code == 403


@pytest.mark.parametrize("path", ["/bureau/differences/1/propose", "/ops/lanes/resume", "/ops/due/1/skip"])
def test_no_form_of_bureau_and_operations_works_without_a_token(visit: Visit, scenario: Scenario, path: str) -> None:
    who = "operator" if path.startswith("/ops") else "bureau.clerk"
    assert visit(who).post(path, data={}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/appointments/{appointment_id}", "/bills/{bill_id}", "/results/{report_id}", "/referrals/{referral_id}"]
)
def test_a_strangers_record_is_as_if_it_were_not_there(visit: Visit, scenario: Scenario, path: str) -> None:
    answer = visit(scenario.stranger_id).get(path.format(**scenario.__dict__))
    assert answer.status_code == 404
    assert "张示例" not in answer.text


def test_a_refused_look_is_audited(visit: Visit, house: Engine, scenario: Scenario) -> None:
    visit(scenario.stranger_id).get(f"/bills/{scenario.bill_id}")
    with Session(house) as session:
        last = session.scalars(select(trust.Audit).order_by(trust.Audit.id.desc()).limit(1)).one()
    assert (last.verb, last.caller_id) == ("web.bill", f"person/{scenario.stranger_id}")
    assert last.outcome != "ok"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/appointments/999999", 404),
        ("/appointments/none", 404),
        ("/nothing/here", 404),
        ("/book/H0-0", 404),
        ("/book/confirm", 400),
        ("/book/confirm?slot_id=' OR 1=1", 400),
        ("/book/confirm?slot_id=99999999999999999999", 400),
        ("/book/H42050000101-0301?day=yesterday&week=x", 200),
        ("/estimate?total=a lot", 400),
        ("/estimate?total=-5", 400),
        ("/bills/0", 404),
        ("/results/1e9", 404),
    ],
)
def test_bad_addresses_get_a_page_that_says_what_to_do(
    visit: Visit, scenario: Scenario, path: str, status: int
) -> None:
    answer = visit(scenario.person_id).get(path)
    assert answer.status_code == status
    page = Page(answer.text)
    assert page.unclosed == []
    if status == 404:
        assert "请报编号" in answer.text or "0717-000-0000" in answer.text


@pytest.mark.parametrize(
    "path",
    ["/ops/heard?open=99999", "/ops/heard?open=x", "/ops/due?open=0", "/ops/heard?before=x", "/ops/lanes/nothing"],
)
def test_bad_addresses_at_operations_are_no_bugs(visit: Visit, scenario: Scenario, path: str) -> None:
    assert visit("operator").get(path).status_code in (400, 404, 405)


def test_a_refusal_names_what_to_do_whom_to_call_and_a_number(visit: Visit, scenario: Scenario) -> None:
    text = visit(scenario.person_id).get("/appointments/999999").text
    assert "请核对号码" in text
    assert 'href="tel:07170000000"' in text
    assert "请报编号" in text


def test_an_error_keeps_the_language_of_the_visitor(visit: Visit, scenario: Scenario) -> None:
    text = visit(scenario.person_id, language="en").get("/appointments/999999").text
    assert "This did not work" in text
    assert "Call" in text


def test_going_back_never_leads_to_another_host(visit: Visit) -> None:
    for evil in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = visit().get("/look", params={"language": "en", "back": evil})
        assert answer.headers["location"] == "/"


def test_what_was_typed_is_escaped_when_it_is_shown_again(visit: Visit, scenario: Scenario) -> None:
    text = visit(scenario.person_id).get("/book", params={"q": '<script>alert("x")</script>'}).text
    assert "<script>alert" not in text


def test_pages_are_never_kept_and_style_sheets_always(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    answer = client.get("/")
    assert answer.headers["cache-control"] == "no-store"
    sheet = Page(answer.text)
    href = next(part.split('"')[0] for part in sheet.text.split('href="') if part.startswith("/static/"))
    assert "immutable" in client.get(href).headers["cache-control"]


def test_a_first_page_weighs_less_than_a_hundred_kilobytes(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    answer = client.get("/")
    parts = [part.split('"')[0] for part in answer.text.replace('src="', 'href="').split('href="')]
    sheets = [asset.packed for asset in assets().values() if asset.url in parts]
    assert len(sheets) >= 4
    weight = len(answer.content) + sum(map(len, sheets))
    assert weight < 100_000


def _appointments(house: Engine) -> int:
    with Session(house) as session:
        return session.scalar(select(func.count()).select_from(booking.Appointment)) or 0
