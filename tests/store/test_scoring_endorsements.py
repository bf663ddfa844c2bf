"""Endorsements on a real PostgreSQL: both agree, they count little, not in circles, and while the giver stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.runtime.database import Database
from services.runtime.personal_data import erase
from services.runtime.queries import load_queries
from services.scoring.domain import ConsentChange, Endorsement, EndReason, Fact, FactKind
from services.scoring.domain.endorsements import BETWEEN
from services.values.errors import Refusal
from services.values.ids import new_renter_id
from tests.scoring_desk import NOON, Desk, history

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has people of its own."""
    return fresh_database("scoring_endorsements", "scoring")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the keys are."""
    return tmp_path_factory.mktemp("keys")


@pytest_asyncio.fixture
async def desk(dsn: str, keys: Path) -> AsyncIterator[Desk]:
    """A desk."""
    db = await Database.connect(dsn, pool_size=8)
    yield Desk(db, keys)
    await db.close()


async def somebody(desk: Desk, score: int, days: int = 200) -> str:
    """A person with that score who joined so many days ago."""
    renter = new_renter_id("rnt")
    facts = [fact for fact in history(renter, score) if fact.kind is not FactKind.JOINED]
    await desk.scoring.deliver(facts)
    before = await desk.score(renter)
    await desk.scoring.deliver([Fact("joined", renter, FactKind.JOINED, NOON - days * DAY)])
    assert before is not None
    return renter


async def endorse(desk: Desk, giver: str, receiver: str, name: str = "e") -> Endorsement:
    """One vouches for the other, as they would: a code is asked for and handed over."""
    code, _ = await desk.endorsements.ask(receiver, f"ask-{name}-{giver[-8:]}")
    return await desk.endorsements.endorse(giver, f"give-{name}-{receiver[-8:]}", code)


async def refused(desk: Desk, giver: str, receiver: str, name: str = "e") -> str:
    """Why one can not vouch for the other."""
    with pytest.raises(Refusal) as refusal:
        await endorse(desk, giver, receiver, name)
    return refusal.value.reason


async def test_a_word_counts_a_little_and_counts_no_more_when_it_is_taken_back(desk: Desk) -> None:
    giver, receiver = await somebody(desk, 700), await somebody(desk, 560, days=0)
    before = await desk.score(receiver)
    given = await endorse(desk, giver, receiver)
    after = await desk.score(receiver)
    assert before is not None
    assert after is not None
    assert 0 < after - before <= 15
    (shown,) = await desk.endorsements.list_mine(receiver)
    assert (shown, shown.endorser_id) == (given, giver)
    ended = await desk.endorsements.end(giver, "end", given.endorsement_id)
    assert (ended.end_reason, ended.ended_at) == (EndReason.WITHDRAWN, NOON)
    assert await desk.score(receiver) == before
    assert await desk.endorsements.end(giver, "end", given.endorsement_id) == ended
    assert (await desk.endorsements.end(receiver, "end too", given.endorsement_id)).end_reason is EndReason.WITHDRAWN


async def test_a_code_works_once_for_another_and_for_a_day(desk: Desk) -> None:
    giver, receiver = await somebody(desk, 700), await somebody(desk, 560)
    code, until = await desk.endorsements.ask(receiver, "a1")
    with pytest.raises(Refusal, match="SECRET_ALREADY_SHOWN"):
        await desk.endorsements.ask(receiver, "a1")
    for whose, tried in ((receiver, code), (giver, "wrong")):
        with pytest.raises(Refusal, match="ENDORSEMENT_CODE_INVALID"):
            await desk.endorsements.endorse(whose, "g0", tried)
    given = await desk.endorsements.endorse(giver, "g1", code)
    assert await desk.endorsements.endorse(giver, "g1", code) == given, "the same call again"
    with pytest.raises(Refusal, match="ENDORSEMENT_CODE_INVALID"):
        await desk.endorsements.endorse(await somebody(desk, 700), "g1", code)
    late, until = await desk.endorsements.ask(receiver, "a2")
    desk.hands.time = until
    with pytest.raises(Refusal, match="ENDORSEMENT_CODE_INVALID"):
        await desk.endorsements.endorse(giver, "g2", late)
    rows = await desk.db.fetch("SELECT c::text AS row FROM endorsement_codes c")
    assert late not in str([row["row"] for row in rows])


async def test_who_vouches_stands_on_their_own_feet(desk: Desk) -> None:
    receiver = await somebody(desk, 560)
    low, young = await somebody(desk, 560), await somebody(desk, 700, days=100)
    assert await refused(desk, low, receiver) == "ENDORSER_NOT_ELIGIBLE"
    assert await refused(desk, young, receiver) == "ENDORSER_NOT_ELIGIBLE"
    assert await refused(desk, new_renter_id("rnt"), receiver) == "ENDORSER_NOT_ELIGIBLE"


async def test_nobody_vouches_twice_in_thirty_days_or_for_four(desk: Desk) -> None:
    giver, receivers = await somebody(desk, 750), [await somebody(desk, 560) for _ in range(4)]
    await endorse(desk, giver, receivers[0])
    assert await refused(desk, giver, receivers[1], "soon") == "TOO_MANY_ENDORSEMENTS"
    for receiver in receivers[1:3]:
        desk.hands.time += BETWEEN
        await endorse(desk, giver, receiver)
    desk.hands.time += BETWEEN
    assert await refused(desk, giver, receivers[3]) == "TOO_MANY_ENDORSEMENTS"


async def test_nobody_vouches_for_the_same_person_twice(desk: Desk) -> None:
    giver, receiver = await somebody(desk, 750), await somebody(desk, 560)
    await endorse(desk, giver, receiver)
    desk.hands.time += BETWEEN
    assert await refused(desk, giver, receiver, "again") == "TOO_MANY_ENDORSEMENTS"


async def test_friends_do_not_pull_each_other_up_neither_in_pairs_nor_in_rings(desk: Desk) -> None:
    ring = [await somebody(desk, 700) for _ in range(4)]
    await endorse(desk, ring[0], ring[1])
    assert await refused(desk, ring[1], ring[0]) == "ENDORSEMENT_CIRCULAR"
    await endorse(desk, ring[1], ring[2])
    await endorse(desk, ring[2], ring[3])
    assert await refused(desk, ring[3], ring[0]) == "ENDORSEMENT_CIRCULAR"


async def test_a_ring_that_closes_from_all_sides_at_once_stays_open(desk: Desk) -> None:
    ring = [await somebody(desk, 700) for _ in range(4)]
    pairs = list(zip(ring, ring[1:] + ring[:1], strict=True))
    codes = [(await desk.endorsements.ask(receiver, "a"))[0] for _, receiver in pairs]
    outcomes = await asyncio.gather(
        *(desk.endorsements.endorse(giver, "g", code) for (giver, _), code in zip(pairs, codes, strict=True)),
        return_exceptions=True,
    )
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Refusal)]
    assert reasons == ["ENDORSEMENT_CIRCULAR"]


async def test_what_others_say_does_not_make_one_fit_to_vouch(desk: Desk) -> None:
    borderline, receiver = await somebody(desk, 560), await somebody(desk, 560)
    for name in ("one", "two"):
        await endorse(desk, await somebody(desk, 750), borderline, name)
    row = await desk.db.fetchrow("SELECT score, alone_score FROM scores WHERE renter_id = $1", borderline)
    assert row is not None
    assert row["score"] == row["alone_score"] + 15
    assert await refused(desk, borderline, receiver) == "ENDORSER_NOT_ELIGIBLE"


@pytest.mark.parametrize("fate", ["falls", "opts out", "is erased"])
async def test_the_word_of_somebody_who_fell_counts_no_more(desk: Desk, fate: str) -> None:
    giver, receiver = await somebody(desk, 660), await somebody(desk, 560)
    before = await desk.score(receiver)
    given = await endorse(desk, giver, receiver)
    await desk.endorsements.let_fall(1000)
    assert await desk.score(receiver) != before, "nothing has happened yet"
    if fate == "falls":
        lost = [Fact(f"l{n}", giver, FactKind.RENTAL_LOST, NOON) for n in range(3)]
        await desk.scoring.deliver(lost)
    elif fate == "opts out":
        await desk.scoring.deliver([ConsentChange(giver, granted=False, occurred_at=NOON)])
    else:
        await desk.db.transaction(lambda connection: erase(connection, load_queries("services.scoring"), giver))
    assert await desk.endorsements.let_fall(1000) >= 1
    assert await desk.score(receiver) == before
    (shown,) = await desk.endorsements.list_mine(receiver)
    assert (shown.endorsement_id, shown.end_reason) == (given.endorsement_id, EndReason.ENDORSER_FELL)


async def test_without_consent_nobody_vouches_and_nobody_is_vouched_for(desk: Desk) -> None:
    giver, receiver = await somebody(desk, 700), await somebody(desk, 560)
    code, _ = await desk.endorsements.ask(receiver, "a1")
    desk.word.answers = {giver: False, receiver: False}
    with pytest.raises(Refusal, match="CONSENT_REQUIRED"):
        await desk.endorsements.ask(receiver, "a2")
    with pytest.raises(Refusal, match="CONSENT_REQUIRED"):
        await desk.endorsements.endorse(giver, "g1", code)
