"""Ten thousand settlements race for yearly maxima: never a fen over."""

import random
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from adapters import door
from hub import settlement
from hub.settlement import Charge, Settlement
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import fees, upload, visit
from tests.hub.settlement.test_races import at_once
from tests.region import COMMUNITY, NOW, system

PEOPLE, BILLS = 40, 250
CAP = 400_00
"""What the pool pays at most for one resident's out-patient bills of a year."""


@pytest.mark.slow
def test_ten_thousand_races_on_a_cap_never_pay_a_fen_over(engine):
    with Session(engine, expire_on_commit=False) as session, session.begin():
        with_pack(session)
        visits = []
        for n in range(PEOPLE):
            person = insured(session, n + 1, insutype="390")
            made = visit(session, person.id, number=f"M{n}", care="outpatient", hospital=COMMUNITY, begun=NOW)
            lines = fees([("S-BED-01", "1", "33.37")] * BILLS)
            upload(session, made, [replace(line, batch=f"B{line.number}") for line in lines])
            visits.append(made.id)
    charges = [Charge(visit_id, f"B{n}") for visit_id in visits for n in range(1, BILLS + 1)]
    random.Random(5).shuffle(charges)
    caller = system(COMMUNITY)

    def race(charge: Charge) -> None:
        key = f"{charge.visit_id}-{charge.batch}"
        door.transact(lambda s: settlement.settle(s, caller, charge, key=key, content_hash=b""))

    at_once(race, charges)
    with Session(engine) as session:
        paid = select(func.count(), func.sum(Settlement.fund)).group_by(Settlement.person_id)
        assert [tuple(row) for row in session.execute(paid)] == [(BILLS, CAP)] * PEOPLE
        assert settlement.verify(session) == []
