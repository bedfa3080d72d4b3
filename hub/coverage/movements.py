"""What a settlement moves in a year's accumulators, and moving it: there and, when it is undone, back."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from hub.db import Statement


class Movement(NamedTuple):
    """Fen by accumulator, and admissions; what the person's own account paid, and a relative's that is shared."""

    admissions: int
    pool: int
    large: int
    serious: int
    aid: int
    own_in_scope: int
    outpatient_deductible: int
    outpatient_pool: int
    chronic: int
    account: int
    shared: int


_OF_ACCUMULATOR = Movement._fields.index("chronic")
ACCUMULATORS = Movement._fields[:_OF_ACCUMULATOR]
"""The columns of Accumulator."""


class Moved(NamedTuple):
    """A movement and the rows it belongs to; undoing moves the negative. `owner` has the shared account."""

    person_id: int
    year: int
    insutype: str
    disease: str | None
    movement: Movement
    owner: int | None = None


def moving(moves: Sequence[Moved]) -> list[Statement]:
    """What adds the movements to accumulators, chronic quotas and accounts, whose rows the caller holds locked by then.

    One movement a row: two of the same person, year and scheme are moved one after the other.
    """
    statements: list[Statement] = []
    spending = [moved for moved in moves if any(moved.movement[:_OF_ACCUMULATOR])]
    if spending:
        # Plain integers: the driver takes an array's type from its first element, and Money looks small to it.
        by = {name: [int(getattr(moved.movement, name)) for moved in spending] for name in ACCUMULATORS}
        statements.append((_MOVE_ACCUMULATORS, _named(spending) | by))
    quotas = [moved for moved in moves if moved.movement.chronic]
    if quotas:
        used = {
            "diseases": [moved.disease for moved in quotas],
            "by": [int(moved.movement.chronic) for moved in quotas],
        }
        statements += [(_MAKE_QUOTAS, _named(quotas) | used), (_MOVE_QUOTAS, _named(quotas) | used)]
    paying: dict[int | None, int] = defaultdict(int)
    for moved in moves:
        paying[moved.person_id] += int(moved.movement.account)
        paying[moved.owner] += int(moved.movement.shared)
    drawn = {person_id: fen for person_id, fen in paying.items() if fen}
    if drawn:
        statements.append((_MOVE_ACCOUNTS, {"persons": list(drawn), "by": list(drawn.values())}))
    return statements


def _named(moves: Sequence[Moved]) -> dict[str, Any]:
    return {
        "persons": [moved.person_id for moved in moves],
        "years": [moved.year for moved in moves],
        "insutypes": [moved.insutype for moved in moves],
    }


_MOVE_ACCUMULATORS = """
UPDATE accumulator AS a
   SET admissions = a.admissions + m.admissions,
       pool = a.pool + m.pool,
       large = a.large + m.large,
       serious = a.serious + m.serious,
       aid = a.aid + m.aid,
       own_in_scope = a.own_in_scope + m.own_in_scope,
       outpatient_deductible = a.outpatient_deductible + m.outpatient_deductible,
       outpatient_pool = a.outpatient_pool + m.outpatient_pool
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[], %(admissions)s::bigint[],
              %(pool)s::bigint[], %(large)s::bigint[], %(serious)s::bigint[], %(aid)s::bigint[],
              %(own_in_scope)s::bigint[], %(outpatient_deductible)s::bigint[], %(outpatient_pool)s::bigint[])
       AS m(person_id, year, insutype, admissions, pool, large, serious, aid,
            own_in_scope, outpatient_deductible, outpatient_pool)
 WHERE a.person_id = m.person_id AND a.year = m.year AND a.insutype = m.insutype"""

_MAKE_QUOTAS = """
INSERT INTO chronic_use (person_id, year, insutype, disease, paid)
SELECT person_id, year, insutype, disease, 0
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[], %(diseases)s::text[])
       AS m(person_id, year, insutype, disease)
ON CONFLICT DO NOTHING"""

_MOVE_QUOTAS = """
UPDATE chronic_use AS u SET paid = u.paid + m.paid
  FROM unnest(%(persons)s::bigint[], %(years)s::bigint[], %(insutypes)s::text[], %(diseases)s::text[], %(by)s::bigint[])
       AS m(person_id, year, insutype, disease, paid)
 WHERE u.person_id = m.person_id AND u.year = m.year AND u.insutype = m.insutype AND u.disease = m.disease"""

_MOVE_ACCOUNTS = """
UPDATE personal_account AS p SET balance = p.balance - m.paid
  FROM unnest(%(persons)s::bigint[], %(by)s::bigint[]) AS m(person_id, paid) WHERE p.person_id = m.person_id"""
