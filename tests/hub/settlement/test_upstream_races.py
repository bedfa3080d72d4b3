"""Questions to a platform that are asked, answered, looked after and reversed at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from adapters import door
from hub import settlement
from hub.faults import Fault
from hub.settlement import OutcomeNotKnown, Settlement, SettlementKey, upstream
from hub.settlement.upstream import Forwarded
from tests.hub.settlement.upstreams import CALLER, answer, ask, attendance, insured_upstream, with_platform
from tests.region import NOW, TERTIARY, system


@pytest.fixture
def visit(engine):
    with Session(engine, expire_on_commit=False) as session, session.begin():
        with_platform(session)
        return attendance(session, insured_upstream(session))


def at_once(work, many, threads: int = 8):
    def one(item):
        try:
            return door.transact(lambda session: work(session, item))
        except Fault as fault:
            return fault

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, many))


def rows(engine, table, *where) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def asked_for(session: Session, visit, key: str) -> int | None:
    asked = ask(session, visit, key=key)
    return asked.forwarded.id if not isinstance(asked, Settlement) else None


@pytest.mark.parametrize("keys", [["m1"] * 24, [f"m{n}" for n in range(24)]], ids=["one message", "one batch"])
def test_however_many_ask_at_once_one_question_is_written_down(engine, visit, keys) -> None:
    came = at_once(lambda session, key: asked_for(session, visit, key), keys)
    asked = [one for one in came if isinstance(one, int)]
    assert len(asked) == 1
    assert {type(one) for one in came if not isinstance(one, int)} == {OutcomeNotKnown}
    assert (rows(engine, Forwarded), rows(engine, SettlementKey)) == (1, 1)


def test_an_answer_recorded_by_its_asker_and_by_the_sweep_at_once_is_one_settlement(engine, visit) -> None:
    forwarded_id = door.transact(lambda session: asked_for(session, visit, "m1"))
    came = at_once(lambda s, n: upstream.record_settled(s, CALLER, forwarded_id, answer()).id, range(12))
    assert len(set(came)) == 1
    assert rows(engine, Settlement) == 1
    with Session(engine) as session:
        assert settlement.verify(session) == []


def test_two_sweeps_at_once_take_a_question_once(engine, visit) -> None:
    forwarded_id = door.transact(lambda session: asked_for(session, visit, "m1"))
    late = system(TERTIARY, at=NOW + timedelta(minutes=5))
    came = at_once(lambda s, n: [due.forwarded.id for due in upstream.take_due(s, late)], range(12))
    assert sorted(came) == [[]] * 11 + [[forwarded_id]]


def test_a_reversal_of_a_message_and_the_message_at_once_never_both_stand(engine, visit) -> None:
    """The tombstone and the kept key are one row, so the database decides."""

    def either(session: Session, n: int):
        if n % 2:
            return asked_for(session, visit, "m1")
        return settlement.reverse(session, CALLER, original_key="m1", key=f"r{n}", content_hash=b"r")

    at_once(either, range(12))
    tombstones = rows(engine, SettlementKey, SettlementKey.key == "m1", SettlementKey.settlement_id.is_(None))
    assert tombstones + rows(engine, Forwarded) == 1
