"""The waiting list over HTTP: join, be offered, decline, accept, leave."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from adapters import api
from hub.units import CHINA
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import CARDIOLOGY, COUNTY, TERTIARY

ROUTES = app_with(api.router)


def test_a_freed_place_goes_down_the_list_and_is_booked(engine: Engine) -> None:
    his = Peer(ROUTES, token_for(engine, TERTIARY))
    taker, first, second = (person_in(engine, serial) for serial in (1, 2, 3))
    rows = []
    for n, slot in enumerate(slots_in(engine)):
        booked = his(
            "POST", "/api/v1/appointments", json={"slot_id": slot, "person_id": (taker, person_in(engine, 9))[n]}
        )
        rows.append(booked.json())
    day = rows[0]["start"][:10]
    wish = {"department_id": CARDIOLOGY, "day_from": day, "day_to": day}
    joined = [his("POST", "/api/v1/waiting", json=wish | {"person_id": who}) for who in (first, second)]
    assert [(one.status_code, one.json()["before"]) for one in joined] == [(201, 0), (201, 1)]
    one, two = (f"/api/v1/waiting/{each.json()['wish_id']}" for each in joined)
    his("POST", f"/api/v1/appointments/{rows[0]['appointment_id']}/cancel", json={"reason": "有事"})
    offer = his("GET", one).json()["offer"]
    assert offer["slot_id"] == rows[0]["slot_id"]
    assert datetime.fromisoformat(offer["expires_at"]).utcoffset() == timedelta(hours=8)
    assert his("GET", f"/api/v1/waiting?person_id={first}").json()[0]["state"] == "offered"
    declined = his("POST", f"{one}/decline").json()
    assert (declined["state"], declined["offer"]) == ("waiting", None)
    accepted = his("POST", f"{two}/accept")
    assert (accepted.status_code, accepted.json()["slot_id"], accepted.json()["state"]) == (
        201,
        rows[0]["slot_id"],
        "booked",
    )
    assert his("GET", two).json()["state"] == "booked"
    assert his("POST", f"{one}/leave").json()["state"] == "left"
    again = his("POST", f"{one}/accept")
    assert (again.status_code, again.json()["code"]) == (409, "nothing-offered")
    county = Peer(ROUTES, token_for(engine, COUNTY))
    assert county("GET", one).status_code == 404


def test_nobody_waits_while_there_are_places(engine: Engine) -> None:
    his, person_id = Peer(ROUTES, token_for(engine, TERTIARY)), person_in(engine)
    slots_in(engine)
    day = str((datetime.now(CHINA) + timedelta(days=1)).date())
    wish = {"person_id": person_id, "department_id": CARDIOLOGY, "day_from": day, "day_to": day}
    answer = his("POST", "/api/v1/waiting", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "place-free")
