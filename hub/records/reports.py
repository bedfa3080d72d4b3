"""Results: a report and its observations, known by the hospital and its filler number.

The same report sent again is one report; the same number with other content is a new version, and
the earlier one stays as it was. Rows are never updated.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import directory, exchange, people, trust
from hub.db import Base, identity
from hub.faults import LONGEST_NUMBER, LONGEST_TEXT, Invalid, Missing, Unknown, within
from hub.records.access import readable, require_own
from hub.records.notices import tell
from hub.trust import Caller, Sealed

_CORRECTIONS = 421_201

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=2)
"""How far a hospital's clock may run before ours."""


class ReportUnknown(Unknown):
    zh = "查不到检查检验报告（{report}），或您无权查看。"
    en = "No such report ({report}), or you may not see it."


class Order(TypedDict):
    """What was ordered: the code of the examination and its name."""

    code: str
    name: str


class Author(TypedDict):
    """Who answers for the report: the practitioner's code and name."""

    id: str
    name: str


class ObservationFacts(TypedDict):
    """One measured item. `abnormal` is a flag of HL7 table 0078 (H, L, HH, LL, A, N) or empty."""

    code: str
    name: str
    value: str
    unit: str
    range: str
    abnormal: str


class Report(Base):
    __tablename__ = "report"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("organisation_id", "filler_number", "version"),
        Index(None, "person_id", "issued_at"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    filler_number: Mapped[str]
    version: Mapped[int]
    person_id: Mapped[int]
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id"), index=True)
    order_code: Mapped[str]
    order_name: Mapped[str]
    text: Mapped[str] = mapped_column(Sealed)
    issued_at: Mapped[datetime]
    author_id: Mapped[str]
    author_name: Mapped[str]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)


class Observation(Base):
    __tablename__ = "observation"
    __append_only__ = True

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    value: Mapped[str]
    unit: Mapped[str]
    range: Mapped[str]
    abnormal: Mapped[str]


def publish(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    person_id: int,
    visit_id: int | None,
    order: Order,
    observations: Sequence[ObservationFacts],
    text: str,
    issued_at: datetime,
    author: Author,
    filler_number: str,
    copies_to: Sequence[str] = (),
) -> Report:
    """A result as its hospital reports it: a new report, the one that stands, or a corrected version of it.

    What is new goes to the organisations of `copies_to` and is told to the patient.

    Refuses: NotAllowed, NotYourRecord, Missing, Invalid.
    """
    trust.require(caller, "records.write")
    require_own(caller, organisation_id)
    if not filler_number:
        raise Missing(element="filler_number")
    within(filler_number, LONGEST_NUMBER, element="filler_number")
    within(text, LONGEST_TEXT, element="text")
    if not observations and not text.strip():
        raise Missing(element="observations", allowed="observations / text")
    if not EARLIEST <= issued_at <= caller.at + AHEAD:
        allowed = f"{EARLIEST.date()} – {(caller.at + AHEAD).date()}"
        raise Invalid(element="issued_at", found=issued_at.isoformat(), allowed=allowed)
    facts: dict[str, Any] = {
        "organisation_id": organisation_id,
        "filler_number": filler_number,
        "person_id": person_id,
        "visit_id": visit_id,
        "order_code": order["code"],
        "order_name": order["name"],
        "text": text,
        "issued_at": issued_at,
        "author_id": author["id"],
        "author_name": author["name"],
        "content_hash": _content_hash(person_id, order, observations, text, author),
    }
    made = _insert(session, version=1, **facts)
    if made is None:
        standing, latest = _versions(session, facts)
        if standing is not None:
            return standing
        made = _insert(session, version=latest + 1, **facts)
    assert made is not None
    session.add_all(
        Observation(report_id=made.id, position=position, **measured)
        for position, measured in enumerate(observations, start=1)
    )
    session.flush()
    for destination in copies_to:
        exchange.post(
            session,
            caller,
            destination=destination,
            subject=f"person/{person_id}",
            kind="result.published",
            snapshot=snapshot(session, made, destination),
        )
    hospital = directory.organisation(session, organisation_id).name
    told = f"您在{hospital}的“{order['name']}”报告已出，可在“我的报告”中查看。"
    tell(session, caller, person_id=person_id, template="result.published", text=told)
    return made


