"""What the database decides: copies at once, caps under pressure, batches and single calls alike."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from adapters import door
from adapters.gather import Gatherer
from hub import coverage, settlement
from hub.faults import Fault
from hub.settlement import Charge, Order, Settlement
from hub.units import Money
from tests.hub.coverage.insured import insure, insured, with_pack
from tests.hub.settlement.stays import TERTIARY, charged, fees, upload, visit
from tests.region import COMMUNITY, NOW, a_person, system

CALLER = system(TERTIARY)


def settling(charge: Charge, key: str, content: bytes = b"c"):
    return door.transact(lambda s: settlement.settle(s, CALLER, charge, key=key, content_hash=content))


def at_once(work, many, threads: int = 12):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, many))


def outcome(work, *facts):
    try:
        return work(*facts)
    except Fault as fault:
        return fault


def arranged(engine, arrange):
    with Session(engine, expire_on_commit=False) as session, session.begin():
        with_pack(session)
        return arrange(session)


def sums(engine) -> dict[str, int]:
    """What must hold of the whole ledger: legs sum to zero, each settlement's too, and accounts to what is left."""
    with engine.connect() as connection:
        ask = lambda sql: connection.execute(text(sql)).scalar()  # noqa: E731
        return {
            "postings": ask("SELECT coalesce(sum(amount), 0) FROM posting"),
            "unbalanced": ask(
                "SELECT count(*) FROM (SELECT FROM posting GROUP BY settlement_id HAVING sum(amount) <> 0) AS u"
            ),
            "settlements": ask("SELECT count(*) FROM settlement WHERE undoes IS NULL"),
        }


def test_a_hundred_copies_of_one_message_settle_once_with_one_answer(engine):
    stay = arranged(engine, lambda s: charged(s, insured(s, balance=30_000).id, ended=NOW))
    rows = at_once(lambda _: settling(Charge(stay.id), "m1"), range(100))
    assert {(row.id, row.total, row.fund, row.account) for row in rows} == {(rows[0].id, 970_599, 574_228, 30_000)}
    assert sums(engine) == {"postings": 0, "unbalanced": 0, "settlements": 1}


def test_forty_messages_for_one_batch_under_forty_keys_settle_once(engine):
    stay = arranged(engine, lambda s: charged(s, insured(s).id, batch="B", care="outpatient", begun=NOW))
    rows = at_once(lambda n: settling(Charge(stay.id, "B"), f"m{n}", b"%d" % n), range(40))
    assert len({row.id for row in rows}) == 1
    assert sums(engine)["settlements"] == 1


def test_many_bills_of_one_person_at_once_never_pay_a_fen_over_the_years_maximum(engine):
    def arrange(session):
        person = insured(session, insutype="390")
        return [
            charged(
                session,
                person.id,
                [("S-BED-01", "1", "93.37")],
                batch="B",
                care="outpatient",
                number=f"M{n}",
                hospital=COMMUNITY,
                begun=NOW,
            ).id
            for n in range(40)
        ]

    visits = arranged(engine, arrange)
    caller = system(COMMUNITY)

    def work(visit_id):
        return door.transact(
            lambda s: settlement.settle(s, caller, Charge(visit_id, "B"), key=f"k{visit_id}", content_hash=b"")
        )

    rows = at_once(work, visits)
    assert sum(row.fund for row in rows) == 40_000
    assert sorted((row.fund for row in rows), reverse=True)[:8] == [4_669] * 8
    assert sums(engine) == {"postings": 0, "unbalanced": 0, "settlements": 40}


def test_an_account_is_never_overdrawn_by_bills_of_two_years_at_once(engine):
    def arrange(session):
        person = insured(session, balance=10_000)
        days = [NOW - timedelta(days=365), NOW]
        return [
            charged(
                session,
                person.id,
                [("S-BED-01", "1", "60.00")],
                batch="B",
                care="outpatient",
                number=f"M{n}",
                begun=days[n % 2],
            ).id
            for n in range(8)
        ]

    rows = at_once(lambda v: settling(Charge(v, "B"), f"k{v}"), arranged(engine, arrange))
    assert sum(row.account for row in rows) == 10_000
    with Session(engine) as session:
        assert coverage.balance(session, rows[0].person_id) == 0


def test_settle_and_undo_in_any_crowd_leave_the_year_as_the_standing_settlements_say(engine):
    def arrange(session):
        person = insured(session, balance=50_000)
        return person.id, [
            charged(
                session,
                person.id,
                [("S-BED-01", "1", "700.00")],
                batch="B",
                care="outpatient",
                number=f"M{n}",
                begun=NOW,
            ).id
            for n in range(12)
        ]

    person_id, visits = arranged(engine, arrange)

    def work(visit_id):
        row = settling(Charge(visit_id, "B"), f"k{visit_id}")
        undone = outcome(
            door.transact,
            lambda s: settlement.undo(s, CALLER, settlement_id=row.id, key=f"u{visit_id}", content_hash=b""),
        )
        return row, undone

    at_once(work, visits)
    with Session(engine) as session:
        standing = session.scalars(
            select(Settlement).where(Settlement.state == "active", Settlement.undoes.is_(None)).order_by(Settlement.id)
        ).all()
        year = coverage.accumulated(session, person_id, NOW.year)["310"]
        assert year["outpatient_deductible"] == sum(row.deductible for row in standing)
        assert year["outpatient_pool"] == sum(row.pool for row in standing)
        assert coverage.balance(session, person_id) == 50_000 - sum(row.account for row in standing)
    assert sums(engine)["unbalanced"] == 0


