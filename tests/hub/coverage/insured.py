"""The example pack imported, and people insured under it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from hub import coverage
from hub.people import Person
from hub.trust import Caller
from tests.region import BUREAU, a_person, staff, system

PACKS = Path(__file__).parents[3] / "fixtures/packs"
PACK_TEXT = (PACKS / "yichang-example-2024.toml").read_text()
DRAFT_TEXT = (PACKS / "yichang-draft-2028.toml").read_text()
CLERKS = (replace(staff(BUREAU), id="clerk-one"), replace(staff(BUREAU), id="clerk-two"))


def with_pack(session: Session, text: str = PACK_TEXT, *, clerks: Sequence[Caller] = CLERKS) -> coverage.Pack:
    """A pack imported and signed by two clerks, so that it decides bills."""
    pack = coverage.import_pack(session, system(BUREAU), text=text)
    if session.get_one(coverage.PackRelease, pack.id).state == "imported":
        for clerk in clerks:
            coverage.sign_pack(session, clerk, pack_id=pack.id)
    return pack


def insured(session: Session, serial: int = 1, *, insutype: str = "310", balance: int = 0, **facts) -> Person:
    """A person of the small region, enrolled from 2024 on, with something (fen) in the account."""
    person = a_person(session, serial)
    insure(session, person.id, serial=serial, insutype=insutype, balance=balance, **facts)
    return person


def insure(session: Session, person_id: int, *, serial: int = 1, insutype: str = "310", balance: int = 0, **facts):
    stated = {
        "psn_no": f"42050000{insutype}{serial:06d}",
        "psn_type": "11" if insutype == "310" else "15",
        "area": "420500",
        "since": date(2024, 1, 1),
        "source": "test",
    }
    row = coverage.enrol(session, system(BUREAU), person_id=person_id, insutype=insutype, **stated | facts)
    if balance:
        coverage.credit(session, system(BUREAU), person_id=person_id, amount=balance, source="test")
    return row
