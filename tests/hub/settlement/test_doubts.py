"""Looked for before money moves: each doubt with its reason, silent where nothing is wrong, overridden by name."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from hub import records, settlement
from hub.directory import CatalogueItem
from hub.settlement import Doubt, Doubted, Override, OverrideWrong, Settlement
from hub.settlement.doubts import of_batch
from hub.trust import Audit
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, TERTIARY, charged, fee, fees, settle, upload, visit
from tests.region import COUNTY_DOCTOR, EXPERT, NOW, staff, system

ECHO = [("S-ECHO-01", "1", "100.00")]
SIGNED = Override(EXPERT, "外院设备故障，本院重做")


@pytest.fixture
def person(session):
    with_pack(session)
    session.get_one(CatalogueItem, "D-RES-01").most_a_day = Decimal(2)
    session.flush()
    return insured(session)


def out_patient(session, person, rows=ECHO, *, hospital=TERTIARY, number="M-1", begun=NOW, **facts):
    return charged(
        session, person.id, rows, hospital=hospital, number=number, care="outpatient", begun=begun, batch="B", **facts
    )


def refused(session, of, **facts) -> str:
    before = session.scalar(select(func.count()).select_from(Settlement))
    with pytest.raises(Doubted) as refusal:
        settle(session, of, batch="B" if of.care == "outpatient" else "", key=f"k{of.id}", **facts)
    assert session.scalar(select(func.count()).select_from(Settlement)) == before
    return refusal.value.sentence("zh")


def test_the_same_item_at_the_same_time_at_two_hospitals_is_doubted_at_the_later_one(session, person):
    first = out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, number="M-2")
    told = refused(session, second)
    assert "心脏彩超 于 2026-11-22 09:00 在当阳示例人民医院也收了费" in told
    assert settle(session, first, batch="B", key="first").total == 10_000


def test_a_doctor_of_the_hospital_overrides_by_name_and_it_stays(session, person):
    out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, number="M-2")
    refused(session, second)
    row = settle(session, second, batch="B", override=SIGNED)
    assert row.total == 10_000
    (doubt,) = of_batch(session, second.id, "B")
    assert (doubt.overridden_by, doubt.override_reason, doubt.overridden_at) == (EXPERT, SIGNED.reason, NOW)
    audited = session.scalars(select(Audit).where(Audit.verb == "settlement.override")).all()
    assert [(row.person_id, row.subject) for row in audited] == [(person.id, f"visit/{second.id} B")]


@pytest.mark.parametrize(
    ("override", "element"),
    [
        (Override(COUNTY_DOCTOR, "重做"), "override.practitioner_id"),
        (Override("D000000000000", "重做"), "override.practitioner_id"),
        (Override(EXPERT, "  "), "override.reason"),
        (Override(EXPERT, "长" * 201), "override.reason"),
    ],
)
def test_an_override_by_nobody_here_or_without_a_reason_is_refused(session, person, override, element):
    out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, number="M-2")
    with pytest.raises(OverrideWrong) as refusal:
        settle(session, second, batch="B", override=override)
    assert refusal.value.element == element
    assert session.scalar(select(func.count()).where(Doubt.overridden_at.is_not(None))) == 0


def test_at_a_desk_a_doctor_signs_for_themselves_only(session, person):
    out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, number="M-2")
    charge = settlement.Charge(second.id, "B", override=SIGNED)
    with pytest.raises(OverrideWrong):
        settlement.settle(session, staff(TERTIARY, "D420500000012"), charge, key="k", content_hash=b"")
    assert settlement.settle(session, staff(TERTIARY, EXPERT), charge, key="k", content_hash=b"").total == 10_000


def test_an_out_patient_during_a_stay_is_doubted_on_the_days_between(session, person):
    visit(session, person.id, hospital=COUNTY, number="X", begun=NOW - timedelta(days=3))
    told = refused(session, out_patient(session, person))
    assert "2026-11-22 病人正在当阳示例人民医院住院" in told


@pytest.mark.parametrize(("began", "ended"), [(0, None), (4, 0)], ids=["day of admission", "day of discharge"])
def test_an_out_patient_on_the_day_of_admission_or_discharge_is_in_order(session, person, began, ended):
    end = None if ended is None else NOW - timedelta(days=ended)
    visit(session, person.id, hospital=COUNTY, number="X", begun=NOW - timedelta(days=began), ended=end)
    assert settle(session, out_patient(session, person), batch="B").total == 10_000


def test_a_stay_around_out_patient_charges_is_doubted_when_it_is_charged_later(session, person):
    out_patient(session, person, begun=NOW, hospital=COUNTY)
    stay = visit(session, person.id, begun=NOW - timedelta(days=3))
    records.close_visit(session, system(TERTIARY), visit_id=stay.id, ended_at=NOW + timedelta(days=2))
    upload(session, stay, fees([("S-BED-01", "5", "50.00")]))
    told = refused(session, stay)
    assert "当阳示例人民医院" in told


def test_more_of_an_item_than_a_day_may_have_is_doubted_over_all_hospitals(session, person):
    out_patient(session, person, [("D-RES-01", "1.5", "10.00")], hospital=COUNTY, begun=NOW - timedelta(hours=1))
    within = [replace(fee("1", "D-RES-01", "0.5", "10.00"), batch="B", occurred_at=NOW + timedelta(hours=3))]
    here = visit(session, person.id, number="M-3", care="outpatient", begun=NOW)
    upload(session, here, within)
    assert settle(session, here, batch="B", key="fits").total == 500
    much = visit(session, person.id, number="M-4", care="outpatient", begun=NOW)
    upload(session, much, [replace(within[0], quantity=Decimal(1), amount=within[0].amount * 2)])
    assert "示例复合维生素 当天共收 3，超过每天最多 2" in refused(session, much)


def test_what_is_no_longer_true_is_no_longer_doubted(session, person):
    first = out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, number="M-2")
    refused(session, second)
    settlement.cancel_fees(session, system(COUNTY), visit_id=first.id)
    assert settle(session, second, batch="B").total == 10_000


def test_cancelling_the_doubtful_line_is_the_other_way_out(session, person):
    out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, [*ECHO, ("S-BED-01", "1", "50.00")], number="M-2")
    refused(session, second)
    settlement.cancel_fees(session, system(TERTIARY), visit_id=second.id, numbers=["1"])
    assert session.scalar(select(func.count()).select_from(Doubt)) == 0
    assert settle(session, second, batch="B").total == 5_000


def test_other_items_other_times_other_people_and_the_same_hospital_are_no_doubt(session, person):
    out_patient(session, person, hospital=COUNTY)
    out_patient(session, insured(session, 2), number="M-2")
    out_patient(session, person, [("S-BED-01", "1", "50.00")], number="M-3")
    later = visit(session, person.id, number="M-4", care="outpatient", begun=NOW)
    upload(session, later, [replace(fee("1", *ECHO[0]), batch="B", occurred_at=NOW + timedelta(minutes=31))])
    assert session.scalar(select(func.count()).select_from(Doubt)) == 0


def test_a_quote_tells_the_amounts_of_a_doubtful_charge_and_its_doubts(session, person):
    out_patient(session, person, hospital=COUNTY)
    second = out_patient(session, person, number="M-2")
    quoted = settlement.quote(session, system(TERTIARY), settlement.Charge(second.id, "B"))
    assert quoted.totals.total == 10_000
    (doubt,) = settlement.doubts_of(session, system(TERTIARY), visit_id=second.id, batch="B")
    assert doubt.sentence("en").endswith("(same item, same time, two institutions)")
