"""The life of a named difference: found, proposed, approved by a second person, resolved; or healed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.faults import Refused, Unknown
from hub.reconciliation.matching import Difference, Group, Kind
from hub.reconciliation.statements import ForeignBooks, Period, require_books
from hub.reconciliation.tables import BREAK, Break, BreakEvent, Comparison, Statement
from hub.trust import Caller, require
from hub.units import Money

ACTIONS = ("post-missing", "reverse", "adopt", "ask", "import-counter-entry")

WORDS: dict[Kind, tuple[str, str]] = {
    Kind.INSURER_ONLY: ("医保有，医院没有", "At the insurer, not at the hospital"),
    Kind.HOSPITAL_ONLY: ("医院有，医保没有", "At the hospital, not at the insurer"),
    Kind.AMOUNT: ("金额不同", "The amounts differ"),
    Kind.REVERSED_ON_ONE_SIDE: ("只有一边做了退费", "Taken back on one side only"),
    Kind.CROSS_DAY: ("跨日：两边记在不同的日子", "Booked on different days"),
    Kind.WRONG_BUCKET: ("清算类别或险种归错", "In another clearing bucket"),
    Kind.DUPLICATE: ("医院重复记账", "Listed twice by the hospital"),
    Kind.SEVERAL_AT_INSURER: ("同一就诊医保有多笔", "Several settlements of one visit at the insurer"),
    Kind.UNKNOWN: ("原因待查", "Cause not yet known"),
}

USUAL_ACTION: dict[Kind, str] = {
    Kind.INSURER_ONLY: "post-missing",
    Kind.HOSPITAL_ONLY: "adopt",
    Kind.REVERSED_ON_ONE_SIDE: "import-counter-entry",
    Kind.DUPLICATE: "adopt",
    Kind.SEVERAL_AT_INSURER: "reverse",
}
"""What usually settles a difference; what is not listed is asked about first."""


NEW: tuple[None, list[str]] = (None, [])


class BreakUnknown(Unknown):
    zh = "查不到编号为 {break_id} 的差异。"
    en = "There is no difference {break_id}."


class ActionUnknown(Refused):
    zh = "处理办法“{action}”不在可选范围：{allowed}。"
    en = "'{action}' is not one of the possible actions: {allowed}."


class SamePerson(Refused):
    zh = "提出处理建议的人不能自己批准，请由另一位同事批准。"
    en = "Who proposed an action may not approve it. Ask a colleague."


def record(
    session: Session,
    caller: Caller,
    *,
    period: Period,
    scope: Sequence[str],
    comparison: Comparison,
    found: Sequence[Difference],
) -> list[Break]:
    """Keep what a comparison found: new breaks open, known ones stay as decided, those gone heal.

    Only what was compared can heal: `scope` names the insurance types of this comparison.
    """
    known = _known(session, period)
    gone = known.keys() - {d.setl_id for d in found}
    now = [
        _keep(session, caller, period, comparison, known[d.setl_id][0] if d.setl_id in known else None, d)
        for d in found
    ]
    for row, insutypes in (known[setl_id] for setl_id in sorted(gone)):
        if set(insutypes) <= set(scope) and "heal" in BREAK.allowed(row.state):
            _move(session, caller, row, "heal")
    session.flush()
    return now


def propose(session: Session, caller: Caller, *, break_id: int, action: str, note: str = "") -> Break:
    """Say how a difference should be settled. Refuses: NotAllowed, BreakUnknown, ActionUnknown, IllegalMove."""
    row = _locked(session, caller, break_id)
    if action not in ACTIONS:
        raise ActionUnknown(action=action, allowed="、".join(ACTIONS))
    _move(session, caller, row, "propose", action=action, note=note)
    row.action, row.proposed_by = action, caller.id
    session.flush()
    return row


def approve(session: Session, caller: Caller, *, break_id: int) -> Break:
    """A second person agrees. Refuses: NotAllowed, BreakUnknown, SamePerson, IllegalMove."""
    row = _locked(session, caller, break_id)
    if row.proposed_by == caller.id:
        raise SamePerson()
    _move(session, caller, row, "approve")
    row.approved_by = caller.id
    session.flush()
    return row


def send_back(session: Session, caller: Caller, *, break_id: int, note: str = "") -> Break:
    """The proposal is not agreed to. Refuses: NotAllowed, BreakUnknown, IllegalMove."""
    row = _locked(session, caller, break_id)
    _move(session, caller, row, "send-back", note=note)
    row.action = row.proposed_by = None
    session.flush()
    return row


def resolve(session: Session, caller: Caller, *, break_id: int, note: str = "") -> Break:
    """What was approved has been done. Refuses: NotAllowed, BreakUnknown, IllegalMove."""
    row = _locked(session, caller, break_id)
    _move(session, caller, row, "resolve", note=note)
    session.flush()
    return row


def breaks_of(
    session: Session, caller: Caller, *, organisation_id: str | None = None, open_only: bool = True
) -> Sequence[Break]:
    """Differences, oldest first; without an institution those of all, for the bureau.

    Refuses: NotAllowed, ForeignBooks.
    """
    require(caller, "reconciliation.read")
    require_books(session, caller, organisation_id or "")
    wanted = select(Break).order_by(Break.found_at, Break.id)
    if organisation_id is not None:
        wanted = wanted.where(Break.organisation_id == organisation_id)
    if open_only:
        wanted = wanted.where(Break.state.not_in(("resolved", "healed")))
    return session.scalars(wanted).all()


def history(session: Session, caller: Caller, *, break_id: int) -> Sequence[BreakEvent]:
    """What happened to a difference, oldest first. Refuses: NotAllowed, BreakUnknown."""
    _seen(session, caller, session.get(Break, break_id), break_id)
    return session.scalars(select(BreakEvent).where(BreakEvent.break_id == break_id).order_by(BreakEvent.id)).all()


def _keep(
    session: Session, caller: Caller, period: Period, comparison: Comparison, row: Break | None, found: Difference
) -> Break:
    hospital, insurer = found.hospital, found.insurer
    group = insurer or hospital
    assert group is not None
    if row is None:
        row = Break(
            organisation_id=period.organisation_id,
            day_from=period.day_from,
            day_to=period.day_to,
            clr_type=period.clr_type,
            office=period.office,
            setl_id=found.setl_id,
            found_at=caller.at,
        )
        row.state = BREAK.start
        session.add(row)
        event = "find"
    elif row.state == "healed":
        event = "find-again"
        BREAK.move(row, event)
    else:
        event = ""
    row.mdtrt_id, row.msgid = group.mdtrt_id, insurer.msgid if insurer else None
    row.kind, row.note, row.comparison_id = found.kind, found.note, comparison.id
    row.hospital_fee, row.hospital_fund, row.hospital_account, row.hospital_count = _columns(hospital)
    row.insurer_fee, row.insurer_fund, row.insurer_account, row.insurer_count = _columns(insurer)
    session.flush()
    if event:
        _event(session, caller, row, event, kind=row.kind)
    return row


def _columns(group: Group | None) -> tuple[Money | None, Money | None, Money | None, int]:
    if group is None:
        return None, None, None, 0
    return Money(group.fee), Money(group.fund), Money(group.account), group.count


def _move(session: Session, caller: Caller, row: Break, event: str, **facts: Any) -> None:
    BREAK.move(row, event)
    _event(session, caller, row, event, **facts)


def _event(session: Session, caller: Caller, row: Break, event: str, **facts: Any) -> None:
    session.add(BreakEvent(break_id=row.id, at=caller.at, event=event, by=caller.id, facts=facts))


def _known(session: Session, period: Period) -> dict[str, tuple[Break, list[str]]]:
    """The breaks of this period and bucket, each with the insurance types it was last compared for."""
    wanted = (
        select(Break, Statement.insutypes)
        .join(Comparison, Comparison.id == Break.comparison_id)
        .join(Statement, Statement.id == Comparison.hospital_id)
        .where(
            Break.organisation_id == period.organisation_id,
            Break.day_from == period.day_from,
            Break.day_to == period.day_to,
            Break.clr_type == period.clr_type,
            Break.office == period.office,
        )
        .with_for_update(of=Break)
    )
    return {row.setl_id: (row, insutypes) for row, insutypes in session.execute(wanted)}


def _locked(session: Session, caller: Caller, break_id: int) -> Break:
    require(caller, "reconciliation.write")
    row = session.get(Break, break_id, with_for_update=True, populate_existing=True)
    return _seen(session, caller, row, break_id)


def _seen(session: Session, caller: Caller, row: Break | None, break_id: int) -> Break:
    require(caller, "reconciliation.read")
    if row is None:
        raise BreakUnknown(break_id=break_id)
    try:
        require_books(session, caller, row.organisation_id)
    except ForeignBooks:  # who may not see it must not learn that it is there
        raise BreakUnknown(break_id=break_id) from None
    return row
