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

from sqlalchemy.orm import Session

from hub.coverage import (
    Bill,
    Entitlement,
    Explanation,
    Line,
    Question,
    Referral,
    Sharer,
    Standing,
    adjudicate,
    entitlements,
    sharers,
)
from hub.db import PLAN_ONCE, Statement, run, run_together
from hub.faults import Fault, Invalid, Refused
from hub.records import VisitUnknown
from hub.settlement.doubts import Override
from hub.settlement.fees import STAY, VisitOver
from hub.trust import Caller, NotAllowed, unseal
from hub.units import Money, day_of

Found = Any
"""A row of one of the statements below."""

EPISODE_GAP = timedelta(days=7)
"""A stay that ended at the sending hospital no longer ago than this belongs to the same referral episode."""

CHRONIC_CARE = "14"


class NothingToSettle(Refused):
    zh = "没有可结算的费用明细（收费批次“{batch}”）。请先上传明细，再结算。"
    en = "There are no open fee lines to settle (charge batch '{batch}'). Upload them first."


class TotalDiffers(Invalid):
    zh = "{element} 与已上传明细合计不符：报文为 {found}，明细合计为 {allowed}。请核对明细后重试。"
    en = "{element} differs from the lines uploaded: the message says {found}, the lines add up to {allowed}."


@dataclass(frozen=True, slots=True)
class Charge:
    """What is to be settled: the open lines of one out-patient batch, or of a stay so far (no batch).

    total (fen) is the hospital's own sum, checked when given; the rest overrides what was registered. shared_used: a
    relative's shared account is to pay, after the person's own where that is used too.
    """

    visit_id: int
    batch: str = STAY
    account_used: bool = True
    shared_used: bool = False
    total: Money | None = None
    insutype: str | None = None
    med_type: str | None = None
    disease: str | None = None
    emergency: bool | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A visit with its hospital, its registration, the person ids of its card, and whose account pays beside theirs."""

    visit: Found
    person_ids: tuple[int, ...]
    sharer: Sharer | None = None

    @property
    def inpatient(self) -> bool:
        return bool(self.visit.care == "inpatient")

    @property
    def paying(self) -> frozenset[int]:
        """Whose accumulators and accounts a charge of this visit moves."""
        return frozenset(self.person_ids) | ({self.sharer.owner_id} if self.sharer else frozenset())

    @property
    def telephone(self) -> str | None:
        """The person's, unsealed when somebody is to be told."""
        return None if self.visit.telephone is None else unseal(self.visit.telephone).decode()


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
    last_line_id: int
    new_admission: bool
    sender_visit_id: int | None
    doubted: bool = False

    def explain(self) -> Explanation:
        return adjudicate(self.bill, self.entitlement.pack, self.standing)


@dataclass(frozen=True, slots=True)
class Stands:
    """The charge batch is settled already."""

    settlement_id: int


def places(session: Session, asked: Sequence[tuple[Caller, int]], *, lock: bool) -> list[Place | Fault]:
    """The visits of some callers' own hospitals, in order. Faults as values: NotAllowed, VisitUnknown."""
    session.flush()
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


def with_sharers(
    session: Session, asked: Sequence[tuple[Caller, Charge, Place | Fault]], *, lock: bool
) -> list[Place | Fault]:
    """The places in order, each with whose account is to pay beside the person's, on the day of asking.

    Faults as values: NotShared, where nobody's is.
    """
    wanted = [
        (n, place, day_of(caller.at))
        for n, (caller, charge, place) in enumerate(asked)
        if charge.shared_used and isinstance(place, Place)
    ]
    found = [place for _, _, place in asked]
    if wanted:
        known = sharers(session, [(place.person_ids, day) for _, place, day in wanted], lock=lock)
        for (n, place, _), sharer in zip(wanted, known, strict=True):
            found[n] = sharer if isinstance(sharer, Fault) else replace(place, sharer=sharer)
    return found


