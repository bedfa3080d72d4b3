"""A clerk tries a bill: the figures of the worked examples, every step with its rule, and nothing is kept."""

import re

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters.web.figures import full_day
from hub.settlement import PackReplay, Settlement
from hub.units import day_of
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario
from tests.hub.coverage.bills import EXAMPLES, a_bill

PATH = "/bureau/rules/try"


def filled(bill: dict) -> dict[str, str]:
    """The form as a clerk fills it in from a bill's document."""
    flags = {name: "1" for name in ("retired", "civil_servant", "aid", "emergency", "account_used") if bill[name]}
    referral = bill["referral"]
    fields = {
        name: str(bill[name] or "") for name in ("pack", "day", "insutype", "care", "hospital_level", "admission")
    }
    fields |= {name: str(bill[name] or "0") for name in ("hospital_level", "account_balance", "stay_deductible_paid")}
    fields |= {"chronic": bill["chronic"] or "", "out_of_area": bill["out_of_area"] or ""}
    fields |= {"referral": f"{referral['direction']}-filed" if referral else "", "rows": str(len(bill["lines"]))}
    fields |= {"deductible_paid": referral["deductible_paid"] if referral else ""}
    fields |= {f"year.{name}": amount for name, amount in bill["year"].items()}
    for number, line in enumerate(bill["lines"]):
        fields |= {
            f"lines[{number}].{name}": line[name] or "" for name in ("class", "quantity", "unit_price", "ceiling")
        }
        fields |= {f"lines[{number}].approved": "1"} if line["approved"] else {}
    return fields | flags


def tried(visit: Visit, **fields: str):
    client = visit("bureau.clerk")
    return client.post(PATH, data={"csrf": Page(client.get(PATH).text).form(PATH).fields["csrf"], **fields})


def amount(text: str) -> str:
    return f"¥{int(text.split('.')[0]):,}.{text.split('.')[1]}"


@pytest.mark.parametrize("example", EXAMPLES["examples"], ids=lambda e: e["name"])
def test_a_worked_example_typed_in_gives_its_totals(visit: Visit, house: Engine, scenario: Scenario, example):
    with Session(house) as session:
        before = session.scalar(select(func.count()).select_from(Settlement))
    answer = tried(visit, **filled(a_bill(**example["differs"])))
    gives = example["gives"]
    assert answer.status_code == 200
    assert f"基金付 {amount(gives['fund'])}" in answer.text
    for name in ("deductible", "pool", "large", "serious"):
        assert gives[name] == "0.00" or amount(gives[name]) in answer.text, name
    assert "pool@yichang-example-2024" in answer.text
    with Session(house) as session:
        assert session.scalar(select(func.count()).select_from(Settlement)) == before


def test_every_line_tells_its_steps_and_the_form_keeps_what_was_typed(visit: Visit, scenario: Scenario):
    bill = a_bill(
        lines=[{"id": "1", "class": "B", "quantity": "3", "unit_price": "1280.333", "ceiling": None, "approved": True}]
    )
    text = tried(visit, **filled(bill)).text
    assert re.search(r"乙类，先自付 10%", text)
    assert "first-share@yichang-example-2024" in text
    assert Page(text).form(PATH).fields["lines[0].unit_price"] == "1280.333"


@pytest.mark.parametrize(
    ("field", "typed", "element"),
    [
        ("day", "2023-12-31", "day"),
        ("day", "gestern", "day"),
        ("insutype", "999", "insutype"),
        ("care", "home", "care"),
        ("hospital_level", "9", "hospital_level"),
        ("hospital_level", "三", "hospital_level"),
        ("chronic", "gout", "chronic"),
        ("referral", "sideways", "referral.direction"),
        ("deductible_paid", "1.234", "referral.deductible_paid"),
        ("out_of_area", "moon", "out_of_area"),
        ("account_balance", "-1", "account_balance"),
        ("year.pool", "viel", "year.pool"),
        ("admission", "0", "admission"),
        ("lines[0].class", "D", "lines[0].class"),
        ("lines[0].quantity", "1e3", "lines[0].quantity"),
        ("lines[0].unit_price", "-5", "lines[0].unit_price"),
        ("lines[0].ceiling", "x", "lines[0].ceiling"),
    ],
)
def test_what_cannot_be_is_refused_by_its_element_and_the_form_is_kept(visit: Visit, scenario: Scenario, field, typed, element):  # fmt: skip
    line = {"id": "1", "class": "A", "quantity": "1", "unit_price": "7777.00", "ceiling": None, "approved": True}
    referral = {"filed": True, "direction": "up", "deductible_paid": "0.00"}
    answer = tried(visit, **filled(a_bill(lines=[line], referral=referral)) | {field: typed})
    assert answer.status_code == 400
    assert element in answer.text
    assert field == "lines[0].unit_price" or 'value="7777.00"' in answer.text


def test_a_bill_under_an_unknown_pack_is_not_there(visit: Visit, scenario: Scenario):
    assert tried(visit, pack="none").status_code == 404


def test_a_month_is_replayed_on_the_page_and_what_cannot_be_is_refused(visit: Visit, house: Engine, scenario: Scenario):
    path = "/bureau/rules/yichang-draft-2028"
    text = visit("bureau.clerk").get(path).text
    assert re.search(r"\d+ 笔结算，\d+ 笔会不同", text)
    csrf = Page(text).form(f"{path}/replay").fields["csrf"]
    client = visit("bureau.clerk")
    csrf = Page(client.get(path).text).form(f"{path}/replay").fields["csrf"]
    for month, status in (("2026-1", 400), ("2999-01", 400), ("1999-01", 422), (f"{scenario.at:%Y-%m}", 303)):
        assert client.post(f"{path}/replay", data={"csrf": csrf, "month": month}).status_code == status
    with Session(house) as session:
        assert session.scalar(select(func.count()).select_from(PackReplay)) == 2


def test_an_estimate_is_dated_and_marked_as_one_on_the_phone_and_at_the_referral_desk(visit: Visit, scenario: Scenario):
    desk = f"/desk/refer?person_id={scenario.stranger_id}&receiver=H42050000101/H42050000101-0301"
    for who, path in ((scenario.person_id, "/estimate"), ("community.doctor", desk)):
        text = visit(who).get(path).text
        assert "估算，不是账单" in text
        assert full_day(day_of(scenario.at), "zh") in text
        assert "yichang-example-2024" in text
