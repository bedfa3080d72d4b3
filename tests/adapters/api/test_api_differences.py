"""Differences over the JSON API: read, proposed by one, approved by another."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters import api
from hub import reconciliation, trust
from hub.trust import SCOPES
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.hub.ledgers import HOSPITAL, PERIOD, ledger_in
from tests.region import BUREAU, COUNTY, NOW, TERTIARY

ROUTES = app_with(api.router)
QUEUE = "/api/v1/differences"


def a_clerk(engine: Engine, name: str) -> Peer:
    with Session(engine) as session, session.begin():
        token = trust.issue_token(session, name=name, organisation_id=BUREAU, scopes=SCOPES, at=NOW)
    return Peer(ROUTES, token)


@pytest.fixture
def number(engine: Engine) -> int:
    """A settlement of 2,000 yuan that the hospital lists with one fen less of the fund."""
    with Session(engine) as session, session.begin():
        line = ledger_in(session)()
        listed = [replace(line, fund=line.fund - 1)]
        stated = reconciliation.statements.sum_of(listed)
        (row,) = reconciliation.compare_lines(session, HOSPITAL, period=PERIOD, stated=stated, lines=listed).breaks
        return row.id


def test_two_clerks_settle_a_difference_and_one_alone_does_not(engine: Engine, number: int) -> None:
    clerk, colleague = a_clerk(engine, "clerk"), a_clerk(engine, "colleague")
    (found,) = clerk("GET", QUEUE).json()
    assert (found["difference_id"], found["kind"], found["words"], found["state"]) == (
        number,
        "amount",
        "金额不同",
        "open",
    )
    assert found["hospital"]["fee"] == found["insurer"]["fee"] == "2000.00"
    assert found["hospital"]["fund"] != found["insurer"]["fund"]
    one = f"{QUEUE}/{number}"
    assert (
        clerk("POST", f"{one}/proposal", json={"action": "adopt", "note": "以医保为准"}).json()["state"] == "proposed"
    )
    refused = clerk("POST", f"{one}/approval")
    assert (refused.status_code, refused.json()["code"]) == (422, "same-person")
    assert clerk("GET", one).json()["difference"]["state"] == "proposed"
    assert colleague("POST", f"{one}/approval").json()["approved_by"] != found["proposed_by"]
    assert clerk("POST", f"{one}/resolution", json={"note": "医院已改"}).json()["state"] == "resolved"
    told = clerk("GET", one).json()
    assert [each["event"] for each in told["events"]] == ["find", "propose", "approve", "resolve"]
    assert (clerk("GET", QUEUE).json(), len(clerk("GET", f"{QUEUE}?all=true").json())) == ([], 1)


def test_what_is_sent_back_is_open_again_and_a_wrong_turn_is_a_conflict(engine: Engine, number: int) -> None:
    clerk, colleague = a_clerk(engine, "clerk"), a_clerk(engine, "colleague")
    one = f"{QUEUE}/{number}"
    assert colleague("POST", f"{one}/approval").status_code == 409
    assert clerk("POST", f"{one}/proposal", json={"action": "pay twice"}).status_code == 400
    clerk("POST", f"{one}/proposal", json={"action": "ask"})
    back = colleague("POST", f"{one}/return", json={"note": "先问医院"}).json()
    assert (back["state"], back["action"], back["proposed_by"]) == ("open", None, None)
    assert clerk("GET", f"{QUEUE}/999999").status_code == 404


def test_a_hospital_sees_its_own_differences_and_not_anothers(engine: Engine, number: int) -> None:
    own, stranger = Peer(ROUTES, token_for(engine, TERTIARY)), Peer(ROUTES, token_for(engine, COUNTY))
    assert [each["difference_id"] for each in own("GET", f"{QUEUE}?organisation_id={TERTIARY}").json()] == [number]
    for path in (QUEUE, f"{QUEUE}?organisation_id={TERTIARY}"):
        assert stranger("GET", path).status_code == 403
    assert stranger("GET", f"{QUEUE}/{number}").status_code == 404, "as if it were not there"
    assert stranger("POST", f"{QUEUE}/{number}/proposal", json={"action": "ask"}).status_code == 404


def test_the_evidence_comes_with_why_both_sides_and_the_line_as_it_stands(engine: Engine, number: int) -> None:
    clerk = a_clerk(engine, "clerk")
    found = clerk("GET", f"{QUEUE}/{number}/evidence").json()
    told = found["difference"]
    assert (told["differs"], told["usual_action"], told["owner"]) == (["fund"], "ask", None)
    assert "基金支付 医院" in told["cause"]
    assert "fund hospital" in told["cause_en"]
    assert told["age_working_days"] >= 0
    assert [each["name"] for each in found["fields"] if each["differs"]] == ["fund"]
    assert found["hospital_lines"][0].split("\t")[4] == told["hospital"]["fund"]
    with Session(engine) as session:
        verbs = [(row.verb, row.subject) for row in session.scalars(select(trust.Audit))]
    assert ("reconciliation.evidence", f"break/{number}") in verbs


def test_who_takes_it_owns_it_and_a_colleague_is_told_so(engine: Engine, number: int) -> None:
    clerk, colleague = a_clerk(engine, "clerk"), a_clerk(engine, "colleague")
    one = f"{QUEUE}/{number}"
    assert clerk("POST", f"{one}/ownership").json()["owner"] == "clerk"
    refused = colleague("POST", f"{one}/ownership")
    assert (refused.status_code, refused.json()["code"]) == (409, "break-taken")
    with Session(engine) as session, session.begin():
        trust.add_staff(session, name="w", password="x" * 12, display_name="王", organisation_id=BUREAU, scopes=SCOPES)
    given = colleague("POST", f"{one}/assignment", json={"owner": "w", "note": "休假"}).json()
    assert (given["owner"], given["assigned_by"]) == ("w", "colleague")
    assert colleague("POST", f"{one}/assignment", json={"owner": "nobody"}).status_code == 422
    own = Peer(ROUTES, token_for(engine, TERTIARY))
    assert own("POST", f"{one}/ownership").status_code == 403
    events = clerk("GET", one).json()["events"]
    assert [(each["event"], each["by"]) for each in events[1:]] == [("take", "clerk"), ("assign", "colleague")]
