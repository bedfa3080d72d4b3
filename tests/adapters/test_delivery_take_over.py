"""A worker that was killed holds lanes; the next one on this machine need not wait for its lease."""

import os
import socket
import subprocess
import sys

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters import door
from adapters.delivery.loop import Delivery
from hub import exchange
from tests.region import TERTIARY, system


def a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def hold(engine: Engine, owner: str) -> None:
    """Two lanes, one of them leased."""
    with Session(engine) as session, session.begin():
        for number in (1, 2):
            notice = {"telephone": "15400000001", "person_id": number, "template": "x", "text": "x"}
            exchange.post(
                session, system(TERTIARY), destination="sms", subject=f"person/{number}", kind="notice", snapshot=notice
            )
    with Session(engine) as session, session.begin():
        assert len(exchange.lease(session, owner=owner, at=door.now(), lanes=1)) == 1


def holders(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(exchange.holders(session, at=door.now()))


def test_lanes_of_a_killed_worker_of_this_machine_are_free_at_once(engine: Engine) -> None:
    owner = f"{socket.gethostname()}/{a_dead_process()}/0001"
    hold(engine, owner)
    assert holders(engine) == [owner]
    Delivery(1)._take_over()
    assert holders(engine) == []


def test_lanes_of_the_living_and_of_other_machines_are_left_alone(engine: Engine) -> None:
    for owner in (f"{socket.gethostname()}/{os.getpid()}/0002", f"elsewhere/{a_dead_process()}/0003"):
        hold(engine, owner)
    before = sorted(holders(engine))
    Delivery(1)._take_over()
    assert sorted(holders(engine)) == before


def test_a_worker_thought_dead_records_nothing_once_another_has_its_lane(engine: Engine) -> None:
    owner = f"{socket.gethostname()}/{a_dead_process()}/0004"
    with Session(engine) as session, session.begin():
        notice = {"telephone": "15400000001", "person_id": 1, "template": "x", "text": "x"}
        exchange.post(session, system(TERTIARY), destination="sms", subject="person/1", kind="notice", snapshot=notice)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        (first,) = exchange.lease(session, owner=owner, at=door.now())
    Delivery(1)._take_over()
    with Session(engine) as session, session.begin():
        (second,) = exchange.lease(session, owner="next", at=door.now())
        assert not exchange.sent(session, first, first.rows[0].id, at=door.now())
        assert exchange.sent(session, second, second.rows[0].id, at=door.now())
