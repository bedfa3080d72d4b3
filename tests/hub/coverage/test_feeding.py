"""Enrolments fed by file: every column, bad rows named and nothing written, fed twice the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, select

from hub import coverage, people
from hub.coverage import (
    Account,
    AccountCredit,
    Enrolled,
    Enrolment,
    EnrolmentOverlaps,
    EnrolmentsWrong,
    Fed,
    feed,
    read_enrolments,
)
from hub.faults import Invalid, Missing
from hub.people import Person
from hub.trust import NotAllowed
from tests.region import BUREAU, TERTIARY, a_person, numbered, system

CORE = system(BUREAU)
COLUMNS = (
    "certno,name,insutype,psn_no,psn_type,area,since,until,state,retired,civil_servant,aid,employer,account_credit"
)
ANNA, BEN = numbered("42050019600101001"), numbered("42050019750505002")
GOOD = {
    "certno": ANNA,
    "name": "张示例",
    "insutype": "310",
    "psn_no": "42050000000000000001",
    "psn_type": "11",
    "area": "420500",
    "since": "2026-01-01",
    "until": "",
    "state": "active",
    "retired": "0",
    "civil_servant": "是",
    "aid": "",
    "employer": "示例公司",
    "account_credit": "300.00",
}


def csv(*rows: dict[str, str], columns: str = COLUMNS) -> str:
    return "\n".join([columns, *(",".join(row[name] for name in columns.split(",")) for row in rows)]) + "\n"


def fed(session, *rows: dict[str, str], source: str = "core/1") -> Fed:
    return feed(session, CORE, rows=read_enrolments(csv(*rows)), source=source)


def written(session) -> list[int]:
    tables = (Enrolment, Person, AccountCredit)
    return [session.scalar(select(func.count()).select_from(table)) for table in tables]


def test_a_row_registers_the_person_enrols_them_and_credits_the_account(session):
    assert fed(session, GOOD) == Fed(new=1, credited=1)
    person = people.resolve(session, system="psn_no", value=GOOD["psn_no"])
    (row,) = coverage.enrolments(session, person.id)
    assert (person.name, person.gender, person.birth_date) == ("张示例", people.gender_of(ANNA), date(1960, 1, 1))
    assert (row.insutype, row.psn_type, row.civil_servant, row.retired, row.source) == (
        "310",
        "11",
        True,
        False,
        "core/1",
    )
    assert (row.employer, row.since, row.until) == ("示例公司", date(2026, 1, 1), None)
    assert coverage.balance(session, person.id) == 30_000


def test_a_person_known_already_is_found_and_not_made_again(session):
    known = a_person(session, 1, born=date(1960, 1, 1))
    fed(session, GOOD | {"certno": known.certno or ""})
    assert len(coverage.enrolments(session, known.id)) == 1


def test_fed_twice_nothing_changes_and_a_credit_is_booked_once_for_a_source(session):
    fed(session, GOOD)
    before = written(session)
    assert fed(session, GOOD) == Fed(unchanged=1)
    assert written(session) == before
    assert fed(session, GOOD, source="core/2") == Fed(unchanged=1, credited=1)
    assert session.scalars(select(Account.balance)).one() == 60_000


def test_another_amount_from_the_same_source_is_refused(session):
    fed(session, GOOD)
    with pytest.raises(EnrolmentsWrong, match="account_credit"), session.begin_nested():
        fed(session, GOOD | {"account_credit": "301.00"})
    assert session.scalars(select(Account.balance)).one() == 30_000


def test_a_change_ends_what_stood_the_day_before(session):
    fed(session, GOOD)
    assert (
        fed(session, GOOD | {"since": "2026-07-01", "retired": "1", "psn_type": "12", "account_credit": ""}).changed
        == 1
    )
    person = people.resolve(session, system="psn_no", value=GOOD["psn_no"])
    days = [(row.since, row.until, row.retired) for row in coverage.enrolments(session, person.id)]
    assert days == [(date(2026, 7, 1), None, True), (date(2026, 1, 1), date(2026, 6, 30), False)]


def test_a_correction_of_the_same_day_replaces_what_was_said(session):
    fed(session, GOOD)
    fed(session, GOOD | {"aid": "1", "account_credit": ""}, source="core/2")
    (row,) = session.scalars(select(Enrolment)).all()
    assert (row.aid, row.source) == (True, "core/2")


def test_rows_out_of_order_need_a_last_day(session):
    fed(session, GOOD | {"since": "2026-07-01"})
    early = GOOD | {"account_credit": ""}
    with pytest.raises(EnrolmentsWrong, match="begins on 2026-07-01"), session.begin_nested():
        fed(session, early)
    assert fed(session, early | {"until": "2026-06-30"}).new == 1


BAD = [
    ("certno", "", "certno"),
    ("certno", "42050019600101001", "certno"),
    ("certno", ANNA[:-1] + ("0" if ANNA[-1] != "0" else "1"), "certno"),
    ("certno", "420500196013010019", "certno"),
    ("name", "", "name"),
    ("name", "长" * 51, "name"),
    ("name", "a\x07b", "name"),
    ("insutype", "31", "insutype"),
    ("insutype", "abc", "insutype"),
    ("insutype", "010", "insutype"),
    ("psn_no", "", "psn_no"),
    ("psn_no", "4205-1", "psn_no"),
    ("psn_no", "9" * 31, "psn_no"),
    ("psn_type", "retired", "psn_type"),
    ("area", "4205", "area"),
    ("since", "", "since"),
    ("since", "2026-02-30", "since"),
    ("since", "20260101", "since"),
    ("since", "0001-01-01", "since"),
    ("until", "2025-12-31", "until"),
    ("until", "9999-12-31", "until"),
    ("until", "soon", "until"),
    ("state", "paused", "state"),
    ("retired", "yes", "retired"),
    ("civil_servant", "2", "civil_servant"),
    ("aid", "no", "aid"),
    ("employer", "长" * 201, "employer"),
    ("account_credit", "-1.00", "account_credit"),
    ("account_credit", "1.005", "account_credit"),
    ("account_credit", "10000000.01", "account_credit"),
]


@pytest.mark.parametrize(("column", "found", "element"), BAD, ids=[f"{n}-{b[0]}" for n, b in enumerate(BAD)])
def test_a_bad_row_is_named_with_its_column_and_no_row_is_written(session, column, found, element):
    before = written(session)
    with pytest.raises(EnrolmentsWrong) as refusal:
        fed(session, GOOD | {"certno": BEN, "psn_no": "2"}, GOOD | {column: found})
    ((place, wrong),) = refusal.value.problems
    assert ("3" in place) or ("第 2 条" in place)
    assert place.endswith(element)
    assert element in wrong.sentence("en")
    assert "第" in refusal.value.sentence("zh")
    # A row refused by the database's own knowledge is refused after rows before it were written: the door rolls back.
    if "第 2 条" not in place:
        assert written(session) == before


def test_every_bad_row_is_named_at_once(session):
    with pytest.raises(EnrolmentsWrong) as refusal:
        fed(session, *(GOOD | {"since": "x"} for _ in range(30)))
    assert refusal.value.facts["count"] == 30
    assert refusal.value.sentence("en").count("line ") == 20


def test_a_credit_is_for_an_employees_account_only(session):
    with pytest.raises(EnrolmentsWrong, match="account_credit"):
        fed(session, GOOD | {"insutype": "390"})


def test_a_psn_no_of_somebody_else_is_refused(session):
    fed(session, GOOD)
    with pytest.raises(EnrolmentsWrong, match="psn_no"):
        fed(session, GOOD | {"certno": BEN})


@pytest.mark.parametrize(
    ("text", "fault", "element"),
    [
        ("", Missing, "certno"),
        ("certno,name\n", Missing, "insutype"),
        (csv(GOOD).replace("employer", "emploier"), Invalid, "header"),
        (csv(GOOD).replace("employer", "aid"), Invalid, "header"),
        (COLUMNS + "\n", Missing, "rows"),
        (csv(GOOD).rstrip() + ",too,much\n", EnrolmentsWrong, "columns"),
        (COLUMNS + "\n" + ANNA + ",张示例\n", EnrolmentsWrong, "columns"),
        (csv(GOOD).replace("示例公司", '"示例公司'), Invalid, "line"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, fault: type[Exception], element: str):
    with pytest.raises(fault) as refusal:
        read_enrolments(text)
    assert element in refusal.value.element


def test_optional_columns_may_be_left_out_and_columns_come_in_any_order(session):
    columns = "name,certno,since,area,psn_type,psn_no,insutype"
    rows = read_enrolments(csv(GOOD, columns=columns))
    assert feed(session, CORE, rows=rows, source="core/1") == Fed(new=1)


@pytest.mark.parametrize("source", ["", " ", "x" * 101, "a\nb"])
def test_a_feed_says_where_it_comes_from(session, source: str):
    with pytest.raises(Invalid) as refusal:
        fed(session, GOOD, source=source)
    assert refusal.value.element == "source"


def test_a_hospital_feeds_no_enrolments(session):
    hospital = system(TERTIARY, scopes=frozenset({"settlement.write", "people.write"}))
    with pytest.raises(NotAllowed):
        feed(session, hospital, rows=read_enrolments(csv(GOOD)), source="x")


Change = Callable[[Enrolled], Enrolled]


@pytest.mark.parametrize(
    ("change", "element"),
    [
        (lambda said: replace(said, insutype="x"), "insutype"),
        (lambda said: replace(said, until=date(2020, 1, 1)), "until"),
        (lambda said: replace(said, state="dead"), "state"),
    ],
)
def test_the_verb_itself_refuses_what_a_door_did_not(session, change: Change, element: str):
    person = a_person(session, 1)
    said = change(Enrolled("310", "1", "11", "420500", date(2026, 1, 1)))
    with pytest.raises(Invalid) as refusal:
        coverage.enrol(
            session, CORE, person_id=person.id, source="x", **{n: getattr(said, n) for n in Enrolled.__slots__}
        )
    assert refusal.value.element == element


def test_an_open_enrolment_before_a_later_one_is_refused(session):
    person = a_person(session, 1)
    facts = {"insutype": "310", "psn_no": "1", "psn_type": "11", "area": "420500", "source": "x"}
    coverage.enrol(session, CORE, person_id=person.id, since=date(2026, 7, 1), **facts)
    with pytest.raises(EnrolmentOverlaps):
        coverage.enrol(session, CORE, person_id=person.id, since=date(2026, 1, 1), **facts)
