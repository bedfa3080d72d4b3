"""Find or make the person that a feed speaks of: every message about somebody begins here.

So it asks and writes with statements that are ready; `recognise` answers the id and loads nothing.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Sequence as DbSequence
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.db import Base, Statement, run, run_later
from hub.faults import LONGEST_NUMBER, Invalid, within
from hub.people import documents
from hub.people.persons import (
    Card,
    Identifier,
    IdentifierTaken,
    Person,
    PersonUnknown,
    card_number,
    cluster,
    opened,
    resolve,
    shown,
    telephone_number,
)
from hub.trust import Caller, blind, require, seal
from hub.units import day_of

_card_serial = DbSequence("card_serial", metadata=Base.metadata)
_STRONGEST_FIRST = ("certno", "card", "psn_no")


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


class _Known(NamedTuple):
    """A person as the question for them answers; sealed values stay sealed until one is compared."""

    id: int
    card_number: str
    name_blind: bytes
    gender: str
    telephone: bytes | None
    address: bytes | None
    cert_type: str | None
    certno: bytes | None


def register(
    session: Session, caller: Caller, *, demographics: Demographics, identifiers: Sequence[Identification]
) -> Person:
    """Find the person known by one of the identifiers, or make person and card; add the numbers that are new.

    Identity documents are verified first. A person found is updated with what the feed says, except the
    telephone once it is set: that is proved at a counter (`change_telephone`). Two feeds of one citizen at
    once: an advisory lock on the identifiers decides, the second waits and finds the first's person.
    Refuses: CitizenNumberWrong, IdentifierTaken, NotAllowed, TelephoneWrong, and Invalid for a birth to come.
    """
    person_id = recognise(session, caller, demographics=demographics, identifiers=identifiers)
    return session.get_one(Person, person_id, populate_existing=True)


def recognising(caller: Caller, identifiers: Sequence[Identification]) -> Statement | None:
    """What `recognise` asks first, for a door that sends it with others; None where it would refuse before it asks."""
    try:
        return _knowing([_checked(caller, item) for item in identifiers])
    except Invalid:
        return None


def recognise(
    session: Session, caller: Caller, *, demographics: Demographics, identifiers: Sequence[Identification]
) -> int:
    """`register` for who needs no more than the person's id. Refuses: as `register`."""
    require(caller, "people.write")
    _check(caller, demographics, identifiers)
    session.flush()
    checked = [_checked(caller, item) for item in identifiers]
    known = _known(session, checked)
    if not known:
        _one_at_a_time(session, checked)
        known = _known(session, checked)
    checked.sort(key=_strength)
    row = next((known[item] for item in checked if item in known), None)
    if row is None:
        row = _create(session, caller, demographics, checked)
    else:
        _same_human(row, checked)
        _update(session, row, demographics, checked)
    for item in checked:
        if item not in known:
            _attach(session, row, item)
        elif known[item].card_number != row.card_number:
            raise IdentifierTaken(system=item.system, shown=shown(item.value))
    return row.id


def _check(caller: Caller, facts: Demographics, identifiers: Sequence[Identification]) -> None:
    today = day_of(caller.at)
    if facts.birth_date > today:
        raise Invalid(element="birth_date", found=facts.birth_date, allowed=f"≤ {today}")
    within(facts.name, 100, element="name")
    if facts.telephone:
        telephone_number(facts.telephone)
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


def _one_at_a_time(session: Session, identifiers: Sequence[Identification]) -> None:
    for key in sorted(int.from_bytes(blind(i.system, i.value)[:8], "big", signed=True) for i in identifiers):
        session.execute(select(func.pg_advisory_xact_lock(key)))


def _known(session: Session, identifiers: Sequence[Identification]) -> dict[Identification, _Known]:
    """Whom the numbers belong to that are known already, in one question; a card is asked for by itself."""
    sql, said = _knowing(identifiers)
    asked = zip(said["systems"], said["blinds"], strict=True)
    wanted = dict(zip(asked, (item for item in identifiers if item.system != "card"), strict=True))
    rows = run(session, sql, said)
    found = {wanted[(system, value_blind)]: _Known(*person) for system, value_blind, *person in rows}
    for item in identifiers:
        if item.system == "card":
            with contextlib.suppress(PersonUnknown):
                holder = resolve(session, system="card", value=item.value)
                found[item] = _Known(*run(session, _ONE, {"id": holder.id})[0])
    return found


