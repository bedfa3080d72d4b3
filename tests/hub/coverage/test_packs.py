"""Packs: every field of the text, what the rules must hold together, and two signatures before they decide bills."""

import re
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, select

from hub import coverage
from hub.coverage import (
    BenefitPack,
    NotAClerk,
    PackBackdated,
    PackGap,
    PackMissing,
    PackNotMonotone,
    PackOverlaps,
    PackRelease,
    PackTaken,
    PackUnknown,
    PackUnreachable,
    PackWithdrawn,
    PackWrong,
    SameSignature,
    read_pack,
)
from hub.faults import Missing
from hub.lifecycle import IllegalMove
from hub.trust import NotAllowed
from tests.hub.coverage.insured import CLERKS, PACK_TEXT, with_pack
from tests.region import BUREAU, TERTIARY, staff, system

ONE, TWO = CLERKS
EMPLOYEES, RESIDENTS = PACK_TEXT.split("[scheme.390]")


def pack_text(pack_id: str, valid_from: str, valid_to: str | None = None) -> str:
    """The example pack under another name, for other days."""
    days = f"valid_from = {valid_from}" + (f"\nvalid_to = {valid_to}" if valid_to else "")
    return PACK_TEXT.replace("yichang-example-2024", pack_id).replace("valid_from = 2024-01-01", days)


def changed(old: str, new: str, *, scheme: str = "310") -> str:
    """The example pack with the first place of some text in a scheme (or at the top) changed."""
    if scheme == "310":
        assert old in EMPLOYEES, old
        return EMPLOYEES.replace(old, new, 1) + "[scheme.390]" + RESIDENTS
    assert old in RESIDENTS, old
    return EMPLOYEES + "[scheme.390]" + RESIDENTS.replace(old, new, 1)


# ---- the text, field by field


def every_field() -> list[str]:
    return sorted({line.split(" = ")[0] for line in PACK_TEXT.splitlines() if re.match(r"[a-z_]+ = ", line)})


@pytest.mark.parametrize("field", [f for f in every_field() if f not in ("notice_zh", "notice_en", "source")])
@pytest.mark.parametrize("rubbish", ["nan", '"\\u0000"', "-1", "[]", "{}", None], ids=str)
def test_every_field_refuses_what_it_is_not_and_its_absence_naming_itself(field, rubbish):
    if rubbish is None and field in ("hypertension", "diabetes"):
        return  # a region may have no quota for a disease
    line = re.search(rf"^{field} = .*?(?=\n[a-z_\[#\n])", PACK_TEXT, re.MULTILINE | re.DOTALL)
    text = PACK_TEXT.replace(line.group(), "" if rubbish is None else f"{field} = {rubbish}", 1)
    with pytest.raises(PackWrong) as refusal:
        coverage.check_pack(read_pack(text))
    assert field in refusal.value.element


