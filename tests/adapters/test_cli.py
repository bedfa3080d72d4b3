"""`onecard` as a person types it, without a region running."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.cli.bureau import _report
from adapters.cli.database import embedded
from adapters.cli.showing import verdict
from adapters.settings import Settings
from hub import settlement
from tests.region import numbered

pytestmark = pytest.mark.quick_skip  # each command is a process of its own

COMMANDS = [
    "demo",
    "serve",
    "migrate",
    "backup",
    "restore",
    "story",
    "send",
    "adjudicate",
    "info",
    "faults",
    "jobs",
    "verify",
    "bench",
    "doctor",
    "hospital",
    "staff",
    "packs",
    "enrolments",
]
HOSPITAL = ("--name", "某县医院", "--tier", "county", "--district", "420525")


class Installation:
    """A home of its own; `run` is a command in it."""

    def __init__(self, home: Path, **more: str) -> None:
        self.home, self._more = home, more

    def run(self, *words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ONECARD_")}
        return subprocess.run(
            [Path(sys.executable).with_name("onecard"), *words],
            env={**environment, "ONECARD_HOME": str(self.home), "COLUMNS": "200", **self._more},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "ONECARD_HOME": str(self.home)}
        command = [str(Path(sys.executable).with_name("onecard")), *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="onecard-home-"))
    folder.chmod(0o755)
    yield Installation(folder / "onecard")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def migrated(installation: Installation) -> Installation:
    done = installation.run("migrate")
    assert done.returncode == 0, done.stderr
    return installation


@pytest.fixture(scope="module")
def beside(migrated: Installation) -> Iterator[Installation]:
    """The same with its database up and named, so that no command need start and stop it for itself."""
    with embedded(Settings(home=migrated.home)) as server:
        yield Installation(migrated.home, ONECARD_DATABASE_URL=server.dsn())


def test_help_lists_every_command_quickly(installation: Installation) -> None:
    done = installation.run("--help")
    assert done.returncode == 0
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("│ ") and len(line.split()) > 2}
    assert set(COMMANDS) <= listed
    slow = (
        "import sys; import adapters.cli; print([m for m in ('sqlalchemy', 'fastapi', 'psycopg') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", slow], capture_output=True, text=True).stdout.strip() == "[]"


def test_migrate_is_safe_twice_and_by_two_processes_at_once(migrated: Installation) -> None:
    other = migrated.start("migrate")
    assert migrated.run("migrate").returncode == 0
    _, trouble = other.communicate(timeout=60)
    assert other.returncode == 0, trouble


def test_nothing_runs_so_there_is_no_info(installation: Installation) -> None:
    done = installation.run("info")
    assert done.returncode == 1
    assert "no region runs" in done.stderr


def test_every_fault_is_printed_in_both_languages(installation: Installation) -> None:
    done = installation.run("faults")
    assert done.returncode == 0
    assert "slot-taken" in done.stdout
    assert "fen" not in done.stderr


def test_the_books_of_an_installation_are_verified_check_by_check(migrated: Installation) -> None:
    done = migrated.run("verify")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["fits"] * (len(settlement.CHECKS) + 1)


def test_the_first_row_that_does_not_fit_is_named() -> None:
    check = "a settlement's lines sum to its amounts"
    breaches = [settlement.Breach(check, f"settlement/{n} pool", 7, 8) for n in (3, 4)]
    broken = [line for line in verdict(breaches) if not line.startswith("fits")]
    assert broken == [f"BROKEN   {check}: settlement/3 pool has 7, derived 8"]


def test_the_doctor_finds_a_healthy_installation_well(migrated: Installation) -> None:
    done = migrated.run("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "all is well"


def test_the_doctor_names_a_key_that_others_may_read(migrated: Installation) -> None:
    key = migrated.home / "keys/master.key"
    key.chmod(0o644)
    done = migrated.run("doctor")
    key.chmod(0o600)
    assert done.returncode == 1
    assert f"chmod 600 {key}" in done.stdout


def test_a_hospital_gets_its_credentials_and_its_endpoint(beside: Installation) -> None:
    code = "H42052500999"
    assert beside.run("hospital", "add", code, *HOSPITAL).returncode == 0
    token = beside.run("hospital", "credential", code, "token")
    assert token.returncode == 0
    assert "och_" in token.stdout
    mllp = ("--address", "10.1.2.3", "--application", "HIS", "--facility", code)
    assert "may speak as" in beside.run("hospital", "credential", code, "mllp", *mllp).stdout
    endpoint = beside.run("hospital", "endpoint", code, "10.1.2.3", "2575", "--application", "HIS", "--facility", code)
    assert endpoint.returncode == 0, endpoint.stderr
    webhook = beside.run("hospital", "endpoint", code, "--url", "https://his.example.org/onecard")
    assert "whs_" in webhook.stdout
    for wrong in (("--url", "his.example.org"), ("10.1.2.3",), ("10.1.2.3", "2575", "--url", "https://x.example.org")):
        assert beside.run("hospital", "endpoint", code, *wrong).returncode != 0


def test_a_bureaus_system_gets_the_rights_of_a_bureau_and_a_hospitals_never(beside: Installation) -> None:
    bureau = ("--name", "医保局", "--tier", "bureau", "--district", "420502")
    assert beside.run("hospital", "add", "420500", *bureau).returncode == 0
    assert beside.run("hospital", "add", "H42052500999", *HOSPITAL).returncode == 0
    given = beside.run("hospital", "credential", "420500", "token")
    assert "coverage.write" in given.stdout, given.stderr
    assert "coverage.write" not in beside.run("hospital", "credential", "H42052500999", "token").stdout


def test_a_code_of_the_wrong_length_is_refused_and_a_bureaus_is_shorter(beside: Installation) -> None:
    bureau = ("--name", "医保局", "--tier", "bureau", "--district", "420502")
    assert "a bureau's like 420500" in beside.run("hospital", "add", "H42050000101", *bureau).stderr
    assert beside.run("hospital", "add", "420500", *bureau).returncode == 0


def test_an_unknown_hospital_gets_nothing(beside: Installation) -> None:
    done = beside.run("hospital", "credential", "H42099999999", "token")
    assert done.returncode == 1
    assert "organisation-unknown" in done.stderr


def test_a_member_of_staff_is_added_with_a_password_from_standard_input(beside: Installation) -> None:
    beside.run("hospital", "add", "H42052500999", *HOSPITAL)
    words = ("staff", "add", "wang", "--organisation", "H42052500999", "--display-name", "王", "--role", "clerk")
    assert "at least 10" in beside.run(*words, stdin="short\n").stderr
    assert beside.run(*words, stdin="long enough to keep\n").returncode == 0


def test_a_backup_is_restored_into_an_empty_place_and_opened_by_its_key(beside: Installation, tmp_path: Path) -> None:
    beside.run("hospital", "add", "H42052500999", *HOSPITAL)
    file = tmp_path / "region.backup"
    assert beside.run("backup", file).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists already" in beside.run("backup", file).stderr
    elsewhere = Installation(beside.home.with_name("elsewhere"))
    assert "master.key is missing" in elsewhere.run("restore", file).stderr
    restored = elsewhere.run("restore", file, "--key", beside.home / "keys/master.key")
    assert restored.returncode == 0, restored.stderr
    assert elsewhere.run("hospital", "credential", "H42052500999", "token").returncode == 0
    assert "not empty" in elsewhere.run("restore", file).stderr


def test_a_file_without_a_hub_is_refused_with_where_it_was_sent(installation: Installation, tmp_path: Path) -> None:
    message = tmp_path / "message.hl7"
    message.write_text("MSH|^~\\&|HIS|H1\n")
    done = installation.run("send", message, "--to", "127.0.0.1:9")
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr


def test_an_empty_database_says_what_to_do(installation: Installation) -> None:
    empty = Installation(installation.home.with_name("empty"))
    assert empty.run("jobs").stderr == "onecard: the database is empty: run `onecard migrate`\n"


def test_a_wrong_setting_is_named(installation: Installation) -> None:
    environment = {**os.environ, "ONECARD_WORKERS": "none", "ONECARD_HOME": str(installation.home)}
    command = [Path(sys.executable).with_name("onecard"), "migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ONECARD_WORKERS" in done.stderr


def test_a_bill_is_one_line_of_json(installation: Installation, tmp_path: Path) -> None:
    bill = tmp_path / "bill.json"
    bill.write_text("{}")
    done = installation.run("adjudicate", bill)
    assert done.returncode == 1
    assert json.loads(done.stdout)["refused"]


def test_packs_are_imported_all_or_none_and_listed(beside: Installation, tmp_path: Path) -> None:
    packs = Path(__file__).parents[2] / "fixtures/packs"
    good, odd = packs / "yichang-example-2024.toml", tmp_path / "odd.toml"
    odd.write_text(good.read_text().replace('"0.92", "0.92"', '"0.92", "0.93"').replace("example-2024", "odd"))
    refused = beside.run("packs", "import", good, odd)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "scheme.310.inpatient.ratio[1]" in refused.stderr
    assert beside.run("packs", "list").stdout == ""
    for _ in range(2):
        done = beside.run("packs", "import", good)
        assert done.stdout.startswith("yichang-example-2024 is imported"), done.stderr
    assert "yichang-example-2024" in beside.run("packs", "list").stdout
    nothing = beside.run("packs", "replay", "yichang-example-2024", "--month", "2026-10")
    assert "no settlement of area 420500 from 2026-10-01 to 2026-10-31" in nothing.stderr
    assert "2026-10" in beside.run("packs", "replay", "yichang-example-2024", "--month", "october").stderr
    odd.write_bytes("id = 宜".encode("gbk"))
    assert "utf-8" in beside.run("packs", "import", odd).stderr


def test_a_replay_is_told_by_fund_hospital_and_class() -> None:
    pairs = {"pool": [100, 250], "fund": [100, 250]}
    found = {"first_day": "2026-10-01", "last_day": "2026-10-31", "settlements": 2, "changed": 1, "pays_more": 0,
             "pays_less": 1, "refused": 1, "refusals": [{"settlement": 7, "zh": "", "en": "no quota"}], "totals": pairs,
             "hospitals": {"H42050000101": pairs}, "classes": {"A": [100, 250]}}  # fmt: skip
    told = _report(found).splitlines()
    assert told[0].startswith("2026-10-01 – 2026-10-31: 2 settlements, 1 otherwise")
    assert "H42050000101                       1.00               2.50               1.50" in told
    assert told[-1] == "settlement 7: no quota"


def test_enrolments_are_imported_all_or_none_in_either_encoding(migrated: Installation, tmp_path: Path) -> None:
    file = tmp_path / "enrolments.csv"
    head, number = "certno,name,insutype,psn_no,psn_type,area,since\n", numbered("42050019600101001")
    good = f"{number},张示例,310,1,11,420500,2026-01-01\n"
    file.write_text(head + good + good.replace("2026-01-01", "soon"))
    refused = migrated.run("enrolments", "import", file)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "line 3 since" in refused.stderr
    file.write_bytes((head + good).encode("gbk"))
    for said in ("1 new, 0 changed, 0 as they were", "0 new, 0 changed, 1 as they were"):
        assert migrated.run("enrolments", "import", file).stdout.startswith(said)
