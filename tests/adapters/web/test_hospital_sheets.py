"""A hospital's own sheet at the bureau's pages: columns chosen from a sample, the file sent, another by a named act."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hub import settlement, trust
from hub.reconciliation import Sheet, SheetColumns
from hub.units import Money, day_of
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario
from tests.region import COUNTY, TERTIARY

HEAD = "结算ID,总费用,统筹基金,个人账户,备注"
COLUMNS = {
    "columns.setl_id": "结算ID",
    "columns.fee": "总费用",
    "columns.fund": "统筹基金",
    "columns.account": "个人账户",
}


def of(text: str, action: str):
    return next(form for form in Page(text).forms if form.action == action)


def post(client: httpx.Client, path: str, content: bytes | None = None, *, where="/bureau/sheets", **fields: str):
    csrf = next(form.fields["csrf"] for form in Page(client.get(where).text).forms if "csrf" in form.fields)
    files = None if content is None else {"file": ("日结.csv", content)}
    return client.post(path, data={"csrf": csrf, **fields}, files=files)


@pytest.fixture(scope="module")
def his(visit: Visit, house: Engine, scenario: Scenario) -> httpx.Client:
    """Somebody of the hospital who reconciles its books."""
    with Session(house) as session, session.begin():
        trust.add_staff(
            session,
            name="center.books",
            password="correct horse battery staple",
            display_name="对账样例",
            organisation_id=TERTIARY,
            scopes=frozenset({"reconciliation.read", "reconciliation.write"}),
        )
    return visit("center.books")


def sheet(house: Engine, scenario: Scenario, *, off: int = 0) -> tuple[str, bytes]:
    """The hospital's day with all that the ledger has, as its system would write it."""
    with Session(house) as session:
        day = session.get_one(settlement.Settlement, scenario.bill_id).settled_on
        t = settlement.Settlement
        rows = session.scalars(select(t).where(t.organisation_id == TERTIARY, t.settled_on == day)).all()
        cells = [(str(x.undoes or x.id), x.total, x.fund + off, x.account) for x in rows]
    lines = [",".join([number, *(str(Money(fen)) for fen in amounts), ""]) for number, *amounts in cells]
    totals = ",".join(["合计", *(str(Money(sum(row[n] for row in cells))) for n in (1, 2, 3)), ""])
    return day.isoformat(), "\r\n".join([HEAD, *lines, totals]).encode("gbk")


def count(house: Engine, table=Sheet) -> int:
    with Session(house) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_hospital_chooses_its_columns_once_and_sends_its_day(his, house: Engine, scenario: Scenario) -> None:
    day, content = sheet(house, scenario)
    text = his.get("/bureau/sheets").text
    assert "/bureau/sheets/look" in text
    assert 'id="send"' not in text
    page = post(his, "/bureau/sheets/look", content)
    assert page.status_code == 200
    proposed = of(page.text, "/bureau/sheets/columns").fields
    assert {name: proposed.get(name) for name in COLUMNS} == COLUMNS
    assert count(house, SheetColumns) == 0
    kept = post(his, "/bureau/sheets/columns", totals="yes", **COLUMNS)
    assert kept.headers["location"] == f"/bureau/sheets?hospital={TERTIARY}&done=columns"
    assert "列的对应已保存" in his.get(kept.headers["location"]).text

    sent = post(his, "/bureau/sheets", content, day=day)
    assert sent.headers["location"] == f"/bureau/sheets?hospital={TERTIARY}&day={day}&done=level"
    shown = his.get(sent.headers["location"]).text
    assert "两边一致" in shown
    assert "日结.csv" in shown
    again = post(his, "/bureau/sheets", content, day=day)
    assert again.headers["location"].endswith("done=unchanged")

    other = sheet(house, scenario, off=-1)[1]
    refused = post(his, "/bureau/sheets", other, day=day)
    assert refused.status_code == 409
    assert "日结.csv" in refused.text
    form = of(his.get(f"/bureau/sheets?day={day}").text, "/bureau/sheets")
    assert post(his, "/bureau/sheets", other, day=day, replaces=form.fields["replaces"]).status_code == 400
    replaced = post(his, "/bureau/sheets", other, day=day, replaces=form.fields["replaces"], reason="漏记一分")
    assert replaced.headers["location"].endswith("done=apart")
    shown = his.get(f"/bureau/sheets?day={day}").text
    assert "替换原因：漏记一分" in shown
    assert "已被替换" in shown
    first = his.get(f"/bureau/sheets/{form.fields['replaces']}/file")
    assert (first.status_code, first.content) == (200, content)


def test_a_wrong_cell_is_told_on_the_page_and_nothing_is_kept(his, house: Engine, scenario: Scenario) -> None:
    post(his, "/bureau/sheets/columns", totals="yes", **COLUMNS)
    before = count(house)
    yesterday = str(day_of(scenario.at) - timedelta(days=20))
    content = f"{HEAD}\n1,12.345,1.00,0,\n合计,12.345,1.00,0\n".encode()
    answer = post(his, "/bureau/sheets", content, day=yesterday)
    assert answer.status_code == 400
    assert "第 2 行“总费用”列（B2）有误：收到“12.345”" in answer.text
    for wrong in ({"day": "soon"}, {"day": str(day_of(scenario.at) + timedelta(days=3))}, {}):
        assert post(his, "/bureau/sheets", content, **wrong).status_code == 400
    assert post(his, "/bureau/sheets", None, day=yesterday).status_code == 400
    assert post(his, "/bureau/sheets/look", b"\x00", day=yesterday).status_code == 400
    assert count(house) == before


def test_the_bureau_chooses_whose_sheets_and_a_hospital_sees_its_own_only(visit: Visit, his, scenario) -> None:
    chief = visit("bureau.chief")
    assert COUNTY in chief.get("/bureau/sheets").text
    assert "当阳示例人民医院" in chief.get(f"/bureau/sheets?hospital={COUNTY}").text
    assert chief.get("/bureau/sheets?hospital=H42000000000").status_code == 404
    assert "当阳示例人民医院" not in his.get(f"/bureau/sheets?hospital={COUNTY}").text
    assert his.get("/bureau/sheets/999999/file").status_code == 404
