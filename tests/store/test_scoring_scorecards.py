"""Scorecards put into service, on a real PostgreSQL: shadowed, compared, promoted, and everybody recomputed once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.runtime.database import Database
from services.scoring.domain import ConsentChange, Fact, FactKind, ModelError, Outcome, assess, observe, summarise
from services.scoring.domain.serving import COMPARED_BEFORE_PROMOTION
from services.scoring.models import read_model, read_models
from services.scoring.operations import DEPOSIT_WAIVER, Question, Recomputing, Scorecards
from services.scoring.operations.scoring import NEWEST
from services.scoring.store.walks import SETTLES
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of, new_renter_id
from tests.scoring_desk import MODEL, NOON, Desk, history

OLD, NEW = MODEL, read_model("bike-1")
OTHER = replace(NEW, version="bike-2", base_points=NEW.base_points + 25)
MINUTE = timedelta(minutes=1)
SCORES = (560, 601, 640, 700)


_databases = itertools.count()


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    """A database of its own for each test, because appointments are everybody's."""
    return fresh_database(f"scoring_cards_{next(_databases)}", "scoring")


@pytest_asyncio.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk."""
    db = await Database.connect(dsn, pool_size=8)
    yield Desk(db, tmp_path)
    await db.close()


async def people(desk: Desk, count: int = 12) -> dict[str, list[Fact]]:
    """People with facts, one of whom has sealed them."""
    found = {}
    for number in range(count):
        renter = new_renter_id("rnt")
        found[renter] = history(renter, SCORES[number % len(SCORES)])
        await desk.scoring.deliver(found[renter])
    await desk.scoring.deliver([ConsentChange(renter, granted=False, occurred_at=NOON)])
    return found


async def walk(desk: Desk, cards: Scorecards | None = None, batch: int = 5) -> int:
    """Walks until there is nothing to walk; gives how many people were scored. Every pause is over at once."""
    done, at_rest = 0, 0
    while at_rest < 2:
        served = (cards or desk.cards).served
        scored, walking = await desk.store.walk(served, desk.hands.now(), batch)
        done, at_rest = done + scored, 0 if walking else at_rest + 1
        desk.later += timedelta() if walking else SETTLES
    return done


async def column(desk: Desk, name: str) -> dict[str, object]:
    """One column of everybody's scores."""
    return {row["renter_id"]: row[name] for row in await desk.db.fetch(f"SELECT renter_id, {name} FROM scores")}


async def ask(desk: Desk, renter_ids: list[str], threshold: int) -> list[Outcome]:
    """Decisions."""
    answers = await desk.scoring.admit([Question(renter, threshold, DEPOSIT_WAIVER) for renter in renter_ids])
    return [answer.outcome for answer in answers if not isinstance(answer, Refusal)]


def by(model: object, facts: list[Fact]) -> int | None:
    """The score by that scorecard, in plain Python."""
    return assess(model, summarise(observe(facts, NOON), NOON)).score  # type: ignore[arg-type]


async def test_a_challenger_scores_everybody_in_the_shadow_and_changes_nothing(desk: Desk) -> None:
    known = await people(desk)
    before = await column(desk, "score")
    await desk.cards.challenge("ann", "c1", NEW.version, "looks better")
    assert await walk(desk) == len(known)
    assert await column(desk, "shadow_score") == {renter: by(NEW, facts) for renter, facts in known.items()}
    assert await column(desk, "score") == before
    newcomer = new_renter_id("rnt")
    facts = history(newcomer, 601)
    await desk.scoring.deliver(facts)
    assert (await column(desk, "shadow_score"))[newcomer] == by(NEW, facts), "and whoever is new, at once"
    (latest,) = await desk.cards.passes()
    assert (latest.shadow, latest.done, latest.total) == (True, len(known), len(known))
    assert latest.finished_at is not None


