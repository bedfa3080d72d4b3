"""1301 to 1312: the catalogues, asked for by one transaction and fetched by 9102.

Nothing is stored: the number of a file is the transaction and the version of its rows, so the file is
packed again when it is fetched, and a catalogue that has changed meanwhile says so. What the region
keeps no list of (preparations, ethnic drugs, operations, diseases paid by case) is an empty file.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.files import packed
from adapters.nhsa.funds import CHARGE_TYPES, CLASSES, OTHER_CHARGES
from adapters.nhsa.region import Region
from adapters.nhsa.tables import Node, text_of, transaction
from adapters.nhsa.verbs import Asked, Done
from hub import directory
from hub.directory import CatalogueItem
from hub.faults import Conflict, Invalid, Unknown

Rows = list[dict[str, Any]]

DRUGS, PATENT, PIECES, SUPPLIES = "drug", "patent-medicine", "decoction-piece", "material"
GOODS = (DRUGS, PATENT, PIECES, SUPPLIES)
LIST_TYPES = {DRUGS: "101", PATENT: "101", PIECES: "102", SUPPLIES: "301"}
SERVICES = "201"
VALID = "1"
BY_NAME = "hilist_name"


class CatalogueChanged(Conflict):
    zh = "目录文件 {number} 已有新版本。请重新用 {infno} 申请下载。"
    en = "The catalogue behind file {number} has changed since. Ask again with {infno}."


class CatalogueFileUnknown(Unknown):
    zh = "没有查询号为 {number}、文件名为 {name} 的目录文件。请核对 1301 至 1312 的答复。"
    en = "There is no catalogue file {number} named {name}. Check the answer of 1301 to 1312."


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One catalogue as it stands: its rows in the order of their codes, and the version that they are."""

    infno: str
    version: str
    rows: Rows

    @property
    def number(self) -> str:
        return f"{self.infno}-{self.version}"

    @property
    def filename(self) -> str:
        return f"{self.infno}_{self.version}.txt.zip"


def ask(session: Session, asked: Asked) -> Done:
    """1301 to 1311: under which number the file can be fetched; nothing new for who has this version already."""
    found = _catalogue(session, asked.region, asked.request.infno)
    newer = len(found.rows) if asked.nodes["data"]["ver"] != found.version else 0
    return Done(_file(asked, found) | {"data_cnt": newer}, subject=f"catalogue/{found.number}")


