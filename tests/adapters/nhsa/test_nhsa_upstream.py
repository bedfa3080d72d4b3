"""Who is insured where a platform settles, from the hospital's window to the simulated platform and back.

The platform is a process of its own with a state of its own; it is slow, down, lies, and loses answers.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from adapters import door
from adapters.nhsa import upward_files, upward_sweep
from adapters.reconciling.journal import compare
from fixtures.simulators.nhsa_client import Exchange, Hospital
from hub import coverage, reconciliation, settlement
from hub.reconciliation import Kind, Line
from hub.reconciliation.breaches import IdentityBreach
from hub.settlement import Charge, Posting, Settlement, upstream
from hub.settlement.upstream import Forwarded
from hub.trust import SCOPES, Caller
from hub.units import day_of
from tests.adapters.nhsa.cashier import Window, fee
from tests.adapters.nhsa.platforms import AREA, SECRET, Platform, psn_no
from tests.hub.coverage.insured import with_pack
from tests.hub.settlement.upstreams import PACK_TEXT
from tests.region import BUREAU, TERTIARY, system

NOT_KNOWN = "暂未确认"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    opened = Platform(tmp_path_factory.mktemp("platform"))
    yield opened
    opened.close()


@pytest.fixture
def platform(process: Platform) -> Platform:
    """Knows nothing yet, and is in a good mood."""
    process.reset()
    return process


@pytest.fixture
def authority(engine: Engine, platform: Platform) -> Callable[..., None]:
    """`authority(timeout_seconds=1)` says how the platform is reached."""

    def state(**facts: object) -> None:
        with Session(engine) as session, session.begin():
            with_pack(session, PACK_TEXT)
            said = {"name": "邻市示例参保区（虚构）", "url": platform.url, "access_key": "hub", "secret": SECRET}
            coverage.set_authority(session, system(BUREAU), area=AREA, **said | {"timeout_seconds": 2} | facts)

    state()
    return state


@pytest.fixture
def window(hospital: Hospital, insure: Callable[..., object], authority: object) -> Window:
    return charged(Window(hospital, insure(1, area=AREA)))


def charged(window: Window) -> Window:
    """1,000.00 of class A, 1,280.33 of class B, 60.00 of class C."""
    window.register().diagnose()
    window.charge(fee(1, "S-BED-01", "500.00", "2"), fee(2, "D-EX-0001", "1280.333"), fee(3, "S-ESC-01", "60.00"))
    return window


def rows(engine: Engine) -> list[Settlement]:
    with Session(engine) as session:
        assert session.scalar(text("SELECT coalesce(sum(amount), 0) FROM posting")) == 0
        assert settlement.verify(session) == []
        return list(session.scalars(select(Settlement).order_by(Settlement.id)))


def journal(engine: Engine, *kinds: str) -> list[tuple[str, str]]:
    """What was said upward and how it ended, in order."""
    with Session(engine) as session:
        wanted = select(Forwarded).order_by(Forwarded.id)
        return [(row.infno, row.state) for row in session.scalars(wanted) if not kinds or row.kind in kinds]


def job(**later: float) -> Caller:
    at = door.now() + timedelta(**later)
    return Caller(kind="job", id="ask-platforms", at=at, scopes=SCOPES, purpose="operation", trace="job")


def unlike(exchange: Exchange, words: str) -> None:
    assert not exchange.accepted
    assert words in exchange.message


# settled


def test_the_platforms_amounts_are_the_settlement_and_agree_with_our_calculation(window, engine, platform) -> None:
    info = window.settle().output["setlinfo"]
    (row,) = rows(engine)
    # 2,152.30 in scope less 300.00, 60 of a hundred of it; the account of 100.00 pays first.
    assert [info[name] for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay", "psn_cash_pay")] == [
        "2340.33",
        "1111.38",
        "100.00",
        "1128.95",
    ]
    assert (row.total, row.fund, row.account, row.cash) == (234_033, 111_138, 10_000, 112_895)
    assert row.platform["differences"] == []
    assert (info["setl_id"], info["mdtrt_id"], info["medins_setl_id"]) == (str(row.id), window.mdtrt_id, row.msgid)
    assert row.platform["setl_id"].startswith(AREA)
    assert info["clr_optins"] == AREA
    assert platform.settlements() == [(row.msgid, False)]
    assert journal(engine) == [("2207", "answered"), ("2201", "answered"), ("2204", "answered")]


def test_a_call_that_is_carried_upward_is_one_line_in_the_log_and_counted_once(window) -> None:
    with capture_logs() as lines:
        window.settle()
    said = [(line["verb"], line["outcome"]) for line in lines if line["event"] == "call"]
    assert said == [("nhsa.2207", "ok")]


@pytest.mark.slow
def test_the_ledger_knows_the_funds_of_the_area(window, engine) -> None:
    window.settle()
    with Session(engine) as session:
        legs = {leg.account: int(leg.amount) for leg in session.scalars(select(Posting))}
    assert legs == {
        f"fund.{AREA}.pool": -111_138,
        f"person.{AREA}.account": -10_000,
        "person.cash": -112_895,
        "hospital.receivable": 234_033,
    }


def test_lines_are_divided_by_our_own_catalogue_when_they_are_uploaded(hospital, insure, authority, platform) -> None:
    window = Window(hospital, insure(1, area=AREA)).register().diagnose()
    lines = window.charge(fee(1, "S-BED-01", "500.00"), fee(2, "D-EX-0001", "1280.333"), fee(3, "S-ESC-01", "60.00"))
    divided = [(x["fulamt_ownpay_amt"], x["preselfpay_amt"], x["inscp_scp_amt"], x["memo"]) for x in lines]
    assert divided == [("0.00", "0.00", "500.00", ""), ("0.00", "128.03", "1152.30", ""), ("60.00", "0.00", "0.00", "")]
    assert platform.heard() == []


def test_a_quote_is_the_platforms_and_writes_the_journal_only(window, engine, platform) -> None:
    quoted = window.quote()
    assert quoted["fund_pay_sumamt"] == "1111.38"
    assert quoted["mdtrt_id"] == window.mdtrt_id
    assert (rows(engine), platform.settlements()) == ([], [])
    assert window.settle().output["setlinfo"]["fund_pay_sumamt"] == "1111.38"
    assert journal(engine, "charge") == [("2204", "answered"), ("2205", "answered"), ("2204", "answered")]


def test_where_the_platform_knows_more_the_difference_is_explained(hospital, insure, authority, engine) -> None:
    """Somebody who has borne the year's deductible elsewhere: the platform knows, we do not."""
    charged(Window(hospital, insure(11, area=AREA))).settle()
    (row,) = rows(engine)
    assert [(one["name"], one["platform"], one["ours"], one["cause"]) for one in row.platform["differences"]] == [
        ("deductible", 0, 30_000, "deductible"),
        ("pool", 129_138, 111_138, "follows"),
        ("person", 104_895, 122_895, "follows"),
    ]


