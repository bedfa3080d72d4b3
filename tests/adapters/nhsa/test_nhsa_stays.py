"""2403 and 2405: what an admission said is said anew while the stay lasts; a discharge is taken back."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from hub.records import Visit
from hub.settlement import Registration
from tests.adapters.nhsa.cashier import DOCTOR, HEART, Window, fee

ANGINA = {"diag_type": "1", "diag_srt_no": "2", "diag_code": "I20.000", "diag_name": "不稳定型心绞痛"}


@pytest.fixture
def stay(hospital, insure):
    return Window(hospital, insure(1, "310"), number="ZY0001").admit()


def changed(stay, *found, **differs):
    admission = stay.who | {
        "begntime": "2026-11-16 10:00:00",
        "mdtrt_cert_type": "02",
        "med_type": "21",
        "ipt_otp_no": stay.number,
        "atddr_no": "D420500000012",
        "chfpdr_name": "林示范",
        "adm_diag_dscr": "冠心病",
        "adm_dept_codg": "0401",
        "adm_dept_name": "普通外科",
        "adm_bed": "7",
        "dscg_maindiag_code": "I25.103",
        "dscg_maindiag_name": "冠心病",
    }
    rows = [
        ANGINA | DOCTOR | stay.who | {"maindiag_flag": "0", "diag_time": "2026-11-17 09:00:00"} | more for more in found
    ]
    return stay.hospital.call("2403", {"adminfo": admission | differs, "diseinfo": rows or [rows_default(stay)]})


def rows_default(stay):
    return HEART | DOCTOR | stay.who | {"maindiag_flag": "1", "diag_time": "2026-11-17 09:00:00"}


def kept(engine, stay):
    with Session(engine) as session:
        visit = session.get_one(Visit, int(stay.mdtrt_id))
        return visit, session.get_one(Registration, visit.id).med_type


def test_doctor_department_kind_and_diagnoses_change_by_their_numbers(stay, engine):
    assert changed(stay, {}, med_type="24").accepted
    visit, med_type = kept(engine, stay)
    assert [row["code"] for row in visit.diagnoses] == ["I25.103", "I20.000"]
    assert (visit.practitioner_id, visit.department_id, med_type) == ("D420500000012", "H42050000101-0401", "24")
    assert changed(stay, {"diag_code": "I20.900", "maindiag_flag": "1"}).accepted
    visit, _ = kept(engine, stay)
    assert [row["code"] for row in visit.diagnoses] == ["I20.900", "I25.103"]
    assert changed(stay, {"diag_srt_no": "1", "diag_code": "I10"}).accepted
    assert sorted(row["code"] for row in kept(engine, stay)[0].diagnoses) == ["I10", "I20.900"]


OF_OTHERS = (
    ({"ipt_otp_no": "ZY9"}, {}, "input.adminfo.ipt_otp_no"),
    ({}, {"psn_no": "other"}, "input.diseinfo[0].psn_no"),
    ({}, {"mdtrt_id": "99"}, "input.diseinfo[0].mdtrt_id"),
    ({"med_type": "28"}, {}, "input.adminfo.oprn_oprt_code"),
)


def test_a_change_that_is_not_about_one_stay_is_refused_by_its_field(stay, engine):
    for differs, row, element in OF_OTHERS:
        assert element in changed(stay, row, **differs).message
    assert [found["code"] for found in kept(engine, stay)[0].diagnoses] == ["I25.103"]


def test_a_stay_that_has_ended_is_not_changed_until_its_discharge_is_taken_back(stay, engine):
    stay.charge_stay(fee(1, "S-BED-01", "50.00", "2"))
    stay.discharge()
    assert "已经结束" in changed(stay, {}).message
    settled = stay.settle_stay().output["setlinfo"]
    assert settled["setl_id"] in stay.hospital.call("2405", {"data": stay.who}).message
    assert stay.undo(settled["setl_id"], "2305").accepted
    assert stay.hospital.call("2405", {"data": stay.who}).accepted
    assert changed(stay, {}, begntime="2026-11-15 10:00:00").accepted
    visit, _ = kept(engine, stay)
    assert (visit.state, visit.ended_at, visit.begun_at.day) == ("in-progress", None, 15)


def test_what_a_settlement_half_way_rests_on_is_not_changed(stay):
    stay.charge_stay(fee(1, "S-BED-01", "50.00", "2"))
    settled = stay.settle_stay(mid_setl_flag="1").output["setlinfo"]
    assert changed(stay, {}).accepted
    assert settled["setl_id"] in changed(stay, {}, med_type="24").message
    assert settled["setl_id"] in changed(stay, {}, begntime="2026-11-15 10:00:00").message


def test_two_changes_at_once_are_both_kept(stay, engine):
    """Both look for a settlement and then change the stay: one waits for the other."""
    said = [({"diag_srt_no": "2", "diag_code": "I10"}, "23"), ({"diag_srt_no": "3", "diag_code": "I20.900"}, "24")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: changed(stay, one[0], med_type=one[1]).message, said))
    assert answers == ["", ""]
    visit, med_type = kept(engine, stay)
    assert sorted(row["code"] for row in visit.diagnoses) == ["I10", "I20.900", "I25.103"]
    assert med_type in ("23", "24")


def test_a_change_sent_again_is_answered_again_and_done_once(stay, engine):
    asked = json.loads(changed(stay, {}).request)
    visit, _ = kept(engine, stay)
    body = json.dumps(asked).encode()
    first, second = (stay.hospital.send("2403", body) for _ in range(2))
    assert first.reply == second.reply
    assert kept(engine, stay)[0].diagnoses == visit.diagnoses
