"""Money moved over the JSON API: keys, refunds, and what is said of a key later."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api, door
from hub import settlement
from hub.settlement import Settlement
from hub.units import Money
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged, settle, undo
from tests.region import COUNTY, EXPERT, NOW, TERTIARY, system

ROUTES = app_with(api.router)
LINES = [{"number": "2", "quantity": "1"}]


@pytest.fixture
def his(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, TERTIARY))


@pytest.fixture
def settled(engine: Engine) -> int:
    with Session(engine) as session, session.begin():
        with_pack(session)
        return settle(session, charged(session, insured(session).id, ended=NOW), key="m1").id


def refunds(settlement_id: int) -> str:
    return f"/api/v1/settlements/{settlement_id}/refunds"


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def count(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Settlement)) or 0


def test_one_line_is_refunded_and_the_answer_shows_the_chain(his: Peer, settled: int) -> None:
    wish = {"lines": LINES, "reason": "退药"}
    answer = his("POST", refunds(settled), json=wish, headers=keyed("r1"))
    told = answer.json()
    assert answer.status_code == 201
    assert told["refunded"] == told["counter_entry"]["undoes"] == settled
    assert told["given_back"]["total"] == "1280.33"
    parts = sum(Money.yuan(told["given_back"][name]) for name in ("fund", "account", "cash"))
    assert parts == Money.yuan("1280.33")
    assert Money.yuan(told["settlement"]["total"]) + Money.yuan("1280.33") == Money.yuan("9705.99")
    again = his("POST", refunds(settled), json=wish, headers=keyed("r1"))
    assert (again.content, again.headers["idempotent-replay"]) == (answer.content, "true")
    found = his("GET", "/api/v1/settlements/by-key/m1").json()
    assert (found["state"], found["settlement"]) == ("refunded", told["settlement"])


def test_a_refund_needs_a_key_and_the_same_key_with_other_content_names_the_member(
    his: Peer, settled: int, engine: Engine
) -> None:
    wish = {"lines": LINES, "reason": "退药"}
    missing = his("POST", refunds(settled), json=wish)
    assert (missing.status_code, missing.json()["element"]) == (400, "Idempotency-Key")
    assert his("POST", refunds(settled), json=wish, headers=keyed("r1")).status_code == 201
    more = {"lines": [{"number": "2", "quantity": "2"}], "reason": "退药"}
    other = his("POST", refunds(settled), json=more, headers=keyed("r1"))
    assert other.status_code == 409
    assert "lines[0].quantity" in other.json()["detail"]
    elsewhere = his("POST", refunds(settled + 7), json=wish, headers=keyed("r1"))
    assert "address" in elsewhere.json()["detail"]
    assert count(engine) == 3


WRONG = [
    ({"lines": [], "reason": "x"}, "lines"),
    ({"lines": [{"number": "2", "quantity": "9"}], "reason": "x"}, "lines[2].quantity"),
    ({"lines": [{"number": "2", "quantity": "1e0"}], "reason": "x"}, "lines[0].quantity"),
    ({"lines": [{"number": "2", "quantity": "NaN"}], "reason": "x"}, "lines[0].quantity"),
    ({"lines": LINES * 2, "reason": "x"}, "lines[1].number"),
    ({"lines": LINES, "reason": "  "}, "reason"),
    ({"lines": LINES, "reason": "x" * 201}, "reason"),
    ({"lines": [{"number": "2"}], "reason": "x"}, "lines[0].quantity"),
]


@pytest.mark.parametrize(("wish", "element"), WRONG, ids=[element for _, element in WRONG])
def test_a_wrong_refund_names_its_element_and_nothing_is_written(
    his: Peer, settled: int, engine: Engine, wish: dict[str, object], element: str
) -> None:
    answer = his("POST", refunds(settled), json=wish, headers=keyed("r1"))
    assert (answer.status_code, answer.json()["element"]) == (400, element)
    assert count(engine) == 1


def test_a_refusal_is_told_to_who_asks_by_its_key_and_the_key_stays_free(his: Peer, settled: int) -> None:
    too_much = {"lines": [{"number": "2", "quantity": "9"}], "reason": "退药"}
    his("POST", refunds(settled), json=too_much, headers=keyed("r1"))
    told = his("GET", "/api/v1/settlements/by-key/r1").json()
    assert told["state"] == "refused"
    assert "lines[2].quantity" in told["refusal"]
    assert his("POST", refunds(settled), json={"lines": LINES, "reason": "x"}, headers=keyed("r1")).status_code == 201
    assert his("GET", "/api/v1/settlements/by-key/r1").json()["state"] == "settled"


def test_a_stranger_refunds_nothing_and_learns_nothing(engine: Engine, settled: int) -> None:
    stranger = Peer(ROUTES, token_for(engine, COUNTY))
    answer = stranger("POST", refunds(settled), json={"lines": LINES, "reason": "x"}, headers=keyed("r1"))
    assert (answer.status_code, answer.json()["code"]) == (404, "settlement-unknown")
    assert stranger("GET", "/api/v1/settlements/by-key/m1").json()["state"] == "unknown"


def test_an_old_answer_is_not_repeated_after_what_it_told_was_undone(his: Peer, settled: int, engine: Engine) -> None:
    wish = {"lines": LINES, "reason": "退药"}
    first = his("POST", refunds(settled), json=wish, headers=keyed("r1")).json()
    with Session(engine) as session, session.begin():
        undo(session, session.get_one(Settlement, first["settlement"]["settlement_id"]))
    again = his("POST", refunds(settled), json=wish, headers=keyed("r1"))
    assert (again.status_code, again.json()["code"]) == (409, "key-undone")
    assert his("GET", "/api/v1/settlements/by-key/r1").json()["state"] == "undone"


def test_what_still_runs_is_in_progress(engine: Engine, settled: int) -> None:
    """A settlement that has claimed its key and not ended; whoever asks waits as long as the session waits for locks."""
    with Session(engine) as running, running.begin():
        settlement.reverse(running, system(TERTIARY), original_key="slow", key="x", content_hash=b"")
        told = door.transact(lambda session: settlement.by_key(session, system(TERTIARY), key="slow"))
        assert told.state == "in-progress"
    assert door.transact(lambda s: settlement.by_key(s, system(TERTIARY), key="slow")).state == "reversed"


@pytest.fixture
def open_charge(engine: Engine) -> int:
    """An out-patient's echo, charged an hour after the county hospital charged the same person's."""
    with Session(engine) as session, session.begin():
        with_pack(session)
        person = insured(session)
        for hospital, number in ((COUNTY, "M-1"), (TERTIARY, "M-2")):
            made = charged(
                session,
                person.id,
                [("S-ECHO-01", "1", "900.00")],
                hospital=hospital,
                number=number,
                care="outpatient",
                begun=NOW,
                batch="B",
            )
        return made.id


def test_a_doubtful_charge_is_quoted_with_its_doubts_and_settled_when_a_doctor_answers_for_it(
    his: Peer, open_charge: int, engine: Engine
) -> None:
    wish: dict[str, object] = {"visit_id": open_charge, "batch": "B", "total": "900.00"}
    quoted = his("POST", "/api/v1/quotes", json=wish).json()
    assert [(doubt["kind"], doubt["line"]) for doubt in quoted["doubts"]] == [("duplicate", "1")]
    refused = his("POST", "/api/v1/settlements", json=wish, headers=keyed("s1"))
    assert (refused.status_code, refused.json()["code"]) == (422, "doubted")
    assert count(engine) == 0
    wish |= {"override": {"practitioner_id": EXPERT, "reason": "重做"}}
    settled = his("POST", "/api/v1/settlements", json=wish, headers=keyed("s1")).json()
    assert settled["already_settled"] is False
    amounts = {name: quoted[name] for name in quoted if name != "doubts"}
    assert {name: settled["settlement"][name] for name in amounts} == amounts
    again = his("POST", "/api/v1/settlements", json=wish, headers=keyed("s2")).json()
    assert again == {"settlement": settled["settlement"], "already_settled": True}


def test_a_settlement_is_undone_and_its_key_is_refused_from_then_on(his: Peer, settled: int, engine: Engine) -> None:
    answer = his("POST", f"/api/v1/settlements/{settled}/undo", headers=keyed("u1"))
    assert (answer.status_code, answer.json()["undoes"]) == (200, settled)
    assert his("POST", f"/api/v1/settlements/{settled}/undo", headers=keyed("u1")).content == answer.content
    with Session(engine) as session:
        visit_id = session.get_one(Settlement, settled).visit_id
    late = his("POST", "/api/v1/settlements", json={"visit_id": visit_id}, headers=keyed("m1"))
    assert (late.status_code, late.json()["code"]) == (409, "key-taken")
