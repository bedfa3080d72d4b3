"""Hospitals that misbehave through the doors: every kind of difference is found, is of its kind, and the sums foot.

The hospital speaks the national interface over a real socket. What it says of the day comes from its own books, which
are wrong in one known way; what the insurer has is what it answered to 2207 and 2208.
"""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.nhsa.routes import HOT
from fixtures.simulators.mischief import WAYS, Planted, mend, plant
from fixtures.simulators.nhsa_client import Books, Hospital
from hub import reconciliation, trust
from hub.reconciliation import Amounts, Break, Evidence
from hub.trust import Caller
from tests.adapters.nhsa.cashier import Window, fee
from tests.adapters.nhsa.conftest import SECRET, insured_in
from tests.region import BUREAU, TERTIARY, staff

OFFICE = "420500"
FOUND_ON_TWO_DAYS = {"cross-day"}
PRICES = ("100.00", "200.00", "300.00", "41.30")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The door on a socket of its own; behind it whatever database the test uses."""
    app = FastAPI()
    app.router.routes.extend(HOT)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


class Morning:
    """A hospital that settled four times in one visit's batches, took the second back, and wrote all of it down."""

    def __init__(self, engine: Engine, address: str) -> None:
        self.engine, self.books = engine, Books()
        with Session(engine) as session, session.begin():
            citizen = insured_in(session)
            now = {"scopes": trust.SCOPES, "at": datetime.now(UTC), "secret": SECRET}
            trust.issue_access_key(session, name="his", organisation_id=TERTIARY, **now)
        self.his = Hospital(address, TERTIARY, "示例医院", "his", SECRET)
        self.window = Window(self.his, citizen).register().diagnose()
        self.ids: list[str] = []
        for number, price in enumerate(PRICES, start=1):
            self.ids.append(self._settled(number, price))
            if number == 2:
                undone = self.window.undo(self.ids[1]).output["setlinfo"]
                self.books.undone(undone, original=self.ids[1])
        self.day = self.books.lines[0]["setl_time"][:10]
        self.insurer = self.sums(self.day)

    def _settled(self, number: int, price: str) -> str:
        self.window.charge(fee(number, "S-BED-01", price), batch=f"B{number}")
        info = self.window.settle(batch=f"B{number}").output["setlinfo"]
        self.books.settled(info)
        return str(info["setl_id"])

    def sums(self, day: str) -> Amounts:
        """What the hospital's books have of a day; before anything is planted, what the insurer answered."""
        lines = [line for line in self.books.lines if line["setl_time"][:10] == day]
        fen = [int(sum((line[key] for line in lines), Decimal(0)) * 100) for key in _SUMS]
        return Amounts(fen[0], fen[1], fen[2], len(lines))

    def speak(self, day: str, *, fetch: bool = True) -> None:
        """9101 and 3202 for every class of a day, and 9102 unless the hospital forgets."""
        for clr_type in sorted({"11", *(line["clr_type"] for line in self.books.lines)}):
            bucket = {"day": day, "insutype": "310", "clr_type": clr_type}
            rows = self.books.rows(**bucket)
            if not rows:
                continue
            number = self.his.upload(rows, filename="lines.txt")
            said = self.books.statement(**bucket, office=OFFICE, file_qury_no=number)
            made = self.his.ask("3202", {"data": said})["fileinfo"]
            if fetch:
                self.his.download(made["file_qury_no"], made["filename"])

    def breaks(self, day: str, *, open_only: bool = True) -> list[Break]:
        with Session(self.engine, expire_on_commit=False) as session:
            rows = reconciliation.breaks_of(session, _clerk(), organisation_id=TERTIARY, open_only=open_only)
            return [row for row in rows if str(row.day_from) == day]

    def evidence(self, row: Break) -> Evidence:
        with Session(self.engine, expire_on_commit=False) as session:
            return reconciliation.evidence(session, _clerk(), break_id=row.id)

    def history(self, row: Break) -> list[str]:
        with Session(self.engine) as session:
            return [event.event for event in reconciliation.history(session, _clerk(), break_id=row.id)]

    def foots(self, day: str) -> bool:
        with Session(self.engine) as session:
            asked = {"organisation_id": TERTIARY, "day": date.fromisoformat(day)}
            return reconciliation.bridge(session, _clerk(), **asked).foots


