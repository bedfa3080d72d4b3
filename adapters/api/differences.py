"""Differences between two books: the queue, one of them with its history, and what two persons decide about it."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, local
from hub import reconciliation
from hub.reconciliation import BREAK, Break, BreakUnknown, Kind
from hub.units import Money


class BooksView(msgspec.Struct):
    """What one side has for the settlement, net of what it took back, in yuan."""

    fee: str
    fund: str
    account: str
    lines: int


class DifferenceView(msgspec.Struct):
    """`hospital` or `insurer` is null where that side has nothing. `possible` are the events of its state."""

    difference_id: int
    organisation_id: str
    day_from: date
    day_to: date
    clr_type: str
    setl_id: str
    mdtrt_id: str
    kind: str
    words: str
    words_en: str
    note: str
    hospital: BooksView | None
    insurer: BooksView | None
    found_at: datetime
    state: str
    possible: list[str]
    usual_action: str
    action: str | None
    proposed_by: str | None
    approved_by: str | None


class EventView(msgspec.Struct):
    at: datetime
    event: str
    by: str
    facts: dict[str, Any]


class HistoryView(msgspec.Struct):
    difference: DifferenceView
    events: list[EventView]


class DifferencesQuery(msgspec.Struct, frozen=True):
    """Without an institution the differences of all, for the bureau; `all` brings the settled and healed ones too."""

    organisation_id: str | None = None
    all: bool = False


class Proposal(Body, frozen=True):
    action: Literal["post-missing", "reverse", "adopt", "ask", "import-counter-entry"]
    note: str = ""


class Remark(Body, frozen=True):
    note: str = ""


@operation("GET", "/differences", tag="reconciliation", query=DifferencesQuery, answer=list[DifferenceView])
def differences(call: Call[None]) -> list[DifferenceView]:
    """Named differences between a hospital's books and the insurer's, oldest first."""
    asked = call.query
    rows = reconciliation.breaks_of(
        call.session, call.caller, organisation_id=asked.organisation_id, open_only=not asked.all
    )
    return [_view(row) for row in rows]


@operation("GET", "/differences/{difference_id:int}", tag="reconciliation", answer=HistoryView, names=(BreakUnknown,))
def difference(call: Call[None]) -> HistoryView:
    """One difference and what happened to it."""
    number = _about(call)
    events = reconciliation.history(call.session, call.caller, break_id=number)
    row = call.session.get_one(Break, number)
    return HistoryView(_view(row), [EventView(local(e.at), e.event, e.by, e.facts) for e in events])


@operation(
    "POST",
    "/differences/{difference_id:int}/proposal",
    tag="reconciliation",
    body=Proposal,
    answer=DifferenceView,
    names=(BreakUnknown,),
)
def propose(call: Call[Proposal]) -> DifferenceView:
    """Say how a difference should be settled; somebody else approves it."""
    said = call.body
    return _view(
        reconciliation.propose(call.session, call.caller, break_id=_about(call), action=said.action, note=said.note)
    )


@operation(
    "POST",
    "/differences/{difference_id:int}/approval",
    tag="reconciliation",
    answer=DifferenceView,
    names=(BreakUnknown,),
)
def approve(call: Call[None]) -> DifferenceView:
    """Agree to what another has proposed; nobody approves their own proposal."""
    return _view(reconciliation.approve(call.session, call.caller, break_id=_about(call)))


@operation(
    "POST",
    "/differences/{difference_id:int}/return",
    tag="reconciliation",
    body=Remark,
    answer=DifferenceView,
    names=(BreakUnknown,),
)
def send_back(call: Call[Remark]) -> DifferenceView:
    """Do not agree to a proposal; the difference is open again."""
    return _view(reconciliation.send_back(call.session, call.caller, break_id=_about(call), note=call.body.note))


@operation(
    "POST",
    "/differences/{difference_id:int}/resolution",
    tag="reconciliation",
    body=Remark,
    answer=DifferenceView,
    names=(BreakUnknown,),
)
def resolve(call: Call[Remark]) -> DifferenceView:
    """Say that what was approved has been done."""
    return _view(reconciliation.resolve(call.session, call.caller, break_id=_about(call), note=call.body.note))


def _about(call: Call[Any]) -> int:
    number = call.number("difference_id")
    call.about(subject=f"break/{number}")
    return number


def _view(row: Break) -> DifferenceView:
    kind = Kind(row.kind)
    words, words_en = reconciliation.WORDS[kind]
    return DifferenceView(
        difference_id=row.id,
        organisation_id=row.organisation_id,
        day_from=row.day_from,
        day_to=row.day_to,
        clr_type=row.clr_type,
        setl_id=row.setl_id,
        mdtrt_id=row.mdtrt_id,
        kind=row.kind,
        words=words,
        words_en=words_en,
        note=row.note,
        hospital=_books(row.hospital_fee, row.hospital_fund, row.hospital_account, row.hospital_count),
        insurer=_books(row.insurer_fee, row.insurer_fund, row.insurer_account, row.insurer_count),
        found_at=local(row.found_at),
        state=row.state,
        possible=[event for event in BREAK.allowed(row.state) if event not in ("heal", "find-again")],
        usual_action=reconciliation.USUAL_ACTION.get(kind, "ask"),
        action=row.action,
        proposed_by=row.proposed_by,
        approved_by=row.approved_by,
    )


def _books(fee: Money | None, fund: Money | None, account: Money | None, lines: int) -> BooksView | None:
    return None if fee is None else BooksView(str(fee), str(fund), str(account), lines)
