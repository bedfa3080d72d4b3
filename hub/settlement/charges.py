"""From a charge to a bill: whose visit, which lines, what the person's standing is. Read in batches.

`prepare` answers, for each charge, everything that adjudication needs, or the Fault that refuses it. A quote
prepares without locks and writes nothing; a settlement prepares with them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from hub.coverage import (
    Bill,
    Entitlement,
    Explanation,
    Line,
    Question,
    Referral,
    Standing,
    adjudicate,
    entitlements,
)
from hub.directory import Organisation
from hub.faults import Conflict, Fault, Invalid, Refused
from hub.people import Person
from hub.records import Visit, VisitUnknown
from hub.settlement.fees import STAY
from hub.settlement.tables import ChargeKey, FeeLine, Registration, Settlement
from hub.trust import Caller, NotAllowed
from hub.units import Money, day_of

EPISODE_GAP = timedelta(days=7)
"""A stay that ended at the sending hospital no longer ago than this belongs to the same referral episode."""

CHRONIC_CARE = "14"


class NothingToSettle(Refused):
    zh = "没有可结算的费用明细（收费批次“{batch}”）。请先上传明细，再结算。"
    en = "There are no open fee lines to settle (charge batch '{batch}'). Upload them first."


class TotalDiffers(Invalid):
    zh = "{element} 与已上传明细合计不符：报文为 {found}，明细合计为 {allowed}。请核对明细后重试。"
    en = "{element} differs from the lines uploaded: the message says {found}, the lines add up to {allowed}."


class VisitOver(Conflict):
    zh = "就诊 {visit} 已取消，不能结算。"
    en = "Visit {visit} was cancelled and cannot be settled."


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be settled: the open lines of one out-patient batch, or of a stay so far (no batch).

    total (fen) is the hospital's own sum, checked when given; the rest overrides what was registered.
    """

    visit_id: int
    batch: str = STAY
    account_used: bool = True
    total: Money | None = None
    insutype: str | None = None
    med_type: str | None = None
    disease: str | None = None
    emergency: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A visit with its hospital, its registration and the person ids of its card."""

    visit: Row[*tuple[Any, ...]]
    person_ids: tuple[int, ...]

    @property
    def inpatient(self) -> bool:
        return bool(self.visit.care == "inpatient")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A charge ready to be explained. `stands` is the settlement that already stands for it, if one does."""

    charge: Charge
    place: Place
    batch: str
    med_type: str
    entitlement: Entitlement
    bill: Bill
    standing: Standing
    line_ids: tuple[int, ...]
    new_admission: bool
    sender_visit_id: int | None

    def explain(self) -> Explanation:
        return adjudicate(self.bill, self.entitlement.pack, self.standing)


@dataclass(frozen=True, slots=True)
class Stands:
    """The charge batch is settled already."""

    settlement_id: int


def places(session: Session, asked: Sequence[tuple[Caller, int]], *, lock: bool) -> list[Place | Fault]:
    """The visits of some callers' own hospitals, in order. Faults as values: NotAllowed, VisitUnknown."""
    visits = _visits(session, {visit_id for _, visit_id in asked}, lock=lock)
    found: list[Place | Fault] = []
    for caller, visit_id in asked:
        visit = visits.get(visit_id)
        if "settlement.write" not in caller.scopes:
            found.append(NotAllowed(scope="settlement.write"))
        elif visit is None or (caller.kind != "job" and visit.organisation_id != caller.organisation_id):
            found.append(VisitUnknown(visit=visit_id))
        elif visit.state == "cancelled":
            found.append(VisitOver(visit=visit.number))
        else:
            found.append(Place(visit, tuple(visit.person_ids)))
    return found


def prepare(
    session: Session, asked: Sequence[tuple[Caller, Charge, Place]], *, lock: bool
) -> list[Prepared | Stands | Fault]:
    """All that adjudication needs, in order. With `lock`, the accumulators of every person are held first.

    Faults as values: NotInsured, PackMissing, ChronicNotFiled, NothingToSettle, TotalDiffers.
    """
    questions = [_question(caller, charge, place) for caller, charge, place in asked]
    known = entitlements(session, questions, lock=lock)
    history = _History(session, [(charge, place) for _, charge, place in asked], known)
    return [
        answer if isinstance(answer, Fault) else _prepared(charge, place, question, answer, history)
        for (_, charge, place), question, answer in zip(asked, questions, known, strict=True)
    ]


def _question(caller: Caller, charge: Charge, place: Place) -> Question:
    """The discharge day of a stay (until then the day of asking), the visit day of an out-patient."""
    visit = place.visit
    begun = day_of(visit.begun_at)
    day = day_of(visit.ended_at or caller.at) if place.inpatient else begun
    return Question(
        person_ids=place.person_ids,
        insutype=charge.insutype or visit.insutype,
        hospital_id=visit.organisation_id,
        hospital_area=visit.district,
        first_day=begun,
        day=day,
        disease=_disease(charge, place),
    )


