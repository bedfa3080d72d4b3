"""A hospital's own sheet read as it is written in China: every encoding, date and amount, and every wrong cell named."""

import io
import struct
import zipfile
from datetime import date, datetime
from decimal import Decimal

import pytest
from openpyxl import Workbook

from adapters.spreadsheets import cells
from adapters.spreadsheets.cells import SheetUnreadable, letter
from adapters.spreadsheets.statement import HeadingMissing, SheetWrong, headings, read
from hub.reconciliation import Line, Listed

DAY = date(2026, 11, 24)
COLUMNS = {"setl_id": "结算ID", "fee": "总费用", "fund": "统筹基金", "account": "个人账户", "day": "结算日期"}
HEAD = "结算ID,总费用,统筹基金,个人账户,结算日期"
ROW = "100200300,1234.50,1000.00,0.00,2026-11-24"
TOTAL = "合计,1234.50,1000.00,0.00,"
LISTED = Listed(Line("100200300", "", "", 123450, 100000, 0))


def csv(*lines: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join(lines).encode(encoding)


def xlsx(*rows: list) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def lines(content: bytes, *, columns: dict[str, str] = COLUMNS, totals: bool = True) -> list[Listed]:
    return read(content, columns=columns, totals=totals, day=DAY)


def row(**other: str) -> str:
    cells = dict(zip(COLUMNS, ROW.split(","), strict=True)) | other
    return ",".join(cells[name] for name in COLUMNS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_every_encoding_a_chinese_sheet_comes_in_is_read(encoding: str) -> None:
    assert lines(csv("市示例医院日结单", HEAD, ROW, TOTAL, "制表人：张示例", encoding=encoding)) == [LISTED]


@pytest.mark.parametrize(
    "written",
    ["2026-11-24", "2026/11/24", "2026/1１/24", "2026.11.24", "2026年11月24日", "20261124", "2026-11-24 09:30:00", "46350"],
)  # fmt: skip
def test_a_day_is_read_as_chinese_sheets_write_it(written: str) -> None:
    assert lines(csv(HEAD, row(day=written), TOTAL)) == [LISTED]


@pytest.mark.parametrize(
    "written", ["1234.50", "1234.5", '"1,234.50"', "¥1234.50", '"￥1，234.50"', "１２３４.５０", "1234.50元"]
)
def test_an_amount_is_read_with_or_without_separators_and_signs(written: str) -> None:
    assert lines(csv(HEAD, row(fee=written), TOTAL)) == [LISTED]


def test_a_workbook_gives_what_the_same_text_gives() -> None:
    head, total = HEAD.split(","), ["合计", 1234.5, 1000, 0]
    for day in (datetime.fromisoformat("2026-11-24T09:30"), date(2026, 11, 24), "2026年11月24日", 46350, 46350.4):
        assert lines(xlsx(["日结单"], [], head, [100200300, 1234.5, Decimal("1000.00"), 0, day], total)) == [LISTED]


def test_a_float_is_the_amount_that_the_spreadsheet_shows() -> None:
    head = HEAD.split(",")
    found = lines(xlsx(head, ["1", 0.1 + 0.2, 0, 0, "2026-11-24"], ["合计", 0.3, 0, 0]))
    assert found[0].line.fee == 30


def test_a_refund_is_told_by_its_own_column_or_by_its_sign() -> None:
    columns = COLUMNS | {"refund": "退费"}
    flagged = csv(HEAD + ",退费", ROW + ",否", ROW + ",是", "合计,2469.00,2000.00,0.00,,")
    back = Line("100200300", "", "", -123450, -100000, 0, refund=True)
    assert [each.line for each in lines(flagged, columns=columns)] == [LISTED.line, back]
    signed = csv(HEAD, ROW, row(fee="-1234.50", fund="(1000.00)"), "合计,0.00,0.00,0.00")
    assert [each.line for each in lines(signed)] == [LISTED.line, back]


def test_the_other_columns_are_read_where_they_are_mapped() -> None:
    columns = COLUMNS | {"mdtrt_id": "就诊ID", "psn_no": "人员编号", "clr_type": "清算类别", "office": "经办机构"}
    text = csv(f"{HEAD},就诊ID,人员编号,清算类别,经办机构", ROW + ",V1,'0042,21,420500", TOTAL)
    assert lines(text, columns=columns) == [Listed(Line("100200300", "V1", "0042", 123450, 100000, 0), "21", "420500")]


@pytest.mark.parametrize(
    ("changed", "cell", "found", "allowed"),
    [
        ({"fee": "12.345"}, "B3", "12.345", "1,234.56"),
        ({"fee": '"12,34.50"'}, "B3", "12,34.50", "1,234.56"),
        ({"fund": ""}, "C3", "", "1,234.56"),
        ({"fund": "1e3"}, "C3", "1e3", "1,234.56"),
        ({"account": "无"}, "D3", "无", "1,234.56"),
        ({"fund": "-1000.00"}, "C3", "-1000.00", "±"),
        ({"day": "2026-11-25"}, "E3", "2026-11-25", "2026-11-24"),
        ({"day": "昨天"}, "E3", "昨天", "2026年11月24日"),
        ({"day": "2026-13-01"}, "E3", "2026-13-01", "2026年11月24日"),
        ({"setl_id": ""}, "A3", "", "A-Z"),
        ({"setl_id": "1.00201E+17"}, "A3", "1.00201E+17", "A-Z"),
        ({"setl_id": "=HYPERLINK(1)"}, "A3", "=HYPERLINK(1)", "A-Z"),
        ({"setl_id": "本页小计"}, "A3", "本页小计", "A-Z"),
    ],
)
def test_a_wrong_cell_is_named_with_what_was_found_and_what_is_allowed(changed, cell, found, allowed) -> None:
    with pytest.raises(SheetWrong) as refused:
        lines(csv("日结单", HEAD, row(**changed), TOTAL))
    wrong = refused.value
    assert (wrong.facts["cell"], wrong.facts["row"], wrong.facts["found"]) == (cell, 3, found)
    assert allowed in wrong.facts["allowed"]
    assert f"第 3 行“{wrong.facts['heading']}”列" in wrong.sentence("zh")


def test_every_wrong_cell_is_named_up_to_a_number() -> None:
    with pytest.raises(SheetWrong) as refused:
        lines(csv(HEAD, row(fee="x", day="y"), *[row(fund="z")] * 20, TOTAL))
    said = refused.value.sentence("en")
    assert "E2“y”" in said
    assert "C3“z”" in said
    assert "+12" in said


@pytest.mark.parametrize(
    ("total", "cell", "sum_of"),
    [
        ("合计,1234.51,1000.00,0.00", "B4", "Σ B2:B3 = 1234.50"),
        ("总计：,1234.50,999.99,", "C4", "Σ C2:C3 = 1000.00"),
        ("合计：3笔,1234.50,1000.00,", "A4", "2 笔"),
        ("合计,,1000.00,", "B4", "1234.56"),
    ],
)
def test_totals_that_do_not_foot_name_row_and_column(total: str, cell: str, sum_of: str) -> None:
    with pytest.raises(SheetWrong) as refused:
        lines(csv(HEAD, row(fee="1000.00"), row(fee="234.50", fund="0"), total))
    assert refused.value.facts["cell"] == cell
    assert sum_of in refused.value.facts["allowed"]


def test_totals_are_asked_for_where_the_hospital_said_they_come() -> None:
    with pytest.raises(SheetUnreadable):
        lines(csv(HEAD, ROW))
    assert lines(csv(HEAD, ROW), totals=False) == [LISTED]
    with pytest.raises(SheetWrong):
        lines(csv(HEAD, ROW, "合计,1.00,1000.00,0.00"), totals=False)
    with pytest.raises(SheetWrong):
        lines(csv(HEAD, ROW, TOTAL, ROW))


def test_a_day_without_settlements_is_a_sheet_of_totals() -> None:
    assert lines(csv(HEAD, "合计,0.00,0.00,0.00")) == []
    with pytest.raises(SheetUnreadable):
        lines(csv(HEAD), totals=False)


def test_a_formula_is_refused_by_its_cell() -> None:
    sheet = [HEAD.split(","), ["100200300", 1234.5, 1000, 0, "2026-11-24"], ["合计", "=SUM(B2:B2)", 1000, 0]]
    with pytest.raises(SheetWrong) as refused:
        lines(xlsx(*sheet))
    assert (refused.value.facts["cell"], refused.value.facts["found"]) == ("B3", "公式 / formula =SUM(B2:B2)")


def test_a_number_too_long_for_a_spreadsheet_is_refused_as_already_rounded() -> None:
    with pytest.raises(SheetWrong) as refused:
        lines(xlsx(HEAD.split(","), [123456789012345678, 1234.5, 1000, 0, "2026-11-24"], ["合计", 1234.5, 1000, 0]))
    assert refused.value.facts["cell"] == "A2"
    assert "as text" in refused.value.facts["allowed"]


def test_a_missing_or_doubled_heading_is_named() -> None:
    with pytest.raises(HeadingMissing) as refused:
        lines(csv("日结单", HEAD.replace("统筹基金", "基金"), ROW, TOTAL))
    assert refused.value.element == "统筹基金"
    assert "基金" in refused.value.sentence("zh")
    with pytest.raises(SheetWrong) as doubled:
        lines(csv(HEAD + ",总费用", ROW + ",1", TOTAL))
    assert doubled.value.facts["found"] == "B、F"


def test_the_headings_are_offered_to_who_maps_them() -> None:
    assert headings(csv("市示例医院日结单,,", HEAD, ROW, encoding="gbk")) == HEAD.split(",")
    assert headings(xlsx(["日结单"], HEAD.split(","), ["1", 2, 3])) == HEAD.split(",")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"\x00\x01",
        b"\xff\xfe\xff\xff",
        b"\xd0\xcf\x11\xe0 an old workbook",
        b"PK\x03\x04 cut",
        b"\x89PNG\r\n\x1a\n\x00",
        ('a,b\n"' + "x" * 200_000).encode(),
        b"a," * 300 + b"b",
        b"x" * (cells.LARGEST_BYTES + 1),
    ],
    ids=["empty", "blank", "nul", "no encoding", "xls", "cut", "png", "quotes", "wide", "large"],
)
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(SheetUnreadable):
        lines(content)


