"""A hospital's own sheet as its side of the day: columns said once, the same file twice, another by a named act."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from hub import reconciliation
from hub.faults import Invalid, Missing
from hub.reconciliation import (
    ColumnsNotMapped,
    ForeignBooks,
    Listed,
    Sheet,
    SheetDoesNotStand,
    SheetStands,
    SheetUnknown,
    Statement,
)
from hub.trust import NotAllowed
from tests.hub.ledgers import DAY, HOSPITAL, ledger_in
from tests.region import BUREAU, COUNTY, TERTIARY, staff, system

CLERK = staff(BUREAU)
COLUMNS = {"setl_id": "结算ID", "fee": "总费用", "fund": "基金", "account": "个账"}


@pytest.fixture
def ledger(session):
    return ledger_in(session)


def columns(session, caller=HOSPITAL, **other):
    facts = {"organisation_id": TERTIARY, "columns": COLUMNS, "totals": True} | other
    return reconciliation.keep_columns(session, caller, **facts)


def send(session, lines, *, content=b"sheet", caller=HOSPITAL, day=DAY, **other):
    return reconciliation.take_in_sheet(
        session,
        caller,
        columns=columns(session),
        day=day,
        name="日结.xlsx",
        content=content,
        listed=[each if isinstance(each, Listed) else Listed(each) for each in lines],
        **other,
    )


def rows(session, table=Sheet):
    return session.scalar(select(func.count()).select_from(table))


def kinds(taken):
    return sorted(row.kind for _, compared in taken.compared for row in compared.breaks)


def bridge(session):
    return reconciliation.bridge(session, CLERK, organisation_id=TERTIARY, day=DAY)


def test_columns_are_kept_dated_and_said_again_change_nothing(session):
    first = columns(session)
    assert (first.kept_at, first.kept_by, first.columns) == (HOSPITAL.at, HOSPITAL.id, COLUMNS)
    assert columns(session).id == first.id
    later = columns(session, columns=COLUMNS | {"day": "日期"})
    assert later.id != first.id
    assert reconciliation.columns_of(session, CLERK, organisation_id=TERTIARY).id == later.id


@pytest.mark.parametrize(
    ("said", "element"),
    [
        ({"fee": ""}, "columns.fee"),
        ({"fund": "总费用"}, "columns.fee"),
        ({"surprise": "x"}, "columns"),
        ({"fee": "x" * 61}, "columns.fee"),
    ],
)
def test_columns_that_make_no_sense_are_refused(session, said, element):
    with pytest.raises(Invalid) as refused:
        columns(session, columns=COLUMNS | said)
    assert refused.value.element == element
    with pytest.raises(ColumnsNotMapped):
        reconciliation.columns_of(session, HOSPITAL, organisation_id=TERTIARY)


def test_a_sheet_is_the_hospitals_side_of_every_bucket_of_the_day(session, ledger):
    first, stay, lost = ledger(), ledger(care="inpatient"), ledger(care="inpatient", insutype="390")
    taken = send(session, [first, replace(stay, fund=stay.fund - 1)])
    assert kinds(taken) == ["amount", "insurer-only"]
    assert {row.setl_id for _, each in taken.compared for row in each.breaks} == {stay.setl_id, lost.setl_id}
    sheet = bridge(session)
    assert sheet.foots
    assert sheet.hospital.count == 2
    assert {row.file_id for row in sheet.received} == {taken.sheet.file_id}
    (cell,) = [cell for cell in reconciliation.day_board(session, CLERK, DAY, DAY) if cell.organisation_id == TERTIARY]
    assert (cell.state, cell.open_breaks) == ("unbalanced", 2)


def test_a_sheet_that_lists_what_the_insurer_has_is_level(session, ledger):
    line = ledger()
    assert all(each.balanced for _, each in send(session, [line]).compared)
    assert bridge(session).entries == ()


def test_a_bucket_that_the_sheet_forgets_is_missing_at_the_hospital(session, ledger):
    ledger(care="inpatient")
    assert kinds(send(session, [])) == ["insurer-only"]


def test_the_sheets_own_clearing_class_counts_where_it_has_one(session, ledger):
    line = ledger()
    taken = send(session, [Listed(line, "21", "420500")])
    assert kinds(taken) == ["wrong-bucket", "wrong-bucket"]
    assert bridge(session).foots


def test_what_only_the_hospital_knows_is_a_break_too(session, ledger):
    line = ledger()
    assert kinds(send(session, [line, replace(line, setl_id="HIS-1")])) == ["hospital-only"]


def test_the_same_file_twice_changes_nothing(session, ledger):
    line = ledger()
    first = send(session, [replace(line, fee=1)])
    before = rows(session), rows(session, Statement)
    again = send(session, [replace(line, fee=1)])
    assert (again.sheet.id, again.unchanged, kinds(again)) == (first.sheet.id, True, ["amount"])
    assert (rows(session), rows(session, Statement)) == before


def test_another_file_for_the_day_replaces_only_by_name_and_reason_and_the_earlier_is_kept(session, ledger):
    line = ledger()
    first = send(session, [])
    before = rows(session, Statement)
    with pytest.raises(SheetStands) as refused:
        send(session, [line], content=b"other")
    assert str(first.sheet.id) in refused.value.sentence("zh")
    with pytest.raises(SheetDoesNotStand):
        send(session, [line], content=b"other", replaces=first.sheet.id + 7, reason="漏了一笔")
    with pytest.raises(Missing):
        send(session, [line], content=b"other", replaces=first.sheet.id)
    assert (rows(session), rows(session, Statement)) == (1, before)
    second = send(session, [line], content=b"other", replaces=first.sheet.id, reason="漏了一笔")
    assert second.compared[0][1].balanced
    told = reconciliation.sheets_of(session, CLERK, organisation_id=TERTIARY, day_from=DAY, day_to=DAY)
    assert [(row.id, stands, row.reason) for row, stands in told] == [
        (second.sheet.id, True, "漏了一笔"),
        (first.sheet.id, False, ""),
    ]
    assert reconciliation.sheet_as_it_came(session, CLERK, sheet_id=first.sheet.id).content == b"sheet"
    with pytest.raises(SheetDoesNotStand):
        send(session, [line], content=b"third", replaces=first.sheet.id, reason="再来")


def test_a_sheet_of_a_day_to_come_is_refused(session, ledger):
    with pytest.raises(Invalid):
        send(session, [], day=DAY + timedelta(days=400))
    assert rows(session) == 0


def test_a_hospital_sends_and_sees_its_own_sheets_only(session, ledger):
    taken = send(session, [ledger()])
    other = system(COUNTY)
    with pytest.raises(ForeignBooks):
        send(session, [], caller=other)
    with pytest.raises(ForeignBooks):
        columns(session, other)
    with pytest.raises(ForeignBooks):
        reconciliation.sheets_of(session, other, organisation_id=TERTIARY, day_from=DAY, day_to=DAY)
    with pytest.raises(SheetUnknown):
        reconciliation.sheet_as_it_came(session, other, sheet_id=taken.sheet.id)
    with pytest.raises(NotAllowed):
        columns(session, system(TERTIARY, scopes=frozenset({"reconciliation.read"})))
