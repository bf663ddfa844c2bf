"""kill -9 of deposits at named points in the life of a deposit: every deposit ends, and nothing happens twice.

Most points once here; `make soak` goes through each 25 times and writes docs/results/. All stories of a run are lived
in one house at the same time, so that a death meets others in the middle of theirs.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from mortal_house import ENDING, Scythe, a_mortal_town
from stories import ENDED, PATIENCE_SECONDS, TIER, Kill, Story, subject_of
from town import Town, new_id

from freehold.deposits.v1 import deposits_service_pb2 as dep
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import rental_service_pb2 as rental
from services.values.errors import Refusal

SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
SEED = int(os.environ.get("FREEHOLD_SEED", "20261128"))
TIMES = int(os.environ.get("FREEHOLD_KILLS", "25" if SOAK else "1"))
AT_ONCE = 32
TRIES = 5
CLOCK_SCALE = 3000
"""A day lasts 29 seconds: longer than a lease, so that a hold is made anew in time also after a death."""
RESULTS = Path(__file__).parents[2] / "docs" / "results"
LAPSES = ("hold expiring after commit", "authorize taken up", "expired before commit")
"""Dying twice while it is made anew, a hold lapses first."""
POINTS = (
    Kill("held", "start", ("decision before commit",)),
    Kill("held", "start", ("hold wanted after commit",)),
    Kill("waived", "start", ("waiver after commit",)),
    Kill("held", "start", ("authorize before the call",)),
    Kill("held", "start", ("authorize answered, not written",)),
    Kill("held", "start", ("authorize before the call", "authorize taken up"), often=False),
    Kill("silent", "start", ("authorize asked about, not written",), often=False),
    Kill("declined", "start", ("authorize declined, not written",)),
    Kill("held", "start", ("authorized before commit",), often=False),
    Kill("held", "start", ("written, rental not told",)),
    Kill("confirmed", "start", ("notice before commit",), often=False),
    Kill("confirmed", "start", ("notice after commit",)),
    Kill("fallen_back", "start", ("given up before commit",), often=False),
    Kill("fallen_back", "start", ("given up after commit",)),
    Kill("cancelled", "cancel", ("cancelled before commit",), often=False),
    Kill("cancelled", "cancel", ("cancelled after commit",)),
    Kill("cancelled", "cancel", ("void wanted after commit",), often=False),
    Kill("claimed", "claim", ("claim: charged before commit",), often=False),
    Kill("claimed", "claim", ("claim: charged after commit",)),
    Kill("renewed", "renewal", ("hold expiring before commit",), slow=True, often=False),
    Kill("renewed", "renewal", ("hold expiring after commit",), slow=True),
    Kill("renewed", "renewal", ("hold renewed after commit",), slow=True),
    Kill("renewed", "renewal", LAPSES, slow=True, often=False),
    Kill("renewed", "raise", ("increment before the call",), often=False),
    Kill("renewed", "raise", ("increment answered, not written",)),
    Kill("held", "end", ("charged before commit",)),
    Kill("held", "end", ("charged after commit",)),
    Kill("held", "end", ("capture before the call",)),
    Kill("held", "end", ("capture answered, not written",)),
    Kill("held", "end", ("captured after commit",), often=False),
    Kill("free", "end", ("void before the call",), often=False),
    Kill("free", "end", ("void answered, not written",)),
    Kill("waived", "end", ("charge before the call",)),
    Kill("waived", "end", ("charge answered, not written",)),
    Kill("waived", "end", ("event before rental has it",)),
    Kill("waived", "end", ("event after rental has it",), often=False),
    Kill("refunded", "refund", ("refund before the call",), often=False),
    Kill("refunded", "refund", ("refund answered, not written",)),
    Kill("paid", "pay", ("bill: charge wanted before commit",), often=False),
    Kill("paid", "pay", ("bill: charge wanted after commit",)),
    Kill("billed", "attempt", ("attempt: charge wanted after commit",), slow=True),
)
KILLS = [kill for kill in POINTS if SOAK or kill.often]


@pytest.mark.slow
async def test_every_deposit_ends_wherever_the_process_dies(tmp_path: Path) -> None:
    began = time.monotonic()
    async with a_mortal_town(tmp_path / "house", CLOCK_SCALE, PATIENCE_SECONDS) as (scythe, town):
        stories = await live(scythe, town)
        books = await _books(scythe, town)
        findings = [*_findings(stories, books), *await _called_again(town, stories, books["rentals"])]
        assert not findings, "\n".join(findings)
        assert await _books(scythe, town) == books, "what was asked again has changed nothing"
        assert sum(story.deaths for story in stories) == scythe.kills
        assert scythe.endings() == {ENDING: scythe.kills}
    reached = Counter(story.kill for story in stories if story.reached)
    assert not [kill.name for kill in KILLS if reached[kill] < TIMES]
    if SOAK:
        _write(stories, round(time.monotonic() - began))


async def live(scythe: Scythe, town: Town) -> list[Story]:
    """Tells a story for each kill, some at a time in random order; one whose point was not reached is told anew."""
    plan = rental.CreatePricePlanRequest(request_id=new_id(), currency_code="CNY", base_minor=0)
    free_plan = (await town.api.call(town.api.rental.CreatePricePlan, plan, town.key)).price_plan.price_plan_id
    order = dep.SetProcessorOrderRequest(request_id=new_id(), processors=["gone", "second"])
    await town.api.call(town.api.deposits.SetProcessorOrder, order, town.key)
    half = dep.PolicyTier(above=TIER, percent=50)
    deposit = money_pb2.Money(currency_code="CNY", amount_minor=9900)
    policy = dep.SetPolicyRequest(request_id=new_id(), asset_kind="ASSET_KIND_BIKE", threshold=600, deposit=deposit)
    policy.MergeFrom(dep.SetPolicyRequest(tiers=[half], reason="half a deposit leaves room to raise it"))
    await town.api.call(town.api.deposits.SetPolicy, policy, town.key)
    places, told = asyncio.Semaphore(AT_ONCE), list[Story]()

    async def tell(kill: Kill) -> None:
        async with places:
            for _ in range(TRIES):
                told.append(await Story(scythe, town, kill, free_plan).tell())
                if told[-1].reached:
                    return

    kills = KILLS * TIMES
    random.Random(SEED).shuffle(kills)
    async with asyncio.TaskGroup() as group:
        for kill in kills if SOAK else sorted(kills, key=lambda kill: not kill.slow):
            group.create_task(tell(kill))
    return told


async def _books(scythe: Scythe, town: Town) -> dict[str, Any]:
    """Ours and theirs, once nothing is under way."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while (ledger := await town.ledger()).outbox_waiting or ledger.open_holds:
        assert time.monotonic() < ends, ledger
        await asyncio.sleep(0.2)
    deposits: list[dep.Deposit] = []
    token = ""
    while token or not deposits:
        page = dep.ListDepositsRequest(page_size=200, page_token=token)
        answer = await town.api.call(town.api.deposits.ListDeposits, page, town.key)
        deposits, token = [*deposits, *answer.deposits], answer.next_page_token
        if not token:
            break
    rentals = {deposit.rental_id: await town.rental(deposit.rental_id) for deposit in deposits}
    return {"ledger": ledger, "deposits": deposits, "rentals": rentals, "payments": await scythe.payments()}


