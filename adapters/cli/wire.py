"""`onecard send`: messages over MLLP as a hospital's system would send them."""

import contextlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path

from adapters.hl7v2.mllp import Frame, Framer, frame
from adapters.settings import Settings
from adapters.supervisor import CannotStart

ANSWER_SECONDS = 30


def send(files: Sequence[Path], *, to: str | None, source: str | None) -> None:
    host, port = _target(to)
    messages = [_message(file) for file in files]
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS, (source or _spoken_from(messages[0]), 0)) as line:
            for message in messages:
                line.sendall(frame(message))
                print(_answer(line).decode(errors="replace").replace("\r", "\n").rstrip("\n"))
    except OSError as trouble:
        raise CannotStart(f"{host}:{port}: {trouble}") from trouble


def _message(file: Path) -> bytes:
    """Segments end with CR on the wire, however the file was saved."""
    lines = file.read_bytes().replace(b"\r\n", b"\r").replace(b"\n", b"\r").strip(b"\r")
    return lines + b"\r"


def _answer(line: socket.socket) -> bytes:
    framer = Framer()
    while data := line.recv(65536):
        for event in framer.feed(data):
            if isinstance(event, Frame):
                return event.body
    raise CannotStart("the hub closed the connection without an answer")


def _target(to: str | None) -> tuple[str, int]:
    if to is None:
        settings = Settings()
        with contextlib.suppress(OSError, KeyError):
            to = json.loads(settings.secrets_file.read_text())["addresses"]["mllp"].removeprefix("mllp://")
        to = to or f"{settings.host}:{settings.mllp_port}"
    host, _, port = to.rpartition(":")
    if not host or not port.isdecimal():
        raise CannotStart(f"--to {to}: write HOST:PORT")
    return host, int(port)


def _spoken_from(message: bytes) -> str:
    """The address that the demonstration knows the sender (MSH-4) by; any address for other regions."""
    try:
        systems = json.loads(Settings().secrets_file.read_text())["systems"]
        facility = message.split(b"|")[3].split(b"^")[0].decode()
        return next(s["mllp"]["host"] for s in systems.values() if s.get("mllp", {}).get("facility") == facility)
    except (OSError, KeyError, IndexError, ValueError, StopIteration):
        return ""
