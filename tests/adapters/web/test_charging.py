"""A village doctor charges on a phone: patient, items, who would pay what, settle once, receipt; and gives lines back."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hub import coverage
from hub.directory import CatalogueItem
from hub.people import Person
from hub.settlement import Settlement
from hub.units import Code, Money, day_of
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Form, Page
from tests.adapters.web.scenario import Scenario
from tests.region import COMMUNITY, system

DOCTOR = "community.doctor"


@pytest.fixture
def session(house: Engine) -> Iterator[Session]:
    with Session(house) as session:
        yield session


@pytest.fixture
def card(session: Session, scenario: Scenario) -> str:
    return session.get_one(Person, scenario.child_id).card_number


def send(client, form: Form, **more):
    return client.post(form.action, data={**form.fields, **more})


def count(session: Session) -> int:
    session.expire_all()
    return session.scalar(select(func.count()).select_from(Settlement)) or 0


def quoted(client, card: str, items: str = "n-D-EX-0001=0.01&n-S-BED-01=1", more: str = "") -> Page:
    answer = client.get(f"/desk/charge?number={card}&{items}&quote=1{more}")
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_a_patient_is_found_items_are_found_and_what_is_chosen_stays(visit: Visit, card: str) -> None:
    client = visit(DOCTOR)
    assert "卡号" in client.get("/desk/charge").text
    found = client.get(f"/desk/charge?number={card}&n-S-BED-01=2&q=抗")
    page = found.text
    assert "示例单抗注射液" in page
    assert re.search(r'name="n-S-BED-01"[^>]*value="2"', page)
    assert "目录里没有" in client.get(f"/desk/charge?number={card}&q=没有的药").text


def test_what_is_quoted_is_settled_and_a_form_sent_twice_settles_once(
    visit: Visit, session: Session, card: str
) -> None:
    client, before = visit(DOCTOR), count(session)
    page = quoted(client, card)
    assert count(session) == before
    form = page.form("/desk/charge")
    first, second = send(client, form), send(client, form)
    assert first.status_code == second.status_code == 303, first.text
    assert first.headers["location"] == second.headers["location"]
    assert count(session) == before + 1
    row = session.scalars(select(Settlement).order_by(Settlement.id.desc())).first()
    assert row is not None
    assert (row.organisation_id, row.total, row.state) == (COMMUNITY, Money(6280), "active")
    assert f"收现金 ¥{row.cash}" in page.text
    receipt = client.get(first.headers["location"]).text
    assert "请收现金" in receipt
    sheet = client.get(f"/desk/bills/{row.id}/sheet").text
    assert "医疗费总额" in sheet
    assert "基本医疗保险统筹基金支出" in sheet
    assert "¥62.80" in sheet


def test_the_key_with_other_items_is_a_conflict_and_settles_nothing(visit: Visit, session: Session, card: str) -> None:
    client = visit(DOCTOR)
    form = quoted(client, card, "n-S-BED-01=3").form("/desk/charge")
    assert send(client, form).status_code == 303
    before = count(session)
    answer = send(client, form, **{"n-S-BED-01": "4"})
    assert answer.status_code == 409
    assert count(session) == before


@pytest.mark.parametrize("quantity", ["-1", "abc", "NaN", "0.00001", "1e9"])
def test_a_wrong_quantity_is_named_and_nothing_is_settled(
    visit: Visit, session: Session, card: str, quantity: str
) -> None:
    client, before = visit(DOCTOR), count(session)
    answer = client.get(f"/desk/charge?number={card}&n-S-BED-01={quantity}&quote=1")
    assert answer.status_code == 400
    assert "数量" in answer.text
    assert count(session) == before


def test_a_chronic_bill_is_settled_by_its_quota(visit: Visit, session: Session, card: str, scenario: Scenario) -> None:
    with Session(session.get_bind()) as filing, filing.begin():
        coverage.file_chronic(
            filing,
            system(COMMUNITY),
            person_id=scenario.child_id,
            insutype="390",
            disease="diabetes",
            diagnosis=Code("opsp", "M01600"),
            diagnosis_name="糖尿病",
            since=day_of(scenario.at),
            until=None,
            source="test/9",
        )
    client = visit(DOCTOR)
    assert "糖尿病" in client.get(f"/desk/charge?number={card}&n-S-BED-01=1").text
    form = quoted(client, card, "n-S-BED-01=1", "&disease=diabetes").form("/desk/charge")
    location = send(client, form).headers["location"]
    row = session.get_one(Settlement, int(re.findall(r"\d+", location)[0]))
    assert (row.disease, row.fund, row.clr_type) == ("diabetes", 3_000, "14")


def test_what_is_doubted_is_shown_and_settled_when_the_doctor_says_why(
    visit: Visit, session: Session, card: str
) -> None:
    with Session(session.get_bind()) as limiting, limiting.begin():
        limiting.get_one(CatalogueItem, "D-RES-01").most_a_day = Decimal(2)
    client = visit(DOCTOR)
    page = quoted(client, card, "n-D-RES-01=3")
    assert "超过每天最多 2" in page.text
    form = page.form("/desk/charge")
    before = count(session)
    assert send(client, form, reason="").status_code == 422
    assert count(session) == before
    done = send(client, form, reason="外出一周，多带几盒")
    assert done.status_code == 303, done.text
    assert "外出一周，多带几盒" in client.get(done.headers["location"]).text


def test_lines_are_given_back_once_and_both_sides_see_the_chain(
    visit: Visit, session: Session, scenario: Scenario, card: str
) -> None:
    client = visit(DOCTOR)
    location = send(client, quoted(client, card, "n-S-BED-01=4&n-S-ECHO-01=1").form("/desk/charge")).headers["location"]
    settlement_id = int(re.findall(r"\d+", location)[0])
    path = f"/desk/bills/{settlement_id}"
    text = client.get(path).text
    form = Page(text).form(f"{path}/refunds")
    wrong = send(client, form, **{"line-1": "9", "reason": "多收了"})
    assert wrong.status_code == 400
    first = send(client, form, **{"line-1": "1", "reason": "多收了"})
    second = send(client, form, **{"line-1": "1", "reason": "多收了"})
    assert first.status_code == second.status_code == 303, first.text
    assert first.headers["location"] == second.headers["location"]
    rest = int(re.findall(r"\d+", first.headers["location"])[0])
    desk, mine = client.get(first.headers["location"]).text, visit(scenario.child_id).get(f"/bills/{rest}").text
    for page in (desk, mine):
        assert "退了 ¥50.00" in page
        assert "原因：多收了" in page
        assert f"原单号 {settlement_id}" in page
    old = visit(scenario.child_id).get(f"/bills/{settlement_id}").text
    assert "已部分退费" in old
    assert f'href="/bills/{rest}"' in old
    assert "不再有效" in visit(scenario.child_id).get(f"/bills/{settlement_id}/sheet").text


def test_who_may_not_settle_sees_no_place_for_it(visit: Visit, card: str) -> None:
    client = visit("center.clerk")
    assert client.get("/desk/charge").status_code == 403
    assert 'href="/desk/charge"' not in client.get("/desk/window").text


def test_the_change_of_insurance_during_a_stay_is_told_on_the_bill(
    visit: Visit, session: Session, scenario: Scenario
) -> None:
    row = session.get_one(Settlement, scenario.bill_id)
    with Session(session.get_bind()) as changing, changing.begin():
        caller = system(COMMUNITY)
        coverage.enrol(
            changing,
            caller,
            person_id=row.person_id,
            insutype="310",
            psn_no="4205003109",
            psn_type="11",
            area="420500",
            since=row.day,
            source="test",
        )
        changing.execute(
            coverage.Enrolment.__table__.update()
            .where(coverage.Enrolment.person_id == row.person_id, coverage.Enrolment.since < row.day)
            .values(state="suspended")
        )
    told = visit(scenario.person_id).get(f"/bills/{scenario.bill_id}").text
    assert "就诊期间参保有变化" in told
    assert "参保暂停" in told
