"""Money under everything at once: any order of policies, decisions, claims, endings, bills, processor moods, lapses,
clock jumps and crashes leaves the books right.

After each step of the state machine in `business.py`: every transfer and currency sums to zero, balances are their
entries, authorized = captured + released + expired + open, captured ≤ held, one outcome per request id, and no key
acted twice; whenever nothing is under way, and in the end, the ledger is what the processors have, and reconciliation
finds nothing.
60 interleavings in `make test`, 500 in CI, 10,000 in the soak, which writes docs/results/. With FREEHOLD_SHARD=1/2 and
2/2, two processes share them.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop
from business import Business
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from services.runtime.database import Database

SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
RUNS = int(os.environ.get("FREEHOLD_INTERLEAVINGS", "10000" if SOAK else "60"))
SHARD, SHARDS = (int(part) for part in os.environ.get("FREEHOLD_SHARD", "1/1").split("/"))
SEED = int(os.environ.get("FREEHOLD_SEED", "20261123"))
RESULT = Path(__file__).parents[2] / "docs" / "results" / "interleavings.json"
STEPS = 30
EVERY_TIME = ("secure", "settle", "cancel", "capture", "refund", "policy", "pay", "attempts", "quiet after a sweep")
"""What even a short run has to have reached."""


@pytest.mark.slow
def test_the_books_are_right_whatever_happens(fresh_database: Callable[..., str]) -> None:
    dsn = fresh_database("business", "deposits")
    limits = settings(
        max_examples=RUNS // SHARDS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    Business.tally, Business.examples = Counter(), 0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        Business.loop, Business.db = runner.get_loop(), runner.run(_connected(dsn))
        try:
            seed(SEED + SHARD - 1)(Business)
            run_state_machine_as_test(Business, settings=limits)
        finally:
            runner.run(Business.db.close())
    assert not [what for what in EVERY_TIME if not Business.tally[what]]
    if SOAK:
        print(json.dumps(dict(sorted(Business.tally.items())), indent=1))  # noqa: T201
        _write(round(time.monotonic() - began))


async def _connected(dsn: str) -> Database:
    """Connections that do not wait for the disk, on which nothing depends here."""
    db = await Database.connect(dsn, pool_size=1)
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await db.close()
    return await Database.connect(dsn, pool_size=2)


def _write(seconds: int) -> None:
    """Adds this shard to the result, or begins a new one when the last is of another commit or of other shards."""
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    with RESULT.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before = json.loads(file.read() or "{}")
        alike = before.get("commit") == commit and before.get("seed") == SEED and len(before["shards"]) < SHARDS
        shards = before["shards"] if alike else {}
        shards[f"{SHARD}/{SHARDS}"] = {"seconds": seconds, "interleavings": Business.examples}
        reached = Counter(before["reached"] if alike else {}) + Business.tally
        file.truncate(0)
        file.write(json.dumps(_result(commit, shards, reached), indent=1) + "\n")


def _result(commit: str, shards: dict[str, Any], reached: Counter[str]) -> dict[str, Any]:
    return {
        "what": "policies, decisions, claims, endings, bills, processor moods, lapses, clock jumps, crashes; any order",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "seed": SEED,
        "machine": f"{os.cpu_count()} cores",
        "interleavings": sum(shard["interleavings"] for shard in shards.values()),
        "most_steps_each": STEPS,
        "shards": shards,
        "findings": 0,
        "reached": dict(sorted(reached.items())),
    }
