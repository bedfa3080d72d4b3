"""The whole check, in SQL alone: ledger, settlements, accumulators and accounts tell one story.

Each check is one statement that finds nothing when all is well; otherwise it names the rows that do not fit.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

NAMED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that does not fit: which check, which row ("settlement/12"), what was found and what was derived."""

    check: str
    subject: str
    found: int
    derived: int


def verify(session: Session) -> list[Breach]:
    """Every breach found, at most a hundred a check; none when the books are right."""
    return [
        Breach(check, *row)
        for check, sql in CHECKS.items()
        for row in session.execute(text(sql), {"most": NAMED_AT_MOST})
    ]


CHECKS = {
    "legs of a settlement sum to zero": """
        SELECT 'settlement/' || settlement_id, sum(amount)::bigint, 0
          FROM posting GROUP BY settlement_id HAVING sum(amount) <> 0 ORDER BY 1 LIMIT :most""",
    "a settlement's legs are its amounts": """
        SELECT 'settlement/' || s.id || ' ' || leg.account, coalesce(p.amount, 0)::bigint, leg.amount
          FROM settlement AS s
         CROSS JOIN LATERAL (SELECT coalesce(s.platform->>'area' || '.', '') AS of) AS area
         CROSS JOIN LATERAL (VALUES
               ('fund.' || area.of || 'pool', -s.pool), ('fund.' || area.of || 'large', -s.large),
               ('fund.' || area.of || 'serious', -s.serious), ('fund.' || area.of || 'civil', -s.civil),
               ('fund.' || area.of || 'aid', -s.aid),
               ('person.' || area.of || 'account', coalesce(s.shared, 0) - s.account),
               ('person.' || area.of || 'shared', -coalesce(s.shared, 0)),
               ('fund.' || area.of || 'other', -coalesce((s.platform->>'other')::bigint, 0)),
               ('hospital.share', -coalesce((s.platform->>'hospital')::bigint, 0)),
               ('person.cash', -s.cash), ('hospital.receivable', s.total)) AS leg(account, amount)
          LEFT JOIN (SELECT settlement_id, account, sum(amount) AS amount FROM posting GROUP BY 1, 2) AS p
            ON p.settlement_id = s.id AND p.account = leg.account
         WHERE coalesce(p.amount, 0) <> leg.amount ORDER BY s.id LIMIT :most""",
    "an undone settlement has its counter-entry": """
        SELECT 'settlement/' || s.id, (s.state = 'cancelled')::int, (u.id IS NOT NULL)::int
          FROM settlement AS s LEFT JOIN settlement AS u ON u.undoes = s.id
         WHERE s.undoes IS NULL AND ((s.state = 'cancelled') <> (u.id IS NOT NULL) OR u.total <> -s.total)
         ORDER BY s.id LIMIT :most""",
    "accumulators are what settlements moved": """
        WITH moved AS (
            SELECT person_id, year, insutype,
                   sum(CASE WHEN NOT new_admission THEN 0 WHEN undoes IS NULL THEN 1 ELSE -1 END) AS admissions,
                   sum(pool) FILTER (WHERE care = 'inpatient') AS pool,
                   sum(large) AS large, sum(serious) AS serious, sum(aid) AS aid, sum(own_in_scope) AS own_in_scope,
                   sum(deductible) FILTER (WHERE care = 'outpatient' AND disease IS NULL) AS outpatient_deductible,
                   sum(pool) FILTER (WHERE care = 'outpatient' AND disease IS NULL) AS outpatient_pool
              FROM settlement WHERE platform IS NULL GROUP BY person_id, year, insutype)
        SELECT 'accumulator/' || person_id || '/' || year || '/' || insutype || ' ' || both_sides.name,
               both_sides.found, both_sides.derived
          FROM accumulator AS a FULL JOIN moved AS m USING (person_id, year, insutype)
         CROSS JOIN LATERAL (VALUES
               ('admissions', coalesce(a.admissions, 0), coalesce(m.admissions, 0)::bigint),
               ('pool', coalesce(a.pool, 0), coalesce(m.pool, 0)::bigint),
               ('large', coalesce(a.large, 0), coalesce(m.large, 0)::bigint),
               ('serious', coalesce(a.serious, 0), coalesce(m.serious, 0)::bigint),
               ('aid', coalesce(a.aid, 0), coalesce(m.aid, 0)::bigint),
               ('own_in_scope', coalesce(a.own_in_scope, 0), coalesce(m.own_in_scope, 0)::bigint),
               ('outpatient_deductible', coalesce(a.outpatient_deductible, 0),
                coalesce(m.outpatient_deductible, 0)::bigint),
               ('outpatient_pool', coalesce(a.outpatient_pool, 0), coalesce(m.outpatient_pool, 0)::bigint)
               ) AS both_sides(name, found, derived)
         WHERE both_sides.found <> both_sides.derived ORDER BY 1 LIMIT :most""",
    "chronic quotas are what settlements drew": """
        SELECT 'chronic_use/' || person_id || '/' || year || '/' || insutype || '/' || disease,
               coalesce(u.paid, 0), coalesce(m.paid, 0)::bigint
          FROM chronic_use AS u
          FULL JOIN (SELECT person_id, year, insutype, disease, sum(pool) AS paid
                       FROM settlement WHERE disease IS NOT NULL AND platform IS NULL
                      GROUP BY 1, 2, 3, 4) AS m
         USING (person_id, year, insutype, disease)
         WHERE coalesce(u.paid, 0) <> coalesce(m.paid, 0) ORDER BY 1 LIMIT :most""",
    "accounts are credits less what settlements took": """
        SELECT 'personal_account/' || a.person_id, a.balance, (coalesce(c.amount, 0) - coalesce(s.amount, 0))::bigint
          FROM personal_account AS a
          LEFT JOIN (SELECT person_id, sum(amount) AS amount FROM account_credit GROUP BY 1) AS c USING (person_id)
          LEFT JOIN (SELECT person_id, sum(amount) AS amount
                       FROM (SELECT person_id, account - coalesce(shared, 0) AS amount
                               FROM settlement WHERE platform IS NULL
                              UNION ALL
                             SELECT shared_from, shared FROM settlement WHERE shared_from IS NOT NULL) AS drawn
                      GROUP BY 1) AS s USING (person_id)
         WHERE a.balance <> coalesce(c.amount, 0) - coalesce(s.amount, 0) ORDER BY 1 LIMIT :most""",
    "a charge batch points at a standing settlement": """
        SELECT 'charge_key/' || k.visit_id || '/' || k.batch, k.settlement_id, coalesce(s.id, 0)
          FROM charge_key AS k LEFT JOIN settlement AS s ON s.id = k.settlement_id AND s.state = 'active'
         WHERE s.id IS NULL AND NOT EXISTS (
               SELECT FROM forwarded AS f WHERE f.settlement_id = k.settlement_id
                  AND f.state IN ('asked', 'unanswered', 'reversal-unconfirmed'))
         ORDER BY 1 LIMIT :most""",
    "a standing settlement holds its charge batch": """
        SELECT 'settlement/' || s.id, 0, s.id
          FROM settlement AS s LEFT JOIN charge_key AS k ON k.settlement_id = s.id AND k.visit_id = s.visit_id
         WHERE s.state = 'active' AND s.undoes IS NULL AND s.platform IS NULL AND k.visit_id IS NULL
         ORDER BY s.id LIMIT :most""",
    "a settlement's lines sum to its amounts": """
        SELECT 'settlement/' || s.id || ' ' || part.name, coalesce(lines.fen, 0)::bigint, part.fen
          FROM settlement AS s
         CROSS JOIN LATERAL (VALUES
               (0, 'total', s.total), (1, 'over', s."over"), (2, 'own', s.own), (3, 'first', s."first"),
               (4, 'scope', s."scope"), (5, 'deductible', s.deductible), (6, 'pool', s.pool), (7, 'large', s.large),
               (8, 'serious', s.serious), (9, 'civil', s.civil), (10, 'aid', s.aid)) AS part(place, name, fen)
         CROSS JOIN LATERAL (
               SELECT sum((share->>part.place)::bigint) AS fen FROM json_array_elements(s.shares) AS share) AS lines
         WHERE s.undoes IS NULL AND s.platform IS NULL AND coalesce(lines.fen, 0) <> part.fen
         ORDER BY s.id LIMIT :most""",
    "a refund is a counter-entry and a smaller settlement of the same charges": """
        SELECT 'refund/' || r.settlement_id,
               (rest.id IS NOT NULL)::int + (counter.id IS NOT NULL)::int + (before.state = 'cancelled')::int
               + coalesce(rest.total <= before.total, false)::int, 4
          FROM refund AS r
          JOIN settlement AS before ON before.id = r.replaces
          LEFT JOIN settlement AS rest ON rest.id = r.settlement_id
                AND (rest.visit_id, rest.batch, rest.pack_id) = (before.visit_id, before.batch, before.pack_id)
          LEFT JOIN settlement AS counter ON counter.id = r.counter_id AND counter.undoes = r.replaces
         WHERE rest.id IS NULL OR counter.id IS NULL OR before.state <> 'cancelled' OR rest.total > before.total
         ORDER BY r.settlement_id LIMIT :most""",
    "what is refunded of a line is what its refunds say": """
        WITH given AS (
            SELECT s.visit_id, line->>0 AS number, sum((line->>1)::numeric) AS quantity
              FROM refund AS r JOIN settlement AS s ON s.id = r.settlement_id
             CROSS JOIN LATERAL jsonb_array_elements(r.lines) AS line
             GROUP BY 1, 2)
        SELECT 'fee_line/' || f.id, (f.refunded * 10000)::bigint, (coalesce(g.quantity, 0) * 10000)::bigint
          FROM fee_line AS f LEFT JOIN given AS g ON g.visit_id = f.visit_id AND g.number = f.number
         WHERE (f.refunded <> 0 OR g.quantity IS NOT NULL) AND f.refunded <> coalesce(g.quantity, 0)
         ORDER BY f.id LIMIT :most""",
}
