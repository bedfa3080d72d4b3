"""Persons looked up: one by whoever has to do with them, or many at once for a batch."""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select
from sqlalchemy.orm import Session, aliased

from hub.db import Ready, Statement, run
from hub.faults import within
from hub.people.persons import Identifier, Person, PersonUnknown, cluster, opened, person, resolve
from hub.trust import Caller, RecordUnknown, admit, blind, require

Seen = tuple[int, str | None]
"""A person, and the organisation whose record number of them is wanted."""


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


def sought(session: Session, caller: Caller, *, system: str, value: str) -> Person | None:
    """Whom a number means, if the caller may know of them. Refuses: NotAllowed."""
    require(caller, "people.read")
    try:
        return look_up(session, caller, resolve(session, system=system, value=value).id)
    except (PersonUnknown, RecordUnknown):
        return None


def named(session: Session, caller: Caller, *, name: str, birth_date: date, limit: int = 20) -> list[Person]:
    """Persons with this very name and day of birth, as far as the caller may know of them. Refuses: NotAllowed."""
    require(caller, "people.read")
    within(name, 100, element="name")
    same = (Person.name_blind == blind("name", name), Person.birth_date == birth_date)
    found = []
    for person_id in session.scalars(select(Person.id).where(*same).order_by(Person.id).limit(limit)).all():
        with contextlib.suppress(RecordUnknown):
            found.append(look_up(session, caller, person_id))
    return found


def clusters(session: Session, person_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """For each person all person ids of the card, in order; who does not exist is absent. One statement."""
    session.flush()
    return clusters_in(run(session, *asking_clusters(person_ids)))


def asking_clusters(person_ids: Collection[int]) -> Statement:
    """What `clusters` runs, for who runs it together with others; `clusters_in` reads its rows."""
    return _CLUSTERS.asking(ids=list(person_ids))


def clusters_in(rows: Iterable[Any]) -> dict[int, tuple[int, ...]]:
    """What `clusters` answers, from the rows of `asking_clusters`."""
    found: dict[int, list[int]] = defaultdict(list)
    for person_id, same_card in rows:
        found[person_id].append(same_card)
    return {person_id: tuple(ids) for person_id, ids in found.items()}


def snapshot(session: Session, person_id: int, organisation_id: str | None) -> dict[str, Any]:
    """A person as messages carry them, with their record number at an organisation. Refuses: PersonUnknown."""
    found = snapshots(session, [(person_id, organisation_id)])
    if not found:
        raise PersonUnknown(system="person", shown=person_id)
    return found[person_id, organisation_id]


def snapshots(session: Session, wanted: Iterable[Seen]) -> dict[Seen, dict[str, Any]]:
    """The same for many (person, organisation) at once; who does not exist is absent. One statement."""
    pairs = list(set(wanted))
    session.flush()
    return snapshots_in(run(session, *asking_snapshots(pairs)), pairs)


def asking_snapshots(pairs: Sequence[Seen]) -> Statement:
    """What `snapshots` runs, for who runs it together with others; `snapshots_in` reads its rows."""
    return _SNAPSHOTS, {"persons": [person_id for person_id, _ in pairs], "systems": [_local(at) for _, at in pairs]}


def snapshots_in(rows: Iterable[Any], pairs: Sequence[Seen]) -> dict[Seen, dict[str, Any]]:
    """What `snapshots` answers, from the rows of `asking_snapshots`."""
    return {
        pairs[row.n - 1]: {
            "person_id": row.id,
            "card": row.card_number,
            "certno": opened(row.certno),
            "name": opened(row.name),
            "gender": row.gender,
            "birth_date": row.birth_date.isoformat(),
            "telephone": opened(row.telephone),
            "mrn": opened(row.mrn),
        }
        for row in rows
    }


def _local(organisation_id: str | None) -> str:
    """The identifier system of an organisation's own record numbers."""
    return f"mrn/{organisation_id}"


_same = aliased(Person)
_CLUSTERS = Ready(
    select(Person.id, _same.id)
    .join(_same, _same.card_number == Person.card_number)
    .where(Person.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .order_by(Person.id, _same.id)
)

# A record number belongs to the human: any person of the card may have brought it.
_SNAPSHOTS = """
SELECT asked.n, p.id, p.card_number, p.certno, p.name, p.gender, p.birth_date, p.telephone, (
    SELECT i.value FROM identifier i JOIN person same ON same.id = i.person_id
    WHERE same.card_number = p.card_number AND i.system = asked.system ORDER BY i.person_id LIMIT 1
) AS mrn
FROM unnest(%(persons)s::bigint[], %(systems)s::text[]) WITH ORDINALITY AS asked(person_id, system, n)
JOIN person p ON p.id = asked.person_id
"""
