"""End of day through the door: totals, and where they differ the lines, named and sent back."""

import base64
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from fixtures.simulators.nhsa_client import CHINA, Books, zipped
from hub import reconciliation
from tests.adapters.nhsa.cashier import Window, fee
from tests.region import BUREAU, TERTIARY, system

OFFICE = "420500"
TODAY = datetime.now(CHINA).date()
BUCKET = {"day": TODAY.isoformat(), "insutype": "310", "clr_type": "11"}


@pytest.fixture
def window(hospital, insure):
    return Window(hospital, insure(1, "310")).register().diagnose()


@pytest.fixture
def books(window):
    """Three settlements, the second taken back; the hospital wrote all of it down."""
    kept = Books()
    for number, price in enumerate(("100.00", "200.00", "300.00"), start=1):
        window.charge(fee(number, "S-BED-01", price), batch=f"B{number}")
        kept.settled(window.settle(batch=f"B{number}").output["setlinfo"])
        if number == 2:
            setl_id = kept.lines[-1]["setl_id"]
            kept.undone(window.undo(setl_id).output["setlinfo"], original=setl_id)
    return kept


def send_totals(hospital, books):
    return hospital.ask("3201", {"data": books.totals(**BUCKET, office=OFFICE)})["stmtinfo"]


def send_lines(hospital, books):
    number = hospital.upload(books.rows(**BUCKET), filename="lines.txt")
    made = hospital.ask("3202", {"data": books.statement(**BUCKET, office=OFFICE, file_qury_no=number)})["fileinfo"]
    return hospital.download(made["file_qury_no"], made["filename"])


def bridge(engine):
    bureau = system(BUREAU, at=datetime.now(UTC))
    with Session(engine) as session:
        return reconciliation.bridge(session, bureau, organisation_id=TERTIARY, day=TODAY)


def board(engine, institution=BUREAU):
    with Session(engine) as session:
        cells = reconciliation.day_board(session, system(institution, at=datetime.now(UTC)), TODAY, TODAY)
    return {cell.organisation_id: cell for cell in cells}


def test_equal_books_are_level(window, books, engine):
    assert send_totals(window.hospital, books)["stmt_rslt"] == "0"
    sheet = bridge(engine)
    assert sheet.foots
    assert sheet.entries == ()
    assert sheet.hospital == sheet.insurer
    assert sheet.insurer.count == 4
    assert board(engine)[TERTIARY].state == "balanced"


def test_a_planted_difference_is_found_named_and_bridged(window, books, engine):
    books.lines[0]["fund_pay_sumamt"] -= Decimal("0.01")
    answer = send_totals(window.hospital, books)
    assert answer["stmt_rslt"] == "1"
    assert "基金支付总额" in answer["stmt_rslt_dscr"]
    assert [entry.kind for entry in bridge(engine).entries] == ["lines-awaited"]
    rows = send_lines(window.hospital, books)
    assert len(rows) == 4
    (wrong,) = [row for row in rows if row[4] == "1"]
    assert wrong[2] == books.lines[0]["setl_id"]
    assert wrong[6].startswith("金额不同")
    sheet = bridge(engine)
    assert sheet.foots
    assert [(entry.kind, entry.amounts.fund) for entry in sheet.entries] == [("amount", 1)]
    cell = board(engine)[TERTIARY]
    assert (cell.state, cell.open_breaks, cell.difference.fund) == ("unbalanced", 1, 1)


def test_a_settlement_the_hospital_lost_comes_back_with_the_message_id_to_reverse(window, books, engine):
    lost = books.lines.pop()
    send_totals(window.hospital, books)
    (wrong,) = [row for row in send_lines(window.hospital, books) if row[4] == "1"]
    assert wrong[2] == lost["setl_id"]
    answers = [x for x in window.hospital.journal if x.infno == "2207"]
    (settled,) = [x for x in answers if x.output["setlinfo"]["setl_id"] == lost["setl_id"]]
    assert wrong[3] == settled.msgid
    (entry,) = bridge(engine).entries
    assert entry.kind == "insurer-only"
    assert entry.amounts.fee == 30000


