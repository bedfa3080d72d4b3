"""The door as a whole: what is stored, what is answered, and what is not written."""

import re

import pytest

from adapters.hl7v2 import er7, inbound
from hub import exchange, people
from hub.trust import Caller
from tests.adapters.hl7v2.conftest import Door, document
from tests.region import COMMUNITY, COUNTY, NOW, TERTIARY

A28 = document("adt-a28_new-citizen.request.hl7")


def test_a_new_citizen_gets_a_person_a_card_and_aa(hl7: Door) -> None:
    before = hl7.counts()
    answer = hl7.answer(A28)
    assert answer["MSA"].text(1) == "AA"
    assert answer["MSA"].text(2) == "YQ20261122000001"
    assert [answer.header.text(n) for n in (3, 4, 5, 6, 11, 12, 18)] == [
        "ONECARD", "420500", "HIS", COMMUNITY, "P", "2.5.1", "UNICODE UTF-8",
    ]  # fmt: skip
    with hl7.session() as session:
        person = people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187")
        assert person is people.resolve(session, system="certno/01", value="420500199003070028")
    assert (person.name, person.gender, person.birth_date.isoformat()) == ("示例小兰", "F", "1990-03-07")
    assert (person.telephone, person.address) == ("19900000187", "湖北省当阳市玉泉示例街 8 号")
    assert before.keys() | {"person", "card", "identifier", "heard", "heard_key", "audit"} == hl7.counts().keys()


def test_the_same_message_again_changes_nothing_and_gets_the_same_answer(hl7: Door) -> None:
    first = hl7.answer(A28)
    before = hl7.counts()
    again = hl7.answer(A28.replace(b"|20261122090000+0800||ADT", b"|20261122090700+0800||ADT"))
    assert again.raw == first.raw
    assert {**hl7.counts(), "heard": before["heard"]} == before


def test_an_answer_to_the_same_key_with_other_content_is_a_new_message_and_an_alert(hl7: Door) -> None:
    hl7.answer(A28)
    answer = hl7.answer(A28.replace(b"YQ-000187", b"YQ-000188"))
    assert answer["MSA"].text(1) == "AA"
    with hl7.session() as session:
        newest = exchange.search_heard(session)[0]
        assert newest.alert == "same key as 1, other content"
        assert people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000188")


def test_a_refused_message_is_worked_on_again_when_it_comes_again(hl7: Door) -> None:
    child = A28.replace(b"~420500199003070028^^^^NI", b"").replace(b"|19900307|", b"||")
    for _ in range(2):
        answer = hl7.answer(child)
        assert (answer["MSA"].text(1), answer["ERR"].text(3)) == ("AE", "101")
        assert answer["ERR"].field(2).startswith("PID^1^7")


def test_an_empty_msh_10_is_no_key_and_is_refused(hl7: Door) -> None:
    before = hl7.counts()
    for _ in range(2):
        answer = hl7.answer(A28.replace(b"YQ20261122000001", b""))
        assert answer["MSA"].text(1) == "AE"
        assert answer["ERR"].field(2) == "MSH^1^10"
    assert hl7.counts().get("heard_key") == before.get("heard_key")


