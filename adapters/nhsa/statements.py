"""3201, 3202, 9101, 9102: the hospital's totals and lines against the insurer's, and the files they travel in."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa import catalogues
from adapters.nhsa.files import packed, unpacked
from adapters.nhsa.region import Region
from adapters.nhsa.tables import Row, transaction
from adapters.nhsa.verbs import Asked, Done
from hub import reconciliation
from hub.faults import Invalid
from hub.reconciliation import Amounts, Compared, Line, Period
from hub.units import Money


def totals(session: Session, asked: Asked) -> Done:
    """3201: is the hospital's total of one insurance type and clearing class the insurer's?"""
    said = asked.nodes["data"]
    stated = Amounts(said["medfee_sumamt"], said["fund_pay_sumamt"], said["acct_pay"], said["fixmedins_setl_cnt"])
    compared = reconciliation.compare_totals(
        session, asked.caller, period=_period(asked, said), insutype=said["insutype"], stated=stated
    )
    answer = {
        "setl_optins": said["setl_optins"],
        "stmt_rslt": _result(asked.region, compared.balanced),
        "stmt_rslt_dscr": _in_words(compared),
    }
    return Done({"stmtinfo": answer}, subject=f"comparison/{compared.comparison.id}")


def lines(session: Session, asked: Asked) -> Done:
    """3202: line by line, from the file a 9101 brought; the result waits for a 9102."""
    said = asked.nodes["data"]
    came = reconciliation.file(session, asked.caller, file_id=file_id(said["file_qury_no"]))
    table = transaction("3202", asked.region)
    listed = [_line(row) for row in unpacked(table.files["lines"], came.content)]
    stated = Amounts(said["medfee_sumamt"], said["fund_pay_sumamt"], 0, said["fixmedins_setl_cnt"])
    compared = reconciliation.compare_lines(
        session, asked.caller, period=_period(asked, said), stated=stated, lines=listed, file=came
    )
    name = f"3202_{asked.institution}_{compared.comparison.id}.txt"
    result = packed(table.files["result"], _result_rows(session, asked.region, compared), filename=name)
    made = reconciliation.keep_result(
        session,
        asked.caller,
        comparison=compared.comparison,
        name=f"{name}.zip",
        content=result,
        expires_at=asked.caller.at + timedelta(days=asked.region.file_days),
    )
    answer = {"file_qury_no": made.id, "filename": made.name, "dld_endtime": made.expires_at}
    return Done({"fileinfo": answer}, subject=f"comparison/{compared.comparison.id}")


def upload(session: Session, asked: Asked) -> Done:
    """9101: keep a file and say under which number it is known."""
    said = asked.nodes["fsUploadIn"]
    _own(asked, said["fixmedins_code"])
    kept = reconciliation.keep_file(
        session,
        asked.caller,
        organisation_id=asked.institution,
        name=said["filename"],
        content=said["in"],
        expires_at=asked.caller.at + timedelta(days=asked.region.file_days),
    )
    answer = {
        "file_qury_no": kept.id,
        "filename": kept.name,
        "fixmedins_code": asked.institution,
        "dld_endtime": kept.expires_at,
    }
    return Done(answer, subject=f"file/{kept.id}")


def download(session: Session, asked: Asked) -> Done:
    """9102: a catalogue, or a stored file as it is."""
    said = asked.nodes["fsDownloadIn"]
    if said["fixmedins_code"] == asked.region.catalogue_owner:
        return catalogues.download(session, asked)
    _own(asked, said["fixmedins_code"])
    found = reconciliation.file(session, asked.caller, file_id=file_id(said["file_qury_no"]))
    if said["filename"] != found.name:
        raise Invalid(element="input.fsDownloadIn.filename", found=said["filename"], allowed=found.name)
    reconciliation.fetched(session, asked.caller, file_id=found.id)
    return Done(subject=f"file/{found.id}", file=found.content)


def file_id(file_qury_no: str) -> int:
    """Refuses: StatementFileUnknown."""
    if not (file_qury_no.isascii() and file_qury_no.isdigit() and len(file_qury_no) < 19):
        raise reconciliation.StatementFileUnknown(file_id=file_qury_no)
    return int(file_qury_no)


def _period(asked: Asked, said: Mapping[str, Any]) -> Period:
    return Period(asked.institution, said["stmt_begndate"], said["stmt_enddate"], said["clr_type"], said["setl_optins"])


def _own(asked: Asked, institution: str) -> None:
    if institution != asked.institution:
        raise reconciliation.ForeignBooks(organisation_id=institution)


def _line(row: Row) -> Line:
    """A refund is the negative of what was settled, whichever sign the hospital writes it with."""
    refund = row["refd_setl_flag"] == "1"
    amounts = [int(row[item]) for item in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")]
    if refund:
        amounts = [-abs(amount) for amount in amounts]
    return Line(row["setl_id"], row["mdtrt_id"], row["psn_no"], *amounts, refund)


def _result(spoken: Region, balanced: bool) -> str:
    return spoken.balanced if balanced else spoken.unbalanced


def _in_words(compared: Compared) -> str:
    if compared.balanced:
        return f"平：{compared.insurer.count} 笔"
    theirs, ours = compared.hospital, compared.insurer
    items = (
        ("医疗费总额", Money(theirs.fee), Money(ours.fee)),
        ("基金支付总额", Money(theirs.fund), Money(ours.fund)),
        ("个人账户支付", Money(theirs.account), Money(ours.account)),
        ("笔数", theirs.count, ours.count),
    )
    return "不平。" + "；".join(f"{name}：机构 {a}，医保 {b}" for name, a, b in items if a != b) + "。"


def _result_rows(session: Session, spoken: Region, compared: Compared) -> Iterator[dict[str, Any]]:
    """Every line of either side once, equal or not; what only the hospital has carries no msgid to reverse."""
    named = {row.setl_id: row for row in compared.breaks}
    ours = reconciliation.lines_of(session, compared.comparison.insurer_id)
    theirs = reconciliation.lines_of(session, compared.comparison.hospital_id)
    known = {line.setl_id for line in ours}
    for line in (*ours, *(line for line in theirs if line.setl_id not in known)):
        found = named.get(line.setl_id)
        yield {
            "psn_no": line.psn_no,
            "mdtrt_id": line.mdtrt_id,
            "setl_id": line.setl_id,
            "msgid": line.msgid,
            "stmt_rslt": _result(spoken, found is None),
            "refd_setl_flag": line.refund,
            "memo": _memo(found) if found else None,
            "medfee_sumamt": Money(line.fee),
            "fund_pay_sumamt": Money(line.fund),
            "acct_pay": Money(line.account),
        }


def _memo(found: reconciliation.Break) -> str:
    words = reconciliation.WORDS[reconciliation.Kind(found.kind)][0]
    if found.hospital_fund is None or found.insurer_fund is None:
        return words + (f"（{found.note}）" if found.note else "")
    amounts = f"基金 机构 {found.hospital_fund} 医保 {found.insurer_fund}"
    return f"{words}：总额 机构 {found.hospital_fee} 医保 {found.insurer_fee}，{amounts}"
