"""Who a transaction is about: psn_no and certificates to persons, and back."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

from sqlalchemy.orm import Session

from adapters.nhsa.verbs import Asked
from hub import people
from hub.faults import Invalid
from hub.people import Person, PersonUnknown
from hub.records import Visit, VisitUnknown
from hub.settlement.fees import own_visit as visit_of_institution
from hub.units import day_of, masked_number

GENDERS = {"M": "1", "F": "2", "U": "0"}
CERTIFICATES = {"01": "card", "02": "certno/01", "03": "card"}
"""mdtrt_cert_type to what resolves it: e-credential and social security card both lead to the one card."""


class Known(Protocol):
    """What a transaction may be checked against and told of a person; a person's row has it, a window too."""

    card_number: str
    name: str
    gender: str
    birth_date: date
    cert_type: str | None
    certno: str | None


class PersonMismatch(Invalid):
    zh = "{element} 与该人员在医保的登记不一致（收到“{found}”）。请核对证件后重试。"
    en = "{element} does not match the person on record (found '{found}'). Check the document."


def by_psn_no(session: Session, psn_no: str) -> Person:
    """The person an insurer's number stands for; who has none yet is known by the card. Refuses: PersonUnknown."""
    try:
        return people.resolve(session, system="psn_no", value=psn_no)
    except PersonUnknown:
        if len(psn_no) == 18:
            return people.resolve(session, system="card", value=psn_no)
        raise


def by_certificate(session: Session, said: Mapping[str, Any]) -> Person:
    """The person behind mdtrt_cert_type and mdtrt_cert_no. Refuses: Invalid, PersonUnknown."""
    system = CERTIFICATES.get(said["mdtrt_cert_type"])
    if system is None:
        raise Invalid(element="input.data.mdtrt_cert_type", found=said["mdtrt_cert_type"], allowed="01、02 或 03")
    return people.resolve(session, system=system, value=said["mdtrt_cert_no"])


def must_match(person: Known, said: Mapping[str, Any], where: str) -> None:
    """Name and certificate in a transaction must be this person's. Refuses: PersonMismatch."""
    certno, name = said.get("certno"), said.get("psn_name")
    if certno and person.certno and certno.strip().upper() != person.certno:
        raise PersonMismatch(element=f"{where}.certno", found=certno)
    if name and name.strip() != person.name:
        raise PersonMismatch(element=f"{where}.psn_name", found=name)


def psn_no_of(session: Session, person: Person) -> str:
    numbers = [n.value for n in people.identifiers_of(session, person.id) if n.system == "psn_no"]
    return numbers[0] if numbers else person.card_number


def about(person: Known, *, psn_no: str, on: date) -> dict[str, Any]:
    """The fields that say who somebody is, as many outputs carry them."""
    return {
        "psn_no": psn_no,
        "psn_cert_type": person.cert_type or "99",
        "certno": person.certno or person.card_number,
        "psn_name": person.name,
        "gend": GENDERS[person.gender],
        "brdy": person.birth_date,
        "age": age(person.birth_date, on),
    }


def age(born: date, on: date) -> int:
    """Full years on a day."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def alive(session: Session, psn_no: str, on: date) -> Person:
    """The person a number stands for, for what begins on a day. Refuses: PersonUnknown, PersonDied."""
    person = by_psn_no(session, psn_no)
    people.require_alive(session, person_id=person.id, on=on, shown=masked_number(psn_no))
    return person


def own_visit(session: Session, asked: Asked, mdtrt_id: str, person: Person) -> Visit:
    """The visit mdtrt_id stands for, of this institution and this person. Refuses: VisitUnknown."""
    row = visit_of_institution(session, asked.caller, number_of(mdtrt_id))
    if row.person_id != person.id and row.person_id not in people.cluster(session, person.id):
        raise VisitUnknown(visit=mdtrt_id)
    return row


def number_of(mdtrt_id: str) -> int:
    """Refuses: VisitUnknown for what cannot be a number of ours."""
    if not (mdtrt_id.isascii() and mdtrt_id.isdigit() and len(mdtrt_id) < 19):
        raise VisitUnknown(visit=mdtrt_id)
    return int(mdtrt_id)


def today(asked: Asked) -> date:
    return day_of(asked.caller.at)
