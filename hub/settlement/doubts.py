"""Looked for before money moves: the same item twice, in-patient and out-patient at once, too much of an item.

Looked for when lines are uploaded, so that the later of two hospitals finds what the earlier one charged; kept as
doubts, which a settlement refuses while they still hold. A doctor of the hospital may override them by name, with a
reason that stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import directory, people, trust
from hub.db import Base, run
from hub.faults import Invalid, Refused
from hub.records import Visit
from hub.trust import Caller
from hub.units import CHINA

SAME_TIME = timedelta(minutes=30)
"""The same item at two hospitals within this time is one too many: nobody is at both."""

DUPLICATE, OVERLAP, QUANTITY = "duplicate", "overlap", "quantity"
LONGEST_REASON = 200

SENTENCES = {
    DUPLICATE: (
        "{item} 于 {at} 在{hospital}也收了费（同一项目、同一时间、两家机构）",
        "{item} was also charged at {hospital} at {at} (same item, same time, two institutions)",
    ),
    OVERLAP: (
        "{at} 病人正在{hospital}住院，门诊和住院费用重叠",
        "the patient was an in-patient and an out-patient at once on {at} (the other is {hospital})",
    ),
    QUANTITY: (
        "{item} 当天共收 {found}，超过每天最多 {allowed}",
        "{item}: {found} charged on one day, more than the {allowed} a day that the catalogue allows",
    ),
}


class Doubted(Refused):
    zh = "这笔费用有 {count} 处疑点：{doubts}。确需收费的，请由本机构医师具名说明理由后再结算。"
    en = "These charges raise {count} doubts: {doubts_en}. A doctor here may override them by name, with a reason."


class OverrideWrong(Invalid):
    zh = "{element} 有误：收到“{found}”，应为{allowed}。"
    en = "{element} is wrong: found '{found}', allowed is {allowed}."


@dataclass(frozen=True, slots=True)
class Override:
    """Who answers for a bill in spite of its doubts, and why."""

    practitioner_id: str
    reason: str


class Doubt(Base):
    """What was found about a line (number) of a charge batch, or about the batch ("")."""

    __tablename__ = "doubt"
    __table_args__ = (
        CheckConstraint("(overridden_by IS NULL) = (overridden_at IS NULL)", name="overridden_by_somebody"),
        Index("doubt_open_idx", "visit_id", "batch", postgresql_where="overridden_at IS NULL"),
    )

    visit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]]
    found_at: Mapped[datetime]
    overridden_by: Mapped[str | None]
    override_reason: Mapped[str | None]
    overridden_at: Mapped[datetime | None]

    def sentence(self, language: str = "zh") -> str:
        return SENTENCES[self.kind][0 if language == "zh" else 1].format(**self.facts)


def look(session: Session, caller: Caller, visit: Visit, numbers: Sequence[str]) -> None:
    """Keep what is doubtful about lines just uploaded; two uploads for one human look one after the other."""
    person_ids = people.cluster(session, visit.person_id)
    session.execute(text("SELECT pg_advisory_xact_lock(:space, :human)"), {"space": _SPACE, "human": min(person_ids)})
    rows = [vars_of(doubt) for doubt in _found(session, caller, visit, person_ids, numbers)]
    if rows:
        session.execute(insert(Doubt).values(rows).on_conflict_do_nothing())


def standing(session: Session, caller: Caller, visit_id: int, batch: str) -> list[Doubt]:
    """The doubts about a charge that still hold and that nobody has answered for; nothing is written."""
    kept = select(Doubt).where(Doubt.visit_id == visit_id, Doubt.batch == batch).order_by(Doubt.line, Doubt.kind)
    known = {(doubt.line, doubt.kind): doubt for doubt in session.scalars(kept)}
    if not any(doubt.overridden_at is None for doubt in known.values()):
        return []
    visit = session.get_one(Visit, visit_id)
    found = _found(session, caller, visit, people.cluster(session, visit.person_id), None)
    answered = {name for name, doubt in known.items() if doubt.overridden_at is not None}
    return [doubt for doubt in found if doubt.batch == batch and (doubt.line, doubt.kind) not in answered]


def of_batch(session: Session, visit_id: int, batch: str) -> Sequence[Doubt]:
    """Everything that was ever doubted about a charge batch, with who answered for it."""
    kept = select(Doubt).where(Doubt.visit_id == visit_id, Doubt.batch == batch)
    return session.scalars(kept.order_by(Doubt.line, Doubt.kind)).all()


def answer(
    session: Session, caller: Caller, *, visit_id: int, batch: str, override: Override | None
) -> Refused | Invalid | None:
    """Before money moves: why a doubtful charge is not settled; None when nothing is doubtful, or a doctor answers.

    The override is kept beside each doubt, and audited. Faults as values: Doubted, OverrideWrong.
    """
    open_ones = standing(session, caller, visit_id, batch)
    if not open_ones:
        return None
    if override is None:
        chinese = "；".join(doubt.sentence("zh") for doubt in open_ones[:3])
        english = "; ".join(doubt.sentence("en") for doubt in open_ones[:3])
        return Doubted(count=len(open_ones), doubts=chinese, doubts_en=english)
    wrong = _wrong(session, caller, visit_id, override)
    if wrong is not None:
        return wrong
    signed = {
        "overridden_by": override.practitioner_id,
        "override_reason": override.reason.strip(),
        "overridden_at": caller.at,
    }
    rows = [vars_of(doubt) | signed for doubt in open_ones]
    kept = insert(Doubt).values(rows)
    session.execute(kept.on_conflict_do_update(index_elements=list(_KEY), set_=signed))
    visit = session.get_one(Visit, visit_id)
    subject = f"visit/{visit_id} {batch}".strip()
    trust.audit(session, caller, verb="settlement.override", person_id=visit.person_id, subject=subject)
    return None


def forget(session: Session, visit_id: int, numbers: Sequence[str]) -> None:
    """Lines were cancelled; what was doubted about them is moot, unless a doctor has answered for it."""
    gone = delete(Doubt).where(Doubt.visit_id == visit_id, Doubt.line.in_(tuple(numbers)))
    session.execute(gone.where(Doubt.overridden_at.is_(None)).execution_options(synchronize_session=False))


def vars_of(doubt: Doubt) -> dict[str, Any]:
    return {column.key: getattr(doubt, column.key) for column in Doubt.__table__.columns}


def _wrong(session: Session, caller: Caller, visit_id: int, override: Override) -> OverrideWrong | None:
    """The doctor works here, signs for themselves at a desk, and says why."""
    visit = session.get_one(Visit, visit_id)
    works_here = override.practitioner_id in {row.id for row in directory.practitioners(session, visit.organisation_id)}
    signs = caller.kind != "staff" or caller.practitioner_id == override.practitioner_id
    if not (works_here and signs):
        allowed = f"{visit.organisation_id} 的医师本人 / a doctor of this institution, signing for themselves"
        return OverrideWrong(element="override.practitioner_id", found=override.practitioner_id[:40], allowed=allowed)
    if not 0 < len(override.reason.strip()) <= LONGEST_REASON:
        return OverrideWrong(
            element="override.reason", found=override.reason[:20], allowed=f"1 … {LONGEST_REASON} 字 / characters"
        )
    return None


def _found(
    session: Session, caller: Caller, visit: Visit, person_ids: Sequence[int], numbers: Sequence[str] | None
) -> list[Doubt]:
    """What is doubtful about lines of a visit as the tables stand; all of its lines when none are named."""
    said = {
        "visit": visit.id,
        "organisation": visit.organisation_id,
        "inpatient": visit.care == "inpatient",
        "begun_at": visit.begun_at,
        "ended_at": visit.ended_at,
        "persons": list(person_ids),
        "numbers": None if numbers is None else list(numbers),
        "near": SAME_TIME,
    }
    return [_doubt(caller, visit, row) for row in run(session, _LOOK, said)]


def _doubt(caller: Caller, visit: Visit, row: Any) -> Doubt:
    at = row.at.astimezone(CHINA)
    facts = {
        "item": row.item or "",
        "hospital": row.hospital or "",
        "at": f"{at:%Y-%m-%d}" if row.kind != DUPLICATE else f"{at:%Y-%m-%d %H:%M}",
        "found": _plain(row.found),
        "allowed": _plain(row.allowed),
    }
    return Doubt(visit_id=visit.id, batch=row.batch, line=row.line, kind=row.kind, facts=facts, found_at=caller.at)


def _plain(quantity: Decimal | None) -> str:
    return "" if quantity is None else f"{quantity.normalize():f}"


_KEY = ("visit_id", "batch", "line", "kind")
_SPACE = 0x0D0B7
"""Our own space of advisory locks: one a human."""

_LOOK = """
WITH mine AS (
    SELECT f.number, f.batch, f.code, f.name, f.occurred_at, (f.occurred_at AT TIME ZONE 'Asia/Shanghai')::date AS day
      FROM fee_line AS f
     WHERE f.visit_id = %(visit)s AND f.returns IS NULL AND f.quantity > f.refunded
       AND (%(numbers)s::text[] IS NULL OR f.number = ANY(%(numbers)s::text[]))
), others AS (
    SELECT v.id, v.organisation_id, v.care, (v.begun_at AT TIME ZONE 'Asia/Shanghai')::date AS since,
           (v.ended_at AT TIME ZONE 'Asia/Shanghai')::date AS until
      FROM visit AS v
     WHERE v.person_id = ANY(%(persons)s::bigint[]) AND v.id <> %(visit)s AND v.state <> 'cancelled'
       AND (v.ended_at IS NULL OR v.ended_at >= (SELECT min(occurred_at) FROM mine) - interval '1 day')
       AND v.begun_at <= (SELECT max(occurred_at) FROM mine) + interval '1 day'
), twice AS (
    SELECT DISTINCT ON (m.number) m.batch, m.number AS line, m.name AS item, g.occurred_at AS at, o.organisation_id
      FROM mine AS m
      JOIN others AS o ON o.organisation_id <> %(organisation)s
      JOIN fee_line AS g ON g.visit_id = o.id AND g.code = m.code AND g.returns IS NULL AND g.quantity > g.refunded
       AND g.occurred_at BETWEEN m.occurred_at - %(near)s AND m.occurred_at + %(near)s
     ORDER BY m.number, g.id
), within AS (
    SELECT DISTINCT ON (m.batch) m.batch, m.occurred_at AS at, o.organisation_id
      FROM mine AS m
      JOIN others AS o ON NOT %(inpatient)s AND o.care = 'inpatient'
       AND o.since < m.day AND (o.until IS NULL OR m.day < o.until)
     ORDER BY m.batch, m.occurred_at
), around AS (
    SELECT DISTINCT ON (m.batch) m.batch, g.occurred_at AS at, o.organisation_id
      FROM mine AS m
      JOIN others AS o ON %(inpatient)s AND o.care <> 'inpatient'
      JOIN fee_line AS g ON g.visit_id = o.id AND g.returns IS NULL AND g.quantity > g.refunded
     WHERE (%(begun_at)s::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
           < (g.occurred_at AT TIME ZONE 'Asia/Shanghai')::date
       AND (%(ended_at)s::timestamptz IS NULL OR (g.occurred_at AT TIME ZONE 'Asia/Shanghai')::date
           < (%(ended_at)s::timestamptz AT TIME ZONE 'Asia/Shanghai')::date)
     ORDER BY m.batch, g.occurred_at
), much AS (
    SELECT m.batch, m.number AS line, m.name AS item, m.occurred_at AS at, c.most_a_day,
           (SELECT sum(g.quantity - g.refunded)
              FROM visit AS v JOIN fee_line AS g ON g.visit_id = v.id
             WHERE v.person_id = ANY(%(persons)s::bigint[]) AND v.state <> 'cancelled' AND g.code = m.code
               AND (g.occurred_at AT TIME ZONE 'Asia/Shanghai')::date = m.day) AS charged
      FROM mine AS m JOIN catalogue_item AS c ON c.code = m.code AND c.most_a_day IS NOT NULL
)
SELECT 'duplicate' AS kind, batch, line, item, at, NULL::numeric AS found, NULL::numeric AS allowed, o.name AS hospital
  FROM twice JOIN organisation AS o ON o.id = twice.organisation_id
UNION ALL
SELECT 'overlap', batch, '', NULL, at, NULL, NULL, o.name FROM within JOIN organisation AS o ON o.id = organisation_id
UNION ALL
SELECT 'overlap', batch, '', NULL, at, NULL, NULL, o.name FROM around JOIN organisation AS o ON o.id = organisation_id
UNION ALL
SELECT 'quantity', batch, line, item, at, charged, most_a_day, NULL FROM much WHERE charged > most_a_day
ORDER BY 2, 3, 1"""
