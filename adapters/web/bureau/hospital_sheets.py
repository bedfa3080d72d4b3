"""A hospital's own sheet of a day: which column is what, the file sent and compared, and what was sent before."""

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.spreadsheets import statement
from adapters.web import sessions
from adapters.web.bureau.frame import clerk_of
from adapters.web.forms import Form, form_of, query_of
from adapters.web.pages import HEADERS, page, see_other
from adapters.web.refusals import FilePageRoute, PageRoute
from hub import directory, reconciliation, trust
from hub.faults import Invalid
from hub.reconciliation import FIELDS, NEEDED, ColumnsNotMapped, SheetColumns
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
uploads = APIRouter(route_class=FilePageRoute, include_in_schema=False)
DAYS = 31
INSTITUTIONS = ("tertiary", "county", "community", "village")

USUAL: dict[str, tuple[str, ...]] = {
    "setl_id": ("结算ID", "结算号", "医保结算号", "结算编号", "结算流水号", "setl_id"),
    "fee": ("总费用", "医疗费总额", "费用总额", "总金额", "medfee_sumamt"),
    "fund": ("统筹基金", "基金支付总额", "基金支付", "统筹支付", "fund_pay_sumamt"),
    "account": ("个人账户", "个人账户支付", "账户支付", "个账", "acct_pay"),
    "day": ("结算日期", "结算时间", "日期", "setl_time"),
    "refund": ("退费", "退费标志", "冲销标志", "refd_setl_flag"),
    "mdtrt_id": ("就诊ID", "就诊号", "mdtrt_id"),
    "psn_no": ("人员编号", "psn_no"),
    "clr_type": ("清算类别", "clr_type"),
    "office": ("清算经办机构", "经办机构", "setl_optins"),
}
"""Headings by which a column is proposed; a clerk still says yes."""


@router.get("/bureau/sheets")
def sheets(request: Request) -> Response:
    """Send the file of a day, and what was sent in the last month."""
    query = query_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        own = _about(clerk, query)
        day = query.day("day", day_of(clerk.at) - timedelta(days=1))
        shown = {"frame": clerk.frame, "day": day, "today": day_of(clerk.at), "may_send": _may_send(clerk)}
        if own is None:
            trust.audit(session, clerk.caller, verb="directory.organisations")
            hospitals = directory.organisations(session, tiers=INSTITUTIONS)
            return shown | {"hospital": None, "hospitals": hospitals, "bureau": True}
        last = max(day, day_of(clerk.at))
        sent = reconciliation.sheets_of(
            session, clerk.caller, organisation_id=own, day_from=min(day, last - timedelta(days=DAYS)), day_to=last
        )
        trust.audit(session, clerk.caller, verb="reconciliation.sheets_of", subject=f"organisation/{own}")
        return shown | {
            "hospital": directory.organisation(session, own),
            "bureau": clerk.organisation.tier == "bureau",
            "columns": _columns_or_none(session, clerk, own),
            "sent": sent,
            "standing": next((row for row, stands in sent if stands and row.day == day), None),
            "fields": FIELDS,
        }

    return page(request, "bureau/sheets.html", done=query.text("done", limit=20), **door.transact(work))


@uploads.post("/bureau/sheets")
def send(request: Request) -> Response:
    """The file of a day: all of it or nothing."""
    form = form_of(request)

    def work(session: Session) -> str:
        clerk = sessions.clerk(session, request, "bureau")
        own, day = _needed(clerk, form), _day(form)
        name, content = form.file("file")
        kept = reconciliation.columns_of(session, clerk.caller, organisation_id=own)
        listed = statement.read(content, columns=kept.columns, totals=kept.totals, day=day)
        taken = reconciliation.take_in_sheet(
            session,
            clerk.caller,
            columns=kept,
            day=day,
            name=name,
            content=content,
            listed=listed,
            replaces=form.maybe_number("replaces"),
            reason=form.text("reason", limit=500),
        )
        trust.audit(session, clerk.caller, verb="reconciliation.take_in_sheet", subject=f"sheet/{taken.sheet.id}")
        level = all(found.balanced for _, found in taken.compared)
        done = "unchanged" if taken.unchanged else "level" if level else "apart"
        return f"/bureau/sheets?hospital={own}&day={day}&done={done}"

    return see_other(door.transact(work))


