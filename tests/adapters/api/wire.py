"""A hospital system that calls the hub over HTTP, inside the process."""

from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from adapters.app import BodyLimit
from hub import trust
from hub.trust import SCOPES
from tests.region import NOW


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
