"""What a visit is charged: lines uploaded in parts, classified from the region's catalogue, cancelled in parts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Text, any_, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import coverage, directory, trust
from hub.directory import CatalogueItem
from hub.faults import Conflict, Invalid, Refused, Unknown
from hub.records import Visit, VisitUnknown
from hub.settlement import doubts
from hub.settlement.doubts import Doubt
from hub.settlement.tables import ChargeKey, FeeLine, Registration, Settlement
from hub.trust import Caller
from hub.units import Money

STAY = ""
"""The batch of an in-patient line: a stay is settled whole, or so far."""


class ItemUnknown(Unknown):
    zh = "费用 {number} 的医保目录编码 {code} 不在本区域目录中。请核对目录对照。"
    en = "Fee {number}: the catalogue of this region has no item {code}. Check the code map."


class FeeWrong(Invalid):
    """`element` is lines[number].field, in the words of FeeFacts."""

    zh = "费用明细 {element} 有误：收到“{found}”，应为{allowed}。"
    en = "The fee {element} is wrong: found '{found}', allowed is {allowed}."


class FeeNumberTaken(Conflict):
    zh = "费用明细流水号 {number} 已上传过，内容不同（{field}）。请先撤销原明细，或换流水号。"
    en = "Fee number {number} was uploaded before with other content ({field}). Cancel it first, or number it anew."


class BatchSettled(Conflict):
    zh = "收费批次 {batch} 已结算（结算号 {settlement_id}），不能再改明细。请先撤销结算。"
    en = "Charge batch {batch} is settled as {settlement_id}; its lines cannot change. Undo the settlement first."


class LineSettled(Conflict):
    zh = "费用明细 {number} 已参与结算，不能撤销。请先撤销结算。"
    en = "Fee {number} has been settled and cannot be cancelled. Undo the settlement first."


class HasCharges(Refused):
    zh = "就诊 {visit} 还有 {count} 条费用明细，不能取消登记。请先撤销结算和明细。"
    en = "Visit {visit} still has {count} fee lines, so it cannot be cancelled. Undo its settlement and its fees first."


class VisitOver(Conflict):
    zh = "就诊 {visit} 已取消，不能再登记、收费或结算。"
    en = "Visit {visit} was cancelled: nothing more can be registered, charged or settled on it."


@dataclass(frozen=True, slots=True)
class FeeFacts:
    """One line as the hospital charges it: unit price in yuan, amount in fen.

    approval: "none" needed, "approved" or "refused" by the hospital. A return has a negative quantity and names in
    `returns` the number of the line it takes back.
    """

    number: str
    code: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    occurred_at: datetime
    batch: str = STAY
    approval: str = "none"
    returns: str | None = None
    local_code: str = ""
    name: str = ""


def register(
    session: Session,
    caller: Caller,
    *,
    visit_id: int,
    insutype: str | None = None,
    med_type: str | None = None,
    disease: str | None = None,
    emergency: bool | None = None,
) -> Registration:
    """State how a visit is to be settled; what is not given stays. Refuses: NotAllowed, VisitUnknown, VisitOver."""
    visit = _not_cancelled(own_visit(session, caller, visit_id))
    said = {"insutype": insutype, "med_type": med_type, "disease": disease, "emergency": emergency}
    given = {name: value for name, value in said.items() if value is not None}
    made = insert(Registration).values(visit_id=visit.id, **given | {"emergency": bool(emergency)})
    kept = made.on_conflict_do_update(index_elements=["visit_id"], set_=given or {"visit_id": visit.id})
    session.execute(kept)
    return session.get_one(Registration, visit.id, populate_existing=True)


def upload(session: Session, caller: Caller, *, visit_id: int, lines: Sequence[FeeFacts]) -> list[FeeLine]:
    """Take in fee lines of a visit, in any number of parts; the same line again changes nothing.

    Class, restriction and the ceiling at this hospital's level come from the catalogue. Answers the rows in the
    order given. Refuses: NotAllowed, VisitUnknown, VisitOver, ItemUnknown, FeeWrong, FeeNumberTaken, BatchSettled.
    """
    visit = _not_cancelled(own_visit(session, caller, visit_id, lock=True))
    level = directory.organisation(session, visit.organisation_id).level
    _check_numbers(lines)
    _refuse_settled(session, visit, {line.batch for line in lines})
    items = directory.catalogue(session, {line.code for line in lines})
    rows = [_row(visit, line, items, level) for line in lines]
    _check_returns(session, visit, lines)
    session.flush()
    session.connection().exec_driver_sql(_KEEP, {"rows": msgspec.json.encode(rows, enc_hook=int).decode()})
    stored = _by_number(session, visit.id, [line.number for line in lines])
    for row in rows:
        _same_content(stored[row["number"]], row)
    doubts.look(session, caller, visit, [line.number for line in lines])
    return [stored[line.number] for line in lines]


def cancel_fees(
    session: Session,
    caller: Caller,
    *,
    visit_id: int,
    batch: str | None = None,
    numbers: Sequence[str] | None = None,
) -> int:
    """Drop lines that are not settled: of a batch, by number, or all of the visit; answers how many.

    Refuses: NotAllowed, VisitUnknown, VisitOver, BatchSettled.
    """
    visit = _not_cancelled(own_visit(session, caller, visit_id, lock=True))
    dropped = delete(FeeLine).where(FeeLine.visit_id == visit.id, _is_open())
    if batch is not None:
        _refuse_settled(session, visit, {batch})
        dropped = dropped.where(FeeLine.batch == batch)
    if numbers is not None:
        _refuse_settled_numbers(session, visit, numbers)
        dropped = dropped.where(FeeLine.number.in_(tuple(numbers)) | FeeLine.returns.in_(tuple(numbers)))
    gone = session.scalars(dropped.returning(FeeLine.number).execution_options(synchronize_session="fetch")).all()
    doubts.forget(session, visit.id, gone)
    return len(gone)


def require_no_charges(session: Session, caller: Caller, *, visit_id: int) -> None:
    """Before a registration is cancelled. Refuses: NotAllowed, VisitUnknown, HasCharges."""
    visit = own_visit(session, caller, visit_id, lock=True)
    lines = session.scalar(select(func.count()).where(FeeLine.visit_id == visit.id)) or 0
    if lines:
        raise HasCharges(visit=visit.number, count=lines)


def require_unsettled(session: Session, caller: Caller, *, visit_id: int) -> None:
    """Before a discharge is cancelled. Refuses: NotAllowed, VisitUnknown, BatchSettled."""
    visit = own_visit(session, caller, visit_id, lock=True)
    stands = session.scalars(select(ChargeKey).where(ChargeKey.visit_id == visit.id)).first()
    if stands is not None:
        raise BatchSettled(batch=stands.batch, settlement_id=stands.settlement_id)


def fees(session: Session, caller: Caller, *, visit_id: int) -> Sequence[FeeLine]:
    """Every line of an own visit in the order uploaded. Refuses: NotAllowed, VisitUnknown."""
    visit = own_visit(session, caller, visit_id)
    return session.scalars(select(FeeLine).where(FeeLine.visit_id == visit.id).order_by(FeeLine.id)).all()


def doubts_of(session: Session, caller: Caller, *, visit_id: int, batch: str = STAY) -> list[Doubt]:
    """What a doctor would have to answer for before a charge of an own visit is settled; writes nothing.

    Refuses: NotAllowed, VisitUnknown.
    """
    visit = own_visit(session, caller, visit_id)
    return doubts.standing(session, caller, visit.id, STAY if visit.care == "inpatient" else batch)


def own_visit(session: Session, caller: Caller, visit_id: int, *, lock: bool = False) -> Visit:
    """A visit of the caller's own hospital; locked, no settlement of it runs meanwhile.

    Refuses: NotAllowed, VisitUnknown.
    """
    trust.require(caller, "settlement.write")
    visit = session.get(Visit, visit_id, with_for_update={"read": True} if lock else None)
    if visit is None or (caller.kind != "job" and visit.organisation_id != caller.organisation_id):
        raise VisitUnknown(visit=visit_id)
    return visit


def _not_cancelled(visit: Visit) -> Visit:
    if visit.state == "cancelled":
        raise VisitOver(visit=visit.number)
    return visit


def _check_numbers(lines: Sequence[FeeFacts]) -> None:
    seen: set[str] = set()
    for line in lines:
        if line.number in seen:
            raise FeeWrong(element=f"lines[{line.number}].number", found=line.number, allowed="一次 / once")
        seen.add(line.number)


def _row(visit: Visit, line: FeeFacts, items: Mapping[str, CatalogueItem], level: int) -> dict[str, Any]:
    where = f"lines[{line.number}]"
    item = items.get(line.code)
    if item is None:
        raise ItemUnknown(number=line.number, code=line.code)
    if line.unit_price < 0:
        raise FeeWrong(element=f"{where}.unit_price", found=line.unit_price, allowed="0 及以上 / 0 and above")
    if (line.quantity < 0) != (line.returns is not None):
        allowed = "退单才可为负，并写明原流水号 / negative only for a return, which names its line"
        raise FeeWrong(element=f"{where}.quantity", found=line.quantity, allowed=allowed)
    charged = coverage.charge(abs(line.quantity), line.unit_price)
    if line.amount != (-charged if line.returns else charged):
        raise FeeWrong(element=f"{where}.amount", found=line.amount, allowed=f"数量×单价 = {Money(charged)}")
    ceiling = item.ceilings.get(str(level))
    return {
        "visit_id": visit.id,
        "number": line.number,
        "batch": STAY if visit.care == "inpatient" else line.batch,
        "returns": line.returns,
        "code": item.code,
        "local_code": line.local_code,
        "name": line.name or item.name,
        "item_class": item.item_class,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "ceiling": None if ceiling is None else Decimal(ceiling),
        "amount": line.amount,
        "restricted": item.restricted,
        "approved": line.approval == "approved" or (line.approval == "none" and not item.restricted),
        "occurred_at": line.occurred_at,
    }


def _check_returns(session: Session, visit: Visit, lines: Sequence[FeeFacts]) -> None:
    """A return names an open line of its batch, of the same item, and takes back no more than was charged."""
    if not any(line.returns for line in lines):
        return
    numbers = {line.number for line in lines}
    charged: list[FeeFacts | FeeLine] = [row for row in _open_lines(session, visit.id) if row.number not in numbers]
    charged += lines
    item = {row.number: (row.code, row.batch) for row in charged if row.returns is None}
    left = {row.number: _left(row) for row in charged if row.returns is None}
    for row in charged:
        if row.returns is None:
            continue
        if item.get(row.returns) != (row.code, row.batch):
            allowed = "本批次未结算的同一项目 / an open line of the same item and batch"
            raise FeeWrong(element=f"lines[{row.number}].returns", found=row.returns, allowed=allowed)
        if left[row.returns] + row.quantity < 0:
            allowed = f"不超过 {left[row.returns]} / not more than that"
            raise FeeWrong(element=f"lines[{row.number}].quantity", found=row.quantity, allowed=allowed)
        left[row.returns] += row.quantity


def _left(line: FeeFacts | FeeLine) -> Decimal:
    """What of a line has not been refunded."""
    return line.quantity - line.refunded if isinstance(line, FeeLine) else line.quantity


def _same_content(stored: FeeLine, row: dict[str, Any]) -> None:
    """Two uploads of one number may race; the unique key decides, and the loser is compared."""
    for field in ("batch", "returns", "code", "quantity", "unit_price", "amount", "occurred_at"):
        if getattr(stored, field) != row[field]:
            raise FeeNumberTaken(number=row["number"], field=field)


def _refuse_settled(session: Session, visit: Visit, batches: Iterable[str]) -> None:
    named = [batch for batch in batches if batch != STAY]
    wanted = select(ChargeKey).where(ChargeKey.visit_id == visit.id, ChargeKey.batch.in_(named))
    stands = session.scalars(wanted).first() if named else None
    if stands is not None:
        raise BatchSettled(batch=stands.batch, settlement_id=stands.settlement_id)


def _refuse_settled_numbers(session: Session, visit: Visit, numbers: Sequence[str]) -> None:
    named = select(FeeLine.number).where(FeeLine.visit_id == visit.id, FeeLine.number.in_(tuple(numbers)))
    settled = session.scalars(named.where(~_is_open())).first()
    if settled is not None:
        raise LineSettled(number=settled)


def _is_open() -> ColumnElement[bool]:
    """Not in a settled batch; in a stay, charged after its last standing settlement."""
    batch = select(ChargeKey.batch).where(ChargeKey.visit_id == FeeLine.visit_id, ChargeKey.batch == FeeLine.batch)
    stay = select(Settlement.id).where(
        Settlement.visit_id == FeeLine.visit_id,
        Settlement.care == "inpatient",
        Settlement.undoes.is_(None),
        Settlement.state == "active",
        Settlement.last_line_id >= FeeLine.id,
    )
    return ~batch.correlate(FeeLine).exists() & ~stay.correlate(FeeLine).exists()


def _by_number(session: Session, visit_id: int, numbers: Sequence[str]) -> dict[str, FeeLine]:
    named = FeeLine.number == any_(cast(list(numbers), ARRAY(Text)))
    wanted = select(FeeLine).where(FeeLine.visit_id == visit_id, named)
    return {row.number: row for row in session.scalars(wanted.execution_options(populate_existing=True))}


def _open_lines(session: Session, visit_id: int) -> Sequence[FeeLine]:
    wanted = select(FeeLine).where(FeeLine.visit_id == visit_id, _is_open())
    return session.scalars(wanted.order_by(FeeLine.id)).all()


# Two uploads of one number may race; the unique key (visit, number) decides.
_KEEP = """
INSERT INTO fee_line (visit_id, number, batch, returns, code, local_code, name, item_class, quantity, unit_price,
                      ceiling, amount, restricted, approved, occurred_at)
SELECT visit_id, number, batch, returns, code, local_code, name, item_class, quantity, unit_price,
       ceiling, amount, restricted, approved, occurred_at
  FROM json_populate_recordset(NULL::fee_line, %(rows)s::json)
ON CONFLICT (visit_id, number) DO NOTHING"""
