"""Out-patients and in-patients through the door: registered, charged, quoted, settled, taken back."""

import json
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import settlement
from hub.settlement import Posting, Settlement
from tests.adapters.nhsa.cashier import Window, fee
from tests.region import COUNTY, TERTIARY, system

BED, ANTIBODY, COMPANION, ECHO, VITAMINS = "S-BED-01", "D-EX-0001", "S-ESC-01", "S-ECHO-01", "D-RES-01"
MONEY = [
    "medfee_sumamt",
    "fulamt_ownpay_amt",
    "overlmt_selfpay",
    "preselfpay_amt",
    "inscp_scp_amt",
    "act_pay_dedc",
    "hifp_pay",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "maf_pay",
    "oth_pay",
    "fund_pay_sumamt",
    "psn_part_amt",
    "acct_pay",
    "psn_cash_pay",
]


def amounts(setlinfo):
    return {name: Decimal(setlinfo[name]) for name in MONEY}


def ledger(engine):
    with Session(engine) as session:
        count = session.scalar(select(func.count()).select_from(Settlement))
        return count, session.scalar(select(func.coalesce(func.sum(Posting.amount), 0)))


@pytest.fixture
def window(hospital, insure):
    return Window(hospital, insure(1, "310", balance="300.00"))


@pytest.fixture
def charged(window):
    window.register().diagnose()
    window.charge(fee(1, BED, "500.00", "2"), fee(2, ANTIBODY, "1280.333"), fee(3, COMPANION, "60.00"))
    return window


def test_every_line_is_answered_with_its_division(window):
    window.register().diagnose()
    lines = window.charge(
        fee(1, ECHO, "900.00"), fee(2, ANTIBODY, "1280.333"), fee(3, COMPANION, "60.00"), fee(4, VITAMINS, "199.00")
    )
    divided = [
        (x["overlmt_amt"], x["fulamt_ownpay_amt"], x["preselfpay_amt"], x["inscp_scp_amt"], x["chrgitm_lv"])
        for x in lines
    ]
    assert divided == [
        ("50.00", "0.00", "0.00", "850.00", "01"),
        ("0.00", "0.00", "128.03", "1152.30", "02"),
        ("0.00", "60.00", "0.00", "0.00", "03"),
        ("0.00", "199.00", "0.00", "0.00", "02"),
    ]
    for line in lines:
        parts = ("overlmt_amt", "fulamt_ownpay_amt", "preselfpay_amt", "inscp_scp_amt")
        assert sum(Decimal(line[part]) for part in parts) == Decimal(line["det_item_fee_sumamt"])


def test_quote_and_settlement_agree_to_the_fen(charged, engine):
    quoted = charged.quote()
    assert ledger(engine) == (0, 0)
    settled = charged.settle()
    assert settled.accepted, settled.message
    assert amounts(settled.output["setlinfo"]) == amounts(quoted)
    assert "setl_id" not in quoted
    assert ledger(engine) == (1, 0)


def test_the_money_identities_hold(charged):
    output = charged.settle().output
    bill, info = amounts(output["setlinfo"]), output["setlinfo"]
    assert bill["medfee_sumamt"] == bill["fund_pay_sumamt"] + bill["psn_part_amt"] + Decimal(info["hosp_part_amt"])
    funds = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay")
    assert bill["fund_pay_sumamt"] == sum(bill[fund] for fund in funds)
    assert bill["psn_part_amt"] == bill["acct_pay"] + bill["psn_cash_pay"]
    parts = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    assert bill["medfee_sumamt"] == sum(bill[part] for part in parts)
    assert sum((Decimal(row["fund_payamt"]) for row in output["setldetail"]), Decimal()) == bill["fund_pay_sumamt"]
    assert Decimal(info["balc"]) == Decimal("300.00") - bill["acct_pay"]


def test_every_required_output_is_there(charged):
    from adapters.nhsa.region import region
    from adapters.nhsa.tables import transaction

    info = charged.settle().output["setlinfo"]
    required = [f.code for f in transaction("2207", region("420500")).outgoing["setlinfo"].fields if f.required]
    assert [code for code in required if info[code] == ""] == []


