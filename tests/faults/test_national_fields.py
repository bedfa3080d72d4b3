"""Every field of every transaction, from its own table: missing, too long, outside its list, not a number it may be.

The tables alone say all of it in milliseconds; through the door a share is said each time and all in the slow tests.
"""

import hashlib
import re
from collections.abc import Iterator
from copy import deepcopy
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from adapters.nhsa.region import HOME_AREA, region
from adapters.nhsa.tables import Field, Row, Transaction, shown, transaction
from hub.faults import Invalid, Missing
from tests.faults.doors import SERVED, Findings
from tests.faults.national import Ask
from tests.faults.samples import transactions
from tests.faults.world import World

SPOKEN = region(HOME_AREA)
SHARE = 4
OURS = {"psn_no": "1", "certno": "420500196001010018", "visit": 1, "settlement": 1}
DECIMALS = re.compile(r"N\((\d+)(?:,(\d+))?\)")


class Wrong(NamedTuple):
    """An input with one field wrong: which, how, and what stands there now (None: nothing)."""

    node: str
    code: str
    how: str
    found: Any
    said: dict[str, Any]

    @property
    def element(self) -> str:
        many = "[0]" if isinstance(self.said[self.node], list) else ""
        return f"input.{self.node}{many}.{self.code}"


def wrongs(infno: str, sample: dict[str, Any]) -> Iterator[Wrong]:
    for node, table in transaction(infno, SPOKEN).incoming.items():
        for field in table.fields:
            for how, found, more in _wrong_values(field):
                said = deepcopy(sample)
                row = said[node][0] if isinstance(said[node], list) else said[node]
                row.update(more)
                row[field.code] = found
                yield Wrong(node, field.code, how, found, said)


def _wrong_values(field: Field) -> Iterator[tuple[str, Any, Row]]:
    """How, what stands in the field then, and what else the row must say for it to be wrong."""
    if field.required:
        yield "missing", "", {}
    for other, wanted in field.required_when.items():
        yield f"missing when {other}", "", {other: wanted if isinstance(wanted, str) else wanted[0]}
    if field.list:
        yield "outside its list", "~9", {}
    elif field.type.startswith("C"):
        yield "too long", "长" * (int(field.type[2:-1] if "(" in field.type else 4000) + 1), {}
    if number := DECIMALS.fullmatch(field.type):
        digits, decimals = int(number[1]), int(number[2] or 0)
        yield "too many digits", "9" * (digits - decimals + 1), {}
        yield "a decimal too many", "1." + "0" * decimals + "5", {}
        yield "no number", "1e3", {}
        if not field.signed:
            yield "negative", "-1", {}
    if field.type in ("D", "DT"):
        yield "no day", "2026-02-30", {}
    if field.type == "BYTES":
        yield "no file", "***", {}


def refusal(table: Transaction, said: dict[str, Any]) -> Invalid | None:
    try:
        table.read(said, lines_at_most=10)
    except Invalid as refused:
        return refused
    return None


def samples(world: World) -> dict[str, dict[str, Any]]:
    return transactions(world)


@pytest.mark.parametrize("infno", SERVED)
def test_the_table_of_a_transaction_refuses_each_wrong_field_by_its_path(infno: str) -> None:
    table = transaction(infno, SPOKEN)
    sample = samples(cast(World, SimpleNamespace(ours=OURS)))[infno]
    assert table.read(sample, lines_at_most=10)
    findings, tried = Findings(), 0
    for wrong in wrongs(infno, sample):
        tried += 1
        refused = refusal(table, wrong.said)
        about = f"{wrong.element} {wrong.how}"
        with findings:
            assert refused is not None, f"{about}: taken"
            assert refused.element == wrong.element, f"{about}: named {refused.element}"
            assert refused.facts["allowed"], f"{about}: does not say what is allowed"
            assert isinstance(refused, Missing) == wrong.how.startswith("missing"), about
            assert not wrong.found or refused.facts["found"] == shown(wrong.found), about
    findings.none()
    assert tried


@pytest.mark.parametrize("part", [pytest.param(SHARE, id="a share"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_a_wrong_field_is_told_to_the_hospital_and_nothing_is_written(world: World, ask: Ask, part: int) -> None:
    findings, before, tried = Findings(), world.written(), 0
    for infno, sample in samples(world).items():
        for wrong in wrongs(infno, sample):
            if hashlib.sha256(f"{infno} {wrong.element} {wrong.how}".encode()).digest()[0] % part:
                continue
            tried += 1
            answer = ask(infno, wrong.said)
            about = f"{infno} {wrong.element} {wrong.how}: {answer}"
            with findings:
                assert answer["infcode"] == -1, about
                assert wrong.element in answer["err_msg"], about
                if wrong.found:
                    assert f"收到“{shown(wrong.found)}”" in answer["err_msg"], about
                    assert "应为" in answer["err_msg"], about
    with findings:
        assert world.written() == before, "a refusal wrote something"
    findings.none()
    assert tried > 1000 // part
