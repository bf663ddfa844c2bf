"""Scoring as a process: it does not start with scorecards that cannot be served, and names what is wrong with them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from services.runtime import tls
from services.runtime.key_ring import FIRST_KEY, create_key
from services.scoring import models
from services.scoring.signing import FIRST_SIGNING_KEY, create_signing_key

RUN = "import sys; from services.scoring.app import main; sys.exit(main())"
NOBODY = "127.0.0.1:9"


@pytest.fixture
def env(fresh_database: Callable[..., str], tmp_path: Path) -> dict[str, str]:
    """Settings of a scoring whose neighbours do not exist."""
    tls.create_certificates(tmp_path / "tls", ["scoring"])
    (tmp_path / "cards").mkdir()
    create_key(tmp_path / FIRST_KEY)
    create_signing_key(tmp_path / FIRST_SIGNING_KEY)
    values = {f"{door}_PORT": "0" for door in ("PUBLIC", "INTERNAL", "HEALTH", "METRICS")}
    values |= {"DSN": fresh_database("scoring_process", "scoring"), "TLS_DIR": str(tmp_path / "tls")}
    values |= {"IDENTITY_ADDRESS": NOBODY, "DEPOSITS_ADDRESS": NOBODY, "KEYS_DIR": str(tmp_path)}
    values |= {"SCORECARDS_DIR": str(tmp_path / "cards"), "BUREAU_URL": f"http://{NOBODY}", "BUREAU_SECRET": "none"}
    return {f"FREEHOLD_SCORING_{name}": value for name, value in values.items()}


async def complaints(env: dict[str, str]) -> str:
    """What a process says that cannot start."""
    inherited = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, env=inherited | env, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    assert process.returncode == 3, said.decode()
    assert "Traceback" not in said.decode()
    return said.decode()


def card(**changes: object) -> str:
    """One of our scorecards, changed."""
    ours = json.loads((Path(models.__file__).parent / "bike-1.json").read_text(encoding="utf-8"))
    return json.dumps(ours | changes)


async def test_every_fault_of_a_scorecard_is_named(env: dict[str, str], tmp_path: Path) -> None:
    bad = card(version="mine-1", minimum_experience=0, base_points=900)
    (tmp_path / "cards" / "mine.json").write_text(bad, encoding="utf-8")
    said = await complaints(env)
    for fault in ("mine.json: ", "minimum_experience: at least 1", "the worst behaviour does not reach 350"):
        assert fault in said


async def test_a_folder_or_a_champion_that_is_not_there_is_named(env: dict[str, str], tmp_path: Path) -> None:
    assert "there is no scorecard mine-1" in await complaints(env | {"FREEHOLD_SCORING_SCORECARD": "mine-1"})
    elsewhere = {"FREEHOLD_SCORING_SCORECARDS_DIR": str(tmp_path / "elsewhere")}
    assert "elsewhere: no such folder of scorecards" in await complaints(env | elsewhere)


async def test_what_was_promoted_is_needed_at_the_next_start(env: dict[str, str]) -> None:
    connection = await asyncpg.connect(env["FREEHOLD_SCORING_DSN"])
    await connection.execute(
        "INSERT INTO appointments (appointment_id, role, model_version, reason, appointed_by, appointed_at, number)"
        " VALUES ('apt_1', 'CHAMPION', 'mine-1', 'better', 'ann', now(), 1)"
    )
    await connection.close()
    assert "scorecard mine-1 is in force, and its file is not here" in await complaints(env)
