"""The citizen's pages of a shared account: who shares, what it paid, whose account a bill names, ending it."""

from itertools import count

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hub import coverage
from hub.units import day_of
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario
from tests.hub.coverage.test_sharing import sharing
from tests.hub.settlement.stays import COMMUNITY, charged, settle
from tests.region import BUREAU, system

NUMBERS = count(1)


@pytest.fixture
def paid(house: Engine, scenario: Scenario) -> tuple[int, int]:
    """A sharing, and a bill of the child that the parent's account has paid a part of."""
    at, number = scenario.at, f"GJ-{next(NUMBERS)}"
    with Session(house) as session, session.begin():
        pair = [type("Somebody", (), {"id": person_id}) for person_id in (scenario.person_id, scenario.child_id)]
        day = day_of(at)
        said = sharing(*pair, consented_on=day, since=day)
        row = coverage.share_account(session, system(BUREAU, at=at), said, source="test")
        coverage.credit(session, system(BUREAU, at=at), person_id=scenario.person_id, amount=1_000, source=number)
        visit = charged(
            session, scenario.child_id, [("S-BED-01", "1", "20.00")], batch="B", care="outpatient",
            number=number, hospital=COMMUNITY, begun=at,
        )  # fmt: skip
        return row.id, settle(session, visit, key=number, at=at, batch="B", shared_used=True).id


def test_the_owner_sees_what_was_paid_for_whom_and_ends_it(
    visit: Visit, paid: tuple[int, int], scenario: Scenario
) -> None:
    client = visit(scenario.person_id)
    page = client.get("/me")
    assert "张*例可以用您的个人账户付看病的钱" in page.text
    assert "已付 ¥" in page.text
    form = Page(page.text).form(f"/me/shared/{paid[0]}/end")
    ended = client.post(form.action, data=form.fields)
    assert (ended.status_code, ended.headers["location"]) == (303, "/me?done=ended")
    assert "可以用您的个人账户" not in client.get("/me").text
    assert client.post(form.action, data=form.fields).status_code == 409


def test_the_relative_sees_whose_account_pays_and_cannot_end_it(
    visit: Visit, paid: tuple[int, int], scenario: Scenario
) -> None:
    client = visit(scenario.child_id)
    assert "看病时可以用张*例的个人账户付钱" in client.get("/me").text
    assert "/me/shared/" not in client.get("/me").text


def test_the_bill_names_the_account_that_paid(visit: Visit, paid: tuple[int, int], scenario: Scenario) -> None:
    bill = visit(scenario.child_id).get(f"/bills/{paid[1]}").text
    assert "张*例的个人账户（家庭共济）" in bill
    assert "家庭共济：从张*例的个人账户付" in bill
