"""A file as rows of cells. What it is decides its content, not its name.

xlsx is read without running anything: formulas are kept as such, the archive may not unpack to more than a sheet of
a large hospital's day needs, and rows and columns are counted while they are read.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from hub.faults import Invalid

LARGEST_BYTES = 8 * 1024 * 1024
UNPACKED_BYTES = 48 * 1024 * 1024
PARTS = 200
ROWS = 100_000
COLUMNS = 200
LONGEST_CELL = 2000

ZIP, OLD_EXCEL = b"PK", b"\xd0\xcf\x11\xe0"
DELIMITERS = ",\t;"

Cell = str | int | float | datetime | date | time | None
Rows = Iterator[tuple[int, Sequence[Cell]]]


class Formula(str):
    """A cell that calculates: what it shows is not in the file, or not to be trusted."""


class SheetUnreadable(Invalid):
    """The file as a whole is none that we read."""

    zh = "账单文件无法读取：{found}。可以用：{allowed}。"
    en = "The sheet cannot be read: {found}. Allowed: {allowed}."

    def __init__(self, *, found: str, allowed: str = "CSV (UTF-8, GBK/GB18030), xlsx", **facts: Any) -> None:
        super().__init__(element="file", found=found, allowed=allowed, **facts)


def rows(content: bytes) -> Rows:
    """The rows of a file with their numbers as a spreadsheet shows them, from 1. Refuses: SheetUnreadable."""
    if not content.strip():
        raise SheetUnreadable(found="0 B")
    if len(content) > LARGEST_BYTES:
        raise SheetUnreadable(found=f"{len(content)} B", allowed=f"≤ {LARGEST_BYTES // 1024 // 1024} MB")
    if content.startswith(OLD_EXCEL):
        raise SheetUnreadable(found="xls / password", allowed="xlsx, CSV")
    found = _xlsx(content) if content.startswith(ZIP) else _csv(content)
    for number, row in enumerate(found, start=1):
        if number > ROWS:
            raise SheetUnreadable(found=f"> {ROWS} rows", allowed=f"≤ {ROWS}")
        yield number, row


def letter(column: int) -> str:
    """The name of a column, 0 being A, as a spreadsheet shows it."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def _csv(content: bytes) -> Iterator[Sequence[Cell]]:
    text = _decoded(content)
    head = "\n".join(islice(text.splitlines(), 20))
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if len(row) > COLUMNS:
                raise SheetUnreadable(found=f"{len(row)} columns", allowed=f"≤ {COLUMNS}")
            yield [_unwrapped(cell) for cell in row]
    except csv.Error as wrong:
        raise SheetUnreadable(found=f"line {reader.line_num}: {wrong}") from None


def _decoded(content: bytes) -> str:
    """UTF-8 where it is UTF-8, else GB18030, which GBK is a part of."""
    if b"\x00" in content:
        raise SheetUnreadable(found="U+0000")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return content.decode("gb18030")
        except UnicodeDecodeError as wrong:
            raise SheetUnreadable(found=f"byte {wrong.start}") from None


def _unwrapped(cell: str) -> str:
    """A text as it is meant: hospital systems write ="0012" or '0012 so that a spreadsheet keeps the zeros."""
    cell = cell.strip()
    if cell.startswith('="') and cell.endswith('"') and cell.count('"') == 2:
        cell = cell[2:-1]
    return cell.removeprefix("'").strip()


def _xlsx(content: bytes) -> Iterator[Sequence[Cell]]:
    # Imported here: nothing else that a door does needs it, and it takes a tenth of a second.
    from openpyxl import load_workbook

    _check_archive(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # a file may claim any size
        for row in sheet.iter_rows(max_row=ROWS + 1, max_col=COLUMNS):
            yield [_value(cell) for cell in row]
        book.close()
    except SheetUnreadable:
        raise
    except Exception as wrong:  # whatever a broken archive makes the reader raise, the file is at fault
        raise SheetUnreadable(found=f"xlsx: {type(wrong).__name__}") from None


def _value(cell: Any) -> Cell:
    if cell.data_type == "f":
        return Formula(cell.value)
    if cell.data_type == "e":
        return str(cell.value)  # "#N/A": no field allows it, so it is refused where it is needed
    value = cell.value
    return value.strip()[:LONGEST_CELL] if isinstance(value, str) else value


def _check_archive(content: bytes) -> None:
    """What an archive says that it unpacks to is all that is ever unpacked of it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if any(part.flag_bits & 1 for part in parts):
                raise SheetUnreadable(found="password", allowed="xlsx, CSV")
            size = sum(part.file_size for part in parts)
            if len(parts) > PARTS or size > UNPACKED_BYTES:
                raise SheetUnreadable(
                    found=f"{len(parts)} parts, {size} B", allowed=f"≤ {PARTS}, ≤ {UNPACKED_BYTES // 1024 // 1024} MB"
                )
            for part in parts:
                if part.filename.endswith((".xml", ".rels")) and b"<!" in archive.open(part).read(1000):
                    raise SheetUnreadable(found=f"DTD ({part.filename[:40]})")
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, RuntimeError, ValueError) as wrong:
        if isinstance(wrong, SheetUnreadable):
            raise
        raise SheetUnreadable(found=f"xlsx: {type(wrong).__name__}") from None
