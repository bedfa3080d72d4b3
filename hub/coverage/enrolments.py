"""Who is insured how: enrolments by day, personal accounts, and what a person may enjoy (2001)."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import people, trust
from hub.coverage.tables import Account, AccountCredit, Enrolment
from hub.faults import Refused
from hub.trust import Caller
from hub.units import Money


class NotInsured(Refused):
    zh = "{day} 没有查到此人有效的 {insutype} 参保信息，不能按医保结算。请核对参保，或按自费收费。"
    en = "No active enrolment in {insutype} was found for {day}; this cannot be settled with the insurance."


def enrol(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    insutype: str,
    psn_no: str,
    psn_type: str,
    area: str,
    since: date,
    source: str,
    retired: bool = False,
    civil_servant: bool = False,
    aid: bool = False,
    employer: str = "",
    state: str = "active",
) -> Enrolment:
    """State how a person is insured from a day on. What stood for that type ends the day before.

    psn_type is the insurer's code (11 working, 12 retired, 15 resident ...). Refuses: NotAllowed, PersonUnknown.
    """
    trust.require(caller, "coverage.write")
    person = people.person(session, person_id)
    stands = enrolment_on(session, person_id=person.id, insutype=insutype, day=since)
    if stands is not None and stands.since == since:
        session.delete(stands)
        session.flush()
    elif stands is not None:
        stands.until = since - timedelta(days=1)
        session.flush()
    row = Enrolment(
        person_id=person.id,
        insutype=insutype,
        psn_no=psn_no,
        psn_type=psn_type,
        area=area,
        retired=retired,
        civil_servant=civil_servant,
        aid=aid,
        employer=employer,
        state=state,
        since=since,
        source=source,
    )
    session.add(row)
    session.flush()
    return row


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
