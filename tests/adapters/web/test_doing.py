"""What people do on the pages, form by form, without a script."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from hub import booking, exchange, journeys, people, reconciliation, referrals
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Form, Page
from tests.adapters.web.scenario import Scenario
from tests.region import CARDIOLOGY, COMMUNITY, COUNTY, TERTIARY, citizen, system


@pytest.fixture
def session(house: Engine) -> Iterator[Session]:
    with Session(house) as session:
        yield session


def _send(client, form: Form, **more):
    return client.post(form.action, data={**form.fields, **more})


def test_a_citizen_books_in_four_steps_and_pressing_twice_books_once(
    visit: Visit, session: Session, scenario: Scenario
) -> None:
    client = visit(scenario.child_id)
    page = Page(client.get(f"/book/{CARDIOLOGY}?day={scenario.day}").text)
    held = _send(client, page.form(f"/book/{CARDIOLOGY}"), slot_id=scenario.slot_id)
    assert held.status_code == 303
    confirm = client.get(held.headers["location"])
    assert "已留给您" in confirm.text
    form = Page(confirm.text).form("/book/confirm")
    first = _send(client, form, reason="发烧两天")
    second = _send(client, form, reason="发烧两天")
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    rows = session.scalars(select(booking.Appointment).where(booking.Appointment.person_id == scenario.child_id)).all()
    assert [(row.slot_id, row.channel, row.reason) for row in rows] == [(scenario.slot_id, "app", "发烧两天")]
    done = client.get(first.headers["location"])
    assert "挂好了" in done.text
    calendar = client.get(f"/appointments/{rows[0].id}.ics")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert "BEGIN:VEVENT\r\n" in calendar.text


def test_a_place_that_is_gone_shows_what_is_left(visit: Visit, session: Session, scenario: Scenario) -> None:
    last = _referral_only_slot(session, scenario)
    client = visit(scenario.person_id)
    form = Page(client.get(f"/book/{CARDIOLOGY}?day={scenario.day}").text).form(f"/book/{CARDIOLOGY}")
    answer = _send(client, form, slot_id=last)
    assert answer.status_code in (409, 422)
    assert "转诊专用" in answer.text
    assert Page(answer.text).form(f"/book/{CARDIOLOGY}"), "the choice is still there"


def test_a_citizen_moves_and_then_cancels_an_appointment(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit(scenario.person_id)
    appointment_id = scenario.appointment_id
    path = f"/appointments/{appointment_id}/move"
    page = Page(client.get(f"{path}?day={scenario.day}").text)
    moved = _send(client, page.form(path), slot_id=scenario.slot_id)
    assert (moved.status_code, moved.headers["location"]) == (303, f"/appointments/{appointment_id}?done=moved")
    assert session.get_one(booking.Appointment, appointment_id).slot_id == scenario.slot_id
    form = Page(client.get(f"/appointments/{appointment_id}/cancel").text).form(
        f"/appointments/{appointment_id}/cancel"
    )
    cancelled = _send(client, form, reason="时间不合适")
    assert cancelled.status_code == 303
    session.expire_all()
    row = session.get_one(booking.Appointment, appointment_id)
    assert (row.state, row.cancel_reason) == ("cancelled", "时间不合适")
    assert "已取消" in client.get(cancelled.headers["location"]).text
    again = _send(client, form, reason="时间不合适")
    assert again.status_code == 409
    assert "现在的状态" in again.text


def test_the_window_clerk_books_for_a_card_and_prints_a_slip(
    visit: Visit, session: Session, scenario: Scenario
) -> None:
    client = visit("center.clerk")
    card = people.person(session, scenario.stranger_id).card_number
    page = Page(client.get("/desk/window", params={"number": card, "department": CARDIOLOGY}).text)
    slot = next(each["value"] for each in page.inputs if each.get("name") == "slot_id" and "disabled" not in each)
    answer = _send(client, page.form("/desk/window"), slot_id=slot, reason="复诊")
    assert answer.status_code == 303
    slip = client.get(answer.headers["location"])
    assert "挂号小票" in slip.text
    assert "阿卜杜热合曼" in slip.text
    row = session.scalars(
        select(booking.Appointment).where(
            booking.Appointment.person_id == scenario.stranger_id, booking.Appointment.channel == "window"
        )
    ).one()
    assert row.state == "booked"


def test_a_card_nobody_has_is_told_so_at_the_window(visit: Visit, scenario: Scenario) -> None:
    answer = visit("center.clerk").get("/desk/window", params={"number": "420500000000000000"})
    assert answer.status_code == 404
    assert "查不到此人" in answer.text


def test_the_duty_desk_confirms_what_nobody_has_looked_at(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit("center.doctor")
    page = Page(client.get("/desk/duty").text)
    assert "1 份转诊没人确认" in page.text
    (row,) = session.scalars(
        select(referrals.Referral).where(referrals.Referral.sender_id == COUNTY, referrals.Referral.state == "sent")
    ).all()
    assert _send(client, page.form(f"/desk/referrals/{row.id}/receive")).status_code == 303
    session.expire_all()
    assert row.state == "received"
    assert "没有没人确认的转诊" in client.get("/desk/duty").text
    assert "0 份转诊" in visit("community.doctor").get("/desk/duty").text


def test_a_rejected_patient_is_sent_elsewhere_in_the_same_chain_that_all_three_see(
    visit: Visit, session: Session, scenario: Scenario
) -> None:
    doctor = system(COMMUNITY, at=scenario.at)
    facts = referrals.ReferralFacts(
        person_id=scenario.stranger_id,
        sender_id=COMMUNITY,
        receiver_id=TERTIARY,
        reason="反复发热两周",
        diagnoses=({"code": "R50.9", "name": "发热"},),
    )
    first = journeys.refer(session, doctor, facts=facts)
    journeys.reject(session, system(TERTIARY, at=scenario.at), referral_id=first.id, reason="儿科床位已满")
    session.commit()
    client = visit("community.doctor")
    assert "没被接收，要决定 1" in client.get("/desk/referrals/out?group=to-decide").text
    letter = client.get(f"/desk/referrals/out?group=to-decide&open={first.id}")
    assert f"/desk/refer?again={first.id}" in Page(letter.text).links
    page = Page(client.get(f"/desk/refer?again={first.id}&receiver={COUNTY}/").text)
    form = page.form("/desk/refer")
    assert ">R50.9 发热</textarea>" in page.text
    written = {"slot_id": "", "file": "1", "diagnoses": "R50.9 发热", "reason": "反复发热两周"}
    sent = _send(client, form, **written)
    assert sent.status_code == 303
    second = session.scalars(select(referrals.Referral).where(referrals.Referral.previous_id == first.id)).one()
    assert (second.receiver_id, second.chain_id, second.reason) == (COUNTY, first.id, "反复发热两周")
    shown = [
        client.get(f"/desk/referrals/out?group=all&open={second.id}"),
        visit("center.doctor").get(f"/desk/referrals/in?group=all&open={first.id}"),
        visit(scenario.stranger_id).get(f"/referrals/{second.id}"),
    ]
    for answer in shown:
        assert "前后 2 次转诊" in answer.text
        assert "儿科床位已满" in answer.text
    assert f"/desk/refer?again={first.id}" not in Page(client.get(letter.url).text).links
    again = _send(client, form, **written)
    assert again.status_code == 303
    rows = session.scalars(select(referrals.Referral).where(referrals.Referral.previous_id == first.id)).all()
    assert len(rows) == 1


def test_the_patient_reads_what_the_filing_saves(visit: Visit, scenario: Scenario) -> None:
    page = visit(scenario.person_id).get(f"/referrals/{scenario.referral_id}")
    assert "因为办了转诊备案，您大约少付" in page.text
    assert "转来，没备案" in page.text


def test_the_receiver_asks_the_sender_answers_and_the_referral_is_accepted(
    visit: Visit, session: Session, scenario: Scenario
) -> None:
    receiver, sender = visit("center.doctor"), visit("community.doctor")
    base = f"/desk/referrals/{scenario.waiting_id}"
    page = Page(receiver.get(f"/desk/referrals/in?open={scenario.waiting_id}").text)
    assert _send(receiver, page.form(f"{base}/request-info"), note="请补充心电图").status_code == 303
    page = Page(sender.get(f"/desk/referrals/out?open={scenario.waiting_id}").text)
    assert "请补充心电图" in page.text
    assert _send(sender, page.form(f"{base}/answer-info"), note="已上传").status_code == 303
    page = Page(receiver.get(f"/desk/referrals/in?open={scenario.waiting_id}").text)
    accepted = _send(receiver, page.form(f"{base}/accept"))
    assert accepted.headers["location"].endswith("done=accept")
    assert session.get_one(referrals.Referral, scenario.waiting_id).state == "booked"
    assert "已接收" in receiver.get(accepted.headers["location"]).text


def test_an_action_that_is_not_possible_now_says_what_is(visit: Visit, scenario: Scenario) -> None:
    client = visit("community.doctor")
    token = Page(client.get("/desk/referrals/out?group=all").text).form("/staff/sign-out").fields["csrf"]
    answer = client.post(f"/desk/referrals/{scenario.referral_id}/accept", data={"csrf": token})
    assert answer.status_code == 403
    assert "只能由" in answer.text


def test_a_new_referral_is_sent_in_one_page_with_its_place_and_filing(
    visit: Visit, session: Session, scenario: Scenario
) -> None:
    client = visit("community.doctor")
    path = f"/desk/refer?person_id={scenario.child_id}&receiver=H42050000101/{CARDIOLOGY}"
    page = Page(client.get(path).text)
    slot = next(each["value"] for each in page.inputs if each.get("name") == "slot_id" and each.get("value"))
    form = next(form for form in page.forms if form.method == "post" and form.action == "/desk/refer")
    facts = {"slot_id": slot, "file": "1", "reason": "心脏杂音，请超声检查"}
    wrong = _send(client, form, diagnoses="心脏杂音", **facts)
    assert wrong.status_code == 400
    assert "心脏杂音，请超声检查" in wrong.text, "what was typed is kept"
    answer = _send(client, form, diagnoses="R01.1 心脏杂音", **facts)
    assert answer.status_code == 303
    row = session.scalars(select(referrals.Referral).where(referrals.Referral.person_id == scenario.child_id)).one()
    assert (row.state, row.slot_leg, row.insurance_leg, row.direction) == ("sent", "booked", "filed", "up")


def test_a_difference_needs_two_people(visit: Visit, session: Session, scenario: Scenario) -> None:
    clerk, chief = visit("bureau.clerk"), visit("bureau.chief")
    base = f"/bureau/differences/{scenario.break_id}"
    form = Page(clerk.get(base).text).form(f"{base}/propose")
    assert _send(clerk, form, action="post-missing", note="超时，医院没记上").status_code == 303
    assert f"{base}/approve" not in [each.action for each in Page(clerk.get(base).text).forms]
    own = clerk.post(f"{base}/approve", data={"csrf": form.fields["csrf"]})
    assert own.status_code == 422
    assert "不能自己批准" in own.text
    form = Page(chief.get(base).text).form(f"{base}/approve")
    assert _send(chief, form).status_code == 303
    assert session.get_one(reconciliation.Break, scenario.break_id).state == "approved"


def test_the_bridge_on_the_board_foots(visit: Visit, scenario: Scenario) -> None:
    text = visit("bureau.clerk").get("/bureau").text
    assert "A + 差异 = B，分毫不差" in text
    assert "医保有，医院没有" in text


def test_a_parked_lane_is_resumed(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit("operator")
    page = Page(client.get("/ops/lanes").text)
    form = next(each for each in page.forms if each.fields.get("subject") == "person/999" and "resume" in each.action)
    assert _send(client, form).status_code == 303
    assert session.get_one(exchange.Lane, (COUNTY, "person/999")).state == "open"


def test_a_skipped_message_is_sent_again_as_a_new_one(visit: Visit, session: Session, scenario: Scenario) -> None:
    client = visit("operator")
    token = Page(client.get("/ops/lanes").text).form("/staff/sign-out").fields["csrf"]
    waiting = client.post(f"/ops/due/{scenario.due_id}/again", data={"csrf": token})
    assert waiting.status_code == 422
    assert client.post(f"/ops/due/{scenario.due_id}/skip", data={"csrf": token}).status_code == 303
    answer = _send(
        client, Page(client.get(f"/ops/due?open={scenario.due_id}").text).form(f"/ops/due/{scenario.due_id}/again")
    )
    assert answer.status_code == 303
    new = exchange.search_due(session, destination=COUNTY, subject="person/999")[0]
    old = exchange.due(session, scenario.due_id)
    assert (old.state, new.state, new.snapshot) == ("skipped", "due", old.snapshot)


def test_a_refused_message_shows_the_field_it_names_and_masks_who_it_is_about(visit: Visit, scenario: Scenario) -> None:
    text = visit("operator").get(f"/ops/heard?open={scenario.heard_id}").text
    assert "PID-3 有误" in text
    assert "身份标识" in text
    assert "<mark>" in text
    assert "420500196001010018" not in text
    assert "13800000000" not in text


def _referral_only_slot(session: Session, scenario: Scenario) -> int:
    offers = booking.search(
        session,
        citizen(scenario.person_id, at=scenario.at),
        day_from=scenario.day,
        day_to=scenario.day,
        pool="referral",
    )
    return offers[0].slot_id
