"""A region in which every room holds rows of two hospitals and two citizens, and everybody has a way in.

`ours` are rows of the tertiary hospital about the known citizen, `theirs` rows of the county hospital
about a stranger, of which the tertiary hospital may know nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any

import anyio.from_thread
import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from adapters import door
from hub import booking, consultations, exchange, journeys, people, reconciliation, records, settlement, trust
from hub.booking import Slot
from hub.consultations import ConsultationFacts
from hub.people import Demographics, Identification
from hub.reconciliation import Amounts, Period
from hub.records import Diagnosis, Order
from hub.referrals import ReferralFacts
from hub.settlement import Charge
from hub.trust import SCOPES, Caller
from hub.units import Money, day_of, start_of
from tests.hub.coverage.insured import insure, with_pack
from tests.hub.settlement.stays import fees
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
    staff,
    system,
)

SECRET = "a secret of the tests"
PEERS = {TERTIARY: "127.0.1.1", COUNTY: "127.0.1.2", COMMUNITY: "127.0.1.3"}
DESKS = {"desk": TERTIARY, "county desk": COUNTY, "bureau": BUREAU, "operations": BUREAU}
_CLERK = SCOPES - {"operations", "reconciliation.read", "reconciliation.write"}

# What a refusal may leave behind: who asked for what, and tries that are counted.
TRACES = ("audit", "heard", "heard_key", "one_time_code", "staff", "web_session", "job", "due", "lane")


@dataclass
class World:
    """The application with all faces, what is in it, and the ways in."""

    engine: Engine
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Face or citizen to the cookie as sent and the form token of its session."""
    ours: dict[str, Any] = field(default_factory=dict)
    theirs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._portal = anyio.from_thread.start_blocking_portal()
        self.portal = self._portal.__enter__()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://hub")

    def close(self) -> None:
        self._portal.__exit__(None, None, None)

    def send(self, method: str, path: str, **facts: Any) -> httpx.Response:
        """One request through every layer of the application; cookies are never kept."""

        async def send() -> httpx.Response:
            self._client.cookies.clear()
            return await self._client.request(method, path, **facts)

        return self.portal.call(send)

    def bearer(self, organisation_id: str = TERTIARY) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[organisation_id]}"}

    def written(self) -> dict[str, str]:
        """Rows and their last writers in every table but those of traces: a row added, changed or gone shows."""
        with self.engine.connect() as connection:
            names = connection.scalars(
                text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
            ).all()
            kept = sorted(set(names) - set(TRACES))
            one = "(SELECT '{0}', count(*) || '/' || coalesce(sum(xmin::text::bigint), 0) FROM \"{0}\")"
            rows = connection.execute(text(" UNION ALL ".join(one.format(name) for name in kept)))
            return dict(rows.all())


def bugs() -> float:
    """How many calls have ended as a bug of ours, in any door, since the process began."""
    return sum(
        sample.value
        for metric in door.CALLS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["outcome"] in ("bug", "internal-error")
    )


def inhabited(engine: Engine, app: FastAPI) -> Iterator[World]:
    """A furnished region with people, rows and sign-ins; closed at the end."""
    world = World(engine, app)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        _ways_in(session, world)
        _people(session, world)
        _slots(session, world)
        _records(session, world)
        _referrals(session, world)
        _consultation(session, world)
        _settlements(session, world)
        _messages(session, world)
    yield world
    world.close()


def _ways_in(session: Session, world: World) -> None:
    at = door.now()
    for organisation_id, address in PEERS.items():
        facts: dict[str, Any] = {"organisation_id": organisation_id, "scopes": SCOPES, "at": at}
        world.tokens[organisation_id] = trust.issue_token(session, name=f"his-{organisation_id}", **facts)
        trust.issue_access_key(session, name=f"{organisation_id}/nhsa", secret=SECRET, **facts)
        trust.issue_mllp_peer(session, address=address, application="HIS", facility=organisation_id, **facts)
    for face, organisation_id in DESKS.items():
        doctor = {TERTIARY: EXPERT, COUNTY: COUNTY_DOCTOR}.get(organisation_id)
        trust.add_staff(
            session,
            name=face,
            password="a password of the tests",
            display_name="示范",
            organisation_id=organisation_id,
            scopes={"bureau": SCOPES - {"operations"}, "operations": frozenset({"operations"})}.get(face, _CLERK),
            practitioner_id=doctor,
        )
        token, row = trust.open_session(session, at=at, staff_name=face)
        world.cookies[face] = (f"onecard_staff={token}", row.csrf)


