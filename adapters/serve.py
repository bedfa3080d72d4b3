"""One worker: HTTP, MLLP, delivery and jobs in one process. `python -m adapters.serve`, started by the supervisor.

Workers are alike and keep nothing: they share the ports (SO_REUSEPORT) and meet only in the database.
asyncio is at the sockets; whatever touches the database runs in threads.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator

import uvicorn
import uvloop

from adapters import door
from adapters.app import create_app
from adapters.keys import load_keyring
from adapters.settings import FACES, Face, Settings
from adapters.supervisor import READY

BACKLOG = 1024


class Server(uvicorn.Server):
    """Several of them live in one process, so none of them may take the signals for itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Serve until the supervisor says stop or is gone."""
    announce = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the pipe is for one word; logs go with the errors
    settings = Settings()
    if settings.database_url is None:
        raise SystemExit("a worker needs ONECARD_DATABASE_URL: start it with `onecard serve`")
    door.open_house(settings, settings.database_url.get_secret_value(), load_keyring(settings.keys_folder))
    uvloop.run(serve(settings, lambda: os.write(announce, f"{READY}\n".encode())))


async def serve(settings: Settings, ready: Callable[[], object]) -> None:
    stop = asyncio.Event()
    _listen_for_the_end(stop)
    servers = [_http_server(settings, port, faces) for port, faces in _ports(settings)]
    tasks = [asyncio.create_task(server.serve([_shared_socket(settings.host, port)])) for port, server in servers]
    with contextlib.ExitStack() as stack:
        if settings.background:
            tasks.append(asyncio.create_task(_mllp(settings, stop)))
            stack.enter_context(background(settings))
        finished = asyncio.gather(*tasks)
        while not (stop.is_set() or finished.done() or all(server.started for _, server in servers)):
            await asyncio.sleep(0.02)
        leave_to_stay()
        with contextlib.suppress(BrokenPipeError):  # the supervisor is gone already; so are we, in a moment
            ready()
        await asyncio.wait([asyncio.create_task(stop.wait()), finished], return_when=asyncio.FIRST_COMPLETED)
        for _, server in servers:
            server.should_exit = True
        await finished


def leave_to_stay() -> None:
    """Take what the process has made so far out of garbage collection, and collect the rest less often.

    Modules, routes and tables live as long as the process; looking through them takes a fifth of a second each time,
    in which no call is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _mllp(settings: Settings, stop: asyncio.Event) -> None:
    from adapters.hl7v2.server import serve as serve_mllp

    await serve_mllp(_shared_socket(settings.host, settings.mllp_port), threads=settings.mllp_threads, stop=stop)


@contextlib.contextmanager
def background(settings: Settings) -> Iterator[None]:
    """Delivery and jobs, in threads that end with the block."""
    from adapters import jobs
    from adapters.delivery.loop import Delivery

    stop = threading.Event()
    owner = f"{socket.gethostname()}/{os.getpid()}"
    worker = threading.Thread(target=jobs.run, args=(stop,), kwargs={"owner": owner}, name="jobs")
    delivery = Delivery(settings.delivery_threads) if settings.delivery_threads else None
    worker.start()
    if delivery:
        delivery.start()
    try:
        yield
    finally:
        stop.set()
        if delivery:
            delivery.stop()
        worker.join()


def _ports(settings: Settings) -> list[tuple[int, frozenset[Face]]]:
    """Every port with the faces it shows."""
    if settings.doors:
        return [(port, frozenset({face})) for face, port in settings.doors.items()]
    return [(settings.http_port, frozenset(FACES))]


def _http_server(settings: Settings, port: int, faces: frozenset[Face]) -> tuple[int, Server]:
    config = uvicorn.Config(
        create_app(faces=faces),
        loop="none",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return port, Server(config)


def _shared_socket(host: str, port: int) -> socket.socket:
    """A listening socket that every worker has one of; the kernel spreads the connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _listen_for_the_end(stop: asyncio.Event) -> None:
    """SIGTERM, or the end of standard input: the supervisor holds the other end of it."""
    loop, lifeline = asyncio.get_running_loop(), sys.stdin.fileno()

    def cut() -> None:
        loop.remove_reader(lifeline)
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(lifeline, cut)


if __name__ == "__main__":
    main()
