"""Bureaus on a real PostgreSQL: linked, asked again when a week old, silent for months, unlinked, erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.runtime.database import Database
from services.runtime.key_ring import create_next_key
from services.runtime.personal_data import collect, erase
from services.runtime.queries import load_queries
from services.scoring.calibrations import read_panel
from services.scoring.domain import ConsentChange, Fact, FactKind, FactState, Outcome
from services.scoring.domain.bureau_links import BureauLink, LinkState, Report, code_invalid
from services.scoring.operations.bureaus import NoReport
from services.values.errors import Category, Refusal
from services.values.ids import new_renter_id
from tests.scoring_desk import NOON, Desk, Hands, history

DAY = timedelta(days=1)
SOURCE = load_queries("services.scoring")


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; links of earlier tests are asked about nothing, as each test clears them."""
    return fresh_database("scoring_bureaus", "scoring")


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the keys are."""
    return tmp_path_factory.mktemp("keys")


@pytest_asyncio.fixture
async def desk(dsn: str, keys: Path) -> AsyncIterator[Desk]:
    """A desk, with nothing due."""
    db = await Database.connect(dsn, pool_size=8)
    for table in ("bureau_links", "bureau_accounts"):
        await db.execute(f"DELETE FROM {table}")
    yield Desk(db, keys)
    await db.close()


def common(bureau: str, raw: int) -> int:
    return read_panel().calibrations[bureau].common_of(raw)


async def somebody(desk: Desk, score: int = 700) -> str:
    renter = new_renter_id("rnt")
    await desk.scoring.deliver(history(renter, score))
    return renter


async def link(desk: Desk, renter: str, bureau: str = "north", code: str = "", request_id: str = "l") -> BureauLink:
    return await desk.bureaus.link(renter, f"{request_id}-{bureau}", bureau, code or f"{renter}.{bureau}")


def told(desk: Desk, raw: int, bureau: str = "north", age: timedelta = timedelta(0)) -> None:
    """From now on the bureau says that."""
    desk.wires.says[bureau] = Report(raw, desk.hands.time - age)


async def pass_days(desk: Desk, days: float) -> None:
    """So many days later, when time has done its work."""
    desk.hands.time += timedelta(days=days)
    while await desk.bureaus.refresh(20):
        pass
    while await desk.scoring.let_run_out(200):
        pass


async def test_two_bureaus_at_once_each_move_a_score_by_a_fifth(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    told(desk, 500, "south")
    north = await link(desk, renter)
    up = (common("north", 800) - 700) * 20 // 100
    assert await desk.score(renter) == 700 + up
    assert (north.state(NOON), desk.bureaus.weight(north, NOON)) == (LinkState.FRESH, 20)
    await link(desk, renter, "south")
    both = ((common("north", 800) - 700) * 20 + (common("south", 500) - 700) * 20) // 100
    assert await desk.score(renter) == 700 + both
    facts, _ = await desk.facts.list_mine(renter, 200, "")
    said = [told.recorded.fact for told in facts if told.recorded.fact.kind is FactKind.OUTSIDE_SCORE]
    assert {(fact.subject, fact.outside_score) for fact in said} == {("north", 800), ("south", 500)}


async def test_a_bureau_is_told_nothing_of_the_person(desk: Desk) -> None:
    renter = await somebody(desk)
    await link(desk, renter, code="the-code")
    (bureau, code, key), (_, handle) = desk.wires.redeemed[0], desk.wires.asked[0]
    assert (bureau, code, handle) == ("north", "the-code", "handle-the-code")
    assert renter not in key
    assert len(key) == 64


async def test_a_handle_is_sealed_and_follows_a_new_key(desk: Desk, keys: Path) -> None:
    renter = await somebody(desk)
    await link(desk, renter, code="a-canary")
    row = await desk.db.fetchrow("SELECT * FROM bureau_links WHERE renter_id = $1", renter)
    assert row is not None
    assert b"canary" not in bytes(row["sealed"])
    create_next_key(keys)
    assert await desk.store.rewrap() > 0
    fresh = await desk.db.fetchrow("SELECT key_version, sealed FROM bureau_links WHERE renter_id = $1", renter)
    assert (fresh["key_version"], fresh["sealed"]) == (2, row["sealed"])  # type: ignore[index]
    told(desk, 700)
    await pass_days(desk, 8)
    assert desk.wires.asked[-1] == ("north", "handle-a-canary")


async def test_a_repeat_gives_the_first_link_and_redeems_nothing(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    first = await link(desk, renter)
    assert await link(desk, renter) == first
    assert len(desk.wires.redeemed) == 1
    with pytest.raises(Refusal, match="other content"):
        await link(desk, renter, code="another")


async def test_a_repeat_after_silence_uses_the_same_key(desk: Desk) -> None:
    renter = await somebody(desk)
    desk.wires.grants["c"] = None
    with pytest.raises(Refusal) as caught:
        await link(desk, renter, code="c")
    assert caught.value.reason == "BUREAU_UNAVAILABLE"
    del desk.wires.grants["c"]
    await link(desk, renter, code="c")
    assert desk.wires.redeemed[0] == desk.wires.redeemed[1]


async def test_repeats_at_the_same_time_make_one_link(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    found = await asyncio.gather(*(link(desk, renter) for _ in range(5)))
    assert len({one.link_id for one in found}) == 1
    assert await desk.count("bureau_links", renter) == 1


async def test_refusals(desk: Desk) -> None:
    renter, other = await somebody(desk), await somebody(desk)
    await link(desk, renter, code="mine")
    desk.wires.grants["bad"] = code_invalid()
    desk.wires.grants["stolen"] = await desk.wires.redeem("north", "mine", "k")
    desk.word.answers[(stranger := await somebody(desk))] = False
    for who, bureau, code, reason in (
        (renter, "nowhere", "x", "BUREAU_NOT_FOUND"),
        (renter, "north", "x", "BUREAU_ALREADY_LINKED"),
        (other, "north", "bad", "BUREAU_CODE_INVALID"),
        (other, "north", "stolen", "BUREAU_ACCOUNT_TAKEN"),
        (stranger, "north", "x", "CONSENT_REQUIRED"),
    ):
        with pytest.raises(Refusal) as caught:
            await link(desk, who, bureau, code, "r")
        assert caught.value.reason == reason
    assert await desk.count("bureau_links", other) == await desk.count("bureau_links", stranger) == 0
    assert desk.wires.revoked == [("north", "handle-mine")], "what was redeemed for nothing is given back"
    with pytest.raises(Refusal) as caught:
        await desk.bureaus.unlink(other, "u", "north")
    assert caught.value.reason == "BUREAU_NOT_LINKED"


async def test_a_report_is_asked_for_again_when_it_is_a_week_old_and_the_latest_counts(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    await link(desk, renter)
    before = await desk.score(renter)
    await pass_days(desk, 6.9)
    assert (await desk.score(renter), len(desk.wires.asked)) == (before, 1)
    told(desk, 600)
    await pass_days(desk, 0.2)
    assert await desk.score(renter) == 700 + (common("north", 600) - 700) * 20 // 100
    (mine,), available = await desk.bureaus.list_mine(renter)
    assert (mine.answered, available) == ("REPORTED", ["south"])


async def test_an_outage_changes_nothing_but_by_age(desk: Desk) -> None:
    """Nobody is refused while a bureau is silent: its word counts half after 30 days, and no more after 90."""
    renter = await somebody(desk)
    told(desk, 800)
    told(desk, 900, "south")
    await link(desk, renter)
    await link(desk, renter, "south")
    with_both = await desk.score(renter)
    desk.wires.says["north"] = None
    for _ in range(3):
        await pass_days(desk, 8)
        told(desk, 900, "south")
    assert await desk.score(renter) == with_both
    (north, south), _ = await desk.bureaus.list_mine(renter)
    assert (north.state(desk.hands.time), south.state(desk.hands.time)) == (LinkState.OUTAGE, LinkState.FRESH)
    assert desk.bureaus.weight(north, desk.hands.time) == 20
    assert await desk.outcome(renter, 700) is Outcome.ADMITTED
    parts = {bureau: common(bureau, raw) - 700 for bureau, raw in (("north", 800), ("south", 900))}
    await pass_days(desk, 6.5)
    assert await desk.score(renter) == 700 + (parts["north"] * 10 + parts["south"] * 20) // 100
    while desk.hands.time < NOON + 91 * DAY:
        told(desk, 900, "south")
        await pass_days(desk, 8)
    assert await desk.score(renter) == 700 + parts["south"] * 20 // 100
    told(desk, 800)
    await pass_days(desk, 1)
    assert await desk.score(renter) == with_both, "when it answers again, everything is as it was"


async def test_a_decision_is_right_at_the_moment_a_report_fades_though_nobody_has_written_it_down(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    await link(desk, renter)
    threshold = (await desk.score(renter) or 0) - 1
    assert await desk.outcome(renter, threshold) is Outcome.ADMITTED
    desk.hands.time += 30 * DAY
    assert await desk.outcome(renter, threshold) is Outcome.NOT_ADMITTED


async def test_pauses_grow_while_a_bureau_is_silent(desk: Desk) -> None:
    renter = await somebody(desk)
    await link(desk, renter)
    waits = []
    for _ in range(12):
        ((found,), _) = await desk.bureaus.list_mine(renter)
        waits.append((found.ask_at - desk.hands.time).total_seconds() / 60)
        desk.hands.time = found.ask_at
        assert await desk.bureaus.refresh(20) == 1
        assert await desk.bureaus.refresh(20) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    assert len(desk.wires.asked) == 13


async def test_nobody_is_asked_about_without_consent(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    await link(desk, renter)
    desk.word.answers[renter] = False
    await pass_days(desk, 20)
    desk.word.answers[renter] = Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "later")
    await pass_days(desk, 20)
    assert len(desk.wires.asked) == 1
    desk.word.answers[renter] = True
    await pass_days(desk, 2)
    assert len(desk.wires.asked) == 2


async def test_a_report_that_comes_while_facts_are_sealed_leaves_no_trace(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    await desk.scoring.deliver([ConsentChange(renter, granted=False, occurred_at=NOON)])
    before = await desk.count("facts", renter)
    await link(desk, renter)
    assert await desk.count("facts", renter) == before


async def test_unlinking_takes_back_what_was_said_and_has_the_bureau_forget(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 400)
    await link(desk, renter)
    assert await desk.score(renter) == 700 + (common("north", 400) - 700) * 20 // 100
    await desk.bureaus.unlink(renter, "u", "north")
    await desk.bureaus.unlink(renter, "u", "north")
    assert await desk.score(renter) == 700
    facts, _ = await desk.facts.list_mine(renter, 200, "")
    (said,) = [one.recorded for one in facts if one.recorded.fact.kind is FactKind.OUTSIDE_SCORE]
    assert said.state is FactState.RETRACTED
    assert await desk.bureaus.list_mine(renter) == ([], ["north", "south"])
    desk.wires.revokes = False
    await desk.bureaus.refresh(20)
    assert await desk.count("bureau_links", renter) == 1, "a bureau that is silent is told again"
    desk.wires.revokes = True
    await pass_days(desk, 1)
    assert await desk.count("bureau_links", renter) == 0
    assert set(desk.wires.revoked) == {("north", f"handle-{renter}.north")}
    told(desk, 800)
    await link(desk, renter, request_id="again")
    assert await desk.score(renter) == 700 + (common("north", 800) - 700) * 20 // 100
    with pytest.raises(Refusal) as caught:
        await link(desk, renter)
    assert caught.value.reason == "BUREAU_NOT_LINKED", "the first link is gone"


async def test_a_report_under_way_while_a_person_unlinks_is_lost(desk: Desk) -> None:
    renter = await somebody(desk)
    found = await link(desk, renter)
    await desk.bureaus.unlink(renter, "u", "north")
    report = Report(400, NOON)
    await desk.store.save_answer(found.reported(report, NOON), found.fact(report), desk.cards.served, NOON)
    assert await desk.score(renter) == 700


async def test_a_person_who_ends_it_at_the_bureau_has_ended_it_here(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    await link(desk, renter)
    desk.wires.says["north"] = NoReport.LINK_ENDED
    await pass_days(desk, 8)
    assert await desk.score(renter) == 700
    assert (await desk.bureaus.list_mine(renter))[0] == []


async def test_a_bureau_that_knows_nothing_is_asked_again_in_a_week(desk: Desk) -> None:
    renter = await somebody(desk)
    desk.wires.says["north"] = NoReport.NO_RECORD
    found = await link(desk, renter)
    assert found.state(NOON) is LinkState.NO_RECORD
    assert await desk.score(renter) == 700
    told(desk, 800)
    await pass_days(desk, 7.1)
    assert await desk.score(renter) != 700


@pytest.mark.parametrize(("raw", "days"), [(299, 0), (851, 0), (800, -1)])
async def test_a_report_that_cannot_be_is_an_outage(desk: Desk, raw: int, days: int) -> None:
    renter = await somebody(desk)
    told(desk, raw, age=days * DAY)
    assert (await link(desk, renter)).state(NOON) is LinkState.OUTAGE
    assert await desk.score(renter) == 700


async def test_a_newcomer_whom_a_bureau_knows_is_assessed(desk: Desk) -> None:
    renter = new_renter_id("rnt")
    await desk.scoring.deliver([Fact("joined", renter, FactKind.JOINED, NOON)])
    assert await desk.outcome(renter, 600) is Outcome.CANNOT_ASSESS
    told(desk, 720)
    await link(desk, renter)
    assert await desk.score(renter) == min(680, common("north", 720) - 40)
    assert await desk.outcome(renter, 600) is Outcome.ADMITTED


async def test_several_desks_ask_once(desk: Desk, dsn: str, keys: Path) -> None:
    renters = [await somebody(desk) for _ in range(10)]
    for renter in renters:
        await link(desk, renter)
    told(desk, 800)
    other = Desk(desk.db, keys, desk.word, Hands(desk.hands.time), desk.wires)
    before = len(desk.wires.asked)
    desk.hands.time = other.hands.time = NOON + 2 * DAY
    counts = await asyncio.gather(*(one.bureaus.refresh(20) for one in (desk, other, desk, other)))
    assert sum(counts) == len(desk.wires.asked) - before == 10


async def test_a_copy_names_bureaus_and_no_handle_and_erasure_has_them_forget(desk: Desk) -> None:
    renter = await somebody(desk)
    told(desk, 800)
    await link(desk, renter, code="a-canary")
    copy = await collect(desk.db, SOURCE, renter)
    (mine,) = copy["bureau_links"]
    assert (mine["bureau"], mine["answered"]) == ("north", "REPORTED")
    assert "canary" not in str(copy["bureau_links"])
    await desk.db.transaction(lambda connection: erase(connection, SOURCE, renter))
    assert await desk.count("bureau_links", renter) == 0
    await desk.bureaus.refresh(20)
    assert desk.wires.revoked == [("north", "handle-a-canary")]
    assert await desk.db.fetchval("SELECT count(*) FROM bureau_links") == 0
    assert await desk.db.fetchval("SELECT count(*) FROM bureau_accounts") == 0
    assert len(desk.wires.asked) == 1
