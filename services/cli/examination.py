"""What `freehold doctor` looks at: one function a question, each with an answer and a remedy."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg

from services.cli.home import SERVICES, Home, HomeError, Ports, certificates_end
from services.cli.processes import external_dsn
from services.cli.readiness import listens, service_is_ready
from services.cli.ready import read_ready
from services.runtime.certificates import AUTHORITY
from services.runtime.migrations import MigrationError, verify
from services.runtime.postgres import EmbeddedPostgres, PostgresError

OLDEST_PYTHON = (3, 11)
LEAST_FREE_GIB = 1.0
WIDEST_CLOCK_GAP_SECONDS = 2.0
_REINSTALL = "install again what the lock says: make clean && make install"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer. `remedy` says how to mend it."""

    what: str
    is_well: bool
    remedy: str = ""


async def examine(home: Home, ports: Ports) -> list[Finding]:
    """Everything, in the order in which it is worth mending."""
    findings = [_python(), *_versions(), _postgres_binaries(home), _disk(home), _certificates(home)]
    if home.ready_file.exists():
        findings += await _running(home)
        findings += [await _database(home, service) for service in SERVICES]
    else:
        findings += [*_ports(ports), *[await _database(home, s) for s in SERVICES if external_dsn(s)]]
    return findings


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding(f"Python {found}", sys.version_info >= OLDEST_PYTHON, "use Python 3.11 or newer, then make clean")


def _versions() -> Iterator[Finding]:
    for required in importlib.metadata.requires("freehold") or []:
        named, pinned, version = required.partition("==")
        name = named.partition("[")[0]  # an extra is not a part of the name
        if not pinned or ";" in required:
            continue
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        yield Finding(f"{name} {found}", found == version, f"{version} is needed; {_REINSTALL}")


def _postgres_binaries(home: Home) -> Finding:
    try:
        binaries = EmbeddedPostgres(home.path).binaries
    except PostgresError as error:
        return Finding("embedded PostgreSQL", False, str(error))
    return Finding("embedded PostgreSQL", (binaries / "postgres").exists(), _REINSTALL)


def _disk(home: Home) -> Finding:
    where = next(folder for folder in (home.path, *home.path.parents) if folder.exists())
    free = shutil.disk_usage(where).free / 2**30
    return Finding(f"{free:.1f} GiB free in {where}", free >= LEAST_FREE_GIB, "make room, or choose another --home")


def _certificates(home: Home) -> Finding:
    ends = certificates_end(home.tls / AUTHORITY)
    if ends is None:
        return Finding("certificates are made at the first start", True)
    remedy = "restart `freehold up`: it makes new ones"
    return Finding(f"certificates work until {ends:%Y-%m-%d}", ends > datetime.now(UTC), remedy)


def _ports(ports: Ports) -> Iterator[Finding]:
    taken = ports.taken()
    if not taken:
        yield Finding(f"ports from {ports.base} are free", True)
    for port, what in taken.items():
        yield Finding(f"port {port} ({what}) is taken", False, "stop what listens there, or choose another --port-base")


async def _running(home: Home) -> list[Finding]:
    try:
        ready = read_ready(home.ready_file)
    except (HomeError, ValueError, KeyError) as error:
        return [Finding("the ready file", False, f"{error}; remove {home.ready_file}")]
    findings = []
    for service, doors in ready.services.items():
        remedy = f"see {home.log_of(service)}; if nothing runs, remove {home.ready_file}"
        findings.append(Finding(f"{service} serves", await service_is_ready(doors["health"]), remedy))
    for name, url in ready.sandbox.items():
        where = urlsplit(url)
        answers = await listens(where.hostname or "", where.port or 0)
        findings.append(Finding(f"{name}'s stand-in answers", answers, f"see {home.log_of(name)}"))
    return findings


async def _database(home: Home, service: str) -> Finding:
    """Reachable, of this version's schema, and with a clock like ours."""
    what = f"database of {service}"
    try:
        dsn = external_dsn(service) or EmbeddedPostgres(home.path).dsn(service)
        await verify(dsn, f"services.{service}")
        gap = await _clock_gap(dsn)
    except MigrationError as error:
        return Finding(what, False, str(error))
    except (OSError, asyncpg.PostgresError, PostgresError, TimeoutError) as error:
        return Finding(what, False, f"cannot be reached ({type(error).__name__}): is the server up, is the DSN right?")
    remedy = "set both clocks by NTP: leases and deadlines lean on them"
    return Finding(f"{what}, clock gap {gap:.1f} s", abs(gap) <= WIDEST_CLOCK_GAP_SECONDS, remedy)


async def _clock_gap(dsn: str) -> float:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        theirs: datetime = await connection.fetchval("SELECT clock_timestamp()", timeout=10)
        return time.time() - theirs.timestamp()
    finally:
        await connection.close()
