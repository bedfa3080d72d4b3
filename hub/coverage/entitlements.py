"""All that a bill needs to know of a person: enrolment, pack, filing, the year so far, the account.

Read in batches, one statement a table however many bills; locked for a settlement, unlocked for a quote. The
accumulator rows are the lock: two settlements of one human wait for each other, in person order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub.coverage.bills import Year
from hub.coverage.enrolments import NotInsured
from hub.coverage.filings import ChronicNotFiled
from hub.coverage.library import in_force, packs_of
from hub.coverage.packs import Pack
from hub.coverage.tables import Account, Accumulator, ChronicUse, Enrolment, Filing
from hub.faults import Fault

Key = tuple[int, int, str]
"""person_id, year, insutype: an accumulator row."""


Accumulated = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """Whose bill, where and when. person_ids are those of the card; `day` decides the year and the pack.

    insutype None asks for the person's only enrolment. hospital_area is the district code of the hospital.
    """

    person_ids: tuple[int, ...]
    insutype: str | None
    hospital_id: str
    hospital_area: str
    first_day: date
    day: date
    disease: str | None = None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The answer; `home` is the person row that is enrolled, whose account pays and whose accumulators move."""

    home: int
    enrolment: Row[Any]
    pack: Pack
    year: Year
    admissions: int
    balance: int
    filing: Row[Any] | None

    @property
    def insutype(self) -> str:
        return str(self.enrolment.insutype)

    def out_of_area(self, hospital_area: str, emergency: bool) -> str | None:
        """None in the insured city; elsewhere how the journey stands with the insurer."""
        if self.enrolment.area[:4] == hospital_area[:4]:
            return None
        if self.filing is not None:
            return "filed"
        return "emergency" if emergency else "unfiled"


@dataclass(slots=True)
class _Found:
    """What the batch's statements brought, by person or key."""

    enrolments: Mapping[int, list[Row[Any]]]
    filings: Mapping[int, list[Row[Any]]]
    packs: Sequence[Pack]
    accumulators: Mapping[Key, Accumulated] = field(default_factory=dict)
    chronic: Mapping[tuple[int, int, str, str], int] = field(default_factory=dict)
    balances: Mapping[int, int] = field(default_factory=dict)


def entitlements(session: Session, questions: Sequence[Question], *, lock: bool) -> list[Entitlement | Fault]:
    """One answer a question, in order; with `lock` the accumulator and account rows are held until the commit.

    Faults as values: NotInsured, PackMissing, ChronicNotFiled.
    """
    person_ids = {person_id for question in questions for person_id in question.person_ids}
    enrolled = _by_person(session, _enrolments(person_ids))
    areas = {row.area for rows in enrolled.values() for row in rows}
    found = _Found(enrolled, _by_person(session, _filings(person_ids)), packs_of(session, areas))
    chosen = [_enrolment(found, question) for question in questions]
    keys = sorted(
        {
            (person_id, question.day.year, row.insutype)
            for question, row in zip(questions, chosen, strict=True)
            if not isinstance(row, Fault)
            for person_id in question.person_ids
        }
    )
    found.accumulators = _accumulators(session, keys, lock=lock)
    if any(question.disease for question in questions):
        found.chronic = _chronic_uses(session, keys)
    found.balances = _balances(session, {key[0] for key in keys}, lock=lock)
    return [_answer(found, question, row) for question, row in zip(questions, chosen, strict=True)]


def entitlement(session: Session, question: Question) -> Entitlement:
    """One answer, nothing locked. Refuses: NotInsured, PackMissing, ChronicNotFiled."""
    (answer,) = entitlements(session, [question], lock=False)
    if isinstance(answer, Fault):
        raise answer
    return answer


def hold(session: Session, person_ids: Iterable[int], year: int, insutype: str) -> None:
    """Lock a human's accumulators of a year, so that nothing is settled for them meanwhile."""
    _accumulators(session, [(person_id, year, insutype) for person_id in sorted(person_ids)], lock=True)


def _answer(found: _Found, question: Question, enrolment: Row[Any] | Fault) -> Entitlement | Fault:
    if isinstance(enrolment, Fault):
        return enrolment
    try:
        pack = in_force(found.packs, area=enrolment.area, day=question.day)
    except Fault as missing:
        return missing
    filings = [row for person_id in question.person_ids for row in found.filings.get(person_id, ())]
    if question.disease and not _filed_disease(filings, question):
        return ChronicNotFiled(day=question.day, disease=question.disease)
    keys = [(person_id, question.day.year, enrolment.insutype) for person_id in question.person_ids]
    rows = [found.accumulators[key] for key in keys if key in found.accumulators]
    chronic = sum(found.chronic.get((*key, question.disease), 0) for key in keys) if question.disease else 0
    return Entitlement(
        home=enrolment.person_id,
        enrolment=enrolment,
        pack=pack,
        year=Year._make([*(sum(row[i] for row in rows) for i in range(_FIRST_AMOUNT, len(_COLUMNS))), chronic]),
        admissions=sum(row.admissions for row in rows),
        balance=found.balances.get(enrolment.person_id, 0),
        filing=_winner(filings, question),
    )


