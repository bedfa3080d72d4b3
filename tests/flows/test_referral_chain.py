"""A patient goes up and comes back down, told only by what the hospitals' systems send and are sent."""

from datetime import date, time, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2 import er7, inbound, outbound
from hub import booking, directory, exchange, records, referrals, trust
from hub.booking import Slot
from hub.trust import SCOPES
from hub.units import Money, day_of
from tests.adapters.hl7v2.conftest import document
from tests.region import COMMUNITY, EXPERT, NOW, TERTIARY, citizen, system

PEERS = {TERTIARY: "127.0.1.1", COMMUNITY: "127.0.1.3"}
NUMBER = "YQ-R-20261122-005"
UP = document("ref-i12_up.request.hl7")
ACCEPTS = document("rri-i12_receiver-accepts.request.hl7")
ADMITS = document("adt-a01_admission.request.hl7")
RESULT = document("oru-r01_troponin.request.hl7")


class Region:
    """Two hospitals at the inbound door, and what lies in the outbox for them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seen: dict[str, int] = {}

    def says(self, organisation_id: str, raw: bytes) -> er7.Message:
        """One message from a hospital; the hub takes it and answers."""
        answers = [er7.read(answer) for answer in inbound.receive(raw, address=PEERS[organisation_id])]
        assert answers[0]["MSA"].text(1) == "AA", answers[0].text
        return answers[0]

    def hears(self, organisation_id: str) -> list[er7.Message]:
        """What became due to a hospital since it was last asked, as it will read it."""
        with Session(self.engine) as session:
            endpoint = directory.endpoint(session, organisation_id, "mllp")
            rows = [
                row
                for row in reversed(exchange.search_due(session, destination=organisation_id))
                if row.id > self.seen.get(organisation_id, 0)
            ]
            self.seen[organisation_id] = max([row.id for row in rows], default=0)
            return [
                er7.read(
                    outbound.render(row.kind, row.snapshot, control_id=str(row.id), created_at=NOW, endpoint=endpoint)
                )
                for row in rows
            ]


@pytest.fixture
def region_with_a_place(engine: Engine) -> tuple[Region, int]:
    with Session(engine) as session, session.begin():
        for organisation_id, address in PEERS.items():
            trust.issue_mllp_peer(
                session,
                organisation_id=organisation_id,
                address=address,
                application="HIS",
                facility=organisation_id,
                scopes=SCOPES,
                at=NOW,
            )
        tertiary = system(TERTIARY, at=door.now())
        schedule = booking.add_schedule(
            session,
            tertiary,
            service_id=f"{TERTIARY}-0301-01",
            practitioner_id=EXPERT,
            weekdays="1234567",
            begins=time(9),
            ends=time(9, 30),
            slot_minutes=30,
            capacity=1,
            pool="referral",
            fee=Money(0),
            since=date(2026, 1, 1),
        )
        booking.make_slots(session, tertiary, day_from=day_of(tertiary.at) + timedelta(days=1), days=1)
        slot_id = session.scalars(select(Slot.id).where(Slot.schedule_id == schedule.id)).one()
    return Region(engine), slot_id


def kinds(messages: list[er7.Message]) -> list[str]:
    return [f"{message.code}^{message.event}" for message in messages]


def test_up_with_a_place_arrived_with_a_result_and_down_with_the_letter(
    engine: Engine, region_with_a_place: tuple[Region, int]
) -> None:
    region, slot_id = region_with_a_place

    answer = region.says(COMMUNITY, UP + f"\rZAP||{slot_id}\r".encode())
    assert (answer["RF1"].text(1), answer["RF1"].text(6)) == ("P", NUMBER)
    assert sorted(kinds(region.hears(TERTIARY))) == ["REF^I12", "SIU^S12"]

    region.says(TERTIARY, ACCEPTS)
    (accepted,) = region.hears(COMMUNITY)
    assert kinds([accepted]) == ["RRI^I12"]
    assert (accepted["RF1"].text(1), accepted["RF1"].text(6)) == ("A", NUMBER)

    region.says(TERTIARY, ADMITS)
    region.says(TERTIARY, RESULT)
    arrived, result = region.hears(COMMUNITY)
    assert (arrived["RF1"].text(1, 4), result["OBX"].text(5)) == ("arrived", "0.90")

    with Session(engine) as session:
        up = referrals.by_number(session, sender_id=COMMUNITY, placer_number=NUMBER)
        for reader in (system(COMMUNITY, at=door.now()), citizen(up.person_id, at=door.now())):
            assert len(records.reports(session, reader, person_id=up.person_id)) == 1

    region.says(TERTIARY, _down())
    (down,) = region.hears(COMMUNITY)
    assert (kinds([down]), down["RF1"].text(3)) == (["REF^I12"], "down")
    assert [note.text(3) for note in down.every("NTE") if note.text(4) == "CM"] == ["阿司匹林 100 mg 每日一次"]
    region.says(COMMUNITY, _answers(COMMUNITY, sender=TERTIARY, number="T-9"))
    assert kinds(region.hears(TERTIARY)) == ["RRI^I12"]

    region.says(TERTIARY, _letter(up.id))
    (letter,) = region.hears(COMMUNITY)
    assert (letter["RF1"].text(1, 4), letter["RF1"].text(6)) == ("returned-down", NUMBER)
    assert letter["OBX"].text(5) == "支架一枚。"

    with Session(engine) as session:
        chain = referrals.chain(session, system(COMMUNITY, at=door.now()), up.id)
        assert [(row.direction, row.state) for row in chain] == [("up", "returned-down"), ("down", "accepted")]


def _down() -> bytes:
    """The tertiary hospital sends the patient back; it need not say that this ends what the other began."""
    lines = (
        f"MSH|^~\\&|HIS|{TERTIARY}|ONECARD|420500|20261125100000+0800||REF^I12^REF_I12|T9|P|2.5.1||||||UNICODE UTF-8",
        f"RF1|P^Pending^HL70283|R|down|||T-9^{TERTIARY}||||^病情稳定，回社区康复",
        f"PRD|RP^Referring provider^HL70286|陈示范||{TERTIARY}-0301^^^{TERTIARY}|||{EXPERT}^LN",
        f"PRD|RT^Referred to provider^HL70286|||0201^^^{COMMUNITY}",
        "PID|1||420500199003070028^^^^NI||示例^小兰^^^^^L||19900307|F",
        "DG1|1||I20.000^不稳定性心绞痛^I10|||F",
        "NTE|1||继续抗血小板|CP",
        "NTE|2||阿司匹林 100 mg 每日一次|CM",
        "NTE|3||2026-12-06|CN",
    )
    return "\r".join(lines).encode()


def _answers(receiver: str, *, sender: str, number: str) -> bytes:
    lines = (
        f"MSH|^~\\&|HIS|{receiver}|ONECARD|420500|20261125110000+0800||RRI^I12^RRI_I12|A9|P|2.5.1||||||UNICODE UTF-8",
        f"RF1|A^Accepted^HL70283|||||{number}^{sender}",
        f"PRD|RP^Referring provider^HL70286|||^^^{sender}",
        f"PRD|RT^Referred to provider^HL70286|||^^^{receiver}",
        "PID|1||420500199003070028^^^^NI||示例^小兰^^^^^L||19900307|F",
    )
    return "\r".join(lines).encode()


def _letter(referral_id: int) -> bytes:
    lines = (
        f"MSH|^~\\&|HIS|{TERTIARY}|ONECARD|420500|20261126110000+0800||RRI^I12^RRI_I12|L9|P|2.5.1||||||UNICODE UTF-8",
        f"RF1|A^Accepted^HL70283|||||{NUMBER}^{COMMUNITY}|||||{referral_id}^ONECARD",
        f"PRD|RP^Referring provider^HL70286|||^^^{COMMUNITY}",
        f"PRD|RT^Referred to provider^HL70286|||^^^{TERTIARY}",
        "PID|1||420500199003070028^^^^NI||示例^小兰^^^^^L||19900307|F",
        "OBR|1|||outcome-letter^诊疗结果反馈",
        f"OBX|1|TX|outcome-letter^诊疗结果反馈||支架一枚。||||||F|||20261126110000+0800||{EXPERT}",
    )
    return "\r".join(lines).encode()
