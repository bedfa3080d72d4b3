"""A region's dialect is data: values in force on a day, fields said differently, what empty looks like, message ids."""

import shutil
from dataclasses import replace
from datetime import date

import pytest

from adapters.nhsa import envelope, files, region
from adapters.nhsa.envelope import Request
from adapters.nhsa.region import region_on
from adapters.nhsa.tables import transaction
from hub.faults import Invalid, Missing, Problem

AREA = "429999"
CODES = """
[med_type]
"88" = { zh = "互联网复诊", valid_from = 2026-07-01 }
"71" = { zh = "家庭病床", valid_to = 2026-06-30 }
"53" = [
  { zh = "计划生育手术", valid_to = 2025-12-31 },
  { zh = "计划生育", valid_from = 2026-01-01 },
]
[shift]
zh = "班次"
"1" = "白班"
"""
FIELDS = """
[fields."9001.in.signIn"]
opter_no = { type = "C(4)" }
mac = { required = false }
shift = { zh = "班次", type = "C(1)", required = true, list = "shift" }
note = { zh = "说明", type = "C", required_when = { mac = "*", shift = ["1", "2"] } }
"""
SIGN_IN = {"opter_no": "0001", "ip": "127.0.0.1", "shift": "1", "note": "早"}


@pytest.fixture
def dialect(tmp_path, monkeypatch):
    """Another region, made of the base lists, a file of its own and what it says differently."""
    for folder in ("codes", "regions"):
        shutil.copytree(region.HERE / folder, tmp_path / folder)
    (tmp_path / "codes" / f"{AREA}.toml").write_text(CODES)
    said = (region.HERE / "regions/420500.toml").read_text().replace('"base"]', f'"base", "{AREA}"]')
    said = said.replace('number = "0"', 'number = ""').replace('in_file = "null"', 'in_file = "-"')
    (tmp_path / "regions" / f"{AREA}.toml").write_text(said.replace("[diseases]", FIELDS + "[diseases]"))
    monkeypatch.setattr(region, "HERE", tmp_path)
    yield lambda day: region_on(AREA, date.fromisoformat(day))
    for kept in (region.region, region._changes, region._in_epoch):
        kept.cache_clear()


def med_type(spoken, value):
    plan = {code: convert for code, _, _, convert in transaction("2001", spoken).incoming["data"].plan}
    return plan["med_type"](value)


@pytest.mark.parametrize(
    ("day", "value", "good"),
    [
        ("2026-06-30", "71", True),
        ("2026-07-01", "71", False),
        ("2026-06-30", "88", False),
        ("2026-07-01", "88", True),
        ("2025-12-31", "53", True),
        ("2026-01-01", "53", True),
        ("2026-01-01", "11", True),
    ],
)
def test_the_day_of_the_call_decides_which_values_may_be_said(dialect, day, value, good):
    if good:
        assert med_type(dialect(day), value) == value
        return
    with pytest.raises(ValueError, match="当日有效") as refused:
        med_type(dialect(day), value)
    assert "2026-0" in str(refused.value)


def test_a_value_that_changed_its_meaning_has_the_name_of_its_day(dialect):
    assert dialect("2025-12-31").codes["med_type"].values["53"] == "计划生育手术"
    assert dialect("2026-01-01").codes["med_type"].values["53"] == "计划生育"


def test_days_between_two_changes_share_one_compiled_table(dialect):
    first, second = dialect("2026-01-01"), dialect("2026-06-30")
    assert first is second
    assert transaction("2001", first) is transaction("2001", second)
    assert dialect("2026-07-01") is not first


@pytest.mark.parametrize(
    ("differs", "element", "problem"),
    [
        ({"opter_no": "00001"}, "input.signIn.opter_no", Problem.TYPE),
        ({"shift": ""}, "input.signIn.shift", Problem.MISSING),
        ({"shift": "9"}, "input.signIn.shift", Problem.CODE),
        ({"note": ""}, "input.signIn.note", Problem.MISSING),
        ({"note": "", "mac": "02"}, "input.signIn.note", Problem.MISSING),
    ],
)
def test_fields_that_a_region_says_differently_or_adds_are_checked(dialect, differs, element, problem):
    node = transaction("9001", dialect("2026-01-01")).incoming["signIn"]
    assert node.read_row(SIGN_IN, "input.signIn")["mac"] is None
    with pytest.raises(Invalid) as refused:
        node.read_row(SIGN_IN | differs, "input.signIn")
    assert (refused.value.element, refused.value.problem) == (element, problem)


def test_what_is_empty_is_written_as_the_region_wants(dialect):
    spoken = dialect("2026-01-01")
    written = transaction("2207", spoken).outgoing["setlinfo"].write({"setl_id": 7})
    assert (written["setl_id"], written["medfee_sumamt"], written["naty"]) == ("7", "", "")
    lines = transaction("3202", spoken).files["result"]
    packed = files.packed(lines, [{"psn_no": "1", "stmt_rslt": "0"}], filename="a.txt")
    assert files._text(packed).split("\t")[:3] == ["1", "-", "-"]


def test_the_same_rows_are_the_same_file():
    node = transaction("3202", region.region("420500")).files["result"]
    assert files.packed(node, [{"psn_no": "1"}], filename="a") == files.packed(node, [{"psn_no": "1"}], filename="a")


@pytest.mark.parametrize(
    "rest", ["", "20261122090000", "2026112209000000011", "20261122090000000A", "２０２６1122090000001", " " * 18]
)
def test_a_message_id_is_the_institution_the_time_and_a_serial(rest):
    yichang = region.region("420500")
    asked = Request("9001", f"H42050000101{rest}", {"fixmedins_code": "H42050000101"}, {}, b"")
    with pytest.raises(Invalid) as refused:
        envelope.require_own(asked, "H42050000101", yichang)
    assert refused.value.element == "msgid"


def test_where_the_region_wants_it_a_message_about_a_person_says_where_they_are_insured(dialect):
    asked = Request("1101", "", {"insuplc_admdvs": None}, {}, b"")
    spoken = region.region("420500")
    envelope.require_insured_area(asked, {"data": {"psn_no": "1"}}, spoken)
    strict = replace(spoken, insured_area_required=True)
    envelope.require_insured_area(asked, {"data": {"fixmedins_code": "1"}}, strict)
    with pytest.raises(Missing) as refused:
        envelope.require_insured_area(asked, {"data": [{"psn_no": "1"}]}, strict)
    assert refused.value.element == "insuplc_admdvs"
