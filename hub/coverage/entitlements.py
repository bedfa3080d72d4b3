"""All that a bill needs to know of a person: enrolment, pack, filing, the year so far, the account.

Read in batches, one statement a table however many bills; locked for a settlement, unlocked for a quote. The
accumulator rows are the lock: two settlements of one human wait for each other, in person order.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from hub.coverage.authorities import SettledUpstream
from hub.coverage.bills import NEW_YEAR, Year
from hub.coverage.enrolments import NotInsured
from hub.coverage.filings import ChronicNotFiled
from hub.coverage.library import PACKS_OF_PERSONS, in_force, packs_in
from hub.coverage.packs import Pack
from hub.db import Statement, run_together
from hub.faults import Fault

Key = tuple[int, int, str]
"""person_id, year, insutype: an accumulator row."""

Found = Any
"""A row of one of the statements below."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whose bill, where and when. person_ids are those of the card; `day` decides the year and the pack.

    insutype None asks for the person's only enrolment. hospital_area is the district code of the hospital. account_of
    is the relative whose shared account is to pay.
    """

    person_ids: tuple[int, ...]
    insutype: str | None
    hospital_id: str
    hospital_area: str
    first_day: date
    day: date
    disease: str | None = None
    account_of: int | None = None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The answer; `home` is the person row that is enrolled, whose account pays and whose accumulators move."""

    home: int
    enrolment: Found
    pack: Pack
    year: Year
    admissions: int
    balance: int
    filing: Found | None
    shared_balance: int | None = None

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
class _Batch:
    """What the batch's statements brought, by person or key."""

    enrolments: Mapping[int, list[Found]]
    filings: Mapping[int, list[Found]]
    packs: Sequence[Pack]
    accumulators: Mapping[Key, Found] = field(default_factory=dict)
    chronic: Mapping[tuple[int, int, str, str], int] = field(default_factory=dict)
    balances: Mapping[int, int] = field(default_factory=dict)


def entitlements(session: Session, questions: Sequence[Question], *, lock: bool) -> list[Entitlement | Fault]:
    """One answer a question, in order; with `lock` the accumulator and account rows are held until the commit.

    Locking is for who settles here, so whose area is settled upstream is refused then.
    Faults as values: NotInsured, PackMissing, ChronicNotFiled, SettledUpstream.
    """
    session.flush()
    person_ids = {person_id for question in questions for person_id in question.person_ids}
    persons = {"persons": sorted(person_ids)}
    asked = [(_ENROLMENTS, persons), (_FILINGS, persons), (PACKS_OF_PERSONS, persons)]
    enrolled, filed, texts = run_together(session, asked)
    found = _Batch(_by_person(enrolled), _by_person(filed), packs_in(texts))
    chosen = [_enrolment(found, question) for question in questions]
    if lock:
        chosen = [_settled_here(row) for row in chosen]
    keys = sorted(
        {
            (person_id, question.day.year, row.insutype)
            for question, row in zip(questions, chosen, strict=True)
            if not isinstance(row, Fault)
            for person_id in question.person_ids
        }
    )
    if keys:
        owners = {question.account_of for question in questions if question.account_of is not None}
        _look_at_year(session, found, keys, owners, lock=lock)
    return [_answer(found, question, row) for question, row in zip(questions, chosen, strict=True)]


def entitlement(session: Session, question: Question) -> Entitlement:
    """One answer, nothing locked. Refuses: NotInsured, PackMissing, ChronicNotFiled."""
    (answer,) = entitlements(session, [question], lock=False)
    if isinstance(answer, Fault):
        raise answer
    return answer


def hold(session: Session, person_ids: Iterable[int], year: int, insutype: str, owner: int | None = None) -> None:
    """Lock a human's accumulators of a year, so that nothing is settled for them meanwhile; then the accounts that
    pay for them, theirs and that of the relative who shares one.
    """
    persons = sorted(person_ids)
    accounts = sorted({*persons} if owner is None else {*persons, owner})
    holding = (_BALANCES + " FOR UPDATE", {"persons": accounts})
    run_together(session, [*_locking([(person_id, year, insutype) for person_id in persons]), holding])


def tidying(person_ids: Collection[int]) -> list[Statement]:
    """What takes back a year's row that was made to be locked, when nothing was settled after all.

    Only a row that this transaction made and nobody else can hold: one that was there before may be waited for.
    """
    return [(_TIDY, {"persons": sorted(person_ids)})] if person_ids else []


def _answer(found: _Batch, question: Question, enrolment: Found | Fault) -> Entitlement | Fault:
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
        year=_year(rows, chronic),
        admissions=sum(row.admissions for row in rows),
        balance=found.balances.get(enrolment.person_id, 0),
        filing=_winner(filings, question),
        shared_balance=None if question.account_of is None else found.balances.get(question.account_of, 0),
    )