def _people(session: Session, world: World) -> None:
    with_pack(session)
    for serial, (name, rows) in enumerate({"citizen": world.ours, "stranger": world.theirs}.items(), start=1):
        person = a_person(session, serial, name="张示例" if serial == 1 else "李某某")
        hospital = TERTIARY if serial == 1 else COUNTY
        people.register(
            session,
            system(hospital),
            demographics=Demographics(person.name, person.gender, person.birth_date),
            identifiers=[
                Identification("certno/01", person.certno or ""),
                Identification(f"mrn/{hospital}", f"M-{serial}"),
                Identification("psn_no", f"42050000310{serial:06d}"),
            ],
        )
        rows["enrolment"] = insure(session, person.id, serial=serial).id
        rows["person"], rows["card"], rows["certno"] = person.id, person.card_number, person.certno
        rows["psn_no"], rows["mrn"] = f"42050000310{serial:06d}", f"M-{serial}"
        token, opened = trust.open_session(session, at=door.now(), person_id=person.id)
        world.cookies[name] = (f"onecard_citizen={token}", opened.csrf)


def _slots(session: Session, world: World) -> None:
    """Free places with us and at the community centre; both citizens have booked one there."""
    tomorrow = day_of(door.now()) + timedelta(days=1)
    for hospital, service, practitioner in (
        (TERTIARY, f"{TERTIARY}-0301-01", EXPERT),
        (COMMUNITY, f"{COMMUNITY}-0201-01", COMMUNITY_DOCTOR),
    ):
        schedule = booking.add_schedule(
            session,
            system(hospital),
            service_id=service,
            practitioner_id=practitioner,
            weekdays="1234567",
            begins=time(9),
            ends=time(12),
            slot_minutes=30,
            capacity=1,
            fee=Money.yuan("28.00"),
            since=date(2026, 1, 1),
        )
        booking.make_slots(session, Caller(kind="job", id="jobs", at=door.now()), day_from=tomorrow, days=2)
        found = session.scalars(select(Slot.id).where(Slot.schedule_id == schedule.id).order_by(Slot.start_at)).all()
        rows = world.ours if hospital == TERTIARY else world.theirs
        rows["slot"], rows["slots"], rows["schedule"] = found[-1], list(found), schedule.id
        person_id = rows["person"]
        made = booking.book(
            session, system(hospital, at=door.now()), slot_id=found[0], person_id=person_id, channel="his"
        )
        rows["appointment"] = made.id
    far = tomorrow + timedelta(days=30)
    for hospital, rows in ((TERTIARY, world.ours), (COUNTY, world.theirs)):
        caller = system(hospital, at=door.now())
        rows["stop"] = booking.stop(
            session,
            caller,
            department_id=CARDIOLOGY if hospital == TERTIARY else f"{COUNTY}-0301",
            since=start_of(far),
            until=start_of(far + timedelta(days=1)),
            reason="开会",
        ).id
        rows["wish"] = booking.join_waiting(
            session,
            caller,
            person_id=rows["person"],
            department_id=f"{TERTIARY}-0401" if hospital == TERTIARY else f"{COUNTY}-0301",
            day_from=tomorrow,
            day_to=tomorrow,
            channel="his",
        ).id
    caller = system(TERTIARY, at=door.now())
    held = booking.hold(session, caller, slot_id=world.ours["slots"][7], person_id=world.ours["person"], channel="his")
    world.ours["hold"] = held.id


