"""The waiting list on the citizen's pages."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hub.booking import WaitingOffer
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario
from tests.region import CARDIOLOGY, TERTIARY


@pytest.fixture
def session(house: Engine) -> Iterator[Session]:
    with Session(house) as session:
        yield session


def test_a_citizen_is_offered_a_place_and_takes_it(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    page = client.get("/waiting")
    assert "有号了" in page.text
    form = Page(page.text).form(f"/waiting/{scenario.wish_id}/accept")
    taken = client.post(form.action, data=form.fields)
    assert taken.status_code == 303
    assert taken.headers["location"].startswith("/appointments/")
    assert "挂好了" in client.get(taken.headers["location"]).text
    again = client.post(form.action, data=form.fields)
    assert again.status_code == 409
    assert "没有留给您的号" in again.text
    offer = session.scalars(select(WaitingOffer).where(WaitingOffer.wish_id == scenario.wish_id)).one()
    assert offer.state == "taken"


def test_joining_twice_is_once_and_leaving_ends_it(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit(scenario.child_id)
    form = Page(client.get(f"/waiting?department={TERTIARY}-0401").text).form("/waiting")
    # Its only place has been taken by the test before, or is held for the first who waits.
    answers = [client.post("/waiting", data=form.fields) for _ in range(2)]
    assert [answer.headers["location"] for answer in answers] == ["/waiting?done=joined"] * 2
    page = client.get(answers[0].headers["location"])
    assert "已排上" in page.text
    leave = next(one for one in Page(page.text).forms if one.action.endswith("/leave"))
    assert client.post(leave.action, data=leave.fields).headers["location"] == "/waiting?done=leave"
    assert "您没有在等号" in client.get("/waiting").text


def test_where_there_are_places_the_page_says_so(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit(scenario.stranger_id)
    form = Page(client.get(f"/waiting?department={CARDIOLOGY}").text).form("/waiting")
    answer = client.post("/waiting", data=form.fields)
    assert answer.status_code == 422
    assert "不用排候补" in answer.text


def test_a_stranger_answers_for_nobody(visit: Visit, scenario: Scenario) -> None:
    client = visit(scenario.stranger_id)
    form = Page(client.get(f"/waiting?department={CARDIOLOGY}").text).form("/waiting")
    answer = client.post(f"/waiting/{scenario.wish_id}/leave", data={"csrf": form.fields["csrf"]})
    assert answer.status_code == 404