FORMS = [
    ("valid_from = 2024-01-01", "valid_from = 2024-01-01T00:00:00", "valid_from"),
    ("valid_from = 2024-01-01", "valid_from = 2024-02-30", "TOML"),
    ("valid_from = 2024-01-01", "valid_from = 2024-01-01\nvalid_to = 2023-12-31", "valid_to"),
    ('id = "yichang-example-2024"', 'id = "宜昌 2024"', "id"),
    ('id = "yichang-example-2024"', f'id = "{"x" * 65}"', "id"),
    ('area = "420500"', 'area = "4205"', "area"),
    ('name_zh = "宜昌示例待遇包（2024）"', f'name_zh = "{"长" * 501}"', "name_zh"),
    ('name_zh = "宜昌示例待遇包（2024）"', 'name_zh = ""', "name_zh"),
    ('class_b_first_share = "0.10"', 'class_b_first_share = "0.10001"', "scheme.310.class_b_first_share"),
    ('class_b_first_share = "0.10"', 'class_b_first_share = "1.1"', "scheme.310.class_b_first_share"),
    ('class_b_first_share = "0.10"', "class_b_first_share = 0.10", "scheme.310.class_b_first_share"),
    ('fund_at_most = "150000.00"', 'fund_at_most = "150000.001"', "scheme.310.inpatient.fund_at_most"),
    ('fund_at_most = "150000.00"', 'fund_at_most = "100000000000.00"', "scheme.310.inpatient.fund_at_most"),
    ('fund_at_most = "150000.00"', "fund_at_most = true", "scheme.310.inpatient.fund_at_most"),
    ('ratio = ["0.92", "0.92", "0.90", "0.88"]', 'ratio = ["0.92", "0.90", "0.88"]', "scheme.310.inpatient.ratio"),
    (', unfiled = "0.70" }', " }", "scheme.310.out_of_area.unfiled"),
    ('unfiled = "0.70" }', 'unfiled = "0.70", abroad = "0.5" }', "scheme.310.out_of_area.abroad"),
    ("hypertension = {", '"高血压" = {', "scheme.310.chronic.高血压"),
    ("[scheme.310]", "[scheme.31]", "scheme.31"),
    ("personal_account = true", "personal_account = 1", "scheme.310.personal_account"),
    ("personal_account = true", "personal_account = true\nsurprise = 1", "scheme.310.surprise"),
    ('later_admission_share = "0.5"', "", "scheme.310.inpatient.later_admission_share"),
    ('unreferred_points = ["0", "0", "0", "0.10"]', 'unreferred_points = ["0", "0", "0", "0.89"]', "unreferred_points"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "element"), FORMS, ids=[f"{i}-{f[2]}" for i, f in enumerate(FORMS)])
def test_a_figure_out_of_its_form_is_refused_by_its_whole_path(old, new, element):
    with pytest.raises(PackWrong) as refusal:
        read_pack(changed(old, new))
    assert refusal.value.element.endswith(element)


@pytest.mark.parametrize("text", ["", "[", "id = 1", "\x00", "scheme = 3\n"])
def test_what_is_no_pack_at_all_is_refused(text):
    with pytest.raises(PackWrong):
        read_pack(text)


# ---- the rules together

SEGMENTS = RESIDENTS[RESIDENTS.index("segments = [") : RESIDENTS.index("]\n", RESIDENTS.index("segments = [")) + 1]


def segments(*rows: str) -> str:
    return f"segments = [{', '.join('{' + row + '}' for row in rows)}]"


