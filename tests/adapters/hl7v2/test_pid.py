"""PID as senders write it."""

from datetime import date

import pytest

from adapters.hl7v2 import er7, pid
from hub.faults import Missing
from hub.people import Identification
from tests.region import COMMUNITY, COUNTY, system

CALLER = system(COMMUNITY)


def segment(line: str) -> er7.Segment:
    return er7.read(f"MSH|^~\\&|HIS||||||ADT^A28|1|P|2.5.1||||||UNICODE UTF-8\r{line}\r".encode())["PID"]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ("A1^^^H42058200301^MR", [("mrn/" + COMMUNITY, "A1", "PID-3.1")]),
        ("A1", [("mrn/" + COMMUNITY, "A1", "PID-3.1")]),
        ("A1^^^HIS^PI~X^^^^NI", [("mrn/" + COMMUNITY, "A1", "PID-3.1"), ("certno/01", "X", "PID-3[2].1")]),
        (f"B9^^^{COUNTY}^MR~C^^^ONECARD^HC", [("card", "C", "PID-3[2].1")]),
        ("P1^^^^PPN~Q1^^^^PRC~S1^^^^SN", [("certno/08", "P1", "PID-3.1"), ("certno/07", "Q1", "PID-3[2].1"), ("psn_no", "S1", "PID-3[3].1")]),
        ("V1^^^^VN", []),
    ],
)  # fmt: skip
def test_numbers_are_named_by_their_type_and_a_record_number_is_the_senders_own(
    numbers: str, found: list[tuple[str, str, str]]
) -> None:
    assert pid.identifications(CALLER, segment(f"PID|1||{numbers}")) == [Identification(*item) for item in found]


def test_the_citizen_number_may_stand_in_pid_19() -> None:
    line = "PID|1||A1||张示例||||||||||||||420500199003070028"
    assert pid.identifications(CALLER, segment(line))[1] == Identification("certno/01", "420500199003070028", "PID-19")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("示例^小兰", "示例小兰"),
        ("示例小兰", "示例小兰"),
        ("Shili^Xiaolan^A", "Shili Xiaolan A"),
        ("Shi^Li^^^^^A~示例^小兰^^^^^L", "示例小兰"),
        ("SHILI^XIAOLAN^^^^^L^A~示例^小兰^^^^^L^I", "示例小兰"),
    ],
)
def test_a_name_is_the_legal_one_in_characters_and_not_torn_in_two(written: str, name: str) -> None:
    assert pid.demographics(segment(f"PID|1||A1||{written}||19900307|F"), []).name == name


def test_birth_date_and_sex_may_come_from_the_citizen_number() -> None:
    known = [Identification("certno/01", "420500199003070028")]
    facts = pid.demographics(segment("PID|1||A1||张示例"), known)
    assert (facts.birth_date, facts.gender, facts.telephone, facts.address) == (date(1990, 3, 7), "F", None, None)


@pytest.mark.parametrize(
    "written", ["19900000187", "^PRN^PH^^^^19900000187", "^PRN^PH^^^^^^^^^19900000187", '""~19900000187']
)
def test_a_telephone_is_found_in_each_of_its_places(written: str) -> None:
    line = f"PID|1||A1||张示例||19900307|F|||||{written}"
    assert pid.demographics(segment(line), []).telephone == "19900000187"


@pytest.mark.parametrize(
    ("written", "telephone", "dropped"),
    [
        ("无", None, (13, "无")),
        ("不详|暂无", None, (13, "不详")),
        ("|本人", None, (14, "本人")),
        ("无~19900000187", "19900000187", None),
        ("无|0717-6200001", "0717-6200001", None),
        ("^PRN^PH^^^^无", None, (13, "无")),
        ('""', None, None),
        ("", None, None),
    ],
)
def test_a_telephone_that_cannot_be_called_is_left_out(
    written: str, telephone: str | None, dropped: tuple[int, str] | None
) -> None:
    told = segment(f"PID|1||A1||张示例||19900307|F|||||{written}")
    assert (pid.demographics(told, []).telephone, pid.uncallable(told)) == (telephone, dropped)


def test_a_name_or_a_birth_date_that_nobody_tells_is_missing() -> None:
    for line, element in (("PID|1||A1||||19900307", "PID-5"), ("PID|1||A1||张示例", "PID-7")):
        with pytest.raises(Missing) as refusal:
            pid.demographics(segment(line), [])
        assert refusal.value.element == element
