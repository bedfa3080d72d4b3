"""The served door: whatever comes in is answered in the interface's own form, and only what is whole is worked on."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.exchange import HeardMessage
from hub.trust import Audit

INSTITUTION = {"medinsinfo": {"fixmedins_type": "1", "fixmedins_name": "", "fixmedins_code": "H42050000101"}}


def test_a_signed_request_is_answered(hospital):
    output = hospital.ask("1201", INSTITUTION)
    assert output["medinsinfo"]["fixmedins_name"] == "市示例中心医院"
    assert output["medinsinfo"]["hosp_lv"] == "2"


def test_the_reply_has_the_form_of_the_interface(hospital):
    answer = hospital.call("1201", INSTITUTION).answer
    assert list(answer) == ["infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output"]
    assert answer["infcode"] == 0
    assert len(answer["inf_refmsgid"]) == 30
    assert answer["inf_refmsgid"].startswith("420500")
    assert (len(answer["refmsg_time"]), len(answer["respond_time"])) == (17, 17)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "缺少服务网关的请求头!"),
        ({"_api_signature": ""}, "缺少服务网关的请求头!"),
        ({"_api_timestamp": "1000000000000"}, "签名时间戳超时!"),
        ({"_api_access_key": "nobody"}, "非法用户!"),
        ({"_api_signature": "AAAA"}, "签名不一致!"),
    ],
)
def test_what_is_not_signed_is_turned_away_at_the_gateway(hospital, engine, headers, message):
    sent = hospital.signed("1201") | headers if headers else {}
    exchange = hospital.send("1201", b"{}", headers=sent)
    assert exchange.status == 401
    assert exchange.answer == {"code": 401, "message": message}
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(HeardMessage)) == 0


def test_a_stale_request_is_turned_away(hospital_of):
    late = hospital_of(clock=lambda: datetime.now(UTC) - timedelta(minutes=31))
    assert late.call("1201", INSTITUTION).answer == {"code": 401, "message": "签名时间戳超时!"}


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\xff\xfe", b"{", b"[]", b"null", b'{"infno": 1201', '{"infno": "1201"}'.encode("utf-16"), b"[" * 5000],
)
def test_rubbish_is_answered_and_stored(hospital, engine, body):
    exchange = hospital.send("1201", body)
    assert exchange.status == 200
    assert exchange.answer["infcode"] == -1
    assert exchange.answer["err_msg"]
    with Session(engine) as session:
        (heard,) = session.scalars(select(HeardMessage)).all()
        assert (heard.door, heard.outcome, heard.body) == ("nhsa", "invalid", body)
        assert heard.fault == exchange.message


def test_a_message_cut_in_the_middle_is_answered(hospital):
    whole = hospital.envelope("1201", INSTITUTION, msgid=hospital.next_msgid())
    exchange = hospital.send("1201", whole[: len(whole) // 2])
    assert exchange.answer["infcode"] == -1
    assert "JSON" in exchange.message


@pytest.mark.parametrize(
    ("differs", "named"),
    [
        ({"infno": "1101"}, "infno"),
        ({"msgid": "H42050000101"}, "msgid"),
        ({"msgid": ""}, "msgid"),
        ({"msgid": "H42058200201202611220900000001"}, "msgid"),
        ({"fixmedins_code": "H42058200201"}, "H42058200201"),
        ({"opter_type": "9"}, "opter_type"),
        ({"inf_time": "yesterday"}, "inf_time"),
        ({"recer_sys_code": None}, "recer_sys_code"),
        ({"input": "text"}, "input"),
        ({"input": {}}, "input.medinsinfo"),
        ({"input": {"medinsinfo": {"fixmedins_type": "77"}}}, "input.medinsinfo.fixmedins_type"),
    ],
)
def test_a_wrong_envelope_is_refused_by_the_element(hospital, differs, named):
    message = json.loads(hospital.envelope("1201", INSTITUTION, msgid=hospital.next_msgid())) | differs
    exchange = hospital.send("1201", json.dumps(message).encode())
    assert exchange.answer["infcode"] == -1
    assert named in exchange.message
    assert len(exchange.message) <= 200


def test_the_area_may_be_spelled_either_way(hospital):
    message = json.loads(hospital.envelope("1201", INSTITUTION, msgid=hospital.next_msgid()))
    message["mdtrtarea_admdvs"] = message.pop("mdtrtarea_admvs")
    assert hospital.send("1201", json.dumps(message).encode()).accepted


@pytest.mark.parametrize(("infno", "name"), [("5302", "人员定点信息查询"), ("9999", "未知交易")])
def test_a_transaction_the_region_does_not_offer_is_refused_by_name(hospital, infno, name):
    exchange = hospital.call(infno, {"data": {}})
    assert exchange.answer["infcode"] == -1
    assert "未开通" in exchange.message
    assert name in exchange.message


def test_the_path_and_the_signed_name_must_agree(hospital):
    body = hospital.envelope("1201", INSTITUTION, msgid=hospital.next_msgid())
    exchange = hospital.send("1101", body, headers=hospital.signed("1201"))
    assert "_api_name" in exchange.message


def test_an_operator_signs_in_and_out(hospital):
    number = hospital.sign_in()
    assert len(number) == 30
    output = hospital.ask("9002", {"signOut": {"sign_no": number, "opter_no": hospital.operator}})
    assert output["sign_time"]["sign_time"]


def test_signing_out_with_another_number_is_refused(hospital):
    exchange = hospital.call("9002", {"signOut": {"sign_no": "20261122" + "0" * 22, "opter_no": hospital.operator}})
    assert "9001" in exchange.message


def test_a_repeat_gets_the_answer_of_its_first_copy_byte_for_byte(hospital, engine):
    msgid = hospital.next_msgid()
    asked = {"signIn": {"opter_no": "0001", "mac": "02-42", "ip": "127.0.0.1"}}
    first, second = (hospital.call("9001", asked, msgid=msgid) for _ in range(2))
    assert first.reply == second.reply


def test_a_message_id_used_for_other_content_is_refused(hospital):
    msgid = hospital.next_msgid()
    hospital.ask("9001", {"signIn": {"opter_no": "0001", "mac": "02-42", "ip": "127.0.0.1"}}, msgid=msgid)
    other = hospital.call("9001", {"signIn": {"opter_no": "0002", "mac": "02-42", "ip": "127.0.0.1"}}, msgid=msgid)
    assert msgid in other.message


def test_every_call_leaves_one_audit_row(hospital, engine):
    hospital.ask("1201", INSTITUTION)
    hospital.call("1201", {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": "H99999999999"}})
    with Session(engine) as session:
        rows = session.execute(select(Audit.verb, Audit.outcome, Audit.caller_id).order_by(Audit.id)).all()
    assert rows == [
        ("nhsa.1201", "ok", "H42050000101/nhsa"),
        ("nhsa.1201", "organisation-unknown", "H42050000101/nhsa"),
    ]
