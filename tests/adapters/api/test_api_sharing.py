"""Shared accounts over the JSON API: the bureau opens and ends them, a hospital settles with them."""

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import api
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.hub.coverage.insured import with_pack
from tests.hub.coverage.test_sharing import family
from tests.hub.settlement.stays import charged
from tests.region import BUREAU, NOW, TERTIARY

ROUTES = app_with(api.router)


@pytest.fixture
def people(engine: Engine) -> dict[str, int]:
    with Session(engine) as session, session.begin():
        with_pack(session)
        owner, child = family(session)
        visit = charged(session, child.id, ended=NOW)
        return {"owner_id": owner.id, "relative_id": child.id, "visit_id": visit.id}


@pytest.fixture
def core(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, BUREAU, frozenset({"coverage.write", "people.write"})))


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


def wish(people: dict[str, int], **differs: object) -> dict[str, object]:
    said = {"relation": "child", "consented_on": "2026-11-20", "proof": "户口簿 420500-12"}
    return said | {name: people[name] for name in ("owner_id", "relative_id")} | differs


def test_opened_said_twice_seen_and_ended(core: Peer, people: dict[str, int]) -> None:
    opened = core("POST", "/api/v1/shared-accounts", json=wish(people))
    assert (opened.status_code, opened.json()["state"], opened.json()["since"]) == (201, "open", "2026-11-20")
    assert core("POST", "/api/v1/shared-accounts", json=wish(people)).json() == opened.json()
    assert core("GET", f"/api/v1/shared-accounts?person_id={people['relative_id']}").json() == [opened.json()]
    number = opened.json()["share_id"]
    assert core("POST", f"/api/v1/shared-accounts/{number}/end").json()["state"] == "ended"
    assert core("POST", f"/api/v1/shared-accounts/{number}/end").status_code == 409


@pytest.mark.parametrize(
    ("differs", "status", "element"),
    [
        ({"relation": "aunt"}, 400, "relation"),
        ({"proof": ""}, 400, "proof"),
        ({"consented_on": "2126-01-01"}, 400, "consented_on"),
        ({"owner_id": 999_999}, 422, None),
    ],
)
def test_what_is_wrong_is_named(core: Peer, people: dict[str, int], differs, status: int, element: str | None) -> None:
    refused = core("POST", "/api/v1/shared-accounts", json=wish(people, **differs))
    assert (refused.status_code, refused.json().get("element")) == (status, element)
    assert core("GET", f"/api/v1/shared-accounts?person_id={people['owner_id']}").json() == []


def test_a_hospital_neither_opens_nor_lists_nor_ends(engine: Engine, core: Peer, people: dict[str, int]) -> None:
    number = core("POST", "/api/v1/shared-accounts", json=wish(people)).json()["share_id"]
    cashier = Peer(ROUTES, token_for(engine, TERTIARY, frozenset({"settlement.write", "settlement.read"})))
    assert cashier("POST", "/api/v1/shared-accounts", json=wish(people)).status_code == 403
    assert cashier("GET", f"/api/v1/shared-accounts?person_id={people['owner_id']}").status_code == 404
    assert cashier("POST", f"/api/v1/shared-accounts/{number}/end").status_code == 404


def test_a_bill_is_paid_from_it_when_asked(core: Peer, his: Peer, people: dict[str, int]) -> None:
    core("POST", "/api/v1/shared-accounts", json=wish(people))
    charge = {"visit_id": people["visit_id"], "shared_used": True}
    quoted = his("POST", "/api/v1/quotes", json=charge).json()
    settled = his("POST", "/api/v1/settlements", json=charge, headers={"Idempotency-Key": "s1"}).json()["settlement"]
    assert quoted["shared"] == settled["shared"] == settled["account"] == "500.00"
    bill = his("GET", f"/api/v1/settlements/{settled['settlement_id']}/bill").json()
    assert "家庭共济：从张*例的个人账户付" in [step["sentence"] for step in bill["steps"]]
