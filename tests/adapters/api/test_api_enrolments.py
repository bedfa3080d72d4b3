"""The insurer's own system feeds enrolments over the JSON API."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api
from hub.coverage import Enrolment
from tests.adapters.api.wire import Peer, app_with, token_for
from tests.region import BUREAU, TERTIARY, numbered

ROUTES = app_with(api.router)
ROW = {
    "certno": numbered("42050019600101001"),
    "name": "张示例",
    "insutype": "310",
    "psn_no": "1",
    "psn_type": "11",
    "area": "420500",
    "since": "2026-01-01",
    "account_credit": "300.00",
}


@pytest.fixture
def core(engine: Engine) -> Peer:
    return Peer(ROUTES, token_for(engine, BUREAU, frozenset({"coverage.write", "people.write"})))


def count(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Enrolment)) or 0


def test_a_feed_says_what_it_came_to_and_again_nothing_changes(engine: Engine, core: Peer) -> None:
    for said in ({"new": 1, "changed": 0, "unchanged": 0, "credited": 1, "shared": 0}, {"new": 0, "changed": 0, "unchanged": 1, "credited": 0, "shared": 0}):  # fmt: skip
        answer = core("POST", "/api/v1/enrolments", json={"source": "core/1", "rows": [ROW]})
        assert (answer.status_code, answer.json()) == (200, said)
    with Session(engine) as session:
        assert session.scalars(select(Enrolment.source)).all() == ["core/1"]


@pytest.mark.parametrize(
    ("wrong", "element"),
    [
        ({"area": "4205"}, "rows[1].area"),
        ({"certno": "420500196001010011"}, "rows[1].certno"),
        ({"account_credit": "1.001"}, "rows[1].account_credit"),
        ({"since": "soon"}, "rows[1].since"),
        ({"state": "dead"}, "rows[1].state"),
        ({"surprise": 1}, "rows[1].surprise"),
    ],
)
def test_one_wrong_row_is_named_and_none_is_written(engine: Engine, core: Peer, wrong, element: str) -> None:
    other = ROW | {"certno": numbered("42050019750505002"), "psn_no": "2"}
    answer = core("POST", "/api/v1/enrolments", json={"source": "core/1", "rows": [other, ROW | wrong]})
    assert answer.status_code == 400
    assert element in answer.text
    assert count(engine) == 0


@pytest.mark.parametrize("rows", [[], [ROW] * 10_001], ids=["none", "too many"])
def test_a_feed_has_a_row_and_not_too_many(engine: Engine, core: Peer, rows) -> None:
    assert core("POST", "/api/v1/enrolments", json={"source": "core/1", "rows": rows}).status_code == 400
    assert count(engine) == 0


def test_a_hospital_may_not_feed(engine: Engine) -> None:
    his = Peer(ROUTES, token_for(engine, TERTIARY, frozenset({"settlement.write", "people.write"})))
    answer = his("POST", "/api/v1/enrolments", json={"source": "x", "rows": [ROW]})
    assert answer.status_code == 403
    assert count(engine) == 0
