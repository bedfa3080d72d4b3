"""Settlements as rows: made from an explanation, written with their postings and keys, read back by id."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session, class_mapper

from hub.coverage import Explanation, Moved, Movement, document_of, moving
from hub.db import Statement
from hub.settlement.charges import Prepared, clearing_type
from hub.settlement.tables import AMOUNTS, SETTLEMENT, Settlement
from hub.trust import Caller
from hub.units import Money, day_of

Row = dict[str, Any]


def settlement_row(caller: Caller, ready: Prepared, explanation: Explanation, *, settlement_id: int, key: str) -> Row:
    """The row of a settlement, complete."""
    totals, known, visit, sharer = explanation.totals, ready.entitlement, ready.place.visit, ready.place.sharer
    return {
        "id": settlement_id,
        "undoes": None,
        "state": SETTLEMENT.start,
        "organisation_id": visit.organisation_id,
        "visit_id": visit.id,
        "batch": ready.batch,
        "person_id": known.home,
        "insutype": known.insutype,
        "med_type": ready.med_type,
        "clr_type": clearing_type(ready.bill),
        "clr_office": known.enrolment.area,
        "msgid": key,
        "settled_at": caller.at,
        "settled_on": day_of(caller.at),
        "settled_by": f"{caller.kind}/{caller.id}",
        "day": ready.bill.day,
        "year": ready.bill.day.year,
        "care": ready.bill.care,
        "disease": ready.bill.chronic,
        "admission": ready.standing.admission,
        "new_admission": ready.new_admission,
        "filing_id": known.filing.id if known.filing is not None else None,
        "sender_visit_id": ready.sender_visit_id,
        "pack_id": known.pack.id,
        "ratio": explanation.ratio,
        "balance": Money(known.balance - totals.account + explanation.shared),
        **paid(explanation),
        "shared_from": sharer.owner_id if sharer and explanation.shared else None,
        "last_line_id": ready.last_line_id,
        "bill": document_of(known.pack.id, ready.bill, ready.standing),
        "shares": explanation.shares,
        "platform": None,
    }


def paid(explanation: Explanation) -> Row:
    """The amounts of a settlement's row."""
    return {
        **{name: Money(amount) for name, amount in explanation.totals._asdict().items()},
        "shared": Money(explanation.shared) if explanation.shared else None,
        "own_in_scope": Money(explanation.own_in_scope),
    }


def counter_row(caller: Caller, row: Row, *, settlement_id: int, key: str, balance: int) -> Row:
    """The counter-entry of a settlement: the same with its amounts negative, on the day of the undo."""
    return row | {
        "id": settlement_id,
        "undoes": row["id"],
        "msgid": key,
        "settled_at": caller.at,
        "settled_on": day_of(caller.at),
        "settled_by": f"{caller.kind}/{caller.id}",
        "balance": Money(balance),
        **{name: Money(-row[name]) for name in (*AMOUNTS, "own_in_scope")},
        "shared": Money(-row["shared"]) if row["shared"] else None,
    }


def moved_by(row: Row) -> Moved:
    """What a settlement (or counter-entry) moves in the accumulators of its year."""
    inpatient, ordinary = row["care"] == "inpatient", row["care"] == "outpatient" and row["disease"] is None
    shared = row["shared"] or 0
    return Moved(
        row["person_id"],
        row["year"],
        row["insutype"],
        row["disease"],
        Movement(
            admissions=(-1 if row["undoes"] else 1) if row["new_admission"] else 0,
            pool=row["pool"] if inpatient else 0,
            large=row["large"],
            serious=row["serious"],
            aid=row["aid"],
            own_in_scope=row["own_in_scope"],
            outpatient_deductible=row["deductible"] if ordinary else 0,
            outpatient_pool=row["pool"] if ordinary else 0,
            chronic=row["pool"] if row["disease"] else 0,
            account=row["account"] - shared,
            shared=shared,
        ),
        row["shared_from"],
    )


def writing(rows: Sequence[Row]) -> list[Statement]:
    """Settlements (each now standing for its charge batch) or counter-entries, their postings, what they move."""
    if not rows:
        return []
    said = {"rows": msgspec.json.encode(rows, enc_hook=int).decode()}
    return [(_WRITE, said), *moving([moved_by(row) for row in rows])]


def as_settlement(row: Row) -> Settlement:
    """A row just written, as reading it back would give it; setting 45 attributes one by one costs as much again."""
    settlement = class_mapper(Settlement).class_manager.new_instance()
    settlement.__dict__.update(row)
    return settlement


def plain(settlement: Settlement) -> Row:
    """A settlement's columns as they are."""
    return {column.key: getattr(settlement, column.key) for column in Settlement.__table__.columns}


def by_id(session: Session, ids: Iterable[int]) -> dict[int, Settlement]:
    wanted = tuple(ids)
    rows = session.scalars(select(Settlement).where(Settlement.id.in_(wanted))) if wanted else ()
    return {row.id: row for row in rows}


# What leaves a payer is negative, what the hospital is owed positive.
_WRITE = """
WITH written AS (
    INSERT INTO settlement SELECT * FROM json_populate_recordset(NULL::settlement, %(rows)s::json) RETURNING *
), posted AS (
    INSERT INTO posting (settlement_id, account, amount)
    SELECT written.id, leg.account, leg.amount
      FROM written CROSS JOIN LATERAL (VALUES
           ('fund.pool', -pool), ('fund.large', -large), ('fund.serious', -serious), ('fund.civil', -civil),
           ('fund.aid', -aid), ('person.account', coalesce(shared, 0) - account), ('person.shared', -shared),
           ('person.cash', -cash), ('hospital.receivable', total)) AS leg(account, amount)
     WHERE leg.amount <> 0
)
INSERT INTO charge_key (visit_id, batch, settlement_id) SELECT visit_id, batch, id FROM written WHERE undoes IS NULL"""
