"""What a cashier's transaction is about: the person a number stands for and the visit it names.

One statement for any number of transactions, so that a batch asks once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from hub.db import Statement, run
from hub.faults import Fault
from hub.people import PersonUnknown
from hub.records import VisitUnknown
from hub.trust import Caller, blind, unseal


@dataclass(frozen=True, slots=True)
class Naming:
    """Who asks, and whom and what they name: the insurer's number of a person (or the card's), a visit, a type."""

    caller: Caller
    psn_no: str
    visit_id: int
    insutype: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A person and one of their visits at the caller's own hospital. psn_type is the insurer's, "" when not insured.

    med_type is what the visit was registered as, None when that was not said yet.
    """

    person_id: int
    card_number: str
    name: str
    gender: str
    birth_date: date
    cert_type: str | None
    certno: str | None
    psn_type: str
    med_type: str | None
    visit_id: int
    number: str
    care: str
    state: str
    begun_at: datetime
    ended_at: datetime | None


def windows(session: Session, asked: Sequence[Naming]) -> list[Window | Fault]:
    """In order. Faults as values: PersonUnknown, VisitUnknown (not here, or somebody else's)."""
    return windows_in(run(session, *asking_windows(asked)), asked)


def asking_windows(asked: Sequence[Naming]) -> Statement:
    """What `windows` runs, for a door that runs it together with others; `windows_in` reads its rows."""
    said = {
        "blinds": [blind("psn_no", one.psn_no) for one in asked],
        "numbers": [one.psn_no for one in asked],
        "visits": [one.visit_id for one in asked],
        "types": [one.insutype or "" for one in asked],
    }
    return _WINDOWS, said


def windows_in(rows: Sequence[Any], asked: Sequence[Naming]) -> list[Window | Fault]:
    """What `windows` answers, from the rows of `asking_windows`."""
    return [_window(one, row) for one, row in zip(asked, rows, strict=True)]


def _window(asked: Naming, row: Any) -> Window | Fault:
    if row.person_id is None:
        return PersonUnknown(system="psn_no", shown=asked.psn_no)
    if row.organisation_id != asked.caller.organisation_id or row.visit_card != row.card_number:
        return VisitUnknown(visit=asked.visit_id)
    return Window(
        person_id=row.person_id,
        card_number=row.card_number,
        name=unseal(row.name).decode(),
        gender=row.gender,
        birth_date=row.birth_date,
        cert_type=row.cert_type,
        certno=None if row.certno is None else unseal(row.certno).decode(),
        psn_type=row.psn_type or "",
        med_type=row.med_type,
        visit_id=row.visit_id,
        number=row.number,
        care=row.care,
        state=row.state,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
    )


_WINDOWS = """
SELECT p.id AS person_id, p.card_number, p.name, p.gender, p.birth_date, p.cert_type, p.certno,
       v.id AS visit_id, v.organisation_id, v.number, v.care, v.state, v.begun_at, v.ended_at,
       owner.card_number AS visit_card, insured.psn_type, registered.med_type
  FROM unnest(%(blinds)s::bytea[], %(numbers)s::text[], %(visits)s::bigint[], %(types)s::text[])
       WITH ORDINALITY AS w(blind, number, visit_id, insutype, place)
  LEFT JOIN identifier AS i ON i.system = 'psn_no' AND i.value_blind = w.blind
  LEFT JOIN person AS p ON p.id = coalesce(
       i.person_id, (SELECT min(id) FROM person WHERE card_number = w.number))
  LEFT JOIN visit AS v ON v.id = w.visit_id
  LEFT JOIN person AS owner ON owner.id = v.person_id
  LEFT JOIN insured_visit AS registered ON registered.visit_id = v.id
  LEFT JOIN LATERAL (
       SELECT e.psn_type FROM enrolment AS e
        WHERE e.person_id = p.id AND (w.insutype = '' OR e.insutype = w.insutype)
          AND e.since <= v.begun_at AND (e.until IS NULL OR e.until >= v.begun_at::date)
        ORDER BY e.since DESC LIMIT 1) AS insured ON true
 ORDER BY w.place"""
