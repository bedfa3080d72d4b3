"""What a hospital's own system hears when money has moved: settled, undone, refunded, in order for each visit.

Written in the transaction that moves the money, for a hospital that has a webhook; the settlement stands whether or
not the message ever arrives. It names nobody: the hospital knows its visit and its own message.
"""

from typing import Any

from hub.exchange import Posted
from hub.units import CHINA, Money

WEBHOOK = "webhook"
"""The kind of endpoint; a destination is webhook/<institution>."""
SETTLED, UNDONE, REFUNDED = "settlement.settled", "settlement.undone", "settlement.refunded"

_AMOUNTS = ("total", "over", "own", "first", "scope", "deductible", "pool", "large", "serious", "civil", "aid", "fund")
_PAID = ("account", "shared", "cash")


def moved(row: dict[str, Any]) -> Posted:
    """The message about a settlement, or about the counter-entry that undoes one (its amounts negative)."""
    event = SETTLED if row["undoes"] is None else UNDONE
    return _posted(row, event, {"settlement": document(row)})


def refunded(before: int, counter: dict[str, Any], rest: dict[str, Any], lines: list[list[str]], reason: str) -> Posted:
    """The message about a refund in part: what was taken back, and the settlement that stands for the rest."""
    said = {"refunded": before, "counter_entry": document(counter), "settlement": document(rest)}
    given = [{"number": number, "quantity": quantity} for number, quantity in lines]
    return _posted(rest, REFUNDED, said | {"lines": given, "reason": reason})


def document(row: dict[str, Any]) -> dict[str, Any]:
    """A settlement as its hospital knows it, amounts in yuan."""
    return {
        "settlement_id": row["id"],
        "undoes": row["undoes"],
        "visit_id": row["visit_id"],
        "batch": row["batch"],
        "msgid": row["msgid"],
        "settled_at": row["settled_at"].astimezone(CHINA).isoformat(),
        "day": row["day"].isoformat(),
        "insutype": row["insutype"],
        "clr_type": row["clr_type"],
        "clr_office": row["clr_office"],
        **{name: str(Money(row[name] or 0)) for name in (*_AMOUNTS, *_PAID)},
    }


def _posted(row: dict[str, Any], event: str, said: dict[str, Any]) -> Posted:
    return f"{WEBHOOK}/{row['organisation_id']}", f"visit/{row['visit_id']}", event, {"event": event} | said
