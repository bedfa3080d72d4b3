"""Who is insured where a platform settles: asked first, recorded once, our calculation beside it, never mixed."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import coverage, settlement
from hub.coverage import SettledUpstream
from hub.coverage.tables import Accumulator
from hub.faults import Invalid
from hub.settlement import (
    Charge,
    ChargeKey,
    Doubted,
    KeyReversed,
    KeyTaken,
    OutcomeNotKnown,
    Settlement,
    SettlementKey,
    upstream,
)
from hub.settlement.fees import BatchSettled
from hub.settlement.upstream import Forwarded, PlatformLine
from hub.trust import NotAllowed
from hub.units import Money, day_of
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged, fees, settle, undo, upload
from tests.hub.settlement.upstreams import (
    AREA,
    CALLER,
    LINES,
    answer,
    ask,
    attendance,
    insured_upstream,
    postings,
    settled,
    with_platform,
)
from tests.region import BUREAU, COUNTY, NOW, TERTIARY, system

TODAY = day_of(NOW)


@pytest.fixture
def person(session: Session):
    with_platform(session)
    return insured_upstream(session)


@pytest.fixture
def visit(session: Session, person):
    return attendance(session, person)


def count(session: Session, table) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def later(minutes: int):
    return system(TERTIARY, at=NOW + timedelta(minutes=minutes))


def lose(session: Session, asked) -> int:
    upstream.record_lost(session, CALLER, asked.forwarded.id, "ReadTimeout")
    return asked.forwarded.id


def line(msgid: str = "m1", *, refund: bool = False) -> PlatformLine:
    sign = -1 if refund else 1
    return PlatformLine(msgid, "P-1", "V-1", "4299", sign * 106_000, sign * 42_000, 0, refund)


def agreed(session: Session, *lines: PlatformLine, minutes: int = 20, day=TODAY):
    return upstream.agree(
        session, later(minutes), area=AREA, organisation_id=TERTIARY, day_from=day, day_to=day, lines=lines
    )


# who settles


def test_an_area_nobody_spoke_of_is_settled_here(session: Session) -> None:
    with_pack(session)
    visit = charged(session, insured(session).id, ended=NOW)
    assert settle(session, visit).platform is None


def test_settling_here_what_a_platform_settles_is_refused_and_nothing_is_written(session: Session, visit) -> None:
    with pytest.raises(SettledUpstream) as refused:
        settle(session, visit, batch="B")
    assert AREA in refused.value.sentence("zh")
    with pytest.raises(SettledUpstream):
        settlement.quote(session, CALLER, Charge(visit.id, "B"))
    assert [count(session, table) for table in (Settlement, SettlementKey, ChargeKey, Accumulator)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("wrong", "element"),
    [
        ({"area": "4299"}, "area"),
        ({"url": "ftp://platform"}, "url"),
        ({"secret": None}, "url"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 61}, "timeout_seconds"),
    ],
)
def test_an_authority_that_cannot_be_is_refused(session: Session, wrong, element) -> None:
    said = {"area": AREA, "name": "邻市", "url": "http://127.0.0.1:9", "access_key": "hub", "secret": "s"}
    with pytest.raises(Invalid) as refused:
        coverage.set_authority(session, system(BUREAU), **said | wrong)
    assert refused.value.element == element
    assert coverage.authorities(session) == []


def test_an_authority_is_set_by_operations_only_and_may_come_home(session: Session, visit) -> None:
    with pytest.raises(NotAllowed):
        coverage.set_authority(session, system(BUREAU, scopes=frozenset()), area=AREA, name="邻市")
    coverage.set_authority(session, system(BUREAU), area=AREA, name="邻市")
    assert settle(session, visit, batch="B").platform is None


# asked and answered


def test_what_the_platform_answers_is_the_settlement_and_its_ledger_balances(session: Session, visit) -> None:
    row = settled(session, visit)
    stored = session.get_one(Settlement, row.id)
    session.refresh(stored)
    assert (stored.total, stored.fund, stored.cash, stored.msgid) == (106_000, 42_000, 64_000, "m1")
    assert stored.platform["setl_id"] == "P-1"
    assert stored.platform["differences"] == []
    legs = {f"fund.{AREA}.pool": -42_000, "person.cash": -64_000, "hospital.receivable": 106_000}
    assert postings(session, row) == legs
    assert settlement.verify(session) == []
    assert settlement.prove(session, since=NOW - timedelta(days=1)).broken == ()


def test_nothing_a_platform_pays_moves_an_accumulator_of_ours(session: Session, visit) -> None:
    settled(session, visit)
    assert count(session, Accumulator) == 0


def test_our_calculation_counts_what_was_settled_upstream_before(session: Session, person, visit) -> None:
    settled(session, visit)
    second = attendance(session, person, batch="C", number="MZ-2")
    row = upstream.record_settled(
        session,
        CALLER,
        ask(session, second, key="m2", batch="C").forwarded.id,
        answer(deductible=0, pool=60_000, fund=60_000, cash=46_000, person=46_000),
    )
    assert row.platform["differences"] == []
    assert settlement.explained(session, row).totals.pool == 60_000


def test_where_we_part_from_the_platform_is_kept_with_its_cause(session: Session, visit) -> None:
    """The platform knows of a deductible borne elsewhere, so the pool pays more than we would."""
    given = answer(deductible=0, pool=60_000, fund=60_000, cash=46_000, person=46_000)
    row = upstream.record_settled(session, CALLER, ask(session, visit).forwarded.id, given)
    assert [(d["name"], d["platform"], d["ours"], d["cause"]) for d in row.platform["differences"]] == [
        ("deductible", 0, 30_000, "deductible"),
        ("pool", 60_000, 42_000, "follows"),
        ("person", 46_000, 64_000, "follows"),
    ]


@pytest.mark.parametrize(("wrong", "left_open"), [({"cash": 63_999}, 1), ({"pool": 42_100}, -100), ({"fund": 1}, 0)])
def test_an_answer_that_does_not_foot_is_kept_and_its_rest_stands_in_suspense(
    session: Session, visit, wrong, left_open
) -> None:
    row = upstream.record_settled(session, CALLER, ask(session, visit).forwarded.id, answer(**wrong))
    assert -postings(session, row).get(f"suspense.{AREA}", 0) == left_open
    assert sum(postings(session, row).values()) == 0
    assert settlement.verify(session) == []


def test_funds_we_do_not_have_and_the_hospitals_own_share_have_accounts(session: Session, visit) -> None:
    given = answer(other=1_000, hospital=2_000, fund=43_000, cash=61_000, person=61_000)
    row = upstream.record_settled(session, CALLER, ask(session, visit).forwarded.id, given)
    assert postings(session, row)[f"fund.{AREA}.other"] == -1_000
    assert postings(session, row)["hospital.share"] == -2_000
    assert settlement.verify(session) == []


def test_an_answer_recorded_twice_is_one_settlement(session: Session, visit) -> None:
    asked = ask(session, visit)
    first = upstream.record_settled(session, CALLER, asked.forwarded.id, answer())
    again = upstream.record_settled(session, CALLER, asked.forwarded.id, answer(setl_id="P-2"))
    assert (again.id, count(session, Settlement)) == (first.id, 1)


def test_what_is_doubtful_is_told_before_a_platform_is_asked(session: Session, person) -> None:
    """The same item at the same time at two hospitals: the platform would pay it twice."""
    charged(session, person.id, LINES, batch="C", care="outpatient", begun=NOW, number="MZ-C", hospital=COUNTY)
    visit = attendance(session, person)
    with pytest.raises(Doubted), session.begin_nested():
        ask(session, visit)
    assert count(session, Forwarded) == 0


# asked again


def test_while_it_is_asked_nobody_asks_again_and_the_lines_stay(session: Session, visit) -> None:
    asked = ask(session, visit)
    assert asked.forwarded.state == "asked"
    for key in ("m1", "m2"):
        with pytest.raises(OutcomeNotKnown), session.begin_nested():
            ask(session, visit, key=key)
    with pytest.raises(OutcomeNotKnown), session.begin_nested():
        settle(session, visit, key="m1", batch="B")
    with pytest.raises(BatchSettled), session.begin_nested():
        upload(session, visit, fees([("S-BED-01", "1", "1.00")], start=9, batch="B"))
    with pytest.raises(KeyTaken), session.begin_nested():
        ask(session, visit, content=b"other")
    assert settlement.by_key(session, CALLER, key="m1").state == "asked"
    assert count(session, Forwarded) == 1
    assert settlement.verify(session) == []


def test_the_same_message_later_gets_the_settlement_and_so_does_another_for_the_same_batch(
    session: Session, visit
) -> None:
    row = settled(session, visit)
    assert ask(session, visit).id == row.id
    assert ask(session, visit, key="m2").id == row.id
    assert settlement.by_key(session, CALLER, key="m2").settlement.id == row.id
    assert settle(session, visit, key="m1", batch="B").id == row.id


def test_what_the_platform_refuses_leaves_no_key(session: Session, visit) -> None:
    asked = ask(session, visit)
    upstream.record_refused(session, CALLER, asked.forwarded.id, "封锁")
    assert (asked.forwarded.state, asked.forwarded.problem) == ("refused", "封锁")
    assert [count(session, table) for table in (Settlement, SettlementKey, ChargeKey)] == [0, 0, 0]
    assert ask(session, visit).forwarded.id != asked.forwarded.id


# lost and found


def test_a_lost_answer_is_due_at_once_and_then_ever_more_seldom(session: Session, visit) -> None:
    lose(session, ask(session, visit))
    waits = []
    for minutes in (0, 30, 60, 90, 150, 300):
        (due,) = upstream.take_due(session, later(minutes))
        assert upstream.take_due(session, later(minutes)) == [], "taken"
        upstream.record_lost(session, later(minutes), due.forwarded.id, "ConnectError")
        waits.append((due.forwarded.due_at - NOW - timedelta(minutes=minutes)).total_seconds() / 60)
    assert waits == [1, 5, 15, 60, 60, 60]


def test_an_asker_who_was_killed_is_found_when_the_lease_has_run_out(session: Session, visit) -> None:
    asked = ask(session, visit)
    assert upstream.take_due(session, later(1)) == []
    (due,) = upstream.take_due(session, later(2))
    assert (due.forwarded.id, due.forwarded.state, due.forwarded.attempts) == (asked.forwarded.id, "unanswered", 1)


def test_a_lost_answer_that_is_found_later_is_the_settlement(session: Session, visit) -> None:
    forwarded_id = lose(session, ask(session, visit))
    row = upstream.record_settled(session, later(1), forwarded_id, answer())
    assert ask(session, visit).id == row.id
    assert upstream.still_open(session) == []


def test_a_reversal_is_believed_only_when_the_platforms_file_agrees(session: Session, visit) -> None:
    forwarded_id = lose(session, ask(session, visit))
    upstream.record_reversed(session, later(1), forwarded_id)
    with pytest.raises(OutcomeNotKnown), session.begin_nested():
        ask(session, visit, key="m2")
    assert upstream.unconfirmed(session) == [(AREA, TERTIARY, TODAY, TODAY)]
    assert agreed(session, minutes=9) == upstream.Agreed((), ()), "it may still arrive"
    assert agreed(session, day=TODAY - timedelta(days=1)) == upstream.Agreed((), ()), "another day's file"
    assert agreed(session) == upstream.Agreed((forwarded_id,), ())
    with pytest.raises(KeyReversed), session.begin_nested():
        ask(session, visit)
    assert settlement.by_key(session, CALLER, key="m1").state == "reversed"
    assert ask(session, visit, key="m2").forwarded.state == "asked"


def test_a_reversal_the_file_shows_as_a_pair_is_confirmed(session: Session, visit) -> None:
    forwarded_id = lose(session, ask(session, visit))
    upstream.record_reversed(session, later(1), forwarded_id)
    assert agreed(session, line(), line(refund=True)).confirmed == (forwarded_id,)


def test_a_settlement_that_stands_in_the_file_all_the_same_is_asked_about_again(session: Session, visit) -> None:
    forwarded_id = lose(session, ask(session, visit))
    upstream.record_reversed(session, later(1), forwarded_id)
    assert agreed(session, line(), line("other")).standing == (forwarded_id,)
    (due,) = upstream.take_due(session, later(20))
    row = upstream.record_settled(session, later(20), due.forwarded.id, answer())
    assert settlement.by_key(session, CALLER, key="m1").settlement.id == row.id


def test_an_answer_that_comes_after_the_reversal_is_not_booked(session: Session, visit) -> None:
    forwarded_id = lose(session, ask(session, visit))
    upstream.record_reversed(session, later(1), forwarded_id)
    with pytest.raises(OutcomeNotKnown):
        upstream.record_settled(session, later(1), forwarded_id, answer())
    assert count(session, Settlement) == 0


def test_a_question_whose_platform_is_gone_stops_no_other(session: Session, visit) -> None:
    lose(session, ask(session, visit))
    coverage.set_authority(session, system(BUREAU), area=AREA, name="邻市")
    assert upstream.take_due(session, later(1)) == []
    (row,) = upstream.still_open(session)
    assert (row.state, AREA in row.problem) == ("unanswered", True)
    upstream.record_reversed(session, later(1), row.id)
    assert upstream.unconfirmed(session) == []


# undone


def ask_undo(session: Session, row: Settlement, key: str = "u1"):
    return upstream.ask_undo(session, CALLER, settlement_id=row.id, key=key, content_hash=b"u", infno="2208", said={})


def test_an_undo_goes_upstream_too_and_leaves_a_counter_entry(session: Session, visit) -> None:
    row = settled(session, visit)
    with pytest.raises(SettledUpstream):
        undo(session, row)
    asked = ask_undo(session, row)
    counter = upstream.record_undone(session, CALLER, asked.forwarded.id, {})
    assert (counter.undoes, counter.total, counter.fund) == (row.id, -106_000, -42_000)
    assert postings(session, counter) == {name: -fen for name, fen in postings(session, row).items()}
    assert session.get_one(Settlement, row.id).state == "cancelled"
    assert ask_undo(session, row).id == ask_undo(session, row, "u2").id == counter.id
    assert settlement.verify(session) == []
    assert ask(session, visit, key="m2").forwarded.state == "asked"


def test_one_undo_of_a_settlement_runs_at_a_time(session: Session, visit) -> None:
    row = settled(session, visit)
    ask_undo(session, row)
    with pytest.raises(upstream.NotYetUndone), session.begin_nested():
        ask_undo(session, row, "u2")
    with pytest.raises(OutcomeNotKnown), session.begin_nested():
        ask_undo(session, row)


def test_a_refused_undo_leaves_the_settlement_and_may_be_asked_again(session: Session, visit) -> None:
    row = settled(session, visit)
    asked = ask_undo(session, row)
    upstream.record_refused(session, CALLER, asked.forwarded.id, "已清算")
    assert session.get_one(Settlement, row.id).state == "active"
    assert ask_undo(session, row).forwarded.state == "asked"


def test_a_settlement_here_is_undone_whatever_a_platform_settled_later(session: Session, person) -> None:
    with_pack(session)
    row = settle(session, charged(session, insured(session, 2).id, ended=NOW), key="h1")
    settled(session, attendance(session, person))
    assert undo(session, row).undoes == row.id


def test_what_the_hub_recorded_is_told_in_the_platforms_numbers(session: Session, visit) -> None:
    row = settled(session, visit)
    upstream.record_undone(session, CALLER, ask_undo(session, row).forwarded.id, {})
    lines = upstream.settled_lines(session, area=AREA, organisation_id=TERTIARY, day_from=TODAY, day_to=TODAY)
    told = [(x.msgid, x.setl_id, x.mdtrt_id, x.psn_no, x.total, x.fund, x.refund) for x in lines["11"]]
    psn_no = "429900000001"
    assert told == [
        ("m1", "P-1", "V-1", psn_no, 106_000, 42_000, False),
        ("u1", "P-1", "V-1", psn_no, -106_000, -42_000, True),
    ]
    assert Money(lines["11"][0].total) == 106_000
