"""Each message to its verb: what it changes, what it answers, and what leaves because of it."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from adapters import door
from adapters.hl7v2 import er7, times
from hub import booking, exchange, journeys, people, records
from hub.booking import Offer
from hub.records import Report, Visit
from hub.referrals import Referral
from hub.units import Money, day_of
from tests.adapters.hl7v2.conftest import Door, document
from tests.region import CARDIOLOGY, COMMUNITY, COUNTY, EXPERT, TERTIARY, system

A28, A04 = document("adt-a28_new-citizen.request.hl7"), document("adt-a04_second-hospital.request.hl7")
A01, A03 = document("adt-a01_admission.request.hl7"), document("adt-a03_discharge.request.hl7")
REFER, ACCEPT = document("ref-i12_up.request.hl7"), document("rri-i12_receiver-accepts.request.hl7")
RECALL, RESULT = document("ref-i14_recall.request.hl7"), document("oru-r01_troponin.request.hl7")
HIS_BOOKS = document("siu-s12_his-books.request.hl7")


def ok(hl7: Door, raw: bytes, sender: str = COMMUNITY) -> er7.Message:
    answer = hl7.answer(raw, sender=sender)
    assert answer["MSA"].text(1) == "AA", answer.text
    return answer


def slots(hl7: Door, count: int = 2) -> list[Offer]:
    """Free places with the expert of cardiology tomorrow."""
    with hl7.session() as session, session.begin():
        caller = system(TERTIARY, at=door.now())
        booking.add_schedule(
            session, caller, service_id=f"{TERTIARY}-0301-01", practitioner_id=EXPERT, weekdays="1234567",
            begins=time(8), ends=time(10), slot_minutes=30, capacity=1, fee=Money.yuan("10"), since=day_of(caller.at),
        )  # fmt: skip
        tomorrow = day_of(caller.at) + timedelta(days=1)
        booking.make_slots(session, caller, day_from=tomorrow, days=1)
        return booking.search(session, caller, day_from=tomorrow, day_to=tomorrow)[:count]


def at_time_of(offer: Offer, raw: bytes = HIS_BOOKS) -> bytes:
    start, end = times.stamp(offer.start_at), times.stamp(offer.end_at)
    return raw.decode().replace("{start}", start).replace("{end}", end).encode()


def due(hl7: Door, destination: str) -> list[str]:
    with hl7.session() as session:
        return [row.kind for row in reversed(exchange.search_due(session, destination=destination))]


def test_a04_of_a_second_hospital_adds_its_number_and_opens_a_visit(hl7: Door) -> None:
    ok(hl7, A28)
    answer = ok(hl7, A04, COUNTY)
    assert (answer.header.text(12), answer.header.text(18)) == ("2.4", "GB18030")
    with hl7.session() as session:
        person = people.resolve(session, system=f"mrn/{COUNTY}", value="DY-55")
        assert people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187") is person
        visit = records.visit(session, COUNTY, "MZ20261122-0088")
    assert (visit.care, visit.department_id, visit.practitioner_id) == ("outpatient", f"{COUNTY}-0301", "D420582000021")
    assert visit.begun_at == datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


def test_a04_without_a_visit_number_registers_the_person_only(hl7: Door) -> None:
    ok(hl7, A04.replace(b"MZ20261122-0088", b""), COUNTY)
    assert hl7.counts()["person"] == 1
    assert "visit" not in hl7.counts()


def test_a_stay_begins_changes_ends_and_is_reopened(hl7: Door) -> None:
    ok(hl7, A01, TERTIARY)
    ok(
        hl7,
        A01.replace(b"ADT^A01^ADT_A01|ZX20261122000101", b"ADT^A08^ADT_A01|U1").replace(b"|0301|", b"|0401|"),
        TERTIARY,
    )
    with hl7.session() as session:
        visit = session.scalars(select(Visit)).one()
        assert (visit.state, visit.care, visit.department_id) == ("in-progress", "inpatient", f"{TERTIARY}-0401")
        assert [diagnosis["code"] for diagnosis in visit.diagnoses] == ["I20.000"]
    ok(hl7, A03, TERTIARY)
    with hl7.session() as session:
        visit = session.scalars(select(Visit)).one()
        assert (visit.state, visit.ended_at) == ("finished", datetime(2026, 11, 22, 7, 30, tzinfo=UTC))
        assert [diagnosis["code"] for diagnosis in visit.diagnoses] == ["I21.900"]
    ok(hl7, A03.replace(b"ADT^A03^ADT_A03|ZX20261122000131", b"ADT^A13^ADT_A01|U2"), TERTIARY)
    ok(hl7, A03.replace(b"ADT^A03^ADT_A03|ZX20261122000131", b"ADT^A11^ADT_A09|U3").replace(b"DG1", b"ZG1"), TERTIARY)
    with hl7.session() as session:
        assert session.scalars(select(Visit.state)).one() == "cancelled"


def test_a_transfer_that_is_taken_back_leaves_the_patient_where_they_were(hl7: Door) -> None:
    ok(hl7, A01, TERTIARY)
    for event, structure, ward in (("A02", "ADT_A02", b"|0401|"), ("A12", "ADT_A12", b"|0301|")):
        moved = A01.replace(b"ADT^A01^ADT_A01|ZX20261122000101", f"ADT^{event}^{structure}|T{event}".encode())
        ok(hl7, moved.replace(b"|0301|", ward).replace(b"DG1", b"ZG1"), TERTIARY)
        with hl7.session() as session:
            visit = session.scalars(select(Visit)).one()
        assert visit.department_id == f"{TERTIARY}-{ward.decode().strip('|')}"


def test_a_stay_that_is_only_planned_registers_the_person_and_opens_no_visit(hl7: Door) -> None:
    ok(hl7, A01.replace(b"ADT^A01^ADT_A01", b"ADT^A05^ADT_A05"), TERTIARY)
    assert hl7.counts()["person"] == 1
    assert "visit" not in hl7.counts()


def test_a_discharge_under_another_patients_visit_number_is_refused(hl7: Door) -> None:
    ok(hl7, A01, TERTIARY)
    ok(hl7, A28.replace(COMMUNITY.encode(), TERTIARY.encode()).replace(b"~420500199003070028^^^^NI", b""), TERTIARY)
    answer = hl7.answer(A03.replace(b"ZX-900", b"YQ-000187"), sender=TERTIARY)
    assert (answer["MSA"].text(1), answer["ERR"].text(5)) == ("AE", "visit-number-taken")


def test_a_discharge_of_an_unknown_visit_and_one_before_its_admission_are_refused(hl7: Door) -> None:
    answer = hl7.answer(A03, sender=TERTIARY)
    assert (answer["MSA"].text(1), answer["ERR"].text(3)) == ("AE", "204")
    ok(hl7, A01, TERTIARY)
    answer = hl7.answer(A03.replace(b"20261122153000", b"20261121153000"), sender=TERTIARY)
    assert (answer["ERR"].text(3), answer["ERR"].field(2)) == ("102", "PV1^1^45^1")


def test_the_his_books_moves_and_gives_up_a_place_of_its_own(hl7: Door) -> None:
    first, second = slots(hl7)
    ok(hl7, at_time_of(first), TERTIARY)
    with hl7.session() as session:
        row = session.scalars(select(booking.Appointment)).one()
        assert (row.slot_id, row.channel, row.reason, row.state) == (first.slot_id, "his", "复诊", "booked")
    moved = at_time_of(second).replace(b"SIU^S12^SIU_S12|ZX20261122000301", b"SIU^S13^SIU_S13|Z2")
    ok(hl7, moved, TERTIARY)
    by_number = moved.replace(b"SIU^S13^SIU_S13|Z2", b"SIU^S15^SIU_S12|Z3").replace(
        b"SCH||GH-3001|", f"SCH|{row.id}^ONECARD|GH-3001|".encode()
    )
    ok(hl7, by_number.replace("||||^复诊|".encode(), "|||^停诊|^复诊|".encode()), TERTIARY)
    with hl7.session() as session:
        again = session.get_one(booking.Appointment, row.id)
        assert (again.slot_id, again.state, again.cancel_reason) == (second.slot_id, "cancelled", "停诊")
    assert due(hl7, TERTIARY) == ["appointment.booked", "appointment.rescheduled", "appointment.cancelled"]


def test_a_place_that_is_taken_a_time_without_a_place_and_an_unknown_appointment_are_refused(hl7: Door) -> None:
    first, _ = slots(hl7)
    ok(hl7, at_time_of(first), TERTIARY)
    other = at_time_of(first).replace(b"ZX20261122000301", b"Z9").replace(b"ZX-900", b"ZX-901")
    other = other.replace(b"~420500199003070028^^^^NI", b"").replace(b"GH-3001", b"GH-3009")
    answer = hl7.answer(other, sender=TERTIARY)
    assert (answer["MSA"].text(1), answer["ERR"].text(3), answer["ERR"].text(5)) == ("AE", "206", "slot-taken")
    late = at_time_of(first).replace(times.stamp(first.start_at).encode(), b"20991122080000")
    assert hl7.answer(late, sender=TERTIARY)["ERR"].text(5) == "slot-unknown"
    unknown = other.replace(b"SIU^S12^SIU_S12|Z9", b"SIU^S26^SIU_S12|Z8").replace(b"GH-3009", b"")
    assert hl7.answer(unknown, sender=TERTIARY)["ERR"].text(3) == "204"
    timeless = HIS_BOOKS.replace(b"{start}|{end}", b"|")
    assert hl7.answer(timeless, sender=TERTIARY)["ERR"].field(2) == "TQ1^1^7^1"


def test_the_his_stops_a_clinic_and_twice_is_once(hl7: Door) -> None:
    first, second = slots(hl7)
    ok(hl7, at_time_of(first), TERTIARY)
    stop = at_time_of(first).replace(b"SIU^S12^SIU_S12|ZX20261122000301", b"SIU^S23^SIU_S12|Z5")
    stop = b"\r".join(line for line in stop.split(b"\r") if not line.startswith(b"PID"))
    stop = stop.replace(b"GH-3001||||", "GH-3001||||^医生外出".encode())
    for number in (b"Z5", b"Z6"):
        ok(hl7, stop.replace(b"|Z5|", b"|" + number + b"|"), TERTIARY)
    with hl7.session() as session, session.begin():
        stopped = session.scalars(select(booking.ClinicStop)).one()
        assert (stopped.practitioner_id, stopped.since, stopped.until) == (EXPERT, first.start_at, first.end_at)
        assert (stopped.slots, stopped.reason) == (1, "医生外出")
        (visit_id,) = booking.waiting_visits(session)
        visit = journeys.settle_visit(session, system(TERTIARY, at=door.now()), visit_id=visit_id)
        assert (visit.state, visit.new_slot_id) == ("moved", second.slot_id)
    assert due(hl7, TERTIARY) == ["appointment.booked", "appointment.rescheduled"]
    endless = stop.replace(times.stamp(first.end_at).encode(), b"").replace(b"|Z5|", b"|Z7|")
    assert hl7.answer(endless, sender=TERTIARY)["ERR"].field(2) == "TQ1^1^8^1"
    nowhere = stop.replace(b"AIL|1|A|0301^^^H42050000101", b"AIL|1|A").replace(b"|Z5|", b"|Z8|")
    assert hl7.answer(nowhere, sender=TERTIARY)["ERR"].field(2) == "AIL^1^3^1"


def test_a_no_show_is_found_by_patient_and_time(hl7: Door) -> None:
    first, _ = slots(hl7)
    ok(hl7, at_time_of(first), TERTIARY)
    ok(hl7, at_time_of(first).replace(b"SIU^S12^SIU_S12|ZX20261122000301", b"SIU^S26^SIU_S26|Z4"), TERTIARY)
    with hl7.session() as session:
        assert session.scalars(select(booking.Appointment.state)).one() == "noshow"


def test_a_referral_with_a_place_is_answered_pending_and_reaches_the_receiver(hl7: Door) -> None:
    place, _ = slots(hl7)
    answer = ok(hl7, REFER + f"ZAP||{place.slot_id}\r".encode())
    rf1 = answer["RF1"]
    assert answer.header.field(9) == "RRI^I12^RRI_I12"
    assert (rf1.text(1), rf1.text(6), rf1.text(6, 2)) == ("P", "YQ-R-20261122-005", COMMUNITY)
    assert answer["ZAP"].text(3) == times.stamp(place.start_at)
    with hl7.session() as session:
        row = session.scalars(select(Referral)).one()
        assert (row.state, row.direction, row.priority, row.slot_leg) == ("sent", "up", "urgent", "booked")
        assert (row.receiver_id, row.receiver_department_id) == (TERTIARY, CARDIOLOGY)
        assert (row.chief_complaint, row.treatment) == ("胸闷三天", "阿司匹林 300 mg 嚼服")
        assert row.reason == "胸痛加重，心电图 ST 段压低"
    assert rf1.text(11) == str(row.id)
    assert due(hl7, TERTIARY) == ["appointment.booked", "referral.sent"]


def test_the_reply_to_a_referral_is_the_wire_document(hl7: Door) -> None:
    answer = ok(hl7, REFER)
    expected = er7.read(document("ref-i12_up.reply.hl7"))

    def shape(message: er7.Message) -> list[str]:
        """Without what changes from run to run: MSH-7, MSH-10, RF1-7, RF1-8 and the card."""
        lines = []
        for segment in message.segments[1:]:
            fields = list(segment.fields)
            if segment.name == "RF1":
                fields[7] = fields[8] = ""
            lines.append("|".join(fields).replace(answer["PID"].text(3, repetition=2), "420500000000000018"))
        return lines

    assert shape(answer) == shape(expected)


def test_the_receiver_accepts_by_rri_and_the_referrer_is_told(hl7: Door) -> None:
    ok(hl7, REFER)
    ok(hl7, ACCEPT, TERTIARY)
    with hl7.session() as session:
        assert session.scalars(select(Referral.state)).one() == "accepted"
    assert due(hl7, COMMUNITY) == ["referral.accepted"]


@pytest.mark.parametrize(
    ("rf1", "state"), [("R^Rejected", "rejected"), ("P^Pending", "received"), ("P^^^info-requested", "info-requested")]
)
def test_the_receiver_rejects_reads_or_asks_by_rri(hl7: Door, rf1: str, state: str) -> None:
    ok(hl7, REFER)
    ok(hl7, ACCEPT.replace(b"A^Accepted^HL70283", rf1.encode()), TERTIARY)
    with hl7.session() as session:
        assert session.scalars(select(Referral.state)).one() == state


def test_the_sender_answers_a_question_by_i13_and_asks_how_it_stands_by_i15(hl7: Door) -> None:
    ok(hl7, REFER)
    ok(hl7, ACCEPT.replace(b"A^Accepted^HL70283", b"P^^^info-requested"), TERTIARY)
    answer = ok(hl7, RECALL.replace(b"REF^I14^REF_I14|YQ20261122000022", b"REF^I13^REF_I12|Y3"))
    assert (answer.header.field(9), answer["RF1"].text(1, 4)) == ("RRI^I13^RRI_I12", "received")
    before = hl7.counts()
    answer = ok(hl7, RECALL.replace(b"REF^I14^REF_I14|YQ20261122000022", b"REF^I15^REF_I12|Y4"))
    assert (answer.header.field(9), answer["RF1"].text(1, 4)) == ("RRI^I15^RRI_I12", "received")
    after = hl7.counts()
    assert {name for name in after if after[name] != before.get(name)} == {"heard", "heard_key", "audit"}


def test_a_referral_is_recalled_by_i14_whatever_rf1_1_says(hl7: Door) -> None:
    ok(hl7, REFER)
    answer = ok(hl7, RECALL)
    assert (answer.header.field(9), answer["RF1"].text(1)) == ("RRI^I14^RRI_I12", "C")
    assert due(hl7, TERTIARY) == ["referral.sent", "referral.recalled"]


def test_only_the_sides_of_a_referral_may_speak_of_it(hl7: Door) -> None:
    ok(hl7, REFER)
    answer = hl7.answer(ACCEPT.replace(b"|HIS|H42050000101|", b"|HIS|H42058200201|"), sender=COUNTY)
    assert (answer["MSA"].text(1), answer["ERR"].text(3)) == ("AE", "204")
    answer = hl7.answer(ACCEPT.replace(b"|HIS|H42050000101|", b"|HIS|H42058200301|"), sender=COMMUNITY)
    assert (answer["MSA"].text(1), answer["ERR"].text(5)) == ("AE", "not-your-move")


REFUSED_REFERRALS = {
    "no reason": ("^胸痛加重，心电图 ST 段压低", "", "RF1^1^10^1^2", "101"),
    "no diagnosis": ("DG1|1||I20.000^不稳定性心绞痛^I10|||W\r", "", "DG1^1^3^1", "101"),
    "no receiver": ("0301^^^H42050000101", "0301", "PRD^1^4^1^4", "101"),
    "an unknown receiver": ("^^^H42050000101", "^^^H42059999999", "", "204"),
    "a slot that is no number": ("NTE|1|", "ZAP||abc\rNTE|1|", "ZAP^1^2^1", "102"),
    "a wrong validity": ("H42058200301||||", "H42058200301||soon||", "RF1^1^8^1^1^1", "102"),
}


@pytest.mark.parametrize("name", REFUSED_REFERRALS)
def test_a_referral_that_lacks_something_is_refused_with_its_place(hl7: Door, name: str) -> None:
    found, put, location, number = REFUSED_REFERRALS[name]
    answer = hl7.answer(REFER.decode().replace(found, put).encode())
    assert (answer.header.text(9), answer["MSA"].text(1)) == ("ACK", "AE")
    assert (answer["ERR"].field(2), answer["ERR"].text(3)) == (location, number)
    assert not {"person", "referral"} & hl7.counts().keys()


def test_an_admission_shows_the_referral_that_the_patient_arrived(hl7: Door) -> None:
    ok(hl7, REFER)
    ok(hl7, ACCEPT, TERTIARY)
    ok(hl7, A01, TERTIARY)
    with hl7.session() as session:
        assert session.scalars(select(Referral.state)).one() == "arrived"
    assert due(hl7, COMMUNITY)[-1] == "referral.arrived"


def test_a_result_becomes_a_report_and_goes_to_the_referrer(hl7: Door) -> None:
    for raw, sender in ((REFER, COMMUNITY), (ACCEPT, TERTIARY), (A01, TERTIARY), (RESULT, TERTIARY)):
        ok(hl7, raw, sender)
    with hl7.session() as session:
        report = session.scalars(select(Report)).one()
        assert (report.filler_number, report.order_name, report.author_name) == (
            "LAB-20261122-77",
            "心肌标志物",
            "陈示范",
        )
        assert report.text == "明显升高。\n建议 3 小时后复查。"
        assert report.issued_at == datetime(2026, 11, 22, 3, 55, tzinfo=UTC)
        assert report.visit_id == records.visit(session, TERTIARY, "ZY20261122-0101").id
        measured = records.observations(session, report.id)
        assert [(row.name, row.value, row.unit, row.abnormal) for row in measured] == [
            ("肌钙蛋白 I", "0.90", "ng/mL", "HH"),
            ("形态", "见明显升高", "", ""),
        ]
    assert due(hl7, COMMUNITY)[-1] == "result.published"


@pytest.mark.parametrize(
    ("found", "put", "location"),
    [("|||F|||||||D42", "|||P|||||||D42", "OBR^1^25^1"), ("LAB-20261122-77", "", "OBR^1^3^1")],
)
def test_a_preliminary_or_nameless_result_is_refused(hl7: Door, found: str, put: str, location: str) -> None:
    ok(hl7, A01, TERTIARY)
    answer = hl7.answer(RESULT.decode().replace(found, put).encode(), sender=TERTIARY)
    assert (answer["MSA"].text(1), answer["ERR"].field(2)) == ("AE", location)
    assert "report" not in hl7.counts()


def test_a_letter_in_rri_closes_the_referral(hl7: Door) -> None:
    for raw, sender in ((REFER, COMMUNITY), (ACCEPT, TERTIARY), (A01, TERTIARY)):
        ok(hl7, raw, sender)
    letter = "OBR|1||D-4|outcome^诊疗结果反馈\rOBX|1|TX|outcome^诊疗结果反馈||支架一枚，双抗一年。||||||F|||||D420500000011^陈示范\r"
    closing = ACCEPT.replace(b"ZX20261122000090", b"ZX20261122000999").replace(b"NTE|1||", letter.encode() + b"NTE|1||")
    ok(hl7, closing, TERTIARY)
    with hl7.session() as session:
        assert session.scalars(select(Referral.state)).one() == "completed"
    assert due(hl7, COMMUNITY)[-1] == "referral.completed"
