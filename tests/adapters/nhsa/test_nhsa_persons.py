"""1101, 2001, 5206 and the filings: who somebody is to the insurer, and what is told beforehand."""

import pytest

from tests.region import COUNTY, TERTIARY


def asked(citizen, **differs):
    wanted = {key: value for key, value in citizen.certificate.items() if key != "psn_no"}
    return {"data": wanted | {"begntime": ""} | differs}


def test_the_person_behind_an_identity_card_is_answered_with_their_insurance(hospital, insure):
    citizen = insure(1, "310", balance="300.00", civil_servant=True, aid=True)
    output = hospital.ask("1101", asked(citizen))
    assert output["baseinfo"]["psn_no"] == citizen.psn_no
    assert output["baseinfo"]["psn_name"] == citizen.name
    assert output["baseinfo"]["gend"] == "1"
    (row,) = output["insuinfo"]
    assert (row["insutype"], row["balc"], row["psn_insu_stas"], row["cvlserv_flag"]) == ("310", "300.00", "1", "1")
    assert [row["psn_idet_type"] for row in output["idetinfo"]] == ["23"]


@pytest.mark.parametrize(
    ("differs", "named"),
    [
        ({"psn_name": "李四"}, "input.data.psn_name"),
        ({"certno": "420500197505050022"}, "input.data.certno"),
        ({"mdtrt_cert_no": "420500197505050022"}, "查不到此人"),
        ({"mdtrt_cert_type": "99"}, "mdtrt_cert_type"),
        ({"psn_cert_type": "77"}, "input.data.psn_cert_type"),
        ({"mdtrt_cert_type": "03"}, "input.data.card_sn"),
    ],
)
def test_a_credential_that_does_not_fit_is_refused(hospital, insure, differs, named):
    exchange = hospital.call("1101", asked(insure()) | {"data": asked(insure())["data"] | differs})
    assert not exchange.accepted
    assert named in exchange.message


def eligibility(citizen, **differs):
    wanted = {
        "psn_no": citizen.psn_no,
        "insutype": citizen.insutype,
        "fixmedins_code": TERTIARY,
        "med_type": "21",
        "begntime": "2026-11-22 08:00:00",
    }
    return {"data": wanted | differs}


def test_an_insured_person_may_draw_on_the_funds(hospital, insure):
    rows = hospital.ask("2001", eligibility(insure()))["trtinfo"]
    assert {row["trt_enjymnt_flag"] for row in rows[:1]} == {"1"}
    assert rows[0]["fund_pay_type"] == "310100"


def test_a_civil_servants_supplement_is_shown_where_it_pays(hospital, insure):
    citizen = insure(civil_servant=True)
    stay, ordinary = (
        {row["fund_pay_type"]: row["trt_enjymnt_flag"] for row in hospital.ask("2001", asked)["trtinfo"]}
        for asked in (eligibility(citizen, med_type="21"), eligibility(citizen, med_type="11"))
    )
    assert stay["320100"] == "1"
    assert "320100" not in ordinary


def test_who_is_not_insured_is_told_why(hospital, insure):
    (row,) = hospital.ask("2001", eligibility(insure(), insutype="390"))["trtinfo"]
    assert row["trt_enjymnt_flag"] == "0"
    assert row["trt_chk_rslt"]


def test_the_year_so_far_is_listed(hospital, insure):
    rows = hospital.ask("5206", {"data": {"psn_no": insure().psn_no, "cum_ym": "202611"}})["cuminfo"]
    assert {row["cum_type_code"]: row["cum"] for row in rows}["pool"] == "0.00"
    assert {row["year"] for row in rows} == {"2026"}


def test_a_month_that_is_none_is_refused(hospital, insure):
    exchange = hospital.call("5206", {"data": {"psn_no": insure().psn_no, "cum_ym": "202613"}})
    assert "cum_ym" in exchange.message


def referral(citizen, **differs):
    wanted = {
        "psn_no": citizen.psn_no,
        "insutype": citizen.insutype,
        "diag_code": "I25.103",
        "diag_name": "冠状动脉粥样硬化性心脏病",
        "reflin_medins_no": TERTIARY,
        "reflin_medins_name": "市示例中心医院",
        "mdtrtarea_admdvs": "420500",
        "refl_type": "1",
        "refl_date": "2026-11-22",
        "refl_rea": "需介入治疗",
        "refl_opnn": "同意转院",
        "begndate": "2026-11-22",
        "enddate": "2026-12-22",
    }
    return {"refmedin": wanted | differs}


def filed(hospital, citizen):
    period = {"begntime": "2026-11-01 00:00:00", "endtime": "2026-12-31 23:59:59"}
    return hospital.ask("5304", {"data": {"psn_no": citizen.psn_no} | period})["refmedin"]


def test_a_referral_is_filed_found_and_withdrawn(hospital_of, insure):
    county, citizen = hospital_of(COUNTY), insure()
    number = county.ask("2501", referral(citizen))["result"]["trt_dcla_detl_sn"]
    (row,) = filed(county, citizen)
    assert (row["reflin_medins_no"], row["begndate"], row["enddate"]) == (TERTIARY, "2026-11-22", "2026-12-22")
    county.ask("2502", {"data": {"trt_dcla_detl_sn": number, "psn_no": citizen.psn_no, "memo": "病人不去了"}})
    assert filed(county, citizen) == []


def test_another_persons_filing_cannot_be_withdrawn(hospital_of, insure):
    county, citizen, stranger = hospital_of(COUNTY), insure(1), insure(2)
    number = county.ask("2501", referral(citizen))["result"]["trt_dcla_detl_sn"]
    exchange = county.call("2502", {"data": {"trt_dcla_detl_sn": number, "psn_no": stranger.psn_no, "memo": ""}})
    assert number in exchange.message
    assert len(filed(county, citizen)) == 1


def test_a_referral_to_nowhere_is_refused(hospital_of, insure):
    exchange = hospital_of(COUNTY).call("2501", referral(insure(), reflin_medins_no="H99999999999"))
    assert "H99999999999" in exchange.message


def chronic(citizen, **differs):
    wanted = {
        "psn_no": citizen.psn_no,
        "insutype": citizen.insutype,
        "opsp_dise_code": "M03900",
        "opsp_dise_name": "高血压",
        "insu_optins": "420500",
        "ide_fixmedins_no": TERTIARY,
        "ide_fixmedins_name": "市示例中心医院",
        "hosp_ide_date": "2026-11-01",
        "diag_dr_codg": "D420500000011",
        "diag_dr_name": "陈示范",
        "begndate": "2026-11-01",
    }
    return {"data": wanted | differs}


def test_a_chronic_disease_is_filed_found_and_withdrawn(hospital, insure):
    citizen = insure()
    number = hospital.ask("2503", chronic(citizen))["result"]["trt_dcla_detl_sn"]
    (row,) = hospital.ask("5301", {"data": {"psn_no": citizen.psn_no}})["feedetail"]
    assert (row["opsp_dise_code"], row["opsp_dise_name"]) == ("M03900", "高血压")
    hospital.ask("2504", {"data": {"trt_dcla_detl_sn": number, "psn_no": citizen.psn_no, "memo": "误报"}})
    assert hospital.ask("5301", {"data": {"psn_no": citizen.psn_no}})["feedetail"] == []


def test_a_disease_without_a_quota_is_refused_by_its_code(hospital, insure):
    exchange = hospital.call("2503", chronic(insure(), opsp_dise_code="M99999"))
    assert "input.data.opsp_dise_code" in exchange.message
    assert "M03900" in exchange.message
