"""What leaves: rendered from the snapshot, sent over a kept connection, the answer matched by MSA-2."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hl7apy.parser import parse_message

from adapters.hl7v2 import er7, mllp, outbound, structures
from adapters.hl7v2.connection import Connection, NoAnswer
from hub.directory import Endpoint
from hub.exchange import Due
from tests.adapters.hl7v2.conftest import document
from tests.region import CARDIOLOGY, COMMUNITY, COMMUNITY_DOCTOR, COMMUNITY_GENERAL, COUNTY, EXPERT, NOW, TERTIARY

PERSON = {
    "person_id": 3,
    "card": "420500000000000018",
    "certno": "420500199003070028",
    "name": "示例小兰",
    "gender": "F",
    "birth_date": "1990-03-07",
    "telephone": "19900000187",
    "mrn": "ZX-9",
}
APPOINTMENT: dict[str, Any] = {
    "appointment_id": 7,
    "slot_id": 70,
    "start": "2026-11-23T01:30:00+00:00",
    "end": "2026-11-23T02:00:00+00:00",
    "organisation_id": TERTIARY,
    "department": {"id": CARDIOLOGY, "name": "心血管内科"},
    "practitioner": {"id": EXPERT, "name": "陈示范"},
    "service": {"code": "01", "name": "心血管内科普通门诊"},
    "reason": "胸闷|三天",
    "referral_id": 12,
    "queue_number": 3,
    "person": PERSON,
}
REFERRAL: dict[str, Any] = {
    "referral_id": 12,
    "state": "sent",
    "direction": "up",
    "priority": "urgent",
    "placer_number": "YQ-R-5",
    "sender": {
        "organisation_id": COMMUNITY,
        "name": "玉泉示例卫生院",
        "telephone": "0717-000-0003",
        "department": {"id": COMMUNITY_GENERAL, "name": "全科医疗科"},
        "practitioner": {"id": COMMUNITY_DOCTOR, "name": "李示范"},
    },
    "receiver": {
        "organisation_id": TERTIARY,
        "name": "市示例中心医院",
        "telephone": "0717-000-0001",
        "department": {"id": CARDIOLOGY, "name": "心血管内科"},
        "practitioner": None,
    },
    "person": PERSON,
    "diagnoses": [{"code": "I20.000", "name": "不稳定性心绞痛"}],
    "reason": "胸痛加重",
    "chief_complaint": "胸闷三天",
    "treatment": "阿司匹林",
    "sent_at": "2026-11-22T01:00:00+00:00",
    "valid_until": "2026-12-22T01:00:00+00:00",
    "appointment": {"appointment_id": 7, "start": APPOINTMENT["start"], "end": APPOINTMENT["end"]},
}
RESULT: dict[str, Any] = {
    "report_id": 5,
    "version": 1,
    "filler_number": "LAB-77",
    "organisation_id": TERTIARY,
    "person": PERSON,
    "order": {"code": "TNI", "name": "肌钙蛋白I"},
    "observations": [
        {"code": "10839-9", "name": "肌钙蛋白I", "value": "0.90", "unit": "ng/mL", "range": "0-0.04", "abnormal": "HH"}
    ],
    "text": "明显升高。\n建议复查。",
    "issued_at": "2026-11-23T03:00:00+00:00",
    "author": {"id": EXPERT, "name": "陈示范"},
}
ANSWERED = REFERRAL | {"state": "accepted", "note": "请空腹"}
BACK = REFERRAL | {
    "state": "sent",
    "direction": "down",
    "appointment": None,
    "care_plan": {"summary": "继续抗血小板", "medicines": ["阿司匹林 100 mg 每日一次"], "next_visit": "2026-12-06"},
}
CLOSED = REFERRAL | {
    "state": "completed",
    "letter": {
        "document_id": 4,
        "title": "诊疗结果反馈",
        "text": "支架一枚。",
        "signed_at": "2026-11-25T03:00:00+00:00",
        "signer": {"id": EXPERT, "name": "陈示范"},
    },
}

DOCUMENTS = {
    "siu-s12_booked.request.hl7": ("appointment.booked", APPOINTMENT, TERTIARY),
    "siu-s13_rescheduled.request.hl7": ("appointment.rescheduled", APPOINTMENT, TERTIARY),
    "siu-s15_cancelled.request.hl7": ("appointment.cancelled", APPOINTMENT | {"cancel_reason": "临时有事"}, TERTIARY),
    "siu-s26_no-show.request.hl7": ("appointment.noshow", APPOINTMENT, TERTIARY),
    "ref-i12_to-receiver.request.hl7": ("referral.sent", REFERRAL, TERTIARY),
    "ref-i12_back-down.request.hl7": ("referral.sent", BACK, TERTIARY),
    "ref-i13_place-lost.request.hl7": ("referral.place-lost", REFERRAL | {"appointment": None}, TERTIARY),
    "ref-i14_recalled.request.hl7": ("referral.recalled", REFERRAL | {"state": "recalled", "note": "误发"}, TERTIARY),
    "rri-i12_accepted.request.hl7": ("referral.accepted", ANSWERED, COMMUNITY),
    "rri-i12_completed.request.hl7": ("referral.completed", CLOSED, COMMUNITY),
    "oru-r01_result.request.hl7": ("result.published", RESULT, COMMUNITY),
}


def endpoint(organisation_id: str, port: int | None = None) -> Endpoint:
    return Endpoint(
        organisation_id=organisation_id,
        kind="mllp",
        host="127.0.0.1",
        port=port,
        application="HIS",
        facility=organisation_id,
        state="active",
    )


def rendered(kind: str, snapshot: dict[str, Any], organisation_id: str) -> bytes:
    return outbound.render(
        kind, snapshot, control_id="261122090000-41", created_at=NOW, endpoint=endpoint(organisation_id)
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_rendered_is_the_wire_document_and_fits_its_structure(name: str) -> None:
    raw = rendered(*DOCUMENTS[name])
    assert raw.decode() == document(name).decode()
    message = er7.read(raw)
    assert structures.validate(message, message.header.text(9, 3)) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_rendered_conforms_in_the_eyes_of_hl7apy(name: str) -> None:
    parse_message(rendered(*DOCUMENTS[name]).decode(), find_groups=True).validate()


def test_who_began_the_episode_is_told_by_rri_too() -> None:
    assert er7.read(rendered("referral.completed", CLOSED, COUNTY)).header.field(9) == "RRI^I12^RRI_I12"


def test_a_resend_has_the_same_bytes() -> None:
    assert rendered("appointment.booked", APPOINTMENT, TERTIARY) == rendered(
        "appointment.booked", APPOINTMENT, TERTIARY
    )
    due = Due(id=41, posted_at=NOW)
    assert outbound.control_id(due) == "261122090000-41"
    assert len(outbound.control_id(Due(id=9_999_999, posted_at=NOW + timedelta(days=9000)))) <= 20


Script = Callable[[socket.socket, list[bytes]], None]


@contextmanager
def peer(*scripts: Script) -> Iterator[int]:
    """A receiver that plays one script a connection: it is given the socket and what it has read so far."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            for script in scripts:
                connection, _ = server.accept()
                with connection:
                    script(connection, [])

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def heard(connection: socket.socket) -> er7.Message:
    framer = mllp.Framer()
    while True:
        data = connection.recv(65536)
        for event in framer.feed(data):
            assert isinstance(event, mllp.Frame)
            return er7.read(event.body)
        assert data


