"""What a person is told on the telephone when money has moved."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import exchange
from hub.directory import Organisation
from hub.people import Person
from hub.records.notices import SIGNATURE
from hub.settlement.rows import Row
from hub.trust import Caller
from hub.units import Money

SETTLED = "您在{hospital}的费用已结算：总费用 {total} 元，医保付 {fund} 元，您付 {person} 元。明细见“我的账单”。"
UNDONE = "您在{hospital}的一笔结算已退回：总费用 {total} 元，医保 {fund} 元和您付的 {person} 元都已冲回。"


def tell(session: Session, caller: Caller, rows: Sequence[Row]) -> None:
    """Put a text message in the outbox for each settlement or counter-entry, in two statements."""
    if not rows:
        return
    telephones = _telephones(session, {row["person_id"] for row in rows})
    hospitals = _hospitals(session, {row["organisation_id"] for row in rows})
    due = []
    for row in rows:
        telephone = telephones.get(row["person_id"])
        if telephone is None:
            continue
        undone = row["undoes"] is not None
        text = (UNDONE if undone else SETTLED).format(
            hospital=hospitals[row["organisation_id"]],
            total=Money(abs(row["total"])),
            fund=Money(abs(row["fund"])),
            person=Money(abs(row["total"] - row["fund"])),
        )
        template = "settlement-undone" if undone else "settlement"
        notice = {"telephone": telephone, "person_id": row["person_id"], "template": template, "text": SIGNATURE + text}
        due.append(("sms", f"person/{row['person_id']}", "notice", notice))
    if due:
        exchange.post_many(session, caller, due)


def _telephones(session: Session, person_ids: set[int]) -> dict[int, str | None]:
    wanted = select(Person.id, Person.telephone).where(Person.id.in_(person_ids))
    return {row.id: row.telephone for row in session.execute(wanted)}


def _hospitals(session: Session, organisation_ids: set[str]) -> dict[str, str]:
    wanted = select(Organisation.id, Organisation.name).where(Organisation.id.in_(organisation_ids))
    return {row.id: row.name for row in session.execute(wanted)}
