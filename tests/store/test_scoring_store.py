"""Scoring on a real PostgreSQL: at least once, in any order, at the same time, and sealed when consent ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.runtime.database import Database
from services.scoring.domain import ConsentChange, Event, Fact, FactKind, Outcome, UnscoredReason
from services.scoring.operations import DEPOSIT_WAIVER, Question
from services.values.errors import Category, Refusal
from services.values.ids import new_id, new_renter_id
from tests.scoring_desk import NOON, Desk, history


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has people of its own."""
    return fresh_database("scoring_store", "scoring")


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


def granted(renter_id: str, minute: int) -> ConsentChange:
    """Consent was given at that minute."""
    return ConsentChange(renter_id, granted=True, occurred_at=NOON + timedelta(minutes=minute))


def withdrawn(renter_id: str, minute: int) -> ConsentChange:
    """Consent ended at that minute."""
    return ConsentChange(renter_id, granted=False, occurred_at=NOON + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("score", "outcome"),
    [(599, Outcome.NOT_ADMITTED), (600, Outcome.NOT_ADMITTED), (601, Outcome.ADMITTED)],
)
async def test_the_boundary_holds_from_facts_to_decision(desk: Desk, score: int, outcome: Outcome) -> None:
    renter = new_renter_id("rnt")
    await desk.scoring.deliver(history(renter, score))
    assert await desk.score(renter) == score
    assert await desk.outcome(renter, 600) is outcome


async def test_order_batches_repeats_and_company_change_nothing(desk: Desk) -> None:
    people = [new_renter_id("rnt") for _ in range(6)]
    for seed, renter in enumerate(people):
        luck, facts = random.Random(seed), history(renter, 640)
        facts += luck.sample(facts, 5)
        luck.shuffle(facts)
        cut = luck.randrange(1, len(facts))
        await asyncio.gather(desk.scoring.deliver(facts[:cut]), desk.scoring.deliver(facts[cut:]))
    first, *others = [await desk.stored(renter) for renter in people]
    assert first[0] == 640
    assert all(stored == first for stored in others)


async def test_a_repeated_delivery_writes_nothing(desk: Desk) -> None:
    renter = new_renter_id("rnt")
    facts = history(renter, 640)
    await desk.scoring.deliver(facts)
    before = (await desk.stored(renter), await desk.count("facts", renter), await desk.count("score_history", renter))
    await desk.scoring.deliver(facts)
    after = (await desk.stored(renter), await desk.count("facts", renter), await desk.count("score_history", renter))
    assert after == before


async def test_many_batches_about_the_same_people_at_once_lose_nothing(desk: Desk) -> None:
    people = [new_renter_id("rnt") for _ in range(20)]
    events: list[list[Event]] = []
    for seed in range(12):
        batch: list[Event] = [
            Fact(f"r{seed}", renter, FactKind.RENTAL_RETURNED_ON_TIME, NOON + timedelta(seconds=seed))
            for renter in people
        ]
        random.Random(seed).shuffle(batch)
        events.append(batch)
    await asyncio.gather(*(desk.scoring.deliver(batch) for batch in events))
    for renter in people:
        assert (await desk.stored(renter))[1] == 12
        assert await desk.count("facts", renter) == 12


async def test_withdrawing_seals_and_granting_again_resumes(desk: Desk) -> None:
    renter = new_renter_id("rnt")
    await desk.scoring.deliver([granted(renter, 0), *history(renter, 640)])
    assert await desk.outcome(renter, 600) is Outcome.ADMITTED
    meanwhile = Fact("meanwhile", renter, FactKind.PAYMENT_FAILED, NOON)
    await desk.scoring.deliver([withdrawn(renter, 1), meanwhile])
    assert await desk.outcome(renter, 600) is Outcome.CANNOT_ASSESS
    explained = await desk.scoring.explain(renter)
    assert (explained.assessment, explained.unscored) == (None, UnscoredReason.NO_CONSENT)
    await desk.scoring.deliver([granted(renter, 2)])
    assert await desk.score(renter) == 640, "what came in between is not known here"
    assert await desk.count("facts", renter) == len(history(renter, 640))


