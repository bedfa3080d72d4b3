"""Statement files: a ZIP holding one TXT, UTF-8, TAB between items, a line a row, `null` for empty."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from adapters.nhsa.region import Empty
from adapters.nhsa.tables import Node, Row, columns, text_of
from hub.faults import Invalid, Missing

LARGEST_BYTES = 64 * 1024 * 1024
"""A day of the largest hospital is about 2 MB unpacked; what unpacks to more is not a statement."""


def packed(node: Node, rows: Iterable[Mapping[str, Any]], *, filename: str) -> bytes:
    """The rows as a zipped TXT in the column order of the table."""
    order = columns(node)
    lines = ["\t".join(_item(row.get(code), node.empty) for code in order) for row in rows]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        # Without the time of packing: the same rows are the same file.
        entry = zipfile.ZipInfo(filename)
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        zipped.writestr(entry, "".join(line + "\n" for line in lines))
    return archive.getvalue()


def unpacked(node: Node, archive: bytes) -> list[Row]:
    """The rows of a zipped TXT, checked against the table. Refuses: Invalid, Missing, naming line and item."""
    order = columns(node)
    rows = []
    for number, line in enumerate(_text(archive).splitlines(), start=1):
        if not line.strip():
            continue
        items = line.split("\t")
        if len(items) < len(order):
            raise Invalid(element=f"第 {number} 行", found=f"{len(items)} 项", allowed=f"{len(order)} 项，以 TAB 分隔")
        found = {code: None if item == node.empty.in_file else item for code, item in zip(order, items, strict=False)}
        rows.append(node.read_row(found, f"第 {number} 行"))
    if not rows:
        raise Missing(element="明细文件", allowed="文件中没有任何明细行。")
    return rows


def _item(value: Any, empty: Empty) -> str:
    text = "" if value is None else text_of(value, "C", empty)
    return empty.in_file if text == "" else text.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def _text(archive: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            names = [name for name in zipped.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise Invalid(element="文件", found=f"{len(names)} 个文件", allowed="压缩包内恰好一个 TXT 文件")
            if zipped.getinfo(names[0]).file_size > LARGEST_BYTES:
                raise Invalid(element="文件", found="过大", allowed=f"解压后不超过 {LARGEST_BYTES // 1024 // 1024} MB")
            return zipped.read(names[0]).decode("utf-8-sig")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise Invalid(element="文件", found=f"{len(archive)} 字节", allowed="ZIP 压缩包") from None
    except UnicodeDecodeError:
        raise Invalid(element="文件", found="非 UTF-8 文字", allowed="UTF-8 编码的 TXT") from None
