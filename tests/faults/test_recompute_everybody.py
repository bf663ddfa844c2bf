"""Another scorecard for everybody: one background pass, killed in the middle, in bounded memory, and right.

A few thousand people here; `make soak` scores a million with twenty facts each and writes docs/results/recompute.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from deaths import kill, process_of

from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scorecard_service_pb2 as scorecards
from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceStub
from services.cli.api import Api
from services.cli.home import Home, free_port_base
from services.cli.ready import Ready
from services.cli.running import running_house
from services.identity.keys import mint_operator_token
from services.runtime.channels import open_channel
from services.runtime.clock import SystemClock
from services.runtime.key_ring import FileKeyRing
from services.runtime.postgres import EmbeddedPostgres
from services.runtime.vault import TextVault
from services.scoring.domain import assess, observe, summarise
from services.scoring.models import read_model
from services.scoring.store.rows import fact_of

SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
PEOPLE = 1_000_000 if SOAK else 3_000
FACTS_EACH = 20
SAMPLE = 500 if SOAK else 60
LONE_FACTS = 500 if SOAK else 30
OLD, NEW = "general-1", "bike-1"
MOST_MIB = 400
PATIENCE_SECONDS = 3600.0 if SOAK else 90.0
RESULTS = Path(__file__).parents[2] / "docs" / "results"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

_RENTER = """'rnt_' || lpad(n::text, 26, '0') || substr('0123456789abcdefghijklmnopqrstuv', (n % 1024) / 32 + 1, 1)
             || substr('0123456789abcdefghijklmnopqrstuv', n % 32 + 1, 1)"""
_KINDS = """ARRAY['JOINED', 'DOCUMENT_VERIFIED', 'PHONE_VERIFIED', 'PAYMENT_METHOD_ADDED',
                  CASE WHEN n % 7 = 0 THEN 'RENTAL_RETURNED_LATE' ELSE 'RENTAL_STARTED' END,
                  CASE WHEN n % 11 = 0 THEN 'PAYMENT_FAILED' ELSE 'RENTAL_STARTED' END,
                  'RENTAL_RETURNED_ON_TIME', 'PAYMENT_ON_TIME'] """
_FACTS = f"""
INSERT INTO facts (bucket, fact_id, renter_id, kind, occurred_at, recorded_at, subject, partner_id, about, expires_at)
SELECT n % 1024, 'f' || j, {_RENTER}, kind, at, at,
       CASE kind WHEN 'PAYMENT_FAILED' THEN 'rental' ELSE '' END, partner,
       CASE kind WHEN 'PAYMENT_FAILED' THEN 'rental' ELSE partner END,
       CASE WHEN kind IN ('PAYMENT_FAILED', 'RENTAL_RETURNED_LATE') THEN at + interval '5 years' END
FROM (SELECT n, j, $1::timestamptz - ((n * 31 + j * 17) % 1400) * interval '1 day' AS at,
             'ptn_' || lpad(((n + j) % 5)::text, 26, '0') AS partner,
             ({_KINDS})[CASE WHEN j < 6 THEN j + 1 ELSE 7 + (n + j) % 2 END] AS kind
      FROM generate_series($2::int, $3::int) AS n, generate_series(0, {FACTS_EACH - 1}) AS j) AS made"""
_SCORES = f"""
INSERT INTO scores (bucket, renter_id, facts_open, score, reason_codes, model_version, assessment, facts, computed_at,
                    facts_version)
