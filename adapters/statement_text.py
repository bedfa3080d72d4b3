"""The lines of a hospital's statement file as they were written, for eyes: whatever form the file has."""

import io
import zipfile
from collections.abc import Iterator

LONGEST_LINES = 50
CODECS = ("utf-8-sig", "gb18030")


def lines_with(content: bytes, setl_id: str) -> list[str]:
    """The lines of a file that have this settlement number among their items; nothing for a form we cannot read."""
    found = []
    for line in _lines(content):
        if setl_id in [item.strip().strip('"') for item in line.replace(",", "\t").replace(";", "\t").split("\t")]:
            found.append(line)
            if len(found) == LONGEST_LINES:
                break
    return found


def _lines(content: bytes) -> Iterator[str]:
    if content.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                if "xl/workbook.xml" in packed.namelist():
                    yield from _of_workbook(content)
                    return
                for name in packed.namelist():
                    yield from decoded(packed.read(name)).splitlines()
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
            return
    else:
        yield from decoded(content).splitlines()


def _of_workbook(content: bytes) -> Iterator[str]:
    from openpyxl import load_workbook

    for sheet in load_workbook(io.BytesIO(content), read_only=True, data_only=True):
        for row in sheet.iter_rows(values_only=True):
            yield "\t".join("" if value is None else str(value) for value in row)


def decoded(content: bytes) -> str:
    """The text of a file or message whose character set we may not know."""
    for codec in CODECS:
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")
