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

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

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
    return [found for rule in _rules(spoken, infno, side) for found in _check(rule, nodes)]


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


class _Compiled(NamedTuple):
    """A rule with its parts told apart: fields of the row itself, and fields of the rows of another node."""

    name: str
    node: str
    sum: str
    fields: tuple[str, ...]
    listed: tuple[tuple[str, str], ...]
    but: tuple[tuple[str, frozenset[str]], ...]
    at_most: bool
    unless_empty: bool


@cache
def _rules(spoken: Region, infno: str, side: str) -> tuple[_Compiled, ...]:
    return tuple(_compiled(rule) for rule in spoken.identities if rule["side"] == side and infno in rule["in"])


def _compiled(rule: Rule) -> _Compiled:
    listed = [tuple(part.split(".")) for part in rule["parts"] if "." in part]
    return _Compiled(
        rule["name"],
        rule["node"],
        rule["sum"],
        tuple(part for part in rule["parts"] if "." not in part),
        tuple((node, item) for node, item in listed),
        tuple((code, frozenset(values)) for code, values in rule.get("but", {}).items()),
        rule.get("atmost", False),
        rule.get("unless") == "empty",
    )


def _check(rule: _Compiled, nodes: Vectors) -> Iterator[Unbalanced]:
    found = nodes.get(rule.node)
    if found is None:
        return
    for number, row in enumerate(found if isinstance(found, list) else (found,)):
        amounts = [row.get(field) or 0 for field in rule.fields]
        for node, item in rule.listed:
            # As a list: two funds that pay the same are two amounts.
            amounts += [other.get(item) or 0 for other in nodes.get(node) or () if not _left_out(rule, other)]
        if rule.unless_empty and not any(amounts):
            continue
        said, summed = int(row.get(rule.sum) or 0), sum(amounts)
        if said != summed and not (rule.at_most and said > summed):
            place = f"{rule.node}[{number}]" if isinstance(found, list) else rule.node
            yield Unbalanced(rule.name, f"{place}.{rule.sum}", said, summed)


def _left_out(rule: _Compiled, row: Mapping[str, Any]) -> bool:
    return any(row.get(code) in values for code, values in rule.but)


def _words(spoken: Region, name: str) -> str:
    return next(str(rule["zh"]) for rule in spoken.identities if rule["name"] == name)