@pytest.mark.slow
def test_a_stay_is_admitted_charged_discharged_and_settled_upstream(hospital, insure, authority, engine) -> None:
    stay = Window(hospital, insure(1, area=AREA), number="ZY0001").admit(insuplc_admdvs=AREA)
    stay.charge_stay(fee(1, "S-BED-01", "500.00", "6"))
    stay.discharge()
    settled = stay.settle_stay(insuplc_admdvs=AREA)
    assert settled.accepted, settled.message
    (row,) = rows(engine)
    assert (row.total, row.deductible, row.pool, row.clr_type) == (300_000, 80_000, 176_000, "21")
    assert row.platform["differences"] == []
    assert journal(engine, "register", "charge", "discharge") == [
        ("2401", "answered"),
        ("2301", "answered"),
        ("2402", "answered"),
    ]


@pytest.mark.slow
def test_people_settled_here_are_not_carried_anywhere(hospital, insure, authority, engine, platform) -> None:
    settled = charged(Window(hospital, insure(5))).settle()
    assert settled.accepted
    assert (journal(engine), platform.heard()) == ([], [])


@pytest.mark.slow
def test_gathering_turned_off_carries_upward_as_well(window, engine, server, monkeypatch) -> None:
    monkeypatch.setattr(door, "_settings", door.settings().model_copy(update={"writer_threads": 0}))
    assert window.settle().accepted
    assert len(rows(engine)) == 1


