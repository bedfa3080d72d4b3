"""Questions about patients: by demographics (PDQ) and by a number (PIX), their answers and refusals."""

import pytest
from sqlalchemy import text

from adapters.hl7v2 import er7
from tests.adapters.hl7v2.conftest import Door, document
from tests.adapters.hl7v2.test_families import A28, ok
from tests.region import COMMUNITY, TERTIARY

PDQ = document("qbp-q22_by-name.request.hl7")
PIX = document("qbp-q23_own-number.request.hl7")
BY_NAME = "@PID.5.1^示例小兰~@PID.7^19900307"


def asked(hl7: Door, parameters: str, *, sender: str = COMMUNITY) -> er7.Message:
    raw = PDQ.decode().replace(BY_NAME, parameters).replace(COMMUNITY, sender)
    return hl7.answer(raw.encode(), sender=sender)


def said(answer: er7.Message) -> tuple[str, str, str, int]:
    return answer["MSA"].text(1), answer["QAK"].text(2), answer["QAK"].text(4), len(answer.every("PID"))


def test_pix_answers_the_other_numbers_of_an_own_one(hl7: Door) -> None:
    ok(hl7, A28)
    answer = ok(hl7, PIX)
    assert [answer.header.text(9, n) for n in (1, 2, 3)] == ["RSP", "K23", "RSP_K23"]
    assert said(answer) == ("AA", "OK", "1", 1)
    assert answer["QPD"].field(3) == er7.read(PIX)["QPD"].field(3)
    assert answer["QAK"].text(1) == "Q0001"
    numbers = {number.text(5): number.text() for number in answer["PID"].repetitions(3)}
    assert (numbers["MR"], numbers["NI"], len(numbers["HC"])) == ("YQ-000187", "420500199003070028", 18)


def test_what_is_asked_and_of_whom_stands_in_the_audit(hl7: Door) -> None:
    ok(hl7, A28)
    ok(hl7, PIX)
    ok(hl7, PDQ)
    with hl7.engine.connect() as connection:
        rows = connection.execute(text("SELECT verb, person_id, outcome FROM audit ORDER BY id")).all()
    assert [tuple(row) for row in rows[1:]] == [("qbp.cross_reference", 1, "ok"), ("qbp.find", 1, "ok")]


@pytest.mark.parametrize(
    "number", ["YQ-000187^^^H42058200301^MR", "420500199003070028^^^PRC^NI"], ids=["record number", "citizen number"]
)
def test_a_hospital_that_has_nothing_to_do_with_a_person_is_told_of_nobody(hl7: Door, number: str) -> None:
    ok(hl7, A28)
    theirs = PIX.decode().replace(COMMUNITY, TERTIARY).replace("YQ-000187^^^H42050000101^MR", number)
    answer = hl7.answer(theirs.encode(), sender=TERTIARY)
    assert (*said(answer), answer["ERR"].text(3)) == ("AE", "AE", "0", 0, "204")
    value = number.split("^")[0]
    assert said(asked(hl7, f"@PID.3.1^{value}~@PID.3.5^{number[-2:]}", sender=TERTIARY)) == ("AA", "NF", "0", 0)
    assert said(asked(hl7, BY_NAME, sender=TERTIARY)) == ("AA", "NF", "0", 0)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (BY_NAME, ("AA", "OK", "1", 1)),
        ("@PID.5.1^示例~@PID.5.2^小兰~@PID.7.1^19900307~@PID.8^F", ("AA", "OK", "1", 1)),
        ("@PID.3.1^YQ-000187", ("AA", "OK", "1", 1)),
        ("@PID.3.1^420500199003070028~@PID.3.5^NI", ("AA", "OK", "1", 1)),
        ("@PID.3.1^1~@PID.3.5^XX", ("AA", "NF", "0", 0)),
        ("@PID.5.1^示例小菊~@PID.7^19900307", ("AA", "NF", "0", 0)),
        ("@PID.5.1^示例小兰~@PID.7^19900308", ("AA", "NF", "0", 0)),
    ],
)
def test_pdq_finds_by_number_or_by_name_and_day_of_birth(
    hl7: Door, parameters: str, expected: tuple[str, str, str, int]
) -> None:
    ok(hl7, A28)
    assert said(asked(hl7, parameters)) == expected


@pytest.mark.parametrize(
    ("parameters", "number"),
    [("", "101"), ("@PID.5.1^示例小兰", "101"), ("@PID.7^19900307", "101"), ("@PID.11.3^宜昌", "103"), ("PID", "103")],
)
def test_a_question_that_cannot_be_asked_is_refused_with_its_question_below(
    hl7: Door, parameters: str, number: str
) -> None:
    answer = asked(hl7, parameters)
    assert (*said(answer), answer["ERR"].text(3)) == ("AE", "AE", "0", 0, number)
    assert answer["ERR"].text(2) == "QPD"
    assert answer["QPD"].text(1) == "IHE PDQ Query"