def _year(rows: Sequence[Found], chronic: int) -> Year:
    """The sums over the rows of a card; a year without rows is empty."""
    amounts = [sum(column) for column in zip(*(row[_FIRST_AMOUNT:] for row in rows), strict=True)]
    return Year._make((*amounts, chronic)) if rows else NEW_YEAR


_FIRST_AMOUNT = 4
"""Where in an accumulator's row the amounts of Year begin."""


def _enrolment(found: _Batch, question: Question) -> Found | Fault:
    for person_id in question.person_ids:
        for row in found.enrolments.get(person_id, ()):
            of_type = question.insutype in (None, row.insutype)
            if of_type and row.since <= question.day and (row.until is None or question.day <= row.until):
                return row
    return NotInsured(day=question.day, insutype=question.insutype or "310/390")


def _settled_here(enrolment: Found | Fault) -> Found | Fault:
    if isinstance(enrolment, Fault) or not enrolment.upstream:
        return enrolment
    return SettledUpstream(area=enrolment.area)


def _winner(filings: Iterable[Found], question: Question) -> Found | None:
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


def _filed_disease(filings: Iterable[Found], question: Question) -> bool:
    return any(
        row.disease == question.disease
        and row.since <= question.day
        and (row.until is None or question.day <= row.until)
        for row in filings
    )


def _by_person(rows: Iterable[Found]) -> dict[int, list[Found]]:
    by_person: dict[int, list[Found]] = defaultdict(list)
    for row in rows:
        by_person[row.person_id].append(row)
    return by_person


def _look_at_year(session: Session, found: _Batch, keys: Sequence[Key], owners: set[int], *, lock: bool) -> None:
    """What the year has moved and what the accounts hold, those that relatives share too; locked in this order."""
    persons = {"persons": sorted({key[0] for key in keys} | owners)}
    asked = _locking(keys) if lock else [(_ACCUMULATORS, _named(keys))]
    asked += [(_BALANCES + " FOR UPDATE" if lock else _BALANCES, persons), (_CHRONIC_USES, _named(keys))]
    *_, accumulators, balances, uses = run_together(session, asked)
    found.accumulators = {(row.person_id, row.year, row.insutype): row for row in accumulators}
    found.balances = {row.person_id: row.balance for row in balances}
    found.chronic = {(*row[:3], row.disease): row.paid for row in uses}


def _locking(keys: Sequence[Key]) -> list[Statement]:
    """A year's row is made when first locked; who makes it at the same time waits and then reads the winner's.

    Made in order and then locked in order, so that two batches wait for each other in one direction only.
    """
    named = _named(keys)
    return [(_MAKE_ACCUMULATORS, named), (_ACCUMULATORS + " FOR UPDATE OF a", named)]


def _named(keys: Sequence[Key]) -> dict[str, Any]:
    persons, years, insutypes = zip(*keys, strict=True)
    return {"persons": list(persons), "years": list(years), "insutypes": list(insutypes)}


_ENROLMENTS = """
SELECT id, person_id, insutype, psn_type, area, retired, civil_servant, aid, since, until,
       area = ANY(ARRAY(SELECT area FROM insurance_authority WHERE settles = 'upstream')) AS upstream
  FROM enrolment WHERE person_id = ANY(%(persons)s::bigint[]) AND state = 'active' ORDER BY person_id, insutype"""

_FILINGS = """
SELECT id, person_id, kind, number, sender_id, sender_visit, receiver_id, direction, disease, since, until
  FROM filing WHERE person_id = ANY(%(persons)s::bigint[]) AND state = 'filed'"""

_ACCUMULATORS = """
SELECT person_id, year, insutype, admissions,
       pool, large, serious, aid, own_in_scope, outpatient_deductible, outpatient_pool
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[]) AS k(person_id, year, insutype)
  JOIN accumulator AS a USING (person_id, year, insutype)
 ORDER BY person_id, year, insutype"""

_MAKE_ACCUMULATORS = """
INSERT INTO accumulator (person_id, year, insutype, admissions,
       pool, large, serious, aid, own_in_scope, outpatient_deductible, outpatient_pool)
SELECT person_id, year, insutype, 0, 0, 0, 0, 0, 0, 0, 0
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[]) AS k(person_id, year, insutype)
 ORDER BY person_id, year, insutype
ON CONFLICT DO NOTHING"""

_TIDY = """
DELETE FROM accumulator
 WHERE person_id = ANY(%(persons)s::bigint[]) AND xmin = pg_current_xact_id()::xid
   AND (admissions, pool, large, serious, aid, own_in_scope, outpatient_deductible, outpatient_pool)
     = (0, 0, 0, 0, 0, 0, 0, 0)"""

_CHRONIC_USES = """
SELECT person_id, year, insutype, disease, paid
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[]) AS k(person_id, year, insutype)
  JOIN chronic_use USING (person_id, year, insutype)"""

_BALANCES = """
SELECT person_id, balance FROM personal_account WHERE person_id = ANY(%(persons)s::bigint[]) ORDER BY person_id"""
