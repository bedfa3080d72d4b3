"""Heard twice, delivered in order, leased by one: the promises of the exchange."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import exchange, trust
from hub.exchange import Heard, HeardMessage
from hub.lifecycle import IllegalMove
from tests.region import COMMUNITY, NOW, TERTIARY, system

HASH, OTHER_HASH = b"h" * 32, b"o" * 32


def hear(session: Session, *, key: str | None = "ADT/1", content_hash: bytes = HASH) -> Heard:
    return exchange.hear(
        session, system(COMMUNITY), door="mllp", kind="ADT^A28", key=key, body=b"MSH|", content_hash=content_hash
    )


def post(session: Session, subject: str = "person/1", n: int = 1) -> int:
    return exchange.post(
        session, system(COMMUNITY), destination=TERTIARY, subject=subject, kind="notice", snapshot={"n": n}
    )


def test_a_repeat_gets_the_answer_of_the_first(session: Session) -> None:
    exchange.answer(session, hear(session), answer=b"MSA|AA|1")
    assert hear(session).repeat_answer == b"MSA|AA|1"


def test_a_refused_message_is_worked_on_again(session: Session) -> None:
    exchange.answer(session, hear(session), outcome="citizen-number-wrong", answer=b"MSA|AE|1")
    again = hear(session)
    assert again.repeat_answer is None
    assert not again.conflict


def test_the_same_key_with_other_content_is_a_new_message_and_an_alert(session: Session) -> None:
    exchange.answer(session, hear(session), answer=b"MSA|AA|1")
    again = hear(session, content_hash=OTHER_HASH)
    assert again.conflict
    assert "other content" in (session.get_one(HeardMessage, again.id).alert or "")


def test_an_empty_key_is_never_a_repeat(session: Session) -> None:
    exchange.answer(session, hear(session, key=None), answer=b"MSA|AA|1")
    assert hear(session, key=None) == Heard(hear(session, key=None).id - 1)


def test_two_copies_at_once_have_one_effect(engine: Engine) -> None:
    def one(_: int) -> bool:
        with Session(engine) as session, session.begin():
            heard = hear(session)
            if heard.repeat_answer is not None:
                return False
            exchange.answer(session, heard, answer=b"AA")
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1


def test_bodies_are_sealed_at_rest(session: Session) -> None:
    hear(session)
    raw = session.execute(text("SELECT body FROM heard")).scalar_one()
    assert b"MSH|" not in bytes(raw)


def test_a_lane_is_leased_by_one_worker_and_its_rows_come_in_order(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        ids = [post(session, n=n) for n in range(3)]
    with Session(engine) as session, session.begin():
        (leased,) = exchange.lease(session, owner="a", at=NOW)
        assert [row.id for row in leased.rows] == ids
        assert [row.snapshot["n"] for row in leased.rows] == [0, 1, 2]
    with Session(engine) as session, session.begin():
        assert exchange.lease(session, owner="b", at=NOW) == []


def test_a_row_waits_for_every_transaction_that_began_before_it(engine: Engine) -> None:
    with Session(engine) as early, early.begin():
        early.execute(text("SELECT pg_current_xact_id()"))
        with Session(engine) as session, session.begin():
            post(session)
        with Session(engine) as session, session.begin():
            assert exchange.lease(session, owner="a", at=NOW) == []
    with Session(engine) as session, session.begin():
        assert len(exchange.lease(session, owner="a", at=NOW)) == 1


def test_a_worker_whose_lease_ran_out_changes_nothing(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        due_id = post(session)
    with Session(engine) as session, session.begin():
        (slow,) = exchange.lease(session, owner="a", at=NOW)
    late = NOW + timedelta(minutes=5)
    with Session(engine) as session, session.begin():
        (quick,) = exchange.lease(session, owner="b", at=late)
    with Session(engine) as session, session.begin():
        assert not exchange.sent(session, slow, due_id, at=late)
        assert exchange.sent(session, quick, due_id, at=late)


def test_a_failure_waits_and_a_parked_lane_leaves_the_others_alone(session: Session) -> None:
    first, _ = post(session, "person/1"), post(session, "person/2")
    session.flush()
    session.execute(text("UPDATE due SET xid = 0"))
    one, two = exchange.lease(session, owner="a", at=NOW)
    assert exchange.failed(session, one, first, at=NOW, trouble="time-out")
    exchange.release(session, one)
    assert exchange.park(session, two, trouble="cannot render")
    assert exchange.lease(session, owner="a", at=NOW) == []
    assert len(exchange.lease(session, owner="a", at=NOW + timedelta(seconds=2))) == 1
    assert [lane.subject for lane in exchange.lanes(session)] == [two.subject]
    exchange.resume(session, destination=TERTIARY, subject=two.subject, at=NOW)
    with pytest.raises(IllegalMove):
        exchange.resume(session, destination=TERTIARY, subject=two.subject, at=NOW)


def test_audit_rows_are_never_changed(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        trust.audit(session, system(COMMUNITY), verb="test")
    with pytest.raises(DBAPIError), Session(engine) as session, session.begin():
        session.execute(text("UPDATE audit SET verb = 'other'"))


def test_the_audit_chain_covers_rows_once(session: Session) -> None:
    for _ in range(3):
        trust.audit(session, system(COMMUNITY), verb="test")
    assert trust.chain(session, at=NOW) == 0
    assert trust.chain(session, at=NOW + timedelta(minutes=2)) == 3
    trust.audit(session, replace(system(COMMUNITY), at=NOW + timedelta(minutes=3)), verb="test")
    assert trust.chain(session, at=NOW + timedelta(minutes=5)) == 1


def test_each_row_of_a_batch_keeps_its_own_callers_trace_and_time(session: Session) -> None:
    callers = [replace(system(COMMUNITY), trace=f"t{n}", at=NOW + timedelta(seconds=n)) for n in (2, 1)]
    rows = [(caller, (TERTIARY, "person/1", "notice", {"n": n})) for n, caller in enumerate(callers)]
    ids = exchange.post_many(session, rows)
    posted = [exchange.due(session, due_id) for due_id in ids]
    assert [(row.snapshot["n"], row.trace, row.posted_at) for row in posted] == [
        (n, caller.trace, caller.at) for n, caller in enumerate(callers)
    ]
    lane = session.get_one(exchange.Lane, (TERTIARY, "person/1"))
    assert lane.next_try_at == NOW + timedelta(seconds=1), "as early as the first of them"
