"""What a person is told on the telephone when money has moved; the hospital's own system hears it too (hearing.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hub import exchange, people
from hub.db import Statement, run_together
from hub.exchange import Posted
from hub.records.notices import SIGNATURE
from hub.settlement.hearing import moved
from hub.settlement.rows import Row
from hub.trust import Caller
from hub.units import Money

SETTLED, UNDONE, REFUNDED = "settlement", "settlement-undone", "settlement-refunded"
SHARED, SHARED_BACK = "account-shared", "account-shared-back"
TEXTS = {
    SETTLED: "您在{hospital}的费用已结算：总费用 {total} 元，医保付 {fund} 元，您付 {person} 元。明细见“我的账单”。",
    UNDONE: "您在{hospital}的一笔结算已退回：总费用 {total} 元，医保 {fund} 元和您付的 {person} 元都已冲回。",
    REFUNDED: "您在{hospital}退了部分费用：总费用 {total} 元，其中医保 {fund} 元，退给您 {person} 元。",
    SHARED: "您共济给家人的个人账户在{hospital}支付了 {shared} 元。如有疑问请联系医保经办机构。",
    SHARED_BACK: "您共济给家人的个人账户在{hospital}支付的 {shared} 元已退回账户。",
}
"""By template of the text message."""


@dataclass(frozen=True, slots=True)
class News:
    """A settlement, a counter-entry, or what a refund gave back; where it happened, whom to tell, in which words.

    `hears`: the hospital has a system that is to hear of it.
    """

    row: Row
    hospital: str
    telephone: str | None
    about: str | None = None
    hears: bool = False

    @property
    def person_id(self) -> int:
        return int(self.row["shared_from"] if self.about in (SHARED, SHARED_BACK) else self.row["person_id"])


def tell(session: Session, caller: Caller, news: Sequence[News]) -> None:
    """Put a text message for each in the outbox; who has no telephone on record is told nothing here."""
    run_together(session, telling(caller, [*news, *owners_told(session, news)]))


def owners_told(session: Session, news: Sequence[News]) -> list[News]:
    """The same for the owners of the shared accounts that paid, or got money back."""
    told = []
    for one in news:
        if one.row["shared_from"] is not None:
            back = one.about == REFUNDED or one.row["undoes"] is not None
            telephone = people.person(session, one.row["shared_from"]).telephone
            told.append(News(one.row, one.hospital, telephone, SHARED_BACK if back else SHARED))
    return told


def telling(caller: Caller, news: Sequence[News]) -> list[Statement]:
    """What `tell` runs."""
    due: list[Posted] = [moved(one.row) for one in news if one.hears]
    due += [("sms", f"person/{one.person_id}", "notice", _notice(one)) for one in news if one.telephone]
    return exchange.posting(caller, due)


def _notice(news: News) -> dict[str, Any]:
    row = news.row
    template = news.about or (SETTLED if row["undoes"] is None else UNDONE)
    text = TEXTS[template].format(
        hospital=news.hospital,
        total=Money(abs(row["total"])),
        fund=Money(abs(row["fund"])),
        person=Money(abs(row["total"] - row["fund"])),
        shared=Money(abs(row["shared"] or 0)),
    )
    return {
        "telephone": news.telephone,
        "person_id": news.person_id,
        "template": template,
        "text": SIGNATURE + text,
    }