def page(session: Session, asked: Asked) -> Done:
    """1304 and 1312: a page of the rows that were asked for, and the file that holds them all. Refuses: Invalid."""
    said = asked.nodes["data"]
    number, size = said["page_num"], said["page_size"]
    for element, value in (("page_num", number), ("page_size", size)):
        if value < 1:
            raise Invalid(element=f"input.data.{element}", found=value, allowed="不小于 1 的整数")
    found = _catalogue(session, asked.region, asked.request.infno)
    wanted = [row for row in found.rows if _matches(row, said, asked.region)]
    pages = max(1, -(-len(wanted) // size))
    first = (number - 1) * size
    shown = wanted[first : first + size]
    answer = _file(asked, found) | {
        "data_cnt": len(found.rows),
        "pageNum": number,
        "pageSize": size,
        "size": len(shown),
        "startRow": first + 1 if shown else 0,
        "pages": pages,
        "recordCounts": len(wanted),
        "firstPage": "true" if number == 1 else "false",
        "lastPage": "true" if number >= pages else "false",
        "data": shown,
    }
    return Done(answer, subject=f"catalogue/{found.number}")


def download(session: Session, asked: Asked) -> Done:
    """9102 for a catalogue. Refuses: CatalogueFileUnknown, CatalogueChanged."""
    said = asked.nodes["fsDownloadIn"]
    number, name = said["file_qury_no"], said["filename"]
    infno, _, version = number.partition("-")
    if infno not in _ROWS or name != f"{infno}_{version}.txt.zip":
        raise CatalogueFileUnknown(number=number, name=name)
    found = _catalogue(session, asked.region, infno)
    if found.version != version:
        raise CatalogueChanged(number=number, infno=infno)
    content = packed(_columns(asked.region, infno), found.rows, filename=f"{infno}_{version}.txt")
    return Done(subject=f"catalogue/{number}", file=content)


def _file(asked: Asked, found: Catalogue) -> dict[str, Any]:
    until = asked.caller.at + timedelta(days=asked.region.file_days)
    return {"file_qury_no": found.number, "filename": found.filename, "dld_end_time": until}


def _catalogue(session: Session, spoken: Region, infno: str) -> Catalogue:
    rows = _ROWS[infno](session, spoken)
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()[:16].upper()
    common = {"vali_flag": VALID, "ver": f"V{digest}", "ver_name": f"{spoken.name}目录"}
    return Catalogue(infno, f"V{digest}", [row | common for row in rows])


def _columns(spoken: Region, infno: str) -> Node:
    table = transaction(infno, spoken)
    return table.files.get("catalogue") or table.outgoing["data"]


def _matches(row: Mapping[str, Any], said: Mapping[str, Any], spoken: Region) -> bool:
    """Every condition that is given and that rows know holds; a name by a part of it."""
    for code, wanted in said.items():
        if wanted is None or code not in row:
            continue
        found = text_of(row[code], "C", spoken.empty)
        if (str(wanted) not in found) if code == BY_NAME else (text_of(wanted, "C", spoken.empty) != found):
            return False
    return True


def _drugs(session: Session, spoken: Region) -> Rows:
    return [
        {
            "med_list_codg": item.code,
            "drug_genname": item.name,
            "reg_name": item.name,
            "eng_name": item.name_en,
            "tcmpat_flag": item.kind == PATENT,
            "min_prcunt": item.unit,
            "lmt_used_flag": item.restricted,
            "rid": item.code,
            "natl_hi_druglist_chrgitm_lv": CLASSES[item.item_class],
        }
        for item in directory.catalogue_of(session, (DRUGS, PATENT))
    ]


def _pieces(session: Session, spoken: Region) -> Rows:
    items = directory.catalogue_of(session, (PIECES,))
    return [{"med_list_codg": item.code, "sindrug_name": item.name, "rid": item.code} for item in items]


def _services(session: Session, spoken: Region) -> Rows:
    return [
        {
            "med_list_codg": item.code,
            "prcunt": item.unit,
            "prcunt_name": item.unit,
            "servitem_type": _charge_type(item),
            "servitem_name": item.name,
            "rid": item.code,
        }
        for item in directory.catalogue_of(session)
        if item.kind not in GOODS
    ]


def _supplies(session: Session, spoken: Region) -> Rows:
    return [
        {
            "med_list_codg": item.code,
            "mcs_name": item.name,
            "min_useunt": item.unit,
            "lmt_used_flag": item.restricted,
            "rid": item.code,
        }
        for item in directory.catalogue_of(session, (SUPPLIES,))
    ]


def _diagnoses(session: Session, spoken: Region) -> Rows:
    return [
        {"diag_list_id": item.code, "diag_code": item.code, "diag_name": item.name, "rid": item.code}
        for item in directory.diagnoses(session)
    ]


def _chronic(session: Session, spoken: Region) -> Rows:
    names = {item.code: item.name for item in directory.diagnoses(session)}
    return [
        {"opsp_dise_code": code, "admdvs": spoken.area, "opsp_dise_name": names.get(code, word), "rid": code}
        for code, word in sorted(spoken.diseases.items())
    ]


def _insured(session: Session, spoken: Region) -> Rows:
    return [
        {
            "hilist_code": item.code,
            "hilist_name": item.name,
            "insu_admdvs": spoken.area,
            "med_chrgitm_type": _charge_type(item),
            "chrgitm_lv": CLASSES[item.item_class],
            "lmt_used_flag": item.restricted,
            "list_type": LIST_TYPES.get(item.kind, SERVICES),
            "rid": item.code,
        }
        for item in directory.catalogue_of(session)
    ]


def _none(session: Session, spoken: Region) -> Rows:
    return []


def _charge_type(item: CatalogueItem) -> str:
    return CHARGE_TYPES.get(item.kind, OTHER_CHARGES)


_ROWS: dict[str, Callable[[Session, Region], Rows]] = {
    "1301": _drugs,
    "1302": _pieces,
    "1303": _none,
    "1304": _none,
    "1305": _services,
    "1306": _supplies,
    "1307": _diagnoses,
    "1308": _none,
    "1309": _chronic,
    "1310": _none,
    "1311": _none,
    "1312": _insured,
}