def _findings(stories: list[Story], books: dict[str, Any]) -> list[str]:
    """What does not hold, of the whole and of each deposit."""
    ledger, payments, rentals = books["ledger"], books["payments"], books["rentals"]
    theirs = defaultdict(list)
    for payment in payments:
        theirs[payment["merchant_reference"]].append(payment)
    told = {story.rental_id: story for story in stories}
    keys = Counter(payment["idempotency_key"] for payment in payments)
    found = [*ledger.findings, *(f"{key} acted {times} times" for key, times in keys.items() if times > 1)]
    if ledger.pending_deposits or ledger.unpaid_bills or set(rentals) != set(told):
        found.append(f"not over: {ledger.pending_deposits} pending, {ledger.unpaid_bills} unpaid")
    if set(theirs) - {deposit.deposit_id for deposit in books["deposits"]}:
        found.append("payments of nobody")
    for deposit in books["deposits"]:
        story, ride = told[deposit.rental_id], rentals[deposit.rental_id]
        wrong = _wrong(story, ride, deposit, theirs[deposit.deposit_id])
        found += [f"{story.kill.name}: {text}: {deposit} {theirs[deposit.deposit_id]}" for text in wrong]
    return found


def _wrong(story: Story, ride: rental.Rental, deposit: dep.Deposit, theirs: list[dict[str, Any]]) -> list[str]:
    done = [payment for payment in theirs if payment["status"] != "declined"]
    holds = [payment for payment in done if payment["object"] == "authorization"]
    charges = [payment["amount_minor"] for payment in done if payment["object"] == "charge"]
    parts = ("captured_minor", "released_minor", "expired_minor", "open_minor")
    sums = [sum(hold[part] for hold in holds) for part in ("amount_minor", *parts)]
    ours = [deposit.authorized_minor, *(getattr(deposit, part) for part in parts)]
    paid_minor = ride.charge.amount_minor + story.claimed_minor
    checks = {
        "it has not ended": deposit.state in ENDED and not deposit.open_minor,
        "the rental has not ended": ride.state in (rental.RENTAL_STATE_SETTLED, rental.RENTAL_STATE_CANCELLED),
        "the parts do not add up": ours[0] == sum(ours[1:]),
        "the processor holds otherwise": sums == ours,
        "held more than once": len(holds) <= 1 or story.kill.story in ("renewed", "fallen_back"),
        "charged otherwise": deposit.charged_minor == deposit.paid_minor == paid_minor,
        "the processor was paid otherwise": sum(charges) == deposit.paid_minor - deposit.captured_minor,
        "charged more than once": len(charges) <= 1,
        "refunded otherwise": sum(r["amount_minor"] for p in theirs for r in p["refunds"])
        == deposit.refunded_minor
        == story.refunded_minor,
    }
    return [text for text, holds_true in checks.items() if not holds_true]


