"""The supervisor: makes the data directory, starts the server, starts it again when it died, stops it."""

from __future__ import annotations

import fcntl
import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote

from services.runtime.postgres.places import PostgresError, places_of
from services.runtime.postgres.processes import Launcher, end, end_strays

SUPERUSER = "freehold"
START_SECONDS = 120.0
LOCK_SECONDS = 5.0
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LARGEST_LOG = 10 * 2**20
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres:
    """A PostgreSQL server whose data belongs to the folder `home`.

    Raises (from `start` and `ensure_running`):
        PostgresError: another supervisor has this home, its data is of another major version, or the server died.
    """

    def __init__(self, home: Path) -> None:
        self._places = places_of(home)
        self._log = self._places.root / "server.log"
        self._launcher = Launcher(self._places)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def binaries(self) -> Path:
        """The folder of `postgres`, `psql`, `pgbench` and the other programs."""
        return self._places.binaries

    @property
    def sockets(self) -> Path:
        """The folder of the unix socket (port 5432)."""
        return self._places.sockets

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str) -> str:
        """A URL that asyncpg and libpq take."""
        host = quote(str(self.sockets), safe="")
        return f"postgresql://{SUPERUSER}:{self._password()}@/{database}?host={host}&port=5432"

    def start(self) -> None:
        """Starts the server, first making its data directory if there is none; answers when it takes connections."""
        self._places.prepare()
        self._acquire_lock()
        try:
            self._check_version()
            end_strays(self._places)
            if not self._places.data.exists():
                self._initialise()
            self._launch()
        except BaseException:
            self.stop()
            raise

    def ensure_running(self) -> bool:
        """Starts the server again when it has died; answers whether it had."""
        if self._lock is None:
            raise PostgresError("the server was never started")
        if self.pid is not None:
            return False
        end_strays(self._places)
        self._launch()
        return True

    def stop(self) -> None:
        """Stops the server: fast, then immediately, then by force."""
        if self._process is not None and self.pid is not None:
            end(self._process)
        self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def create_database(self, name: str) -> str:
        """Creates a database unless it is there; answers its DSN. `name` is a plain lower-case identifier."""
        if not _DATABASE_NAME.fullmatch(name):
            raise PostgresError(f"not a plain database name: {name!r}")
        if self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") != "1":
            self._psql(f'CREATE DATABASE "{name}"')
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drops a database, ending its connections."""
        self._psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _psql(self, statement: str) -> str:
        """The password goes by the environment: every user could read it on a command line."""
        done = subprocess.run(  # noqa: S603
            [self.binaries / "psql", "-XtA", "-v", "ON_ERROR_STOP=1", "-c", statement],
            capture_output=True,
            text=True,
            check=False,
            env={
                "PGHOST": str(self.sockets),
                "PGPORT": "5432",
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self._password(),
                "PGDATABASE": "postgres",
                "PGCONNECT_TIMEOUT": "10",
            },
        )
        if done.returncode != 0:
            raise PostgresError(done.stderr.strip())
        return done.stdout.strip()

    def _password(self) -> str:
        try:
            return (self._places.root / "password").read_text()
        except FileNotFoundError:
            raise PostgresError(f"{self._places.root} has no password: the server was never started there") from None

    def _acquire_lock(self) -> None:
        lock = (self._places.root / "lock").open("w")
        ends = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > ends:
                    lock.close()
                    raise PostgresError(f"{self._places.home} is in use by another supervisor; stop it first") from None
                time.sleep(0.1)
                continue
            self._lock = lock
            return

    def _check_version(self) -> None:
        file = self._places.data / "PG_VERSION"
        if not file.exists():
            return
        shown = subprocess.run([self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        ours, theirs = shown.stdout.split()[-1].split(".")[0], file.read_text().strip()
        if ours != theirs:
            raise PostgresError(f"{file.parent} was made by PostgreSQL {theirs}, this is {ours}: dump and restore it")

    def _initialise(self) -> None:
        """Made under another name and renamed: a data directory is whole or absent."""
        password, fresh = self._places.root / "password", self._places.root / "data.init"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        self._places.give(password)
        shutil.rmtree(fresh, ignore_errors=True)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256", "--no-instructions"]
        command = [str(self.binaries / "initdb"), "-D", str(fresh), *locale, *access]
        process = self._launcher.start(command, subprocess.PIPE)
        shown, _ = process.communicate()
        if process.returncode != 0:
            raise PostgresError(f"initdb failed: {shown.decode(errors='replace').strip()}")
        fresh.rename(self._places.data)

    def _launch(self) -> None:
        options = {**_OPTIONS, "cluster_name": self._places.title, "unix_socket_directories": f'"{self.sockets}"'}
        command = [str(self.binaries / "postgres"), "-D", str(self._places.data)]
        command += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        if self._log.exists() and self._log.stat().st_size > _LARGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as output:
            self._places.give(self._log)
            self._process = self._launcher.start(command, output)
        self._await_ready()

    def _await_ready(self) -> None:
        probe = [str(self.binaries / "pg_isready"), "-q", "-h", str(self.sockets), "-p", "5432", "-d", "postgres"]
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if self.pid is None:
                raise PostgresError(f"the server died at start; the end of {self._log}:\n{_tail(self._log)}")
            if subprocess.run(probe, check=False).returncode == 0:  # noqa: S603
                return
            time.sleep(0.03)
        raise PostgresError(f"the server was not ready after {START_SECONDS:.0f} s; see {self._log}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
