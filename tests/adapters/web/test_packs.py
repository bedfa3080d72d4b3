"""A pack's way at the bureau's pages: pasted, compared, signed by two, withdrawn."""

import re

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hub.coverage import PackRelease
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario
from tests.hub.coverage.insured import DRAFT_TEXT

NEXT = DRAFT_TEXT.replace("yichang-draft-2028", "{pack_id}").replace("2028-01-01", "{first_day}")


def post(visit: Visit, who: str, path: str, **fields: str):
    client = visit(who)
    csrf = next(form.fields["csrf"] for form in Page(client.get("/bureau/rules").text).forms if form.method == "post")
    return client.post(path, data={"csrf": csrf, **fields})


def paste(visit: Visit, pack_id: str, first_day: str):
    text = NEXT.replace("{pack_id}", pack_id).replace("{first_day}", first_day)
    return post(visit, "bureau.clerk", "/bureau/rules/import", text=text)


def state(engine: Engine, pack_id: str) -> str:
    with Session(engine) as session:
        return session.get_one(PackRelease, pack_id).state


def test_a_pasted_pack_goes_live_with_the_second_clerks_signature(visit: Visit, house: Engine, scenario: Scenario):
    answer = paste(visit, "next-2029", "2029-01-01")
    assert (answer.status_code, answer.headers["location"]) == (303, "/bureau/rules/next-2029?done=imported")
    assert post(visit, "bureau.clerk", "/bureau/rules/next-2029/sign").status_code == 303
    again = post(visit, "bureau.clerk", "/bureau/rules/next-2029/sign")
    assert again.status_code == 422
    assert "已由您签过" in again.text
    assert state(house, "next-2029") == "signed"
    assert "signed by staff/bureau.clerk" in visit("bureau.chief", language="en").get("/bureau/rules/next-2029").text
    assert post(visit, "bureau.chief", "/bureau/rules/next-2029/sign").status_code == 303
    assert state(house, "next-2029") == "live"


def test_who_has_signed_is_offered_no_second_signature(visit: Visit, scenario: Scenario):
    paste(visit, "next-2030", "2030-01-01")
    post(visit, "bureau.clerk", "/bureau/rules/next-2030/sign")
    page = "/bureau/rules/next-2030"
    assert "/bureau/rules/next-2030/sign" not in visit("bureau.clerk").get(page).text
    assert "/bureau/rules/next-2030/sign" in visit("bureau.chief").get(page).text


def test_a_withdrawal_needs_its_reason_and_is_told(visit: Visit, house: Engine, scenario: Scenario):
    paste(visit, "next-2031", "2031-01-01")
    assert post(visit, "bureau.chief", "/bureau/rules/next-2031/withdraw").status_code == 400
    assert state(house, "next-2031") == "imported"
    post(visit, "bureau.chief", "/bureau/rules/next-2031/withdraw", reason="起付线抄错了")
    assert state(house, "next-2031") == "withdrawn"
    assert "起付线抄错了" in visit("bureau.clerk").get("/bureau/rules/next-2031").text


def test_a_pack_that_does_not_make_sense_is_refused_naming_the_row(visit: Visit, scenario: Scenario):
    text = DRAFT_TEXT.replace("yichang-draft-2028", "odd").replace("2028-01-01", "2032-01-01")
    text = text.replace('["0.93", "0.92", "0.90", "0.86"]', '["0.80", "0.92", "0.90", "0.86"]')
    answer = post(visit, "bureau.clerk", "/bureau/rules/import", text=text)
    assert answer.status_code == 400
    assert "scheme.310.inpatient.ratio[1]" in answer.text
    assert visit("bureau.clerk").get("/bureau/rules/odd").status_code == 404


def test_what_changes_is_shown_figure_by_figure(visit: Visit, scenario: Scenario):
    text = visit("bureau.clerk").get("/bureau/rules/yichang-draft-2028").text
    table = text[text.index("compare-packs") :].split("</table>")[0]
    rows = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in table.split("<tr>")[2:]]
    assert ["职工医保，住院起付线，三级", "1,000", "1,200"] in rows
    assert len(rows) == 7


@pytest.mark.parametrize("path", ["/bureau/rules/none", "/bureau/rules/yichang-draft-2028?against=none"])
def test_an_unknown_pack_is_not_there(visit: Visit, scenario: Scenario, path: str):
    assert visit("bureau.clerk").get(path).status_code == 404
