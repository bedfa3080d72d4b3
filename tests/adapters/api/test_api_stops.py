"""Stopped clinics and fees over HTTP."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from adapters import api, door, jobs
from hub.trust import SCOPES, Caller
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import CARDIOLOGY, COUNTY, EXPERT, TERTIARY

ROUTES = app_with(api.router)


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


def see_to_all() -> str:
    return jobs.see_to_stopped(Caller(kind="job", id="see-to-stopped", at=door.now(), scopes=SCOPES))


def test_a_clinic_is_stopped_its_patient_moved_called_and_the_fee_goes_along(engine: Engine, his: Peer) -> None:
    person_id, (first, second) = person_in(engine), slots_in(engine)
    booked = his("POST", "/api/v1/appointments", json={"slot_id": first, "person_id": person_id}).json()
    path = f"/api/v1/appointments/{booked['appointment_id']}"
    paid = his("POST", f"{path}/fee", json={"amount": "28.00", "receipt": "R-1"})
    assert (paid.status_code, paid.json()["state"], paid.json()["amount"]) == (200, "paid", "28.00")
    wish = {
        "department_id": CARDIOLOGY,
        "practitioner_id": EXPERT,
        "since": booked["start"],
        "until": booked["end"],
        "reason": "医生外出",
    }
    stops = [his("POST", "/api/v1/clinic-stops", json=wish) for _ in range(2)]
    assert [stop.status_code for stop in stops] == [201, 201]
    assert stops[0].json() == stops[1].json()
    stop = stops[0].json()
    assert (stop["slots"], stop["holds"], stop["since"]) == (1, 0, booked["start"])
    where = f"/api/v1/clinic-stops/{stop['stop_id']}"
    assert [visit["state"] for visit in his("GET", where).json()["visits"]] == ["waiting"]
    assert see_to_all() == "1 visits"
    (visit,) = his("GET", where).json()["visits"]
    assert (visit["state"], visit["new_slot_id"], visit["known"]) == ("moved", second, "waiting")
    assert datetime.fromisoformat(visit["new_start"]).utcoffset() == timedelta(hours=8)
    assert his("GET", path).json()["slot_id"] == second
    call = {"outcome": "reached", "after_calls": 0, "note": "本人接的"}
    said = [his("POST", f"/api/v1/stopped-visits/{visit['visit_id']}/calls", json=call).json() for _ in range(2)]
    assert [(one["calls"], one["known"], one["note"]) for one in said] == [(1, "reached", "本人接的")] * 2
    assert his("GET", "/api/v1/clinic-stops").json() == [stop]
    his("POST", f"{path}/cancel", json={"reason": "不去了"})
    assert [row["state"] for row in his("GET", "/api/v1/fees/refunds-due").json()] == ["refund-due"]
    back = his("POST", f"{path}/fee/refund", json={"receipt": "B-1"}).json()
    assert (back["state"], back["refund_receipt"]) == ("refunded", "B-1")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"until": "2026-11-01T00:00:00"}, 400, "invalid"),
        ({"department_id": "H42050000101-9999"}, 422, "department-unknown"),
        ({"reason": ""}, 400, "missing"),
        ({"until": "2020-01-02T00:00:00+08:00", "since": "2020-01-01T00:00:00+08:00"}, 400, "invalid"),
    ],
)
def test_a_wrong_stop_is_refused_by_element(his: Peer, change: dict[str, str], status: int, code: str) -> None:
    now = door.now()
    wish = {
        "department_id": CARDIOLOGY,
        "since": now.isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "reason": "开会",
    }
    answer = his("POST", "/api/v1/clinic-stops", json=wish | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_another_hospital_neither_stops_nor_sees_nor_takes_a_fee(engine: Engine, his: Peer) -> None:
    county = Peer(ROUTES, token_for(engine, COUNTY, SCOPES - {"operations"}))
    person_id, (first, _) = person_in(engine), slots_in(engine)
    booked = his("POST", "/api/v1/appointments", json={"slot_id": first, "person_id": person_id}).json()
    wish = {"department_id": CARDIOLOGY, "since": booked["start"], "until": booked["end"], "reason": "开会"}
    assert county("POST", "/api/v1/clinic-stops", json=wish).status_code == 403
    stop = his("POST", "/api/v1/clinic-stops", json=wish).json()
    assert county("GET", f"/api/v1/clinic-stops/{stop['stop_id']}").status_code == 404
    fee = {"amount": "1.00", "receipt": "X"}
    path = f"/api/v1/appointments/{booked['appointment_id']}/fee"
    assert county("POST", path, json=fee).status_code == 404
    assert his("POST", path, json=fee | {"amount": "1.234"}).json()["element"] == "amount"
