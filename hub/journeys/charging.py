"""A place without a system of its own charges on a page: the visit, its fees and its settlement are one transaction."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from hub import coverage, directory, records, settlement
from hub.coverage import Explanation
from hub.faults import Missing
from hub.journeys.visiting import admit
from hub.records import Visit
from hub.settlement import Charge, Doubt, FeeFacts, Override, Settlement
from hub.trust import Caller
from hub.units import Money, day_of

BATCH = "1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item of the catalogue and how much of it; it is charged at the catalogue's price."""

    code: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class ClinicBill:
    """What a person is charged at a clinic today; disease is a pack's word for a chronic bill."""

    person_id: int
    items: tuple[Wanted, ...]
    disease: str | None = None
    override: Override | None = None

    @property
    def content_hash(self) -> bytes:
        said = [self.person_id, self.disease, [[item.code, f"{item.quantity.normalize():f}"] for item in self.items]]
        return hashlib.sha256(json.dumps(said).encode()).digest()


@dataclass(frozen=True, slots=True)
class ClinicQuote:
    """What charging now would come to, and what a doctor would have to answer for."""

    explanation: Explanation
    doubts: tuple[Doubt, ...]


def quote_at_clinic(session: Session, caller: Caller, bill: ClinicBill) -> ClinicQuote:
    """The visit opens, the lines go in, the quote is made, and all of it is rolled back.

    Refuses: what `admit`, `settlement.upload` and `settlement.quote` refuse; Missing without items.
    """
    trial = session.begin_nested()
    try:
        visit = _visit(session, caller, bill, key="quote")
        _charge(session, caller, bill, visit)
        explanation = settlement.quote(session, caller, Charge(visit.id, BATCH, disease=bill.disease))
        doubts = settlement.doubts_of(session, caller, visit_id=visit.id, batch=BATCH)
    finally:
        trial.rollback()
    return ClinicQuote(explanation, tuple(doubts))


def charge_at_clinic(session: Session, caller: Caller, bill: ClinicBill, *, key: str) -> Settlement:
    """Charge and settle; a key said twice, even at once, settles once.

    Refuses: what `admit`, `settlement.upload` and `settlement.settle` refuse; Missing without items.
    """
    visit = _visit(session, caller, bill, key=key)
    # Two copies of a form may arrive at once; the visit's lock decides, and the second finds the key.
    session.refresh(visit, with_for_update=True)
    if settlement.by_key(session, caller, key=key).state in ("unknown", "refused"):
        _charge(session, caller, bill, visit)
        records.close_visit(session, caller, visit_id=visit.id, ended_at=caller.at)
    charge = Charge(visit.id, BATCH, disease=bill.disease, override=bill.override)
    return settlement.settle(session, caller, charge, key=key, content_hash=bill.content_hash)


def _visit(session: Session, caller: Caller, bill: ClinicBill, *, key: str) -> Visit:
    assert caller.organisation_id is not None
    return admit(
        session,
        caller,
        organisation_id=caller.organisation_id,
        number=f"web-{key}",
        person_id=bill.person_id,
        care="outpatient",
        begun_at=caller.at,
        practitioner_id=caller.practitioner_id,
    )


def _charge(session: Session, caller: Caller, bill: ClinicBill, visit: Visit) -> None:
    if not bill.items:
        raise Missing(element="items")
    prices = directory.catalogue(session, {item.code for item in bill.items})
    settlement.upload(session, caller, visit_id=visit.id, lines=list(_lines(caller, bill.items, prices)))


def _lines(caller: Caller, items: Sequence[Wanted], prices: dict[str, directory.CatalogueItem]) -> Sequence[FeeFacts]:
    lines = []
    for n, item in enumerate(items, start=1):
        price = prices[item.code].price if item.code in prices else Decimal(0)
        lines.append(
            FeeFacts(
                number=str(n),
                code=item.code,
                quantity=item.quantity,
                unit_price=price,
                amount=Money(coverage.charge(item.quantity, price)),
                occurred_at=caller.at,
                batch=BATCH,
            )
        )
    return lines


def chronic_of(session: Session, person_id: int, caller: Caller) -> list[str]:
    """The chronic diseases filed for a person today, as the packs call them."""
    today = day_of(caller.at)
    rows = coverage.filings(session, person_id, kind="chronic", since=today, until=today)
    return sorted({row.disease for row in rows if row.disease})
