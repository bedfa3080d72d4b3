"""Partial refunds: the rest is settled again by the original pack and standing, and nothing is given back twice."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from hub import coverage, settlement
from hub.exchange import Due
from hub.settlement import (
    AMOUNTS,
    BuiltUpon,
    FeeLine,
    KeyTaken,
    Posting,
    RefundedInPart,
    RefundOfAll,
    RefundWrong,
    Settlement,
    SettlementUnknown,
    verify,
)
from hub.units import Money
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import COUNTY, charged, fees, paid, refer, settle, undo, upload
from tests.region import NOW, system


@pytest.fixture(autouse=True)
def _pack(session):
    with_pack(session)


def refund(session, row, lines, *, key="r1", content=b"r", at=NOW + timedelta(days=1)):
    caller = system(row.organisation_id, at=at)
    wanted = {number: Decimal(quantity) for number, quantity in lines.items()}
    return settlement.refund(
        session, caller, settlement_id=row.id, lines=wanted, reason="退药", key=key, content_hash=content
    )


def standing(session, person_id):
    return coverage.accumulated(session, person_id, NOW.year), coverage.balance(session, person_id)


def count(session) -> int:
    return session.scalar(select(func.count()).select_from(Settlement))


def test_the_rest_is_what_the_shorter_bill_would_have_come_to(session):
    person, other = insured(session, balance=30_000), insured(session, 2, balance=30_000)
    row = settle(session, charged(session, person.id, ended=NOW))
    given = refund(session, row, {"2": "1", "3": "1"})
    shorter = [("S-BED-01", "10", "320.50"), ("D-EX-0001", "2", "1280.333"), ("S-ECHO-01", "2", "900.00")]
    shorter.append(("D-RES-01", "1.5", "199.99"))
    alone = settle(session, charged(session, other.id, shorter, number="ZY-9", ended=NOW), key="m9")
    assert paid(given.rest) == paid(alone)
    assert paid(given.counter) == {name: str(Money(-getattr(row, name))) for name in AMOUNTS}
    assert given.amount("total") == 128_033 + 56_000
    assert given.amount("total") == given.amount("fund") + given.person
    mine, theirs = standing(session, person.id), standing(session, other.id)
    assert mine == theirs
    assert (given.rest.settled_on, given.rest.day) == ((NOW + timedelta(days=1)).date(), NOW.date())
    assert verify(session) == []


def test_the_chain_is_one_of_postings_that_sum_to_zero_and_the_person_is_told_what_comes_back(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    given = refund(session, row, {"3": "1"})
    legs = select(func.sum(Posting.amount)).where(Posting.settlement_id.in_([row.id, given.counter.id, given.rest.id]))
    assert session.scalar(legs) == 0
    told = [due.snapshot["text"] for due in session.scalars(select(Due).where(Due.kind == "notice").order_by(Due.id))]
    assert "退了部分费用：总费用 560.00 元，其中医保 0.00 元，退给您 560.00 元" in told[-1]
    (link,) = settlement.chain(session, given.rest.id)
    assert (link.original.id, link.rest.id, link.reason) == (row.id, given.rest.id, "退药")


def test_a_refund_uses_the_referral_and_the_year_as_they_were(session):
    person = insured(session)
    sending = charged(session, person.id, hospital=COUNTY, number="X-1", ended=NOW - timedelta(days=9))
    settle(session, sending, key="m0")
    refer(session, person.id)
    row = settle(session, charged(session, person.id, begun=NOW - timedelta(days=8), ended=NOW))
    given = refund(session, row, {"4": "1"})
    assert (given.rest.deductible, given.rest.admission, given.rest.sender_visit_id) == (50_000, 1, sending.id)


def test_the_same_refund_again_is_the_same_and_other_content_is_a_conflict(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    first = refund(session, row, {"3": "1"})
    before = count(session)
    assert refund(session, row, {"3": "1"}).rest.id == first.rest.id
    with pytest.raises(KeyTaken):
        refund(session, row, {"2": "1"}, content=b"other")
    assert count(session) == before


def test_what_was_refunded_in_part_names_what_stands_to_every_later_wish(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    first = refund(session, row, {"2": "1"})
    second = refund(session, first.rest, {"2": "1"}, key="r2")
    before = count(session)
    for wish in (lambda: refund(session, row, {"2": "1"}, key="r3"), lambda: undo(session, row)):
        with pytest.raises(RefundedInPart) as refusal:
            wish()
        assert refusal.value.facts["stands"] == second.rest.id
    assert count(session) == before
    assert [link.rest.id for link in settlement.chain(session, first.rest.id)] == [first.rest.id, second.rest.id]


WRONG = [
    ({}, "lines"),
    ({"9": "1"}, "lines[9].number"),
    ({"2": "3.5"}, "lines[2].quantity"),
    ({"2": "0"}, "lines[2].quantity"),
    ({"2": "-1"}, "lines[2].quantity"),
    ({"2": "0.00001"}, "lines[2].quantity"),
    ({"1": "1", "5": "1.6"}, "lines[5].quantity"),
]


@pytest.mark.parametrize(("lines", "element"), WRONG, ids=[f"{element} {lines}" for lines, element in WRONG])
def test_a_wrong_refund_is_refused_naming_the_line_and_nothing_is_written(session, lines, element):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    with pytest.raises(RefundWrong) as refusal:
        refund(session, row, lines)
    assert refusal.value.element == element
    assert count(session) == 1
    assert session.scalar(select(func.sum(FeeLine.refunded))) == 0


def test_all_of_it_a_strangers_and_an_undone_settlement_are_refused(session):
    row = settle(session, charged(session, insured(session).id, [("S-BED-01", "2", "50.00")], ended=NOW))
    with pytest.raises(RefundOfAll):
        refund(session, row, {"1": "2"})
    stranger = system(COUNTY)
    with pytest.raises(SettlementUnknown):
        settlement.refund(session, stranger, settlement_id=row.id, lines={}, reason="", key="r", content_hash=b"")
    undo(session, row)
    with pytest.raises(SettlementUnknown):
        refund(session, row, {"1": "1"})


def test_a_settlement_that_later_ones_were_built_on_is_not_refunded_naming_them(session):
    person = insured(session)
    first = settle(session, charged(session, person.id, ended=NOW - timedelta(days=1)), key="m1")
    second = settle(session, charged(session, person.id, number="ZY-2", begun=NOW, ended=NOW), key="m2")
    with pytest.raises(BuiltUpon, match=str(second.id)):
        refund(session, first, {"3": "1"})
    refund(session, second, {"3": "1"}, key="r2")
    assert count(session) == 4


def test_what_was_refunded_stays_off_the_bill_when_the_rest_is_undone_and_settled_again(session):
    person = insured(session)
    before = standing(session, person.id)
    stay = charged(session, person.id, ended=NOW)
    row = settle(session, stay)
    given = refund(session, row, {"2": "1"})
    undo(session, given.rest, key="u2")
    assert standing(session, person.id)[0]["310"] == dict.fromkeys(standing(session, person.id)[0]["310"], 0)
    assert before[1] == standing(session, person.id)[1]
    again = settle(session, stay, key="m2")
    assert paid(again) == paid(given.rest)
    assert verify(session) == []


def test_a_part_of_a_stay_may_be_refunded_and_the_stay_goes_on(session):
    person = insured(session)
    stay = charged(session, person.id, [("S-BED-01", "3", "500.00")])
    first = settle(session, stay)
    given = refund(session, first, {"1": "1"})
    assert (given.rest.deductible, given.rest.batch) == (100_000, "stay-1")
    upload(session, stay, fees([("S-BED-01", "1", "2000.00")], start=50))
    later = settle(session, stay, key="m2")
    assert (later.total, later.deductible, later.batch) == (200_000, 0, "stay-3")


CODES = ["S-BED-01", "D-EX-0001", "S-ESC-01", "S-ECHO-01", "D-RES-01"]
LINES = st.lists(
    st.tuples(
        st.sampled_from(CODES),
        st.integers(1, 300).map(lambda n: f"{Decimal(n) / 10}"),
        st.integers(1, 200_000).map(lambda n: f"{Decimal(n) / 100}"),
    ),
    min_size=1,
    max_size=5,
)
WISHES = st.lists(st.dictionaries(st.integers(1, 5), st.integers(1, 9), min_size=1, max_size=3), max_size=3)


@given(lines=LINES, wishes=WISHES, insutype=st.sampled_from(["310", "390"]), inpatient=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_refunds_never_exceed_the_original_by_line_fund_and_fen(session, lines, wishes, insutype, inpatient):
    """Wishes are tenths of what is left of a line; after them all is undone and the year is as it was."""
    with session.begin_nested() as attempt:
        person = insured(session, insutype=insutype, balance=20_000, aid=True, civil_servant=insutype == "310")
        care, batch = ("inpatient", "") if inpatient else ("outpatient", "B")
        stay = charged(session, person.id, lines, care=care, batch=batch, begun=NOW, ended=NOW if inpatient else None)
        first = settle(session, stay, batch=batch)
        stands = first
        for n, wish in enumerate(wishes):
            left = {line.id: line.quantity for line in coverage.bill_of(stands.bill)[1].lines}
            wanted = {str(k): left[str(k)] * v / 10 for k, v in wish.items() if str(k) in left}
            wanted = {k: round(v, 2) for k, v in wanted.items() if round(v, 2)}
            if not wanted:
                continue
            given = refund(session, stands, wanted, key=f"r{n}")
            for amount in AMOUNTS:
                assert 0 <= getattr(given.rest, amount) <= getattr(first, amount) or amount == "over"
            assert 0 <= given.person <= given.amount("total")
            assert sum(share[0] for share in given.rest.shares) == given.rest.total
            for name in ("pool", "large", "serious", "civil", "aid"):
                assert 0 <= given.amount(name) <= getattr(stands, name)
            stands = given.rest
        assert verify(session) == []
        undo(session, stands, key="last")
        year = coverage.accumulated(session, person.id, NOW.year)[insutype]
        assert set(year.values()) == {0}
        assert coverage.balance(session, person.id) == 20_000
        attempt.rollback()
    session.expire_all()
