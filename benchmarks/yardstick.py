"""pgbench on the same server, running one of our scripts: autocommit, prepared statements, `clients` connections."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.population import SCORED
from services.runtime.postgres import EmbeddedPostgres

START_RENTAL, CHECK_RENTERS, REGISTER_RENTER, ADMIT = (
    Path(__file__).with_name(f"{name}.pgbench") for name in ("yardstick", "check_renters", "register_renter", "admit")
)
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)
_DONE = re.compile(r"^number of transactions actually processed: ([0-9]+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of pgbench."""

    clients: int
    per_second: float
    latency_ms: float
    rentals: int


class PgbenchError(Exception):
    """pgbench failed, or a transaction did; the message is its own."""


async def pgbench(
    home: Path,
    database: str,
    partner_id: str,
    *,
    clients: int,
    base: int,
    seconds: int = 0,
    rentals_each: int = 0,
    script: Path = START_RENTAL,
) -> Measured:
    """Runs for `seconds`, or makes `rentals_each` per client; assets from `base` on are used once each."""
    server = EmbeddedPostgres(home)
    dsn = urlsplit(server.dsn(database))
    arguments = [
        *("-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-f", str(script)),
        *(["-T", str(seconds)] if seconds else ["-t", str(rentals_each)]),
        *("-D", "n=-1", "-D", f"base={base}", "-D", f"clients={clients}"),
        *("-D", f"renters={SCORED}", "-D", f"partner={partner_id}"),
        *("-h", str(server.sockets), "-U", str(dsn.username), database),
    ]
    process = await asyncio.create_subprocess_exec(
        server.binaries / "pgbench",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PGPASSWORD": unquote(dsn.password or "")},
    )
    answered, complained = await process.communicate()
    told = answered.decode()
    failed = _FAILED.search(told)
    if process.returncode != 0 or failed is None or int(failed[1]) != 0:
        raise PgbenchError(f"{complained.decode()}\n{told}")
    return Measured(clients, _figure(_RATE, told), _figure(_LATENCY, told), int(_figure(_DONE, told)))


def _figure(pattern: re.Pattern[str], text: str) -> float:
    found = pattern.search(text)
    if found is None:
        raise PgbenchError(text)
    return float(found[1])
