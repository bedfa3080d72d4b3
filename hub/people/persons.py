"""Persons and what they are known by.

A card stands for a cluster of persons: records that turn out to be one human come to share a card
number, and nothing is moved. Reads use every person id of the card. Identifiers are sealed and found
by blind index; the pair (system, value) is unique, so two systems that feed the same citizen at once
end with one person.

Identifier systems: "certno/<psn_cert_type>" ("certno/01" is the citizen number), "psn_no" (the
insurer's), "mrn/<organisation id>" (a hospital's own record number). "card" is resolved too.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    Select,
    Text,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy import Sequence as DbSequence
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.faults import LONGEST_NUMBER, Conflict, Unknown, within
from hub.people import documents
from hub.trust import Caller, Sealed, blind, require
from hub.units import day_of

CARD_PREFIX = "4205"
_card_serial = DbSequence("card_serial", metadata=Base.metadata)


class PersonUnknown(Unknown):
    zh = "查不到此人（{system}：{shown}）。请核对号码，或先建档。"
    en = "Nobody is known by this number ({system}: {shown}). Check it, or register the person first."


class IdentifierTaken(Conflict):
    zh = "{system} 号码已登记在另一个人名下，请核对：{shown}。"
    en = "This {system} number already belongs to another person: {shown}."


class Card(Base):
    """One card for life: 18 digits, the last a check digit as in GB 11643."""

    __tablename__ = "card"
    __table_args__ = (CheckConstraint("state IN ('active', 'lost', 'closed')", name="state_known"),)

    number: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="active")
    issued_on: Mapped[date]
    issued_by: Mapped[str]


class Person(Base):
    __tablename__ = "person"
    __table_args__ = (CheckConstraint("gender IN ('M', 'F', 'U')", name="gender_known"),)

    id: Mapped[int] = identity()
    card_number: Mapped[str] = mapped_column(ForeignKey("card.number"), index=True)
    name: Mapped[str] = mapped_column(Sealed)
    name_blind: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    gender: Mapped[str]
    birth_date: Mapped[date]
    telephone: Mapped[str | None] = mapped_column(Sealed)
    address: Mapped[str | None] = mapped_column(Sealed)
    cert_type: Mapped[str | None]
    certno: Mapped[str | None] = mapped_column(Sealed)
    synthetic: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str]


class Identifier(Base):
    __tablename__ = "identifier"

    system: Mapped[str] = mapped_column(primary_key=True)
    value_blind: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    value: Mapped[str] = mapped_column(Sealed)


@dataclass(frozen=True, slots=True)
class Identification:
    """A number that a person is known by; `element` is where the door found it, for refusals."""

    system: str
    value: str
    element: str = "identifier"


@dataclass(frozen=True, slots=True)
class Demographics:
    """What a feed says about a person; None means it says nothing. `gender` is M, F or U."""

    name: str
    gender: str
    birth_date: date
    telephone: str | None = None
    address: str | None = None
    synthetic: bool = False


def register(
    session: Session, caller: Caller, *, demographics: Demographics, identifiers: Sequence[Identification]
) -> Person:
    """Find the person known by one of the identifiers, or make person and card; add the numbers that are new.

    Identity documents are verified first. A person found is updated with what the feed says, except the
    telephone once it is set: that is proved at a counter (`change_telephone`). Two feeds of one citizen at
    once: an advisory lock on the identifiers decides, the second waits and finds the first's person.
    Refuses: CitizenNumberWrong, IdentifierTaken, NotAllowed.
    """
    require(caller, "people.write")
    _check_lengths(demographics, identifiers)
    checked = sorted((_checked(caller, item) for item in identifiers), key=_strength)
    known = _known(session, checked)
    if not known:
        _one_at_a_time(session, checked)
        known = _known(session, checked)
    row = next((known[item] for item in checked if item in known), None)
    if row is None:
        row = _create(session, caller, demographics, checked)
    else:
        _same_human(row, checked)
        _update(row, demographics)
    for item in checked:
        if item not in known:
            _attach(session, row, item)
        elif known[item].card_number != row.card_number:
            raise IdentifierTaken(system=item.system, shown=_shown(item.value))
        if row.certno is None and item.system.startswith("certno/"):
            row.cert_type, row.certno = item.system.partition("/")[2], item.value
    session.flush()
    return row


def resolve(session: Session, *, system: str, value: str) -> Person:
    """The person known by a number. Refuses: PersonUnknown."""
    value = value.strip().upper() if system.startswith("certno/") else value.strip()
    if system == "card":
        found = session.scalars(select(Person).where(Person.card_number == value).order_by(Person.id).limit(1)).first()
    else:
        found = _by_identifier(session, system, value)
    if found is None:
        raise PersonUnknown(system=system, shown=_shown(value))
    return found


def person(session: Session, person_id: int) -> Person:
    """Refuses: PersonUnknown."""
    row = session.get(Person, person_id)
    if row is None:
        raise PersonUnknown(system="person", shown=person_id)
    return row


def cluster(session: Session, person_id: int) -> tuple[int, ...]:
    """All person ids that share this person's card, in order."""
    return tuple(session.scalars(same_card(person_id).order_by(Person.id)))