async def _called_again(town: Town, stories: list[Story], rentals: dict[str, rental.Rental]) -> list[str]:
    """Every call is repeated as it stands, and answered as it was; a start that came to nothing may say so by now."""
    found = []
    for story in stories:
        came_to_nothing = rentals[story.rental_id].state == rental.RENTAL_STATE_CANCELLED
        for rpc, request, first in story.calls:
            try:
                again = subject_of(await town.api.call(rpc, request, town.key))
            except Refusal as refusal:
                again = first if came_to_nothing and isinstance(request, rental.StartRentalRequest) else refusal.reason
            if again != first:
                found.append(f"{story.kill.name}: {type(request).__name__} gave {first}, then {again}")
    return found


def _write(stories: list[Story], seconds: int) -> None:
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True, cwd=Path(__file__).parent)
    points = {}
    for kill in KILLS:
        of_it = [story for story in stories if story.kill == kill]
        to_end = [story.seconds_to_end for story in of_it if story.reached]
        points[kill.name] = {
            "times": len(to_end),
            "kills": sum(story.deaths for story in of_it),
            "not_reached": len(of_it) - len(to_end),
            "seconds_to_end": {"median": median(to_end), "most": max(to_end)},
        }
    result = {
        "what": "deposits killed by SIGKILL at named points; every deposit ends, and ours are the processors' books",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "seed": SEED,
        "machine": f"{os.cpu_count()} cores",
        "seconds": seconds,
        "deposits": len(stories),
        "kills": sum(story.deaths for story in stories),
        "findings": 0,
        "points": points,
    }
    RESULTS.joinpath("kill_points.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
