"""Differences between two books: the queue, one of them with its history, and what two persons decide about it."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, local
from adapters.statement_text import decoded, lines_with
from hub import reconciliation
from hub.reconciliation import BREAK, Break, BreakUnknown, Kind
from hub.units import Money, day_of


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
    cause: str
    cause_en: str
    differs: list[str]
    advice: str
    advice_en: str
    owner: str | None
    assigned_by: str | None
    assigned_at: datetime | None
    age_working_days: int


class FieldView(msgspec.Struct):
    """One field as each side has it; null where the side says nothing of it."""

    name: str
    hospital: str | None
    insurer: str | None
    differs: bool


class WireView(msgspec.Struct):
    """A message heard behind the insurer's side, as it came, and what it was answered."""

    message_id: int
    kind: str
    key: str | None
    heard_at: datetime
    text: str
    answer: str | None


class EvidenceView(msgspec.Struct):
    """`hospital_lines` are the hospital's lines as they stand in its file."""

    difference: DifferenceView
    fields: list[FieldView]
    hospital_file: str | None
    hospital_received_at: datetime
    hospital_lines: list[str]
    messages: list[WireView]


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


class Assignment(Body, frozen=True):
    """`owner` is the name with which a clerk of the bureau signs in."""

    owner: str
    note: str = ""


@operation("GET", "/differences", tag="reconciliation", query=DifferencesQuery, answer=list[DifferenceView])
def differences(call: Call[None]) -> list[DifferenceView]:
    """Named differences between a hospital's books and the insurer's, oldest first."""
    asked = call.query
    rows = reconciliation.breaks_of(
        call.session, call.caller, organisation_id=asked.organisation_id, open_only=not asked.all
    )
    return [_view(call, row) for row in rows]


@operation("GET", "/differences/{difference_id:int}", tag="reconciliation", answer=HistoryView, names=(BreakUnknown,))
def difference(call: Call[None]) -> HistoryView:
    """One difference and what happened to it."""
    number = _about(call)
    events = reconciliation.history(call.session, call.caller, break_id=number)
    row = reconciliation.break_of(call.session, call.caller, break_id=number)
    return HistoryView(_view(call, row), [EventView(local(e.at), e.event, e.by, e.facts) for e in events])


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
        call,
        reconciliation.propose(call.session, call.caller, break_id=_about(call), action=said.action, note=said.note),
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
    return _view(call, reconciliation.approve(call.session, call.caller, break_id=_about(call)))


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
    return _view(call, reconciliation.send_back(call.session, call.caller, break_id=_about(call), note=call.body.note))


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
    return _view(call, reconciliation.resolve(call.session, call.caller, break_id=_about(call), note=call.body.note))


@operation(
    "GET",
    "/differences/{difference_id:int}/evidence",
    tag="reconciliation",
    answer=EvidenceView,
    names=(BreakUnknown,),
)
def evidence(call: Call[None]) -> EvidenceView:
    """Both sides field by field, the hospital's lines and the messages behind our side, unsealed for this call."""
    found = reconciliation.evidence(call.session, call.caller, break_id=_about(call))
    call.about(subject=f"break/{found.difference.id}", person_id=found.person_id)
    written = lines_with(found.file.content, found.difference.setl_id) if found.file else []
    return EvidenceView(
        difference=_view(call, found.difference),
        fields=[FieldView(f.name, f.hospital, f.insurer, f.differs) for f in found.fields],
        hospital_file=found.file.name if found.file else None,
        hospital_received_at=local(found.statement.received_at),
        hospital_lines=written or ["\t".join(line.items) for line in found.lines],
        messages=[
            WireView(m.id, m.kind, m.key, local(m.heard_at), decoded(m.body), decoded(m.answer) if m.answer else None)
            for m in found.messages
        ],
    )


@operation(
    "POST",
    "/differences/{difference_id:int}/ownership",
    tag="reconciliation",
    answer=DifferenceView,
    names=(BreakUnknown,),
)
def take(call: Call[None]) -> DifferenceView:
    """Say that one works on a difference; refused when somebody else does."""
    return _view(call, reconciliation.take(call.session, call.caller, break_id=_about(call)))


@operation(
    "POST",
    "/differences/{difference_id:int}/assignment",
    tag="reconciliation",
    body=Assignment,
    answer=DifferenceView,
    names=(BreakUnknown,),
)
def assign(call: Call[Assignment]) -> DifferenceView:
    """Give a difference to a clerk of the bureau, whoever has it now."""
    said = call.body
    return _view(
        call, reconciliation.assign(call.session, call.caller, break_id=_about(call), owner=said.owner, note=said.note)
    )


def _about(call: Call[Any]) -> int:
    number = call.number("difference_id")
    call.about(subject=f"break/{number}")
    return number


def _view(call: Call[Any], row: Break) -> DifferenceView:
    kind = Kind(row.kind)
    words, words_en = reconciliation.WORDS[kind]
    cause, cause_en = reconciliation.cause(row)
    advice, advice_en = reconciliation.ADVICE[kind]
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
        usual_action=reconciliation.USUAL_ACTION[kind],
        action=row.action,
        proposed_by=row.proposed_by,
        approved_by=row.approved_by,
        cause=cause,
        cause_en=cause_en,
        differs=list(reconciliation.apart(row)),
        advice=advice,
        advice_en=advice_en,
        owner=row.owner,
        assigned_by=row.assigned_by,
        assigned_at=local(row.assigned_at) if row.assigned_at else None,
        age_working_days=reconciliation.working_days(day_of(row.found_at), day_of(call.caller.at)),
    )


def _books(fee: Money | None, fund: Money | None, account: Money | None, lines: int) -> BooksView | None:
    return None if fee is None else BooksView(str(fee), str(fund), str(account), lines)
