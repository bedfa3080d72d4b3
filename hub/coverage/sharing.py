"""An employee's personal account that relatives may pay from (家庭共济): opened with consent and proof, ended at once.

It pays for what a relative bears in scope, as the relative's own account would, and only when whoever pays says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from hub import people, trust
from hub.coverage.enrolments import NotInsured, enrolments
from hub.coverage.tables import RELATIONS, SHARE, AccountShare, Enrolment
from hub.db import run
from hub.faults import Conflict, Invalid, Problem, Refused, Unknown
from hub.trust import Caller
from hub.units import day_of

EMPLOYEES = "310"
"""The scheme whose members have a personal account."""
LONGEST_PROOF = 200


class NotShared(Refused):
    zh = "{day} 没有家人的个人账户可供此人共济支付。请改用本人账户或现金，或先到医保经办窗口办理家庭共济。"
    en = "On {day} no relative's account is shared with this person. Pay otherwise, or open the sharing at the bureau."


class ShareOverlaps(Conflict):
    zh = "此人从 {since} 起已可使用另一个账户（共济 {share_id}），与这一条重叠。请先终止共济 {share_id}。"
    en = "From {since} this person pays from another account (sharing {share_id}). End sharing {share_id} first."


class ShareUnknown(Unknown):
    zh = "查不到家庭共济 {share_id}。请核对编号。"
    en = "There is no shared account {share_id}. Check the number."


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who may pay from whose account on which days. `relation` is what the relative is to the owner."""

    owner_id: int
    relative_id: int
    relation: str
    consented_on: date
    proof: str
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Sharer:
    """Whose account pays for somebody on a day: owner_id is the person row that has it."""

    share_id: int
    owner_id: int
    since: date
    until: date | None

    def on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


def share_account(session: Session, caller: Caller, said: Sharing, *, source: str) -> AccountShare:
    """Let a relative pay from an employee's account; said again, nothing changes.

    Refuses: NotAllowed, PersonUnknown, Invalid, PersonDied, NotInsured (either of the two), ShareOverlaps.
    """
    trust.require(caller, "coverage.write")
    owner, relative = people.person(session, said.owner_id), people.person(session, said.relative_id)
    _check(said, day_of(caller.at))
    if owner.card_number == relative.card_number:
        raise Invalid(element="relative_id", found=said.relative_id, allowed="另一个人 / somebody else")
    for element, person_id in (("owner_id", owner.id), ("relative_id", relative.id)):
        people.require_alive(session, person_id=person_id, on=said.since, shown=f"{element} {person_id}")
    account = _insured(session, owner.id, said.since, EMPLOYEES)
    insured = _insured(session, relative.id, said.since)
    if account.area[:4] != insured.area[:4]:
        raise Invalid(element="relative_id", found=insured.area, allowed=f"{account.area[:4]}00")
    # Two counters may speak of one relative at once: the second waits and sees what the first wrote.
    session.execute(select(people.Person.id).where(people.Person.id == relative.id).with_for_update(key_share=True))
    stands = session.scalars(_open_for(relative.id, said)).first()
    if stands is not None:
        if _same(stands, said, account.person_id):
            return stands
        raise ShareOverlaps(since=stands.since, share_id=stands.id)
    row = AccountShare(
        owner_id=account.person_id,
        relative_id=relative.id,
        relation=said.relation,
        since=said.since,
        until=said.until,
        consented_on=said.consented_on,
        proof=said.proof,
        source=source,
        opened_at=caller.at,
        opened_by=f"{caller.kind}/{caller.id}",
    )
    session.add(row)
    session.flush()
    return row


def end_share(session: Session, caller: Caller, *, share_id: int) -> AccountShare:
    """From now on nothing more is paid from this account for this relative. The bureau says so, or the owner.

    Refuses: ShareUnknown, IllegalMove.
    """
    row = session.get(AccountShare, share_id, with_for_update=True, populate_existing=True)
    if row is None or not (_is_bureau(caller) or caller.person_id in people.cluster(session, row.owner_id)):
        raise ShareUnknown(share_id=share_id)
    SHARE.move(row, "end")
    row.ended_at, row.ended_by = caller.at, f"{caller.kind}/{caller.id}"
    session.flush()
    return row


