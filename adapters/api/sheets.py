"""A hospital's own sheet of a day: which column is what, said once, and the sheets sent and kept."""

from datetime import date, datetime, timedelta
from typing import Annotated

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Id, local
from adapters.spreadsheets import statement
from hub import reconciliation
from hub.faults import Invalid, within
from hub.reconciliation import Compared, Period, Sheet, SheetColumns
from hub.units import Money

LONGEST_NAME = 200
LONGEST = timedelta(days=366)


class ColumnsBody(Body, frozen=True):
    """The heading over each column. `totals`: every sheet ends with a row of totals, which must foot.

    setl_id, fee, fund and account are needed. `day` is the insurer's day of settlement, `refund` says whether a row
    takes back (without it, negative amounts do); clr_type and office are the insurer's own where no column says them.
    """

    columns: dict[str, str]
    totals: bool = True
    organisation_id: str | None = None


class ColumnsView(msgspec.Struct):
    organisation_id: str
    columns: dict[str, str]
    totals: bool
    kept_at: datetime
    kept_by: str


class SheetBody(Body, frozen=True):
    """`content` is the file in base64: CSV (UTF-8, GBK/GB18030) or xlsx, at most 8 MB.

    Another file for a day that has one must say which sheet it replaces and why; the earlier one is kept.
    """

    day: date
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    content: bytes
    replaces: Id | None = None
    reason: str = ""
    organisation_id: str | None = None


class SheetView(msgspec.Struct):
    """`stands`: it is the hospital's word for the day. `digest` is the SHA-256 of the file."""

    sheet_id: int
    organisation_id: str
    day: date
    name: str
    digest: str
    lines: int
    received_at: datetime
    received_from: str
    replaces: int | None
    reason: str
    stands: bool


class SumsView(msgspec.Struct):
    """In yuan; a row that takes back counts as a line and is negative."""

    fee: str
    fund: str
    account: str
    lines: int


class BucketView(msgspec.Struct):
    """One clearing class and office of the day, both sides, and the differences by number and kind."""

    clr_type: str
    office: str
    balanced: bool
    hospital: SumsView
    insurer: SumsView
    differences: list[tuple[int, str]]


class TakenView(msgspec.Struct):
    """`unchanged`: the very same file stood already, and nothing was written."""

    sheet: SheetView
    unchanged: bool
    compared: list[BucketView]


class SheetsQuery(msgspec.Struct, frozen=True):
    day_from: date
    day_to: date
    organisation_id: str | None = None


class OwnQuery(msgspec.Struct, frozen=True):
    organisation_id: str | None = None


@operation("POST", "/sheets/columns", tag="reconciliation", body=ColumnsBody, answer=ColumnsView)
def keep_columns(call: Call[ColumnsBody]) -> ColumnsView:
    """Say once which column of your own sheets is what; said again it changes nothing."""
    said, own = call.body, _own(call, call.body.organisation_id)
    row = reconciliation.keep_columns(
        call.session, call.caller, organisation_id=own, columns=said.columns, totals=said.totals
    )
    call.about(subject=f"sheet-columns/{row.id}")
    return _columns(row)


@operation("GET", "/sheets/columns", tag="reconciliation", query=OwnQuery, answer=ColumnsView)
def columns(call: Call[None]) -> ColumnsView:
    """Which column is what now."""
    own = _own(call, call.query.organisation_id)
    return _columns(reconciliation.columns_of(call.session, call.caller, organisation_id=own))


@operation("POST", "/sheets", tag="reconciliation", body=SheetBody, answer=TakenView)
def send_sheet(call: Call[SheetBody]) -> TakenView:
    """Send your own sheet of a day: it is your side of that day, and is compared at once. All of it or nothing."""
    said, own = call.body, _own(call, call.body.organisation_id)
    if not 1900 <= said.day.year < 2200:
        raise Invalid(element="day", found=said.day, allowed="1900-01-01 … 2199-12-31")
    kept = reconciliation.columns_of(call.session, call.caller, organisation_id=own)
    listed = statement.read(said.content, columns=kept.columns, totals=kept.totals, day=said.day)
    taken = reconciliation.take_in_sheet(
        call.session,
        call.caller,
        columns=kept,
        day=said.day,
        name=said.name,
        content=said.content,
        listed=listed,
        replaces=said.replaces,
        reason=said.reason,
    )
    call.about(subject=f"sheet/{taken.sheet.id}")
    return TakenView(_sheet(taken.sheet, stands=True), taken.unchanged, [_bucket(*each) for each in taken.compared])


@operation("GET", "/sheets", tag="reconciliation", query=SheetsQuery, answer=list[SheetView])
def sheets(call: Call[None]) -> list[SheetView]:
    """The sheets of some days, newest first, with those that were replaced."""
    asked, own = call.query, _own(call, call.query.organisation_id)
    if not timedelta() <= asked.day_to - asked.day_from <= LONGEST:
        raise Invalid(element="day_to", found=asked.day_to, allowed=f"{asked.day_from} … {LONGEST.days} d")
    found = reconciliation.sheets_of(
        call.session, call.caller, organisation_id=own, day_from=asked.day_from, day_to=asked.day_to
    )
    return [_sheet(row, stands=stands) for row, stands in found]


def _own(call: Call[SheetBody] | Call[ColumnsBody] | Call[None], said: str | None) -> str:
    """The institution that a call is about: the caller's own, unless the bureau names another."""
    return within(said or call.caller.organisation_id or "", 64, element="organisation_id")


def _columns(row: SheetColumns) -> ColumnsView:
    return ColumnsView(row.organisation_id, row.columns, row.totals, local(row.kept_at), row.kept_by)


def _sheet(row: Sheet, *, stands: bool) -> SheetView:
    return SheetView(
        sheet_id=row.id,
        organisation_id=row.organisation_id,
        day=row.day,
        name=row.name,
        digest=row.digest.hex(),
        lines=row.lines,
        received_at=local(row.received_at),
        received_from=row.received_from,
        replaces=row.replaces,
        reason=row.reason,
        stands=stands,
    )


def _bucket(period: Period, found: Compared) -> BucketView:
    return BucketView(
        clr_type=period.clr_type,
        office=period.office,
        balanced=found.balanced,
        hospital=_sums(found.hospital),
        insurer=_sums(found.insurer),
        differences=[(row.id, row.kind) for row in found.breaks],
    )


def _sums(amounts: reconciliation.Amounts) -> SumsView:
    return SumsView(str(Money(amounts.fee)), str(Money(amounts.fund)), str(Money(amounts.account)), amounts.count)
