"""Visits with fees, as hospitals charge them; the lines are those of the worked examples."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from hub import coverage, records, settlement
from hub.records import Visit
from hub.settlement import Charge, FeeFacts, Settlement
from hub.units import Code, Money, day_of
from tests.region import COMMUNITY, COUNTY, NOW, TERTIARY, system

WORKED = [
    ("S-BED-01", "10", "320.50"),
    ("D-EX-0001", "3", "1280.333"),
    ("S-ESC-01", "1", "560.00"),
    ("S-ECHO-01", "2", "900.00"),
    ("D-RES-01", "1.5", "199.99"),
]
"""The five lines of the first worked bill: bed, class B drug, class C, over the ceiling, restricted."""


def fee(number: str, code: str, quantity: str, price: str, **facts) -> FeeFacts:
    q, p = Decimal(quantity), Decimal(price)
    amount = coverage.charge(abs(q), p)
    return FeeFacts(
        number=number,
        code=code,
        quantity=q,
        unit_price=p,
        amount=Money(-amount if q < 0 else amount),
        **{"occurred_at": NOW} | facts,
    )


def fees(rows: Sequence[tuple[str, str, str]] = WORKED, *, start: int = 1, **facts) -> list[FeeFacts]:
    return [fee(str(start + i), *row, **facts) for i, row in enumerate(rows)]


def visit(
    session: Session,
    person_id: int,
    *,
    hospital: str = TERTIARY,
    number: str = "ZY-1",
    care: str = "inpatient",
    begun: datetime = NOW - timedelta(days=9),
    ended: datetime | None = None,
) -> Visit:
    caller = system(hospital)
    row = records.open_visit(
        session, caller, organisation_id=hospital, number=number, person_id=person_id, care=care, begun_at=begun
    )
    if ended is not None:
        records.close_visit(session, caller, visit_id=row.id, ended_at=ended)
    return row


def charged(session: Session, person_id: int, rows=WORKED, *, batch: str = "", **facts) -> Visit:
    """A visit with fees of its first day uploaded; a stay unless it is said otherwise."""
    row = visit(session, person_id, **facts)
    upload(session, row, fees(rows, batch=batch, occurred_at=row.begun_at))
    return row


def upload(session: Session, of: Visit, lines: Sequence[FeeFacts]):
    return settlement.upload(session, system(of.organisation_id), visit_id=of.id, lines=lines)


def settle(
    session: Session, of: Visit, *, key: str = "m1", at: datetime = NOW, content: bytes = b"c", **facts
) -> Settlement:
    caller = system(of.organisation_id, at=at)
    return settlement.settle(session, caller, Charge(of.id, **facts), key=key, content_hash=content)


def undo(session: Session, row: Settlement, *, key: str = "u1", content: bytes = b"u") -> Settlement:
    caller = system(row.organisation_id)
    return settlement.undo(session, caller, settlement_id=row.id, key=key, content_hash=content)


def refer(
    session: Session, person_id: int, *, sender: str = COUNTY, receiver: str = TERTIARY, **facts
) -> coverage.Filing:
    stated = {
        "since": day_of(NOW) - timedelta(days=10),
        "until": day_of(NOW) + timedelta(days=30),
        "source": "referral/1",
    }
    return coverage.file_referral(
        session,
        system(sender),
        person_id=person_id,
        sender_id=sender,
        receiver_id=receiver,
        diagnosis=Code("icd-10", "I20.000"),
        diagnosis_name="不稳定型心绞痛",
        reason="需要冠脉造影",
        **stated | facts,
    )


def paid(row: Settlement) -> dict[str, str]:
    """The totals as the worked examples print them."""
    return {name: str(Money(getattr(row, name))) for name in settlement.AMOUNTS}


__all__ = [
    "COMMUNITY",
    "COUNTY",
    "TERTIARY",
    "WORKED",
    "charged",
    "fee",
    "fees",
    "paid",
    "refer",
    "settle",
    "undo",
    "upload",
    "visit",
]
