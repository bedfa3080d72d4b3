"""Random histories: people of both kinds, stays in parts and on referrals, chronic and ordinary visits, some undone."""

import random
from contextlib import suppress
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from hub import coverage, records
from hub.settlement import BuiltUpon, Override, Settlement
from hub.units import Code, day_of
from tests.hub.coverage.insured import insured
from tests.hub.settlement.stays import COMMUNITY, COUNTY, TERTIARY, fees, refer, settle, undo, upload, visit
from tests.region import COMMUNITY_DOCTOR, COUNTY_DOCTOR, EXPERT, system

CODES = ["S-BED-01", "D-EX-0001", "S-ESC-01", "S-ECHO-01", "D-RES-01"]
SURE = {
    hospital: Override(doctor, "已核实")
    for hospital, doctor in ((TERTIARY, EXPERT), (COUNTY, COUNTY_DOCTOR), (COMMUNITY, COMMUNITY_DOCTOR))
}
"""Random lives are doubtful at times; a doctor of the hospital answers for them."""
DISEASES = ("diabetes", "hypertension")


def play(
    session: Session, seed: int, *, people: int, events: int, begin: datetime, days: int, first: int = 1
) -> list[Settlement]:
    """Settlements in the order they were made; those undone are in it too, their counter-entries are not."""
    rng = random.Random(seed)
    persons = [_person(session, rng, serial) for serial in range(first, first + people)]
    hours = sorted(rng.uniform(0, days * 24) for _ in range(events))
    settled: list[Settlement] = []
    for number, after in enumerate(hours, start=first * 10_000):
        at = begin + timedelta(hours=after)
        person_id = rng.choice(persons)
        kind = rng.choice(["stay", "stay", "referred", "visit", "chronic", "undo"])
        if kind == "undo" and settled:
            with suppress(BuiltUpon):
                undo(session, rng.choice(settled), key=f"u{number}", content=b"%d" % number)
        elif kind in ("stay", "referred"):
            settled += _stay(session, rng, person_id, number, at, referred=kind == "referred")
        else:
            disease = rng.choice(DISEASES) if kind == "chronic" else None
            settled.append(_visit(session, rng, person_id, number, at, disease))
    session.flush()
    return [session.get_one(Settlement, row.id, populate_existing=True) for row in settled]


def _person(session: Session, rng: random.Random, serial: int) -> int:
    insutype = rng.choice(["310", "390"])
    standing = {name: rng.random() < 0.4 for name in ("retired", "civil_servant", "aid")}
    person = insured(session, serial, insutype=insutype, balance=rng.choice([0, 40_000, 900_000]), **standing)
    for disease in DISEASES:
        coverage.file_chronic(
            session,
            system(COMMUNITY),
            person_id=person.id,
            insutype=insutype,
            disease=disease,
            diagnosis=Code("opsp", "M01600"),
            diagnosis_name=disease,
            since=date(2024, 1, 1),
            until=None,
            source=f"test/{serial}/{disease}",
        )
    return person.id


def _stay(
    session: Session, rng: random.Random, person_id: int, number: int, at: datetime, *, referred: bool
) -> list[Settlement]:
    """A stay in one or two parts; a referred one goes on at the tertiary hospital the next day."""
    hospital = COUNTY if referred else rng.choice([TERTIARY, COUNTY, COMMUNITY])
    rows = _parts(session, rng, person_id, f"S{number}", hospital, at)
    if referred:
        upper = at + timedelta(days=1)
        since = day_of(at)
        refer(session, person_id, source=f"r/{number}", since=since, until=since + timedelta(days=30))
        rows += _parts(session, rng, person_id, f"T{number}", TERTIARY, upper)
    return rows


def _parts(
    session: Session, rng: random.Random, person_id: int, number: str, hospital: str, at: datetime
) -> list[Settlement]:
    stay = visit(session, person_id, hospital=hospital, number=number, begun=at - timedelta(hours=3))
    parts = rng.choice([1, 1, 2])
    rows = []
    for part in range(parts):
        lines = fees(_lines(rng), start=part * 10 + 1, occurred_at=at)
        upload(session, stay, lines)
        if part == parts - 1:
            records.close_visit(session, system(hospital), visit_id=stay.id, ended_at=at)
        rows.append(settle(session, stay, key=f"{number}/{part}", at=at, content=b"%d" % part, override=SURE[hospital]))
    return rows


def _visit(
    session: Session, rng: random.Random, person_id: int, number: int, at: datetime, disease: str | None
) -> Settlement:
    hospital = rng.choice([TERTIARY, COUNTY, COMMUNITY])
    seen = visit(session, person_id, hospital=hospital, number=f"V{number}", care="outpatient", begun=at)
    upload(session, seen, fees(_lines(rng), batch="B", occurred_at=at))
    return settle(session, seen, key=f"V{number}", at=at, batch="B", disease=disease, override=SURE[hospital])


def _lines(rng: random.Random) -> list[tuple[str, str, str]]:
    return [
        (rng.choice(CODES), str(rng.randint(1, 12)), f"{rng.choice([40, 900, 20_000]) * rng.random():.2f}")
        for _ in range(rng.randint(1, 5))
    ]
