"""A relative's account pays when the payer says so: to the fen, told, proven, undone, refunded, raced."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from adapters import door
from hub import coverage, settlement
from hub.coverage import NotShared
from hub.exchange import search_due
from hub.settlement import Charge, Order, Posting
from tests.hub.coverage.insured import insure, with_pack
from tests.hub.coverage.test_sharing import CORE, family, share, sharing
from tests.hub.settlement.stays import COMMUNITY, TERTIARY, charged, settle, undo
from tests.region import NOW, a_person, citizen, system


def shared_family(session):
    with_pack(session)
    owner, child = family(session)
    return owner, child, share(session, sharing(owner, child))


def a_visit(session, person, number="M1", price="300.00", hospital=COMMUNITY):
    rows = [("S-BED-01", "1", price)]
    return charged(session, person.id, rows, batch="B", care="outpatient", number=number, hospital=hospital, begun=NOW)


def legs(session, row) -> dict[str, int]:
    rows = session.execute(select(Posting.account, Posting.amount).where(Posting.settlement_id == row.id))
    return {row.account: int(row.amount) for row in rows}


def test_a_childs_cash_part_is_paid_from_the_account_with_a_leg_of_its_own(session):
    owner, child, _ = shared_family(session)
    visit = a_visit(session, child)
    row = settle(session, visit, batch="B", shared_used=True)
    assert (row.fund, row.account, row.shared, row.cash, row.shared_from) == (15_000, 15_000, 15_000, 0, owner.id)
    assert legs(session, row) == {"fund.pool": -15_000, "person.shared": -15_000, "hospital.receivable": 30_000}
    assert coverage.balance(session, owner.id) == 35_000
    assert settlement.verify(session) == []


def test_nothing_is_drawn_unless_the_payer_says_so(session):
    owner, child, _ = shared_family(session)
    row = settle(session, a_visit(session, child), batch="B")
    assert (row.account, row.shared, row.cash, coverage.balance(session, owner.id)) == (0, None, 15_000, 50_000)


def test_said_without_a_sharing_it_is_refused_and_nothing_written(session):
    _, child, row = shared_family(session)
    coverage.end_share(session, CORE, share_id=row.id)
    visit = a_visit(session, child)
    charge = Charge(visit.id, "B", shared_used=True)
    for ask in (
        lambda: settlement.quote(session, system(COMMUNITY), charge),
        lambda: settlement.settle(session, system(COMMUNITY), charge, key="m", content_hash=b""),
    ):
        with pytest.raises(NotShared, match="2026-11-22"):
            ask()
    assert settlement.settlements_of(session, system(COMMUNITY), person_id=child.id) == []


def test_ones_own_account_goes_first_and_the_quote_agrees(session):
    with_pack(session)
    owner, _ = family(session)
    spouse = a_person(session, 5)
    insure(session, spouse.id, serial=5, balance=4_000)
    share(session, sharing(owner, spouse, relation="spouse"))
    stay = charged(session, spouse.id, ended=NOW)
    quoted = settlement.quote(session, system(TERTIARY), Charge(stay.id, shared_used=True))
    row = settle(session, stay, shared_used=True)
    assert (row.account, row.shared, row.balance) == (54_000, 50_000, 0)
    assert (quoted.totals.account, quoted.shared) == (row.account, row.shared)
    assert (legs(session, row)["person.account"], legs(session, row)["person.shared"]) == (-4_000, -50_000)


def test_the_account_pays_neither_what_is_own_nor_what_is_over(session):
    _, child, _ = shared_family(session)
    rows = [("S-ESC-01", "1", "60.00"), ("S-BED-01", "1", "100.00")]
    visit = charged(session, child.id, rows, batch="B", care="outpatient", hospital=COMMUNITY, begun=NOW)
    row = settle(session, visit, batch="B", shared_used=True)
    assert (row.own, row.shared, row.cash) == (6_000, 5_000, 6_000)


def test_the_bill_says_from_whose_account_with_the_name_masked_and_no_balance(session):
    _, child, _ = shared_family(session)
    row = settle(session, a_visit(session, child), batch="B", shared_used=True)
    told = settlement.bill(session, citizen(child.id), row.id)
    (step,) = [step for step in told.steps if step.rule == "shared"]
    assert step.sentence("zh") == "家庭共济：从张*例的个人账户付"
    assert step.sentence("en") == "Shared in the family: from the personal account of 张*例"
    assert (step.fen, step.facts) == (15_000, {"owner": "张*例"})


def test_patient_and_owner_are_told(session):
    owner, child, _ = shared_family(session)
    row = settle(session, a_visit(session, child), batch="B", shared_used=True)
    undo(session, row)
    texts = [due.snapshot["text"] for due in search_due(session, destination="sms", subject=f"person/{owner.id}")]
    assert [text for text in texts if "150.00" in text and "共济" in text] == texts
    assert len(texts) == 2
    assert len(search_due(session, destination="sms", subject=f"person/{child.id}")) == 2


def test_undoing_gives_the_account_back(session):
    owner, child, _ = shared_family(session)
    visit = a_visit(session, child)
    row = settle(session, visit, batch="B", shared_used=True)
    counter = undo(session, row)
    assert (counter.account, counter.shared, counter.shared_from) == (-15_000, -15_000, owner.id)
    assert coverage.balance(session, owner.id) == 50_000
    assert settlement.verify(session) == []
    again = settle(session, visit, key="m2", batch="B", shared_used=True)
    assert again.shared == 15_000


def test_a_refund_in_part_gives_back_what_the_rest_no_longer_needs(session):
    owner, child, sharing_row = shared_family(session)
    rows = [("S-BED-01", "1", "100.00"), ("S-BED-01", "1", "200.00")]
    visit = charged(session, child.id, rows, batch="B", care="outpatient", hospital=COMMUNITY, begun=NOW)
    row = settle(session, visit, batch="B", shared_used=True)
    coverage.end_share(session, CORE, share_id=sharing_row.id)  # what was paid stays paid
    given = settlement.refund(
        session,
        system(COMMUNITY),
        settlement_id=row.id,
        lines={"2": Decimal(1)},
        reason="停诊",
        key="r1",
        content_hash=b"",
    )
    assert (given.rest.shared, given.rest.shared_from, given.amount("shared")) == (5_000, owner.id, 10_000)
    assert coverage.balance(session, owner.id) == 45_000
    assert settlement.verify(session) == []


def test_the_same_key_with_another_wish_names_it(session):
    _, child, _ = shared_family(session)
    visit = a_visit(session, child)
    settle(session, visit, batch="B", shared_used=True)
    with pytest.raises(settlement.KeyTaken, match="shared_used"):
        settle(session, visit, batch="B", content=b"other")


def test_an_old_settlement_runs_again_to_the_fen(session):
    _, child, _ = shared_family(session)
    row = settle(session, a_visit(session, child), batch="B", shared_used=True)
    again = settlement.explained(session, row)
    assert ([*again.totals], again.shared) == ([getattr(row, name) for name in settlement.AMOUNTS], row.shared)


def test_a_batch_with_owner_and_relatives_never_draws_twice(session):
    with_pack(session)
    owner, child = family(session)
    sister = a_person(session, 6)
    insure(session, sister.id, serial=6, insutype="390")
    for relative in (child, sister):
        share(session, sharing(owner, relative))
    orders = [
        Order(
            system(COMMUNITY), Charge(a_visit(session, who, f"M{n}", "700.00").id, "B", shared_used=used), f"k{n}", b""
        )
        for n, (who, used) in enumerate([(child, True), (owner, False), (sister, True)])
    ]
    rows = settlement.settle_many(session, orders)
    # 350 yuan for the first, what is left for whoever comes next, nothing over.
    assert [row.account for row in rows] == [35_000, 15_000, 0]
    assert coverage.balance(session, owner.id) == 0
    assert settlement.verify(session) == []


def test_many_relatives_at_once_never_draw_a_fen_over(engine):
    def arrange(session: Session):
        with_pack(session)
        owner, _ = family(session)
        visits = [a_visit(session, owner, f"O{n}", "40.00").id for n in range(4)]
        for serial in range(10, 18):
            relative = a_person(session, serial)
            insure(session, relative.id, serial=serial, insutype="390")
            share(session, sharing(owner, relative, relation="parent"))
            visits += [a_visit(session, relative, f"R{serial}-{n}", "93.37").id for n in range(3)]
        return owner.id, visits

    with Session(engine, expire_on_commit=False) as session, session.begin():
        owner_id, visits = arrange(session)

    def work(visit_id: int):
        def verb(session: Session):
            charge = Charge(visit_id, "B", shared_used=visit_id not in visits[:4])
            row = settlement.settle(session, system(COMMUNITY), charge, key=f"k{visit_id}", content_hash=b"")
            return row.id, row.shared or 0, row.account

        return door.transact(verb)

    with ThreadPoolExecutor(12) as pool:
        rows = list(pool.map(work, visits))
    with Session(engine) as session:
        assert sum(account for _, _, account in rows) == 50_000
        assert coverage.balance(session, owner_id) == 0
        assert settlement.verify(session) == []
    with ThreadPoolExecutor(8) as pool:  # and back again, all of those that drew, at once
        drew = [number for number, shared, _ in rows if shared]

        def back(number: int):
            return door.transact(
                lambda s: settlement.undo(
                    s, system(COMMUNITY), settlement_id=number, key=f"u{number}", content_hash=b""
                )
            )

        outcomes = [pool.submit(back, number) for number in sorted(drew, reverse=True)]
        undone = [future.exception() is None for future in outcomes]
    assert any(undone)
    with Session(engine) as session:
        assert settlement.verify(session) == []