@uploads.post("/bureau/sheets/look")
def look(request: Request) -> Response:
    """What headings a file has, to say which is what; nothing of the file is kept."""
    form = form_of(request)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        own = _needed(clerk, form)
        name, content = form.file("file")
        found = statement.headings(content)
        kept = _columns_or_none(session, clerk, own)
        trust.audit(session, clerk.caller, verb="reconciliation.columns_of", subject=f"organisation/{own}")
        return {
            "frame": clerk.frame,
            "hospital": directory.organisation(session, own),
            "name": name,
            "found": found,
            "fields": FIELDS,
            "needed": NEEDED,
            "proposed": _proposed(found, kept),
            "totals": kept is None or kept.totals,
        }

    return page(request, "bureau/columns.html", **door.transact(work))


@router.post("/bureau/sheets/columns")
def keep_columns(request: Request) -> Response:
    """Keep which column is what."""
    form = form_of(request)

    def work(session: Session) -> str:
        clerk = sessions.clerk(session, request, "bureau")
        own = _needed(clerk, form)
        said = {field: form.text(f"columns.{field}", limit=200) for field in FIELDS}
        row = reconciliation.keep_columns(
            session, clerk.caller, organisation_id=own, columns=said, totals=form.text("totals", limit=10) == "yes"
        )
        trust.audit(session, clerk.caller, verb="reconciliation.keep_columns", subject=f"sheet-columns/{row.id}")
        return f"/bureau/sheets?hospital={own}&done=columns"

    return see_other(door.transact(work))


@router.get("/bureau/sheets/{sheet_id}/file")
def as_it_came(request: Request, sheet_id: int) -> Response:
    """The file, byte for byte."""

    def work(session: Session) -> tuple[bytes, str]:
        clerk = sessions.clerk(session, request, "bureau")
        file = reconciliation.sheet_as_it_came(session, clerk.caller, sheet_id=sheet_id)
        trust.audit(session, clerk.caller, verb="reconciliation.sheet_as_it_came", subject=f"sheet/{sheet_id}")
        return file.content, "xlsx" if file.content.startswith(b"PK") else "csv"

    content, kind = door.transact(work)
    named = {"Content-Disposition": f'attachment; filename="sheet-{sheet_id}.{kind}"'}
    return Response(content, media_type="application/octet-stream", headers=HEADERS | named)


def _about(clerk: sessions.Clerk, said: Form) -> str | None:
    """The hospital that a page is about: a hospital's own, for the bureau the one chosen."""
    if clerk.organisation.tier != "bureau":
        return clerk.organisation_id
    return said.text("hospital", limit=64) or None


def _needed(clerk: sessions.Clerk, said: Form) -> str:
    return _about(clerk, said) or said.needed("hospital")


def _day(form: Form) -> date:
    """Refuses: Missing, Invalid."""
    day = form.day("day", date.min)
    if day == date.min:
        raise Invalid(element="day", found=form.needed("day", limit=40), allowed="2026-11-24")
    return day


def _columns_or_none(session: Session, clerk: sessions.Clerk, own: str) -> SheetColumns | None:
    try:
        return reconciliation.columns_of(session, clerk.caller, organisation_id=own)
    except ColumnsNotMapped:
        return None


def _proposed(found: list[str], kept: SheetColumns | None) -> dict[str, str]:
    """For every field the heading that was kept before, or a usual one, where the file has it."""
    proposed = {}
    for field in FIELDS:
        before = (kept.columns[field],) if kept and field in kept.columns else ()
        proposed[field] = next((heading for heading in (*before, *USUAL[field]) if heading in found), "")
    return proposed


def _may_send(clerk: sessions.Clerk) -> bool:
    return "reconciliation.write" in clerk.caller.scopes
