"""`make run` as somebody types it who has just cloned the project: nothing there but Python and make."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.test_cli_running import STOP_SECONDS, alive, status, wait_for

ROOT = Path(__file__).parents[2]
FIRST_START_SECONDS = 180
LATER_START_SECONDS = 10


def crowd() -> float:
    """How many want each core of this machine; 1 when it is ours alone. Others' work must not look like ours."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Checkout:
    """A copy of the files that are committed, with a home for the data beside it."""

    def __init__(self, folder: Path) -> None:
        self.code, self.home = folder / "onecard", folder / "home"
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            (self.code / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.code / name)

    def make_run(self) -> tuple[subprocess.Popen[bytes], dict[str, Any], float]:
        """Type it and wait for the page a citizen signs in at; the process, what it says of itself, and the seconds."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ONECARD_", "MAKE", "MFLAGS"))
        }
        begun = time.monotonic()
        process = subprocess.Popen(
            ["make", "run"],
            cwd=self.code,
            env={**kept, "ONECARD_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        facts = wait_for(lambda: self._up(process), 4 * FIRST_START_SECONDS)
        assert status(facts["addresses"]["citizen"] + "sign-in") == 200
        return process, facts, time.monotonic() - begun

    def _up(self, process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
        assert process.poll() is None, "it ended by itself"
        try:
            facts: dict[str, Any] = json.loads((self.home / "region.json").read_text())
        except (OSError, ValueError):
            return None
        return facts if alive(facts["pid"]) else None


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    folder = Path(tempfile.mkdtemp(prefix="onecard-fresh-"))
    folder.chmod(0o755)
    yield Checkout(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_make_run_from_nothing_then_again_and_ctrl_c_ends_every_process(checkout: Checkout) -> None:
    took = []
    for _ in ("first", "later"):
        process, facts, seconds = checkout.make_run()
        took.append(seconds)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS)
        assert [name for name, pid in facts["processes"].items() if alive(pid)] == []
        assert not alive(facts["pid"])
        assert not (checkout.home / "region.json").exists()
    assert took[0] < FIRST_START_SECONDS * crowd()
    assert took[1] < LATER_START_SECONDS * crowd(), took