def same_card(person_id: int) -> Select[int]:
    """The cluster as part of a question: `Row.person_id.in_(same_card(person_id))`."""
    card = select(Person.card_number).where(Person.id == person_id).scalar_subquery()
    return select(Person.id).where(Person.card_number == card)


def identifiers_of(session: Session, person_id: int) -> Sequence[Identifier]:
    """Every number that the human behind a person is known by."""
    ids = cluster(session, person_id)
    return session.scalars(select(Identifier).where(Identifier.person_id.in_(ids)).order_by(Identifier.system)).all()


def change_telephone(session: Session, caller: Caller, *, person_id: int, telephone: str) -> Person:
    """Record a telephone that was proved at a counter. Refuses: NotAllowed for citizens, PersonUnknown."""
    require(caller, "people.write")
    row = person(session, person_id)
    row.telephone = telephone
    return row


def snapshot(session: Session, person_id: int, organisation_id: str | None) -> dict[str, Any]:
    """A person as messages carry them: card, certno, name, gender, birth_date, telephone, mrn at that organisation."""
    row = person(session, person_id)
    mrn = None
    if organisation_id is not None:
        local = select(Identifier.value).where(
            Identifier.person_id.in_(cluster(session, person_id)), Identifier.system == f"mrn/{organisation_id}"
        )
        mrn = session.scalars(local.limit(1)).first()
    return as_message(row, mrn)


def as_message(row: Person, mrn: str | None) -> dict[str, Any]:
    """A person as messages carry them, with their record number at the destination."""
    return {
        "person_id": row.id,
        "card": row.card_number,
        "certno": row.certno,
        "name": row.name,
        "gender": row.gender,
        "birth_date": row.birth_date.isoformat(),
        "telephone": row.telephone,
        "mrn": mrn,
    }


def card_number(serial: int) -> str:
    """The card with a serial number: 4205, thirteen digits, a check digit."""
    first17 = f"{CARD_PREFIX}{serial:013d}"
    check = documents.check_digit(first17)
    return first17 + ("0" if check == "X" else check)


def _check_lengths(facts: Demographics, identifiers: Sequence[Identification]) -> None:
    within(facts.name, 100, element="name")
    within(facts.telephone or "", 40, element="telephone")
    within(facts.address or "", 500, element="address")
    for item in identifiers:
        within(item.value, LONGEST_NUMBER, element=item.element)
        within(item.system, LONGEST_NUMBER, element=item.element)


def _checked(caller: Caller, item: Identification) -> Identification:
    system, _, cert_type = item.system.partition("/")
    if system == "certno" and cert_type in documents.CHECKED_TYPES:
        number = documents.citizen_number(item.value, element=item.element, on=day_of(caller.at))
        return Identification(item.system, number, item.element)
    return Identification(item.system, item.value.strip(), item.element)


def _strength(item: Identification) -> int:
    """Identity documents decide before the card, the card before numbers that a hospital gave itself."""
    head = item.system.partition("/")[0]
    return _STRONGEST_FIRST.index(head) if head in _STRONGEST_FIRST else len(_STRONGEST_FIRST)


_STRONGEST_FIRST = ("certno", "card", "psn_no")


