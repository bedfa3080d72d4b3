"""A month of referrals as the bureau and operations see it, and as a file."""

import csv
from io import StringIO

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hub import journeys
from hub.referrals import ReferralFacts
from tests.adapters.web.conftest import Visit
from tests.adapters.web.scenario import Scenario
from tests.region import COUNTY, TERTIARY, system


@pytest.mark.parametrize(("who", "address"), [("bureau.clerk", "/bureau/referrals"), ("operator", "/ops/referrals")])
def test_the_page_shows_pictures_with_a_table_behind_each(
    visit: Visit, scenario: Scenario, who: str, address: str
) -> None:
    answer = visit(who).get(address)
    assert answer.status_code == 200
    text = answer.text
    assert 'aria-label="各机构上转、下转、平级转诊的人数"' in text
    assert "玉泉示例卫生院 → 市示例中心医院" in text
    assert f"{address}.csv?month=" in text
    for name in ("阿卜杜", "张示例"):
        assert name not in text, "nobody is named"


def test_the_file_says_the_same_and_runs_nothing(visit: Visit, house: Engine, scenario: Scenario) -> None:
    with Session(house) as session, session.begin():
        facts = ReferralFacts(
            person_id=scenario.child_id,
            sender_id=COUNTY,
            receiver_id=TERTIARY,
            reason="需外科评估",
            diagnoses=({"code": "K80.2", "name": "胆囊结石"},),
        )
        row = journeys.refer(session, system(COUNTY, at=scenario.at), facts=facts, file_with_insurance=False)
        journeys.reject(session, system(TERTIARY, at=scenario.at), referral_id=row.id, reason='=HYPERLINK("x")')
    client = visit("bureau.clerk")
    refusals = list(csv.reader(StringIO(client.get("/bureau/referrals.csv?part=refusals").content.decode("utf-8-sig"))))
    assert ["市示例中心医院", "不接收", '\'=HYPERLINK("x")', "1"] in refusals
    pairs = list(csv.reader(StringIO(client.get("/bureau/referrals.csv").content.decode("utf-8-sig"))))
    assert pairs[0] == ["转出", "转入", "上转", "下转", "平级", "已到院", "没接收"]
    assert ["玉泉示例卫生院", "市示例中心医院", "2", "0", "0", "0", "0"] in pairs
    answers = client.get("/bureau/referrals.csv?part=answers", headers={"accept-language": "en"})
    assert answers.headers["content-disposition"].endswith('.csv"')


@pytest.mark.parametrize("asked", ["month=2026-13", "month=x", "month=1999-01", "part=people"])
def test_what_cannot_be_asked_is_refused(visit: Visit, scenario: Scenario, asked: str) -> None:
    assert visit("bureau.clerk").get(f"/bureau/referrals.csv?{asked}").status_code == 400


def test_a_hospital_sees_no_figures_of_others(visit: Visit, scenario: Scenario) -> None:
    assert visit("center.doctor").get("/bureau/referrals").status_code == 403
