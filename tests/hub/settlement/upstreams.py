"""An area that a platform settles, people insured there, and what the platform answers."""

from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from hub import coverage, settlement
from hub.people import Person
from hub.settlement import Charge, Settlement, upstream
from hub.settlement.upstream import Answer, Asking
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged
from tests.region import BUREAU, NOW, TERTIARY, system

AREA = "429900"
PACK_TEXT = (Path(__file__).parents[3] / "fixtures/packs/neighbour-example-2024.toml").read_text()
CALLER = system(TERTIARY)
LINES = [("S-BED-01", "10", "100.00"), ("S-ESC-01", "1", "60.00")]
"""1,000.00 of class A and 60.00 of class C."""


def with_platform(session: Session, *, url: str = "http://127.0.0.1:9", **facts) -> coverage.Authority:
    with_pack(session, PACK_TEXT)
    return coverage.set_authority(
        session,
        system(BUREAU),
        area=AREA,
        name="邻市示例参保区（虚构）",
        url=url,
        access_key="hub",
        secret="a secret of the tests",
        **facts,
    )


def insured_upstream(session: Session, serial: int = 1, **facts) -> Person:
    return insured(session, serial, area=AREA, psn_no=f"4299{serial:08d}", **facts)


def attendance(session: Session, person: Person, *, batch: str = "B", rows=LINES, number: str = "MZ-1"):
    return charged(session, person.id, rows, batch=batch, care="outpatient", begun=NOW, number=number)


def ask(session: Session, visit, *, key: str = "m1", batch: str = "B", content: bytes = b"c") -> Asking | Settlement:
    return upstream.ask_settle(
        session, CALLER, Charge(visit.id, batch), key=key, content_hash=content, infno="2207", said={}
    )


def answer(**differs) -> Answer:
    """What a platform says of LINES, out-patient, with 300.00 to bear first and 60 of a hundred of the rest paid."""
    return replace(
        Answer(
            setl_id="P-1",
            mdtrt_id="V-1",
            settled_at=NOW,
            clr_type="11",
            clr_office=AREA,
            total=106_000,
            over=0,
            own=6_000,
            first=0,
            scope=100_000,
            deductible=30_000,
            pool=42_000,
            large=0,
            serious=0,
            civil=0,
            aid=0,
            other=0,
            fund=42_000,
            account=0,
            cash=64_000,
            person=64_000,
            hospital=0,
            balance=0,
            ratio=60_000_000,
            words={"setl_id": "P-1", "fund_pay_sumamt": "420.00"},
        ),
        **differs,
    )


def settled(session: Session, visit, **facts) -> Settlement:
    asked = ask(session, visit, **facts)
    return upstream.record_settled(session, CALLER, asked.forwarded.id, answer())


def postings(session: Session, row: Settlement) -> dict[str, int]:
    wanted = session.query(settlement.Posting).filter_by(settlement_id=row.id)
    return {leg.account: int(leg.amount) for leg in wanted}
