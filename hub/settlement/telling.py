"""What a person is told on the telephone when money has moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hub import exchange
from hub.db import Statement, run_together
from hub.records.notices import SIGNATURE
from hub.settlement.rows import Row
from hub.trust import Caller
from hub.units import Money

SETTLED, UNDONE, REFUNDED = "settlement", "settlement-undone", "settlement-refunded"
TEXTS = {
    SETTLED: "您在{hospital}的费用已结算：总费用 {total} 元，医保付 {fund} 元，您付 {person} 元。明细见“我的账单”。",
    UNDONE: "您在{hospital}的一笔结算已退回：总费用 {total} 元，医保 {fund} 元和您付的 {person} 元都已冲回。",
    REFUNDED: "您在{hospital}退了部分费用：总费用 {total} 元，其中医保 {fund} 元，退给您 {person} 元。",
}
"""By template of the text message."""


@dataclass(frozen=True, slots=True)
class News:
    """A settlement, a counter-entry, or what a refund gave back; where it happened, whom to tell, in which words."""

    row: Row
    hospital: str
    telephone: str | None
    about: str | None = None


def tell(session: Session, caller: Caller, news: Sequence[News]) -> None:
    """Put a text message for each in the outbox; who has no telephone on record is told nothing here."""
    run_together(session, telling(caller, news))


def telling(caller: Caller, news: Sequence[News]) -> list[Statement]:
    """What `tell` runs."""
    due = [("sms", f"person/{one.row['person_id']}", "notice", _notice(one)) for one in news if one.telephone]
    return exchange.posting(caller, due)


def _notice(news: News) -> dict[str, Any]:
    row = news.row
    template = news.about or (SETTLED if row["undoes"] is None else UNDONE)
    text = TEXTS[template].format(
        hospital=news.hospital,
        total=Money(abs(row["total"])),
        fund=Money(abs(row["fund"])),
        person=Money(abs(row["total"] - row["fund"])),
    )
    return {
        "telephone": news.telephone,
        "person_id": row["person_id"],
        "template": template,
        "text": SIGNATURE + text,
    }