def test_the_same_message_again_gets_the_same_answer_and_one_settlement(charged, engine):
    msgid = charged.hospital.next_msgid()
    first, second = charged.settle(msgid=msgid), charged.settle(msgid=msgid)
    assert first.accepted
    assert first.reply == second.reply
    assert ledger(engine) == (1, 0)


def test_another_system_with_a_new_message_id_gets_the_settlement_that_stands(charged, hospital_of, engine):
    first = charged.settle()
    charged.hospital = hospital_of(TERTIARY, access_key="self-service", serial_from=5001)
    second = charged.settle()
    assert second.output["setlinfo"]["setl_id"] == first.output["setlinfo"]["setl_id"]
    assert amounts(second.output["setlinfo"]) == amounts(first.output["setlinfo"])
    assert ledger(engine) == (1, 0)


def test_the_same_message_id_with_another_total_is_refused(charged, engine):
    msgid = charged.hospital.next_msgid()
    charged.settle(msgid=msgid)
    other = charged.settle(msgid=msgid, acct_used_flag="0")
    assert "input.data.acct_used_flag" in other.message
    assert "input.data.invono" in charged.settle(msgid=msgid, invono="7").message
    assert ledger(engine) == (1, 0)


def test_the_same_message_id_for_another_upload_names_what_differs(window):
    window.register().diagnose()
    rows = [fee(1, BED, "50.00") | window.who | {"chrg_bchno": "B1"}]
    msgid = window.hospital.next_msgid()
    assert window.hospital.call("2204", {"feedetail": rows}, msgid=msgid).accepted
    rows = [fee(1, BED, "60.00") | window.who | {"chrg_bchno": "B1"}]
    assert (
        "input.feedetail[0].det_item_fee_sumamt"
        in window.hospital.call("2204", {"feedetail": rows}, msgid=msgid).message
    )


def test_what_was_refused_is_told_by_its_key(charged, engine):
    msgid = charged.hospital.next_msgid()
    assert not charged.settle(msgid=msgid, medfee_sumamt="1.00").accepted
    with Session(engine) as session:
        found = settlement.by_key(session, system(TERTIARY), key=msgid)
    assert found.state == "refused"
    assert "medfee_sumamt" in found.refusal


def test_a_settlement_refunded_in_part_is_undone_by_the_number_of_the_rest_only(charged, engine):
    setl_id = charged.settle().output["setlinfo"]["setl_id"]
    with Session(engine) as session, session.begin():
        given = settlement.refund(
            session,
            system(TERTIARY),
            settlement_id=int(setl_id),
            lines={"2": Decimal(1)},
            reason="退药",
            key="r1",
            content_hash=b"r",
        )
    assert str(given.rest.id) in charged.undo(setl_id).message
    assert charged.undo(str(given.rest.id)).accepted
    assert ledger(engine) == (4, 0)


@pytest.mark.parametrize(
    ("differs", "named"),
    [
        ({"medfee_sumamt": "1.00"}, "input.data.medfee_sumamt"),
        ({"fulamt_ownpay_amt": "1.00"}, "input.data.medfee_sumamt"),
        ({"mdtrt_id": "999999"}, "999999"),
        ({"mdtrt_id": "no number"}, "no number"),
        ({"chrg_bchno": "B9"}, "B9"),
        ({"psn_no": "nobody"}, "查不到此人"),
        ({"insutype": "390"}, "390"),
        ({"exp_content": "not json"}, "input.data.exp_content"),
        ({"certno": "420500197505050022"}, "input.data.certno"),
    ],
)
def test_a_settlement_that_cannot_be_is_refused_and_nothing_is_written(charged, engine, differs, named):
    exchange = charged.settle(**differs)
    assert exchange.answer["infcode"] == -1
    assert named in exchange.message
    assert ledger(engine) == (0, 0)


def test_another_persons_visit_is_refused(charged, insure, engine):
    stranger = insure(2, "310")
    exchange = charged.settle(**stranger.certificate)
    assert not exchange.accepted
    assert ledger(engine) == (0, 0)


