"""A small region with something on every page: an appointment, a referral, results, a bill, a difference, a parked lane."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from hub import (
    booking,
    consultations,
    coverage,
    directory,
    exchange,
    journeys,
    people,
    reconciliation,
    records,
    referrals,
    settlement,
    trust,
)
from hub.consultations import ConsultationFacts
from hub.reconciliation import Amounts, Line, Period, Unbalanced
from hub.records import Diagnosis
from hub.referrals import ReferralFacts
from hub.settlement import Charge, upstream
from hub.trust import SCOPES, Caller
from hub.units import Money, day_of
from tests.hub.coverage.insured import DRAFT_TEXT, insure, with_pack
from tests.hub.settlement import stays, upstreams
from tests.region import (
    BUREAU,
    CARDIOLOGY,
    COMMUNITY,
    COMMUNITY_DOCTOR,
    COUNTY,
    COUNTY_DOCTOR,
    EXPERT,
    TERTIARY,
    a_person,
    citizen,
    staff,
    system,
)

PASSWORD = "correct horse battery staple"
SURGEON = "D420500000012"
ADT = (
    f"MSH|^~\\&|HIS|{COMMUNITY}|HUB|ONECARD|20261122090000+0800||ADT^A28^ADT_A05|M0001|P|2.5.1\r"
    "EVN|A28|20261122090000\rPID|1||420500196001010018^^^^NI||张^示例||19600101|M|||解放路 1 号||13800000000\r"
)
OPERATOR_SCOPES = frozenset({"directory.read", "operations"})
BUREAU_SCOPES = frozenset(
    {
        "directory.read",
        "people.read",
        "coverage.write",
        "settlement.read",
        "reconciliation.read",
        "reconciliation.write",
    }
)


@dataclass(frozen=True)
class Scenario:
    """What the tests ask for by name."""

    at: datetime
    person_id: int
    child_id: int
    stranger_id: int
    appointment_id: int
    referral_id: int
    waiting_id: int
    report_id: int
    consultation_id: int
    document_id: int
    bill_id: int
    county_bill_id: int
    upstream_bill_id: int
    break_id: int
    heard_id: int
    due_id: int
    slot_id: int
    day: date
    stop_id: int
    wish_id: int


def play(session: Session, at: datetime) -> Scenario:
    """Everything that happens before the tests look, at an instant near now."""
    _staff(session)
    _schedules(session, at)
    with_pack(session)
    coverage.import_pack(session, system(BUREAU, at=at), text=DRAFT_TEXT)
    person = a_person(session, 1)
    child = a_person(session, 2, name="张小例", born=date(2018, 6, 1))
    stranger = a_person(session, 3, name="阿卜杜热合曼·示例买买提", born=date(1949, 3, 5))
    people.link_family(session, system(COMMUNITY, at=at), proxy_id=person.id, person_id=child.id, relation="child")
    for serial, each in ((1, person), (2, child), (3, stranger)):
        insure(
            session,
            each.id,
            serial=serial,
            insutype="310" if serial == 1 else "390",
            balance=30000 if serial == 1 else 0,
        )
    appointment = _appointment(session, person.id, at)
    report_id = _results(session, person.id, at)
    referral_id, waiting_id = _referrals(session, person.id, stranger.id, at)
    consultation_id, document_id = _consultation(session, person.id, report_id, at)
    county_bill, bill = _bills(session, person.id, at)
    stranger_bill = _stay(session, stranger.id, "ZY-S", at)
    break_id = _difference(session, bill, stranger_bill, at)
    upstream_bill_id = _platform(session, person.id, at)
    _breaches(session, at)
    _week(session, child.id, at)
    bureau = replace(staff(BUREAU, at=at), id="bureau.clerk")
    settlement.replay(session, bureau, pack_id="yichang-draft-2028", month=day_of(at))
    heard_id, due_id = _messages(session, at)
    tomorrow = day_of(at) + timedelta(days=1)
    free = booking.search(
        session, citizen(person.id, at=at), day_from=tomorrow, day_to=tomorrow, department_id=CARDIOLOGY, only_free=True
    )
    return Scenario(
        at=at,
        person_id=person.id,
        child_id=child.id,
        stranger_id=stranger.id,
        appointment_id=appointment.id,
        referral_id=referral_id,
        waiting_id=waiting_id,
        report_id=report_id,
        consultation_id=consultation_id,
        document_id=document_id,
        bill_id=bill.id,
        county_bill_id=county_bill.id,
        upstream_bill_id=upstream_bill_id,
        break_id=break_id,
        heard_id=heard_id,
        due_id=due_id,
        slot_id=next(offer.slot_id for offer in free if offer.pool == "public"),
        day=tomorrow,
        stop_id=_stopped(session, stranger.id, at),
        wish_id=_waiting(session, person.id, at),
    )


def job(at: datetime) -> Caller:
    return Caller(kind="job", id="test", at=at, scopes=SCOPES, trace="test", door="test")


def _staff(session: Session) -> None:
    for name, shown, organisation_id, practitioner_id, scopes in (
        ("center.doctor", "陈示范", TERTIARY, EXPERT, SCOPES - {"operations", "reconciliation.read"}),
        (
            "center.clerk",
            "窗口样例",
            TERTIARY,
            None,
            frozenset({"people.read", "people.write", "booking.read", "booking.write"}),
        ),
        ("community.doctor", "李示范", COMMUNITY, COMMUNITY_DOCTOR, SCOPES - {"operations", "reconciliation.read"}),
        ("bureau.clerk", "经办样例", BUREAU, None, BUREAU_SCOPES),
        ("bureau.chief", "复核样例", BUREAU, None, BUREAU_SCOPES),
        ("operator", "运维样例", BUREAU, None, OPERATOR_SCOPES),
    ):
        trust.add_staff(
            session,
            name=name,
            password=PASSWORD,
            display_name=shown,
            organisation_id=organisation_id,
            practitioner_id=practitioner_id,
            scopes=frozenset(scopes),
        )


def _schedules(session: Session, at: datetime) -> None:
    caller, since = system(TERTIARY, at=at), day_of(at)
    common = {"service_id": f"{TERTIARY}-0301-01", "slot_minutes": 30, "since": since, "weekdays": "1234567"}
    booking.add_schedule(session, caller, begins=time(8), ends=time(12), capacity=6, fee=Money(900), **common)
    booking.add_schedule(
        session, caller, begins=time(14), ends=time(16), capacity=2, fee=Money(2200), practitioner_id=EXPERT, **common
    )
    booking.add_schedule(
        session,
        caller,
        begins=time(16),
        ends=time(17),
        capacity=1,
        fee=Money(2200),
        practitioner_id=EXPERT,
        pool="referral",
        **common,
    )
    booking.make_slots(session, job(at), day_from=since, days=14)


def _appointment(session: Session, person_id: int, at: datetime) -> booking.Appointment:
    caller, tomorrow = citizen(person_id, at=at), day_of(at) + timedelta(days=1)
    free = booking.search(session, caller, day_from=tomorrow, day_to=tomorrow, department_id=CARDIOLOGY, only_free=True)
    slot = next(offer for offer in free if offer.practitioner_id == EXPERT and offer.pool == "public")
    return booking.book(session, caller, slot_id=slot.slot_id, person_id=person_id, channel="app", reason="胸闷三天")


def _waiting(session: Session, person_id: int, at: datetime) -> int:
    """Two wait in surgery, where the only place has been freed for the first of them; the first is ours."""
    caller, day = system(TERTIARY, at=at), day_of(at) + timedelta(days=3)
    surgery = f"{TERTIARY}-0401"
    service = directory.Service(
        id=f"{surgery}-01",
        organisation_id=TERTIARY,
        department_id=surgery,
        code="01",
        name="外科门诊",
        name_en="Surgery",
    )
    session.add(service)
    session.flush()
    hours = {
        "weekdays": "1234567",
        "begins": time(9),
        "ends": time(9, 30),
        "slot_minutes": 30,
        "since": day,
        "until": day,
    }
    booking.add_schedule(
        session, caller, service_id=service.id, practitioner_id=SURGEON, capacity=1, fee=Money(2200), **hours
    )
    booking.make_slots(session, job(at), day_from=day, days=1)
    (slot,) = booking.search(session, caller, day_from=day, day_to=day, department_id=surgery)
    taker = a_person(session, 5)
    taken = booking.book(session, caller, slot_id=slot.slot_id, person_id=taker.id, channel="window")
    wishes = [
        booking.join_waiting(
            session, caller, person_id=who, department_id=surgery, day_from=day, day_to=day, channel="app"
        )
        for who in (person_id, taker.id)
    ]
    booking.cancel(session, caller, appointment_id=taken.id, reason="不来了")
    return wishes[0].id


def _stopped(session: Session, person_id: int, at: datetime) -> int:
    """The expert cannot come in nine days: one is moved, one has no telephone, a fee is owed back."""
    caller, day = staff(TERTIARY, at=at), day_of(at) + timedelta(days=9)
    mute = a_person(session, 4, name="无电话示例")
    mute.telephone = None
    found = booking.search(session, caller, day_from=day, day_to=day, practitioner_id=EXPERT, pool="public")
    rows = [
        booking.book(session, caller, slot_id=found[n].slot_id, person_id=who, channel="phone")
        for n, who in enumerate((person_id, mute.id))
    ]
    booking.pay_fee(session, caller, appointment_id=rows[0].id, amount=Money(2200), receipt="SJ-0009")
    hours = {"since": found[0].start_at, "until": found[0].start_at + timedelta(minutes=30)}
    where = {"department_id": CARDIOLOGY, "practitioner_id": EXPERT}
    booking.stop(session, caller, **where, **hours, rebook=False, reason="医生外出会诊")
    hours = {"since": found[0].start_at, "until": found[0].start_at + timedelta(hours=2)}
    row = booking.stop(session, caller, **where, **hours, reason="医生外出会诊")
    for visit_id in booking.waiting_visits(session):
        journeys.settle_visit(session, job(at), visit_id=visit_id)
    return row.id


def _results(session: Session, person_id: int, at: datetime) -> int:
    caller = system(COMMUNITY, at=at)
    last = 0
    for number, (value, days) in enumerate((("8.4", 180), ("8.0", 120), ("7.6", 60), ("7.2", 1))):
        last = records.publish(
            session,
            caller,
            organisation_id=COMMUNITY,
            person_id=person_id,
            visit_id=None,
            order={"code": "GLU", "name": "空腹血糖和血脂"},
            observations=[
                _observation("GLU", "空腹血糖", value, "3.9-6.1", "H"),
                _observation("LDL", "低密度脂蛋白", "2.6", "<3.4", "N"),
            ],
            text="血糖偏高，比上次低。按原来的药吃，三个月后复查。",
            issued_at=at - timedelta(days=days),
            author={"id": COMMUNITY_DOCTOR, "name": "李示范"},
            filler_number=f"GLU-{number}",
        ).id
    return last


def _observation(code: str, name: str, value: str, normal: str, abnormal: str) -> records.ObservationFacts:
    return {"code": code, "name": name, "value": value, "unit": "mmol/L", "range": normal, "abnormal": abnormal}


def _referrals(session: Session, person_id: int, other_id: int, at: datetime) -> tuple[int, int]:
    """One accepted with its place and its filing, one that waits for an answer."""
    doctor = staff(COMMUNITY, COMMUNITY_DOCTOR, at=at)
    slots = booking.search(
        session, doctor, day_from=day_of(at) + timedelta(days=2), day_to=day_of(at) + timedelta(days=4), pool="referral"
    )
    facts = {
        "sender_id": COMMUNITY,
        "sender_practitioner_id": COMMUNITY_DOCTOR,
        "receiver_id": TERTIARY,
        "receiver_department_id": CARDIOLOGY,
        "chief_complaint": "反复胸闷 10 天",
        "reason": "药物治疗 9 天仍有静息发作，需冠状动脉造影，本院不能开展；稳定后请转回康复。",
        "treatment": "阿司匹林、他汀、低分子肝素。复查肌钙蛋白阴性。",
        "diagnoses": (Diagnosis(code="I20.0", name="不稳定型心绞痛"),),
    }
    accepted = journeys.refer(
        session, doctor, facts=ReferralFacts(person_id=person_id, **facts), slot_id=slots[0].slot_id
    )
    referrals.accept(session, staff(TERTIARY, EXPERT, at=at), referral_id=accepted.id)
    waiting = journeys.refer(
        session, doctor, facts=ReferralFacts(person_id=other_id, priority="urgent", **facts), slot_id=slots[1].slot_id
    )
    _unconfirmed(session, other_id, at - timedelta(hours=5))
    return accepted.id, waiting.id


def _unconfirmed(session: Session, person_id: int, at: datetime) -> None:
    """Sent to the tertiary hospital long enough ago for its duty desk."""
    facts = ReferralFacts(
        person_id=person_id,
        sender_id=COUNTY,
        receiver_id=TERTIARY,
        reason="需外科评估",
        diagnoses=(Diagnosis(code="K80.2", name="胆囊结石"),),
    )
    journeys.refer(session, system(COUNTY, at=at), facts=facts, file_with_insurance=False)
    journeys.watch(session, job(at + timedelta(hours=3)))


def _consultation(session: Session, person_id: int, report_id: int, at: datetime) -> tuple[int, int]:
    doctor = staff(COMMUNITY, COMMUNITY_DOCTOR, at=at)
    facts = ConsultationFacts(
        person_id=person_id,
        organisation_id=COMMUNITY,
        requester_id=COMMUNITY_DOCTOR,
        question="静息发作的胸痛，是否需要尽快造影？",
        experts=(EXPERT, COUNTY_DOCTOR),
        consented_by="patient",
        consented_at=at,
        report_id=report_id,
    )
    row = consultations.request(session, doctor, facts=facts)
    consultations.schedule(session, doctor, consultation_id=row.id)
    document = records.write_document(
        session,
        doctor,
        organisation_id=COMMUNITY,
        person_id=person_id,
        kind="care-plan",
        title="随访方案",
        text="按时吃药，每周量血压。\n胸痛加重马上打 120。",
    )
    records.sign(session, doctor, document_id=document.id, signer_id=COMMUNITY_DOCTOR)
    return row.id, document.id


def _bills(session: Session, person_id: int, at: datetime):
    """The first worked bill of the example pack: a stay at the county first, then filed up to the tertiary hospital."""
    county = stays.charged(
        session,
        person_id,
        [("S-BED-01", "20", "50.00")],
        hospital=COUNTY,
        number="ZY-C",
        begun=at - timedelta(days=20),
        ended=at - timedelta(days=10),
    )
    first = stays.settle(session, county, key="c1", at=at - timedelta(days=9))
    stays.refer(
        session,
        person_id,
        since=day_of(at) - timedelta(days=11),
        until=day_of(at) + timedelta(days=30),
        source="test/1",
    )
    stay = stays.charged(session, person_id, number="ZY-1", begun=at - timedelta(days=9), ended=at - timedelta(hours=4))
    return first, stays.settle(session, stay, key="t1", at=at)


def _stay(session: Session, person_id: int, number: str, at: datetime):
    stay = stays.charged(
        session, person_id, [("S-BED-01", "30", "50.00")], number=number, begun=at - timedelta(days=5), ended=at
    )
    return stays.settle(session, stay, key=number, at=at)


def _difference(session: Session, bill, missing, at: datetime) -> int:
    """The hospital lists the one bill and forgot the other."""
    line = Line(
        setl_id=str(bill.id),
        mdtrt_id=str(bill.visit_id),
        psn_no="42050000310000001",
        fee=int(bill.total),
        fund=int(bill.fund),
        account=int(bill.account),
    )
    period = Period(TERTIARY, bill.settled_on, bill.settled_on, bill.clr_type, bill.clr_office)
    stated = Amounts(int(bill.total), int(bill.fund), int(bill.account), 1)
    found = reconciliation.compare_lines(session, system(TERTIARY, at=at), period=period, stated=stated, lines=[line])
    return next(row.id for row in found.breaks if row.setl_id == str(missing.id))


def _platform(session: Session, person_id: int, at: datetime) -> int:
    """A bill that a platform settled otherwise than we would, one it has not answered, one it says it has reversed."""
    upstreams.with_platform(session)
    insure(session, person_id, serial=71, insutype="390", area=upstreams.AREA, psn_no="42990000000071")

    def ask(number: str, minutes: int) -> int:
        caller = system(TERTIARY, at=at - timedelta(minutes=minutes))
        visit = stays.visit(session, person_id, care="outpatient", begun=caller.at, number=number)
        lines = stays.fees(upstreams.LINES, batch="B")
        stays.upload(session, visit, [replace(line, occurred_at=caller.at) for line in lines])
        asked = upstream.ask_settle(
            session,
            caller,
            Charge(visit.id, "B", insutype="390"),
            key=f"{TERTIARY}202611220900{number[-4:]:0>6}",
            content_hash=number.encode(),
            infno="2207",
            said={},
        )
        return asked.forwarded.id

    now = system(TERTIARY, at=at)
    elsewhere = {"deductible": 0, "pool": 30_000, "fund": 30_000, "cash": 76_000, "person": 76_000}
    row = upstream.record_settled(session, now, ask("MZ-0001", 1), upstreams.answer(settled_at=at, **elsewhere))
    upstream.record_lost(session, now, ask("MZ-0002", 47), "ReadTimeout: timed out")
    reversed_id = ask("MZ-0003", 190)
    upstream.record_lost(session, now, reversed_id, "HTTP 502")
    upstream.record_reversed(session, now, reversed_id)
    return row.id


def _breaches(session: Session, at: datetime) -> None:
    """Two messages of the platform's whose amounts do not add up."""
    found = (
        ("person-is-account-and-cash", "setlinfo.psn_part_amt", 81240, 81239),
        ("fund-is-its-rows", "setlinfo.fund_pay_sumamt", 166050, 160000),
    )
    for number, (rule, element, said, summed) in enumerate(found):
        reconciliation.note_breaches(
            session,
            system(TERTIARY, at=at - timedelta(hours=number)),
            organisation_id=TERTIARY,
            direction="received",
            infno="2304",
            msgid=f"{TERTIARY}20261122090000{number:04d}",
            found=[Unbalanced(rule, element, said, summed)],
        )


