"""A platform's own file of some days: ours goes up (9101), is compared (3202), comes back with every line (9102)."""

import base64
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.orm import Session

from adapters import door
from adapters.nhsa import upward
from adapters.nhsa.files import packed, unpacked
from adapters.nhsa.region import HOME_AREA, region_on
from adapters.nhsa.tables import Row, transaction
from adapters.nhsa.upward import Accepted, Speaker
from hub import directory, reconciliation
from hub.coverage import Authority, platform_of
from hub.faults import Missing
from hub.reconciliation import Line
from hub.settlement import upstream
from hub.settlement.upstream import PlatformLine
from hub.units import Money, day_of

CLASSES = ("11", "14", "21")
"""Clearing classes in which a settlement of which we know nothing may stand."""

NOT_REFUNDS = "0"


def lines_of(
    authority: Authority,
    speaker: Speaker,
    ours: Mapping[str, Sequence[PlatformLine]],
    day_from: date,
    day_to: date,
) -> list[PlatformLine] | None:
    """Every line that the platform has of a hospital's days, by clearing class; None when it could not be had whole.

    `ours` is what this hub has recorded, by clearing class: the platform compares it with its own.
    """
    found: list[PlatformLine] = []
    for clr_type in sorted({*CLASSES, *ours}):
        lines = _lines(authority, speaker, ours.get(clr_type, ()), clr_type, day_from, day_to)
        if lines is None:
            return None
        found += lines
    return found


def statement(area: str, hospital_id: str, day_from: date, day_to: date) -> list[Line] | None:
    """The platform's side of some days of a hospital, for reconciliation; None when its file could not be had."""

    def known(session: Session) -> tuple[Authority, Speaker, Mapping[str, Sequence[PlatformLine]]]:
        hospital = directory.organisation(session, hospital_id)
        ours = upstream.settled_lines(session, area=area, organisation_id=hospital_id, day_from=day_from, day_to=day_to)
        return platform_of(session, area), Speaker(hospital.id, hospital.name), ours

    authority, speaker, ours = door.transact(known)
    lines = lines_of(authority, speaker, ours, day_from, day_to)
    if lines is None:
        return None
    return door.transact(lambda session: reconciliation.in_our_numbers(session, lines, area=area))


def _lines(
    authority: Authority, speaker: Speaker, ours: Sequence[PlatformLine], clr_type: str, day_from: date, day_to: date
) -> list[PlatformLine] | None:
    spoken = region_on(HOME_AREA, day_of(door.now()))
    table = transaction("3202", spoken).files
    name = f"{speaker.institution}-{authority.area}-{clr_type}-{day_from:%Y%m%d}.txt"
    content = packed(table["lines"], [_row(line) for line in ours], filename=name)
    sent = {"in": base64.b64encode(content).decode(), "filename": f"{name}.zip", "fixmedins_code": speaker.institution}
    uploaded = _say(authority, speaker, "9101", {"fsUploadIn": sent})
    if uploaded is None:
        return None
    asked = {
        "setl_optins": authority.area,
        "file_qury_no": uploaded.nodes["_"]["file_qury_no"],
        "stmt_begndate": day_from,
        "stmt_enddate": day_to,
        "medfee_sumamt": Money(sum(line.total for line in ours)),
        "fund_pay_sumamt": Money(sum(line.fund for line in ours)),
        "cash_payamt": Money(sum(line.total - line.fund - line.account for line in ours)),
        "fixmedins_setl_cnt": len(ours),
        "clr_type": clr_type,
        "refd_setl_flag": NOT_REFUNDS,
        "fixmedins_refd_setl_flag": NOT_REFUNDS,
    }
    compared = _say(authority, speaker, "3202", {"data": asked})
    if compared is None:
        return None
    file = compared.nodes["fileinfo"]
    wanted = {"file_qury_no": file["file_qury_no"], "filename": file["filename"], "fixmedins_code": speaker.institution}
    came = _say(authority, speaker, "9102", {"fsDownloadIn": wanted})
    if came is None or not came.file:
        return None
    try:
        return [_line(row) for row in unpacked(table["result"], came.file)]
    except Missing:  # no line at all: the platform has nothing
        return []


def _say(authority: Authority, speaker: Speaker, infno: str, nodes: Mapping[str, Row]) -> Accepted | None:
    at = door.now()
    input_ = upward.written(infno, nodes, region_on(HOME_AREA, day_of(at)))
    number = upward.msgid(speaker.institution, at)
    outcome = upward.say(authority, infno, input_, msgid=number, speaker=speaker, at=at)
    if isinstance(outcome, Accepted):
        return outcome
    door.log.warning("platform's file not had", area=authority.area, infno=infno, why=str(outcome)[:200])
    return None


def _row(line: PlatformLine) -> Row:
    return {
        "setl_id": line.setl_id,
        "mdtrt_id": line.mdtrt_id,
        "psn_no": line.psn_no,
        "medfee_sumamt": Money(line.total),
        "fund_pay_sumamt": Money(line.fund),
        "acct_pay": Money(line.account),
        "refd_setl_flag": line.refund,
    }


def _line(row: Row) -> PlatformLine:
    return PlatformLine(
        msgid=row["msgid"],
        setl_id=row["setl_id"] or "",
        mdtrt_id=row["mdtrt_id"] or "",
        psn_no=row["psn_no"],
        total=int(row["medfee_sumamt"] or 0),
        fund=int(row["fund_pay_sumamt"] or 0),
        account=int(row["acct_pay"] or 0),
        refund=row["refd_setl_flag"] == "1",
    )
