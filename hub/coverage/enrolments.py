"""Who is insured how: enrolments by day, personal accounts, and what a person may enjoy (2001)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import people, trust
from hub.coverage.tables import Account, AccountCredit, Enrolment
from hub.faults import Conflict, Invalid, Refused
from hub.trust import Caller
from hub.units import Money


class NotInsured(Refused):
    zh = "{day} 没有查到此人有效的 {insutype} 参保信息，不能按医保结算。请核对参保，或按自费收费。"
    en = "No active enrolment in {insutype} was found for {day}; this cannot be settled with the insurance."


class EnrolmentOverlaps(Conflict):
    zh = "此人的 {insutype} 从 {day} 起另有参保记录，与这一条重叠。请写明终止日期，或先终止那一条。"
    en = "Another enrolment of this person in {insutype} begins on {day} and would overlap. State a last day."


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How a person is insured from a day on; psn_type is the insurer's code (11 working, 12 retired, 15 resident)."""

    insutype: str
    psn_no: str
    psn_type: str
    area: str
    since: date
    until: date | None = None
    state: str = "active"
    retired: bool = False
    civil_servant: bool = False
    aid: bool = False
    employer: str = ""


_FORMS = {
    "insutype": (re.compile(r"[1-9]\d{2}"), "310, 390 …"),
    "psn_no": (re.compile(r"[0-9A-Za-z]{1,30}"), "1 – 30 位字母或数字 / letters and digits"),
    "psn_type": (re.compile(r"\d{2,6}"), "11, 12, 15 …"),
    "area": (re.compile(r"\d{6}"), "6 位行政区划 / a district code of 6 digits"),
    "state": (re.compile(r"active|suspended"), "active, suspended"),
}
_LONGEST_EMPLOYER = 200


def wrong_in(said: Enrolled) -> Iterator[Invalid]:
    """Every element that is not of its form."""
    for name, (form, allowed) in _FORMS.items():
        if not form.fullmatch(getattr(said, name)):
            yield Invalid(element=name, found=str(getattr(said, name))[:40], allowed=allowed)
    if not 1900 <= said.since.year < 2200:
        yield Invalid(element="since", found=said.since, allowed="1900 – 2199")
    if said.until is not None and not said.since <= said.until < date(2200, 1, 1):
        yield Invalid(element="until", found=said.until, allowed=f"{said.since} – 2199-12-31")
    if len(said.employer) > _LONGEST_EMPLOYER or (said.employer and not said.employer.isprintable()):
        yield Invalid(element="employer", found=said.employer[:20], allowed=f"≤ {_LONGEST_EMPLOYER}")


def enrol(session: Session, caller: Caller, *, person_id: int, source: str, **facts: Any) -> Enrolment:
    """State how a person is insured from a day on; the facts are those of `Enrolled`. `source` names what said so.

    What stood for that type ends the day before; said again, nothing changes. Refuses: NotAllowed, PersonUnknown,
    Invalid, EnrolmentOverlaps.
    """
    trust.require(caller, "coverage.write")
    person = people.person(session, person_id)
    said = Enrolled(**facts)
    for wrong in wrong_in(said):
        raise wrong
    # Two feeds may speak of one person at once: the second waits and sees what the first wrote.
    session.execute(select(people.Person.id).where(people.Person.id == person.id).with_for_update(key_share=True))
    stands = enrolment_on(session, person_id=person.id, insutype=said.insutype, day=said.since)
    if stands is not None and stands_so(stands, said):
        return stands
    later = _next_after(session, person.id, said)
    if later is not None:
        raise EnrolmentOverlaps(insutype=said.insutype, day=later)
    if stands is not None and stands.since == said.since:
        session.delete(stands)
    elif stands is not None:
        stands.until = said.since - timedelta(days=1)
    session.flush()
    row = Enrolment(person_id=person.id, source=source, **asdict(said))
    session.add(row)
    session.flush()
    return row


def stands_so(row: Enrolment, said: Enrolled) -> bool:
    """Whether a row says already what is said."""
    return all(getattr(row, name) == value for name, value in asdict(said).items())


def end_enrolment(session: Session, caller: Caller, *, enrolment_id: int, until: date) -> Enrolment:
    """The last day of an enrolment. Refuses: NotAllowed, NotInsured."""
    trust.require(caller, "coverage.write")
    row = session.get(Enrolment, enrolment_id, with_for_update=True)
    if row is None or row.since > until:
        raise NotInsured(day=until, insutype="")
    row.until = until
    session.flush()
    return row


def enrolment(session: Session, enrolment_id: int) -> Enrolment | None:
    """One row by its id."""
    return session.get(Enrolment, enrolment_id)


def enrolments(session: Session, person_id: int, day: date | None = None) -> Sequence[Enrolment]:
    """How the human behind a person is insured on a day (or ever), the running ones first."""
    wanted = select(Enrolment).where(Enrolment.person_id.in_(people.cluster(session, person_id)))
    if day is not None:
        wanted = wanted.where(Enrolment.since <= day, or_(Enrolment.until.is_(None), Enrolment.until >= day))
    return session.scalars(wanted.order_by(Enrolment.state, Enrolment.since.desc(), Enrolment.insutype)).all()


def enrolment_on(session: Session, *, person_id: int, insutype: str, day: date) -> Enrolment | None:
    """The row that says how this very person is insured in a type on a day."""
    wanted = select(Enrolment).where(Enrolment.person_id == person_id, Enrolment.insutype == insutype)
    wanted = wanted.where(Enrolment.since <= day, or_(Enrolment.until.is_(None), Enrolment.until >= day))
    return session.scalars(wanted).one_or_none()


def _next_after(session: Session, person_id: int, said: Enrolled) -> date | None:
    """The first day of the next enrolment of the type, when it begins within these days."""
    own = (Enrolment.person_id == person_id, Enrolment.insutype == said.insutype, Enrolment.since > said.since)
    within = (Enrolment.since <= said.until,) if said.until is not None else ()
    return session.scalar(select(func.min(Enrolment.since)).where(*own, *within))


def credit(session: Session, caller: Caller, *, person_id: int, amount: int, source: str) -> Money:
    """Put money (fen) into a personal account, opening it if need be; answers the balance. Refuses: NotAllowed."""
    trust.require(caller, "coverage.write")
    opened = insert(Account).values(person_id=person_id, balance=Money(0)).on_conflict_do_nothing()
    session.execute(opened)
    session.add(AccountCredit(person_id=person_id, amount=Money(amount), at=caller.at, source=source))
    moved = update(Account).where(Account.person_id == person_id).values(balance=Account.balance + Money(amount))
    balance = session.scalars(moved.returning(Account.balance).execution_options(synchronize_session=False)).one()
    session.flush()
    return balance


def balance(session: Session, person_id: int) -> Money:
    """What is in a person's own account, fen; nothing when there is none."""
    found = session.scalars(select(Account.balance).where(Account.person_id == person_id)).first()
    return found or Money(0)