def _records(session: Session, world: World) -> None:
    for hospital, rows, author in ((TERTIARY, world.ours, EXPERT), (COUNTY, world.theirs, COUNTY_DOCTOR)):
        at = door.now()
        caller = system(hospital, at=at)
        visit = records.open_visit(
            session,
            caller,
            organisation_id=hospital,
            number="ZY-1",
            person_id=rows["person"],
            care="inpatient",
            begun_at=at - timedelta(days=3),
        )
        report = records.publish(
            session,
            caller,
            organisation_id=hospital,
            person_id=rows["person"],
            visit_id=visit.id,
            order=Order(code="TNI", name="肌钙蛋白"),
            observations=[
                {
                    "code": "TNI",
                    "name": "肌钙蛋白",
                    "value": "0.52",
                    "unit": "ng/mL",
                    "range": "0-0.04",
                    "abnormal": "H",
                }
            ],
            text="见报告",
            issued_at=at,
            author={"id": author, "name": "示范"},
            filler_number="L-1",
        )
        rows |= {"visit": visit.id, "report": report.id, "observation": f"{report.id}-1"}


def _referrals(session: Session, world: World) -> None:
    """One from the community centre to each; the stranger's does not concern us."""
    for receiver, rows in ((TERTIARY, world.ours), (COUNTY, world.theirs)):
        row = journeys.refer(
            session,
            staff(COMMUNITY, COMMUNITY_DOCTOR, at=door.now()),
            facts=ReferralFacts(
                person_id=rows["person"],
                sender_id=COMMUNITY,
                sender_practitioner_id=COMMUNITY_DOCTOR,
                receiver_id=receiver,
                reason="胸闷三天",
                care_plan={"summary": "随访血压"},
                diagnoses=(Diagnosis(code="I20.000", name="不稳定性心绞痛"),),
            ),
        )
        rows["referral"] = row.id


def _consultation(session: Session, world: World) -> None:
    for organisation_id, doctor, expert, rows in (
        (TERTIARY, EXPERT, COUNTY_DOCTOR, world.ours),
        (COUNTY, COUNTY_DOCTOR, COMMUNITY_DOCTOR, world.theirs),
    ):
        row = consultations.request(
            session,
            staff(organisation_id, doctor, at=door.now()),
            facts=ConsultationFacts(
                person_id=rows["person"],
                organisation_id=organisation_id,
                requester_id=doctor,
                question="是否需要造影？",
                experts=(expert,),
                consented_by="patient",
                report_id=rows["report"],
            ),
        )
        rows["consultation"] = row.id


def _settlements(session: Session, world: World) -> None:
    for hospital, rows in ((TERTIARY, world.ours), (COUNTY, world.theirs)):
        caller = system(hospital, at=door.now())
        settlement.upload(session, caller, visit_id=rows["visit"], lines=fees())
        records.close_visit(session, caller, visit_id=rows["visit"], ended_at=door.now())
        row = settlement.settle(session, caller, Charge(rows["visit"]), key="m1", content_hash=b"c")
        rows["settlement"] = row.id
        rows["difference"] = _difference(session, caller, row)
        rows["payment_reconciliation"] = f"{hospital}-{day_of(caller.at):%Y%m%d}"


def _difference(session: Session, caller: Caller, row: settlement.Settlement) -> int:
    """The hospital's books of the day have come without the settlement."""
    period = Period(row.organisation_id, row.settled_on, row.settled_on, row.clr_type, row.clr_office)
    found = reconciliation.compare_lines(session, caller, period=period, stated=Amounts(), lines=[])
    return found.breaks[0].id


def _messages(session: Session, world: World) -> None:
    found = exchange.search_due(session, limit=1)[0]
    world.ours |= {"due": found.id, "department": CARDIOLOGY, "organisation": TERTIARY}
    world.ours |= {"service": f"{TERTIARY}-0301-01", "practitioner": EXPERT}
    world.ours["code_system"] = "fund"
    world.ours |= {"action": "receive", "event": "arrive", "side": "in", "pack": "yichang-example-2024"}
    world.theirs |= {"department": f"{COUNTY}-0301", "organisation": COUNTY}
    caller = system(TERTIARY, at=door.now())
    heard = exchange.hear(session, caller, door="hl7v2", kind="?", key=None, body=b"MSH|", content_hash=b"h")
    exchange.answer(session, heard, outcome="unreadable", answer=None, fault="MSH")
    world.ours["heard"] = heard.id


__all__ = ["PEERS", "SECRET", "World", "bugs", "inhabited"]
