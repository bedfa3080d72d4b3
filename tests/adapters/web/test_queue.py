"""The work queue without a script: filtered by the address, worked through by forms; and the month in pictures."""

from datetime import date

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.web.charts import day_shares
from hub.reconciliation import Break
from hub.reconciliation.months import DayShare
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario

QUEUE = "/bureau/differences"


def rows_of(text: str) -> list[int]:
    return [int(each[1:]) for each in Page(text).ids if each[:1] == "d" and each[1:].isdigit()]


def test_a_filter_that_fits_nothing_offers_the_way_back(visit: Visit) -> None:
    text = visit("bureau.clerk").get(f"{QUEUE}?kind=duplicate").text
    assert rows_of(text) == []
    assert "没有符合的差异" in text


def test_filters_and_order_stand_in_the_address(visit: Visit, house: Engine, scenario: Scenario) -> None:
    clerk = visit("bureau.clerk")
    with Session(house) as session:
        row = session.get_one(Break, scenario.break_id)
        hospital, kind = row.organisation_id, row.kind
    every = rows_of(clerk.get(QUEUE).text)
    few = rows_of(clerk.get(f"{QUEUE}?hospital={hospital}&kind={kind}&owner=-").text)
    assert scenario.break_id in few
    assert len(few) < len(every)
    assert sorted(rows_of(clerk.get(f"{QUEUE}?order=money").text)) == sorted(every)


def test_after_an_action_the_queue_stays_where_it_was_and_as_it_was_filtered(
    visit: Visit, house: Engine, scenario: Scenario
) -> None:
    clerk = visit("bureau.clerk")
    form = Page(clerk.get(f"{QUEUE}?order=money&kind=amount").text).forms
    taking = next(each for each in form if each.action.endswith("/take"))
    number = int(taking.action.split("/")[3])
    answer = clerk.post(taking.action, data=taking.fields)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{QUEUE}?kind=amount&order=money&done=take&at={number}")
    assert answer.headers["location"].endswith(f"#d{number}")
    page = clerk.get(answer.headers["location"]).text
    assert f'href="{QUEUE}/{number}" aria-current="true"' in page
    assert "已认领" in page
    with Session(house) as session:
        assert session.get_one(Break, number).owner == "bureau.clerk"
    assert number in rows_of(clerk.get(f"{QUEUE}?owner=me").text)


@pytest.mark.parametrize("back", ["https://elsewhere.test/", "//elsewhere.test", "hospital=%0d%0aX:1", "x" * 400])
def test_where_to_go_back_to_is_never_somebody_elses_page(visit: Visit, scenario: Scenario, back: str) -> None:
    clerk = visit("bureau.clerk")
    csrf = Page(clerk.get(QUEUE).text).forms[-1].fields["csrf"]
    answer = clerk.post(f"{QUEUE}/{scenario.break_id}/take", data={"csrf": csrf, "back": back})
    assert answer.headers["location"].startswith(f"{QUEUE}?")
    assert "\n" not in answer.headers["location"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_month_has_three_pictures_with_a_table_behind_each(visit: Visit, scenario: Scenario, language: str) -> None:
    text = visit("bureau.clerk", language=language).get("/bureau/month").text
    assert text.count('role="img"') == 4, "the days once for a phone and once for a desk"
    assert text.count("<details><summary") == 3
    assert text.count("<caption") == 3


@pytest.mark.parametrize("asked", ["2026-13", "1999-01", "x", "2099-01", "2001-01"])
def test_a_month_that_is_none_is_this_one_and_an_empty_one_says_so(visit: Visit, asked: str) -> None:
    assert visit("bureau.clerk").get(f"/bureau/month?month={asked}").status_code == 200


def test_every_day_is_a_point_and_one_that_waits_is_hollow() -> None:
    days = [
        DayShare(date(2026, 11, 1), 100, 0, 0),
        DayShare(date(2026, 11, 2), 97, 1, 2),
        DayShare(date(2026, 11, 3), 0, 0, 0),
    ]
    drawn = str(day_shares(days, date(2026, 11, 1), "x", "日"))
    assert (drawn.count('class="c-dot"'), drawn.count('class="c-hollow"')) == (1, 1)
    assert "100%" in drawn
    assert "30日" in drawn
    assert str(day_shares([], date(2026, 11, 1), "x", "")) == ""
    assert "100%" in str(day_shares(days[:1], date(2026, 11, 1), "x", "")), "all days level"
