"""Who gets in, how a wrong try is answered, and what a session opens."""

import re

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hub import exchange, people, trust
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import PASSWORD, Scenario


def _code_sent(house: Engine, person_id: int) -> str:
    """The code in the text message that is due."""
    with Session(house) as session:
        row = exchange.search_due(session, destination="sms", subject=f"code/{person_id}")[0]
        return re.search(r"\d{6}", row.snapshot["text"])[0]


def _card(house: Engine, person_id: int) -> str:
    with Session(house) as session:
        return people.person(session, person_id).card_number


def test_a_citizen_signs_in_with_the_card_and_a_code(visit: Visit, house: Engine, scenario: Scenario) -> None:
    client = visit()
    first = client.get("/appointments")
    assert first.status_code == 303
    assert first.headers["location"] == "/sign-in?back=/appointments"
    form = Page(client.get(first.headers["location"]).text).form("/sign-in")
    sent = client.post("/sign-in", data={**form.fields, "number": _card(house, scenario.stranger_id)})
    form = Page(sent.text).form("/sign-in/code")
    code = _code_sent(house, scenario.stranger_id)
    answer = client.post("/sign-in/code", data={**form.fields, "code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, "/appointments")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/appointments").status_code == 200


def test_a_wrong_code_says_how_many_tries_are_left(visit: Visit, house: Engine, scenario: Scenario) -> None:
    client = visit()
    form = Page(client.get("/sign-in").text).form("/sign-in")
    sent = client.post("/sign-in", data={**form.fields, "number": _card(house, scenario.child_id)})
    form = Page(sent.text).form("/sign-in/code")
    wrong = "000000" if _code_sent(house, scenario.child_id) != "000000" else "111111"
    answer = client.post("/sign-in/code", data={**form.fields, "code": wrong})
    assert answer.status_code == 403
    assert "还可以再试 4 次" in answer.text


def test_a_number_nobody_has_gets_the_same_page_as_a_known_one(visit: Visit, house: Engine) -> None:
    client = visit()
    form = Page(client.get("/sign-in").text).form("/sign-in")
    answer = client.post("/sign-in", data={**form.fields, "number": "420500190001010011"})
    assert answer.status_code == 200
    assert Page(answer.text).form("/sign-in/code")


def test_a_number_of_seventeen_characters_is_asked_for_again_and_kept(visit: Visit) -> None:
    client = visit()
    form = Page(client.get("/sign-in").text).form("/sign-in")
    answer = client.post("/sign-in", data={**form.fields, "number": "42050000000000123"})
    assert answer.status_code == 400
    assert "现在是 17 位" in answer.text
    assert 'value="42050000000000123"' in answer.text


def test_staff_sign_in_and_land_at_their_own_face(visit: Visit, scenario: Scenario) -> None:
    for name, home in (("center.doctor", "/desk"), ("bureau.clerk", "/bureau"), ("operator", "/ops")):
        client = visit()
        form = Page(client.get("/staff/sign-in").text).form("/staff/sign-in")
        answer = client.post("/staff/sign-in", data={**form.fields, "name": name, "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, home)
        assert client.get(home).status_code == 200


def test_a_wrong_password_is_refused_and_counted(visit: Visit, house: Engine, scenario: Scenario) -> None:
    client = visit()
    form = Page(client.get("/staff/sign-in").text).form("/staff/sign-in")
    answer = client.post("/staff/sign-in", data={**form.fields, "name": "bureau.chief", "password": "guess"})
    assert answer.status_code == 403
    assert "用户名或密码不对" in answer.text
    with Session(house) as session:
        assert session.get_one(trust.Staff, "bureau.chief").wrong_tries == 1


@pytest.mark.parametrize(
    ("who", "path"),
    [("center.doctor", "/ops"), ("center.doctor", "/bureau"), ("operator", "/desk"), ("bureau.clerk", "/desk")],
)
def test_a_face_is_shut_to_staff_without_its_scope(visit: Visit, scenario: Scenario, who: str, path: str) -> None:
    answer = visit(who).get(path)
    assert answer.status_code == 403
    assert "您的账号不能打开这个工作台" in answer.text


@pytest.mark.parametrize("path", ["/desk", "/bureau", "/ops", "/desk/referrals/in"])
def test_a_citizens_session_opens_no_desk(visit: Visit, scenario: Scenario, path: str) -> None:
    answer = visit(scenario.person_id).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/staff/sign-in?back=")


def test_signing_out_ends_the_session(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    form = Page(client.get("/me").text).form("/sign-out")
    cookies = dict(client.cookies)
    assert client.post("/sign-out", data=form.fields).status_code == 303
    client.cookies.update(cookies)
    assert client.get("/me").status_code == 303


def test_acting_for_a_child_shows_the_childs_pages(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    form = Page(client.get("/me").text).form(f"/for/{scenario.child_id}")
    assert client.post(form.action, data=form.fields).status_code == 303
    assert "张小例（家人）" in client.get("/").text
    back = Page(client.get("/me").text).form(f"/for/{scenario.person_id}")
    client.post(back.action, data=back.fields)
    assert "张示例（本人）" in client.get("/").text


def test_nobody_acts_for_a_stranger(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    form = Page(client.get("/me").text).form("/sign-out")
    answer = client.post(f"/for/{scenario.stranger_id}", data=form.fields)
    assert answer.status_code == 404
    assert "张示例（本人）" in client.get("/").text


def test_every_page_that_is_looked_at_leaves_an_audit_row(visit: Visit, house: Engine, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    before = _audit_rows(house)
    client.get(f"/bills/{scenario.bill_id}")
    client.get("/results")
    assert _audit_rows(house) == before + 2


def _audit_rows(house: Engine) -> int:
    with Session(house) as session:
        return session.scalar(select(func.count()).select_from(trust.Audit)) or 0