async def test_a_challenger_is_compared_on_decisions_before_it_is_promoted(desk: Desk) -> None:
    known = await people(desk)
    assert (await desk.cards.compare()).challenger == ""
    await desk.cards.challenge("ann", "c1", NEW.version, "looks better")
    await walk(desk)
    *open_ones, sealed = known
    asked = 0
    while asked < COMPARED_BEFORE_PROMOTION - len(open_ones):
        await ask(desk, open_ones, 620)
        asked += len(open_ones)
    with pytest.raises(Refusal, match="SCORECARD_NOT_COMPARED"):
        await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=False)
    assert await ask(desk, [sealed], 620) == [Outcome.CANNOT_ASSESS]
    await ask(desk, open_ones, 620)
    found = await desk.cards.compare()
    assert sum(pair.decisions for pair in found.pairs) == asked + len(open_ones) + 1
    expected = {("CANNOT_ASSESS", "CANNOT_ASSESS")}
    for renter in open_ones:
        said = ["ADMITTED" if (by(model, known[renter]) or 0) > 620 else "NOT_ADMITTED" for model in (OLD, NEW)]
        expected.add((said[0], said[1]))
    assert {(pair.champion, pair.challenger) for pair in found.pairs} == expected
    assert sum(shift.people for shift in found.shifts) == len(open_ones), "nobody looks at sealed facts"
    assert all(shift.from_points % 10 == 0 for shift in found.shifts)
    served = await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=False)
    assert served.champion.version == NEW.version


async def test_a_promotion_recomputes_everybody_once_and_keeps_what_was(desk: Desk) -> None:
    known = await people(desk)
    before = await column(desk, "score")
    served = await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    assert (served.champion.version, served.challenger) == (NEW.version, None)
    assert await column(desk, "score") == before, "until a person is reached, their score stands"
    versions = await column(desk, "facts_version")
    desk.hands.time += MINUTE
    assert await walk(desk) == len(known)
    assert await column(desk, "score") == {renter: by(NEW, facts) for renter, facts in known.items()}
    *_, sealed = known
    for renter in known:
        scores = await desk.store.list_history(renter, NEWEST, 100)
        assert (scores[0].model_version, scores[1].model_version) == (NEW.version, OLD.version)
        assert {one.facts_version for one in scores[:2]} == {versions[renter]}, "the facts are the same"
        assert await ask(desk, [renter], 350) != [Outcome.CANNOT_ASSESS] or renter == sealed
    assert await walk(desk) == 0
    again = await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    assert again.champion.version == NEW.version
    assert len(await desk.cards.passes()) == 1
    with pytest.raises(Refusal, match="STATE_NOT_ALLOWED"):
        await desk.cards.promote("ann", "p2", NEW.version, "better", unchecked=True)
    with pytest.raises(Refusal, match="STATE_NOT_ALLOWED"):
        await desk.cards.challenge("ann", "c2", NEW.version, "against itself")
    with pytest.raises(Refusal, match="SCORECARD_NOT_FOUND"):
        await desk.cards.promote("ann", "p3", "bike-9", "better", unchecked=True)
    await desk.cards.promote("ann", "p4", OLD.version, "back again", unchecked=True)
    desk.hands.time += MINUTE
    await walk(desk)
    assert await column(desk, "score") == before
    pages, token = [], ""
    while True:
        page, token = await desk.scoring.history(sealed, 1, token)
        pages += [one.model_version for one in page]
        if not token:
            break
    assert pages == [OLD.version, NEW.version, OLD.version]


async def test_two_walkers_that_are_broken_off_again_and_again_score_everybody_once(desk: Desk) -> None:
    known = await people(desk, 40)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)

    async def walker(patience: float) -> None:
        while True:
            step = asyncio.create_task(desk.store.walk(desk.cards.served, NOON, 3))
            await asyncio.wait([step], timeout=patience)
            step.cancel()
            await asyncio.gather(step, return_exceptions=True)
            await desk.db.execute("UPDATE recomputations SET lease_until = started_at")  # as after fifteen seconds

    walkers = [asyncio.create_task(walker(patience)) for patience in (0.004, 0.02)]
    async with asyncio.timeout(60):
        while (await desk.cards.passes())[0].finished_at is None:
            await asyncio.sleep(0.05)
    for task in walkers:
        task.cancel()
    await asyncio.gather(*walkers, return_exceptions=True)
    assert await column(desk, "score") == {renter: by(NEW, facts) for renter, facts in known.items()}
    for renter in known:
        versions = [one.model_version for one in await desk.store.list_history(renter, NEWEST, 100)]
        assert versions.count(NEW.version) == 1
    (latest,) = await desk.cards.passes()
    assert latest.done == len(known)


async def test_another_replica_follows_and_one_without_the_file_goes_on_with_what_it_has(desk: Desk) -> None:
    await people(desk, 2)
    other = Scorecards(desk.store, read_models(), OLD.version, desk.hands)
    without = Scorecards(desk.store, {OLD.version: OLD}, OLD.version, desk.hands)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    assert other.served.champion.version == OLD.version
    assert await other.follow()
    assert other.served.champion.version == NEW.version
    assert not await other.follow()
    assert not await without.follow()
    assert await walk(desk, without) == 0, "nor does it walk for what it cannot score"
    assert await walk(desk, other) == 2


