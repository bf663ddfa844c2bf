"""kill -9 of every process at random while people ride: nothing acknowledged is lost, held twice or left open.

One day with each process killed once here; `make soak` lives twenty such days and writes docs/results/.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from deaths import MORTALS, Deaths, kill_at_random

from services.cli.api import Api
from services.cli.commands.seed import seeded
from services.cli.databases import events_waiting
from services.cli.home import Home, free_port_base
from services.cli.ready import Ready
from services.cli.replay import Closing, Day, Tally, close_day, rides_of_the_day
from services.cli.running import running_house
from services.cli.seeding import CAST, City, Expected, crowd

SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
SEED = int(os.environ.get("FREEHOLD_SEED", "20261123"))
DAYS = 20 if SOAK else 1
DAY_SECONDS = 40.0 if SOAK else 25.0
ONE_IN = 8 if SOAK else 20
PATIENCE_SECONDS = 120.0
RESULTS = Path(__file__).parents[2] / "docs" / "results"


@dataclass(frozen=True)
class Lived:
    """A day that is over."""

    city: City
    tally: Tally
    closing: Closing
    payments: list[dict[str, object]]
    deaths: Deaths


async def live(home: Home, seed: int) -> Lived:
    """One day of rides in a house whose processes are killed, and the books after it."""
    scale = 86_400 / DAY_SECONDS
    async with running_house(home, free_port_base(), clock_scale=scale, demo=False) as ready:
        city = await seeded(ready, CAST + crowd(26), 60)
        tally, deaths = Tally(), Deaths()
        async with Api(ready.public, PATIENCE_SECONDS) as api:
            killer = asyncio.create_task(kill_at_random(ready, MORTALS, DAY_SECONDS, seed, deaths))
            await Day(api, city, rides_of_the_day(ONE_IN, seed), scale, tally).run()
            await killer
            closing = await close_day(api, city, tally, lambda: events_waiting(ready.home))
        return Lived(city, tally, closing, await _payments(ready), deaths)


async def _payments(ready: Ready) -> list[dict[str, object]]:
    """The processor's own books, which know nothing of ours."""
    secret = ready.home.sandbox_secret.read_text().strip()
    payments: list[dict[str, object]] = []
    after: int | None = 0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
        while after is not None:
            async with session.get(f"{ready.sandbox['processor']}/v1/report", params={"after": after}) as response:
                page = await response.json()
            payments += page["payments"]
            after = page["next_after"]
    return payments


def findings(lived: Lived) -> list[str]:
    """What does not hold."""
    closing, tally = lived.closing, lived.tally
    outcomes = {renter.case: renter.expected for renter in lived.city.renters}
    authorized = Counter(p["merchant_reference"] for p in _of(lived, "authorization") if p["status"] != "declined")
    charged = Counter(p["merchant_reference"] for p in _of(lived, "charge") if p["status"] != "declined")
    ours = {deposit.deposit_id: deposit for deposit in closing.deposits}
    return [
        *(f"not so: {text}" for text, holds in closing.checks() if not holds),
        *closing.ledger.findings,
        *tally.problems,
        *(
            f"{case} was waived"
            for case, first in tally.first_outcomes.items()
            if first == Expected.WAIVED and outcomes[case] != Expected.WAIVED
        ),
        *(f"{count} holds of {deposit}" for deposit, count in authorized.items() if count > 1),
        *(f"{count} charges of {deposit}" for deposit, count in charged.items() if count > 1),
        *(f"left open at the processor: {p['id']}" for p in _of(lived, "authorization") if p.get("open_minor")),
        *(
            f"the processor captured {p['captured_minor']} of {p['merchant_reference']}"
            for p in _of(lived, "authorization")
            if p["status"] != "declined" and p["captured_minor"] != ours[str(p["merchant_reference"])].captured_minor
        ),
    ]


def _of(lived: Lived, kind: str) -> list[dict[str, object]]:
    return [payment for payment in lived.payments if payment["object"] == kind]


@pytest.mark.slow
async def test_a_day_with_every_process_killed(tmp_path: Path) -> None:
    days = []
    for number in range(DAYS):
        lived = await live(Home(tmp_path / f"day-{number}"), SEED + number)
        found = findings(lived)
        assert not found, (SEED + number, lived.deaths.times, found)
        assert len(lived.deaths.times) == len(MORTALS)
        assert lived.tally.waived, "people rode in spite of it"
        assert lived.tally.held
        days.append({"seed": SEED + number, "deaths": lived.deaths.times, **_figures(lived)})
    if SOAK:
        _write(days)


def _figures(lived: Lived) -> dict[str, object]:
    closing = lived.closing
    return {
        "acknowledged": len(lived.tally.acknowledged),
        "lost": len(closing.lost),
        "waived": closing.waived,
        "held": closing.held,
        "declined": len(closing.declined),
        "cancelled": lived.tally.cancelled,
        "authorizations": sum(p["status"] != "declined" for p in _of(lived, "authorization")),
        "open_holds": closing.ledger.open_holds,
        "ledger_balanced": closing.ledger.balanced,
    }


def _write(days: list[dict[str, object]]) -> None:
    here = Path(__file__).parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    result = {
        "what": "a demo day with each of six processes killed by SIGKILL once, at random moments, twenty times",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "seed": SEED,
        "kills": sum(len(MORTALS) for _ in days),
        "days": days,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "killed_processes.json").write_text(json.dumps(result, indent=1) + "\n")