WEEK = (
    (TERTIARY, 1, -9663),
    (TERTIARY, 3, 0),
    (COUNTY, 2, 0),
    (COUNTY, 4, 1250),
    (COMMUNITY, 3, 0),
    (COMMUNITY, 0, None),
)
"""Hospital, days ago, by how many fen the hospital's books differ; None where its books have not come."""


def _week(session: Session, person_id: int, at: datetime) -> None:
    """Other days of the board: even ones, small differences, and books that have not come."""
    for n, (hospital, days, shift) in enumerate(WEEK):
        then = at - timedelta(days=days)
        stay = stays.charged(
            session,
            person_id,
            [("S-BED-01", "40", "50.00")],
            hospital=hospital,
            number=f"ZY-W{days}",
            begun=then - timedelta(days=3, hours=n),
            ended=then - timedelta(hours=1),
        )
        row = stays.settle(session, stay, key=f"w{days}", at=then)
        if shift is None:
            continue
        line = Line(
            setl_id=str(row.id),
            mdtrt_id=str(row.visit_id),
            psn_no="42050000390000002",
            fee=int(row.total) - shift,
            fund=int(row.fund) - shift,
            account=0,
        )
        period = Period(hospital, row.settled_on, row.settled_on, row.clr_type, row.clr_office)
        stated = Amounts(line.fee, line.fund, 0, 1)
        reconciliation.compare_lines(session, system(hospital, at=at), period=period, stated=stated, lines=[line])


def _messages(session: Session, at: datetime) -> tuple[int, int]:
    """One message accepted, one refused with a field named, and a lane parked on its first message."""
    caller = system(COMMUNITY, at=at)
    for key, outcome, fault in (("M0001", "ok", None), ("M0002", "citizen-number-wrong", "PID-3 有误：校验位不对。")):
        heard = exchange.hear(
            session,
            caller,
            door="hl7v2",
            kind="ADT^A28",
            key=key,
            body=ADT.replace("M0001", key).encode(),
            content_hash=sha256(key.encode()).digest(),
        )
        exchange.answer(session, heard, outcome=outcome, answer=b"MSH|^~\\&|HUB\rMSA|AA|" + key.encode(), fault=fault)
    due_id = exchange.post(
        session,
        caller,
        destination=COUNTY,
        subject="person/999",
        kind="referral.recalled",
        snapshot={
            "referral_id": 9,
            "person": {"name": "张示例", "certno": "420500196001010018", "telephone": "19900000001"},
        },
    )
    lane = session.get_one(exchange.Lane, (COUNTY, "person/999"))
    exchange.LANE.move(lane, "park")
    lane.trouble = "AR 207 对方系统没有回答"
    return heard.id, due_id