def prepare(
    session: Session, asked: Sequence[tuple[Caller, Charge, Place]], *, lock: bool, lines: Sequence[Found] | None = None
) -> list[Prepared | Stands | Fault]:
    """All that adjudication needs, in order. With `lock`, the accumulators of every person are held first.

    `lines` are the rows of `charging`, for who has asked already: a visit that is locked takes no more.

    Faults as values: NotInsured, PackMissing, ChronicNotFiled, NothingToSettle, TotalDiffers.
    """
    questions = [_question(caller, charge, place) for caller, charge, place in asked]
    known = entitlements(session, questions, lock=lock)
    charges = [(charge, place) for _, charge, place in asked]
    if lines is None:
        lines = run(session, *charging(charges)) if charges else ()
    history = _History(session, charges, known, lines)
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
        account_of=place.sharer.owner_id if place.sharer else None,
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
    lines, last_line_id, total = history.lines(charge, place)
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
        shared_balance=known.shared_balance,
    )
    new_admission, sender_visit_id = place.inpatient, None
    if place.inpatient:
        standing, new_admission, sender_visit_id = history.of_stay(place, known, standing)
    med_type = charge.med_type or visit.med_type or clearing_type(bill)
    batch = charge.batch if not place.inpatient else history.stay_batch(place)
    return Prepared(
        charge, place, batch, med_type, known, bill, standing, last_line_id, new_admission, sender_visit_id,
        history.doubted(charge, place),
    )  # fmt: skip


def charging(asked: Sequence[tuple[Charge, Place]]) -> Statement:
    """Asks, by visit and batch, every line beside the settlement that stands for the batch; one empty row if none."""
    batches = {_batch(charge, place) for charge, place in asked}
    return _CHARGED, {"visits": [visit_id for visit_id, _ in batches], "batches": [batch for _, batch in batches]}


def _batch(charge: Charge, place: Place) -> tuple[int, str]:
    return charge.visit_id, STAY if place.inpatient else charge.batch


def clearing_type(bill: Bill) -> str:
    """clr_type: 21 in-patient, 14 chronic out-patient, 11 out-patient."""
    if bill.care == "inpatient":
        return "21"
    return CHRONIC_CARE if bill.chronic else "11"


class _History:
    """What stands already for the charges of a batch: settled batches, earlier parts of stays, open lines."""

    def __init__(
        self,
        session: Session,
        asked: Sequence[tuple[Charge, Place]],
        known: Sequence[Entitlement | Fault],
        lines: Sequence[Found],
    ) -> None:
        stays = [place for _, place in asked if place.inpatient]
        self._charged = _by_batch(lines)
        self._parts = _parts_of_stays(session, {place.visit.id for place in stays})
        self._sending = _sending_stays(
            session,
            [answer.filing for answer in known if not isinstance(answer, Fault) and answer.filing is not None],
            {person_id for place in stays for person_id in place.person_ids},
        )

    def lines(self, charge: Charge, place: Place) -> tuple[tuple[Line, ...], int, Money]:
        """The open lines of a charge, returns taken off what they return; the last one's id; the hospital's sum."""
        after = max((part.last_line_id for part in self._standing_parts(place)), default=0)
        rows = [row for row in self._charged[_batch(charge, place)] if row.id is not None and row.id > after]
        quantity: dict[str, Decimal] = {row.number: row.quantity for row in rows if row.returns is None}
        for row in rows:
            if row.returns is not None:
                quantity[row.returns] += row.quantity
        lines = tuple(
            Line(row.number, row.item_class, quantity[row.number], row.unit_price, row.ceiling, row.approved)
            for row in rows
            if row.returns is None
        )
        return lines, rows[-1].id if rows else 0, Money(sum(row.amount for row in rows))

    def doubted(self, charge: Charge, place: Place) -> bool:
        """Something about the lines was found doubtful when they were uploaded, and nobody has answered for it."""
        return bool(self._charged[_batch(charge, place)][0].doubted)

    def stands(self, charge: Charge, place: Place) -> Stands | None:
        """An out-patient batch settled already; or a stay settled so far with nothing charged since."""
        if not place.inpatient:
            settlement_id = self._charged[_batch(charge, place)][0].settlement_id
            return None if settlement_id is None else Stands(settlement_id)
        parts = self._standing_parts(place)
        return Stands(parts[-1].id) if parts and not self.lines(charge, place)[0] else None

    def _standing_parts(self, place: Place) -> list[Found]:
        return [part for part in self._parts[place.visit.id] if part.state == "active"]

    def stay_batch(self, place: Place) -> str:
        return f"stay-{len(self._parts[place.visit.id]) + 1}"

    def of_stay(self, place: Place, known: Entitlement, standing: Standing) -> tuple[Standing, bool, int | None]:
        """The standing of an in-patient, whether this counts a new admission, and the stay one was sent from.

        A later part of a stay, and a stay that continues a referral episode, is no new admission.
        """
        parts = self._standing_parts(place)
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

    def _sender(self, place: Place, known: Entitlement) -> Found | None:
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