SELECT n % 1024, {_RENTER}, true, NULL, '{{}}', 'loaded', '{{}}', {FACTS_EACH}, $1, 1
FROM generate_series($2::int, $3::int) AS n"""
CHUNK = 50_000


@dataclass
class Watched:
    """What the scoring process took while it worked, MiB."""

    resident: list[float] = field(default_factory=list)
    deaths: int = 0


def mib(process: psutil.Process | None) -> float:
    """Resident memory; 0 while there is no process."""
    try:
        return process.memory_info().rss / 2**20 if process is not None else 0.0
    except psutil.Error:
        return 0.0


@asynccontextmanager
async def a_house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ready]:
    """Everything, with no limit to the rate of a recomputation."""
    monkeypatch.setenv("FREEHOLD_SCORING_RECOMPUTED_PER_SECOND", "0")
    async with running_house(Home(folder), free_port_base(), clock_scale=1.0, demo=False) as ready:
        yield ready


async def load(connection: asyncpg.Connection[Any]) -> float:
    """Everybody with their facts; how long it took."""
    began = time.monotonic()
    for first in range(1, PEOPLE + 1, CHUNK):
        last = min(PEOPLE, first + CHUNK - 1)
        for statement in (_FACTS, _SCORES):
            await connection.execute(statement, NOON, first, last, timeout=600)
    await connection.execute("ANALYZE facts, scores", timeout=600)
    return time.monotonic() - began


async def promote_and_watch(ready: Ready, api: Api, operator: str) -> tuple[float, Watched, scorecards.Recomputation]:
    """Promotes, kills the service in the middle, and waits for the end."""
    watched, began = Watched(), time.monotonic()
    request = scorecards.PromoteScorecardRequest(
        request_id=uuid.uuid4().hex, model_version=NEW, reason="for the test", unchecked=True
    )
    await api.call(api.scorecards.PromoteScorecard, request, operator)
    while time.monotonic() < began + PATIENCE_SECONDS:
        watched.resident.append(mib(process_of(ready, "scoring")))
        state = await api.call(api.scorecards.GetScorecards, scorecards.GetScorecardsRequest(), operator)
        latest = state.recomputations[0]
        if latest.HasField("finished_at"):
            return time.monotonic() - began, watched, latest
        if not watched.deaths and latest.done >= PEOPLE // 4:
            await kill(ready, "scoring")
            watched.deaths += 1
        await asyncio.sleep(1.0 if SOAK else 0.05)
    raise AssertionError("it should be through by now")


async def wrong_people(connection: asyncpg.Connection[Any], vault: TextVault) -> list[str]:
    """Of a sample, those whose stored score is not that of their facts."""
    model, wrong = read_model(NEW), []
    rows = await connection.fetch(
        "SELECT bucket, renter_id, score, model_version FROM scores TABLESAMPLE BERNOULLI ($1) REPEATABLE (7) LIMIT $2",
        min(100.0, 300.0 * SAMPLE / PEOPLE),
        SAMPLE,
    )
    assert len(rows) == SAMPLE
    for row in rows:
        found = await connection.fetch(
            "SELECT * FROM facts WHERE bucket = $1 AND renter_id = $2", row["bucket"], row["renter_id"]
        )
        facts = [fact_of(fact, vault) for fact in found]
        now = datetime.now(UTC)
        expected = assess(model, summarise(observe(facts, now), now)).score
        if (row["score"], row["model_version"]) != (expected, NEW):
            wrong.append(row["renter_id"])
    return wrong


async def lone_facts(ready: Ready) -> list[float]:
    """How long one fact takes, each of another person, until the new score is in force (milliseconds)."""
    channel = open_channel(ready.services["scoring"]["internal"], "scoring", ready.home.tls, "rental")
    stub: Any = ScoringInternalServiceStub(channel)
    alphabet, times = "0123456789abcdefghijklmnopqrstuv", []
    try:
        for n in range(1, LONE_FACTS + 1):
            renter = f"rnt_{n:026}{alphabet[n % 1024 // 32]}{alphabet[n % 32]}"
            fact = fact_pb2.Fact(fact_id="lone", renter_id=renter, kind=fact_pb2.FACT_KIND_RENTAL_RETURNED_ON_TIME)
            fact.occurred_at.FromDatetime(NOON)
            event = internal.ScoringEvent(event_id=uuid.uuid4().hex, fact=fact)
            began = time.perf_counter()
            await stub.Deliver(internal.DeliverRequest(events=[event]), timeout=10)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        await channel.close()
    return sorted(times)


@pytest.mark.slow
async def test_everybody_is_recomputed_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_house(tmp_path / "house", monkeypatch) as ready:
        connection = await asyncpg.connect(EmbeddedPostgres(ready.home.path).dsn("scoring"))
        operator = mint_operator_token(ready.home.keys, "soak", 24, SystemClock().now())
        loaded = await load(connection)
        before = mib(process_of(ready, "scoring"))
        async with Api(ready.public, 60.0) as api:
            seconds, watched, walk = await promote_and_watch(ready, api, operator)
        left = await connection.fetchval("SELECT count(*) FROM scores WHERE model_version <> $1", NEW, timeout=600)
        twice = await connection.fetchval(
            "SELECT count(*) FROM (SELECT 1 FROM score_history WHERE model_version = $1 GROUP BY bucket, renter_id"
            " HAVING count(*) > 1) AS more",
            NEW,
            timeout=600,
        )
        assert (left, twice, walk.done, walk.total, watched.deaths) == (0, 0, PEOPLE, PEOPLE, 1)
        assert await wrong_people(connection, TextVault(FileKeyRing(ready.home.scoring_keys))) == []
        assert max(watched.resident) < MOST_MIB
        times = await lone_facts(ready)
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        await connection.close()
    if SOAK:
        _write(
            {
                "people": PEOPLE,
                "facts": PEOPLE * FACTS_EACH,
                "load_seconds": round(loaded),
                "pass_seconds": round(seconds),
                "people_per_second": round(PEOPLE / seconds),
                "kills_of_scoring": watched.deaths,
                "resident_mib": {"before": round(before), "most": round(max(watched.resident))},
                "database_gib": round(size / 2**30, 1),
                "checked_against_plain_python": SAMPLE,
                "one_fact_ms": {
                    "p50": round(times[len(times) // 2], 2),
                    "p99": round(times[int(len(times) * 0.99)], 2),
                },
            }
        )


def _write(figures: dict[str, object]) -> None:
    here = Path(__file__).parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    result = {
        "what": "a scorecard is promoted over a million people with twenty facts each; scoring is killed on the way",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "seed": "people and facts are functions of their numbers",
        "machine": f"{os.cpu_count()} cores, {round(psutil.virtual_memory().total / 2**30)} GiB",
        **figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recompute.json").write_text(json.dumps(result, indent=1) + "\n")
