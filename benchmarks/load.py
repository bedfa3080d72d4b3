"""Lean clients: a few sockets, one request in the air on each, all of them made before the clock starts.

One thread with epoll, so that what is measured is the door and not the one who knocks.
"""

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

READ_BYTES = 65536


class Wire(Protocol):
    """How an answer of this protocol ends, and whether it is a good one."""

    def complete(self, answer: bytes) -> bool: ...
    def accepted(self, answer: bytes) -> bool: ...


class Mllp:
    def complete(self, answer: bytes) -> bool:
        return answer.endswith(b"\x1c\r")

    def accepted(self, answer: bytes) -> bool:
        return b"\rMSA|AA|" in answer


class Http:
    """HTTP/1.1 with a Content-Length; `marker` must be in a good answer's body."""

    def __init__(self, *, marker: bytes = b"") -> None:
        self._marker = marker

    def complete(self, answer: bytes) -> bool:
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            return False
        at = answer.lower().find(b"content-length:", 0, head)
        return len(answer) >= head + 4 + int(answer[at + 15 : answer.index(b"\r\n", at)])

    def accepted(self, answer: bytes) -> bool:
        return answer.startswith(b"HTTP/1.1 2") and self._marker in answer


@dataclass
class Result:
    """Seconds of wall clock, one latency (seconds) an accepted answer, the first answer that was not accepted."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    first_refusal: bytes = b""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, percent: int) -> float:
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class _Line:
    def __init__(self, address: tuple[str, int], source: str | None) -> None:
        self.socket = socket.create_connection(address, 30, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""
        self.asked_at = 0.0

    def ask(self, request: bytes, at: float) -> None:
        self.answer, self.asked_at = b"", at
        self.socket.sendall(request)


def drive(
    address: tuple[str, int],
    wire: Wire,
    requests: Iterator[bytes],
    *,
    clients: int,
    seconds: float,
    source: str | None,
    rate: float | None = None,
) -> Result:
    """Keep `clients` requests in the air for `seconds`, or until there are none left.

    With a `rate` they come evenly, so many a second, and a latency counts from when its request was due, also when
    every client was still waiting then.
    """
    lines = [_Line(address, source) for _ in range(clients)]
    idle, result = list(lines), Result()
    with selectors.EpollSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
        began = due = time.perf_counter()
        request = next(requests, None)
        while request is not None or len(idle) < len(lines):
            now = time.perf_counter()
            while idle and request is not None and now >= due:
                idle.pop().ask(request, due if rate else time.perf_counter())
                due += 1 / rate if rate else 0
                request = next(requests, None) if now - began < seconds else None
            pause = max(0.0, due - now) if rate and idle and request is not None else 30
            for key, _ in selector.select(pause):
                line = key.data
                data = line.socket.recv(READ_BYTES)
                line.answer += data
                if data and not wire.complete(line.answer):
                    continue
                _note(result, wire, line, time.perf_counter())
                if data:
                    idle.append(line)
                else:
                    selector.unregister(line.socket)
                    lines.remove(line)
        result.seconds = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return result


def _note(result: Result, wire: Wire, line: _Line, now: float) -> None:
    if wire.accepted(line.answer):
        result.latencies.append(now - line.asked_at)
    else:
        result.refused += 1
        result.first_refusal = result.first_refusal or line.answer or b"the connection was closed"
