"""A hospital sends its own sheet over the JSON API."""

import base64
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api
from hub.reconciliation import Line, Sheet, Statement
from hub.units import Money
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.hub.ledgers import DAY, ledger_in
from tests.region import COUNTY, TERTIARY

ROUTES = app_with(api.router)
COLUMNS = {"setl_id": "结算ID", "fee": "总费用", "fund": "统筹基金", "account": "个人账户", "day": "结算日期"}


@pytest.fixture
def line(engine: Engine) -> Line:
    with Session(engine) as session, session.begin():
        return ledger_in(session)()


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY, frozenset({"reconciliation.read", "reconciliation.write"})))


def sheet(line: Line, *, fund: int | None = None, day: str = "2026/11/21", total: str = "") -> bytes:
    money = [str(Money(fen)) for fen in (line.fee, line.fund if fund is None else fund, line.account)]
    row, totals = ",".join([line.setl_id, *money, day]), ",".join(["合计", total or money[0], *money[1:]])
    return "\r\n".join([",".join(COLUMNS.values()), row, totals]).encode("gbk")


def send(his: Peer, content: bytes, **other):
    said = {"day": str(DAY), "name": "日结.csv", "content": base64.b64encode(content).decode()} | other
    return his("POST", "/api/v1/sheets", json=said)


def count(engine: Engine) -> tuple[int, int]:
    with Session(engine) as session:
        one, other = (session.scalar(select(func.count()).select_from(table)) for table in (Sheet, Statement))
        return one or 0, other or 0


def test_columns_are_said_once_and_a_sheet_is_the_hospitals_side(engine: Engine, his: Peer, line: Line) -> None:
    assert send(his, sheet(line)).json()["code"] == "columns-not-mapped"
    kept = his("POST", "/api/v1/sheets/columns", json={"columns": COLUMNS})
    assert (kept.status_code, kept.json()["columns"]) == (200, COLUMNS)
    assert his("GET", "/api/v1/sheets/columns").json() == kept.json()
    taken = send(his, sheet(line)).json()
    assert [(each["clr_type"], each["office"], each["balanced"]) for each in taken["compared"]] == [
        ("11", "420500", True)
    ]
    assert taken["compared"][0]["hospital"] == taken["compared"][0]["insurer"]
    before = count(engine)
    again = send(his, sheet(line))
    assert (again.status_code, again.json()["unchanged"], again.json()["sheet"]) == (200, True, taken["sheet"])
    assert count(engine) == before
    other = send(his, sheet(line, fund=line.fund - 1))
    assert (other.status_code, other.json()["code"]) == (409, "sheet-stands")
    number = taken["sheet"]["sheet_id"]
    replaced = send(his, sheet(line, fund=line.fund - 1), replaces=number, reason="重新导出").json()
    assert [kind for _, kind in replaced["compared"][0]["differences"]] == ["amount"]
    days = {"day_from": str(DAY - timedelta(days=1)), "day_to": str(DAY)}
    told = his("GET", "/api/v1/sheets", params=days).json()
    assert [(each["replaces"], each["stands"]) for each in told] == [(number, True), (None, False)]


@pytest.mark.parametrize(
    ("change", "element"),
    [({"total": "1.00"}, "总费用 B3"), ({"day": "2026/11/22"}, "结算日期 E2"), ({"fund": -5}, "统筹基金 C2")],
)
def test_a_sheet_with_a_wrong_cell_is_refused_whole(engine: Engine, his: Peer, line: Line, change, element) -> None:
    his("POST", "/api/v1/sheets/columns", json={"columns": COLUMNS})
    answer = send(his, sheet(line, **change))
    assert (answer.status_code, answer.json()["code"], answer.json()["element"]) == (400, "sheet-wrong", element)
    assert count(engine) == (0, 0)


def test_a_hospital_cannot_speak_for_another(engine: Engine, his: Peer, line: Line) -> None:
    body = {"columns": COLUMNS, "organisation_id": COUNTY}
    assert his("POST", "/api/v1/sheets/columns", json=body).json()["code"] == "foreign-books"
    assert send(his, sheet(line), organisation_id=COUNTY).json()["code"] == "foreign-books"
    assert count(engine) == (0, 0)