async def test_what_an_old_replica_writes_meanwhile_is_caught_up_with(desk: Desk) -> None:
    known = await people(desk, 6)
    stale = Scorecards(desk.store, read_models(), OLD.version, desk.hands)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    await desk.store.walk(desk.cards.served, NOON, 3)
    first = min(known, key=lambda renter: (renter[-2:], renter))
    late = Fact("late", first, FactKind.RENTAL_RETURNED_LATE, NOON)
    await desk.store.apply([late], stale.served, NOON)
    assert await walk(desk) >= 3
    assert set((await column(desk, "model_version")).values()) == {NEW.version}


async def test_a_recomputation_goes_no_faster_than_it_may(desk: Desk) -> None:
    await people(desk, 10)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    steps = Recomputing(desk.store, desk.cards, desk.hands, per_second=20)
    while await steps.step():
        pass
    assert loop.time() - began >= 10 / 20


def test_a_folder_adds_scorecards_and_a_bad_file_is_named(tmp_path: Path) -> None:
    ours = (Path(read_models.__code__.co_filename).parent / "bike-1.json").read_text(encoding="utf-8")
    (tmp_path / "mine.json").write_text(ours.replace('"version": "bike-1"', '"version": "mine-1"'), encoding="utf-8")
    assert set(read_models(tmp_path)) == {"bike-1", "general-1", "mine-1"}
    (tmp_path / "twice.json").write_text(ours, encoding="utf-8")
    with pytest.raises(ModelError, match=r"twice\.json: .*bike-1"):
        read_models(tmp_path)
    (tmp_path / "twice.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"twice\.json"):
        read_models(tmp_path)


async def test_a_champion_that_is_not_there_stops_the_start(desk: Desk) -> None:
    with pytest.raises(ModelError, match="general-1"):
        Scorecards(desk.store, read_models(), "general-0", desk.hands)


async def test_a_person_gets_the_new_scorecard_with_their_next_fact(desk: Desk) -> None:
    (renter, *_) = await people(desk, 3)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    await desk.scoring.deliver([Fact("more", renter, FactKind.RENTAL_STARTED, NOON + timedelta(minutes=1))])
    assert (await column(desk, "model_version"))[renter] == NEW.version


def three(desk: Desk) -> Scorecards:
    """A process that knows a third scorecard."""
    return Scorecards(desk.store, {**read_models(), OTHER.version: OTHER}, OLD.version, desk.hands)


async def decide(desk: Desk, known: dict[str, list[Fact]]) -> None:
    """As many decisions as a comparison needs."""
    open_ones = list(known)[:-1]
    for _ in range(1 + COMPARED_BEFORE_PROMOTION // len(open_ones)):
        await ask(desk, open_ones, 620)


async def test_going_back_brings_no_challenger_back(desk: Desk) -> None:
    known = await people(desk)
    await desk.cards.challenge("ann", "c1", NEW.version, "looks better")
    await walk(desk)
    await decide(desk, known)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=False)
    served = await desk.cards.promote("ann", "p2", OLD.version, "it was not", unchecked=True)
    assert served.challenger is None, "who was promoted is no challenger any more"
    with pytest.raises(Refusal, match="SCORECARD_NOT_COMPARED"):
        await desk.cards.promote("ann", "p3", NEW.version, "once more", unchecked=False)
    again = await desk.cards.challenge("ann", "c2", NEW.version, "once more")
    assert again.challenger is not None
    assert again.challenger.version == NEW.version
    assert (await desk.cards.compare()).pairs == [], "and is compared afresh"


async def test_a_challenger_is_compared_with_what_is_in_force(desk: Desk) -> None:
    known, cards = await people(desk), three(desk)
    desk.scoring._cards = cards
    await cards.challenge("ann", "c1", NEW.version, "looks better")
    await walk(desk, cards)
    await decide(desk, known)
    with pytest.raises(Refusal, match="SCORECARD_NOT_COMPARED"):
        await cards.promote("ann", "p1", OTHER.version, "another one", unchecked=False)
    served = await cards.promote("ann", "p2", OTHER.version, "another one", unchecked=True)
    assert (served.champion.version, served.challenger) == (OTHER.version, NEW)
    assert (await cards.compare()).pairs == [], "what was compared with its predecessor says nothing of it"
    assert (await cards.compare()).shifts == [], "nor does anybody's score that is still the predecessor's"
    with pytest.raises(Refusal, match="SCORECARD_NOT_COMPARED"):
        await cards.promote("ann", "p3", NEW.version, "compared with another", unchecked=False)
    await walk(desk, cards)
    await decide(desk, known)
    assert sum(shift.people for shift in (await cards.compare()).shifts) == len(known) - 1
    assert (await cards.promote("ann", "p4", NEW.version, "better", unchecked=False)).champion == NEW


async def test_of_two_promotions_at_once_the_later_is_in_force_and_its_walk_alone_goes_on(desk: Desk) -> None:
    known = await people(desk, 6)
    for turn in range(5):
        first, second = three(desk), three(desk)
        await first.follow()
        wanted = [card for card in (OLD, NEW, OTHER) if card.version != first.served.champion.version]
        await asyncio.gather(
            first.promote("ann", f"a{turn}", wanted[0].version, "one", unchecked=True),
            second.promote("bob", f"b{turn}", wanted[1].version, "the other", unchecked=True),
        )
        await first.follow()
        await second.follow()
        assert first.served == second.served
        (walked,) = [one for one in await first.passes() if one.finished_at is None]
        assert walked.model_version == first.served.champion.version
    desk.hands.time += MINUTE
    await walk(desk, first)
    assert await column(desk, "score") == {renter: by(first.served.champion, facts) for renter, facts in known.items()}


async def test_the_latest_appointment_counts_whatever_the_clock_of_its_process_says(desk: Desk) -> None:
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    await desk.db.execute("UPDATE appointments SET appointment_id = 'apt_zzz'")  # made by a clock that is ahead
    await desk.cards.promote("ann", "p2", OLD.version, "back again", unchecked=True)
    assert desk.cards.served.champion.version == OLD.version


async def test_a_walk_is_not_through_before_everybody_has_heard_of_it(desk: Desk) -> None:
    (renter, *_) = await people(desk, 4)
    stale = Scorecards(desk.store, read_models(), OLD.version, desk.hands)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    for _ in range(4):
        await desk.store.walk(desk.cards.served, NOON, 5)
    (latest,) = await desk.cards.passes()
    assert (latest.done, latest.finished_at) == (4, None)
    late = Fact("late", renter, FactKind.RENTAL_RETURNED_LATE, NOON)
    await desk.store.apply([late], stale.served, NOON)
    desk.later += SETTLES
    await walk(desk)
    assert set((await column(desk, "model_version")).values()) == {NEW.version}
    assert (await desk.cards.passes())[0].finished_at is not None


async def test_a_rate_holds_for_all_processes_together(desk: Desk) -> None:
    await people(desk, 6)
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    assert await desk.store.walk(desk.cards.served, NOON, 2, per_second=2) == (2, True)
    assert await desk.store.walk(desk.cards.served, NOON, 2, per_second=2) == (0, False), "a second of rest"
    desk.later += timedelta(seconds=1)
    assert await desk.store.walk(desk.cards.served, NOON, 2, per_second=2) == (2, True)


async def test_nobody_is_overlooked_however_many_are_scored_already(desk: Desk) -> None:
    known = await people(desk, 40)
    *_, last = sorted(known, key=lambda renter: (bucket_of(renter), renter))
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    await walk(desk)
    await desk.db.execute("UPDATE scores SET model_version = $2 WHERE renter_id = $1", last, OLD.version)
    await desk.db.execute("UPDATE recomputations SET finished_at = NULL, lap_done = -1")
    assert await walk(desk, batch=1) == 1, "ten are looked at in a step, none of the others is scored again"
    assert (await desk.cards.passes())[0].finished_at is not None


async def test_counts_that_could_not_be_kept_are_kept_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    known = await people(desk)
    await desk.cards.challenge("ann", "c1", NEW.version, "looks better")
    await walk(desk)
    await ask(desk, list(known), 620)

    async def away(*_: object) -> None:
        raise Refusal(Category.UNAVAILABLE, "DATABASE_UNAVAILABLE", "away")

    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "add_comparisons", away)
        with pytest.raises(Refusal, match="DATABASE_UNAVAILABLE"):
            await desk.cards.flush()
    assert sum(pair.decisions for pair in (await desk.cards.compare()).pairs) == len(known)


async def test_a_process_that_lacks_what_is_in_force_does_not_begin(desk: Desk) -> None:
    await desk.cards.promote("ann", "p1", NEW.version, "better", unchecked=True)
    without = Scorecards(desk.store, {OLD.version: OLD}, OLD.version, desk.hands)
    with pytest.raises(ModelError, match=NEW.version):
        await without.begin()
    await three(desk).begin()