def _enrolment(found: _Found, question: Question) -> Row[Any] | Fault:
    for person_id in question.person_ids:
        for row in found.enrolments.get(person_id, ()):
            of_type = question.insutype in (None, row.insutype)
            if of_type and row.since <= question.day and (row.until is None or question.day <= row.until):
                return row
    return NotInsured(day=question.day, insutype=question.insutype or "310/390")


def _winner(filings: Iterable[Row[Any]], question: Question) -> Row[Any] | None:
    """The referral that counts for a stay: to this hospital, touching the stay, the last one filed."""
    matching = [
        row
        for row in filings
        if row.kind == "referral"
        and row.receiver_id == question.hospital_id
        and row.since <= question.day
        and (row.until is None or row.until >= question.first_day)
    ]
    return max(matching, key=lambda row: row.id, default=None)


def _filed_disease(filings: Iterable[Row[Any]], question: Question) -> bool:
    return any(
        row.disease == question.disease
        and row.since <= question.day
        and (row.until is None or question.day <= row.until)
        for row in filings
    )


_COLUMNS = (
    Accumulator.person_id,
    Accumulator.year,
    Accumulator.insutype,
    Accumulator.admissions,
    Accumulator.pool,
    Accumulator.large,
    Accumulator.serious,
    Accumulator.aid,
    Accumulator.own_in_scope,
    Accumulator.outpatient_deductible,
    Accumulator.outpatient_pool,
)
_FIRST_AMOUNT = 4
"""From here on the columns are those of Year, in its order."""


def _enrolments(person_ids: Iterable[int]) -> Select[*tuple[Any, ...]]:
    t = Enrolment
    wanted = select(
        t.id, t.person_id, t.insutype, t.psn_type, t.area, t.retired, t.civil_servant, t.aid, t.since, t.until
    )
    return wanted.where(t.person_id.in_(tuple(person_ids)), t.state == "active").order_by(t.person_id, t.insutype)


def _filings(person_ids: Iterable[int]) -> Select[*tuple[Any, ...]]:
    t = Filing
    wanted = select(
        t.id,
        t.person_id,
        t.kind,
        t.number,
        t.sender_id,
        t.sender_visit,
        t.receiver_id,
        t.direction,
        t.disease,
        t.since,
        t.until,
    )
    return wanted.where(t.person_id.in_(tuple(person_ids)), t.state == "filed")


def _by_person(session: Session, wanted: Select[*tuple[Any, ...]]) -> dict[int, list[Row[Any]]]:
    rows: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(wanted):
        rows[row.person_id].append(row)
    return rows


def _accumulators(session: Session, keys: Sequence[Key], *, lock: bool) -> dict[Key, Accumulated]:
    """A year's row is made when first locked; who makes it at the same time waits and then reads the winner's."""
    if not keys:
        return {}
    found = _read_accumulators(session, keys, lock=lock)
    missing = [key for key in keys if key not in found]
    if lock and missing:
        rows = [{"person_id": person_id, "year": year, "insutype": insutype} for person_id, year, insutype in missing]
        session.execute(insert(Accumulator).on_conflict_do_nothing(), rows)
        found |= _read_accumulators(session, missing, lock=True)
    return found


def _read_accumulators(session: Session, keys: Sequence[Key], *, lock: bool) -> dict[Key, Accumulated]:
    named = tuple_(Accumulator.person_id, Accumulator.year, Accumulator.insutype).in_(keys)
    wanted = select(*_COLUMNS).where(named).order_by(*_COLUMNS[:3])
    return {(row[0], row[1], row[2]): row for row in session.execute(wanted.with_for_update() if lock else wanted)}


def _chronic_uses(session: Session, keys: Sequence[Key]) -> dict[tuple[int, int, str, str], int]:
    t = ChronicUse
    wanted = select(t.person_id, t.year, t.insutype, t.disease, t.paid)
    rows = session.execute(wanted.where(tuple_(t.person_id, t.year, t.insutype).in_(keys)))
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


def _balances(session: Session, person_ids: Iterable[int], *, lock: bool) -> dict[int, int]:
    wanted = select(Account.person_id, Account.balance).where(Account.person_id.in_(tuple(person_ids)))
    wanted = wanted.order_by(Account.person_id)
    rows = session.execute(wanted.with_for_update() if lock else wanted)
    return {row.person_id: row.balance for row in rows}