def _knowing(identifiers: Sequence[Identification]) -> Statement:
    asked = [item for item in identifiers if item.system != "card"]
    blinds = [blind(item.system, item.value) for item in asked]
    return _KNOWN, {"systems": [item.system for item in asked], "blinds": blinds}


def _create(session: Session, caller: Caller, facts: Demographics, identifiers: Sequence[Identification]) -> _Known:
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
    return _Known(*run(session, _ONE, {"id": row.id})[0])


def _same_human(row: _Known, identifiers: Sequence[Identification]) -> None:
    """Found by a local number, but the feed brings another citizen's document: somebody's number is wrong."""
    for item in identifiers:
        if item.system == f"certno/{row.cert_type}" and opened(row.certno) != item.value:
            raise IdentifierTaken(system=identifiers[-1].system, shown=shown(identifiers[-1].value))


def _update(session: Session, row: _Known, facts: Demographics, identifiers: Sequence[Identification]) -> None:
    """Write what the feed says anew, if there is anything; None leaves a column as it is."""
    name_blind = blind("name", facts.name) if facts.name else row.name_blind
    renamed = name_blind != row.name_blind
    moved = facts.address is not None and facts.address != opened(row.address)
    called = facts.telephone if row.telephone is None else None
    sexed = facts.gender if row.gender == "U" and facts.gender != "U" else None
    papers = [item for item in identifiers if item.system.startswith("certno/")] if row.certno is None else []
    if not (renamed or moved or called is not None or sexed or papers):
        return
    said = {
        "id": row.id,
        "name": seal(facts.name.encode()) if renamed else None,
        "name_blind": name_blind if renamed else None,
        "gender": sexed,
        "telephone": None if called is None else seal(called.encode()),
        "address": seal((facts.address or "").encode()) if moved else None,
        "cert_type": papers[0].system.partition("/")[2] if papers else None,
        "certno": seal(papers[0].value.encode()) if papers else None,
    }
    run_later(session, (_UPDATE, said))


def _attach(session: Session, row: _Known, item: Identification) -> None:
    """The primary key decides: whoever comes second finds the first's row and must be the same human."""
    if item.system == "card":
        return
    said = {"system": item.system, "blind": blind(item.system, item.value), "value": seal(item.value.encode())}
    if run(session, _ATTACH, said | {"person_id": row.id}):
        return
    owner = session.get_one(Identifier, (item.system, said["blind"]), populate_existing=True).person_id
    if owner not in cluster(session, row.id):
        raise IdentifierTaken(system=item.system, shown=shown(item.value))


# The columns of _Known, in its order.
_ONE = """
SELECT id, card_number, name_blind, gender, telephone, address, cert_type, certno FROM person WHERE id = %(id)s
"""
_KNOWN = """
SELECT i.system, i.value_blind,
    p.id, p.card_number, p.name_blind, p.gender, p.telephone, p.address, p.cert_type, p.certno
FROM unnest(%(systems)s::text[], %(blinds)s::bytea[]) AS asked(system, value_blind)
JOIN identifier i ON i.system = asked.system AND i.value_blind = asked.value_blind
JOIN person p ON p.id = i.person_id
"""
_UPDATE = """
UPDATE person SET
    name = coalesce(%(name)s, name), name_blind = coalesce(%(name_blind)s, name_blind),
    gender = coalesce(%(gender)s, gender), telephone = coalesce(telephone, %(telephone)s),
    address = coalesce(%(address)s, address), cert_type = coalesce(cert_type, %(cert_type)s),
    certno = coalesce(certno, %(certno)s)
WHERE id = %(id)s
"""
_ATTACH = """
INSERT INTO identifier (system, value_blind, person_id, value)
VALUES (%(system)s, %(blind)s, %(person_id)s, %(value)s)
ON CONFLICT DO NOTHING RETURNING person_id
"""