_SUMS = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")


def _clerk(name: str = "first") -> Caller:
    return replace(staff(BUREAU, at=datetime.now(UTC)), id=name)


@pytest.fixture
def morning(engine: Engine, address: str) -> Iterator[Morning]:
    made = Morning(engine, address)
    yield made
    made.his.close()


def sum_of(rows: list[Break]) -> Amounts:
    """What the named differences are together, insurer minus hospital."""
    total = Amounts()
    for row in rows:
        hospital = Amounts(row.hospital_fee or 0, row.hospital_fund or 0, row.hospital_account or 0, row.hospital_count)
        total += Amounts(row.insurer_fee or 0, row.insurer_fund or 0, row.insurer_account or 0, row.insurer_count)
        total = total - hospital
    return total


def planted_in(morning: Morning, kind: str) -> Planted:
    """Over the first settlement; a refund that was not seen over the second, which was taken back."""
    return plant(morning.books, kind, morning.ids[1 if kind == "reversed-on-one-side" else 0])


def after(day: str) -> str:
    return str(date.fromisoformat(day) + timedelta(days=1))


@pytest.mark.parametrize("kind", [kind for kind in WAYS if kind not in FOUND_ON_TWO_DAYS])
def test_what_is_planted_is_found_of_its_kind_and_is_the_whole_difference(morning: Morning, kind: str) -> None:
    planted = planted_in(morning, kind)
    morning.speak(morning.day)
    if kind == "wrong-bucket":  # until both classes have come, nobody knows where it is
        assert "insurer-only" in {row.kind for row in morning.breaks(morning.day)}
        morning.speak(morning.day)
    rows = morning.breaks(morning.day)
    assert {row.kind for row in rows} == {kind}
    assert sum_of(rows) == morning.insurer - morning.sums(morning.day)
    assert morning.foots(morning.day)
    for row in rows:
        zh, en = reconciliation.cause(row)
        assert zh
        assert en
    mend(morning.books, planted)
    morning.speak(morning.day)
    # The other class has no lines any more, so nothing speaks of it.
    assert {row.clr_type for row in morning.breaks(morning.day)} == ({"21"} if kind == "wrong-bucket" else set())
    healed = [row for row in morning.breaks(morning.day, open_only=False) if row.clr_type == "11"]
    assert {(row.state, morning.history(row)[-1]) for row in healed} == {("healed", "heal")}


def test_a_refund_that_only_the_hospital_made_is_reversed_on_one_side_too(morning: Morning) -> None:
    plant(morning.books, "reversed-on-one-side", morning.ids[0])
    morning.speak(morning.day)
    (row,) = morning.breaks(morning.day)
    assert row.kind == "reversed-on-one-side"
    assert "医院记了退费" in reconciliation.cause(row)[0]
    assert sum_of([row]) == morning.insurer - morning.sums(morning.day)


def test_a_settlement_booked_a_day_late_is_cross_day_on_both_days(morning: Morning) -> None:
    planted_in(morning, "cross-day")
    tomorrow = after(morning.day)
    morning.speak(morning.day)
    assert [row.kind for row in morning.breaks(morning.day)] == ["insurer-only"], "nobody knows yet where it is"
    morning.speak(tomorrow)
    morning.speak(morning.day)
    here, there = morning.breaks(morning.day), morning.breaks(tomorrow)
    assert [row.kind for row in (*here, *there)] == ["cross-day", "cross-day"]
    assert sum_of(here) == morning.insurer - morning.sums(morning.day)
    assert sum_of(there) == Amounts() - morning.sums(tomorrow)
    assert sum_of([*here, *there]) == Amounts(), "over both days nothing is missing"
    assert morning.day in reconciliation.cause(there[0])[0]


