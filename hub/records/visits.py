"""A visit: a stay or an attendance at one hospital, known by the hospital and its own number.

The grant that lets a hospital see its patient's records from elsewhere is written by the admission
and ended by the discharge.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NotRequired, TypedDict

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import people, trust
from hub.db import Base, Statement, identity, loaded, run
from hub.faults import LONGEST_NUMBER, Conflict, Invalid, Unknown, within
from hub.lifecycle import Lifecycle
from hub.records.access import readable, require_own
from hub.trust import Caller

# Letters are written and late results arrive in the weeks after a discharge; a month covers the
# two weeks in which a discharge summary is due, and then access ends by itself.
AFTER_VISIT = timedelta(days=30)

# A patient discharged to go to another hospital is there within days, and it is still one episode.
JUST_ENDED = timedelta(days=3)

# FHIR R4 Encounter.status; "re-open" is what ADT^A13 (cancel discharge) asks for.
VISIT = Lifecycle(
    "visit",
    start="in-progress",
    moves={
        ("in-progress", "finish"): "finished",
        ("in-progress", "cancel"): "cancelled",
        ("finished", "re-open"): "in-progress",
    },
)


class VisitUnknown(Unknown):
    zh = "查不到就诊记录（{visit}）。请核对住院号或门诊号。"
    en = "No such visit ({visit}). Check the visit number."


class VisitNumberTaken(Conflict):
    zh = "就诊号 {number} 已经用在另一位病人身上。请核对就诊号和病人。"
    en = "Visit number {number} already belongs to another patient. Check the number and the patient."


class VisitCancelled(Conflict):
    zh = "就诊号 {number} 已取消，不能再用。请用新的就诊号办理。"
    en = "Visit number {number} was cancelled and cannot be used again. Register under a new number."


class VisitEnded(Conflict):
    zh = "就诊 {number} 已经结束，不能再变更。如需更正，请先撤销出院。"
    en = "Visit {number} has ended and cannot be changed. Cancel the discharge first."


class Diagnosis(TypedDict):
    """A diagnosis as it is written down: the code of GB/T 14396 (ICD-10, national clinical edition) and its name."""

    code: str
    name: str
    number: NotRequired[int]
    """Its number among the visit's diagnoses, where the sender counts them."""


class Visit(Base):
    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("organisation_id", "number"),
        Index(None, "person_id", "begun_at"),
        VISIT.check(),
        CheckConstraint("care IN ('inpatient', 'outpatient', 'emergency')", name="care_known"),
        CheckConstraint("(state = 'finished') = (ended_at IS NOT NULL)", name="ended_when_finished"),
        CheckConstraint("ended_at >= begun_at", name="ends_after_it_begins"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    number: Mapped[str]
    person_id: Mapped[int]
    care: Mapped[str]
    department_id: Mapped[str | None]
    practitioner_id: Mapped[str | None]
    diagnoses: Mapped[list[Any]]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default=VISIT.start)


def open_visit(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    number: str,
    person_id: int,
    care: str,
    begun_at: datetime,
    department_id: str | None = None,
    practitioner_id: str | None = None,
    diagnoses: Sequence[Diagnosis] = (),
) -> Visit:
    """A new visit, or the one that stands under this number: a hospital may say it twice.

    From now on the hospital sees the person's records. Refuses: NotAllowed, NotYourRecord,
    VisitNumberTaken, VisitCancelled.
    """
    visiting = opening(
        caller,
        organisation_id=organisation_id,
        number=number,
        person_id=person_id,
        care=care,
        begun_at=begun_at,
        department_id=department_id,
        practitioner_id=practitioner_id,
        diagnoses=diagnoses,
    )
    return opened(session, caller, visiting, run(session, *visiting))


def opening(
    caller: Caller,
    *,
    organisation_id: str,
    number: str,
    person_id: int,
    care: str,
    begun_at: datetime,
    department_id: str | None = None,
    practitioner_id: str | None = None,
    diagnoses: Sequence[Diagnosis] = (),
) -> Statement:
    """The first statement of `open_visit`, to be sent with others; `opened` goes on from its rows.

    Refuses: NotAllowed, NotYourRecord.
    """
    trust.require(caller, "records.write")
    require_own(caller, organisation_id)
    within(number, LONGEST_NUMBER, element="number")
    return _OPEN, {
        "organisation_id": organisation_id,
        "number": number,
        "person_id": person_id,
        "care": care,
        "department_id": department_id,
        "practitioner_id": practitioner_id,
        "diagnoses": json.dumps(list(diagnoses), ensure_ascii=False),
        "begun_at": begun_at,
        "state": VISIT.start,
    }