REFUSALS = {
    "an unknown type": (b"ADT^A28^ADT_A05", b"ZZZ^A28", "AR", "MSH^1^9^1^1", "200"),
    "an unknown trigger": (b"ADT^A28^ADT_A05", b"ADT^A99^ADT_A05", "AR", "MSH^1^9^1^2", "201"),
    "a test message": (b"|P|2.5.1|", b"|T|2.5.1|", "AR", "MSH^1^11^1^1", "202"),
    "a version of another standard": (b"|P|2.5.1|", b"|P|3.0|", "AR", "MSH^1^12^1^1", "203"),
    "a segment left out": (b"PV1|1|N\r", b"", "AE", "PV1^1", "100"),
    "a name left out": (b"\xe7\xa4\xba\xe4\xbe\x8b^\xe5\xb0\x8f\xe5\x85\xb0^^^^^L", b"", "AE", "PID^1^5", "101"),
    "a date that is none": (b"|19900307|", b"|19900231|", "AE", "PID^1^7^1^1^1", "102"),
    "a sex that is none": (b"|F|", b"|2|", "AE", "PID^1^8^1", "103"),
    "a wrong check digit": (b"420500199003070028", b"420500199003070029", "AE", "PID^1^3^2^1", "102"),
    "text in no known character set": (b"\xe7\xa4\xba\xe4\xbe\x8b", b"\xff\xff", "AE", "MSH^1^18^1", "103"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_wrong_is_answered_with_field_and_reason_and_nothing_else_is_written(hl7: Door, name: str) -> None:
    found, put, code, location, number = REFUSALS[name]
    before = hl7.counts()
    answer = hl7.answer(A28.replace(found, put))
    error = answer["ERR"]
    assert (answer["MSA"].text(1), answer["MSA"].text(2)) == (code, "YQ20261122000001")
    assert (error.field(2), error.text(3), error.text(3, 3), error.text(4)) == (location, number, "HL70357", "E")
    assert error.text(5)
    assert re.search(r"[\u4e00-\u9fff]", error.text(8))
    after = hl7.counts()
    assert after["heard"] == before.get("heard", 0) + 1
    assert {**after, "heard": 0, "heard_key": 0, "audit": 0} == {**before, "heard": 0, "heard_key": 0, "audit": 0}
    with hl7.session() as session:
        row = exchange.search_heard(session, only_faults=True)[0]
        assert (row.outcome, bool(row.answer), bool(row.fault)) == (error.text(5), True, True)


def test_before_2_5_the_refusal_stands_in_err_1_and_msa_3(hl7: Door) -> None:
    answer = hl7.answer(A28.replace(b"|2.5.1|", b"|2.3.1|").replace(b"|19900307|", b"|1990-03-07|"))
    assert answer["ERR"].field(1) == "PID^1^7^102&Data type error&HL70357"
    assert "PID-7" in answer["MSA"].text(3)
    assert answer.header.text(12) == "2.3.1"


def test_all_problems_are_told_at_once(hl7: Door) -> None:
    answer = hl7.answer(A28.replace(b"|19900307|F|", b"|19900231|2|").replace(b"PV1|1|N\r", b""))
    assert [error.text(3) for error in answer.every("ERR")] == ["100", "102", "103"]


def test_the_answer_comes_in_the_senders_delimiters_and_character_set(hl7: Door) -> None:
    text = A28.decode().replace("UNICODE UTF-8", "GB 18030-2000").replace("|19900307|", "|19900231|")
    other = text.translate(str.maketrans("|^~\\&", "$%*!@"))
    (raw,) = inbound.receive(other.encode("gb18030"), address="127.0.1.3")
    assert raw.startswith(b"MSH$%*!@$ONECARD$420500$HIS$")
    assert "应为".encode("gb18030") in raw
    assert b"GB 18030-2000" in raw


@pytest.mark.parametrize("name", ["示例㐀", "示例䶮", "示例𠮷", "示例𬱖"])
def test_a_character_that_gb18030_writes_in_four_bytes_is_stored_and_answered_as_it_came(hl7: Door, name: str) -> None:
    four = (
        A28.decode().replace("示例^小兰^", f"{name}^^").replace("UNICODE UTF-8", "GB 18030-2000").replace("|F|", "|火|")
    )
    answer = hl7.answer(four.encode("gb18030"))
    assert (answer["MSA"].text(1), answer.codec, answer.header.text(18)) == ("AE", "gb18030", "GB 18030-2000")
    answer = hl7.answer(four.replace("|火|", "|F|").encode("gb18030"))
    assert (answer["MSA"].text(1), len(answer.every("ERR"))) == ("AA", 0)
    with hl7.session() as session:
        assert people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187").name == name


def test_a_wrong_msh_18_is_accepted_with_a_warning(hl7: Door) -> None:
    answer = hl7.answer(A28.replace(b"UNICODE UTF-8", b"8859/1"))
    assert (answer["MSA"].text(1), answer["ERR"].text(4), answer["ERR"].field(2)) == ("AA", "W", "MSH^1^18^1")
    with hl7.session() as session:
        assert people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187").name == "示例小兰"


def test_rubbish_in_a_frame_is_stored_and_answered(hl7: Door) -> None:
    answer = hl7.answer(b"hello")
    assert (answer["MSA"].text(1), answer["MSA"].text(2), answer["ERR"].text(3)) == ("AR", "", "100")
    with hl7.session() as session:
        row = exchange.search_heard(session)[0]
        assert (row.body, row.sender, row.outcome) == (b"hello", "127.0.1.3", "unreadable")


@pytest.mark.parametrize("end", [5, 60, 95, 150, 250, 305])
def test_a_message_cut_anywhere_is_refused_and_nothing_else_is_written(hl7: Door, end: int) -> None:
    answer = hl7.answer(A28[:end])
    assert answer["MSA"].text(1) in ("AE", "AR")
    assert answer["MSA"].text(2) == ("YQ20261122000001" if end >= 95 else "")
    assert not {"person", "card"} & hl7.counts().keys()


def test_a_stranger_is_refused_and_only_a_part_of_what_it_says_is_kept(hl7: Door) -> None:
    (answer,) = hl7.hear(A28 + b"ZZZ|" + b"x" * 100_000, address="127.0.1.77")
    assert (answer["MSA"].text(1), answer["ERR"].text(3), answer["ERR"].text(5)) == ("AE", "207", "credential-refused")
    with hl7.session() as session:
        row = exchange.search_heard(session)[0]
        assert (len(row.body), row.length > 100_000, row.sender) == (64 * 1024, True, "127.0.1.77")
    assert not {"person", "card"} & hl7.counts().keys()


def test_a_peer_may_not_speak_for_another_hospital(hl7: Door) -> None:
    (answer,) = hl7.hear(A28.replace(COMMUNITY.encode(), COUNTY.encode()), address="127.0.1.3")
    assert answer["MSA"].text(1) == "AE"


def test_the_same_citizen_at_a_second_hospital_is_one_person_with_two_numbers(hl7: Door) -> None:
    hl7.answer(A28)
    second = A28.replace(COMMUNITY.encode(), COUNTY.encode()).replace(b"YQ-000187", b"DY-55")
    assert hl7.answer(second, sender=COUNTY)["MSA"].text(1) == "AA"
    with hl7.session() as session:
        first = people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187")
        assert people.resolve(session, system=f"mrn/{COUNTY}", value="DY-55") is first
    assert hl7.counts()["card"] == 1


def enhanced(commit: str, application: str, raw: bytes = A28) -> bytes:
    return raw.replace(b"|2.5.1||||||", f"|2.5.1|||{commit}|{application}||".encode())


@pytest.mark.parametrize(
    ("commit", "application", "codes"),
    [("AL", "AL", ["CA", "AA"]), ("AL", "NE", ["CA"]), ("NE", "AL", ["AA"]), ("ER", "ER", []), ("NE", "NE", [])],
)
def test_in_enhanced_mode_the_answers_are_those_asked_for(
    hl7: Door, commit: str, application: str, codes: list[str]
) -> None:
    answers = hl7.hear(enhanced(commit, application))
    assert [answer["MSA"].text(1) for answer in answers] == codes
    assert {answer["MSA"].text(2) for answer in answers} <= {"YQ20261122000001"}
    assert hl7.counts()["person"] == 1


def test_in_enhanced_mode_what_is_malformed_is_refused_at_the_commit(hl7: Door) -> None:
    (answer,) = hl7.hear(enhanced("AL", "AL").replace(b"PV1|1|N\r", b""))
    assert answer["MSA"].text(1) == "CE"
    (answer,) = hl7.hear(enhanced("AL", "AL").replace(b"ADT^A28", b"ADT^A99"))
    assert answer["MSA"].text(1) == "CR"


def test_in_enhanced_mode_a_refusal_of_the_hub_comes_as_the_application_answer(hl7: Door) -> None:
    commit, application = hl7.hear(enhanced("AL", "ER", A28.replace(b"070028", b"070029")))
    assert (commit["MSA"].text(1), application["MSA"].text(1)) == ("CA", "AE")
    assert application["ERR"].field(2) == "PID^1^3^2^1"


def test_a_message_killed_between_the_commits_is_finished_by_the_sweep(hl7: Door) -> None:
    answers = inbound.receive(enhanced("AL", "AL"), address="127.0.1.3")
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert "person" not in hl7.counts()
    later = NOW.replace(year=2099)
    job = Caller(kind="job", id="sweep", at=later)
    with hl7.session() as session, session.begin():
        assert inbound.sweep(session, job) == "1 messages"
    with hl7.session() as session, session.begin():
        assert inbound.sweep(session, job) == "0 messages"
    assert hl7.counts()["person"] == 1


def test_an_acknowledgement_is_never_acknowledged(hl7: Door) -> None:
    before = hl7.counts()
    ack = A28.replace(b"ADT^A28^ADT_A05", b"ACK^A28^ACK") + b"MSA|AA|1\r"
    assert hl7.hear(ack) == []
    assert hl7.counts() == before


def test_a_message_that_came_again_before_it_was_worked_on_has_one_effect(hl7: Door) -> None:
    first = inbound.receive(enhanced("AL", "AL"), address="127.0.1.3")
    next(first)
    again = hl7.hear(enhanced("AL", "AL"))
    assert [answer["MSA"].text(1) for answer in again] == ["CA", "AA"]
    assert list(first) == []
    with hl7.session() as session, session.begin():
        assert inbound.sweep(session, Caller(kind="job", id="sweep", at=NOW.replace(year=2099))) == "0 messages"
    assert [hl7.counts()[name] for name in ("person", "heard", "heard_key")] == [1, 2, 1]


PAIRS = {
    "adt-a28_new-citizen": COMMUNITY,
    "adt-a28_wrong-check-digit": COMMUNITY,
    "adt-a28_no-visit-segment": COMMUNITY,
    "adt-a28_no-telephone": COMMUNITY,
    "adt-a99_unknown-trigger": COMMUNITY,
    "adt-a28_old-version": COMMUNITY,
    "adt-a04_second-hospital": COUNTY,
    "adt-a01_admission": TERTIARY,
    "qbp-q22_by-name": COMMUNITY,
    "qbp-q23_own-number": COMMUNITY,
    "siu-s15_before-its-booking": TERTIARY,
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_answer_is_the_wire_document(hl7: Door, name: str) -> None:
    """But for MSH-7 and MSH-10, which are new each time."""
    request, reply = document(f"{name}.request.hl7"), er7.read(document(f"{name}.reply.hl7"))
    answer = hl7.answer(request, sender=PAIRS[name])

    def lines(message: er7.Message) -> list[list[str]]:
        header, *others = message.segments
        return [
            ["", *header.fields[2:7], *header.fields[8:10], *header.fields[11:]],
            *(other.fields for other in others),
        ]

    assert lines(answer) == lines(reply)