def archive(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, part in parts.items():
            zipped.writestr(name, part)
    return file.getvalue()


def test_an_archive_that_unpacks_to_more_than_a_sheet_is_refused_unread() -> None:
    for parts in (
        {"xl/worksheets/sheet1.xml": b" " * (cells.UNPACKED_BYTES + 1)},
        {f"xl/{number}.xml": b"" for number in range(cells.PARTS + 1)},
        {"xl/workbook.xml": b'<!DOCTYPE lolz [<!ENTITY lol "lol">]><x/>'},
        {"readme.txt": b"no workbook"},
    ):
        with pytest.raises(SheetUnreadable):
            lines(archive(parts))


def test_an_archive_that_lies_about_its_size_is_not_unpacked_beyond_it() -> None:
    whole = bytearray(archive({"xl/workbook.xml": b" " * 4_000_000}))
    at = whole.rindex(b"PK\x01\x02") + 24
    whole[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(SheetUnreadable):
        lines(bytes(whole))


def test_a_sheet_that_claims_a_million_rows_is_stopped_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "ROWS", 50)
    book, file = Workbook(), io.BytesIO()
    book.active.append(HEAD.split(","))
    book.active.cell(row=1_000_000, column=1, value="x")
    book.save(file)
    with pytest.raises(SheetUnreadable) as refused:
        lines(file.getvalue())
    assert "50" in refused.value.sentence("en")


def test_columns_are_named_as_a_spreadsheet_names_them() -> None:
    assert [letter(n) for n in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
