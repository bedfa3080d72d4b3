"""Settlements, bills and estimates over the JSON API."""

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import api
from hub.units import Money
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged, settle
from tests.region import COUNTY, NOW, TERTIARY

ROUTES = app_with(api.router)


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


@pytest.fixture
def settled(engine: Engine) -> tuple[int, int]:
    """(person, settlement) of the worked bill, without a referral."""
    with Session(engine) as session, session.begin():
        with_pack(session)
        person = insured(session)
        row = settle(session, charged(session, person.id, ended=NOW), key="m1")
        return person.id, row.id


def test_a_bill_is_read_with_every_fen_explained(his: Peer, settled: tuple[int, int]) -> None:
    person_id, settlement_id = settled
    bill = his("GET", f"/api/v1/settlements/{settlement_id}/bill").json()
    amounts = bill["settlement"]
    paid = sum(Money.yuan(amounts[part]) for part in ("fund", "account", "cash"))
    assert paid == Money.yuan(amounts["total"])
    assert (bill["person"], bill["referred"], bill["saved"]) == ("3963.71", False, "736.19")
    assert [line["name"] for line in bill["lines"]][:2] == ["普通床位费", "示例单抗注射液"]
    assert all(step["sentence"] and step["sentence_en"] for line in bill["lines"] for step in line["steps"])
    assert his("GET", f"/api/v1/settlements?person_id={person_id}").json() == [amounts]


def test_what_became_of_a_message_is_asked_by_its_key(his: Peer, settled: tuple[int, int]) -> None:
    found = his("GET", "/api/v1/settlements/by-key/m1").json()
    assert (found["state"], found["settlement"]["settlement_id"]) == ("settled", settled[1])
    never = {"state": "unknown", "settlement": None, "refusal": None}
    assert his("GET", "/api/v1/settlements/by-key/m2").json() == never


def test_a_stranger_sees_neither_bill_nor_settlements(engine: Engine, settled: tuple[int, int]) -> None:
    stranger = Peer(ROUTES, token_for(engine, COUNTY))
    assert stranger("GET", f"/api/v1/settlements/{settled[1]}/bill").status_code == 404
    assert stranger("GET", f"/api/v1/settlements?person_id={settled[0]}").json() == []
    assert stranger("GET", "/api/v1/settlements/by-key/m1").json()["state"] == "unknown"


def test_an_estimate_compares_levels_with_and_without_a_referral(his: Peer, settled: tuple[int, int]) -> None:
    told = his("POST", "/api/v1/estimates", json={"person_id": settled[0], "total": "20000.00"}).json()
    assert {choice["level"] for choice in told["choices"]} == {0, 1, 2, 3}
    tertiary = next(choice for choice in told["choices"] if choice["level"] == 3)
    assert Money.yuan(tertiary["referred"]["person"]) < Money.yuan(tertiary["unreferred"]["person"])
    for wrong in ("20000.001", "-1", "1e3", ""):
        refused = his("POST", "/api/v1/estimates", json={"person_id": settled[0], "total": wrong})
        assert (refused.status_code, refused.json()["element"]) == (400, "total")
