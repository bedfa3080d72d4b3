"""Of several filings that touch one stay, the one filed last decides the money; what is withdrawn decides nothing."""

import pytest

from hub import coverage
from hub.units import Money
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, charged, refer, settle
from tests.region import COMMUNITY, NOW, system

UP, DOWN = ("up", "88%", "1000.00"), ("down", "88%", "0.00")


@pytest.mark.parametrize(("filed", "withdrawn", "wins"), [
    ((UP, DOWN), None, DOWN),
    ((DOWN, UP), None, UP),
    ((UP, DOWN), 1, UP),
    ((UP, DOWN), 0, DOWN),
], ids=["down last", "up last", "the last withdrawn", "the first withdrawn"])  # fmt: skip
def test_the_filing_filed_last_decides(session, filed, withdrawn, wins):
    with_pack(session)
    person = insured(session)
    for number, (direction, _, _) in enumerate(filed):
        refer(session, person.id, sender=COUNTY, source=f"r/{number}", direction=direction)
    if withdrawn is not None:
        coverage.withdraw(session, system(COUNTY), source=f"r/{withdrawn}", reason="改期")
    row = settle(session, charged(session, person.id, ended=NOW))
    assert (coverage.percent(row.ratio, coverage.RATIO_ONE), str(Money(row.deductible))) == wins[1:]
    assert row.bill["referral"]["direction"] == wins[0]


def test_with_every_filing_withdrawn_the_stay_counts_as_unreferred(session):
    with_pack(session)
    person = insured(session)
    refer(session, person.id, sender=COMMUNITY)
    coverage.withdraw(session, system(COMMUNITY), source="referral/1", reason="不去了")
    row = settle(session, charged(session, person.id, ended=NOW))
    assert coverage.percent(row.ratio, coverage.RATIO_ONE) == "78%"
    assert row.bill["referral"] is None
