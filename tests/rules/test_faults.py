"""Every refusal of the hub, whatever it refuses, and every door that must be able to say it."""

import importlib
import re

import pytest

from hub.faults import Fault, Kind, every_fault
from hub.migrations import import_every_room

import_every_room()
FAULTS = {
    f"{fault.__module__}.{fault.__name__}": fault for fault in every_fault() if fault.__module__.startswith("hub")
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> type[Fault]:
    return FAULTS[request.param]


def test_every_fault_is_of_a_kind_and_says_so_in_both_languages(fault: type[Fault]) -> None:
    assert fault.kind in Kind
    assert CHINESE.search(fault.zh), "a clerk reads Chinese"
    assert fault.en, "others read English"
    assert not CHINESE.search(fault.en), "which is English"


def test_every_code_belongs_to_one_fault() -> None:
    codes = {f"{fault.__module__}.{fault.__name__}": fault.__new__(fault).code for fault in every_fault()}
    assert sorted(codes.values()) == sorted(set(codes.values()))


@pytest.mark.parametrize(
    "door",
    ["adapters.api.problems", "adapters.fhir.outcome", "adapters.hl7v2.acknowledgements", "adapters.web.refusals"],
)
def test_every_door_has_one_table_and_it_covers_every_kind(door: str) -> None:
    """The national interface has no table: it knows one code for every refusal, and says the sentence."""
    named = vars(importlib.import_module(door)).values()
    tables = [table for table in named if isinstance(table, dict) and any(isinstance(key, Kind) for key in table)]
    assert [set(table) for table in tables] == [set(Kind)]
