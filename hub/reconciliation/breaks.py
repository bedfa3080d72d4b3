"""The life of a named difference: found, proposed, approved by a second person, resolved; or healed."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import directory
from hub.faults import Conflict, Forbidden, Refused, Unknown
from hub.reconciliation.causes import ACTIONS
from hub.reconciliation.matching import Difference, Group
from hub.reconciliation.statements import ForeignBooks, Period, require_books
from hub.reconciliation.tables import BREAK, Break, BreakEvent, Comparison, Statement
from hub.trust import Caller, Staff, require, staff_with
from hub.units import Money

CLOSED = ("resolved", "healed")
_SIDES = ("hospital_", "insurer_")


class BreakUnknown(Unknown):
    zh = "查不到编号为 {break_id} 的差异。"
    en = "There is no difference {break_id}."


class ActionUnknown(Refused):
    zh = "处理办法“{action}”不在可选范围：{allowed}。"
    en = "'{action}' is not one of the possible actions: {allowed}."


class SamePerson(Refused):
    zh = "提出处理建议的人不能自己批准，请由另一位同事批准。"
    en = "Who proposed an action may not approve it. Ask a colleague."


class BreakTaken(Conflict):
    zh = "差异 {break_id} 已由 {owner} 认领。请先由其转交，或由同事指派。"
    en = "Difference {break_id} is {owner}'s. Ask for it to be handed over, or have it assigned."


class BreakClosed(Conflict):
    zh = "差异 {break_id} 已经了结（{state}），不用再认领。"
    en = "Difference {break_id} is over ({state}); nobody needs to own it."


class ClerkUnknown(Unknown):
    zh = "医保局没有名为 {owner} 的对账经办人。"
    en = "The bureau has no clerk {owner} who reconciles."


class BureauOnly(Forbidden):
    zh = "只有医保局的经办人可以认领和批准差异。"
    en = "Only the bureau's clerks own and approve differences."


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
    """A second person agrees, of the bureau. Refuses: NotAllowed, BreakUnknown, BureauOnly, SamePerson, IllegalMove."""
    row = _locked(session, caller, break_id)
    _require_bureau(session, caller)
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


def take(session: Session, caller: Caller, *, break_id: int) -> Break:
    """Say that one works on a difference; the row's lock decides between two who do.

    Refuses: NotAllowed, BreakUnknown, BureauOnly, BreakClosed, BreakTaken.
    """
    row = _owned(session, caller, break_id)
    if row.owner not in (None, caller.id):
        raise BreakTaken(break_id=break_id, owner=row.owner)
    return _give(session, caller, row, caller.id, "take", "")


def assign(session: Session, caller: Caller, *, break_id: int, owner: str, note: str = "") -> Break:
    """Give a difference to a clerk of the bureau, whoever has it now; both are kept in its history.

    Refuses: NotAllowed, BreakUnknown, BureauOnly, BreakClosed, ClerkUnknown.
    """
    row = _owned(session, caller, break_id)
    if owner not in {member.name for member in clerks(session)}:
        raise ClerkUnknown(owner=owner)
    return _give(session, caller, row, owner, "assign", note)


def clerks(session: Session) -> list[Staff]:
    """The bureau's staff who may work on differences, by name."""
    bureaus = directory.organisations(session, tiers=("bureau",))
    return staff_with(session, [row.id for row in bureaus], "reconciliation.write")


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
        wanted = wanted.where(Break.state.not_in(CLOSED))
    return session.scalars(wanted).all()


def break_of(session: Session, caller: Caller, *, break_id: int) -> Break:
    """One difference. Refuses: NotAllowed, BreakUnknown."""
    return _seen(session, caller, session.get(Break, break_id), break_id)


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
    said = {
        "mdtrt_id": group.mdtrt_id,
        "msgid": insurer.msgid if insurer else None,
        "kind": found.kind.value,
        "note": found.note,
        "facts": found.place.facts if found.place else {},
        "comparison_id": comparison.id,
        **_side("hospital", hospital),
        **_side("insurer", insurer),
    }
    event = ""
    if row is None:
        row = Break(
            organisation_id=period.organisation_id,
            day_from=period.day_from,
            day_to=period.day_to,
            clr_type=period.clr_type,
            office=period.office,
            setl_id=found.setl_id,
            found_at=caller.at,
            state=BREAK.start,
        )
        session.add(row)
        event = "find"
    elif row.state == "healed" or (row.state != BREAK.start and _is_another(row, said)):
        event = "find-again"
        BREAK.move(row, event)
        row.action = row.proposed_by = row.approved_by = None
    for name, value in said.items():
        setattr(row, name, value)
    session.flush()
    if event:
        note_event(session, caller, row, event, kind=row.kind)
    return row


def _is_another(row: Break, said: Mapping[str, Any]) -> bool:
    """Other amounts, or another kind: what was decided was decided about something else."""
    return any(getattr(row, name) != said[name] for name in ("kind", *(n for n in said if n.startswith(_SIDES))))


def _side(side: str, group: Group | None) -> dict[str, Any]:
    names = [f"{side}_{name}" for name in ("fee", "fund", "account", "count")]
    if group is None:
        return dict(zip(names, (None, None, None, 0), strict=True))
    return dict(zip(names, (Money(group.fee), Money(group.fund), Money(group.account), group.count), strict=True))


def _move(session: Session, caller: Caller, row: Break, event: str, **facts: Any) -> None:
    BREAK.move(row, event)
    note_event(session, caller, row, event, **facts)


def note_event(session: Session, caller: Caller, row: Break, event: str, **facts: Any) -> None:
    """Add to a difference's history."""
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


def _owned(session: Session, caller: Caller, break_id: int) -> Break:
    row = _locked(session, caller, break_id)
    _require_bureau(session, caller)
    if row.state in CLOSED:
        raise BreakClosed(break_id=break_id, state=row.state)
    return row


def _give(session: Session, caller: Caller, row: Break, owner: str, event: str, note: str) -> Break:
    """Asked twice, it is done once."""
    if row.owner != owner:
        note_event(session, caller, row, event, owner=owner, before=row.owner, note=note)
        row.owner, row.assigned_by, row.assigned_at = owner, caller.id, caller.at
        session.flush()
    return row


def _require_bureau(session: Session, caller: Caller) -> None:
    own = caller.organisation_id
    if own is None or directory.organisation(session, own).tier != "bureau":
        raise BureauOnly()


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
