"""A hospital at the other end of the real ASGI app, signing its requests like any other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.nhsa.routes import HOT
from fixtures.simulators.nhsa_client import Hospital
from hub import coverage, people, trust
from hub.people import Demographics, Identification
from hub.units import Money
from tests.adapters.asgi import InProcess
from tests.hub.coverage.insured import with_pack
from tests.region import BUREAU, TERTIARY, a_person, system

SECRET = "a secret of the tests"


@pytest.fixture
def hospital_of(engine: Engine) -> Iterator[Callable[..., Hospital]]:
    """`hospital_of("H42050000101")` is that hospital's client, its access key issued."""
    app = FastAPI()
    app.router.routes.extend(HOT)
    opened: list[Hospital] = []

    def connect(institution: str = TERTIARY, *, access_key: str | None = None, **options: object) -> Hospital:
        name = access_key or f"{institution}/nhsa"
        with Session(engine) as session, session.begin():
            trust.issue_access_key(
                session,
                name=name,
                organisation_id=institution,
                scopes=trust.SCOPES,
                at=datetime.now(UTC),
                secret=SECRET,
            )
        hospital = Hospital("http://hub", institution, "示例医院", name, SECRET, **options)
        hospital._http = httpx.Client(transport=InProcess(app), base_url="http://hub")
        opened.append(hospital)
        return hospital

    yield connect
    for hospital in opened:
        hospital.close()


@pytest.fixture
def hospital(hospital_of: Callable[..., Hospital]) -> Hospital:
    return hospital_of()


@dataclass(frozen=True)
class Insured:
    """A citizen as a cashier knows them: what goes into transactions."""

    person_id: int
    psn_no: str
    certno: str
    name: str
    insutype: str

    @property
    def certificate(self) -> dict[str, str]:
        return {
            "psn_no": self.psn_no,
            "mdtrt_cert_type": "02",
            "mdtrt_cert_no": self.certno,
            "card_sn": "",
            "psn_cert_type": "01",
            "certno": self.certno,
            "psn_name": self.name,
        }


def insured_in(
    session: Session,
    serial: int = 1,
    insutype: str = "310",
    *,
    balance: str = "0.00",
    area: str = "420500",
    **facts: object,
) -> Insured:
    """A synthetic citizen, registered and enrolled, with the example pack in force."""
    psn_no = f"{area}{serial:020d}"
    person, bureau = a_person(session, serial), system(BUREAU, at=datetime(2026, 1, 1, tzinfo=UTC))
    with_pack(session)
    coverage.enrol(
        session,
        bureau,
        person_id=person.id,
        insutype=insutype,
        psn_no=psn_no,
        psn_type="11" if insutype == "310" else "15",
        area=area,
        since=date(2024, 1, 1),
        source="tests",
        **facts,
    )
    people.register(
        session,
        bureau,
        demographics=Demographics(person.name, person.gender, person.birth_date),
        identifiers=[Identification("certno/01", person.certno), Identification("psn_no", psn_no)],
    )
    if Decimal(balance):
        coverage.credit(session, bureau, person_id=person.id, amount=Money.yuan(balance), source="tests")
    return Insured(person.id, psn_no, person.certno, person.name, insutype)


@pytest.fixture
def insure(engine: Engine) -> Callable[..., Insured]:
    """`insure(1, "310")`: what `insured_in` makes, committed."""

    def enrol(serial: int = 1, insutype: str = "310", **facts: Any) -> Insured:
        with Session(engine) as session, session.begin():
            return insured_in(session, serial, insutype, **facts)

    return enrol
