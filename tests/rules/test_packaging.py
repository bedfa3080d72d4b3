"""What a fresh machine installs: locked, hashed, from whichever registry it has been told to use."""

import hashlib
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
REGISTRIES = re.compile(r"https?://[^\s\"']*(pypi|pythonhosted|npmjs|crates\.io|maven|debian\.org/debian|index)", re.I)
LIMITS = {
    "book.pgb": "7d050129183f17cc",
    "hear.pgb": "2dbe252c7e459abf",
    "schema.sql": "c00c9f1dd87d8da6",
    "settle.pgb": "598c32d4c6cfb714",
}


def test_every_lock_holds_names_versions_and_hashes_only() -> None:
    for lock in LOCKS:
        for line in lock.read_text().splitlines():
            requirement = re.fullmatch(r"[a-z0-9][a-z0-9.\-]*(\[[a-z,]+\])?==[^ ]+( ;[^\\]+)? \\", line)
            assert requirement or re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), f"{lock.name}: {line}"


def test_tests_and_extras_run_what_production_runs() -> None:
    production = _versions(ROOT / "requirements/run.lock")
    for name in ("test", "extras"):
        lock = _versions(ROOT / f"requirements/{name}.lock")
        assert {package: lock.get(package) for package in production} == production


def test_no_committed_file_names_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    wrong = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            text = path.read_bytes().decode("utf8", errors="ignore")
            wrong += [f"{name}: {found.group()}" for found in REGISTRIES.finditer(text)]
    assert wrong == []


def test_the_reference_workloads_are_the_agreed_ones() -> None:
    """A change needs a reason in ARCHITECTURE.md and new figures for both sides."""
    digests = {p.name: hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in (ROOT / "benchmarks/limits").iterdir()}
    assert digests == LIMITS


def _versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.\-]+)(?:\[[a-z,]+\])?==([^ ]+)", lock.read_text(), re.M))