def test_another_hospitals_visit_is_refused(charged, hospital_of, engine):
    charged.hospital = hospital_of(COUNTY)
    assert charged.mdtrt_id in charged.settle().message
    assert ledger(engine) == (0, 0)


def test_a_settlement_taken_back_leaves_the_accumulators_as_they_were(charged, engine):
    before = charged.hospital.ask("5206", {"data": {"psn_no": charged.citizen.psn_no}})
    setl_id = charged.settle().output["setlinfo"]["setl_id"]
    during = charged.hospital.ask("5206", {"data": {"psn_no": charged.citizen.psn_no}})
    undone = charged.undo(setl_id)
    assert undone.accepted, undone.message
    info = undone.output["setlinfo"]
    assert info["setl_id"] == setl_id
    assert Decimal(info["medfee_sumamt"]) == -charged.total
    assert Decimal(info["pdn_cash_pay"]) < 0
    after = charged.hospital.ask("5206", {"data": {"psn_no": charged.citizen.psn_no}})
    assert before == after != during
    assert ledger(engine) == (2, 0)


def test_undoing_what_a_later_settlement_was_built_on_is_refused_by_name(charged):
    first = charged.settle().output["setlinfo"]["setl_id"]
    charged.charge(fee(11, BED, "300.00"), batch="B2")
    second = charged.settle(batch="B2").output["setlinfo"]["setl_id"]
    assert second in charged.undo(first).message
    assert charged.undo(second).accepted
    assert charged.undo(first).accepted


def test_a_settlement_is_looked_up(charged):
    info = charged.settle().output["setlinfo"]
    found = charged.hospital.ask("5203", {"data": charged.who | {"setl_id": info["setl_id"]}})["setlinfo"]
    assert amounts({**found, "psn_part_amt": found["psn_pay"], "psn_cash_pay": found["cash_payamt"]}) == amounts(info)
    assert (found["refd_setl_flag"], found["year"]) == ("0", "2026")


def test_settled_lines_cannot_be_cancelled_and_open_ones_can(charged):
    cancel = {"data": charged.who | {"chrg_bchno": "0000"}}
    setl_id = charged.settle().output["setlinfo"]["setl_id"]
    assert setl_id in charged.hospital.call("2205", {"data": charged.who | {"chrg_bchno": "B1"}}).message
    charged.undo(setl_id)
    charged.hospital.ask("2205", cancel)
    assert "B1" in charged.settle().message
    charged.hospital.ask("2202", {"data": charged.who | {"ipt_otp_no": charged.number}})


def test_a_visit_with_fees_cannot_be_cancelled(charged):
    exchange = charged.hospital.call("2202", {"data": charged.who | {"ipt_otp_no": charged.number}})
    assert charged.number in exchange.message


@pytest.mark.parametrize(
    ("differs", "element"),
    [
        ({"med_list_codg": "NO-SUCH"}, "NO-SUCH"),
        ({"det_item_fee_sumamt": "1.00"}, "input.feedetail[0].det_item_fee_sumamt"),
        ({"feedetl_sn": "0"}, "input.feedetail[0].feedetl_sn"),
        ({"feedetl_sn": "abc"}, "input.feedetail[0].feedetl_sn"),
        ({"cnt": "-1"}, "input.feedetail[0].cnt"),
        ({"pric": "1.0000001"}, "input.feedetail[0].pric"),
    ],
)
def test_a_wrong_line_is_refused_by_its_place(window, differs, element):
    window.register().diagnose()
    rows = [fee(1, BED, "50.00", **differs) | window.who | {"chrg_bchno": "B1"}]
    exchange = window.hospital.call("2204", {"feedetail": rows})
    assert exchange.answer["infcode"] == -1
    assert element in exchange.message


