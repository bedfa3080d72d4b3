"""The minimal lower layer protocol (MLLP release 1), without I/O: bytes in, events out.

    framer = Framer()
    framer.feed(b"...")  ->  [Frame(body), Garbage(body), Cut(body), Oversized(head, length, digest)]
    framer.close()       ->  what was left half done

A frame is VT, the message, FS, CR. The CR after FS is not waited for, since some senders leave it out.
"""

import hashlib
from typing import NamedTuple, TypeAlias

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
LIMIT_BYTES = 10 * 1024 * 1024
KEPT_BYTES = 64 * 1024
"""How much of garbage or of a message over the limit is kept for operations."""


class Frame(NamedTuple):
    body: bytes


class Garbage(NamedTuple):
    """Bytes outside any frame, at most KEPT_BYTES of them."""

    body: bytes


class Cut(NamedTuple):
    """A frame that ended without FS: the connection closed, or another frame began."""

    body: bytes


class Oversized(NamedTuple):
    """A frame over the limit: its first KEPT_BYTES, and the length and SHA-256 of what had come by then."""

    head: bytes
    length: int
    digest: bytes


Event: TypeAlias = Frame | Garbage | Cut | Oversized


_HARMLESS = b"\r\n\0 "


def frame(body: bytes) -> bytes:
    return VT + body + FS + CR


class Framer:
    """One direction of one connection. After Oversized it takes nothing more: the connection must be closed."""

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._inside = False
        self._looked = 0  # bytes of the buffer that hold neither VT nor FS
        self.closed = False

    @property
    def holds_garbage(self) -> bool:
        """True while bytes outside any frame wait for a VT that would end them."""
        return not self._inside and bool(self._buffer.strip(_HARMLESS))

    def feed(self, data: bytes) -> list[Event]:
        """Every event that these bytes complete, in order."""
        if self.closed:
            return []
        self._buffer += data
        events: list[Event] = []
        while not self.closed and (self._take_frame(events) if self._inside else self._take_outside(events)):
            pass
        return events

    def close(self) -> list[Event]:
        """The peer has gone: what was begun and never ended."""
        if self.closed:
            return []
        rest, self.closed = bytes(self._buffer), True
        self._buffer.clear()
        if self._inside:
            return [Cut(rest)]
        return [Garbage(rest[:KEPT_BYTES])] if rest.strip(_HARMLESS) else []

    def _take_outside(self, events: list[Event]) -> bool:
        """Look for VT; line ends, blanks and NULs between frames (keep-alives) are no garbage."""
        start = self._buffer.find(VT, self._looked)
        if start < 0:
            self._looked = len(self._buffer)
            if self._looked >= KEPT_BYTES:
                self._drop_garbage(events, self._looked)
            return False
        self._drop_garbage(events, start)
        del self._buffer[:1]
        self._inside, self._looked = True, 0
        return True

    def _take_frame(self, events: list[Event]) -> bool:
        """Look for FS; a VT before it means that the frame before was cut."""
        end = self._buffer.find(FS, self._looked)
        again = self._buffer.find(VT, self._looked, end if end >= 0 else len(self._buffer))
        if again >= 0:
            events.append(Cut(bytes(self._buffer[:again])))
            del self._buffer[: again + 1]
            self._looked = 0
            return True
        if (end if end >= 0 else len(self._buffer)) > self._limit:
            body = bytes(self._buffer if end < 0 else self._buffer[:end])
            events.append(Oversized(body[:KEPT_BYTES], len(body), hashlib.sha256(body).digest()))
            self._buffer.clear()
            self.closed = True
            return False
        if end < 0:
            self._looked = len(self._buffer)
            return False
        events.append(Frame(bytes(self._buffer[:end])))
        del self._buffer[: end + 1]
        self._inside, self._looked = False, 0
        return True

    def _drop_garbage(self, events: list[Event], length: int) -> None:
        garbage = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._looked = 0
        if garbage.strip(_HARMLESS):
            events.append(Garbage(garbage[:KEPT_BYTES]))
