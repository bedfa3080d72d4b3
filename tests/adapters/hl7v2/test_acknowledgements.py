"""The one table by which this door speaks of refusals."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hl7v2 import acknowledgements, er7
from adapters.hl7v2.acknowledgements import BY_KIND, BY_PROBLEM, TABLE_0357, of_fault
from adapters.hl7v2.inbound import judge
from adapters.hl7v2.messages import MESSAGES
from adapters.hl7v2.structures import Location
from hub.faults import Conflict, Fault, Forbidden, Invalid, Kind, Missing, Problem, Refused, Unavailable, Unknown
from hub.people import IdentifierTaken
from tests.adapters.hl7v2.conftest import WIRE, document
from tests.region import NOW

A28 = er7.read(document("adt-a28_new-citizen.request.hl7"))


def test_every_kind_and_every_problem_has_its_words() -> None:
    assert set(BY_KIND) == set(Kind)
    assert set(BY_PROBLEM) == set(Problem)
    assert {number for _, number in BY_KIND.values()} | set(BY_PROBLEM.values()) <= set(TABLE_0357)


def made(base: type[Fault]) -> Fault:
    fault = type("PlaceTaken", (base,), {"zh": "没有位置。", "en": "No place."})
    return fault()


@pytest.mark.parametrize(
    ("fault", "code", "number", "location"),
    [
        (Missing(element="PID-3"), "AE", "101", Location("PID", 1, 3, 1)),
        (Invalid(element="PRD[2]-4.1", problem=Problem.CODE), "AE", "103", Location("PRD", 2, 4, 1, 1)),
        (Invalid(element="birth_date"), "AE", "102", None),
        (made(Unknown), "AE", "204", None),
        (made(Forbidden), "AE", "207", None),
        (made(Conflict), "AE", "206", None),
        (IdentifierTaken(system="mrn", shown="1"), "AE", "205", None),
        (made(Refused), "AE", "207", None),
        (made(Unavailable), "AR", "207", None),
    ],
)
def test_a_fault_is_told_by_its_kind(fault: Fault, code: str, number: str, location: Location | None) -> None:
    verdict = of_fault(fault)
    (complaint,) = verdict.complaints
    assert (verdict.code, complaint.number, complaint.location) == (code, number, location)


def test_the_sentence_is_english_where_msh_19_asks_for_it_or_the_character_set_has_no_chinese() -> None:
    verdict = of_fault(made(Refused))
    raw = document("adt-a28_new-citizen.request.hl7")
    for request, sentence in (
        (raw, "没有位置。"),
        (raw.replace(b"UNICODE UTF-8", b"UNICODE UTF-8|en"), "No place."),
        (
            raw.replace(b"UNICODE UTF-8", b"8859/1")
            .replace("示例^小兰".encode(), b"L\xfc^X")
            .replace("玉泉示例街 8 号^^当阳市^湖北省".encode(), b"")
            .replace("乡镇卫生院建档".encode(), b""),
            "No place.",
        ),
    ):
        answer = acknowledgements.acknowledge(er7.read(request), verdict, control_id="1", at=NOW)
        assert er7.read(answer)["ERR"].text(8) == sentence


def test_what_the_sender_put_into_its_header_comes_back_as_it_was() -> None:
    raw = b"MSH|^~\\&|A\\T\\B^1^ISO|F&x|||20261122||ADT^A28|M\\F\\1|P|2.5.1\r"
    answer = er7.read(acknowledgements.acknowledge(er7.read(raw), acknowledgements.ACCEPTED, control_id="1", at=NOW))
    assert [answer.header.field(number) for number in (3, 4, 5, 6)] == ["ONECARD", "420500", "A\\T\\B^1^ISO", "F&x"]
    assert answer["MSA"].field(2) == "M\\F\\1"


def test_the_answer_to_an_old_version_has_no_message_structure() -> None:
    message = er7.read(document("adt-a28_new-citizen.request.hl7").replace(b"|2.5.1|", b"|2.3|"))
    answer = er7.read(acknowledgements.acknowledge(message, acknowledgements.ACCEPTED, control_id="1", at=NOW))
    assert answer.header.field(9) == "ACK^A28"


@pytest.mark.parametrize(
    ("asked", "for_aa", "for_ae"),
    [("AL", True, True), ("NE", False, False), ("ER", False, True), ("SU", True, False), ("", False, False)],
)
def test_an_acknowledgement_is_sent_when_table_0155_says_so(asked: str, for_aa: bool, for_ae: bool) -> None:
    message = er7.read(
        document("adt-a28_new-citizen.request.hl7").replace(b"|2.5.1||||||", f"|2.5.1|||{asked}|||".encode())
    )
    assert acknowledgements.wants(message, acknowledgements.ACCEPTED, 15) is for_aa
    assert acknowledgements.wants(message, of_fault(made(Refused)), 15) is for_ae


def test_the_time_of_an_answer_is_beijing_time() -> None:
    answer = acknowledgements.acknowledge(A28, acknowledgements.ACCEPTED, control_id="1", at=NOW + timedelta(hours=20))
    assert er7.read(answer).header.text(7) == "20261123050000+0800"


DOCUMENTS = [document(path.name) for path in sorted(WIRE.glob("*.request.hl7"))]


@settings(max_examples=300)
@given(raw=st.sampled_from(DOCUMENTS), start=st.integers(0, 900), length=st.integers(0, 60), put=st.binary(max_size=12))
def test_whatever_is_done_to_a_message_it_gets_an_answer_that_can_be_read(
    raw: bytes, start: int, length: int, put: bytes
) -> None:
    spoilt = raw[:start] + put + raw[start + length :]
    try:
        message = er7.read(spoilt)
    except er7.Unreadable:
        return
    verdict = judge(message, MESSAGES.get((message.code, message.event))) or acknowledgements.ACCEPTED
    answer = er7.read(acknowledgements.acknowledge(message, verdict, control_id="1", at=NOW))
    assert answer["MSA"].text(1) in ("AA", "AE", "AR")
    assert message.codec != "utf-8" or answer["MSA"].text(2) == message.control_id