def _one_at_a_time(session: Session, identifiers: Sequence[Identification]) -> None:
    for key in sorted(int.from_bytes(blind(i.system, i.value)[:8], "big", signed=True) for i in identifiers):
        session.execute(select(func.pg_advisory_xact_lock(key)))


def _known(session: Session, identifiers: Sequence[Identification]) -> dict[Identification, Person]:
    """Whom the numbers belong to that are known already, in one question; a card is asked for by itself."""
    wanted = {(item.system, blind(item.system, item.value)): item for item in identifiers if item.system != "card"}
    systems, blinds = zip(*wanted, strict=True) if wanted else ((), ())
    rows = session.execute(_KNOWN, {"systems": list(systems), "blinds": list(blinds)})
    found = {wanted[(system, value_blind)]: row for system, value_blind, row in rows}
    for item in identifiers:
        if item.system == "card":
            with contextlib.suppress(PersonUnknown):
                found[item] = resolve(session, system="card", value=item.value)
    return found


def _by_identifier(session: Session, system: str, value: str) -> Person | None:
    wanted = select(Person).join(Identifier, Identifier.person_id == Person.id)
    known = (Identifier.system == system) & (Identifier.value_blind == blind(system, value))
    return session.scalars(wanted.where(known)).first()


def _create(session: Session, caller: Caller, facts: Demographics, identifiers: Sequence[Identification]) -> Person:
    certificate = next((item for item in identifiers if item.system.startswith("certno/")), None)
    number = card_number(session.scalar(_card_serial.next_value()) or 0)
    session.add(Card(number=number, issued_on=day_of(caller.at), issued_by=caller.organisation_id or caller.id))
    session.flush()
    row = Person(
        card_number=number,
        name=facts.name,
        name_blind=blind("name", facts.name),
        gender=facts.gender,
        birth_date=facts.birth_date,
        telephone=facts.telephone,
        address=facts.address,
        cert_type=certificate.system.partition("/")[2] if certificate else None,
        certno=certificate.value if certificate else None,
        synthetic=facts.synthetic,
        source=caller.organisation_id or caller.id,
    )
    session.add(row)
    session.flush()
    return row


def _same_human(row: Person, identifiers: Sequence[Identification]) -> None:
    """Found by a local number, but the feed brings another citizen's document: somebody's number is wrong."""
    for item in identifiers:
        if item.system == f"certno/{row.cert_type}" and row.certno != item.value:
            raise IdentifierTaken(system=identifiers[-1].system, shown=_shown(identifiers[-1].value))


def _update(row: Person, facts: Demographics) -> None:
    if facts.name and facts.name != row.name:
        row.name, row.name_blind = facts.name, blind("name", facts.name)
    if row.gender == "U" and facts.gender != "U":
        row.gender = facts.gender
    if facts.address is not None:
        row.address = facts.address
    if row.telephone is None and facts.telephone is not None:
        row.telephone = facts.telephone


def _attach(session: Session, row: Person, item: Identification) -> None:
    """The primary key decides: whoever comes second finds the first's row and must be the same human."""
    if item.system == "card":
        return
    key = (item.system, blind(item.system, item.value))
    claimed = session.execute(
        insert(Identifier)
        .values(system=key[0], value_blind=key[1], person_id=row.id, value=item.value)
        .on_conflict_do_nothing()
        .returning(Identifier.person_id)
    ).scalar()
    if claimed is not None:
        return
    owner = session.get_one(Identifier, key, populate_existing=True).person_id
    if owner not in cluster(session, row.id):
        raise IdentifierTaken(system=item.system, shown=_shown(item.value))


def _shown(value: str) -> str:
    return value if len(value) <= 6 else value[:2] + "*" * (len(value) - 6) + value[-4:]


# Built once: every message about a person asks this first.
_asked = (
    func.unnest(bindparam("systems", type_=ARRAY(Text)), bindparam("blinds", type_=ARRAY(LargeBinary)))
    .table_valued(column("system", Text), column("value_blind", LargeBinary), name="asked")
    .render_derived()
)
_KNOWN = (
    select(Identifier.system, Identifier.value_blind, Person)
    .join(_asked, (Identifier.system == _asked.c.system) & (Identifier.value_blind == _asked.c.value_blind))
    .join(Person, Person.id == Identifier.person_id)
)
