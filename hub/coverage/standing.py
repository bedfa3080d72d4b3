"""What the tables say of some people: how they are insured, what was filed, what their year has moved.

Two statements however many people: what is known of them, and the year's rows, which a settlement locks. Rows of
several tables come in one statement, each as its table's name and an array, because round trips are paid per bill.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from hub.coverage.bills import Year
from hub.coverage.library import Issued, read_issued
from hub.coverage.packs import Pack

Key = tuple[int, int, str]
"""person_id, year, insutype: an accumulator row."""


class Insured(NamedTuple):
    """An active enrolment."""

    id: int
    person_id: int
    insutype: str
    psn_type: str
    area: str
    retired: bool
    civil_servant: bool
    aid: bool
    since: date
    until: date | None


class Filed(NamedTuple):
    """A filing that stands."""

    id: int
    person_id: int
    kind: str
    number: str
    sender_id: str | None
    sender_visit: str | None
    receiver_id: str | None
    direction: str | None
    disease: str | None
    since: date
    until: date | None


class Moved(NamedTuple):
    """What a year has moved: admissions, and the accumulators in fen."""

    admissions: int
    year: Year


@dataclass(frozen=True, slots=True)
class Known:
    """Enrolments and filings by person, and every pack, newest first."""

    insured: Mapping[int, Sequence[Insured]]
    filed: Mapping[int, Sequence[Filed]]
    packs: Sequence[Pack]


def known_of(session: Session, person_ids: Iterable[int]) -> Known:
    insured: dict[int, list[Insured]] = defaultdict(list)
    filed: dict[int, list[Filed]] = defaultdict(list)
    issued: list[Issued] = []
    for table, row in _run(session, _KNOWN, {"persons": sorted(person_ids)}):
        *facts, since, until = row
        facts += date.fromisoformat(since), None if until is None else date.fromisoformat(until)
        if table == "enrolment":
            insured[row[1]].append(Insured._make(facts))
        elif table == "filing":
            filed[row[1]].append(Filed._make(facts))
        else:
            issued.append(Issued._make(facts))
    newest_first = sorted(issued, key=lambda pack: pack.valid_from, reverse=True)
    return Known(insured, filed, read_issued(session, newest_first))


def years_of(session: Session, keys: Sequence[Key], *, lock: bool) -> tuple[dict[Key, Moved], dict[int, int]]:
    """The accumulators of some people and years, and their accounts' balances (fen).

    With `lock` both are held until the commit, in person order. A year's row is made when it is first locked; who
    makes it at the same time waits, and then reads the winner's.
    """
    if not keys:
        return {}, {}
    moved, balances = _years(session, keys, lock=lock)
    missing = [key for key in keys if key not in moved]
    if lock and missing:
        session.connection().exec_driver_sql(_MAKE_YEARS, _named(missing))
        moved |= _years(session, missing, lock=True)[0]
    return moved, balances


def quotas_of(session: Session, keys: Sequence[Key]) -> dict[tuple[int, int, str, str], int]:
    """What chronic quotas have paid (fen), by key and disease; locked through the year's rows."""
    rows = session.connection().exec_driver_sql(_QUOTAS, _named(keys)).all()
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


def _years(session: Session, keys: Sequence[Key], *, lock: bool) -> tuple[dict[Key, Moved], dict[int, int]]:
    moved: dict[Key, Moved] = {}
    balances: dict[int, int] = {}
    for table, row in _run(session, _LOCKED_YEARS if lock else _YEARS, _named(keys)):
        if table == "accumulator":
            person_id, year, insutype, admissions, *amounts = row
            moved[person_id, year, insutype] = Moved(admissions, Year._make((*amounts, 0)))
        else:
            balances[row[0]] = row[1]
    return moved, balances


def _named(keys: Sequence[Key]) -> dict[str, Any]:
    persons, years, insutypes = zip(*keys, strict=True)
    return {"persons": list(persons), "years": list(years), "insutypes": list(insutypes)}


def _run(session: Session, sql: str, parameters: Mapping[str, Any]) -> Sequence[tuple[str, list[Any]]]:
    """A hot statement, as written: compiling an expression would cost more than running it."""
    return [(row[0], row[1]) for row in session.connection().exec_driver_sql(sql, parameters)]


_KNOWN = """
SELECT 'enrolment', json_build_array(id, person_id, insutype, psn_type, area, retired, civil_servant, aid, since, until)
  FROM (SELECT * FROM enrolment WHERE person_id = ANY(%(persons)s::bigint[]) AND state = 'active'
         ORDER BY person_id, insutype) AS e
UNION ALL
SELECT 'filing', json_build_array(id, person_id, kind, number, sender_id, sender_visit, receiver_id, direction,
                                  disease, since, until)
  FROM filing WHERE person_id = ANY(%(persons)s::bigint[]) AND state = 'filed'
UNION ALL
SELECT 'pack', json_build_array(id, area, content_hash, valid_from, valid_to) FROM benefit_pack"""

_YEARS = """
WITH k AS (
    SELECT * FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[])
                  AS k(person_id, year, insutype)
), a AS (
    SELECT a.* FROM k JOIN accumulator AS a USING (person_id, year, insutype) ORDER BY person_id, year, insutype /*a*/
), p AS (
    SELECT person_id, balance FROM personal_account WHERE person_id = ANY(%(persons)s::bigint[])
     ORDER BY person_id /*p*/
)
SELECT 'accumulator', json_build_array(person_id, year, insutype, admissions, pool, large, serious, aid, own_in_scope,
                                       outpatient_deductible, outpatient_pool) FROM a
UNION ALL
SELECT 'account', json_build_array(person_id, balance) FROM p"""

_LOCKED_YEARS = _YEARS.replace("/*a*/", "FOR UPDATE OF a").replace("/*p*/", "FOR UPDATE")

_MAKE_YEARS = """
INSERT INTO accumulator (person_id, year, insutype, admissions,
       pool, large, serious, aid, own_in_scope, outpatient_deductible, outpatient_pool)
SELECT person_id, year, insutype, 0, 0, 0, 0, 0, 0, 0, 0
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[]) AS k(person_id, year, insutype)
 ORDER BY person_id, year, insutype
ON CONFLICT DO NOTHING"""

_QUOTAS = """
SELECT person_id, year, insutype, disease, paid
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[]) AS k(person_id, year, insutype)
  JOIN chronic_use USING (person_id, year, insutype)"""
