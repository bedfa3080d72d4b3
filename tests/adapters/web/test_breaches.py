"""What does not add up, at the bureau's page: told in words, explained by a clerk, kept."""

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hub.reconciliation import IdentityBreach
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario

PAGE = "/bureau/breaches"


def test_a_sum_that_breaks_is_told_and_leaves_the_list_with_its_explanation(
    visit: Visit, house: Engine, scenario: Scenario
) -> None:
    clerk = visit("bureau.clerk")
    text = clerk.get(PAGE).text
    assert "2 份报文的金额自己对不上" in text
    assert "个人负担 = 账户 + 现金" in text
    assert "812.40" in text
    assert "812.39" in text
    assert "Person = account + cash" in visit("bureau.clerk", language="en").get(PAGE).text
    form = next(form for form in Page(text).forms if form.action.endswith("/explain"))
    csrf = form.fields["csrf"]
    assert clerk.post(form.action, data={"csrf": csrf, "note": ""}).status_code == 400
    answer = clerk.post(form.action, data={"csrf": csrf, "note": "平台漏报一分现金"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=explained")
    assert clerk.post(form.action, data={"csrf": csrf, "note": "again"}).status_code == 409
    assert "1 份报文的金额自己对不上" in clerk.get(PAGE).text
    with Session(house) as session:
        row = session.scalars(select(IdentityBreach).where(IdentityBreach.state == "explained")).one()
        assert (row.note, row.explained_by) == ("平台漏报一分现金", "bureau.clerk")
