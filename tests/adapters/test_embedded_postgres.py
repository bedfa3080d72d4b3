"""A PostgreSQL of our own: made, started, left by a killed process, taken over, ended."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres, PostgresError, check_passage, programs, reachable_programs

pytestmark = pytest.mark.quick_skip

SOMEBODY_ELSE = pwd.getpwnam("nobody")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Reachable for the unprivileged user that runs the server when we are root; pytest's own folders are not."""
    path = Path(tempfile.mkdtemp(prefix="onecard-pg-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_it_answers_on_a_private_socket_with_a_password_and_no_tcp(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server:
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn().replace(server.dsn().split(":")[2].split("@")[0], "guess"))
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600


def test_rows_survive_a_restart(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server, psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()
    with EmbeddedPostgres(folder) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    assert not server.running()


def test_a_server_left_by_a_killed_process_is_taken_over_and_ended(folder: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from adapters.embedded_postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(sys.argv[1]), fsync=False).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, folder])
    assert killed.returncode == -signal.SIGKILL
    left = EmbeddedPostgres(folder, fsync=False)
    assert left.running()
    with left, psycopg.connect(left.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not left.running()


def test_a_server_that_was_killed_is_started_again_with_what_was_committed(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        with psycopg.connect(server.dsn()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        assert not server.revive(), "it lives"
        assert server.pid is not None
        killed = server.pid
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not server.revive():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.pid != killed
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_pid_file_whose_number_another_program_has_now_is_no_hindrance(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server:
        pid_file = server.data / "postmaster.pid"
        left = pid_file.read_text()
    pid_file.write_text(left.replace(left.split()[0], str(os.getpid()), 1))
    with EmbeddedPostgres(folder, fsync=False) as server:
        assert server.running()


def test_a_pid_file_that_the_server_has_made_but_not_filled_yet_is_waited_for(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server:
        pid_file = server.data / "postmaster.pid"
        whole = pid_file.read_text()
        pid_file.write_text("")
        filling = threading.Timer(0.2, pid_file.write_text, [whole])
        filling.start()
        server.wait_until_ready()
        filling.join()
        assert pid_file.read_text() == whole


def test_data_of_another_version_are_refused_with_what_to_do(folder: Path) -> None:
    with EmbeddedPostgres(folder, fsync=False) as server:
        version_file = server.data / "PG_VERSION"
    version_file.write_text("14\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 14"):
        EmbeddedPostgres(folder).start()


def test_a_folder_that_its_user_cannot_enter_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(PostgresError, match=f"cannot enter {tmp_path}"):
        check_passage(tmp_path / "home/postgres", SOMEBODY_ELSE)


def test_programs_that_its_user_cannot_reach_are_copied_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    hidden, home = tmp_path / "environment/pginstall", tmp_path / "home"
    (hidden / "bin").mkdir(parents=True)
    (hidden / "bin/postgres").write_text("program")
    home.mkdir()
    for _ in range(2):
        reachable = reachable_programs(hidden / "bin", home, SOMEBODY_ELSE)
        assert (reachable / "postgres").read_text() == "program"
    assert list(home.iterdir()) == [home / reachable.relative_to(home).parts[0]]


def test_a_folder_without_programs_is_refused() -> None:
    with pytest.raises(PostgresError, match="has no initdb"):
        programs(Path("/nonexistent"))
