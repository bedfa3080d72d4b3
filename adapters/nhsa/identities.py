"""The money identities of the interface: what a vector of amounts must add up to, as the region says it.

A rule of regions/<area>.toml names the field that states a sum and its parts:

    name    how the rule is called, in refusals and in reconciliation
    in      the transactions and the node it holds for; side is "in" or "out"
    sum     the field that states the sum
    parts   the fields that make it up; "setldetail.fund_payamt" is that of every row of a node
    but     rows of such a node left out: a field and its values
    atmost  true where the sum may be more than its parts, never less
    unless  "empty": parts that are all empty say nothing
    zh      what a clerk is told

Tolerance is nothing. What a hospital states wrongly is refused by its field. What goes out wrongly, or
comes from the platform, has happened already: it becomes an item of reconciliation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.region import Region
from adapters.nhsa.verbs import Asked
from hub import reconciliation
from hub.faults import Invalid
from hub.reconciliation import Unbalanced
from hub.units import Money

Vectors = Mapping[str, Any]
Rule = Mapping[str, Any]


class DoesNotFoot(Invalid):
    zh = "{element} 不平（{rule}）：收到 {found}，应为 {allowed}。请核对金额后重报。"
    en = "{element} does not add up ({rule}): it says {found}, its parts make {allowed}."


def unbalanced(spoken: Region, infno: str, side: str, nodes: Vectors) -> list[Unbalanced]:
    """Every rule of the region that the amounts of a message break."""
    return [found for rule in spoken.identities if _speaks_of(rule, infno, side) for found in _check(rule, nodes)]


def require_footing(spoken: Region, infno: str, nodes: Vectors) -> None:
    """What a hospital states adds up. Refuses: DoesNotFoot."""
    for found in unbalanced(spoken, infno, "in", nodes):
        element, allowed = f"input.{found.element}", str(Money(found.summed))
        raise DoesNotFoot(element=element, found=Money(found.said), allowed=allowed, rule=_words(spoken, found.rule))


def watch_sent(session: Session, asked: Asked, output: Vectors) -> None:
    """What we are about to answer, checked like everybody's."""
    found = unbalanced(asked.region, asked.request.infno, "out", output)
    reconciliation.note_breaches(
        session,
        asked.caller,
        organisation_id=asked.institution,
        direction="sent",
        infno=asked.request.infno,
        msgid=asked.request.msgid,
        found=found,
    )


def _speaks_of(rule: Rule, infno: str, side: str) -> bool:
    return rule["side"] == side and infno in rule["in"]


def _check(rule: Rule, nodes: Vectors) -> Iterator[Unbalanced]:
    for place, row in _rows(nodes.get(rule["node"]), rule["node"]):
        amounts = [amount for part in rule["parts"] for amount in _amounts(rule, part, row, nodes)]
        if rule.get("unless") == "empty" and not any(amounts):
            continue
        said, summed = int(row.get(rule["sum"]) or 0), sum(amounts)
        if said != summed and not (rule.get("atmost") and said > summed):
            yield Unbalanced(rule["name"], f"{place}.{rule['sum']}", said, summed)


def _amounts(rule: Rule, part: str, row: Mapping[str, Any], nodes: Vectors) -> list[int]:
    """As a list: two funds that pay the same are two amounts."""
    node, _, item = part.rpartition(".")
    if not node:
        return [int(row.get(item) or 0)]
    but: Mapping[str, Sequence[str]] = rule.get("but", {})
    return [
        int(other.get(item) or 0)
        for _, other in _rows(nodes.get(node), node)
        if not any(other.get(code) in values for code, values in but.items())
    ]


def _rows(found: Any, name: str) -> list[tuple[str, Mapping[str, Any]]]:
    if found is None:
        return []
    if isinstance(found, list):
        return [(f"{name}[{place}]", row) for place, row in enumerate(found)]
    return [(name, found)]


def _words(spoken: Region, name: str) -> str:
    return next(str(rule["zh"]) for rule in spoken.identities if rule["name"] == name)
