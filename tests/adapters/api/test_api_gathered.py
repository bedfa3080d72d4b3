"""Bookings that arrive together share a transaction, and nobody can tell."""

from collections import Counter
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from adapters import api, door
from adapters.api import gathered
from adapters.settings import Settings
from hub.booking import Appointment
from hub.trust import SCOPES, Audit
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.region import COUNTY, TERTIARY

ROUTES = app_with(api.router)
PATH = "/api/v1/appointments"


def together(bodies: list[dict[str, Any]], tokens: list[str]) -> list[httpx.Response]:
    """All requests at the same moment."""
    answers: list[httpx.Response | None] = [None] * len(bodies)

    async def send(client: httpx.AsyncClient, n: int) -> None:
        headers = {"Authorization": f"Bearer {tokens[n % len(tokens)]}"}
        answers[n] = await client.post(PATH, json=bodies[n], headers=headers)

    async def race() -> None:
        transport = httpx.ASGITransport(ROUTES)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://hub") as client,
            anyio.create_task_group() as tasks,
        ):
            for n in range(len(bodies)):
                tasks.start_soon(send, client, n)

    anyio.run(race)
    return [answer for answer in answers if answer is not None]


@pytest.mark.parametrize("writers", [0, 2])
def test_many_people_and_few_places_end_the_same_gathered_or_not(engine: Engine, writers: int) -> None:
    door.use_engine(engine, Settings(writer_threads=writers))
    assert gathered.offered(next(o for o in api.OPERATIONS if o.verb == "booking.book")) is (writers > 0)
    slots = slots_in(engine)
    people = [person_in(engine, serial) for serial in range(1, 31)]
    bodies = [{"slot_id": slots[n % 2], "person_id": person_id} for n, person_id in enumerate(people)]
    answers = together(bodies, [token_for(engine, TERTIARY)])
    assert Counter(answer.status_code for answer in answers) == {201: 2, 409: 28}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"slot-taken"}
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Appointment)) == 2
        said = Counter(session.scalars(select(Audit.outcome).where(Audit.verb == "booking.book")))
    assert said == {"ok": 2, "slot-taken": 28}


def test_in_one_batch_each_call_answers_for_itself(engine: Engine) -> None:
    slots = slots_in(engine)
    person_id = person_in(engine)
    good, other = token_for(engine, TERTIARY), token_for(engine, COUNTY, SCOPES - {"booking.write"})
    body = {"slot_id": slots[0], "person_id": person_id}
    answers = together([body, body, body], [good, "och_nobody", other])
    assert [answer.status_code for answer in answers] == [201, 401, 403]
    assert answers[1].headers["www-authenticate"] == "Bearer"


def test_a_key_still_makes_a_retry_harmless(engine: Engine) -> None:
    his = Peer(ROUTES, token_for(engine, TERTIARY))
    body = {"slot_id": slots_in(engine)[0], "person_id": person_in(engine)}
    first, again = (his("POST", PATH, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)