# refused, and nothing left behind


def test_what_the_platform_refuses_is_said_in_its_words_and_may_come_again(window, engine, platform) -> None:
    platform.feel(refuse=1, refuse_with="待遇等待期内", only=["2207"])
    msgid = window.hospital.next_msgid()
    unlike(window.settle(msgid=msgid), "待遇等待期内")
    assert rows(engine) == []
    assert window.settle(msgid=msgid).accepted
    assert journal(engine, "settle") == [("2207", "refused"), ("2207", "answered")]


@pytest.mark.slow
def test_who_the_platform_does_not_serve_is_refused_before_money_is_spoken_of(
    hospital, insure, authority, engine, platform
) -> None:
    unlike(charged(Window(hospital, insure(12, area=AREA))).settle(), "待遇已封锁")
    assert journal(engine) == [("2207", "refused"), ("2201", "refused")]
    assert platform.settlements() == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "503", "not signed"])
def test_a_platform_that_is_down_leaves_nothing_and_the_same_message_may_come_again(
    window, engine, platform, authority, how
) -> None:
    if how == "stopped":
        platform.stop()
    elif how == "503":
        platform.feel(down=True)
    else:
        authority(secret="another")
    msgid = window.hospital.next_msgid()
    unlike(window.settle(msgid=msgid), "签名不一致" if how == "not signed" else "联系不上")
    assert rows(engine) == []
    if how == "stopped":
        platform.start()
    elif how == "503":
        platform.feel(down=False)
    else:
        authority()
    assert window.settle(msgid=msgid).accepted


@pytest.mark.slow
def test_what_is_wrong_with_a_bill_is_refused_here_and_the_platform_hears_nothing(window, engine, platform) -> None:
    unlike(window.settle(medfee_sumamt="1.00"), "medfee_sumamt")
    assert (platform.heard(), journal(engine)) == ([], [])


# repeated


@pytest.mark.slow
def test_the_same_message_gets_the_same_bytes_and_another_for_the_batch_the_same_settlement(
    window, engine, platform
) -> None:
    msgid = window.hospital.next_msgid()
    first = window.settle(msgid=msgid)
    assert window.settle(msgid=msgid).reply == first.reply
    other = window.settle()
    assert other.output["setlinfo"]["setl_id"] == first.output["setlinfo"]["setl_id"]
    unlike(window.settle(msgid=msgid, acct_used_flag="0"), msgid)
    assert (len(rows(engine)), len(platform.settlements())) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False], ids=["one message", "one batch"])