def opened(session: Session, caller: Caller, visiting: Statement, made: Sequence[Any]) -> Visit:
    """`open_visit` from the rows that its first statement has answered. Refuses: VisitNumberTaken, VisitCancelled."""
    said = visiting[1]
    if made:
        facts = {**said, "id": made[0].id, "diagnoses": json.loads(said["diagnoses"]), "ended_at": None}
        row = loaded(session, Visit(**facts))
        _let_see(session, caller, row, since=row.begun_at)
        return row
    row = visit(session, said["organisation_id"], said["number"])
    if row.person_id not in people.cluster(session, said["person_id"]):
        raise VisitNumberTaken(number=row.number)
    if row.state == "cancelled":
        raise VisitCancelled(number=row.number)
    return row


def amend_visit(
    session: Session,
    caller: Caller,
    *,
    visit_id: int,
    department_id: str | None = None,
    practitioner_id: str | None = None,
    diagnoses: Sequence[Diagnosis] | None = None,
) -> Visit:
    """What changed during a visit (ADT^A02, A08); what is not given stays. Refuses: NotAllowed, VisitUnknown."""
    row = _locked(session, caller, visit_id)
    row.department_id = department_id or row.department_id
    row.practitioner_id = practitioner_id or row.practitioner_id
    if diagnoses is not None:
        row.diagnoses = list(diagnoses)
    return row


def change_stay(
    session: Session,
    caller: Caller,
    *,
    visit_id: int,
    begun_at: datetime,
    department_id: str | None,
    practitioner_id: str | None,
    diagnoses: Sequence[Diagnosis],
    main: int | None = None,
) -> Visit:
    """What was said at admission, said anew while the visit lasts.

    A diagnosis whose number is known takes that one's place, another is added; `main` is the number of the one that
    comes first. Refuses: NotAllowed, VisitUnknown, VisitEnded.
    """
    row = _locked(session, caller, visit_id)
    if row.state != "in-progress":
        raise VisitEnded(number=row.number)
    row.begun_at = begun_at
    row.department_id = department_id or row.department_id
    row.practitioner_id = practitioner_id or row.practitioner_id
    numbered = {known.get("number", place): known for place, known in enumerate(row.diagnoses, start=1)}
    numbered |= {said["number"]: said for said in diagnoses}
    row.diagnoses = [numbered[number] for number in sorted(numbered, key=lambda number: number != main)]
    session.flush()
    return row


def close_visit(
    session: Session,
    caller: Caller,
    *,
    visit_id: int,
    ended_at: datetime,
    diagnoses: Sequence[Diagnosis] | None = None,
) -> Visit:
    """Discharge; said twice with the same time it changes nothing.

    Refuses: NotAllowed, VisitUnknown, Invalid, IllegalMove.
    """
    row = _locked(session, caller, visit_id)
    if row.state == "finished" and row.ended_at == ended_at:
        return row
    if ended_at < row.begun_at:
        raise Invalid(element="ended_at", found=ended_at.isoformat(), allowed=f"≥ {row.begun_at.isoformat()}")
    VISIT.move(row, "finish")
    row.ended_at = ended_at
    if diagnoses is not None:
        row.diagnoses = list(diagnoses)
    trust.end_grants(session, caller, source=_source(row), until=ended_at + AFTER_VISIT)
    session.flush()
    return row


def cancel_visit(session: Session, caller: Caller, *, visit_id: int) -> Visit:
    """The admission was a mistake (ADT^A11). Refuses: NotAllowed, VisitUnknown, IllegalMove."""
    row = _locked(session, caller, visit_id)
    if row.state != "cancelled":
        VISIT.move(row, "cancel")
        trust.end_grants(session, caller, source=_source(row), until=caller.at)
        session.flush()
    return row


def reopen_visit(session: Session, caller: Caller, *, visit_id: int) -> Visit:
    """The discharge was a mistake (ADT^A13). Refuses: NotAllowed, VisitUnknown, IllegalMove."""
    row = _locked(session, caller, visit_id)
    VISIT.move(row, "re-open")
    row.ended_at = None
    trust.end_grants(session, caller, source=_source(row), until=caller.at)
    _let_see(session, caller, row, since=caller.at)
    return row