def ack(control_id: str, code: str = "AA", error: str = "") -> bytes:
    lines: list[er7.Line] = [("MSH", {9: ("ACK", "S12")}), ("MSA", {1: code, 2: control_id})]
    return mllp.frame(er7.write([*lines, *([("ERR", {8: error})] if error else [])]))


def delivered(port: int) -> Any:
    due = Due(id=41, kind="appointment.booked", snapshot=APPOINTMENT, posted_at=NOW)
    try:
        return outbound.deliver(endpoint(TERTIARY, port), due)
    finally:
        outbound._pool.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AA", "sent"), ("CA", "sent"), ("AE", "refused"), ("CE", "refused"), ("AR", "failed"), ("", "failed")],
)
def test_what_the_peer_says_decides_the_outcome(code: str, kind: str) -> None:
    with peer(lambda s, _: s.sendall(ack(heard(s).control_id, code, "因为"))) as port:
        outcome = delivered(port)
    assert (outcome.kind, outcome.detail) == (kind, f"{code} 因为".strip())


def test_an_answer_to_another_message_is_thrown_away() -> None:
    def script(connection: socket.socket, _: list[bytes]) -> None:
        message = heard(connection)
        connection.sendall(ack("something-else", "AE") + b"noise" + ack(message.control_id))

    with peer(script) as port:
        assert delivered(port).kind == "sent"


def test_after_a_time_out_the_connection_is_closed_so_that_a_late_answer_is_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbound, "ANSWER_SECONDS", 0.2)
    closed = threading.Event()

    def script(connection: socket.socket, _: list[bytes]) -> None:
        heard(connection)
        closed.set() if connection.recv(10) == b"" else None

    with peer(script) as port:
        assert delivered(port).kind == "failed"
        assert closed.wait(2)


def test_a_peer_that_closes_or_is_away_may_be_tried_again() -> None:
    with peer(lambda s, _: heard(s) and None) as port:
        assert delivered(port).kind == "failed"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert delivered(unused.getsockname()[1]).kind == "failed"


def test_a_connection_is_kept_for_the_next_message_and_replaced_when_the_peer_has_closed_it() -> None:
    closed = threading.Event()

    def two(connection: socket.socket, _: list[bytes]) -> None:
        for _message in range(2):
            connection.sendall(ack(heard(connection).control_id))
        connection.close()
        closed.set()

    due = Due(id=41, kind="appointment.booked", snapshot=APPOINTMENT, posted_at=NOW)
    with peer(two, two) as port:
        outcomes = [outbound.deliver(endpoint(TERTIARY, port), due).kind for _ in range(2)]
        assert closed.wait(10)
        outcomes += [outbound.deliver(endpoint(TERTIARY, port), due).kind for _ in range(2)]
        outbound._pool.close()
    assert outcomes == ["sent"] * 4


def test_a_connection_gives_up_at_its_deadline_although_other_bytes_keep_coming() -> None:
    def script(connection: socket.socket, _: list[bytes]) -> None:
        heard(connection)
        try:
            while True:
                connection.sendall(ack("other"))
                threading.Event().wait(0.02)
        except OSError:
            pass

    with peer(script) as port, pytest.raises(NoAnswer):
        Connection("127.0.0.1", port).send(er7.write([("MSH", {10: "1"})]), control_id="1", timeout_seconds=0.2)
