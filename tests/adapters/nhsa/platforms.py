"""The simulated platform in a process of its own, steered from a test."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.region import TERTIARY

AREA = "429900"
SECRET = "a secret of the tests"
ITEMS = {
    "S-BED-01": ["A", {}],
    "D-EX-0001": ["B", {}],
    "S-ESC-01": ["C", {}],
    "S-ECHO-01": ["A", {"3": "850.00"}],
}


def psn_no(serial: int) -> str:
    return f"{AREA}{serial:020d}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Platform:
    """Started, stopped and started again; what it knows survives in its folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/platform"
        people = [{"psn_no": psn_no(n), "insutype": "310", "balance": "100.00"} for n in range(1, 10)]
        people.append({"psn_no": psn_no(11), "insutype": "310", "deductible_borne": "300.00"})
        people.append({"psn_no": psn_no(12), "insutype": "310", "blocked": True})
        config = {"port": self.port, "area": AREA, "access_key": "hub", "secret": SECRET, "folder": str(folder)}
        self.config = folder / "config.json"
        self.config.write_text(json.dumps(config | {"people": people, "items": ITEMS, "levels": {TERTIARY: "3"}}))
        self.control = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=10)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "fixtures.simulators.platform", "--config", str(self.config)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self.control.close()

    def feel(self, **mood: Any) -> None:
        assert self.control.post("/mood", json=mood).status_code == 200

    def reset(self) -> None:
        if self.process.poll() is not None:
            self.start()
        assert self.control.post("/reset").status_code == 204

    def settlements(self) -> list[tuple[str, bool]]:
        """Message ids of what it has settled, and whether each is a taking back."""
        return [(row["msgid"], row["refund"]) for row in self.control.get("/settlements").json()]

    def heard(self) -> list[str]:
        return [row["infno"] for row in self.control.get("/heard").json()]
