"""The real application behind a synchronous httpx client: no socket, every layer."""

import asyncio

import httpx


class InProcess(httpx.BaseTransport):
    """Runs one request through an ASGI app and hands back the whole answer."""

    def __init__(self, app: object, *, client: tuple[str, int] = ("127.0.0.1", 40000)) -> None:
        self.inner = httpx.ASGITransport(app=app, client=client, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._through(request))

    async def _through(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