A, B, C = 'above = "12000.00"', 'above = "30000.00"', 'above = "100000.00"'
RULES = [
    (PackNotMonotone, "310", '["0.92", "0.92", "0.90", "0.88"]', '["0.92", "0.93", "0.90", "0.88"]', "inpatient.ratio[1]"),
    (PackNotMonotone, "390", '["0.85", "0.85", "0.75", "0.60"]', '["0.85", "0.85", "0.75", "0.80"]', "inpatient.ratio[3]"),
    (PackNotMonotone, "310", '["200.00", "200.00", "500.00", "1000.00"]', '["200.00", "200.00", "500.00", "400.00"]', "inpatient.deductible[3]"),
    (PackNotMonotone, "310", '["0", "0", "0", "0.10"]', '["0", "0.20", "0", "0.10"]', "inpatient.unreferred_points[2]"),
    (PackNotMonotone, "310", '["0.75", "0.70", "0.60", "0.50"]', '["0.75", "0.70", "0.60", "0.70"]', "outpatient.ratio[3]"),
    (PackNotMonotone, "310", 'deductible = ["500.00", "500.00", "500.00", "500.00"]', 'deductible = ["500.00", "500.00", "450.00", "500.00"]', "outpatient.deductible[2]"),
    (PackNotMonotone, "310", 'retired_deductible = ["400.00", "400.00", "400.00", "400.00"]', 'retired_deductible = ["400.00", "400.00", "400.00", "501.00"]', "outpatient.retired_deductible[3]"),
    (PackNotMonotone, "310", 'retired_fund_at_most = "2600.00"', 'retired_fund_at_most = "2100.00"', "outpatient.retired_fund_at_most"),
    (PackNotMonotone, "310", 'emergency = "0.85"', 'emergency = "0.95"', "out_of_area.emergency"),
    (PackNotMonotone, "390", 'unfiled = "0.60"', 'unfiled = "0.81"', "out_of_area.unfiled"),
    (PackNotMonotone, "390", SEGMENTS, segments(f'{A}, ratio = "0.65"', f'{B}, ratio = "0.60"'), "serious.segments[1].ratio"),
    (PackGap, "390", SEGMENTS, segments(f'{A}, upto = "29999.99", ratio = "0.60"', f'{B}, ratio = "0.65"'), "serious.segments[0].upto"),
    (PackGap, "390", SEGMENTS, segments(f'{A}, ratio = "0.60"', f'{B}, upto = "100000.00", ratio = "0.65"'), "serious.segments[1].upto"),
    (PackGap, "390", SEGMENTS, "segments = []", "serious.segments"),
    (PackOverlaps, "390", SEGMENTS, segments(f'{A}, upto = "30000.01", ratio = "0.60"', f'{B}, ratio = "0.65"'), "serious.segments[0].upto"),
    (PackOverlaps, "390", SEGMENTS, segments(f'{B}, ratio = "0.60"', f'{A}, ratio = "0.65"'), "serious.segments[0].upto"),
    (PackOverlaps, "390", SEGMENTS, segments(f'{A}, ratio = "0.60"', f'{A}, ratio = "0.65"'), "serious.segments[0].upto"),
    (PackUnreachable, "390", 'fund_at_most = "300000.00"', 'fund_at_most = "10800.00"', "serious.segments[1]"),
    (PackUnreachable, "390", 'fund_at_most = "300000.00"', 'fund_at_most = "56300.00"', "serious.segments[2]"),
    (PackUnreachable, "390", 'fund_at_most = "300000.00"', 'fund_at_most = "0.00"', "serious"),
    (PackUnreachable, "390", SEGMENTS, segments(f'{A}, ratio = "0"'), "serious.segments[0].ratio"),
    (PackUnreachable, "310", 'hypertension = { ratio = "0.80"', 'hypertension = { ratio = "0"', "chronic.hypertension.ratio"),
    (PackUnreachable, "310", 'diabetes = { ratio = "0.80", fund_at_most = "2400.00"', 'diabetes = { ratio = "0.80", fund_at_most = "0"', "chronic.diabetes.fund_at_most"),
    (PackUnreachable, "310", 'fund_at_most = "350000.00"', 'fund_at_most = "0.00"', "large.fund_at_most"),
    (PackUnreachable, "310", 'fund_at_most = "30000.00"', 'fund_at_most = "0.00"', "aid.fund_at_most"),
    (PackUnreachable, "310", 'fund_at_most = "150000.00"', 'fund_at_most = "0.00"', "inpatient.ratio"),
    (PackUnreachable, "390", 'ratio = ["0.50", "0.50", "0", "0"]', 'ratio = ["0", "0", "0", "0"]', "deductible"),
    (PackUnreachable, "310", 'fund_at_most = "2200.00"\n', 'fund_at_most = "0.00"\n', "outpatient.ratio[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "scheme", "old", "new", "row"), RULES, ids=[f"{i}-{r[4]}" for i, r in enumerate(RULES)])  # fmt: skip
def test_rules_that_do_not_make_sense_together_are_refused_naming_the_row(fault, scheme, old, new, row):
    with pytest.raises(PackWrong) as refusal:
        coverage.check_pack(read_pack(changed(old, new, scheme=scheme)))
    assert refusal.value.element.endswith(row)
    assert isinstance(refusal.value, fault) or row == "deductible"
    assert refusal.value.sentence("zh") != refusal.value.sentence("en")


def test_a_pack_in_which_no_outpatient_is_covered_states_no_limit_for_them():
    none = changed('ratio = ["0.50", "0.50", "0", "0"]', 'ratio = ["0", "0", "0", "0"]', scheme="390")
    none = none.replace('["0.00", "50.00", "0.00", "0.00"]', '["0.00", "0.00", "0.00", "0.00"]')
    with pytest.raises(PackUnreachable) as refusal:
        coverage.check_pack(read_pack(none))
    assert refusal.value.element == "scheme.390.outpatient.fund_at_most"
    coverage.check_pack(read_pack(none.replace('fund_at_most = "400.00"', 'fund_at_most = "0.00"')))


def test_a_pack_without_schemes_is_refused():
    with pytest.raises(PackGap):
        coverage.check_pack(read_pack(PACK_TEXT[: PACK_TEXT.index("[scheme.310]")] + "[scheme]\n"))


def test_segments_may_state_their_ends():
    stated = segments(f'{A}, upto = "30000.00", ratio = "0.60"', f'{B}, ratio = "0.65"')
    pack = read_pack(changed(SEGMENTS, stated, scheme="390"))
    coverage.check_pack(pack)
    assert [(s.above, s.upto) for s in pack.schemes["390"].serious.segments] == [(1200000, 3000000), (3000000, None)]


# ---- on the way to deciding bills


def state(session, pack_id: str) -> str:
    return session.get_one(PackRelease, pack_id).state


def test_a_pack_decides_bills_when_two_different_clerks_have_signed_it(session):
    coverage.import_pack(session, system(BUREAU), text=PACK_TEXT)
    for clerk, before, after in ((ONE, "imported", "signed"), (TWO, "signed", "live")):
        with pytest.raises(PackMissing):
            coverage.pack_of(session, area="420500", day=date(2026, 11, 22))
        assert state(session, "yichang-example-2024") == before
        assert coverage.sign_pack(session, clerk, pack_id="yichang-example-2024").state == after
    assert coverage.pack_of(session, area="420500", day=date(2026, 11, 22)).id == "yichang-example-2024"


def test_the_same_clerk_may_not_sign_twice(session):
    coverage.import_pack(session, system(BUREAU), text=PACK_TEXT)
    coverage.sign_pack(session, ONE, pack_id="yichang-example-2024")
    with pytest.raises(SameSignature):
        coverage.sign_pack(session, ONE, pack_id="yichang-example-2024")
    assert state(session, "yichang-example-2024") == "signed"


def test_who_imported_a_pack_may_be_one_of_the_two_and_no_third_signs(session):
    coverage.import_pack(session, ONE, text=PACK_TEXT)
    for clerk in (ONE, TWO):
        coverage.sign_pack(session, clerk, pack_id="yichang-example-2024")
    with pytest.raises(IllegalMove):
        coverage.sign_pack(session, replace(ONE, id="third"), pack_id="yichang-example-2024")


@pytest.mark.parametrize(
    ("caller", "fault"),
    [
        (system(BUREAU), NotAClerk),
        (staff(TERTIARY, scopes=frozenset({"settlement.write"})), NotAllowed),
        (staff(BUREAU, scopes=frozenset({"settlement.read", "reconciliation.write"})), NotAllowed),
    ],
)
def test_a_machine_or_somebody_without_the_right_signs_and_withdraws_nothing(session, caller, fault):
    coverage.import_pack(session, system(BUREAU), text=PACK_TEXT)
    with pytest.raises(fault):
        coverage.sign_pack(session, caller, pack_id="yichang-example-2024")
    with pytest.raises(fault):
        coverage.withdraw_pack(session, caller, pack_id="yichang-example-2024", reason="错")
    assert state(session, "yichang-example-2024") == "imported"


def test_a_withdrawn_pack_stays_withdrawn_and_its_first_day_is_free_again(session):
    coverage.import_pack(session, system(BUREAU), text=PACK_TEXT)
    coverage.sign_pack(session, ONE, pack_id="yichang-example-2024")
    coverage.withdraw_pack(session, TWO, pack_id="yichang-example-2024", reason="起付线抄错")
    with pytest.raises(IllegalMove):
        coverage.sign_pack(session, ONE, pack_id="yichang-example-2024")
    with pytest.raises(PackWithdrawn):
        coverage.import_pack(session, system(BUREAU), text=PACK_TEXT)
    assert with_pack(session, pack_text("mended-2024", "2024-01-01")).id == "mended-2024"


def test_a_live_pack_is_not_withdrawn_and_a_withdrawal_says_why(session):
    with_pack(session)
    with pytest.raises(IllegalMove):
        coverage.withdraw_pack(session, ONE, pack_id="yichang-example-2024", reason="x")
    coverage.import_pack(session, system(BUREAU), text=pack_text("next", "2027-01-01"))
    with pytest.raises(Missing):
        coverage.withdraw_pack(session, ONE, pack_id="next", reason=" ")


def test_an_unknown_pack_is_refused(session):
    for verb in (
        lambda: coverage.sign_pack(session, ONE, pack_id="none"),
        lambda: coverage.withdraw_pack(session, ONE, pack_id="none", reason="x"),
        lambda: coverage.pack_named(session, "none"),
    ):
        with pytest.raises(PackUnknown):
            verb()


@pytest.mark.parametrize(
    ("pack_id", "days", "fault", "element"),
    [
        ("yichang-example-2024", ("2027-01-01",), PackTaken, None),
        ("other", ("2024-01-01",), PackTaken, None),
        ("late", ("2028-02-01",), PackGap, "valid_from"),
        ("early", ("2023-01-01", "2024-01-01"), PackOverlaps, "valid_to"),
        ("early", ("2023-01-01", "2023-12-30"), PackGap, "valid_to"),
    ],
)
def test_a_pack_that_does_not_fit_beside_the_others_is_refused_and_not_kept(session, pack_id, days, fault, element):
    with_pack(session)
    with_pack(session, pack_text("ends-2027", "2027-01-01", "2027-12-31"))
    with pytest.raises(fault) as refusal, session.begin_nested():
        coverage.import_pack(session, system(BUREAU), text=pack_text(pack_id, *days))
    assert element is None or refusal.value.element == element
    assert session.scalar(select(func.count()).select_from(BenefitPack)) == 2


def test_a_pack_that_closes_the_days_before_another_is_taken(session):
    with_pack(session)
    assert with_pack(session, pack_text("early", "2023-01-01", "2023-12-31")).id == "early"
    assert coverage.pack_of(session, area="420500", day=date(2023, 12, 31)).id == "early"


@pytest.mark.parametrize(("first_day", "taken"), [("2026-11-21", False), ("2026-11-22", False), ("2026-11-23", True)])
def test_a_day_that_has_begun_keeps_its_pack(session, first_day, taken):
    with_pack(session)
    coverage.import_pack(session, system(BUREAU), text=pack_text("next", first_day))
    coverage.sign_pack(session, ONE, pack_id="next")
    if taken:
        assert coverage.sign_pack(session, TWO, pack_id="next").state == "live"
        return
    with pytest.raises(PackBackdated):
        coverage.sign_pack(session, TWO, pack_id="next")
    assert state(session, "next") == "signed"


def test_packs_are_listed_newest_first_with_how_far_they_are(session):
    with_pack(session)
    coverage.import_pack(session, system(BUREAU), text=pack_text("next", "2027-01-01"))
    assert [(i.pack.id, i.release.state) for i in coverage.packs(session)] == [
        ("next", "imported"),
        ("yichang-example-2024", "live"),
    ]
