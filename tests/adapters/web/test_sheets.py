"""The bridge as a workbook: it foots to the fen, and text in it stays text."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

from openpyxl import load_workbook
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.web.bureau.sheets import WORKBOOK, workbook
from hub.reconciliation import Amounts, Break, Bridge, Entry
from tests.adapters.web.conftest import Visit
from tests.adapters.web.scenario import Scenario

AMOUNT = slice(4, 8)


def rows_of(content: bytes) -> list[tuple]:
    return list(load_workbook(BytesIO(content)).active.iter_rows(min_row=2, values_only=True))


def fen(row: tuple) -> list[Decimal]:
    return [Decimal(str(value)).quantize(Decimal("0.01")) for value in row[AMOUNT]]


def summed(rows: list[tuple]) -> list[Decimal]:
    return [sum(column, Decimal(0)) for column in zip(*map(fen, rows), strict=True)]


def test_a_plus_the_named_differences_is_b_for_the_hospital_and_for_the_city(
    visit: Visit, house: Engine, scenario: Scenario
) -> None:
    with Session(house) as session:
        row = session.get_one(Break, scenario.break_id)
        day, hospital, setl_id = row.day_from, row.organisation_id, row.setl_id
    clerk = visit("bureau.clerk")
    answer = clerk.get(f"/bureau/bridge.xlsx?hospital={hospital}&of={day}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, WORKBOOK)
    *own, city_a, city_differences, city_b = rows_of(answer.content)
    assert summed(own[:-1]) == fen(own[-1])
    assert setl_id in [line[2] for line in own]
    assert (fen(city_a), fen(city_b)) == (fen(own[0]), fen(own[-1]))
    assert summed([city_a, city_differences]) == fen(city_b)
    *lines, city_a, _, city_b = rows_of(clerk.get(f"/bureau/bridge.xlsx?of={day}").content)
    assert summed([line for line in lines if line[1] == own[0][1]]) == fen(city_a)
    assert summed([line for line in lines if line[1] == own[-1][1]]) == fen(city_b)
    assert f"/bureau/bridge.xlsx?of={day}" in clerk.get(f"/bureau?day={day}").text


def test_a_day_without_anything_is_a_sheet_of_nothing(visit: Visit, scenario: Scenario) -> None:
    empty = scenario.day - timedelta(days=4000)
    rows = rows_of(visit("bureau.clerk").get(f"/bureau/bridge.xlsx?of={empty}").content)
    assert [fen(row) for row in rows] == [[Decimal(0)] * 4] * 3


def test_who_may_not_read_books_gets_no_sheet(visit: Visit) -> None:
    assert visit().get("/bureau/bridge.xlsx").status_code == 303
    assert visit("center.clerk").get("/bureau/bridge.xlsx").status_code in (303, 403)


def test_what_a_hospital_wrote_never_becomes_a_formula() -> None:
    entry = Entry("amount", "金额不同", "The amounts differ", Amounts(1, 1, 0, 0), setl_id='=HYPERLINK("x")\x01')
    bridge = Bridge("H1", date(2026, 11, 21), Amounts(5, 5, 0, 1), (entry,), Amounts(6, 6, 0, 1), ())
    book = workbook(bridge.day, [("=示例医院", replace(bridge))], "zh", today=bridge.day)
    cells = list(load_workbook(BytesIO(book)).active.iter_rows(min_row=2))
    assert (cells[1][2].value, cells[1][2].data_type) == ('=HYPERLINK("x")', "s")
    assert (cells[0][0].value, cells[0][0].data_type) == ("=示例医院", "s")
    assert Decimal(str(cells[1][6].value)) == Decimal("0.01")