def visit(session: Session, organisation_id: str, number: str) -> Visit:
    """The visit that a hospital knows under its own number. Refuses: VisitUnknown."""
    row = session.scalars(
        select(Visit).where(Visit.organisation_id == organisation_id, Visit.number == number)
    ).one_or_none()
    if row is None:
        raise VisitUnknown(visit=number)
    return row


def visit_by_id(session: Session, caller: Caller, visit_id: int) -> Visit:
    """A visit by our own id, for its hospital and who is admitted. Refuses: NotAllowed, VisitUnknown, RecordUnknown."""
    trust.require(caller, "records.read")
    row = session.get(Visit, visit_id)
    if row is None:
        raise VisitUnknown(visit=visit_id)
    readable(session, caller, people.cluster(session, row.person_id), "visit", [row])
    return row


def visit_under_way(session: Session, *, organisation_id: str, person_id: int, at: datetime) -> Visit | None:
    """The visit of a person at a hospital from which they are sent on: the open one, or one that just ended."""
    still = or_(Visit.state == "in-progress", Visit.ended_at >= at - JUST_ENDED)
    wanted = select(Visit).where(
        Visit.person_id.in_(people.cluster(session, person_id)),
        Visit.organisation_id == organisation_id,
        Visit.state != "cancelled",
        Visit.begun_at <= at,
        still,
    )
    newest = wanted.order_by(Visit.ended_at.desc().nulls_first(), Visit.begun_at.desc(), Visit.id.desc())
    return session.scalars(newest.limit(1)).first()


def visits(session: Session, caller: Caller, *, person_id: int) -> Sequence[Visit]:
    """All visits of one human, newest first: those of the caller's own hospital, or all with a grant.

    Refuses: NotAllowed, RecordUnknown.
    """
    trust.require(caller, "records.read")
    persons = people.cluster(session, person_id)
    wanted = select(Visit).where(Visit.person_id.in_(persons), Visit.state != "cancelled")
    rows = session.scalars(wanted.order_by(Visit.begun_at.desc(), Visit.id.desc())).all()
    return readable(session, caller, persons, "visit", rows)


def visits_counted(session: Session, *, since: datetime, until: datetime) -> dict[str, int]:
    """How many visits began at each institution in a span, without saying whose."""
    counted = select(Visit.organisation_id, func.count()).where(
        Visit.begun_at >= since, Visit.begun_at < until, Visit.state != "cancelled"
    )
    return dict(session.execute(counted.group_by(Visit.organisation_id)).all())


def stays(session: Session, caller: Caller, *, admitted_from: datetime, admitted_until: datetime) -> Sequence[Visit]:
    """In-patients who are now in the caller's own hospital, by their time of admission. Refuses: NotAllowed."""
    trust.require(caller, "records.read")
    here = (Visit.organisation_id == caller.organisation_id, Visit.care == "inpatient", Visit.state == VISIT.start)
    wanted = select(Visit).where(*here, Visit.begun_at.between(admitted_from, admitted_until))
    return session.scalars(wanted.order_by(Visit.begun_at, Visit.id)).all()


def _locked(session: Session, caller: Caller, visit_id: int) -> Visit:
    trust.require(caller, "records.write")
    row = session.get(Visit, visit_id, with_for_update=True, populate_existing=True)
    if row is None or (caller.kind != "job" and caller.organisation_id != row.organisation_id):
        raise VisitUnknown(visit=visit_id)
    return row


def _let_see(session: Session, caller: Caller, row: Visit, *, since: datetime) -> None:
    trust.grant(
        session,
        caller,
        person_id=row.person_id,
        organisation_id=row.organisation_id,
        basis="visit",
        source=_source(row),
        since=since,
    )


def _source(row: Visit) -> str:
    return f"visit/{row.id}"


# Two copies of an admission may arrive at once; the key (hospital, number) decides.
_OPEN = """
INSERT INTO visit (organisation_id, number, person_id, care, department_id, practitioner_id, diagnoses, begun_at, state)
VALUES (%(organisation_id)s, %(number)s, %(person_id)s, %(care)s, %(department_id)s, %(practitioner_id)s,
    %(diagnoses)s::jsonb, %(begun_at)s, %(state)s)
ON CONFLICT DO NOTHING RETURNING id
"""
