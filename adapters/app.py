"""The web application: which doors stand behind which face, and what every HTTP call gets.

Citizens come from the internet, hospitals from the medical private network: a face is the set of
doors that may share a port. `create_app()` with all faces is the ordinary single port.
"""

import importlib
import os
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters import door, web
from adapters.settings import FACES, Face

ROUTERS: dict[Face, tuple[str, ...]] = {
    "citizen": ("adapters.web.citizen",),
    "hospital": ("adapters.api", "adapters.fhir", "adapters.nhsa.routes", "adapters.web.desk"),
    "bureau": ("adapters.web.bureau",),
    "operations": ("adapters.web.operations",),
}
JSON_FACES: frozenset[Face] = frozenset({"hospital"})


def create_app(faces: Iterable[Face] = FACES) -> FastAPI:
    """The application with the doors of some faces. The process has opened the house before."""
    faces = tuple(faces)
    documented = bool(JSON_FACES & set(faces))
    app = (FastAPIOffline if documented else FastAPI)(
        title="OneCard Hub",
        summary="One card for life: booking, referral, shared records, settlement",
        version="1",
        docs_url="/docs" if documented else None,
        redoc_url=None,
        openapi_url="/openapi.json" if documented else None,
        lifespan=_lifespan,
    )
    for face in faces:
        for name in ROUTERS[face]:
            module = importlib.import_module(name)
            if hasattr(module, "router"):
                app.include_router(module.router)
            app.router.routes[:0] = getattr(module, "HOT", [])
    web.prepare(app)
    _add_health(app)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(BodyLimit, limit_bytes=door.settings().body_limit_bytes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = door.settings().http_threads
    yield


def _add_health(app: FastAPI) -> None:
    @app.get("/health/live", include_in_schema=False)
    def live() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/health/ready", include_in_schema=False)
    def ready() -> PlainTextResponse:
        try:
            with door.engine().connect() as connection:
                connection.execute(text("SELECT 1"))
        except Exception:
            return PlainTextResponse("no database\n", status_code=503, headers={"Retry-After": "5"})
        return PlainTextResponse("ok\n")

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(_registry()).decode(), media_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """The sum over all workers where a supervisor gave them a folder to share, else this process's own."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


async def _bug(request: Request, bug: Exception) -> Response:
    """Not a Fault, so a bug of ours: logged with its trace, answered with a reference and nothing else."""
    reference = uuid.uuid4().hex[:12]
    door.log.error("bug", path=request.url.path, reference=reference, exc_info=bug)
    return web.refusal(request, 500, reference=reference)


class BodyLimit:
    """413 for a body over the limit, whether its length was told in advance or not."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self.app, self.limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        if told is not None and (not told.isdigit() or int(told) > self.limit_bytes):
            await self._too_large(scope)(scope, receive, send)
            return
        taken = 0
        answered = False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.limit_bytes:
                raise _TooLarge()
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if taken <= self.limit_bytes:
                answered = True
                await send(message)

        with suppress(_TooLarge):
            await self.app(scope, counted, watched)
        if taken > self.limit_bytes and not answered:
            await self._too_large(scope)(scope, receive, send)

    def _too_large(self, scope: Scope) -> Response:
        return web.refusal(Request(scope), 413, {"Connection": "close"})


class _TooLarge(HTTPException):
    """A refusal and no bug, wherever on its way up somebody looks at it."""

    def __init__(self) -> None:
        super().__init__(413)
