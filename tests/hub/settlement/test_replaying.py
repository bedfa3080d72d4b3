"""Old settlements run again: exactly under their own pack, and under another as if it had been in force."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy import func, select

from hub import coverage, settlement
from hub.faults import Invalid
from hub.settlement import MONEY, NothingToReplay, PackReplay, Posting, Settlement, TooManyToReplay, replay
from hub.trust import NotAllowed
from hub.units import CHINA
from tests.hub.coverage.insured import CLERKS, DRAFT_TEXT, PACK_TEXT, with_pack
from tests.hub.settlement.histories import play
from tests.region import BUREAU, system

CLERK = CLERKS[0]
JUNE, OCTOBER, NOVEMBER = date(2026, 6, 1), date(2026, 10, 1), date(2026, 11, 1)
DRAFT = "yichang-draft-2028"


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=CHINA)


def october(session, seed: int, *, events: int = 40):
    return play(session, seed, people=5, events=events, begin=noon(OCTOBER), days=29)


def draft(session, *, live_from: str | None = None) -> None:
    """The draft: only imported, or (under the same name) in force from an early day."""
    if live_from is None:
        coverage.import_pack(session, system(BUREAU), text=DRAFT_TEXT)
    else:
        with_pack(session, DRAFT_TEXT.replace("2028-01-01", live_from))


def same_again(session, row: Settlement) -> bool:
    again = settlement.explained(session, row)
    return [getattr(row, name) for name in settlement.AMOUNTS] == list(again.totals) and [
        list(share) for share in again.shares
    ] == [list(share) for share in row.shares]


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 25))])
def test_every_settlement_of_a_random_history_runs_again_to_the_same_fen(session, seed):
    """Two packs decide one half-year each; the pack of the bill's day decides it for ever."""
    with_pack(session)
    before = [replace(clerk, at=noon(date(2026, 5, 1))) for clerk in CLERKS]
    with_pack(session, DRAFT_TEXT.replace("2028-01-01", "2026-07-01"), clerks=before)
    rows = play(session, seed, people=4, events=40, begin=noon(date(2026, 4, 20)), days=120)
    coverage.import_pack(
        session, CLERK, text=PACK_TEXT.replace("example-2024", "next").replace("2024-01-01", "2027-01-01")
    )
    assert {row.pack_id for row in rows} == {"yichang-example-2024", DRAFT}
    for row in rows:
        assert row.pack_id == (DRAFT if row.day >= date(2026, 7, 1) else "yichang-example-2024")
        assert same_again(session, row), row.id


@pytest.mark.parametrize("seed", [1, 2])
def test_a_pack_replayed_over_its_own_month_changes_nothing(session, seed):
    with_pack(session)
    october(session, seed)
    report = replay(session, CLERK, pack_id="yichang-example-2024", month=OCTOBER).report
    standing = (Settlement.state == "active") & Settlement.undoes.is_(None)
    assert report["settlements"] == session.scalar(select(func.count()).where(standing)) > 20
    assert (report["changed"], report["refused"]) == (0, 0)
    assert all(was == becomes for was, becomes in report["totals"].values())
    assert all(was == becomes for was, becomes in report["classes"].values())


@pytest.mark.parametrize("seed", [3, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in range(5, 25))])
def test_a_replay_says_what_the_same_month_under_the_pack_would_have_come_to(session, seed):
    with session.begin_nested() as other_world:
        draft(session, live_from="2024-01-01")
        rows = october(session, seed)
        stand = [row for row in rows if row.state == "active"]
        becomes = {name: sum(int(getattr(row, name)) for row in stand) for name in MONEY}
        other_world.rollback()
    with_pack(session)
    draft(session)
    rows = october(session, seed)
    report = replay(session, CLERK, pack_id=DRAFT, month=OCTOBER).report
    stand = [row for row in rows if row.state == "active"]
    assert {name: pair[0] for name, pair in report["totals"].items()} == {
        name: sum(int(getattr(row, name)) for row in stand) for name in MONEY
    }
    assert {name: pair[1] for name, pair in report["totals"].items()} == becomes
    assert report["changed"] > 0


def test_hospitals_and_classes_add_up_to_the_funds(session):
    with_pack(session)
    draft(session)
    october(session, 7)
    report = replay(session, CLERK, pack_id=DRAFT, month=OCTOBER).report
    for name in MONEY:
        for side in (0, 1):
            of_hospitals = sum(hospital[name][side] for hospital in report["hospitals"].values())
            assert of_hospitals == report["totals"][name][side]
    for side in (0, 1):
        assert sum(pair[side] for pair in report["classes"].values()) == report["totals"]["fund"][side]
    assert len(report["hospitals"]) == 3
    assert report["pays_more"] + report["pays_less"] <= report["settlements"]


def test_a_bill_that_the_pack_cannot_decide_is_named_and_left_out(session):
    with_pack(session)
    text = DRAFT_TEXT.replace('diabetes = { ratio = "0.80", fund_at_most = "2400.00" }\n', "")
    text = text.replace('diabetes = { ratio = "0.60", fund_at_most = "2400.00" }\n', "")
    coverage.import_pack(session, CLERK, text=text)
    rows = october(session, 8)
    report = replay(session, CLERK, pack_id=DRAFT, month=OCTOBER).report
    without = [row.id for row in rows if row.state == "active" and row.disease == "diabetes"]
    assert without
    assert sorted(each["settlement"] for each in report["refusals"]) == sorted(without)
    assert report["refused"] == len(without)
    assert "diabetes" in report["refusals"][0]["en"]


def test_a_replay_moves_no_money_and_is_kept_beside_the_pack(session):
    with_pack(session)
    draft(session)
    october(session, 9, events=10)
    before = session.scalar(select(func.count()).select_from(Posting)), settlement.verify(session)
    said: list[tuple[int, int]] = []
    row = replay(session, CLERK, pack_id=DRAFT, month=OCTOBER, progress=lambda *at: said.append(at))
    assert (session.scalar(select(func.count()).select_from(Posting)), settlement.verify(session)) == before
    assert settlement.replays(session, CLERK, pack_id=DRAFT) == [row]
    assert (row.first_day, row.last_day, row.by) == (OCTOBER, date(2026, 10, 31), "staff/clerk-one")
    assert (said[0], said[-1][0]) == ((0, said[-1][1]), row.report["settlements"])


@pytest.mark.parametrize(
    ("fault", "facts"),
    [
        (NothingToReplay, {"month": JUNE}),
        (TooManyToReplay, {"at_most": 2}),
        (Invalid, {"month": date(2026, 12, 1)}),
        (coverage.PackUnknown, {"pack_id": "none"}),
        (NotAllowed, {"caller": replace(CLERK, scopes=frozenset({"settlement.read"}))}),
    ],
)
def test_a_replay_that_cannot_be_is_refused_and_nothing_is_kept(session, fault, facts):
    with_pack(session)
    draft(session)
    october(session, 9, events=8)
    asked = {"caller": CLERK, "pack_id": DRAFT, "month": OCTOBER} | facts
    with pytest.raises(fault):
        replay(session, asked.pop("caller"), **asked)
    assert session.scalar(select(func.count()).select_from(PackReplay)) == 0


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2026, 2, 14), date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 1), date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_a_month_has_its_days(day, first, last):
    assert settlement.bounds_of_month(day) == (first, last)
