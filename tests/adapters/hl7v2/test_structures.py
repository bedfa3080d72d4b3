"""Structures compiled from hl7apy's tables: what is required, in which order, of which type."""

import pytest

from adapters.hl7v2 import er7
from adapters.hl7v2.messages import MESSAGES
from adapters.hl7v2.structures import VERSIONS, Location, validate
from hub.faults import Problem
from tests.adapters.hl7v2.conftest import document

ORU = document("oru-r01_troponin.request.hl7")
REF = document("ref-i12_up.request.hl7")
A01 = document("adt-a01_admission.request.hl7")


def findings(raw: bytes, structure: str) -> list[tuple[str, Problem]]:
    return [(finding.location.element, finding.fault.problem) for finding in validate(er7.read(raw), structure)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("structure", sorted({row.structure for row in MESSAGES.values()}))
def test_every_structure_of_every_version_compiles(structure: str, version: str) -> None:
    raw = f"MSH|^~\\&|HIS||||20261122||X^Y|1|P|{version}\rZZZ|1\r".encode()
    assert all(problem is Problem.SEQUENCE for element, problem in findings(raw, structure) if len(element) == 3)


def test_a_structure_that_the_senders_version_lacks_is_taken_from_2_5_1() -> None:
    raw = document("adt-a28_new-citizen.request.hl7")
    assert findings(raw.replace(b"|2.5.1|", b"|2.3.1|"), "ADT_A05") == []
    assert findings(raw.replace(b"|2.5.1|", b"|2.9|"), "ADT_A05") == []


def test_repeating_groups_are_followed() -> None:
    twice = ORU + b"".join(ORU.partition(b"OBR|1")[1:]).replace(b"OBR|1", b"OBR|2")
    assert findings(twice, "ORU_R01") == []
    assert findings(ORU.replace(b"OBR|1", b"ZBR|1"), "ORU_R01") == [("OBR", Problem.SEQUENCE)]


def test_a_segment_out_of_its_place_is_told_and_not_called_missing() -> None:
    head, _, rest = REF.partition(b"PRD|RP")
    late = head + rest.partition(b"\r")[2] + b"PRD|RP\r"
    assert findings(late, "REF_I12") == [("PRD[2]", Problem.SEQUENCE)]


def test_segments_that_the_structure_does_not_know_are_no_error_anywhere() -> None:
    strange = A01.replace(b"PID|", b"ZA1|x\rXYZ|y\rPID|") + b"ZZZ|\r"
    assert findings(strange, "ADT_A01") == []


def test_what_is_no_segment_at_all_is_told() -> None:
    assert findings(A01 + b"DG", "ADT_A01") == [("DG", Problem.SEQUENCE)]
    assert findings(A01 + b"MSH|^~\\&|", "ADT_A01")[0] == ("MSH[2]", Problem.SEQUENCE)


def test_types_are_checked_in_every_repetition_and_only_where_this_door_reads() -> None:
    raw = A01.replace(b"^^^^NI|", b"^^^^NI^^2026-01-01|").replace(b"\rPV1", b"\rNK1|1|x||||||soon\rPV1")
    (found,) = validate(er7.read(raw), "ADT_A01")
    assert found.location == Location("PID", 1, 3, 2, 7, 1)
    assert found.fault.facts["found"] == "2026-01-01"


def test_an_explicit_null_is_a_value() -> None:
    assert findings(A01.replace(b"|19900307|", b'|""|'), "ADT_A01") == []
