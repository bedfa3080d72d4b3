"""A hospital system that calls the hub over HTTP, inside the process."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import anyio
import httpx
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters.app import BodyLimit
from hub import booking, trust
from hub.trust import SCOPES, Caller
from hub.units import CHINA, Money
from tests.region import EXPERT, NOW, TERTIARY, a_person, system


@dataclass
class Peer:
    """Sends one request at a time to an application; answers are httpx responses."""

    app: FastAPI
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, **facts: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                headers = {"Authorization": f"Bearer {self.token}"} | self.headers | facts.pop("headers", {})
                return await client.request(method, path, headers=headers, **facts)

        return anyio.run(send)


def app_with(router: APIRouter, *, limit_bytes: int = 10 * 1024 * 1024) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    app.add_middleware(BodyLimit, limit_bytes=limit_bytes)
    return app


def token_for(engine: Engine, organisation_id: str, scopes: frozenset[str] = SCOPES) -> str:
    with Session(engine) as session, session.begin():
        return trust.issue_token(
            session, name=f"his-{organisation_id}-{len(scopes)}", organisation_id=organisation_id, scopes=scopes, at=NOW
        )


def person_in(engine: Engine, serial: int = 1) -> int:
    with Session(engine) as session, session.begin():
        return a_person(session, serial).id


def slots_in(engine: Engine, *, pool: str = "public", ends: time = time(10)) -> list[int]:
    """Slots of one place and half an hour each, tomorrow from nine, at the tertiary hospital."""
    now = datetime.now(CHINA)
    with Session(engine) as session, session.begin():
        schedule = booking.add_schedule(
            session,
            system(TERTIARY),
            service_id=f"{TERTIARY}-0301-01",
            practitioner_id=EXPERT,
            weekdays="1234567",
            begins=time(9),
            ends=ends,
            slot_minutes=30,
            capacity=1,
            pool=pool,
            fee=Money.yuan("28.00"),
            since=date(2026, 1, 1),
        )
        job = Caller(kind="job", id="jobs", at=now)
        booking.make_slots(session, job, day_from=now.date() + timedelta(days=1), days=1)
        mine = select(booking.Slot.id).where(booking.Slot.schedule_id == schedule.id)
        return list(session.scalars(mine.order_by(booking.Slot.start_at)))
