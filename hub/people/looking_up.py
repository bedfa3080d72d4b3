"""Persons looked up: one by whoever has to do with them, or many at once for a batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Text, any_, bindparam, select
from sqlalchemy.orm import Session, aliased

from hub.people.persons import Identifier, Person, as_message, cluster, person
from hub.trust import Caller, RecordUnknown, admit, require


def look_up(session: Session, caller: Caller, person_id: int) -> Person:
    """A person, to a caller who registered them, gave them a record number, or is admitted.

    Refuses: NotAllowed, PersonUnknown, RecordUnknown.
    """
    require(caller, "people.read")
    row = person(session, person_id)
    ids = cluster(session, person_id)
    if caller.organisation_id is not None:
        local = select(Identifier.person_id).where(
            Identifier.person_id.in_(ids), Identifier.system == _local(caller.organisation_id)
        )
        if row.source == caller.organisation_id or session.scalars(local.limit(1)).first() is not None:
            return row
    try:
        admit(session, caller, ids, "person")
    except RecordUnknown:
        raise RecordUnknown(noun="person") from None
    return row


def clusters(session: Session, person_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """For each person all person ids of the card, in order; who does not exist is absent. One statement."""
    rows = session.execute(_CLUSTERS, {"ids": list(person_ids)})
    found: dict[int, list[int]] = defaultdict(list)
    for person_id, same_card in rows:
        found[person_id].append(same_card)
    return {person_id: tuple(ids) for person_id, ids in found.items()}


def snapshots(
    session: Session, wanted: Iterable[tuple[int, str | None]], of_card: dict[int, tuple[int, ...]]
) -> dict[tuple[int, str | None], dict[str, Any]]:
    """`snapshot` for many (person, organisation) at once; `of_card` is what `clusters` answers. Two statements."""
    pairs = set(wanted)
    people = {row.id: row for row in session.scalars(_PERSONS, {"ids": list({person_id for person_id, _ in pairs})})}
    systems = {_local(organisation_id) for _, organisation_id in pairs}
    everyone = {same_card for person_id, _ in pairs for same_card in of_card[person_id]}
    numbers = session.scalars(_NUMBERS, {"ids": list(everyone), "systems": list(systems)})
    local = {(row.person_id, row.system): row.value for row in numbers}
    found = {}
    for person_id, organisation_id in pairs:
        mine = (local.get((same_card, _local(organisation_id))) for same_card in of_card[person_id])
        found[person_id, organisation_id] = as_message(people[person_id], next(filter(None, mine), None))
    return found


def _local(organisation_id: str | None) -> str:
    """The identifier system of an organisation's own record numbers."""
    return f"mrn/{organisation_id}"


# Built once: batches ask these for every booking.
_IDS = bindparam("ids", type_=ARRAY(BigInteger))
_same = aliased(Person)
_CLUSTERS = (
    select(Person.id, _same.id)
    .join(_same, _same.card_number == Person.card_number)
    .where(Person.id == any_(_IDS))
    .order_by(Person.id, _same.id)
)
_PERSONS = select(Person).where(Person.id == any_(_IDS))
_NUMBERS = select(Identifier).where(
    Identifier.person_id == any_(_IDS), Identifier.system == any_(bindparam("systems", type_=ARRAY(Text)))
)
