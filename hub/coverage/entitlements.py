"""All that a bill needs to know of a person: enrolment, pack, filing, the year so far, the account.

Answered in batches; locked for a settlement, unlocked for a quote. The accumulator rows are the lock: two
settlements of one human wait for each other, in person order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from hub.coverage.bills import NEW_YEAR, Year
from hub.coverage.enrolments import NotInsured
from hub.coverage.filings import ChronicNotFiled
from hub.coverage.library import in_force
from hub.coverage.packs import Pack
from hub.coverage.standing import Filed, Insured, Key, Known, Moved, known_of, quotas_of, years_of
from hub.faults import Fault


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
    enrolment: Insured
    pack: Pack
    year: Year
    admissions: int
    balance: int
    filing: Filed | None

    @property
    def insutype(self) -> str:
        return self.enrolment.insutype

    def out_of_area(self, hospital_area: str, emergency: bool) -> str | None:
        """None in the insured city; elsewhere how the journey stands with the insurer."""
        if self.enrolment.area[:4] == hospital_area[:4]:
            return None
        if self.filing is not None:
            return "filed"
        return "emergency" if emergency else "unfiled"


def entitlements(session: Session, questions: Sequence[Question], *, lock: bool) -> list[Entitlement | Fault]:
    """One answer a question, in order; with `lock` the accumulator and account rows are held until the commit.

    Faults as values: NotInsured, PackMissing, ChronicNotFiled.
    """
    session.flush()
    known = known_of(session, {person_id for question in questions for person_id in question.person_ids})
    insured = [_insured(known, question) for question in questions]
    keys = sorted(
        {
            key
            for question, row in zip(questions, insured, strict=True)
            if isinstance(row, Insured)
            for key in _keys(question, row)
        }
    )
    years, balances = years_of(session, keys, lock=lock)
    quotas = quotas_of(session, keys) if keys and any(question.disease for question in questions) else {}
    return [
        row if isinstance(row, Fault) else _answer(question, row, known, years, quotas, balances)
        for question, row in zip(questions, insured, strict=True)
    ]


def entitlement(session: Session, question: Question) -> Entitlement:
    """One answer, nothing locked. Refuses: NotInsured, PackMissing, ChronicNotFiled."""
    (answer,) = entitlements(session, [question], lock=False)
    if isinstance(answer, Fault):
        raise answer
    return answer


def hold(session: Session, person_ids: Iterable[int], year: int, insutype: str) -> None:
    """Lock a human's accumulators of a year, so that nothing is settled for them meanwhile."""
    years_of(session, [(person_id, year, insutype) for person_id in sorted(person_ids)], lock=True)


def _answer(
    question: Question,
    insured: Insured,
    known: Known,
    years: Mapping[Key, Moved],
    quotas: Mapping[tuple[int, int, str, str], int],
    balances: Mapping[int, int],
) -> Entitlement | Fault:
    try:
        pack = in_force(known.packs, area=insured.area, day=question.day)
    except Fault as missing:
        return missing
    filed = [row for person_id in question.person_ids for row in known.filed.get(person_id, ())]
    if question.disease and not _filed_disease(filed, question):
        return ChronicNotFiled(day=question.day, disease=question.disease)
    keys = _keys(question, insured)
    moved = [years[key] for key in keys if key in years]
    year = Year._make(map(sum, zip(*(row.year for row in moved), strict=True))) if moved else NEW_YEAR
    if question.disease:
        year = year._replace(chronic=sum(quotas.get((*key, question.disease), 0) for key in keys))
    return Entitlement(
        home=insured.person_id,
        enrolment=insured,
        pack=pack,
        year=year,
        admissions=sum(row.admissions for row in moved),
        balance=balances.get(insured.person_id, 0),
        filing=_winner(filed, question),
    )


def _keys(question: Question, insured: Insured) -> list[Key]:
    """The year's rows of everybody on the card, for one scheme."""
    return [(person_id, question.day.year, insured.insutype) for person_id in question.person_ids]


def _insured(known: Known, question: Question) -> Insured | NotInsured:
    for person_id in question.person_ids:
        for row in known.insured.get(person_id, ()):
            if question.insutype in (None, row.insutype) and _stands(row, question.day, question.day):
                return row
    return NotInsured(day=question.day, insutype=question.insutype or "310/390")


def _winner(filed: Iterable[Filed], question: Question) -> Filed | None:
    """The referral that counts for a stay: to this hospital, touching the stay, the last one filed."""
    matching = [
        row
        for row in filed
        if row.receiver_id == question.hospital_id
        and row.kind == "referral"
        and _stands(row, question.first_day, question.day)
    ]
    return max(matching, key=lambda row: row.id, default=None)


def _filed_disease(filed: Iterable[Filed], question: Question) -> bool:
    return any(row.disease == question.disease and _stands(row, question.day, question.day) for row in filed)


def _stands(row: Insured | Filed, first_day: date, day: date) -> bool:
    """Whether the validity of a row touches some days."""
    return row.since <= day and (row.until is None or row.until >= first_day)