def _visits(session: Session, visit_ids: Iterable[int], *, lock: bool) -> Mapping[int, Found]:
    said = {"visits": sorted(visit_ids)}
    hot = [PLAN_ONCE, (_VISITS + " FOR UPDATE OF v", said)]
    rows = run_together(session, hot if lock else [(_VISITS, said)])[-1]
    return {row.id: row for row in rows}


def _by_batch(rows: Iterable[Found]) -> Mapping[tuple[int, str], list[Found]]:
    lines: dict[tuple[int, str], list[Found]] = defaultdict(list)
    for row in rows:
        lines[row.visit_id, row.batch].append(row)
    return lines


def _parts_of_stays(session: Session, visit_ids: Iterable[int]) -> Mapping[int, list[Found]]:
    """Every settlement of some stays, undone ones too, in order."""
    parts: dict[int, list[Found]] = defaultdict(list)
    if visit_ids:
        for row in run(session, _PARTS, {"visits": list(visit_ids)}):
            parts[row.visit_id].append(row)
    return parts


def _sending_stays(session: Session, filings: Iterable[Found], person_ids: Iterable[int]) -> Sequence[Found]:
    """The settled stays of some people at the hospitals that sent them: deductible borne, admission counted."""
    senders = {filing.sender_id for filing in filings if filing.sender_id}
    if not senders or not person_ids:
        return ()
    return run(session, _SENDING_STAYS, {"persons": list(person_ids), "senders": list(senders)})


_VISITS = """
SELECT v.id, v.organisation_id, v.number, v.care, v.state, v.begun_at, v.ended_at, r.insutype, r.med_type, r.disease,
       r.emergency, o.level, o.district, o.name AS hospital, p.telephone,
       EXISTS (SELECT FROM endpoint AS e WHERE e.organisation_id = v.organisation_id AND e.kind = 'webhook') AS hears,
       ARRAY(SELECT id FROM person WHERE card_number = p.card_number ORDER BY id) AS person_ids
  FROM visit AS v
  JOIN organisation AS o ON o.id = v.organisation_id
  JOIN person AS p ON p.id = v.person_id
  LEFT JOIN insured_visit AS r ON r.visit_id = v.id
 WHERE v.id = ANY(%(visits)s::bigint[])
 ORDER BY v.id"""

_CHARGED = """
SELECT w.visit_id, w.batch, k.settlement_id,
       (w.visit_id, w.batch) IN (SELECT visit_id, batch FROM doubt WHERE overridden_at IS NULL
                                    AND visit_id = ANY(%(visits)s::bigint[])) AS doubted,
       f.id, f.number, f.returns, f.quantity - f.refunded AS quantity, f.unit_price, f.ceiling, f.item_class,
       f.approved,
       CASE WHEN f.refunded = 0 THEN f.amount
            ELSE round((f.quantity - f.refunded) * f.unit_price * 100)::bigint END AS amount
  FROM unnest(%(visits)s::bigint[], %(batches)s::text[]) AS w(visit_id, batch)
  LEFT JOIN charge_key AS k ON k.visit_id = w.visit_id AND k.batch = w.batch
  LEFT JOIN fee_line AS f ON f.visit_id = w.visit_id AND f.batch = w.batch
 ORDER BY f.id"""

_PARTS = """
SELECT id, visit_id, state, deductible, admission, last_line_id
  FROM settlement WHERE visit_id = ANY(%(visits)s::bigint[]) AND undoes IS NULL ORDER BY id"""

_SENDING_STAYS = """
SELECT s.visit_id, s.person_id, s.organisation_id, v.number, v.begun_at, v.ended_at,
       sum(s.deductible)::bigint AS deductible, max(s.admission) AS admission
  FROM settlement AS s JOIN visit AS v ON v.id = s.visit_id
 WHERE s.person_id = ANY(%(persons)s::bigint[]) AND s.organisation_id = ANY(%(senders)s::text[])
   AND s.care = 'inpatient' AND s.state = 'active' AND s.undoes IS NULL
 GROUP BY s.visit_id, s.person_id, s.organisation_id, v.number, v.begun_at, v.ended_at"""
