"""A ledger with settlements of the tertiary hospital, as the hospital would list them."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from hub import coverage, records, settlement
from hub.reconciliation import Line, Period
from hub.settlement import Charge, FeeFacts
from hub.units import CHINA, Money
from tests.hub.coverage.insured import with_pack
from tests.region import BUREAU, TERTIARY, a_person, system

DAY = date(2026, 11, 21)
PERIOD = Period(TERTIARY, DAY, DAY, "11", "420500")
HOSPITAL = system(TERTIARY)


def ledger_in(session):
    """`settle = ledger_in(session)`; `settle("2000.00")` settles a bill at the tertiary hospital; answers it as the hospital would list it."""
    bureau, serials = system(BUREAU), iter(range(1, 100))
    with_pack(session)

    def settle(price="2000.00", *, day=DAY, undoes=None, insutype="310", care="outpatient"):
        number = next(serials)
        caller = replace(HOSPITAL, at=datetime(day.year, day.month, day.day, 10, tzinfo=CHINA))
        key = {"key": f"M{number}", "content_hash": bytes([number])}
        if undoes:
            row = settlement.undo(session, caller, settlement_id=int(undoes.setl_id), **key)
            return listed(row, undoes.psn_no)
        person = a_person(session, number)
        facts = {"insutype": insutype, "psn_no": f"P{number}", "psn_type": "11", "area": "420500"}
        coverage.enrol(session, bureau, person_id=person.id, since=date(2024, 1, 1), source="tests", **facts)
        visit = records.open_visit(
            session,
            caller,
            organisation_id=TERTIARY,
            number=f"V{number}",
            person_id=person.id,
            care=care,
            begun_at=caller.at - timedelta(hours=1),
        )
        batch = "B" if care == "outpatient" else settlement.STAY
        fee = FeeFacts("1", "S-BED-01", Decimal(1), Decimal(price), Money.yuan(price), caller.at, batch)
        settlement.upload(session, caller, visit_id=visit.id, lines=[fee])
        return listed(settlement.settle(session, caller, Charge(visit.id, batch), **key), facts["psn_no"])

    return settle


def listed(row, psn_no):
    amounts = (int(row.total), int(row.fund), int(row.account))
    return Line(str(row.undoes or row.id), str(row.visit_id), psn_no, *amounts, row.undoes is not None)
