"""The simulated hospital's own part: message ids, and books that foot."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import pytest

from fixtures.simulators.nhsa_client import CHINA, Books, Hospital

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=CHINA)


@pytest.fixture
def hospital():
    opened = Hospital("http://127.0.0.1:1", "H42050000101", "示例医院", "AK", "SK", clock=lambda: NOON)
    yield opened
    opened.close()


def setlinfo(setl_id, fee="100.00", fund="60.00", account="10.00", cash="30.00"):
    return {
        "setl_id": setl_id,
        "mdtrt_id": "7",
        "psn_no": "P",
        "setl_time": "2026-11-22 12:00:00",
        "insutype": "310",
        "clr_type": "11",
        "medfee_sumamt": fee,
        "fund_pay_sumamt": fund,
        "acct_pay": account,
        "psn_cash_pay": cash,
    }


def test_message_ids_have_thirty_characters_and_only_grow(hospital):
    made = [hospital.next_msgid() for _ in range(3)]
    assert made == [f"H4205000010120261122120000{serial:04d}" for serial in (1, 2, 3)]


def test_message_ids_never_repeat_across_threads(hospital):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: hospital.next_msgid(), range(2000)))
    assert len(set(made)) == 2000


def test_a_clock_that_steps_back_does_not_repeat_an_id():
    times = iter([NOON, NOON.replace(hour=11), NOON.replace(hour=11)])
    hospital = Hospital("http://127.0.0.1:1", "H42050000101", "示例医院", "AK", "SK", clock=lambda: next(times))
    made = [hospital.next_msgid() for _ in range(3)]
    assert made == sorted(set(made))
    hospital.close()


def test_a_settlement_taken_back_stands_in_the_books_as_two_lines():
    books = Books()
    books.settled(setlinfo("1"))
    books.settled(setlinfo("2"))
    books.undone(setlinfo("1"), original="1")
    totals = books.totals(day="2026-11-22", insutype="310", clr_type="11", office="420500")
    assert (totals["medfee_sumamt"], totals["fund_pay_sumamt"], totals["fixmedins_setl_cnt"]) == (
        "100.00",
        "60.00",
        "3",
    )
    rows = books.rows(day="2026-11-22", insutype="310", clr_type="11")
    assert [row[-1] for row in rows] == ["0", "0", "1"]
    assert sum(Decimal(row[3]) for row in rows) == Decimal("100.00")
    assert books.buckets("2026-11-22") == [("310", "11")]


def test_what_another_areas_platform_settled_is_not_in_the_books_for_this_bureau():
    books = Books()
    books.settled(setlinfo("1") | {"clr_optins": "420500"})
    books.settled(setlinfo("2") | {"clr_optins": "429900"})
    totals = books.totals(day="2026-11-22", insutype="310", clr_type="11", office="420500")
    assert (totals["fixmedins_setl_cnt"], totals["medfee_sumamt"]) == ("1", "100.00")
    assert books.buckets("2026-11-22", "429900") == [("310", "11")]
    assert books.rows(day="2026-11-22", insutype="310", clr_type="11", office="429900")[0][0] == "2"
