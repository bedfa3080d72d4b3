"""Several messages in one frame: FHS, BHS, BTS, FTS. Each is done and answered by itself."""

import pytest

from adapters.hl7v2 import er7
from tests.adapters.hl7v2.conftest import Door, document

A28 = document("adt-a28_new-citizen.request.hl7")
WRONG = document("adt-a28_wrong-check-digit.request.hl7")
HEAD, TAIL = "FHS|^~\\&|HIS|H42058200301\rBHS|^~\\&|HIS|H42058200301\r", "BTS|{count}\rFTS|1\r"


def batch(*messages: bytes, count: str) -> bytes:
    return HEAD.encode() + b"".join(messages) + TAIL.format(count=count).encode()


@pytest.mark.parametrize("count", ["2", ""])
@pytest.mark.parametrize("mark", [b"\r", b"\n", b"\r\n"])
def test_a_batch_is_its_messages_and_nothing_of_them_is_lost(count: str, mark: bytes) -> None:
    assert er7.batch(A28) is None
    several = er7.batch(batch(A28, WRONG, count=count).replace(b"\r", mark))
    assert several is not None
    assert [[s.line for s in er7.read(one).segments] for one in several] == [
        [s.line for s in er7.read(one).segments] for one in (A28, WRONG)
    ]


def test_each_is_answered_in_order_and_a_refused_one_holds_up_no_other(hl7: Door) -> None:
    other = A28.replace(b"YQ20261122000001", b"YQ20261122000099")
    answers = hl7.hear(batch(A28, WRONG, other, count="3"))
    assert [answer["MSA"].text(1) for answer in answers] == ["AA", "AE", "AA"]
    ids = [er7.read(one).control_id for one in (A28, WRONG, other)]
    assert [answer["MSA"].text(2) for answer in answers] == ids
    assert (hl7.counts()["person"], hl7.counts()["heard"]) == (1, 3)


@pytest.mark.parametrize("raw", [batch(A28, count="2"), batch(count="0"), b"BHS|^~\\&|HIS\r"])
def test_a_batch_that_is_not_whole_is_kept_and_nothing_of_it_is_done(hl7: Door, raw: bytes) -> None:
    (answer,) = hl7.hear(raw)
    assert answer["MSA"].text(1) == "AR"
    assert "person" not in hl7.counts()
    assert hl7.counts()["heard"] == 1
