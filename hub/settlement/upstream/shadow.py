"""Our own calculation of what a platform settles: by our pack of its area, from what we have seen settled there.

What the year has moved upstream is derived from the settlements themselves and never touches an accumulator, so
that nothing a platform pays counts against a fund that is settled here.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from hub.coverage import Explanation, Year, adjudicate, bill_of, document_of, pack_named
from hub.settlement.charges import Prepared


def shadow_document(session: Session, ready: Prepared) -> dict[str, Any]:
    """The bill as it was when the platform was asked, with the person's year upstream so far."""
    known = ready.entitlement
    sums = _year(session, list(ready.place.person_ids), ready.bill.day.year, known.insutype, ready.bill.chronic)
    year = Year(**{name: int(sums[name]) for name in Year._fields})
    standing = replace(ready.standing, year=year)
    if ready.new_admission:
        standing = replace(standing, admission=int(sums["admissions"]) + 1)
    return document_of(known.pack.id, ready.bill, standing)


def explain(session: Session, document: dict[str, Any], *, account_balance: int | None = None) -> Explanation:
    """The calculation run again; the platform keeps the account, so its balance is taken from there when known."""
    pack_id, bill, standing = bill_of(document)
    if account_balance is not None:
        standing = replace(standing, account_balance=max(0, account_balance))
    return adjudicate(bill, pack_named(session, pack_id), standing)


def with_balance(document: dict[str, Any], explanation: Explanation) -> dict[str, Any]:
    """The document under which the same explanation is reached again."""
    return document_of(document["pack"], explanation.bill, explanation.standing)


def _year(session: Session, person_ids: list[int], year: int, insutype: str, disease: str | None) -> dict[str, Any]:
    said = {"persons": person_ids, "year": year, "insutype": insutype, "disease": disease}
    return dict(session.execute(_YEAR, said).mappings().one())


_YEAR = text("""
SELECT coalesce(sum(CASE WHEN NOT new_admission THEN 0 WHEN undoes IS NULL THEN 1 ELSE -1 END), 0) AS admissions,
       coalesce(sum(pool) FILTER (WHERE care = 'inpatient'), 0) AS pool,
       coalesce(sum(large), 0) AS large, coalesce(sum(serious), 0) AS serious, coalesce(sum(aid), 0) AS aid,
       coalesce(sum(own_in_scope), 0) AS own_in_scope,
       coalesce(sum(deductible) FILTER (WHERE care = 'outpatient' AND disease IS NULL), 0) AS outpatient_deductible,
       coalesce(sum(pool) FILTER (WHERE care = 'outpatient' AND disease IS NULL), 0) AS outpatient_pool,
       coalesce(sum(pool) FILTER (WHERE disease = CAST(:disease AS text)), 0) AS chronic
  FROM settlement
 WHERE person_id = ANY(:persons) AND year = :year AND insutype = :insutype AND platform IS NOT NULL""")