def test_two_who_ask_at_once_are_one_question(window, engine, platform, same) -> None:
    platform.feel(slow_seconds=0.5, only=["2207"])
    msgids = [window.hospital.next_msgid()] * 6 if same else [window.hospital.next_msgid() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        came = list(pool.map(lambda msgid: window.settle(msgid=msgid), msgids))
    refused = [one.message for one in came if not one.accepted]
    assert len(refused) <= 5
    assert all(NOT_KNOWN in message for message in refused)
    assert (len(rows(engine)), len(platform.settlements())) == (1, 1)


# lost and found


@pytest.mark.parametrize(
    "mood",
    [
        pytest.param({"lose_answers": 1}, id="lost"),
        pytest.param({"slow_seconds": 1.6}, id="too slow", marks=pytest.mark.slow),
        pytest.param({"garbage": 1}, id="garbage", marks=pytest.mark.slow),
        pytest.param({"error_500": 1}, id="500", marks=pytest.mark.slow),
    ],
)
def test_a_lost_answer_is_told_as_it_is_and_the_same_message_later_gets_the_settlement(
    window, engine, platform, authority, mood
) -> None:
    authority(timeout_seconds=1)
    platform.feel(**mood, only=["2207"])
    msgid = window.hospital.next_msgid()
    unlike(window.settle(msgid=msgid), NOT_KNOWN)
    unlike(window.settle(msgid=msgid), NOT_KNOWN)
    unlike(window.settle(), NOT_KNOWN)
    assert rows(engine) == []
    assert len(platform.settlements()) == 1
    platform.feel(slow_seconds=0)
    assert upward_sweep.sweep(job()) == "1 answered"
    settled = window.settle(msgid=msgid)
    assert settled.accepted, settled.message
    assert settled.output["setlinfo"]["fund_pay_sumamt"] == "1111.38"
    assert window.settle(msgid=msgid).reply == settled.reply
    assert (len(rows(engine)), platform.settlements()) == (1, [(msgid, False)])
    assert upward_sweep.sweep(job(days=1)) == "nothing open"


@pytest.mark.slow
def test_while_the_platform_is_away_the_question_stays_open(window, engine, platform) -> None:
    platform.feel(lose_answers=1, only=["2207"])
    window.settle()
    platform.stop()
    assert upward_sweep.sweep(job()) == "1 unanswered"
    assert journal(engine, "settle") == [("2207", "unanswered")]
    platform.start()
    assert upward_sweep.sweep(job(minutes=3)) == "1 answered"


def test_what_never_arrived_is_reversed_and_believed_when_the_file_agrees(window, engine, platform) -> None:
    platform.feel(lose_before=1, only=["2207"])
    msgid = window.hospital.next_msgid()
    unlike(window.settle(msgid=msgid), NOT_KNOWN)
    assert upward_sweep.sweep(job()) == "1 not known yet", "it may only be slow"
    assert upward_sweep.sweep(job(minutes=6)) == "1 reversed"
    assert journal(engine, "settle", "reverse") == [("2207", "reversal-unconfirmed"), ("2601", "answered")]
    unlike(window.settle(), NOT_KNOWN)
    assert upward_sweep.agree(job()) == "0 confirmed, 0 standing", "too early to tell"
    assert upward_sweep.agree(job(minutes=11)) == "1 confirmed, 0 standing"
    unlike(window.settle(msgid=msgid), "已被冲正")
    assert window.settle().accepted
    assert [refund for _, refund in platform.settlements()] == [False]


@pytest.mark.slow
def test_a_reversal_the_platform_only_pretends_is_found_out_by_its_file(window, engine, platform) -> None:
    platform.feel(lose_answers=1, only=["2207"])
    msgid = window.hospital.next_msgid()
    window.settle(msgid=msgid)
    platform.feel(forget=True, deaf_to_reversal=True)
    assert upward_sweep.sweep(job(minutes=6)) == "1 reversed"
    assert upward_sweep.agree(job(minutes=11)) == "0 confirmed, 1 standing"
    platform.feel(forget=False)
    assert upward_sweep.sweep(job(minutes=12)) == "1 answered"
    assert window.settle(msgid=msgid).output["setlinfo"]["fund_pay_sumamt"] == "1111.38"
    assert platform.settlements() == [(msgid, False)]


@pytest.mark.slow
def test_a_reversal_of_what_was_settled_is_confirmed_as_a_pair(window, engine, platform, authority) -> None:
    authority(asks_by_msgid=False)
    platform.feel(lose_answers=1, only=["2207"])
    window.settle()
    assert upward_sweep.sweep(job(minutes=6)) == "1 reversed"
    assert [refund for _, refund in platform.settlements()] == [False, True]
    assert upward_sweep.agree(job(minutes=11)) == "1 confirmed, 0 standing"
    assert window.settle().accepted


@pytest.mark.slow
def test_an_answer_lost_before_the_money_leaves_nothing_open(window, engine, platform) -> None:
    platform.feel(lose_answers=1, only=["2204"])
    msgid = window.hospital.next_msgid()
    unlike(window.settle(msgid=msgid), "联系不上")
    assert journal(engine) == [("2207", "refused"), ("2201", "answered"), ("2204", "unanswered")]
    assert window.settle(msgid=msgid).accepted


KILLED = """
import sys
from tests.adapters.nhsa import killed
killed.settle_and_hang(*sys.argv[1:])
"""


@pytest.mark.slow
def test_a_hub_killed_between_asking_and_answer_is_found_by_the_sweep(
    window, engine, platform, server, authority
) -> None:
    authority(timeout_seconds=5)
    platform.feel(slow_seconds=3, only=["2207"])
    msgid = window.hospital.next_msgid()
    command = [sys.executable, "-c", KILLED, server.dsn(engine.url.database), str(server.folder), msgid]
    command += [window.mdtrt_id, window.citizen.psn_no, window.citizen.certno, window.citizen.name]
    hub = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 90
    while not platform.settlements():
        assert time.monotonic() < until, "the hub has not got as far as asking"
        time.sleep(0.05)
    os.kill(hub.pid, signal.SIGKILL)
    hub.wait()
    assert journal(engine, "settle") == [("2207", "asked")]
    unlike(window.settle(msgid=msgid), NOT_KNOWN)
    platform.feel(slow_seconds=0)
    assert upward_sweep.sweep(job()) == "nothing open", "its asker may still be there"
    assert upward_sweep.sweep(job(minutes=1)) == "1 answered"
    assert window.settle(msgid=msgid).accepted
    assert (len(rows(engine)), platform.settlements()) == (1, [(msgid, False)])


@pytest.mark.slow
def test_a_question_that_was_never_sent_is_closed_and_may_be_asked_again(window, engine, platform) -> None:
    """Killed after it was written down, before the platform had heard of the visit."""
    with Session(engine) as session, session.begin():
        charge = Charge(int(window.mdtrt_id), "B1")
        at = system(TERTIARY, at=door.now())
        upstream.ask_settle(session, at, charge, key="killed", content_hash=b"c", infno="2207", said={})
    unlike(window.settle(), NOT_KNOWN)
    assert upward_sweep.sweep(job(minutes=1)) == "1 refused"
    assert window.settle().accepted


# undone


def test_an_undo_goes_to_the_platform_and_takes_back_every_fen(window, engine, platform) -> None:
    settled = window.settle()
    setl_id = settled.output["setlinfo"]["setl_id"]
    undone = window.undo(setl_id)
    assert undone.accepted, undone.message
    info = undone.output["setlinfo"]
    assert (info["setl_id"], Decimal(info["fund_pay_sumamt"])) == (setl_id, Decimal("-1111.38"))
    first, counter = rows(engine)
    assert (first.state, counter.undoes, counter.total) == ("cancelled", first.id, -234_033)
    again = window.undo(setl_id)
    assert again.output["setlinfo"]["setl_id"] == setl_id
    assert [refund for _, refund in platform.settlements()] == [False, True]
    unlike(window.settle(msgid=settled.msgid), "已撤销")
    assert window.settle().accepted


@pytest.mark.slow
@pytest.mark.parametrize("mood", [{"lose_answers": 1}, {"lose_before": 1}], ids=["after", "before"])
def test_a_lost_undo_is_found_out_or_sent_once_more(window, engine, platform, mood) -> None:
    setl_id = window.settle().output["setlinfo"]["setl_id"]
    platform.feel(**mood, only=["2208"])
    unlike(window.undo(setl_id), NOT_KNOWN)
    unlike(window.undo(setl_id), NOT_KNOWN)
    assert upward_sweep.sweep(job()) == "1 answered"
    assert window.undo(setl_id).accepted
    assert [row.state for row in rows(engine)] == ["cancelled", "active"]
    assert [refund for _, refund in platform.settlements()] == [False, True]


@pytest.mark.slow
def test_a_refused_undo_leaves_the_settlement(window, engine, platform) -> None:
    setl_id = window.settle().output["setlinfo"]["setl_id"]
    platform.feel(refuse=1, refuse_with="已清算，不能撤销", only=["2208"])
    unlike(window.undo(setl_id), "已清算")
    assert [row.state for row in rows(engine)] == ["active"]
    assert window.undo(setl_id).accepted


@pytest.mark.slow
def test_a_2601_undoes_what_was_settled_and_is_told_when_that_is_not_known(window, engine, platform) -> None:
    platform.feel(lose_answers=1, only=["2207"])
    msgid = window.hospital.next_msgid()
    window.settle(msgid=msgid)
    said = {"data": {"psn_no": psn_no(1), "omsgid": msgid, "oinfno": "2207"}}
    unlike(window.hospital.call("2601", said), NOT_KNOWN)
    upward_sweep.sweep(job())
    assert window.hospital.call("2601", said).accepted
    assert [row.state for row in rows(engine)] == ["cancelled", "active"]
    assert [refund for _, refund in platform.settlements()] == [False, True]
    unlike(window.settle(msgid=msgid), "已撤销")


# the platform's file as the insurer's side


@pytest.mark.slow
def test_the_platforms_file_is_a_statement_in_the_numbers_the_hospital_knows(
    window, hospital, insure, engine, platform
) -> None:
    """The hospital's own books against it: one settlement level, one whose answer the hospital never saw."""
    settled = window.settle().output["setlinfo"]
    other = charged(Window(hospital, insure(2, area=AREA), number="MZ0002"))
    platform.feel(lose_answers=1, only=["2207"])
    lost = hospital.next_msgid()
    other.settle(msgid=lost)
    today = day_of(door.now())
    theirs = upward_files.statement(AREA, TERTIARY, today, today)
    told = [(line.setl_id == settled["setl_id"], line.msgid == lost, line.fee) for line in theirs]
    assert told == [(True, False, 234_033), (False, True, 234_033)]
    own = Line(settled["setl_id"], window.mdtrt_id, psn_no(1), 234_033, 111_138, 10_000)
    found = reconciliation.differences(reconciliation.grouped([own]), reconciliation.grouped(theirs), {})
    assert [(one.kind, one.setl_id) for one in found] == [(Kind.INSURER_ONLY, theirs[1].setl_id)]
    upward_sweep.sweep(job())
    _, second = rows(engine)
    assert upward_files.statement(AREA, TERTIARY, today, today)[1].setl_id == str(second.id)


def test_a_platforms_settlement_is_what_it_answered_and_what_the_hospital_was_told(window, engine) -> None:
    window.settle()
    done = compare(job(), day_of(door.now()))
    assert (done.settlements, done.answers, done.differing) == (1, 2, [])
    with engine.begin() as connection:
        connection.execute(text("UPDATE settlement SET fund = fund + 1"))
    found = [one.element for _, _, one in compare(job(), day_of(door.now())).differing]
    assert found == ["setlinfo.fund_pay_sumamt"] * 2


# looked up, and not adding up


@pytest.mark.slow
def test_a_settlement_is_looked_up_in_our_numbers(window, engine) -> None:
    info = window.settle().output["setlinfo"]
    named = {"psn_no": psn_no(1), "setl_id": info["setl_id"], "mdtrt_id": window.mdtrt_id}
    found = window.hospital.ask("5203", {"data": named})["setlinfo"]
    same = ("setl_id", "mdtrt_id", "fund_pay_sumamt", "acct_pay", "medins_setl_id")
    assert [found[name] for name in same] == [info[name] for name in same]


@pytest.mark.slow
def test_what_does_not_add_up_is_kept_in_suspense_and_becomes_an_item(window, engine, platform) -> None:
    platform.feel(do_not_foot=1)
    assert window.settle().accepted
    (row,) = rows(engine)
    assert row.platform["suspense"] == 1
    with Session(engine) as session:
        found = session.scalars(select(IdentityBreach).where(IdentityBreach.direction == "received")).all()
        assert [(one.rule, one.msgid, one.said - one.summed) for one in found] == [
            ("person-is-account-and-cash", row.msgid, 1)
        ]
        bureau = system(BUREAU)
        assert reconciliation.breaches(session, bureau, organisation_id=TERTIARY)


@pytest.mark.slow
def test_a_refused_question_takes_no_tombstone_with_it(window, engine, platform) -> None:
    """What moves no money has no key of its own, and freeing none must free none."""
    said = {"data": {"psn_no": psn_no(1), "omsgid": f"{TERTIARY}202611220900009999", "oinfno": "2207"}}
    assert window.hospital.call("2601", said).accepted
    platform.feel(refuse=1, only=["2204"])
    window.settle()
    with Session(engine) as session:
        key = f"{TERTIARY}202611220900009999"
        assert settlement.by_key(session, system(TERTIARY), key=key).state == "reversed"


@pytest.mark.slow
def test_an_area_that_comes_home_is_settled_here_again(window, engine, platform) -> None:
    with Session(engine) as session, session.begin():
        session.execute(update(coverage.Authority).values(settles="hub", url=None, access_key=None, secret=None))
    assert window.settle().accepted
    (row,) = rows(engine)
    assert row.platform is None
    assert platform.heard() == []
