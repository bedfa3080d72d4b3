"""Old settlements, so that a measurement can show what a table full of them costs.

Each has what a settlement leaves: its row with a bill and shares, four postings, a message key and a charge key.
They belong to the people of the run, in the years before the bills that are measured.
"""

import psycopg

CHUNK = 100_000


def old_settlements(dsn: str, count: int, *, person_ids: list[int]) -> None:
    """Add `count` of them, then let the server look at its tables as it would have meanwhile."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for begin in range(0, count, CHUNK):
            said = {"count": min(CHUNK, count - begin), "persons": person_ids}
            connection.execute(_OLD, said)
        connection.execute("VACUUM (ANALYZE) settlement, posting, settlement_key, charge_key, accumulator")
        connection.execute("CHECKPOINT")


_OLD = """
WITH old AS (
    SELECT nextval('settlement_serial') AS id,
           (%(persons)s::bigint[])[1 + n %% cardinality(%(persons)s::bigint[])] AS person_id,
           timestamptz '2023-01-02 09:00+08' + n * interval '600 seconds' AS at
      FROM generate_series(0, %(count)s - 1) AS n
), written AS (
    INSERT INTO settlement (id, state, organisation_id, visit_id, batch, person_id, insutype, med_type, clr_type,
           clr_office, msgid, settled_at, settled_on, settled_by, day, year, care, admission, new_admission, pack_id,
           ratio, balance, total, "over", own, "first", "scope", deductible, pool, large, serious, civil, aid, fund,
           account, cash, own_in_scope, last_line_id, bill, shares)
    SELECT id, 'active', 'H42050000101', -id, '1', person_id, '310', '11', '11', '420500', 'OLD' || id, at,
           (at AT TIME ZONE 'Asia/Shanghai')::date, 'system/bench', (at AT TIME ZONE 'Asia/Shanghai')::date,
           extract(year FROM at AT TIME ZONE 'Asia/Shanghai'), 'outpatient', 1, false, 'old', 60000000, 0,
           12150, 0, 0, 500, 11650, 0, 6990, 0, 0, 0, 0, 6990, 5160, 0, 0, 0, _BILL, _SHARES
      FROM old RETURNING id, visit_id, batch, msgid, organisation_id
), posted AS (
    INSERT INTO posting (settlement_id, account, amount)
    SELECT written.id, leg.account, leg.amount FROM written CROSS JOIN (VALUES ('fund.pool', -6990),
           ('person.account', -5160), ('hospital.receivable', 12150)) AS leg(account, amount)
), named AS (
    INSERT INTO settlement_key (organisation_id, key, content_hash, settlement_id)
    SELECT organisation_id, msgid, sha256(msgid::bytea), id FROM written
)
INSERT INTO charge_key (visit_id, batch, settlement_id) SELECT visit_id, batch, id FROM written"""
_LINE = '{"id":"%s","class":"A","quantity":"1","unit_price":"30.375000","ceiling":null,"approved":true}'
_BILL = (
    '{"pack":"old","day":"2023-01-02","insutype":"310","care":"outpatient","hospital_level":3,"lines":['
    + ",".join(_LINE % number for number in range(1, 5))
    + "]}"
)
_SHARES = "[" + ",".join(["[3038,0,0,125,2913,0,1748,0,0,0,0]"] * 4) + "]"
_OLD = _OLD.replace("_BILL", f"'{_BILL}'").replace("_SHARES", f"'{_SHARES}'")
