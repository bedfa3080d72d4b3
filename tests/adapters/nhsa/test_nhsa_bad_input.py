"""Well-formed messages that must be refused: node, field, what was found, and nothing written."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from fixtures.simulators.nhsa_client import CHINA
from hub import people
from hub.coverage import Enrolment
from hub.people import Death
from hub.units import masked_number
from tests.adapters.nhsa.cashier import Window, fee
from tests.adapters.nhsa.test_nhsa_clearing import application
from tests.adapters.nhsa.test_nhsa_stays import changed
from tests.region import COMMUNITY, COUNTY

TODAY = datetime.now(CHINA).date()
TRACES = {"audit", "heard", "heard_key"}
BED = "S-BED-01"
Inputs = dict[str, dict[str, Any]]


def written(engine) -> dict[str, str]:
    """Rows and last writers of every table but those that keep refusals."""
    with engine.connect() as connection:
        names = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        ).all()
        kept = sorted(set(names) - TRACES)
        one = "(SELECT '{0}', count(*) || '/' || coalesce(sum(xmin::text::bigint), 0) FROM \"{0}\")"
        return dict(connection.execute(text(" UNION ALL ".join(one.format(name) for name in kept))).all())


class Refusals:
    """Every case is asked and its sentence held against what it must say; at the end nothing has been written."""

    def __init__(self, engine) -> None:
        self.engine, self.wrong = engine, []
        self.before = written(engine)

    def expect(self, exchange, *said: str) -> None:
        answer = exchange.answer
        missing = [one for one in said if one not in answer["err_msg"]]
        if answer["infcode"] != -1 or missing or len(answer["err_msg"]) > 200:
            self.wrong.append(f"{exchange.infno}: {answer['infcode']} {answer['err_msg']} (wanted {said})")

    def none_wrong(self) -> None:
        assert self.wrong == []
        now = written(self.engine)
        assert {name: (row, now[name]) for name, row in self.before.items() if now[name] != row} == {}


@pytest.fixture
def refusals(engine) -> Iterator:
    """`refusals()` once everything is in place."""
    made: list[Refusals] = []

    def begin() -> Refusals:
        made.append(Refusals(engine))
        return made[-1]

    yield begin
    assert made
    for one in made:
        one.none_wrong()


@pytest.fixture
def citizen(insure):
    return insure(1, "310", balance="100.00")


@pytest.fixture
def window(hospital, citizen):
    return Window(hospital, citizen).register().diagnose()


@pytest.fixture
def stay(hospital, citizen):
    return Window(hospital, citizen, number="ZY0001").admit()


def naming_a_visit(of: Window) -> Inputs:
    """Every transaction that names an out-patient's or an in-patient's visit, whole but for the visit."""
    line = fee(1, BED, "50.00") | of.who
    diagnosis = {
        "diag_type": "1", "diag_srt_no": "1", "diag_code": "I10", "diag_name": "高血压", "diag_dept": "0301",
        "dise_dor_no": "D420500000011", "dise_dor_name": "陈示范", "diag_time": "2026-11-22 09:00:00",
    }  # fmt: skip
    attended = of.who | {"med_type": "11", "begntime": "2026-11-22 08:40:00", "dise_codg": "I10", "dise_name": "高血压"}
    left = of.who | {
        "insutype": "310", "endtime": "2026-11-22 10:00:00", "dscg_dept_codg": "0301", "dscg_dept_name": "心血管内科",
        "dscg_way": "1",
    }  # fmt: skip
    return {
        "2203": {"mdtrtinfo": attended, "diseinfo": [diagnosis | {"vali_flag": "1"}]},
        "2204": {"feedetail": [line | {"chrg_bchno": "B1"}]},
        "2205": {"data": of.who | {"chrg_bchno": "0000"}},
        "2206": {"data": of.bill(medfee_sumamt="50.00")},
        "2207": {"data": of.bill(medfee_sumamt="50.00")},
        "2301": {"feedetail": [line | {"med_type": "21"}]},
        "2302": {"data": [of.who | {"feedetl_sn": "0000"}]},
        "2303": {"data": of.stay_bill(medfee_sumamt="50.00")},
        "2304": {"data": of.stay_bill(medfee_sumamt="50.00")},
        "2402": {"dscginfo": left, "diseinfo": [diagnosis | of.who | {"maindiag_flag": "1"}]},
        "2405": {"data": of.who},
    }


def renamed(said: Any, **differs: str) -> Any:
    """The same input with other values in every row that has the field."""
    copy = deepcopy(said)
    for node in copy.values():
        for row in node if isinstance(node, list) else [node]:
            row.update({code: value for code, value in differs.items() if code in row})
    return copy


def test_amounts_that_do_not_foot(window, insure, refusals):
    hospital, ask = window.hospital, window.hospital.call
    stay = Window(hospital, insure(2, "310"), number="ZY0002").admit()
    window.charge(fee(9, BED, "50.00"), batch="B0")
    meanwhile = '{"OVRD_DR_CODG": "D420500000011", "OVRD_REA": "住院期间急诊"}'
    assert window.settle(batch="B0", exp_content=meanwhile).accepted
    window.charge(fee(1, BED, "50.00", "2"))
    stay.charge_stay(fee(9, BED, "50.00"))
    assert stay.settle_stay(mid_setl_flag="1").accepted
    stay.total = Decimal()
    stay.charge_stay(fee(1, BED, "50.00", "2"))
    stay.discharge()
    lines = {"2204": window.who | {"chrg_bchno": "B2"}, "2301": stay.who | {"med_type": "21"}}
    cent = {"medfee_sumamt": "100.01"}
    number = hospital.upload([["1", "1", "1", "5.00", "1.00", "0.00", "0"]], filename="lines.txt")
    totals = {
        "setl_optins": "420500", "file_qury_no": number, "stmt_begndate": f"{TODAY}", "stmt_enddate": f"{TODAY}",
        "medfee_sumamt": "5.01", "fund_pay_sumamt": "1.00", "cash_payamt": "4.00", "fixmedins_setl_cnt": "1",
        "clr_type": "11", "fixmedins_refd_setl_flag": "0",
    }  # fmt: skip
    nothing = {"clr_type": "11", "medfee_sumamt": "0.01", "fund_pay_sumamt": "0", "psn_cash_pay": "0", "acct_pay": "0"}
    refused = refusals()
    for infno, who in lines.items():
        wrong = fee(7, BED, "50.00", "2", det_item_fee_sumamt="100.01") | who
        good = fee(8, BED, "50.00") | who
        refused.expect(ask(infno, {"feedetail": [good, wrong]}), "input.feedetail[1].det_item_fee_sumamt", "100.01")
    for infno, bill in (
        ("2206", window.bill),
        ("2207", window.bill),
        ("2303", stay.stay_bill),
        ("2304", stay.stay_bill),
    ):
        refused.expect(ask(infno, {"data": bill(**cent)}), "input.data.medfee_sumamt", "100.01", "100.00")
        parts = bill(inscp_scp_amt="99.99")
        refused.expect(ask(infno, {"data": parts}), "input.data.medfee_sumamt", "100.00", "99.99", "四项之和")
    refused.expect(ask("3202", {"data": totals}), "input.data.medfee_sumamt", "5.01", "5.00")
    refused.expect(ask("3203", application(nothing)), "input.data.medfee_sumamt", "0.01", "0.00")


def test_a_visit_of_nobody_and_of_another_person(window, stay, insure, refusals):
    other = insure(2, "390")
    refused = refusals()
    for infno, said in naming_a_visit(window).items():
        for wrong in ("99999", "x", "9" * 30):
            answer = window.hospital.call(infno, renamed(said, mdtrt_id=wrong))
            refused.expect(answer, f".mdtrt_id（收到“{wrong}”）", "查不到就诊记录")
        mixed = renamed(said, psn_no=other.psn_no, certno=other.certno, psn_name=other.name, mdtrt_cert_no=other.certno)
        refused.expect(window.hospital.call(infno, mixed), f".mdtrt_id（收到“{window.mdtrt_id}”）", "查不到就诊记录")
        unknown = window.hospital.call(infno, renamed(said, psn_no="420500" + "9" * 14))
        refused.expect(unknown, ".psn_no（收到“4205*", "查不到此人")


def test_the_lines_of_a_visit_of_another_hospital_are_not_taken_with_ones_own(window, hospital_of, citizen, refusals):
    theirs = Window(hospital_of(COUNTY), citizen).register()
    own, foreign = (fee(number, BED, "50.00") | {"chrg_bchno": "B1"} for number in (1, 2))
    refused = refusals()
    answer = window.hospital.call("2204", {"feedetail": [own | window.who, foreign | theirs.who]})
    refused.expect(answer, f"input.feedetail[1].mdtrt_id（收到“{theirs.mdtrt_id}”）", "查不到就诊记录")


def test_a_visit_that_was_cancelled(window, stay, refusals):
    ask = window.hospital.call
    assert ask("2202", {"data": window.who | {"ipt_otp_no": window.number}}).accepted
    assert ask("2404", {"data": stay.who}).accepted
    refused = refusals()
    for of, others in ((window, ("2303", "2304")), (stay, ("2206", "2207"))):
        for infno, said in naming_a_visit(of).items():
            if infno not in others:
                refused.expect(ask(infno, said), f".mdtrt_id（收到“{of.mdtrt_id}”）")
    again = window.citizen.certificate | {
        "insutype": "310", "begntime": "2026-11-22 08:30:00", "psn_type": "11", "ipt_otp_no": window.number,
        "atddr_no": "D420500000011", "dept_code": "0301", "dept_name": "心血管内科", "caty": "03",
    }  # fmt: skip
    refused.expect(ask("2201", {"data": again}), f"input.data.ipt_otp_no（收到“{window.number}”）", "已取消")


def test_a_stay_that_has_ended_and_is_settled(stay, refusals):
    stay.charge_stay(fee(1, BED, "50.00", "2"))
    stay.discharge()
    settled = stay.settle_stay().output["setlinfo"]
    ask = stay.hospital.call
    later = renamed(naming_a_visit(stay)["2402"], endtime="2026-11-22 11:00:00")
    refused = refusals()
    refused.expect(ask("2402", later), "input.dscginfo.mdtrt_id")
    refused.expect(changed(stay, {}), "input.adminfo.ipt_otp_no（收到“ZY0001”）", "已经结束")
    refused.expect(ask("2404", {"data": stay.who}), "input.data.mdtrt_id", "费用明细")
    refused.expect(ask("2405", {"data": stay.who}), settled["setl_id"])
    refused.expect(ask("2302", {"data": [stay.who | {"feedetl_sn": "1"}]}), "input.data[0].feedetl_sn（收到“1”）")
    refused.expect(
        ask("2305", {"data": stay.who | {"setl_id": "999"}}), "input.data.setl_id（收到“999”）", "查不到结算"
    )


def test_a_person_whose_insurance_is_suspended(window, stay, engine, refusals):
    window.charge(fee(1, BED, "50.00"))
    stay.charge_stay(fee(1, BED, "50.00"))
    stay.discharge()
    with Session(engine) as session, session.begin():
        session.execute(update(Enrolment).values(state="suspended"))
    asked = {"psn_no": window.citizen.psn_no, "insutype": "310", "fixmedins_code": window.hospital.institution}
    asked |= {"med_type": "11", "begntime": "2026-11-22 00:00:00"}
    refused = refusals()
    for infno, bill in (
        ("2206", window.bill),
        ("2207", window.bill),
        ("2303", stay.stay_bill),
        ("2304", stay.stay_bill),
    ):
        refused.expect(window.hospital.call(infno, {"data": bill()}), "input.data.insutype（收到“310”）", "参保")
    (checked,) = window.hospital.ask("2001", {"data": asked})["trtinfo"]
    assert (checked["trt_enjymnt_flag"], "参保" in checked["trt_chk_rslt"]) == ("0", True)


def test_a_person_who_has_died(stay, window, engine, refusals):
    left = renamed(naming_a_visit(stay)["2402"], dscg_way="5", endtime="2026-11-20 09:00:00")
    left["dscginfo"]["die_date"] = "2026-11-20"
    ask = stay.hospital.call
    assert "die_date" in ask("2402", renamed(left, die_date="2026-11-21")).message
    assert ask("2402", left).accepted
    psn_no = stay.citizen.psn_no
    refused = refusals()
    who = f".psn_no（收到“{masked_number(psn_no)}”）"
    for begin in (
        window.register,
        lambda: Window(stay.hospital, stay.citizen, number="ZY0002").admit("2026-11-22 10:00:00"),
    ):
        with pytest.raises(RuntimeError, match="2026-11-20 登记死亡") as no:
            begin()
        assert who in str(no.value)
    refused.expect(ask("2204", {"feedetail": [fee(1, BED, "50.00") | window.who | {"chrg_bchno": "B1"}]}), who, "死亡")
    chronic = {
        "psn_no": psn_no, "insutype": "310", "opsp_dise_code": "M03900", "opsp_dise_name": "高血压",
        "insu_optins": "420500", "ide_fixmedins_no": stay.hospital.institution, "ide_fixmedins_name": "示例医院",
        "hosp_ide_date": "2026-11-22", "diag_dr_codg": "D420500000011", "diag_dr_name": "陈示范",
        "begndate": "2026-11-22",
    }  # fmt: skip
    refused.expect(ask("2503", {"data": chronic}), who, "死亡")
    referral = {
        "psn_no": psn_no, "insutype": "310", "insu_optins": "420500", "diag_code": "I10", "diag_name": "高血压",
        "dise_cond_dscr": "稳定", "reflin_medins_no": COMMUNITY, "reflin_medins_name": "社区", "mdtrtarea_admdvs": "420582",
        "hosp_agre_refl_flag": "1", "refl_type": "1", "refl_date": "2026-11-22", "refl_rea": "康复", "refl_opnn": "同意",
    }  # fmt: skip
    refused.expect(ask("2501", {"refmedin": referral}), who, "死亡")


def test_the_stay_in_which_somebody_died_is_settled_and_a_mistaken_death_is_taken_back(stay, engine):
    stay.charge_stay(fee(1, BED, "50.00", "2"))
    left = renamed(naming_a_visit(stay)["2402"], dscg_way="5", endtime="2026-11-20 09:00:00")
    assert stay.hospital.call("2402", left).accepted
    settled = stay.settle_stay().output["setlinfo"]
    assert Decimal(settled["medfee_sumamt"]) == 100
    with Session(engine) as session:
        assert session.scalars(select(Death.source)).all() == [f"visit/{stay.mdtrt_id}"]
        assert str(people.died_on(session, stay.citizen.person_id)) == "2026-11-20"
    assert stay.undo(settled["setl_id"], "2305").accepted
    assert stay.hospital.call("2405", {"data": stay.who}).accepted
    with Session(engine) as session:
        assert people.died_on(session, stay.citizen.person_id) is None
