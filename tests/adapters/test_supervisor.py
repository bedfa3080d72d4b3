"""Processes are started, started again, and ended; ports are held or refused."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal

import pytest

from adapters.supervisor import CannotStart, Child, RegionRuns, Supervisor, free_port, only_one, reserve

ANSWERS = "import sys; print('ready', flush=True); sys.stdin.read()"
HANGS = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> object:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def python(name: str, code: str) -> Child:
    return Child(name, [sys.executable, "-c", code])


def test_leaving_the_block_ends_every_child_even_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.supervisor.PATIENCE_SECONDS", 0.5)
    children = [python("good", ANSWERS), python("hanging", HANGS)]
    with Supervisor(children) as supervisor:
        supervisor.wait_until_ready()
    assert [child.process.returncode for child in children if child.process] == [-signal.SIGTERM, -signal.SIGKILL]


def test_a_child_that_dies_is_started_again() -> None:
    child = python("mortal", ANSWERS)
    pids = []
    with Supervisor([child]) as supervisor:
        supervisor.wait_until_ready()
        assert child.process is not None
        pids.append(child.process.pid)
        child.process.kill()

        def revived() -> None:
            assert child.process is not None
            pids.append(child.process.pid)
            supervisor.stopping.set()

        supervisor.watch(revived)
        supervisor.children[0].ready.wait(10)
    assert len(set(pids)) == 2


def test_a_child_goes_when_its_supervisor_is_killed() -> None:
    script = (
        "import sys, time; from adapters.supervisor import Child, Supervisor\n"
        f"child = Child('child', [sys.executable, '-c', {ANSWERS!r}])\n"
        "with Supervisor([child]) as s:\n    s.wait_until_ready(); print(child.process.pid, flush=True); time.sleep(60)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    assert _gone(pid)


def test_a_child_that_never_answers_is_named_with_where_to_look(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(CannotStart, match=f"broken did not start; see {log}"),
        Supervisor([python("broken", "raise SystemExit('no')")], log=log) as supervisor,
    ):
        supervisor.wait_until_ready()
    assert "no" in log.read_text()


def test_a_taken_port_is_refused_by_name_or_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with (
            pytest.raises(CannotStart, match=f"port {taken} for HTTP is taken"),
            reserve("127.0.0.1", taken, what="HTTP"),
        ):
            pass
        assert free_port("127.0.0.1", taken) != taken


def test_a_port_is_held_for_the_workers_who_share_it() -> None:
    with reserve("127.0.0.1", 0, what="HTTP") as port:
        with pytest.raises(CannotStart), reserve("127.0.0.1", port, what="HTTP"):
            pass
        with socket.socket() as worker, socket.socket() as another:
            for listener in (worker, another):
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                listener.bind(("127.0.0.1", port))
                listener.listen()


@pytest.mark.parametrize("role", ["region", "command"])
def test_a_folder_belongs_to_one_region_at_a_time(role: Literal["region", "command"], tmp_path: Path) -> None:
    with (
        only_one(tmp_path, role="region"),
        pytest.raises(RegionRuns, match=f"process {os.getpid()}"),
        only_one(tmp_path, role=role),
    ):
        pass


def test_whoever_comes_while_a_command_works_waits_for_it(tmp_path: Path) -> None:
    order = []

    def region() -> None:
        with only_one(tmp_path, role="region"):
            order.append("region")

    thread = threading.Thread(target=region)
    with only_one(tmp_path, role="command"):
        thread.start()
        time.sleep(0.2)
        order.append("command")
    thread.join()
    assert order == ["command", "region"]


def _gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