def shares(session: Session, caller: Caller, *, person_id: int) -> Sequence[AccountShare]:
    """What a human shares and what is shared with them, the open ones first. Refuses: RecordUnknown."""
    if not (_is_bureau(caller) or people.may_act_for(session, caller, person_id)):
        raise trust.RecordUnknown(noun="person", id=person_id)
    ids = people.cluster(session, person_id)
    own = AccountShare.owner_id.in_(ids) | AccountShare.relative_id.in_(ids)
    return session.scalars(select(AccountShare).where(own).order_by(AccountShare.state.desc(), AccountShare.id)).all()


def sharers(session: Session, asked: Sequence[tuple[Sequence[int], date]], *, lock: bool) -> list[Sharer | NotShared]:
    """For the person ids of each card and a day: whose account pays. With `lock` no sharing ends before the commit."""
    persons = sorted({person_id for person_ids, _ in asked for person_id in person_ids})
    rows = run(session, _OPEN + (" FOR SHARE OF s" if lock else ""), {"persons": persons}) if persons else []
    found: list[Sharer | NotShared] = []
    for person_ids, day in asked:
        own = (Sharer(*row[1:]) for row in rows if row.relative_id in person_ids)
        found.append(next((one for one in own if one.on(day)), None) or NotShared(day=day))
    return found


def _check(said: Sharing, today: date) -> None:
    if said.relation not in RELATIONS:
        raise Invalid(element="relation", found=said.relation[:20], allowed=", ".join(RELATIONS), problem=Problem.CODE)
    if not said.proof.strip() or len(said.proof) > LONGEST_PROOF or not said.proof.isprintable():
        raise Invalid(element="proof", found=said.proof[:20], allowed=f"1 – {LONGEST_PROOF}")
    if not date(1990, 1, 1) <= said.consented_on <= today:
        raise Invalid(element="consented_on", found=said.consented_on, allowed=f"1990-01-01 – {today}")
    if not said.consented_on <= said.since < date(2200, 1, 1):
        raise Invalid(element="since", found=said.since, allowed=f"{said.consented_on} – 2199-12-31")
    if said.until is not None and not said.since <= said.until < date(2200, 1, 1):
        raise Invalid(element="until", found=said.until, allowed=f"{said.since} – 2199-12-31")


def _insured(session: Session, person_id: int, day: date, insutype: str | None = None) -> Enrolment:
    """Refuses: NotInsured."""
    for row in enrolments(session, person_id, day):
        if row.state == "active" and insutype in (None, row.insutype):
            return row
    raise NotInsured(day=day, insutype=insutype or "310/390")


def _open_for(relative_id: int, said: Sharing) -> Select[AccountShare]:
    t = AccountShare
    ends: tuple[ColumnElement[bool], ...] = (t.since <= said.until,) if said.until is not None else ()
    relatives = t.relative_id.in_(people.same_card(relative_id))
    running = or_(t.until.is_(None), t.until >= said.since)
    return select(t).where(relatives, t.state == SHARE.start, running, *ends).order_by(t.since)


def _same(row: AccountShare, said: Sharing, owner_id: int) -> bool:
    facts = ("relation", "consented_on", "proof", "since", "until")
    return row.owner_id == owner_id and all(getattr(row, name) == getattr(said, name) for name in facts)


def _is_bureau(caller: Caller) -> bool:
    return "coverage.write" in caller.scopes


# The dead share nothing: what is in their account belongs to the estate.
_OPEN = """
SELECT s.relative_id, s.id, s.owner_id, s.since, s.until
  FROM account_share AS s
 WHERE s.relative_id = ANY(%(persons)s::bigint[]) AND s.state = 'open'
   AND NOT EXISTS (SELECT FROM death AS d JOIN person AS p ON p.id = d.person_id
                    WHERE p.card_number = (SELECT card_number FROM person WHERE id = s.owner_id))
 ORDER BY s.id"""
