"""Referrals and results over the JSON API, between two hospitals."""

from datetime import time
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters import api
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import CARDIOLOGY, COMMUNITY, COMMUNITY_DOCTOR, COUNTY, EXPERT, TERTIARY

ROUTES = app_with(api.router)
REFERRALS = "/api/v1/referrals"


@pytest.fixture
def sender(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, COMMUNITY))


@pytest.fixture
def receiver(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


@pytest.fixture
def person_id(engine: Engine) -> int:
    return person_in(engine)


@pytest.fixture
def slot_id(engine: Engine) -> int:
    """One place kept for referrals, tomorrow."""
    (only,) = slots_in(engine, pool="referral", ends=time(9, 30))
    return only


def wish(person_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "receiver_id": TERTIARY,
        "receiver_department_id": CARDIOLOGY,
        "sender_practitioner_id": COMMUNITY_DOCTOR,
        "reason": "胸痛待查，本院无冠脉造影条件",
        "diagnoses": [{"code": "I20.9", "name": "心绞痛"}],
        "placer_number": "ZZ-1",
    } | changes


def test_a_referral_goes_up_with_its_place_and_comes_back_with_a_letter(
    sender: Peer, receiver: Peer, person_id: int, slot_id: int
) -> None:
    sent = sender("POST", REFERRALS, json=wish(person_id, slot_id=slot_id))
    assert sent.status_code == 201
    row = sent.json()
    assert (row["state"], row["direction"], row["slot_leg"], row["task_status"]) == (
        "sent",
        "up",
        "booked",
        "requested",
    )
    assert sender("POST", REFERRALS, json=wish(person_id, slot_id=slot_id)).json()["referral_id"] == row["referral_id"]
    path = f"{REFERRALS}/{row['referral_id']}"
    assert "recall" in row["available_actions"]
    waiting = receiver("GET", f"{REFERRALS}?worklist=incoming").json()
    assert [w["referral_id"] for w in waiting] == [row["referral_id"]]
    assert "accept" in waiting[0]["available_actions"]
    assert receiver("POST", f"{path}/accept", json={"note": "请空腹"}).json()["state"] == "booked"
    appointment = receiver("GET", f"/api/v1/appointments/{row['appointment_id']}").json()
    assert (appointment["slot_id"], appointment["referral_id"]) == (slot_id, row["referral_id"])
    assert receiver("POST", f"{path}/arrive").json()["state"] == "arrived"
    letter = {"title": "出院小结", "text": "支架置入术后，情况平稳。", "signer_id": EXPERT}
    assert receiver("POST", f"{path}/complete", json=letter).json()["state"] == "completed"
    events = sender("GET", f"{path}/history").json()
    assert [e["event"] for e in events][-2:] == ["arrive", "complete"]
    assert [r["referral_id"] for r in sender("GET", f"{path}/chain").json()] == [row["referral_id"]]


def test_a_rejected_referral_gives_its_place_back(sender: Peer, receiver: Peer, person_id: int, slot_id: int) -> None:
    row = sender("POST", REFERRALS, json=wish(person_id, slot_id=slot_id)).json()
    path = f"{REFERRALS}/{row['referral_id']}"
    silent = receiver("POST", f"{path}/reject", json={"text": " "})
    assert (silent.status_code, silent.json()["element"]) == (400, "reason")
    assert receiver("POST", f"{path}/reject", json={"text": "床位已满"}).json()["state"] == "rejected"
    free = sender("GET", "/api/v1/slots?pool=referral&free=true").json()["slots"]
    assert [s["slot_id"] for s in free] == [slot_id]


def test_a_rejected_referral_is_followed_by_another_of_the_same_chain(
    sender: Peer, receiver: Peer, person_id: int
) -> None:
    first = sender("POST", REFERRALS, json=wish(person_id)).json()
    again = wish(person_id, placer_number="ZZ-2", previous_id=first["referral_id"])
    refused = sender("POST", REFERRALS, json=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "still-open")
    receiver("POST", f"{REFERRALS}/{first['referral_id']}/reject", json={"text": "床位已满"})
    second = sender("POST", REFERRALS, json=again).json()
    assert (second["previous_id"], second["chain_id"]) == (first["referral_id"], first["chain_id"])
    assert second["due_at"] == second["answer_due_at"]
    rejected = sender("GET", f"{REFERRALS}/{first['referral_id']}").json()
    assert (rejected["state"], rejected["due_at"]) == ("rejected", None)
    chain = receiver("GET", f"{REFERRALS}/{second['referral_id']}/chain").json()
    assert [row["referral_id"] for row in chain] == [first["referral_id"], second["referral_id"]]


def test_a_place_that_is_gone_refuses_the_whole_referral(
    engine: Engine, sender: Peer, person_id: int, slot_id: int
) -> None:
    other = person_in(engine, 2)
    sender("POST", REFERRALS, json=wish(other, slot_id=slot_id, placer_number="ZZ-0"))
    refused = sender("POST", REFERRALS, json=wish(person_id, slot_id=slot_id))
    assert (refused.status_code, refused.json()["code"]) == (409, "slot-taken")
    assert [r["person_id"] for r in sender("GET", f"{REFERRALS}?worklist=outgoing").json()] == [other]


def test_strangers_and_wrong_moves_are_refused(engine: Engine, sender: Peer, receiver: Peer, person_id: int) -> None:
    row = sender("POST", REFERRALS, json=wish(person_id)).json()
    path = f"{REFERRALS}/{row['referral_id']}"
    stranger = Peer(ROUTES, token_for(engine, COUNTY))
    assert stranger("GET", path).status_code == 404
    assert stranger("POST", f"{path}/accept", json={}).status_code == 404
    assert sender("POST", f"{path}/accept", json={}).json()["code"] == "not-your-move"
    assert receiver("POST", f"{path}/arrive").json()["code"] == "illegal-move"
    assert sender("POST", REFERRALS, json=wish(person_id, receiver_id=COMMUNITY)).json()["code"] == "to-itself"
    missing = sender("POST", REFERRALS, json=wish(person_id, diagnoses=[{"code": "I20.9"}]))
    assert (missing.status_code, missing.json()["element"]) == (400, "diagnoses[0].name")


def test_a_result_is_published_and_read_by_the_referrer_but_not_by_a_stranger(
    engine: Engine, sender: Peer, receiver: Peer, person_id: int
) -> None:
    row = sender("POST", REFERRALS, json=wish(person_id)).json()
    receiver("POST", f"{REFERRALS}/{row['referral_id']}/accept", json={})
    body = {
        "person_id": person_id,
        "filler_number": "L-1",
        "order": {"code": "TNT", "name": "肌钙蛋白"},
        "author": {"id": EXPERT, "name": "陈示范"},
        "issued_at": "2026-11-22T10:00:00+08:00",
        "observations": [{"code": "TNT", "name": "肌钙蛋白T", "value": "0.010", "unit": "ng/mL", "range": "<0.014"}],
    }
    made = receiver("POST", "/api/v1/reports", json=body)
    assert made.status_code == 201
    assert made.json()["observations"][0]["value"] == "0.010"
    assert receiver("POST", "/api/v1/reports", json=body).json() == made.json()
    read = sender("GET", f"/api/v1/reports?person_id={person_id}").json()
    assert read == [made.json()]
    stranger = Peer(ROUTES, token_for(engine, COUNTY))
    assert stranger("GET", f"/api/v1/reports/{made.json()['report_id']}").status_code == 404
    assert stranger("GET", f"/api/v1/reports?person_id={person_id}").status_code == 404