async def test_a_late_withdrawal_does_not_undo_a_newer_grant(desk: Desk) -> None:
    renter = new_renter_id("rnt")
    await desk.scoring.deliver([*history(renter, 640), granted(renter, 5)])
    await desk.scoring.deliver([withdrawn(renter, 3)])
    assert await desk.outcome(renter, 600) is Outcome.ADMITTED


async def test_n_questions_are_one_read_in_order(desk: Desk) -> None:
    known, stranger = new_renter_id("rnt"), new_renter_id("rnt")
    await desk.scoring.deliver(history(known, 601))
    questions = [Question(renter, line, DEPOSIT_WAIVER) for renter in (known, stranger) for line in (600, 601)]
    questions.append(Question(known, 600, "HIRING"))
    *answers, refused = await desk.scoring.admit(questions)
    outcomes = [answer.outcome for answer in answers if not isinstance(answer, Refusal)]
    unknown = Outcome.CANNOT_ASSESS
    assert outcomes == [Outcome.ADMITTED, Outcome.NOT_ADMITTED, unknown, unknown]
    assert isinstance(refused, Refusal)
    assert refused.reason == "PURPOSE_NOT_ALLOWED"


async def test_the_lines_of_tiers_rise_and_the_answer_counts_them(desk: Desk) -> None:
    renter = new_renter_id("rnt")
    await desk.scoring.deliver(history(renter, 651))
    asked = [Question(renter, 600, DEPOSIT_WAIVER, higher) for higher in ((), (650,), (650, 700), (650, 640))]
    *answers, refused = await desk.scoring.admit(asked)
    assert [not isinstance(answer, Refusal) and answer.tier for answer in answers] == [1, 2, 2]
    assert isinstance(refused, Refusal)
    assert refused.violations[0].field == "higher_thresholds"


async def test_an_operators_facts_need_consent_and_an_id_of_their_own(desk: Desk) -> None:
    yes, no, nobody = (new_renter_id("rnt") for _ in range(3))
    desk.word.answers = {no: False, nobody: Refusal(Category.NOT_FOUND, "RENTER_NOT_FOUND", "no such renter")}
    kind = FactKind.RENTAL_RETURNED_ON_TIME
    facts = [Fact("f1", who, kind, NOON) for who in (yes, no, nobody)]
    facts += [Fact("f1", yes, FactKind.RENTAL_RETURNED_LATE, NOON), Fact("f1", yes, kind, NOON)]
    outcomes = [outcome and outcome.reason for outcome in await desk.scoring.record_facts(facts)]
    assert outcomes == [None, "CONSENT_REQUIRED", "RENTER_NOT_FOUND", "FACT_ID_REUSED", None]
    again = [outcome and outcome.reason for outcome in await desk.scoring.record_facts(facts[-2:])]
    assert again == ["FACT_ID_REUSED", None]
    assert [await desk.count("facts", who) for who in (yes, no, nobody)] == [1, 0, 0]


async def test_a_large_batch_over_many_people_is_one_transaction(desk: Desk) -> None:
    people = [new_renter_id("rnt") for _ in range(100)]
    facts = [
        Fact(new_id("evt"), renter, kind, NOON)
        for renter in people
        for kind in (FactKind.JOINED, *[FactKind.RENTAL_RETURNED_ON_TIME] * 4)
    ]
    await desk.scoring.deliver(facts)
    scores = {(await desk.stored(renter))[:2] for renter in people}
    assert len(scores) == 1
    assert next(iter(scores))[1] == 5


async def test_every_score_there_was_is_listed_newest_first_page_by_page(desk: Desk) -> None:
    renter_id, other = new_renter_id("rnt"), new_renter_id("rnt")
    for number in range(6):
        fact = Fact(f"f{number}", renter_id, FactKind.RENTAL_RETURNED_ON_TIME, NOON + timedelta(days=number))
        await desk.scoring.deliver([fact])
    await desk.scoring.deliver([Fact("f", other, FactKind.JOINED, NOON)])
    page, more = await desk.scoring.history(renter_id, 4, "")
    rest, end = await desk.scoring.history(renter_id, 4, more)
    assert [one.facts for one in page + rest] == [6, 5, 4, 3, 2, 1]
    assert end == ""
    assert page[0].score == await desk.score(renter_id)
    assert rest[-1].score is None, "too few facts, then"
    with pytest.raises(Refusal, match="PAGE_TOKEN_INVALID"):
        await desk.scoring.history(other, 4, more)
