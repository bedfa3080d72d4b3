"""The MLLP server: sockets on asyncio, the work in a few threads, one message at a time per connection.

A connection that says nothing costs a few kilobytes and no thread. At the size limit the answer is AR
and the connection closes; bytes that are no frame are kept and the connection closes.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from adapters import door
from adapters.hl7v2 import inbound
from adapters.hl7v2.mllp import KEPT_BYTES, LIMIT_BYTES, Cut, Event, Frame, Framer, Garbage, Oversized, frame

READ_BYTES = 64 * 1024
GARBAGE_PATIENCE_SECONDS = 2.0
"""How long bytes outside a frame may stand alone before they are taken for no MLLP at all."""
SEND_PATIENCE_SECONDS = 30.0
"""How long a peer may refuse to read our answer."""
LAST_WORDS_SECONDS = 10.0
"""How long messages in hand may take once the process is asked to stop."""


async def serve(
    listener: socket.socket, *, threads: int = 8, stop: asyncio.Event, limit_bytes: int = LIMIT_BYTES
) -> None:
    """Take connections on a listening socket until `stop`; messages in hand are finished and acknowledged."""
    connections: set[_Connection] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="mllp") as pool:

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = _Connection(reader, writer, pool, limit_bytes)
            connections.add(connection)
            try:
                await connection.converse()
            finally:
                connections.discard(connection)

        server = await asyncio.start_server(converse, sock=listener, limit=READ_BYTES)
        await stop.wait()
        server.close()
        tasks = [connection.stop() for connection in connections]
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)


class _Connection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pool: ThreadPoolExecutor, limit_bytes: int
    ) -> None:
        self._reader, self._writer, self._pool = reader, writer, pool
        self._framer = Framer(limit_bytes=limit_bytes)
        self._address: str = writer.get_extra_info("peername")[0]
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._working = self._ending = False
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    async def converse(self) -> None:
        """Read, answer, read on, until one side ends it."""
        try:
            while not self._ending and (data := await self._read()):
                for event in self._framer.feed(data):
                    await self._take(event)
            for event in self._framer.close():
                await self._take(event)
        except (ConnectionError, TimeoutError):
            pass
        except asyncio.CancelledError:  # asked to stop while idle; anything else is not ours to swallow
            if not self._ending:
                raise
        except Exception:  # no answer is a plain word too: the peer sends it again
            door.log.exception("mllp connection", address=self._address)
        finally:
            self._writer.close()
            with contextlib.suppress(Exception):
                await self._writer.wait_closed()

    def stop(self) -> "asyncio.Task[object]":
        """End after the message in hand; at once when there is none."""
        self._ending = True
        if not self._working:
            self._task.cancel()
        return self._task

    async def _read(self) -> bytes:
        patience = GARBAGE_PATIENCE_SECONDS if self._framer.holds_garbage else None
        try:
            return await asyncio.wait_for(self._reader.read(READ_BYTES), patience)
        except TimeoutError:
            return b""

    async def _take(self, event: Event) -> None:
        self._working = True
        try:
            match event:
                case Frame(body):
                    await self._work(lambda: inbound.receive(body, address=self._address))
                case Oversized():
                    self._ending = True
                    await self._work(lambda: inbound.refuse_oversized(event, address=self._address))
                case Cut(body):
                    await self._work(lambda: inbound.keep(body, "cut before its end", address=self._address))
                case Garbage(body):
                    self._ending = self._ending or len(body) >= KEPT_BYTES
                    await self._work(lambda: inbound.keep(body, "outside any frame", address=self._address))
        finally:
            self._working = False

    async def _work(self, answers: Callable[[], Iterable[bytes]]) -> None:
        """Run a message in a thread; each answer is handed to the socket as soon as it is yielded."""

        def run() -> None:
            for answer in answers():
                self._loop.call_soon_threadsafe(self._send, frame(answer))

        await self._loop.run_in_executor(self._pool, run)
        await asyncio.wait_for(self._writer.drain(), SEND_PATIENCE_SECONDS)

    def _send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)