def test_a_settlement_only_the_hospital_has_carries_no_message_id(window, books, engine):
    books.lines.append(books.lines[0] | {"setl_id": "999999", "mdtrt_id": "888"})
    send_totals(window.hospital, books)
    (wrong,) = [row for row in send_lines(window.hospital, books) if row[4] == "1"]
    assert (wrong[2], wrong[3]) == ("999999", None)
    assert [entry.kind for entry in bridge(engine).entries] == ["hospital-only"]


def test_a_refund_the_hospital_did_not_see_is_named(window, books, engine):
    books.lines = [line for line in books.lines if line["refd_setl_flag"] == "0"]
    send_totals(window.hospital, books)
    send_lines(window.hospital, books)
    (entry,) = bridge(engine).entries
    assert (entry.kind, entry.amounts.fee) == ("reversed-on-one-side", -20000)


def test_what_is_mended_heals(window, books, engine):
    planted = books.lines.pop()
    send_totals(window.hospital, books)
    send_lines(window.hospital, books)
    books.lines.append(planted)
    send_lines(window.hospital, books)
    assert bridge(engine).entries == ()
    assert board(engine)[TERTIARY].state == "balanced"


def test_a_settlement_after_the_statement_is_named_so(window, books, engine):
    send_totals(window.hospital, books)
    window.charge(fee(9, "S-BED-01", "77.00"), batch="B9")
    window.settle(batch="B9")
    sheet = bridge(engine)
    assert sheet.foots
    assert [(entry.kind, entry.amounts.fee) for entry in sheet.entries] == [("since-then", 7700)]


def test_without_a_statement_the_whole_day_is_not_received(window, books, engine):
    sheet = bridge(engine)
    assert sheet.foots
    assert [entry.kind for entry in sheet.entries] == ["not-received"]
    assert board(engine)[TERTIARY].state == "awaited"


def test_an_institution_sees_its_own_board_only(window, books, engine):
    assert set(board(engine, TERTIARY)) == {TERTIARY}


def test_a_statement_whose_lines_do_not_add_up_is_refused(window, books):
    number = window.hospital.upload(books.rows(**BUCKET)[1:], filename="lines.txt")
    said = books.statement(**BUCKET, office=OFFICE, file_qury_no=number)
    exchange = window.hospital.call("3202", {"data": said})
    assert "medfee_sumamt" in exchange.message


@pytest.mark.parametrize("number", ["999999", "abc", "1" * 19])
def test_a_file_that_is_not_there_is_refused(window, books, number):
    said = books.statement(**BUCKET, office=OFFICE, file_qury_no=number)
    assert number in window.hospital.call("3202", {"data": said}).message


def test_another_hospitals_file_is_not_there(window, books, hospital_of):
    number = window.hospital.upload(books.rows(**BUCKET), filename="lines.txt")
    other = hospital_of("H42058200201")
    with pytest.raises(RuntimeError, match=number):
        other.download(number, "lines.txt.zip")


def test_a_file_comes_back_as_it_went(window):
    rows = [["1", "2", "3", "1.00", "1.00", "0", "0"]]
    number = window.hospital.upload(rows, filename="lines.txt")
    assert window.hospital.download(number, "lines.txt.zip") == rows


def test_a_file_in_another_name_is_refused(window):
    number = window.hospital.upload([["1"]], filename="lines.txt")
    with pytest.raises(RuntimeError, match="filename"):
        window.hospital.download(number, "other.zip")


def test_a_period_that_runs_backwards_is_refused(window, books):
    said = books.totals(**BUCKET, office=OFFICE) | {"stmt_enddate": "2020-01-01"}
    assert "stmt_enddate" in window.hospital.call("3201", {"data": said}).message


def test_rubbish_in_a_file_is_refused_by_its_line(window, books):
    content = zipped([["1", "2", "3", "one yuan", "1.00", "0", "0"]], filename="x.txt")
    asked = {"in": base64.b64encode(content).decode(), "filename": "x.zip", "fixmedins_code": TERTIARY}
    number = window.hospital.ask("9101", {"fsUploadIn": asked})["file_qury_no"]
    said = books.statement(**BUCKET, office=OFFICE, file_qury_no=number)
    message = window.hospital.call("3202", {"data": said}).message
    assert "第 1 行.medfee_sumamt" in message
