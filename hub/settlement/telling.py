"""What a person is told on the telephone when money has moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hub import exchange
from hub.records.notices import SIGNATURE
from hub.settlement.rows import Row
from hub.trust import Caller
from hub.units import Money

SETTLED = "您在{hospital}的费用已结算：总费用 {total} 元，医保付 {fund} 元，您付 {person} 元。明细见“我的账单”。"
UNDONE = "您在{hospital}的一笔结算已退回：总费用 {total} 元，医保 {fund} 元和您付的 {person} 元都已冲回。"


@dataclass(frozen=True, slots=True)
class News:
    """A settlement or counter-entry, where it happened, and the number to tell."""

    row: Row
    hospital: str
    telephone: str | None


def tell(session: Session, caller: Caller, news: Sequence[News]) -> None:
    """Put a text message for each in the outbox; who has no telephone on record is told nothing here."""
    due = [("sms", f"person/{one.row['person_id']}", "notice", _notice(one)) for one in news if one.telephone]
    if due:
        exchange.post_many(session, caller, due)


def _notice(news: News) -> dict[str, Any]:
    row = news.row
    undone = row["undoes"] is not None
    text = (UNDONE if undone else SETTLED).format(
        hospital=news.hospital,
        total=Money(abs(row["total"])),
        fund=Money(abs(row["fund"])),
        person=Money(abs(row["total"] - row["fund"])),
    )
    template = "settlement-undone" if undone else "settlement"
    return {
        "telephone": news.telephone,
        "person_id": row["person_id"],
        "template": template,
        "text": SIGNATURE + text,
    }
