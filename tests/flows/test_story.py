"""The day as a whole, as `onecard story` lives it: on an empty place, then again on the data of the first."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ONECARD = (sys.executable, "-c", "from adapters.cli import main; main()")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of this test's own; the story keeps its region beside it."""
    base = Path("/var/lib/onecard-tests") if os.geteuid() == 0 else Path(os.environ.get("TMPDIR", "/tmp"))
    folder = base / f"home-{uuid.uuid4().hex[:8]}"
    yield folder
    for each in (folder, folder.with_name(f"{folder.name}-story")):
        shutil.rmtree(each, ignore_errors=True)


@pytest.mark.slow
def test_the_day_passes_twice_on_the_same_data(home: Path) -> None:
    environment = {**os.environ, "ONECARD_HOME": str(home)}
    for _ in range(2):
        done = subprocess.run([*ONECARD, "story"], env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.rstrip().endswith("17 passed, 0 failed")
