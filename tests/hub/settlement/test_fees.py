"""Fee lines: uploaded in parts, classified by the catalogue, cancelled in parts."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from hub import settlement
from hub.records import VisitUnknown
from hub.settlement import BatchSettled, FeeLine, FeeNumberTaken, FeeWrong, HasCharges, ItemUnknown
from hub.units import Money
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, TERTIARY, charged, fee, fees, settle, undo, upload, visit
from tests.region import NOW, system


def count(session) -> int:
    return session.scalar(select(func.count()).select_from(FeeLine))


def test_lines_take_class_ceiling_and_restriction_from_the_catalogue_at_the_hospitals_level(session):
    person = insured(session)
    upper, lower = visit(session, person.id), visit(session, person.id, hospital=COUNTY, number="X")
    rows = upload(session, upper, fees())
    assert [row.item_class for row in rows] == ["A", "B", "C", "A", "B"]
    assert [row.ceiling for row in rows] == [None, None, None, Decimal("850"), None]
    assert [row.approved for row in rows] == [True, True, True, True, False]
    (echo,) = upload(session, lower, fees([("S-ECHO-01", "1", "900.00")]))
    assert echo.ceiling is None


@pytest.mark.parametrize(
    ("code", "approval", "approved"),
    [
        ("D-RES-01", "approved", True),
        ("D-RES-01", "none", False),
        ("D-RES-01", "refused", False),
        ("S-BED-01", "none", True),
        ("S-BED-01", "refused", False),
    ],
)
def test_the_hospitals_approval_and_the_restriction_decide_together(session, code, approval, approved):
    row = visit(session, insured(session).id)
    (line,) = upload(session, row, [fee("1", code, "1", "10.00", approval=approval)])
    assert line.approved is approved


def test_the_same_lines_again_change_nothing_and_other_content_is_refused(session):
    row = visit(session, insured(session).id)
    first = upload(session, row, fees())
    assert [line.id for line in upload(session, row, fees())] == [line.id for line in first]
    with pytest.raises(FeeNumberTaken) as refusal:
        upload(session, row, [fee("1", "S-BED-01", "10", "320.60")])
    assert refusal.value.facts["field"] == "unit_price"
    assert count(session) == 5


WRONG = [
    (fee("7", "S-BED-01", "1", "10.00"), {"amount": Money(1001)}, "lines[7].amount"),
    (fee("7", "S-BED-01", "-1", "10.00"), {}, "lines[7].quantity"),
    (fee("7", "S-BED-01", "1", "10.00"), {"returns": "1"}, "lines[7].quantity"),
    (fee("7", "S-BED-01", "-1", "10.00"), {"returns": "99"}, "lines[7].returns"),
    (fee("7", "D-EX-0001", "-1", "10.00"), {"returns": "1"}, "lines[7].returns"),
    (fee("7", "S-BED-01", "-11", "10.00"), {"returns": "1"}, "lines[7].quantity"),
]


@pytest.mark.parametrize(("line", "differs", "element"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
def test_a_wrong_line_is_refused_naming_it_and_nothing_is_written(session, line, differs, element):
    row = charged(session, insured(session).id)
    with pytest.raises(FeeWrong) as refusal:
        upload(session, row, [fee("6", "S-BED-01", "1", "1.00"), replace(line, **differs)])
    assert refusal.value.element == element
    assert count(session) == 5


def test_an_unknown_item_a_strangers_visit_and_a_number_twice_are_refused(session):
    row = visit(session, insured(session).id)
    with pytest.raises(ItemUnknown, match="NOPE"):
        upload(session, row, [fee("1", "NOPE", "1", "1.00")])
    with pytest.raises(VisitUnknown):
        settlement.upload(session, system(COUNTY), visit_id=row.id, lines=fees())
    with pytest.raises(FeeWrong):
        upload(session, row, [fee("1", "S-BED-01", "1", "1.00")] * 2)
    assert count(session) == 0


def test_a_settled_batch_takes_no_more_lines_until_it_is_undone(session):
    with_pack(session)
    row = charged(session, insured(session).id, batch="B1", care="outpatient", number="M", begun=NOW)
    settled = settle(session, row, batch="B1")
    with pytest.raises(BatchSettled, match=str(settled.id)):
        upload(session, row, fees([("S-BED-01", "1", "1.00")], start=30, batch="B1"))
    with pytest.raises(BatchSettled):
        settlement.cancel_fees(session, system(TERTIARY), visit_id=row.id, batch="B1")
    undo(session, settled)
    assert settlement.cancel_fees(session, system(TERTIARY), visit_id=row.id, batch="B1") == 5


def test_lines_are_cancelled_by_number_by_batch_or_all_that_is_open(session):
    caller = system(TERTIARY)
    row = charged(session, insured(session).id)
    upload(session, row, fees([("S-BED-01", "-1", "320.50")], start=20, returns="1"))
    assert settlement.cancel_fees(session, caller, visit_id=row.id, numbers=["1"]) == 2
    assert settlement.cancel_fees(session, caller, visit_id=row.id) == 4
    settlement.require_no_charges(session, caller, visit_id=row.id)


def test_a_registration_with_fees_is_not_cancelled_and_a_settled_discharge_neither(session):
    with_pack(session)
    caller = system(TERTIARY)
    row = charged(session, insured(session).id, ended=NOW)
    with pytest.raises(HasCharges):
        settlement.require_no_charges(session, caller, visit_id=row.id)
    settlement.require_unsettled(session, caller, visit_id=row.id)
    settle(session, row)
    with pytest.raises(BatchSettled):
        settlement.require_unsettled(session, caller, visit_id=row.id)


def test_a_registration_keeps_what_is_not_said_again(session):
    caller, row = system(TERTIARY), visit(session, insured(session).id, begun=NOW - timedelta(days=1))
    settlement.register(session, caller, visit_id=row.id, insutype="310")
    said = settlement.register(session, caller, visit_id=row.id, med_type="2101", emergency=True)
    assert (said.insutype, said.med_type, said.emergency) == ("310", "2101", True)


def test_ten_thousand_lines_in_parts_are_one_bill(session):
    with_pack(session)
    row = visit(session, insured(session).id, ended=NOW)
    for part in range(4):
        upload(session, row, fees([("S-BED-01", "1", "1.25")] * 2500, start=1 + 2500 * part))
    assert settle(session, row).total == 10_000 * 125


def test_ten_thousand_lines_are_cancelled_in_parts(session):
    with_pack(session)
    row = visit(session, insured(session).id, ended=NOW)
    for part in range(2):
        upload(session, row, fees([("S-BED-01", "1", "1.25")] * 5000, start=1 + 5000 * part))
    caller = system(TERTIARY)
    numbers = [str(n) for n in range(1, 4001)]
    assert settlement.cancel_fees(session, caller, visit_id=row.id, numbers=numbers) == 4000
    assert settle(session, row).total == 6_000 * 125