def test_a_doubtful_bill_is_quoted_with_its_doubts_and_settled_when_a_doctor_answers_for_it(
    charged, hospital_of, engine
):
    elsewhere = Window(hospital_of(COUNTY), charged.citizen, number="X-1").register(
        atddr_no="D420582000021", begntime="2026-11-22 08:30:00"
    )
    elsewhere.charge(fee(1, ECHO, "900.00"))
    charged.charge(fee(21, ECHO, "900.00"), batch="B2")
    quoted = charged.quote(batch="B2")
    assert "当阳示例人民医院" in json.loads(quoted["exp_content"])["DOUBTS"][0]
    assert "当阳示例人民医院" in charged.settle(batch="B2").message
    alone = charged.settle(batch="B2", exp_content='{"OVRD_DR_CODG": "D420500000011"}')
    assert "input.data.exp_content.OVRD_REA" in alone.message
    assert ledger(engine) == (0, 0)
    signed = json.dumps({"OVRD_DR_CODG": "D420500000011", "OVRD_REA": "外院图像不清"})
    assert charged.settle(batch="B2", exp_content=signed).accepted
    assert ledger(engine) == (1, 0)


# in-patients


@pytest.fixture
def stay(hospital, insure):
    return Window(hospital, insure(1, "310"), number="ZY0001")


def file_referral(hospital_of, citizen):
    asked = {
        "psn_no": citizen.psn_no,
        "insutype": citizen.insutype,
        "diag_code": "I25.103",
        "diag_name": "冠心病",
        "reflin_medins_no": TERTIARY,
        "reflin_medins_name": "市示例中心医院",
        "mdtrtarea_admdvs": "420500",
        "refl_type": "1",
        "refl_date": "2026-11-15",
        "refl_rea": "需介入治疗",
        "refl_opnn": "同意转院",
        "begndate": "2026-11-15",
        "enddate": "2026-12-15",
    }
    hospital_of(COUNTY).ask("2501", {"refmedin": asked})


def test_a_stay_is_admitted_charged_discharged_quoted_and_settled(stay, engine):
    stay.admit()
    stay.charge_stay(fee(1, BED, "50.00", "6"))
    stay.charge_stay(fee(2, ANTIBODY, "1280.333", "3"), fee(3, COMPANION, "60.00"))
    stay.discharge()
    quoted = stay.quote_stay()
    settled = stay.settle_stay()
    assert settled.accepted, settled.message
    assert amounts(settled.output["setlinfo"]) == amounts(quoted)
    assert settled.output["setlinfo"]["clr_type"] == "21"
    assert ledger(engine) == (1, 0)


def test_the_same_stay_with_a_filed_referral_pays_more(stay, hospital_of, insure):
    def fund(window):
        window.admit().charge_stay(fee(1, BED, "50.00", "6"), fee(2, ANTIBODY, "1280.333", "10"))
        return Decimal(window.discharge().settle_stay().output["setlinfo"]["fund_pay_sumamt"])

    unreferred = fund(stay)
    referred = Window(stay.hospital, insure(2, "310"), number="ZY0002")
    file_referral(hospital_of, referred.citizen)
    assert fund(referred) > unreferred


def test_a_quote_of_a_stay_says_what_it_was_registered_as(stay):
    stay.admit(med_type="2101")
    stay.charge_stay(fee(1, BED, "50.00"))
    assert stay.quote_stay()["med_type"] == "2101"


def test_a_stay_is_not_settled_finally_before_the_discharge(stay):
    stay.admit()
    stay.charge_stay(fee(1, BED, "50.00", "6"))
    assert "2402" in stay.settle_stay().message
    assert stay.settle_stay(mid_setl_flag="1").accepted


def test_a_return_takes_off_what_it_names(stay):
    stay.admit()
    stay.charge_stay(fee(1, BED, "50.00", "6"))
    stay.charge_stay(fee(2, BED, "50.00", "-2", init_feedetl_sn="1"))
    stay.discharge()
    assert Decimal(stay.quote_stay()["medfee_sumamt"]) == Decimal("200.00")


