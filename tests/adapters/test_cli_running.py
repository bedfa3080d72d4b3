"""`onecard serve` and `onecard demo` as processes: started, hurt, ended."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.quick_skip

ONECARD = str(Path(sys.executable).with_name("onecard"))
START_SECONDS = 120
STOP_SECONDS = 40


class Region:
    """One home, and the process that runs in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> dict[str, Any]:
        """Run the command and wait for what `onecard info` says of it."""
        if self._process is not None:
            self._process.wait()
        with (self.home.parent / "out.log").open("ab") as out:
            self._process = subprocess.Popen(
                [ONECARD, *words], env=self._environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        return wait_for(self._info, START_SECONDS, self._said)

    def end(self, number: int = signal.SIGINT) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([ONECARD, *words], env=self._environment(), capture_output=True, text=True)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ONECARD_")}
        return {**kept, "ONECARD_HOME": str(self.home), "ONECARD_MLLP_PORT": "0", "ONECARD_WORKERS": "2"}

    def _info(self) -> dict[str, Any] | None:
        assert self._process is not None
        assert self._process.poll() is None, self._said()
        with contextlib.suppress(OSError, ValueError):
            facts: dict[str, Any] = json.loads((self.home / "region.json").read_text())
            return facts if facts["pid"] == self._process.pid else None
        return None

    def _said(self) -> str:
        return (self.home.parent / "out.log").read_text(errors="replace")[-2000:]


@pytest.fixture
def region() -> Iterator[Region]:
    folder = Path(tempfile.mkdtemp(prefix="onecard-region-"))
    folder.chmod(0o755)
    region = Region(folder / "home")
    yield region
    if region._process is not None and region._process.poll() is None:
        region.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_each_face_has_its_own_port_and_ctrl_c_ends_every_process(region: Region) -> None:
    facts = region.start("serve", "--doors", "citizen=0", "--doors", "operations=0")
    assert set(facts["addresses"]) == {"citizen", "operations"}
    assert status(facts["addresses"]["citizen"] + "health/ready") == 200
    ports = {name: urlsplit(address).port for name, address in facts["addresses"].items()}
    assert ports["citizen"] != ports["operations"]
    assert status(f"http://127.0.0.1:{ports['citizen']}/ops") == 404
    assert region.end() == 0
    assert [name for name, pid in facts["processes"].items() if alive(pid)] == []
    assert "no region runs" in region.run("info").stderr


def test_a_killed_worker_is_replaced_and_a_killed_supervisor_leaves_nothing_behind_but_data(region: Region) -> None:
    facts = region.start("serve", "--doors", "hospital=0")
    pid = facts["processes"]["worker-1"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: info(region)["processes"]["worker-1"] != pid, START_SECONDS)
    facts = info(region)
    os.kill(facts["pid"], signal.SIGKILL)
    workers = {name: pid for name, pid in facts["processes"].items() if name != "postgres"}
    wait_for(lambda: not any(alive(pid) for pid in workers.values()), STOP_SECONDS)

    again = region.start("serve", "--doors", "hospital=0")
    assert again["processes"]["postgres"] == facts["processes"]["postgres"], "the database it left is taken over"
    assert status(again["addresses"]["workbench"].removesuffix("/desk") + "/health/ready") == 200
    assert region.end(signal.SIGTERM) == 0
    assert not alive(again["processes"]["postgres"])


def test_two_regions_in_one_folder_and_a_taken_port_are_refused_with_what_to_do(region: Region) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        refused = region.run("serve", "--doors", f"citizen={taken}")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert f"port {taken} for the citizen face is taken" in refused.stderr
    facts = region.start("serve", "--doors", "citizen=0")
    second = region.run("serve", "--doors", "citizen=0")
    assert second.returncode == 1
    assert f"already runs in {region.home} (process {facts['pid']})" in second.stderr
    assert region.run("migrate").returncode == 0, "a command uses the region's database"


def test_the_demonstration_tells_where_everything_is_keeps_its_data_and_starts_over(region: Region) -> None:
    first = region.start("demo", "--free-ports")
    assert {"citizen", "workbench", "fhir", "api", "api_docs", "bureau", "operations", "mllp"} <= set(
        first["addresses"]
    )
    assert (region.home / "region.json").stat().st_mode & 0o777 == 0o600
    sent = region.run("send", str(Path("fixtures/wire/hl7v2/adt-a28_new-citizen.request.hl7").absolute()))
    assert "MSA|AA|" in sent.stdout, sent.stderr
    assert region.end() == 0

    second = region.start("demo", "--free-ports")
    assert (second["citizens"], second["staff"]) == (first["citizens"], first["staff"])
    assert region.run("send", "fixtures/wire/hl7v2/adt-a28_new-citizen.request.hl7").stdout == sent.stdout
    region.end()

    fresh = region.start("demo", "--free-ports", "--fresh")
    assert fresh["staff"] != first["staff"]
    assert region.end() == 0
    assert [name for name, pid in fresh["processes"].items() if alive(pid)] == []


@pytest.mark.slow
def test_a_restored_backup_lives_the_same_day(region: Region) -> None:
    """`onecard story` runs its region in the folder beside ONECARD_HOME that ends in -story."""
    region.start("demo", "--free-ports")
    backup = region.home.parent / "region.backup"
    assert region.run("backup", str(backup)).returncode == 0
    region.end()
    restored = Region(region.home.with_name("restored-story"))
    done = restored.run("restore", str(backup), "--key", str(region.home / "keys/master.key"))
    assert done.returncode == 0, done.stderr
    shutil.copy(region.home / "demo.json", restored.home / "demo.json")
    told = Region(region.home.with_name("restored")).run("story")
    assert told.returncode == 0, told.stdout
    assert "17 passed, 0 failed" in told.stdout


def info(region: Region) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(region.run("info").stdout)
    return facts


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def alive(pid: int) -> bool:
    """A process that has ended and waits for its parent is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(found: Callable[[], Any], seconds: float, trouble: Callable[[], str] = lambda: "") -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"waited in vain; {trouble()}")
