"""Starts every process of a region, starts again what dies, and ends them all.

Each child has a pipe from us as its standard input: when we are gone it reads the end of it and goes
too, even if we were killed. A child says "ready" on its standard output once it answers.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal, TextIO

READY = "ready"
START_SECONDS = 60
PATIENCE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 10
LONG_LIFE_SECONDS = 60


class CannotStart(Exception):
    """Says what stands in the way and what to do."""


class RegionRuns(CannotStart):
    """Another process runs a region in the folder."""


@dataclass
class Child:
    """A process to keep alive. `command` is run with `environment` added to ours."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    ready: threading.Event = field(default_factory=threading.Event, init=False)
    deaths: int = field(default=0, init=False)
    started_at: float = field(default=0, init=False)
    start_again_at: float = field(default=0, init=False)

    def start(self, log: int | None) -> None:
        self.bury()
        self.ready.clear()
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            process_group=0,  # Ctrl-C in the terminal reaches us alone
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as said:
            for line in said:
                if line.strip() == READY:
                    self.ready.set()

    def bury(self) -> None:
        """Wait for what has ended and let its pipe go."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """`with Supervisor(children, log=...) as s: s.wait_until_ready(); s.watch()`; leaving the block ends them all."""

    def __init__(self, children: list[Child], *, log: Path | None = None) -> None:
        self.children = children
        self.stopping = threading.Event()
        self._log = log

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked_to_stop)
        with self._log_file() as log:
            for child in self.children:
                child.start(log)
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Raises CannotStart when a child dies or says nothing."""
        deadline = time.monotonic() + seconds
        for child in self.children:
            while not child.ready.wait(0.05) and not self.stopping.is_set():
                if not child.alive() or time.monotonic() > deadline:
                    where = f"; see {self._log}" if self._log else ""
                    raise CannotStart(f"{child.name} did not start{where}")

    def watch(
        self, revived: Callable[[], None] = lambda: None, *, revive_database: Callable[[], bool] = lambda: False
    ) -> None:
        """Start again what dies, until somebody asks us to stop; `revived` is called after each new start.

        `revive_database` starts the database again if that has died, and says whether it had to.
        """
        while not self.stopping.wait(0.2):
            if revive_database():
                self._say("the database had ended, and was started again")
                revived()
            for child in self.children:
                if not child.alive() and self._revive(child):
                    revived()

    def end(self) -> None:
        """Ask every child to go, then make it: a hanging child is killed by its process id."""
        running = [child for child in self.children if child.alive()]
        for child in running:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        for child in running:
            assert child.process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
        for child in running:
            if child.alive():
                _signal(child, signal.SIGKILL)
        for child in self.children:
            child.bury()

    def _revive(self, child: Child) -> bool:
        """At once the first time, then after growing pauses; a child that lived long starts counting anew."""
        now = time.monotonic()
        assert child.process is not None
        if child.start_again_at == 0:
            child.deaths = 1 if now - child.started_at > LONG_LIFE_SECONDS else child.deaths + 1
            pause_seconds = min(LONGEST_PAUSE_SECONDS, 2.0 ** (child.deaths - 2) if child.deaths > 1 else 0)
            child.start_again_at = now + pause_seconds
            self._say(f"{child.name} ended with {child.process.returncode}, starting it again")
        if now < child.start_again_at:
            return False
        child.start_again_at = 0
        with self._log_file() as log:
            child.start(log)
        return True

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stopping.is_set():  # asked twice: no more patience
            for child in self.children:
                _signal(child, signal.SIGKILL)
        self.stopping.set()

    def _say(self, sentence: str) -> None:
        with self._log_file() as log:
            os.write(sys.stderr.fileno() if log is None else log, f"{sentence}\n".encode())

    @contextlib.contextmanager
    def _log_file(self) -> Iterator[int | None]:
        if self._log is None:
            yield None
            return
        with self._log.open("ab") as file:
            yield file.fileno()


@contextlib.contextmanager
def only_one(home: Path, *, role: Literal["region", "command"]) -> Iterator[None]:
    """Hold a folder for this process alone: a region for as long as it runs, a command for a moment.

    Waits for commands; raises RegionRuns when a region holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_SECONDS
    with (home / "lock").open("a+") as file:
        while not _locked(file):
            file.seek(0)
            holder, _, pid = file.read().partition(" ")
            if holder == "region" or time.monotonic() > deadline:
                raise RegionRuns(
                    f"a region already runs in {home} (process {pid}): see `onecard info`, "
                    "or set ONECARD_HOME to another folder"
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(f"{role} {os.getpid()}")
        file.flush()
        yield


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def reserve(host: str, port: int, *, what: str, or_another: bool = False) -> Iterator[int]:
    """Hold a port for the workers, who will share it; answers its number.

    Raises CannotStart when it is taken and `or_another` does not allow a free one instead.
    """
    if not _is_free(host, port):
        if not or_another:
            raise CannotStart(f"port {port} for {what} is taken by another program: choose another one")
        port = 0
    with socket.socket() as holder:
        # Bound but not listening: nobody else gets the port, and no connection is queued here.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
        yield holder.getsockname()[1]


def free_port(host: str, port: int) -> int:
    """The same port if nobody has it, else another one. Not held: for processes that bind it alone, at once."""
    with reserve(host, port, what="", or_another=True) as number:
        return number


def _is_free(host: str, port: int) -> bool:
    """Whether we could have the port alone: SO_REUSEPORT would let us share it with a region of our own."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _signal(child: Child, number: int) -> None:
    if child.process is not None and child.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(number)