def test_an_unbalanced_result_that_the_hospital_never_fetches_expires_into_a_difference(morning: Morning) -> None:
    planted_in(morning, "insurer-only")
    morning.speak(morning.day, fetch=False)
    late = replace(_clerk(), at=datetime.now(UTC) + timedelta(days=400))
    with Session(morning.engine) as session, session.begin():
        assert [row.kind for row in reconciliation.miss_results(session, late)] == ["result-expired"]
    rows = morning.breaks(morning.day)
    assert sorted(row.kind for row in rows) == ["insurer-only", "result-expired"]
    assert sum_of(rows) == morning.insurer - morning.sums(morning.day)


def test_a_result_that_was_fetched_does_not_expire(morning: Morning) -> None:
    planted_in(morning, "insurer-only")
    morning.speak(morning.day)
    late = replace(_clerk(), at=datetime.now(UTC) + timedelta(days=400))
    with Session(morning.engine) as session, session.begin():
        assert reconciliation.miss_results(session, late) == []


def test_the_evidence_is_the_message_that_was_heard_and_the_line_that_was_written(morning: Morning) -> None:
    plant(morning.books, "amount", morning.ids[0])
    morning.speak(morning.day)
    (row,) = morning.breaks(morning.day)
    found = morning.evidence(row)
    sent = next(x for x in morning.his.journal if x.infno == "2207" and x.output["setlinfo"]["setl_id"] == row.setl_id)
    assert [(m.kind, m.key, m.body, m.answer) for m in found.messages] == [
        ("2207", sent.msgid, sent.request, sent.reply)
    ]
    assert [field.name for field in found.fields if field.differs] == ["fund"]
    assert found.file is not None
    assert b"lines.txt" in found.file.content


def test_several_wrongs_at_once_are_each_named_and_together_the_whole(morning: Morning) -> None:
    kinds = ("insurer-only", "reversed-on-one-side", "duplicate", "amount")
    for kind, setl_id in zip(kinds, morning.ids, strict=True):
        plant(morning.books, kind, setl_id)
    morning.speak(morning.day)
    rows = morning.breaks(morning.day)
    assert {row.setl_id: row.kind for row in rows} == dict(zip(morning.ids, kinds, strict=True))
    assert sum_of(rows) == morning.insurer - morning.sums(morning.day)


def test_running_a_day_again_changes_nothing_that_was_decided_and_what_heals_keeps_its_history(
    morning: Morning,
) -> None:
    kept = plant(morning.books, "duplicate", morning.ids[2])
    plant(morning.books, "amount", morning.ids[3])
    morning.speak(morning.day)
    rows = {row.kind: row for row in morning.breaks(morning.day)}
    with Session(morning.engine) as session, session.begin():
        for row in rows.values():
            reconciliation.take(session, _clerk(), break_id=row.id)
            reconciliation.propose(session, _clerk(), break_id=row.id, action="adopt")
            reconciliation.approve(session, _clerk("second"), break_id=row.id)
        reconciliation.resolve(session, _clerk(), break_id=rows["amount"].id)
    decided = {kind: morning.history(row) for kind, row in rows.items()}
    morning.speak(morning.day)
    again = {row.kind: row for row in morning.breaks(morning.day, open_only=False)}
    assert {kind: (row.id, row.state, row.action, row.owner) for kind, row in again.items()} == {
        "duplicate": (rows["duplicate"].id, "approved", "adopt", "first"),
        "amount": (rows["amount"].id, "resolved", "adopt", "first"),
    }
    assert {kind: morning.history(row) for kind, row in again.items()} == decided
    mend(morning.books, kept)
    morning.speak(morning.day)
    (healed,) = [row for row in morning.breaks(morning.day, open_only=False) if row.state == "healed"]
    assert (healed.id, healed.action, healed.owner) == (rows["duplicate"].id, "adopt", "first")
    assert morning.history(healed) == [*decided["duplicate"], "heal"]
    with Session(morning.engine) as session:
        assert sorted(session.scalars(select(Break.id))) == sorted(row.id for row in rows.values())