def test_gathered_calls_settle_as_single_calls_do(engine):
    def arrange(session):
        people = [insured(session, serial, balance=5_000).id for serial in range(1, 9)]
        return [
            charged(
                session,
                person_id,
                [("S-BED-01", "2", "400.00")],
                batch="B",
                care="outpatient",
                number=f"M{person_id}-{n}",
                begun=NOW,
            ).id
            for n in range(4)
            for person_id in people
        ]

    visits = arranged(engine, arrange)
    gathered: Gatherer[Order, Settlement] = Gatherer("settle", settlement.settle_many)
    try:
        rows = at_once(lambda v: gathered.call(Order(CALLER, Charge(v, "B"), f"k{v}", b"")), visits, threads=16)
    finally:
        gathered.close()
    assert [row.visit_id for row in rows] == visits
    assert sums(engine) == {"postings": 0, "unbalanced": 0, "settlements": 32}


WATCHED = {
    "settlement": "organisation_id, visit_id, batch, person_id, msgid, admission, total, fund, deductible, account, balance, state",
    "settlement_key": "organisation_id, key, content_hash, settlement_id IS NULL",
    "charge_key": "visit_id, batch",
    "posting": "account, amount",
    "accumulator": "*",
    "chronic_use": "*",
    "personal_account": "*",
    "due": "destination, subject, kind",
}


def tables(session) -> dict[str, list[tuple]]:
    return {
        table: sorted(map(repr, session.execute(text(f"SELECT {columns} FROM {table}"))))
        for table, columns in WATCHED.items()
    }


@pytest.mark.parametrize("seed", range(6))
def test_batches_of_one_and_of_sixty_four_leave_equal_tables(session, seed):
    rng = random.Random(seed)
    orders = _orders(session, rng)
    left = {}
    for size in (1, 7, 64):
        with session.begin_nested() as attempt:
            outcomes = []
            for start in range(0, len(orders), size):
                outcomes += settlement.settle_many(session, orders[start : start + size])
            told = [type(o).__name__ if isinstance(o, Fault) else (o.msgid, o.total, o.fund) for o in outcomes]
            left[size] = (told, tables(session))
            attempt.rollback()
        session.expire_all()
    for one, other in pairwise(left.values()):
        assert one == other


def _orders(session, rng: random.Random) -> list[Order]:
    """Charges of a few people in any order: repeats, new keys, other content, wrong totals, empty visits."""
    with_pack(session)
    people = [
        insured(session, serial, insutype=rng.choice(["310", "390"]), balance=20_000).id for serial in range(1, 6)
    ]
    double = a_person(session, 90)
    twin = a_person(session, 91)
    twin.card_number = double.card_number
    session.flush()
    insure(session, double.id, serial=90)
    orders = []
    for n in range(40):
        person_id = rng.choice([*people, double.id, twin.id])
        care = rng.choice(["outpatient", "inpatient"])
        made = visit(
            session, person_id, number=f"V{n}", care=care, begun=NOW, ended=NOW if care == "inpatient" else None
        )
        batch = "B" if care == "outpatient" else ""
        if rng.random() < 0.9:
            upload(session, made, fees([("S-BED-01", "1", f"{rng.randint(1, 90000) / 100:.2f}")], batch=batch))
        total = Money(1) if rng.random() < 0.1 else None
        orders.append(Order(CALLER, Charge(made.id, batch, total=total), f"k{n}", b"1"))
        if rng.random() < 0.3:
            earlier = rng.choice(orders)
            key, content = rng.choice([(earlier.key, b"1"), (earlier.key, b"2"), (f"again{n}", b"1")])
            orders.append(Order(CALLER, earlier.charge, key, content))
    return orders


def test_a_refused_settlement_leaves_no_row_of_a_year_and_disturbs_none_that_stands(engine):
    def arrange(session):
        first, second = insured(session, 1), insured(session, 2)
        settled = charged(session, second.id, batch="B", care="outpatient", begun=NOW)
        settlement.settle(session, CALLER, Charge(settled.id, "B"), key="s", content_hash=b"")
        return [
            charged(session, who.id, batch="B", care="outpatient", number=f"M{who.id}", begun=NOW).id
            for who in (first, second)
        ]

    visits = arranged(engine, arrange)
    refused = at_once(
        lambda n: outcome(settling, Charge(visits[n % 2], "B", total=Money(1)), f"r{n}", b"%d" % n), range(40)
    )
    assert {type(one) for one in refused} == {settlement.TotalDiffers}
    with Session(engine) as session:
        assert session.execute(text("SELECT person_id, outpatient_pool > 0 FROM accumulator")).all() == [(2, True)]
    settling(Charge(visits[0], "B"), "m1")
    with Session(engine) as session:
        assert settlement.verify(session) == []
