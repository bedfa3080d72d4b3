"""Our side of a conversation with a receiver: one message in flight, its answer matched by MSA-2 only.

Connections are kept between messages. One on which an answer did not come in time is closed, so a late
acknowledgement can never be taken for that of the next message.
"""

import contextlib
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

from adapters.hl7v2 import er7
from adapters.hl7v2.er7 import Message, Unreadable
from adapters.hl7v2.mllp import Frame, Framer, frame

CONNECT_SECONDS = 5.0
READ_BYTES = 64 * 1024


class NoAnswer(Exception):
    """No connection, or no answer in time: whether the peer took the message is not known."""


class Connection:
    """A connection to one receiver. Not for two threads at once; `Pool` hands them out."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._socket = socket.create_connection((host, port), CONNECT_SECONDS)
        except OSError as trouble:
            raise NoAnswer(f"cannot connect to {host}:{port}: {trouble}") from trouble
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._framer = Framer()

    def send(self, message: bytes, *, control_id: str, timeout_seconds: float) -> Message:
        """Send a message and wait for the answer whose MSA-2 is `control_id`; others are thrown away.

        Raises NoAnswer; the connection is closed then.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            self._socket.settimeout(timeout_seconds)
            self._socket.sendall(frame(message))
            return self._answer_to(control_id, deadline)
        except OSError as trouble:
            self.close()
            raise NoAnswer(str(trouble) or type(trouble).__name__) from trouble
        except NoAnswer:
            self.close()
            raise

    def is_quiet(self) -> bool:
        """False when the peer has closed, or has sent something that nobody waits for."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return not readable

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _answer_to(self, control_id: str, deadline: float) -> Message:
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise NoAnswer("the peer closed the connection")
            for event in self._framer.feed(data):
                if not isinstance(event, Frame):
                    continue
                with contextlib.suppress(Unreadable):
                    answer = er7.read(event.body)
                    if answer["MSA"].text(2) == control_id:
                        return answer
            if time.monotonic() >= deadline:
                raise NoAnswer("no answer to this message in time")


class Pool:
    """Idle connections by receiver. `with pool.take(host, port) as connection: ...`"""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[Connection]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def take(self, host: str, port: int) -> Iterator[Connection]:
        """A connection for one message; it goes back unless that failed. Raises NoAnswer."""
        connection = self._quiet(host, port) or Connection(host, port)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle[(host, port)].append(connection)

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def _quiet(self, host: str, port: int) -> Connection | None:
        while True:
            with self._lock:
                idle = self._idle[(host, port)]
                connection = idle.pop() if idle else None
            if connection is None or connection.is_quiet():
                return connection
            connection.close()