def _disease(charge: Charge, place: Place) -> str | None:
    disease: str | None = None if place.inpatient else charge.disease or place.visit.disease
    return disease


def _prepared(
    charge: Charge, place: Place, question: Question, known: Entitlement, history: "_History"
) -> Prepared | Stands | Fault:
    visit = place.visit
    stands = history.stands(charge, place)
    if stands is not None:
        return stands
    lines, line_ids, total = history.lines(charge)
    if not lines:
        return NothingToSettle(batch=charge.batch)
    if charge.total is not None and charge.total != total:
        return TotalDiffers(element="total", found=charge.total, allowed=str(total))
    emergency = charge.emergency if charge.emergency is not None else bool(visit.emergency) or visit.care == "emergency"
    bill = Bill(
        day=question.day,
        care="inpatient" if place.inpatient else "outpatient",
        hospital_level=visit.level,
        lines=lines,
        chronic=question.disease,
        emergency=emergency,
        out_of_area=known.out_of_area(visit.district, emergency),
    )
    standing = Standing(
        insutype=known.insutype,
        retired=known.enrolment.retired,
        civil_servant=known.enrolment.civil_servant,
        aid=known.enrolment.aid,
        account_balance=known.balance,
        account_used=charge.account_used,
        year=known.year,
    )
    new_admission, sender_visit_id = place.inpatient, None
    if place.inpatient:
        standing, new_admission, sender_visit_id = history.of_stay(place, known, standing)
    med_type = charge.med_type or visit.med_type or clearing_type(bill)
    batch = charge.batch if not place.inpatient else history.stay_batch(place)
    return Prepared(charge, place, batch, med_type, known, bill, standing, line_ids, new_admission, sender_visit_id)


def clearing_type(bill: Bill) -> str:
    """clr_type: 21 in-patient, 14 chronic out-patient, 11 out-patient."""
    if bill.care == "inpatient":
        return "21"
    return CHRONIC_CARE if bill.chronic else "11"


class _History:
    """What stands already for the charges of a batch: settled batches, earlier parts of stays, open lines."""

    def __init__(
        self, session: Session, asked: Sequence[tuple[Charge, Place]], known: Sequence[Entitlement | Fault]
    ) -> None:
        visit_ids = {charge.visit_id for charge, _ in asked}
        stays = [place for _, place in asked if place.inpatient]
        self._open = _open_lines(session, visit_ids)
        self._settled = _charge_keys(session, [(c.visit_id, c.batch) for c, place in asked if not place.inpatient])
        self._parts = _parts_of_stays(session, {place.visit.id for place in stays})
        self._sending = _sending_stays(
            session,
            [answer.filing for answer in known if not isinstance(answer, Fault) and answer.filing is not None],
            {person_id for place in stays for person_id in place.person_ids},
        )

    def lines(self, charge: Charge) -> tuple[tuple[Line, ...], tuple[int, ...], Money]:
        """The open lines of a charge, returns taken off what they return; their row ids; the hospital's sum."""
        rows = [row for row in self._open[charge.visit_id] if row.batch == charge.batch]
        quantity: dict[str, Decimal] = {row.number: row.quantity for row in rows if row.returns is None}
        for row in rows:
            if row.returns is not None:
                quantity[row.returns] += row.quantity
        lines = tuple(
            Line(row.number, row.item_class, quantity[row.number], row.unit_price, row.ceiling, row.approved)
            for row in rows
            if row.returns is None
        )
        return lines, tuple(row.id for row in rows), Money(sum(row.amount for row in rows))

    def stands(self, charge: Charge, place: Place) -> Stands | None:
        """An out-patient batch settled already; or a stay settled so far with nothing charged since."""
        if not place.inpatient:
            settlement_id = self._settled.get((charge.visit_id, charge.batch))
            return None if settlement_id is None else Stands(settlement_id)
        standing = [part for part in self._parts[place.visit.id] if part.state == "active"]
        return Stands(standing[-1].id) if standing and not self._open[place.visit.id] else None

    def stay_batch(self, place: Place) -> str:
        return f"stay-{len(self._parts[place.visit.id]) + 1}"

    def of_stay(self, place: Place, known: Entitlement, standing: Standing) -> tuple[Standing, bool, int | None]:
        """The standing of an in-patient, whether this counts a new admission, and the stay one was sent from.

        A later part of a stay, and a stay that continues a referral episode, is no new admission.
        """
        parts = [part for part in self._parts[place.visit.id] if part.state == "active"]
        sender = self._sender(place, known)
        referral = None
        if known.filing is not None:
            paid = sender.deductible if sender is not None else 0
            referral = Referral(filed=True, direction=known.filing.direction, deductible_paid=paid)
        counted = parts[0] if parts else sender
        standing = replace(
            standing,
            admission=counted.admission if counted is not None else known.admissions + 1,
            referral=referral,
            stay_deductible_paid=sum(part.deductible for part in parts),
        )
        return standing, not parts and sender is None, sender.visit_id if sender is not None else None

    def _sender(self, place: Place, known: Entitlement) -> Row[*tuple[Any, ...]] | None:
        """The settled stay at the sending hospital: the one the filing names, else the last of the episode."""
        filing, begun = known.filing, place.visit.begun_at
        if filing is None:
            return None
        stays = [
            stay
            for stay in self._sending
            if stay.organisation_id == filing.sender_id
            and stay.person_id in place.person_ids
            and stay.visit_id != place.visit.id
            and (
                stay.number == filing.sender_visit
                if filing.sender_visit
                else stay.begun_at <= begun and (stay.ended_at is None or stay.ended_at >= begun - EPISODE_GAP)
            )
        ]
        return max(stays, key=lambda stay: stay.begun_at, default=None)


