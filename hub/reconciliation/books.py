"""The insurer's side, read from the ledger of settlements: what was settled, and what undid it, each on its own day."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from hub.coverage import Enrolment
from hub.people import Person
from hub.reconciliation.matching import Elsewhere, Line
from hub.reconciliation.statements import Amounts, Period
from hub.settlement import Settlement

LEDGER = "ledger"


class Bucket(NamedTuple):
    """What totals are kept by: insurance type, clearing class and clearing office."""

    insutype: str
    clr_type: str
    office: str


def lines(session: Session, period: Period, insutypes: Sequence[str]) -> list[Line]:
    """The insurer's lines of a period and bucket, in the order settled; an undo carries the id of what it undid."""
    wanted = select(Settlement).where(*_within(period), Settlement.insutype.in_(insutypes)).order_by(Settlement.id)
    rows = session.scalars(wanted).all()
    numbers = psn_numbers(session, {row.person_id for row in rows})
    return [
        Line(
            setl_id=str(row.undoes or row.id),
            mdtrt_id=str(row.visit_id),
            psn_no=numbers.get((row.person_id, row.insutype), numbers.get((row.person_id, ""), "")),
            fee=int(row.total),
            fund=int(row.fund),
            account=int(row.account),
            refund=row.undoes is not None,
            msgid=row.msgid,
        )
        for row in rows
    ]


def totals(
    session: Session, day_from: date, day_to: date, organisation_id: str | None
) -> dict[tuple[str, date], dict[Bucket, Amounts]]:
    """Sums by institution and day, and within by bucket."""
    t = Settlement
    keys = (t.organisation_id, t.settled_on, t.insutype, t.clr_type, t.clr_office)
    sums = (func.sum(t.total), func.sum(t.fund), func.sum(t.account), func.count())
    wanted = select(*keys, *sums).where(t.settled_on.between(day_from, day_to)).group_by(*keys)
    if organisation_id is not None:
        wanted = wanted.where(t.organisation_id == organisation_id)
    found: dict[tuple[str, date], dict[Bucket, Amounts]] = {}
    for organisation, day, insutype, clr_type, office, fee, fund, account, count in session.execute(wanted):
        amounts = Amounts(int(fee), int(fund), int(account), count)
        found.setdefault((organisation, day), {})[Bucket(insutype, clr_type, office)] = amounts
    return found


def sums(session: Session, period: Period, insutype: str) -> Amounts:
    """The insurer's totals of a period, bucket and insurance type."""
    t = Settlement
    wanted = select(func.sum(t.total), func.sum(t.fund), func.sum(t.account), func.count())
    fee, fund, account, count = session.execute(wanted.where(*_within(period), t.insutype == insutype)).one()
    return Amounts(int(fee or 0), int(fund or 0), int(account or 0), count)


def insutypes(session: Session, period: Period) -> list[str]:
    """The insurance types that have anything in a period and bucket."""
    wanted = select(Settlement.insutype).where(*_within(period)).distinct().order_by(Settlement.insutype)
    return list(session.scalars(wanted))


def insutypes_of(session: Session, period: Period, setl_ids: Sequence[str]) -> set[str]:
    """The insurance types of the institution's settlements with these ids."""
    t = Settlement
    wanted = select(t.insutype).where(t.organisation_id == period.organisation_id, t.id.in_(numbers(setl_ids)))
    return set(session.scalars(wanted.distinct()))


def buckets_of(session: Session, organisation_id: str, setl_ids: Sequence[str]) -> dict[str, Bucket]:
    """The bucket that the insurer's answer put each of an institution's settlements into."""
    t = Settlement
    wanted = select(t.id, t.insutype, t.clr_type, t.clr_office).where(
        t.organisation_id == organisation_id, t.id.in_(numbers(setl_ids))
    )
    return {str(found): Bucket(*bucket) for found, *bucket in session.execute(wanted)}


def elsewhere(session: Session, period: Period, setl_ids: Sequence[str]) -> dict[str, Elsewhere]:
    """Where the ledger has settlements of this institution that are not in this period and bucket."""
    t = Settlement
    wanted = select(t.id, t.settled_on, t.insutype, t.clr_type).where(
        t.organisation_id == period.organisation_id, t.id.in_(numbers(setl_ids))
    )
    return {
        str(found): Elsewhere(period.day_from <= day <= period.day_to, day, clr_type, insutype)
        for found, day, insutype, clr_type in session.execute(wanted)
    }


def _within(period: Period) -> tuple[ColumnElement[bool], ...]:
    return (
        Settlement.organisation_id == period.organisation_id,
        Settlement.settled_on.between(period.day_from, period.day_to),
        Settlement.clr_type == period.clr_type,
        Settlement.clr_office == period.office,
    )


def numbers(setl_ids: Sequence[str]) -> list[int]:
    """Ids that can be the ledger's; a hospital may list what it likes."""
    return [int(setl_id) for setl_id in setl_ids if setl_id.isascii() and setl_id.isdigit() and len(setl_id) < 19]


def psn_numbers(session: Session, person_ids: set[int]) -> dict[tuple[int, str], str]:
    """The insurer's number of a person by insurance type; under "" the card's, for who has none."""
    cards = select(Person.id, Person.card_number).where(Person.id.in_(person_ids))
    numbers = {(person_id, ""): card for person_id, card in session.execute(cards)}
    enrolled = select(Enrolment.person_id, Enrolment.insutype, Enrolment.psn_no).where(
        Enrolment.person_id.in_(person_ids)
    )
    return numbers | {(person_id, insutype): number for person_id, insutype, number in session.execute(enrolled)}