def report(session: Session, caller: Caller, report_id: int) -> Report:
    """One version of a report. Refuses: NotAllowed, ReportUnknown (also for who may not see it)."""
    trust.require(caller, "records.read")
    row = session.get(Report, report_id)
    if row is None:
        raise ReportUnknown(report=report_id)
    try:
        trust.admit(session, caller, people.cluster(session, row.person_id), "result", owner=row.organisation_id)
    except trust.RecordUnknown:
        raise ReportUnknown(report=report_id) from None
    return row


def reports(session: Session, caller: Caller, *, person_id: int) -> Sequence[Report]:
    """The standing version of every report of one human, newest first. Refuses: NotAllowed, RecordUnknown."""
    trust.require(caller, "records.read")
    persons = people.cluster(session, person_id)
    return readable(session, caller, persons, "result", _standing(session, persons))


def observations(session: Session, report_id: int) -> Sequence[Observation]:
    """The items of a report that the caller has been given, in the order they were reported."""
    rows = select(Observation).where(Observation.report_id == report_id)
    return session.scalars(rows.order_by(Observation.position)).all()


def snapshot(session: Session, row: Report, destination: str) -> dict[str, Any]:
    """A report as it leaves the building for one organisation (ORU^R01)."""
    measured = [
        {"code": o.code, "name": o.name, "value": o.value, "unit": o.unit, "range": o.range, "abnormal": o.abnormal}
        for o in observations(session, row.id)
    ]
    return {
        "report_id": row.id,
        "version": row.version,
        "filler_number": row.filler_number,
        "organisation_id": row.organisation_id,
        "person": people.snapshot(session, row.person_id, destination),
        "order": {"code": row.order_code, "name": row.order_name},
        "observations": measured,
        "text": row.text,
        "issued_at": row.issued_at.isoformat(),
        "author": {"id": row.author_id, "name": row.author_name},
    }


def _content_hash(
    person_id: int, order: Order, observations: Sequence[ObservationFacts], text: str, author: Author
) -> bytes:
    """The time of issue is left out: a hospital that sends a report again may stamp it anew."""
    content = json.dumps([person_id, order, list(observations), text, author], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode()).digest()


def _insert(session: Session, **facts: Any) -> Report | None:
    """Two copies may arrive at once; the key (hospital, filler number, version) decides."""
    return session.scalars(insert(Report).values(**facts).on_conflict_do_nothing().returning(Report)).one_or_none()


def _versions(session: Session, facts: dict[str, Any]) -> tuple[Report | None, int]:
    """The version that says this already, if there is one, and the latest version's number.

    Corrections of one report queue on an advisory lock, so two of them cannot take one number.
    An earlier version that comes again with a newer time of issue is a correction back to it.
    """
    name = f"{facts['organisation_id']}/{facts['filler_number']}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, _CORRECTIONS))))
    known = (Report.organisation_id == facts["organisation_id"], Report.filler_number == facts["filler_number"])
    latest = session.scalars(select(func.max(Report.version)).where(*known)).one()
    sent_again = or_(Report.version == latest, Report.issued_at >= facts["issued_at"])
    same = select(Report).where(*known, Report.content_hash == facts["content_hash"], sent_again)
    return session.scalars(same.order_by(Report.version.desc()).limit(1)).one_or_none(), latest


def _standing(session: Session, persons: Sequence[int]) -> Sequence[Report]:
    """Of each report the version issued last; one that arrives late does not displace a later correction."""
    key = (Report.organisation_id, Report.filler_number)
    newest = select(Report.id).ext(distinct_on(*key)).where(Report.person_id.in_(persons))
    newest = newest.order_by(*key, Report.issued_at.desc(), Report.version.desc())
    rows = select(Report).where(Report.id.in_(newest.subquery().select()))
    return session.scalars(rows.order_by(Report.issued_at.desc(), Report.id.desc())).all()
