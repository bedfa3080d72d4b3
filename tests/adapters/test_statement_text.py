"""A hospital's lines as they were written, whatever the file is."""

import io
import zipfile

import pytest
from openpyxl import Workbook

from adapters.statement_text import lines_with

LINE = "77\t12\t420500001\t100.00\t70.00\t0.00\t0"


def zipped(text: str, codec: str = "utf-8") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("lines.txt", text.encode(codec))
    return file.getvalue()


def workbook() -> bytes:
    book, file = Workbook(), io.BytesIO()
    book.active.append(["结算号", "总费用"])
    book.active.append(["77", 100.5])
    book.active.append([177, 1])
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (zipped(f"1\t2\n{LINE}\n177\t3\n"), [LINE]),
        (zipped(f"{LINE}\t张三\n", "gb18030"), [f"{LINE}\t张三"]),
        (f"结算号,总费用\n77,100.00\n{'7' * 4},1\n".encode("gb18030"), ["77,100.00"]),
        (b'"77","100.00"\r\n77;1\r\n', ['"77","100.00"', "77;1"]),
        (workbook(), ["77\t100.5"]),
        (b"PK not a zip", []),
        (b"", []),
    ],
)
def test_the_lines_of_a_settlement_are_found_as_written(content: bytes, found: list[str]) -> None:
    assert lines_with(content, "77") == found
