"""People and places enough for a run: everybody is asked for once, so that no rule about one card is in the way."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from fixtures.citizens import certno
from hub.booking import Schedule, Slot
from hub.directory import Service
from hub.people import Card, Identifier, Person, card_number
from hub.trust import blind
from hub.units import Money, day_of, start_of

AREA = "420500"
BORN = date(1975, 1, 1)
A_DAY = 400  # people born on one day; the demonstration's own have serials below 100
HOSPITAL = "H42050000101"
BOUNDLESS = 1_000_000_000


class Somebody(NamedTuple):
    person_id: int
    certno: str
    psn_no: str
    number: str
    """The record number at HOSPITAL."""


def people(session: Session, count: int, *, at: datetime) -> list[Somebody]:
    """Register `count` synthetic people, known to HOSPITAL; answers them, also when they are there already."""
    everybody = [_somebody(index) for index in range(count)]
    known = _known(session, everybody)
    new = [somebody for somebody in everybody if somebody.certno not in known]
    for begin in range(0, len(new), 2000):
        known |= _insert(session, new[begin : begin + 2000], at)
    return [somebody._replace(person_id=known[somebody.certno]) for somebody in everybody]


def slots(session: Session, count: int, *, at: datetime) -> list[int]:
    """`count` times that never fill up, a minute apart from tomorrow on; those of an earlier run are taken again."""
    service = session.scalars(select(Service).where(Service.organisation_id == HOSPITAL).order_by(Service.id)).first()
    assert service is not None
    begins = start_of(day_of(at) + timedelta(days=1)) + timedelta(hours=1)
    schedule = session.scalars(select(Schedule).where(Schedule.capacity == BOUNDLESS)).first() or Schedule(
        organisation_id=HOSPITAL,
        department_id=service.department_id,
        service_id=service.id,
        weekdays="1",
        begins=begins.time(),
        ends=(begins + timedelta(hours=1)).time(),
        slot_minutes=1,
        capacity=BOUNDLESS,
        pool="public",
        fee=Money(0),
        since=date(2000, 1, 1),
        until=date(2000, 1, 1),  # over, so that the job makes no slots from it
    )
    session.add(schedule)
    session.flush()
    own = select(Slot).where(Slot.schedule_id == schedule.id, Slot.start_at > at).order_by(Slot.start_at)
    if len(there := session.scalars(own).all()) >= count:
        return [slot.id for slot in there[:count]]
    times = [begins + timedelta(minutes=number) for number in range(count)]
    rows = [
        {"schedule_id": schedule.id, "start_at": time, "end_at": time + timedelta(minutes=1), "capacity": BOUNDLESS}
        for time in times
    ]
    return list(session.scalars(insert(Slot).returning(Slot.id, sort_by_parameter_order=True), rows))


def _somebody(index: int) -> Somebody:
    day, serial = divmod(index, A_DAY)
    number = certno(AREA, BORN + timedelta(days=day), 500 + serial)
    return Somebody(0, number, f"{AREA}9{index:019d}", f"B{index:08d}")


def _known(session: Session, everybody: list[Somebody]) -> dict[str, int]:
    blinds = {blind("certno/01", somebody.certno): somebody.certno for somebody in everybody}
    found = select(Identifier.value_blind, Identifier.person_id).where(
        Identifier.system == "certno/01", Identifier.value_blind.in_(blinds)
    )
    return {blinds[value]: person_id for value, person_id in session.execute(found)}


def _insert(session: Session, new: list[Somebody], at: datetime) -> dict[str, int]:
    serials = session.scalars(
        select(func.nextval("card_serial")).select_from(func.generate_series(1, len(new)).alias())
    )
    cards = [card_number(serial) for serial in serials]
    issued = {"state": "active", "issued_on": day_of(at), "issued_by": "bench"}
    session.execute(insert(Card), [{"number": card, **issued} for card in cards])
    rows = [_person(somebody, card) for somebody, card in zip(new, cards, strict=True)]
    ids = list(session.scalars(insert(Person).returning(Person.id, sort_by_parameter_order=True), rows))
    session.execute(
        insert(Identifier),
        [row for somebody, person_id in zip(new, ids, strict=True) for row in _identifiers(somebody, person_id)],
    )
    return {somebody.certno: person_id for somebody, person_id in zip(new, ids, strict=True)}


def _person(somebody: Somebody, card: str) -> dict[str, object]:
    name = f"基准{somebody.number[1:]}"
    return {
        "card_number": card,
        "name": name,
        "name_blind": blind("name", name),
        "gender": "M" if int(somebody.certno[16]) % 2 else "F",
        "birth_date": date.fromisoformat(somebody.certno[6:14]),
        "telephone": f"1541{somebody.number[2:]}",
        "cert_type": "01",
        "certno": somebody.certno,
        "synthetic": True,
        "source": "bench",
    }


def _identifiers(somebody: Somebody, person_id: int) -> list[dict[str, object]]:
    numbers = {
        "certno/01": somebody.certno,
        "psn_no": somebody.psn_no,
        f"mrn/{HOSPITAL}": somebody.number,
    }
    return [
        {"system": system, "value_blind": blind(system, value), "value": value, "person_id": person_id}
        for system, value in numbers.items()
    ]
