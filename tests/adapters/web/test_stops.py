"""A clinic is stopped on the workbench: first what it would meet, then once, then the hotline's list."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import jobs
from hub import booking
from hub.booking import ClinicStop, Slot, StoppedVisit
from hub.units import CHINA, Money
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario, job
from tests.region import CARDIOLOGY, EXPERT, TERTIARY, a_person, staff


@pytest.fixture
def session(house: Engine) -> Iterator[Session]:
    with Session(house) as session:
        yield session


def the_clinic(scenario: Scenario, **more: str) -> dict[str, str]:
    day = scenario.day + timedelta(days=4)
    return {
        "department": CARDIOLOGY,
        "practitioner": EXPERT,
        "since": f"{day}T14:00",
        "until": f"{day}T15:00",
        "reason": "医生病了",
        "then": "cancel",
    } | more


def booked_there(house: Engine, scenario: Scenario) -> int:
    day = scenario.day + timedelta(days=4)
    with Session(house) as session, session.begin():
        caller = staff(TERTIARY, at=scenario.at)
        found = booking.search(session, caller, day_from=day, day_to=day, practitioner_id=EXPERT, pool="public")
        who = a_person(session, 8, name="被停诊")
        row = booking.book(session, caller, slot_id=found[0].slot_id, person_id=who.id, channel="window")
        booking.pay_fee(session, caller, appointment_id=row.id, amount=Money(2200), receipt="SJ-8")
        return row.id


def test_a_clerk_sees_whom_it_meets_stops_once_calls_and_pays_back(
    visit: Visit, house: Engine, session: Session, scenario: Scenario
) -> None:
    appointment_id = booked_there(house, scenario)
    client, asked = visit("center.doctor"), the_clinic(scenario)
    sure = client.get("/desk/stops", params=asked)
    assert "1 位已预约" in sure.text
    assert "2 个时段不再放号" in sure.text
    assert session.scalar(select(func.count()).select_from(ClinicStop).where(ClinicStop.reason == "医生病了")) == 0
    form = next(one for one in Page(sure.text).forms if one.method == "post" and one.action == "/desk/stops")
    answers = [client.post("/desk/stops", data=form.fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    path = answers[0].headers["location"]
    assert "正在改期和通知：0 / 1" in client.get(path).text
    jobs.see_to_stopped(job(scenario.at))
    page = client.get(path)
    assert "正在改期" not in page.text
    assert "被停诊" in page.text
    assert "19900000008" in page.text
    row = session.get_one(booking.Appointment, appointment_id)
    assert (row.state, row.cancel_reason) == ("cancelled", "医院停诊：医生病了")

    call = next(one for one in Page(page.text).forms if "/visits/" in one.action)
    for _ in range(2):
        assert (
            client.post(call.action, data={**call.fields, "outcome": "reached", "note": "家属接的"}).status_code == 303
        )
    seen = session.scalars(select(StoppedVisit).where(StoppedVisit.appointment_id == appointment_id)).one()
    assert (seen.calls, seen.outcome, seen.note) == (1, "reached", "家属接的")
    assert "打过 1 次" in client.get(path).text

    refunds = Page(client.get("/desk/stops").text)
    back = next(one for one in refunds.forms if one.action == f"/desk/refunds/{appointment_id}")
    assert client.post(back.action, data={**back.fields, "receipt": "TF-1"}).status_code == 303
    fee = booking.fee_of(session, appointment_id)
    assert fee is not None
    assert (fee.state, fee.refund_receipt) == ("refunded", "TF-1")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"reason": ""}, "停诊原因"),
        ({"until": "2020-01-01T00:00"}, "有误"),
        ({"since": "明天"}, "有误"),
        ({"department": "H42050000101-9999"}, "没有编号为"),
        ({"since": "2026-11-01T00:00", "until": "2027-11-01T00:00"}, "最长 92 天"),
    ],
)
def test_what_was_typed_wrong_is_named_and_kept(
    visit: Visit, session: Session, scenario: Scenario, wrong: dict[str, str], sentence: str
) -> None:
    client = visit("center.doctor")
    before = session.scalar(select(func.count()).select_from(ClinicStop))
    csrf = Page(client.get("/desk/stops").text).forms
    token = next(one.fields["csrf"] for one in csrf if one.method == "post")
    answer = client.post("/desk/stops", data=the_clinic(scenario, **wrong) | {"csrf": token})
    assert answer.status_code in (400, 404, 422)
    assert sentence in answer.text
    assert "医生病了" in answer.text or not wrong.get("reason", "x")
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(ClinicStop)) == before


def test_the_citizen_sees_a_stopped_clinic_and_the_message(visit: Visit, session: Session, scenario: Scenario) -> None:
    day = scenario.day + timedelta(days=8)
    where = visit(scenario.person_id).get(f"/book/{CARDIOLOGY}?day={day}")
    assert "停诊" in where.text
    assert "停诊" in visit(scenario.stranger_id).get("/messages").text
    stopped = session.scalars(select(Slot.start_at).where(Slot.state == "blocked").order_by(Slot.start_at)).all()
    assert day in {at.astimezone(CHINA).date() for at in stopped}
