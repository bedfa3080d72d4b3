"""Persons and what they are known by.

A card stands for a cluster of persons: records that turn out to be one human come to share a card
number, and nothing is moved. Reads use every person id of the card. Identifiers are sealed and found
by blind index; the pair (system, value) is unique, so two systems that feed the same citizen at once
end with one person.

Identifier systems: "certno/<psn_cert_type>" ("certno/01" is the citizen number), "psn_no" (the
insurer's), "mrn/<organisation id>" (a hospital's own record number). "card" is resolved too.
"""

import re
from collections.abc import Sequence
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.faults import Conflict, Invalid, Unknown
from hub.people import documents
from hub.trust import Caller, Sealed, blind, require, unseal

CARD_PREFIX = "4205"
_TELEPHONE = re.compile(r"(?=(?:[^0-9]*[0-9]){5})[0-9+() -]{5,20}(?:(?:ext\.?|x|#|转) ?[0-9]{1,6})?", re.IGNORECASE)


class TelephoneWrong(Invalid):
    zh = "{element} 有误：收到“{found}”。电话号码应为 5 至 20 位数字，可含 +、-、空格、括号和分机号。"
    en = (
        "{element} is wrong: found '{found}'. A telephone has 5 to 20 characters: digits, +, -, spaces, "
        "brackets, and perhaps an extension."
    )


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


def resolve(session: Session, *, system: str, value: str) -> Person:
    """The person known by a number. Refuses: PersonUnknown."""
    value = value.strip().upper() if system.startswith("certno/") else value.strip()
    if system == "card":
        found = session.scalars(select(Person).where(Person.card_number == value).order_by(Person.id).limit(1)).first()
    else:
        found = _by_identifier(session, system, value)
    if found is None:
        raise PersonUnknown(system=system, shown=shown(value))
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
    """Record a telephone that was proved at a counter. Refuses: NotAllowed, PersonUnknown, TelephoneWrong."""
    require(caller, "people.write")
    row = person(session, person_id)
    row.telephone = telephone_number(telephone)
    return row


def telephone_number(text: str) -> str:
    """The text, if a telephone can be called by it. Refuses: TelephoneWrong."""
    if not _TELEPHONE.fullmatch(text):
        raise TelephoneWrong(element="telephone", found=text[:20])
    return text


def card_number(serial: int) -> str:
    """The card with a serial number: 4205, thirteen digits, a check digit."""
    first17 = f"{CARD_PREFIX}{serial:013d}"
    check = documents.check_digit(first17)
    return first17 + ("0" if check == "X" else check)


def _by_identifier(session: Session, system: str, value: str) -> Person | None:
    wanted = select(Person).join(Identifier, Identifier.person_id == Person.id)
    known = (Identifier.system == system) & (Identifier.value_blind == blind(system, value))
    return session.scalars(wanted.where(known)).first()


def shown(value: str) -> str:
    """A number as a refusal may repeat it: its middle is hidden."""
    return value if len(value) <= 6 else value[:2] + "*" * (len(value) - 6) + value[-4:]


def opened(sealed: bytes | None) -> str | None:
    """A sealed column that a ready statement has answered."""
    return None if sealed is None else unseal(sealed).decode()
