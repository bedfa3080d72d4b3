"""What stands in the ledger against what was said over the wire: a row changed behind the hub's back is found."""

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from adapters import api, door, jobs
from adapters.reconciling import journal
from hub.reconciliation import IdentityBreach
from hub.trust import SCOPES, Caller
from hub.units import day_of
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.adapters.nhsa.cashier import Window, fee
from tests.region import TERTIARY


@pytest.fixture
def window(hospital, insure) -> Window:
    window = Window(hospital, insure(1, "310", balance="300.00")).register().diagnose()
    window.charge(fee(1, "S-BED-01", "500.00", "2"), fee(2, "D-EX-0001", "1280.333"), fee(3, "S-ESC-01", "60.00"))
    return window


def job() -> Caller:
    return Caller(kind="job", id="compare-journal", at=door.now(), scopes=SCOPES, purpose="operation", trace="job")


def compared() -> journal.Journal:
    return journal.compare(job(), day_of(door.now()))


def changed(engine: Engine, sql: str, **facts: object) -> None:
    """A row is changed by somebody who has the database and not the hub."""
    with engine.begin() as connection:
        connection.execute(text(sql), facts)


def breaches(engine: Engine) -> list[tuple[str, str, int, int]]:
    with Session(engine) as session:
        rows = session.scalars(select(IdentityBreach).order_by(IdentityBreach.id))
        return [(row.rule, row.direction, int(row.said), int(row.summed)) for row in rows]


def test_what_was_settled_and_taken_back_is_what_was_said(window, engine: Engine) -> None:
    info = window.settle().output["setlinfo"]
    window.hospital.ask(
        "2208", {"data": {"psn_no": info["psn_no"], "setl_id": info["setl_id"], "mdtrt_id": info["mdtrt_id"]}}
    )
    done = compared()
    assert (done.settlements, done.answers, done.differing) == (2, 2, [])
    assert breaches(engine) == []


def test_a_row_changed_behind_the_hubs_back_is_found_though_it_foots(window, engine: Engine) -> None:
    info = window.settle().output["setlinfo"]
    number = int(info["setl_id"])
    changed(engine, "UPDATE settlement SET fund = fund + 1, pool = pool + 1, cash = cash - 1 WHERE id = :id", id=number)
    done = compared()
    assert [(found, one.element) for found, _, one in done.differing] == [
        (number, "setlinfo.hifp_pay"),
        (number, "setlinfo.fund_pay_sumamt"),
        (number, "setlinfo.psn_cash_pay"),
    ]
    told = breaches(engine)
    assert [(rule, direction, stands - said) for rule, direction, said, stands in told] == [
        ("journal.pool", "sent", 1),
        ("journal.fund", "sent", 1),
        ("journal.cash", "sent", -1),
    ]
    compared()
    assert breaches(engine) == told


def test_the_nightly_job_looks_at_yesterday(window, engine: Engine) -> None:
    window.settle()
    changed(
        engine, "UPDATE settlement SET settled_on = settled_on - 1, total = total + 1, cash = cash + 1, own = own + 1"
    )
    assert jobs.compare_journal(job()) == "1 settlements, 1 answers, 3 differ"
    assert "compare-journal" in jobs.WORK


def test_an_answer_of_the_json_api_counts_like_the_national_one(window, engine: Engine) -> None:
    peer = Peer(app_with(api.router), token_for(engine, TERTIARY))
    wish = {"visit_id": int(window.mdtrt_id), "batch": "B1", "total": "2340.33"}
    answer = peer("POST", "/api/v1/settlements", json=wish, headers={"Idempotency-Key": "K-1"})
    assert answer.status_code == 200, answer.text
    assert (compared().answers, compared().differing) == (1, [])
    changed(engine, "UPDATE settlement SET account = account - 1, cash = cash + 1")
    assert [one.element for _, _, one in compared().differing] == ["account", "cash"]