def _visits(session: Session, visit_ids: Iterable[int], *, lock: bool) -> Mapping[int, Row[*tuple[Any, ...]]]:
    other = aliased(Person)
    of_card = select(func.array_agg(other.id)).where(other.card_number == Person.card_number).scalar_subquery()
    facts = (Visit.id, Visit.organisation_id, Visit.number, Visit.care, Visit.state, Visit.begun_at, Visit.ended_at)
    said = (Registration.insutype, Registration.med_type, Registration.disease, Registration.emergency)
    wanted = (
        select(*facts, *said, Organisation.level, Organisation.district, of_card.label("person_ids"))
        .join(Organisation, Organisation.id == Visit.organisation_id)
        .join(Person, Person.id == Visit.person_id)
        .outerjoin(Registration, Registration.visit_id == Visit.id)
        .where(Visit.id.in_(tuple(visit_ids)))
        .order_by(Visit.id)
    )
    rows = session.execute(wanted.with_for_update(of=Visit) if lock else wanted)
    return {row.id: row for row in rows}


def _open_lines(session: Session, visit_ids: Iterable[int]) -> Mapping[int, list[Row[*tuple[Any, ...]]]]:
    t = FeeLine
    price = (t.quantity, t.unit_price, t.ceiling, t.amount, t.item_class, t.approved)
    wanted = select(t.id, t.visit_id, t.number, t.batch, t.returns, *price)
    wanted = wanted.where(t.visit_id.in_(tuple(visit_ids)), t.settlement_id.is_(None)).order_by(t.id)
    lines = defaultdict(list)
    for row in session.execute(wanted):
        lines[row.visit_id].append(row)
    return lines


def _charge_keys(session: Session, batches: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
    if not batches:
        return {}
    t = ChargeKey
    wanted = select(t.visit_id, t.batch, t.settlement_id).where(tuple_(t.visit_id, t.batch).in_(batches))
    return {(row[0], row[1]): row[2] for row in session.execute(wanted)}


def _parts_of_stays(session: Session, visit_ids: Iterable[int]) -> Mapping[int, list[Row[*tuple[Any, ...]]]]:
    """Every settlement of some stays, undone ones too, in order."""
    parts: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    if visit_ids:
        t = Settlement
        wanted = select(t.id, t.visit_id, t.state, t.deductible, t.admission)
        for row in session.execute(wanted.where(t.visit_id.in_(tuple(visit_ids)), t.undoes.is_(None)).order_by(t.id)):
            parts[row.visit_id].append(row)
    return parts


def _sending_stays(
    session: Session, filings: Iterable[Row[Any]], person_ids: Iterable[int]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The settled stays of some people at the hospitals that sent them: deductible borne, admission counted."""
    senders = {filing.sender_id for filing in filings if filing.sender_id}
    if not senders or not person_ids:
        return ()
    t = Settlement
    stay = (t.visit_id, t.person_id, t.organisation_id, Visit.number, Visit.begun_at, Visit.ended_at)
    borne = (func.sum(t.deductible).label("deductible"), func.max(t.admission).label("admission"))
    wanted = select(*stay, *borne).join(Visit, Visit.id == t.visit_id).group_by(*stay)
    return session.execute(
        wanted.where(
            t.person_id.in_(tuple(person_ids)),
            t.organisation_id.in_(tuple(senders)),
            t.care == "inpatient",
            t.state == "active",
            t.undoes.is_(None),
        )
    ).all()
