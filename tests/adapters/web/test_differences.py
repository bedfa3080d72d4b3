"""Differences at the bureau: evidence on the page, the wire text opened and noted, whose it is, and a workbook of it."""

from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hub import reconciliation, trust
from hub.reconciliation import Break
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario


@pytest.fixture
def row(house: Engine, scenario: Scenario) -> Break:
    with Session(house, expire_on_commit=False) as session:
        return session.get_one(Break, scenario.break_id)


def opened(house: Engine, verb: str, row: Break) -> list[str]:
    with Session(house) as session:
        wanted = select(trust.Audit.caller_id).where(trust.Audit.verb == verb, trust.Audit.subject == f"break/{row.id}")
        return list(session.scalars(wanted))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_difference_says_why_in_both_languages_and_shows_both_sides(
    visit: Visit, house: Engine, scenario: Scenario, row: Break, language: str
) -> None:
    text = visit("bureau.clerk", language=language).get(f"/bureau/differences/{row.id}").text
    assert reconciliation.cause(row)[language == "en"] in text.replace("&#39;", "'")
    assert str(row.insurer_fund) in text
    assert opened(house, "reconciliation.evidence", row)


def test_the_wire_text_is_masked_and_who_opens_it_is_noted(
    visit: Visit, house: Engine, scenario: Scenario, row: Break
) -> None:
    clerk = visit("bureau.clerk")
    before = len(opened(house, "reconciliation.wire", row))
    assert clerk.get(f"/bureau/differences/{row.id}/wire").status_code == 200
    assert opened(house, "reconciliation.wire", row)[before:] == ["bureau.clerk"]
    assert clerk.get(f"/bureau/differences/{row.id}/wire?full=1").status_code == 200
    assert opened(house, "reconciliation.wire_in_full", row)[-1] == "bureau.clerk"
    assert visit("center.clerk").get(f"/bureau/differences/{row.id}/wire").status_code == 403


def test_it_is_taken_by_one_and_handed_to_another(visit: Visit, house: Engine, scenario: Scenario, row: Break) -> None:
    clerk, chief, path = visit("bureau.clerk"), visit("bureau.chief"), f"/bureau/differences/{row.id}"
    send(clerk, f"{path}/take")
    assert "经办样例" in chief.get(path).text
    assert "已由 bureau.clerk 认领" in send(chief, f"{path}/take").text
    send(chief, f"{path}/assign", owner="bureau.chief", note="我来")
    with Session(house) as session:
        now = session.get_one(Break, row.id)
        assert (now.owner, now.assigned_by) == ("bureau.chief", "bureau.chief")
        told = [
            e.event for e in session.scalars(select(reconciliation.BreakEvent).order_by("id")) if e.break_id == row.id
        ]
        assert told[-2:] == ["take", "assign"]


def test_the_workbook_of_one_has_cause_owner_age_fields_and_wire(visit: Visit, scenario: Scenario, row: Break) -> None:
    answer = visit("bureau.clerk").get(f"/bureau/differences.xlsx?one={row.id}")
    book = load_workbook(BytesIO(answer.content))
    assert book.sheetnames == ["差异", "逐项", "原文"]
    (told,) = list(book["差异"].iter_rows(min_row=2, values_only=True))
    assert (told[0], told[4], told[5]) == (row.id, reconciliation.cause(row)[0], row.setl_id)
    assert told[8] == 0
    fields = {line[1]: line[2:4] for line in book["逐项"].iter_rows(min_row=2, values_only=True)}
    assert fields["基金支付"] == (None, str(row.insurer_fund))
    every = load_workbook(BytesIO(visit("bureau.clerk").get("/bureau/differences.xlsx").content))
    assert row.id in [line[0] for line in every["差异"].iter_rows(min_row=2, values_only=True)]
    assert every.sheetnames == ["差异", "逐项"]


def send(client, path: str, **fields: str):
    page = client.get(path.rpartition("/")[0])
    return client.post(path, data={"csrf": Page(page.text).forms[0].fields["csrf"], **fields}, follow_redirects=True)