def test_lines_of_a_stay_are_cancelled_by_number_or_all(stay):
    stay.admit()
    stay.charge_stay(fee(1, BED, "50.00"), fee(2, BED, "70.00"), fee(3, BED, "90.00"))
    stay.hospital.ask("2302", {"data": [stay.who | {"feedetl_sn": "2"}]})
    assert Decimal(stay.quote_stay(medfee_sumamt="140.00")["medfee_sumamt"]) == Decimal("140.00")
    stay.hospital.ask("2302", {"data": [stay.who | {"feedetl_sn": "0000"}]})
    stay.hospital.ask("2404", {"data": stay.who})


def test_an_out_patient_transaction_for_a_stay_is_refused(stay):
    stay.admit()
    stay.charge_stay(fee(1, BED, "50.00"))
    exchange = stay.hospital.call("2207", {"data": stay.bill()})
    assert "2304" in exchange.message


def test_a_discharge_is_taken_back_only_while_unsettled(stay):
    stay.admit()
    stay.charge_stay(fee(1, BED, "50.00", "6"))
    setl_id = stay.discharge().settle_stay().output["setlinfo"]["setl_id"]
    assert setl_id in stay.hospital.call("2405", {"data": stay.who}).message
    assert stay.undo(setl_id, "2305").accepted
    stay.hospital.ask("2405", {"data": stay.who})


def test_who_is_in_the_house_is_listed(stay):
    stay.admit()
    period = {"begntime": "2026-11-01 00:00:00", "endtime": "2026-11-30 23:59:59", "psn_no": ""}
    (row,) = stay.hospital.ask("5303", {"data": period})["data"]
    assert (row["mdtrt_id"], row["psn_name"], row["begndate"]) == (stay.mdtrt_id, stay.citizen.name, "2026-11-16")
    stay.discharge()
    assert stay.hospital.ask("5303", {"data": period})["data"] == []
    visits = stay.hospital.ask("5201", {"data": period | {"psn_no": stay.citizen.psn_no}})["mdtrtinfo"]
    assert [(x["mdtrt_id"], x["ipt_otp_no"], x["med_type"]) for x in visits] == [(stay.mdtrt_id, "ZY0001", "21")]


# reversal


def reverse(window, omsgid, oinfno="2207"):
    asked = {"data": {"psn_no": window.citizen.psn_no, "omsgid": omsgid, "oinfno": oinfno}}
    return window.hospital.call("2601", asked)


def test_a_settlement_whose_answer_was_lost_is_reversed_by_its_message_id(charged, engine):
    msgid = charged.hospital.next_msgid()
    charged.settle(msgid=msgid)
    assert reverse(charged, msgid).accepted
    assert reverse(charged, msgid).accepted
    assert ledger(engine) == (2, 0)
    assert msgid in charged.settle(msgid=msgid).message
    assert charged.settle().accepted


def test_a_message_reversed_before_it_was_seen_is_refused_when_it_comes(charged, engine):
    msgid = charged.hospital.next_msgid()
    assert reverse(charged, msgid).accepted
    late = charged.settle(msgid=msgid)
    assert "冲正" in late.message
    assert ledger(engine) == (0, 0)


def test_an_admission_is_reversed_and_its_late_copy_refused(stay):
    stay.admit()
    admission = stay.hospital.journal[-1]
    period = {"begntime": "2026-11-01 00:00:00", "endtime": "2026-11-30 23:59:59", "psn_no": ""}
    assert reverse(stay, admission.msgid, "2401").accepted
    assert stay.hospital.ask("5303", {"data": period})["data"] == []
    assert "冲正" in stay.hospital.send("2401", admission.request).message


def test_an_admission_with_fees_is_not_reversed(stay):
    stay.admit()
    admission = stay.hospital.journal[-1]
    stay.charge_stay(fee(1, BED, "50.00"))
    assert stay.number in reverse(stay, admission.msgid, "2401").message


def test_what_cannot_be_reversed_is_refused(charged):
    assert "input.data.oinfno" in reverse(charged, charged.hospital.next_msgid(), "2201").message


def test_another_persons_settlement_is_not_reversed(charged, insure, engine):
    msgid = charged.hospital.next_msgid()
    charged.settle(msgid=msgid)
    charged.citizen = insure(2, "310")
    assert msgid in reverse(charged, msgid).message
    assert ledger(engine) == (1, 0)
