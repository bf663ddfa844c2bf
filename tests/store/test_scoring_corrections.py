"""Facts put right, run out and disputed, on a real PostgreSQL: the score is what it would be had it always been so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.runtime.database import Database
from services.runtime.key_ring import create_next_key
from services.scoring.domain import Fact, FactKind, FactState, NegativeRecord, Outcome, Use, assess, observe, summarise
from services.scoring.domain.disputes import DAYS_TO_DECIDE, DisputeState
from services.scoring.domain.records import PROFILE_FIELDS, years_after
from services.scoring.operations import DEPOSIT_WAIVER, Question, Ruling
from services.values.errors import Refusal
from services.values.ids import new_id, new_renter_id
from tests.scoring_desk import MODEL, NOON, Desk, history

DAY = timedelta(days=1)
REASON = "the shop had mixed up two people"
CASE = "(2025)沪0115执1234号"


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has people of its own."""
    return fresh_database("scoring_corrections", "scoring")


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


@pytest.fixture
def renter() -> str:
    """Somebody."""
    return new_renter_id("rnt")


def late(renter_id: str, fact_id: str = "late", at: datetime = NOON) -> Fact:
    """A return that was late."""
    return Fact(fact_id, renter_id, FactKind.RENTAL_RETURNED_LATE, at)


def court(renter_id: str, at: datetime, settled: datetime | None = None) -> Fact:
    """An entry of a court list."""
    return Fact("court", renter_id, FactKind.NEGATIVE_RECORD, at, record=NegativeRecord("court-list", CASE, settled))


def anything(luck: random.Random, renter_id: str, number: int) -> Fact:
    """Some fact or other."""
    kind = luck.choice([kind for kind in FactKind if kind not in (FactKind.ENDORSED, FactKind.OUTSIDE_SCORE)])
    at = NOON - luck.randrange(3000) * DAY / 2
    subject = luck.choice(sorted(PROFILE_FIELDS)) if kind is FactKind.PROFILE_FIELD_COMPLETED else luck.choice("abcd")
    settled = luck.choice([None, at + DAY])
    return Fact(
        f"f{number}",
        renter_id,
        kind,
        at,
        subject,
        luck.choice(["", new_id("ptn")]),
        luck.choice([None, 10, 900]),
        NegativeRecord("court-list", CASE, settled) if kind is FactKind.NEGATIVE_RECORD else None,
    )


async def told(desk: Desk, renter_id: str) -> dict[str, int]:
    """How many events about a person wait for whom."""
    query = "SELECT destination, count(*) AS waiting FROM outbox WHERE renter_id = $1 GROUP BY destination"
    return {row["destination"]: row["waiting"] for row in await desk.db.fetch(query, renter_id)}


async def state_of(desk: Desk, renter_id: str) -> DisputeState:
    """Where the person's latest dispute stands."""
    (latest, *_), _ = await desk.disputes.list_mine(renter_id, 1, "")
    return latest.dispute.state


@pytest.mark.parametrize("seed", range(25))
async def test_the_database_counts_as_the_rules_do_and_a_correction_is_as_if_it_had_always_been_so(
    desk: Desk, renter: str, seed: int
) -> None:
    luck = random.Random(seed)
    right = [anything(luck, renter, number) for number in range(luck.randrange(5, 40))]
    wrong = {fact.fact_id: replace(anything(luck, renter, 0), fact_id=fact.fact_id) for fact in luck.sample(right, 4)}
    extra = [anything(luck, renter, 1000 + number) for number in range(3)]
    told = [wrong.get(fact.fact_id, fact) for fact in right] + extra
    luck.shuffle(told)
    await desk.scoring.deliver(told)
    putting_right = [
        desk.facts.correct(desk.ann, f"c-{fact.fact_id}", fact, REASON) for fact in right if fact.fact_id in wrong
    ]
    putting_right += [desk.facts.retract(desk.ann, f"r-{fact.fact_id}", renter, fact.fact_id, REASON) for fact in extra]
    await asyncio.gather(*putting_right)
    expected = assess(MODEL, summarise(observe(right, NOON), NOON))
    explained = await desk.scoring.explain(renter)
    assert explained.assessment == expected
    never_wrong = new_renter_id("rnt")
    await desk.scoring.deliver([replace(fact, renter_id=never_wrong) for fact in right])
    assert (await desk.stored(never_wrong)) == (await desk.stored(renter))


async def test_nothing_is_overwritten_and_each_change_says_who_and_why(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 640), late(renter)])
    desk.hands.time = NOON + DAY
    better = replace(late(renter), kind=FactKind.RENTAL_RETURNED_ON_TIME)
    told = await desk.facts.correct(desk.ann, "c1", better, REASON)
    assert (told.recorded.revision, told.recorded.changed_by, told.recorded.change_reason) == (1, desk.ann, REASON)
    rows = await desk.db.fetch(
        "SELECT kind, revision, recorded_at, superseded_at FROM facts WHERE renter_id = $1 AND fact_id = 'late'"
        " ORDER BY revision",
        renter,
    )
    assert [tuple(row) for row in rows] == [
        ("RENTAL_RETURNED_LATE", 0, NOON, NOON + DAY),
        ("RENTAL_RETURNED_ON_TIME", 1, NOON + DAY, None),
    ]
    assert await desk.count("outbox", renter) == 1, "deposits is told"
    again = await desk.facts.correct(desk.ann, "c1", better, REASON)
    assert again == told
    assert await desk.count("outbox", renter) == 1
    with pytest.raises(Refusal, match="REQUEST_ID_REUSED"):
        await desk.facts.correct(desk.ann, "c1", late(renter), REASON)


async def test_what_was_first_told_may_come_again(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 640), late(renter)])
    await desk.facts.retract(desk.ann, "r1", renter, "late", REASON)
    await desk.scoring.deliver([late(renter)])
    (outcome,) = await desk.scoring.record_facts([late(renter)])
    assert outcome is None
    assert await desk.score(renter) == 640


async def test_a_source_takes_back_what_it_told_once_and_a_dispute_is_left_to_itself(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 640), late(renter)])
    lower = await desk.score(renter)
    for _ in range(2):
        await desk.facts.withdraw("evt_1", renter, "late")
    assert lower < await desk.score(renter) == 640
    in_force = "renter_id = $1 AND fact_id = 'late' AND superseded_at IS NULL"
    rows = await desk.db.fetch(f"SELECT state, change_reason FROM facts WHERE {in_force}", renter)
    assert [tuple(row) for row in rows] == [("RETRACTED", "WITHDRAWN_BY_SOURCE")]
    assert await desk.count("outbox", renter) == 1, "deposits is told once"
    await desk.facts.withdraw("evt_2", renter, "late")
    await desk.facts.withdraw("evt_3", renter, "never-told")
    await desk.db.execute(f"UPDATE facts SET state = 'DISPUTED' WHERE {in_force}", renter)
    await desk.facts.withdraw("evt_4", renter, "late")
    assert await desk.score(renter) == 640


async def test_a_fact_that_is_not_there_or_not_in_force_is_not_put_right(desk: Desk, renter: str) -> None:
    with pytest.raises(Refusal, match="FACT_NOT_FOUND"):
        await desk.facts.retract(desk.ann, "r1", renter, "late", REASON)
    await desk.scoring.deliver([late(renter)])
    await desk.facts.retract(desk.ann, "r2", renter, "late", REASON)
    with pytest.raises(Refusal, match="STATE_NOT_ALLOWED"):
        await desk.facts.retract(desk.ann, "r3", renter, "late", REASON)
    with pytest.raises(Refusal, match="STATE_NOT_ALLOWED"):
        await desk.facts.correct(desk.ann, "c3", late(renter), REASON)


async def test_what_cannot_be_recorded_names_its_field(desk: Desk, renter: str) -> None:
    nonsense = {
        "kind": Fact("1", renter, FactKind.ENDORSED, NOON, "end_1"),
        "negative_record": Fact("2", renter, FactKind.NEGATIVE_RECORD, NOON),
        "outside_score": Fact("3", renter, FactKind.JOINED, NOON, outside_score=700),
        "subject": Fact("4", renter, FactKind.PAYMENT_FAILED, NOON),
        "occurred_at": late(renter, at=NOON + DAY),
        "negative_record.settled_at": court(renter, NOON, settled=NOON - DAY),
    }
    outcomes = await desk.scoring.record_facts(list(nonsense.values()))
    assert [outcome and outcome.violations[0].field for outcome in outcomes] == list(nonsense)
    assert await desk.count("facts", renter) == 0


async def test_a_record_runs_out_without_anybody_acting(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 650), court(renter, NOON - 30 * DAY, settled=NOON - 10 * DAY)])
    with_record = await desk.score(renter)
    assert with_record is not None
    assert with_record < 650
    desk.hands.time = years_after(NOON - 10 * DAY, 5) - DAY
    assert await desk.outcome(renter, 640) is Outcome.NOT_ADMITTED
    await desk.scoring.let_run_out(10_000)
    desk.hands.time += DAY
    assert await desk.outcome(renter, 640) is Outcome.ADMITTED, "from that moment on, whoever has swept or not"
    assert await desk.score(renter) == with_record
    assert await desk.scoring.let_run_out(10_000) >= 1
    assert await desk.score(renter) == 650
    assert await desk.scoring.let_run_out(10_000) == 0


async def test_what_a_register_and_a_person_say_is_sealed_and_the_person_reads_it(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([court(renter, NOON - DAY)])
    words = "我已经还清了这笔钱"
    told = await desk.facts.set_statement(renter, "s1", "court", words)
    assert told.statement == words
    assert told.recorded.fact.record == NegativeRecord("court-list", CASE)
    await desk.disputes.open(renter, "d1", "court", "", words)
    for table in ("facts", "statements", "disputes", "scores", "outbox", "requests"):
        rows = await desk.db.fetch(f"SELECT t::text AS row FROM {table} t")
        shown = str([row["row"] for row in rows])
        for secret in (CASE, words):
            assert secret not in shown, table
            assert secret.encode().hex() not in shown, table
    (found,), _ = await desk.facts.list_mine(renter, 10, "")
    assert (found.recorded.state, found.statement) == (FactState.DISPUTED, words)
    assert (await desk.facts.set_statement(renter, "s2", "court", "")).statement == ""


async def test_a_bad_record_counts_for_its_years_and_not_while_it_is_disputed(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 720), court(renter, NOON - 365 * DAY)])

    async def codes(years: int) -> tuple[str, ...]:
        (answer,) = await desk.scoring.admit([Question(renter, 450, DEPOSIT_WAIVER, (), years)])
        assert not isinstance(answer, Refusal)
        return answer.reason_codes

    assert [await codes(years) for years in (0, 1, 2, 5)] == [(), (), ("BAD_RECORD",), ("BAD_RECORD",)]
    case = await desk.disputes.open(renter, "d1", "court", "", "not me")
    assert await codes(5) == ()
    await desk.disputes.decide("r1", case.dispute.dispute_id, Ruling(DisputeState.REJECTED, desk.ann, REASON))
    assert await codes(5) == ("BAD_RECORD",)
    desk.hands.time += 7 * 366 * DAY
    assert await codes(5) == (), "it has run out, written down or not"


async def test_what_is_sealed_moves_under_a_new_key(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([court(renter, NOON - DAY)])
    await desk.facts.set_statement(renter, "s1", "court", "words")
    await desk.disputes.open(renter, "d1", "court", "", "words")
    version = create_next_key(desk.keys)
    while await desk.store.rewrap():
        pass
    for table in ("facts", "statements", "disputes"):
        query = f"SELECT DISTINCT key_version FROM {table} WHERE renter_id = $1 AND key_version IS NOT NULL"
        assert [row["key_version"] for row in await desk.db.fetch(query, renter)] == [version], table
    (case,), _ = await desk.disputes.list_mine(renter, 10, "")
    assert case.fact is not None
    assert case.fact.recorded.fact.record == NegativeRecord("court-list", CASE)
    assert (case.fact.statement, case.dispute.statement) == ("words", "words")


async def test_facts_are_listed_newest_first_page_by_page(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([late(renter, f"late{n}", NOON - n // 2 * DAY) for n in range(7)])
    seen, token = [], ""
    while True:
        page, token = await desk.facts.list_mine(renter, 3, token)
        seen += [told.recorded.fact.fact_id for told in page]
        if not token:
            break
    assert seen == ["late1", "late0", "late3", "late2", "late5", "late4", "late6"]


async def test_a_disputed_fact_does_not_count_until_it_is_found_right(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 640), late(renter)])
    before = await desk.score(renter)
    case = await desk.disputes.open(renter, "d1", "late", "", "it was returned at noon")
    assert await desk.score(renter) == 640
    assert (case.dispute.due_at, case.dispute.score_before) == (NOON + DAYS_TO_DECIDE, before)
    assert case.fact is not None
    assert case.fact.recorded.state is FactState.DISPUTED
    found = Ruling(DisputeState.REJECTED, desk.ann, "the dock says 14:00")
    done = (await desk.disputes.decide("o1", case.dispute.dispute_id, found)).dispute
    assert (done.state, done.reason, done.score_after) == (DisputeState.REJECTED, found.reason, before)
    assert await desk.score(renter) == before
    assert await told(desk, renter) == {"people": 1}, "nothing is decided again, and the person is told"
    with pytest.raises(Refusal, match="DISPUTE_NOT_ALLOWED"):
        await desk.disputes.open(renter, "d2", "late", "", "I insist")
    desk.hands.time += 181 * DAY
    await desk.disputes.open(renter, "d3", "late", "", "I have a photo now")


async def test_a_dispute_that_holds_takes_the_fact_back_and_has_decisions_made_again(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 640), late(renter), late(renter, "late2")])
    first = await desk.disputes.open(renter, "d1", "late", "", "not me")
    second = await desk.disputes.open(renter, "d2", "late2", "", "not me either")
    upheld = Ruling(DisputeState.UPHELD, desk.ann, REASON)
    right = replace(late(renter, "late2"), kind=FactKind.RENTAL_STARTED)
    put_right = Ruling(DisputeState.CORRECTED, desk.ann, REASON, right)
    await desk.disputes.decide("o1", first.dispute.dispute_id, upheld)
    done = await desk.disputes.decide("o2", second.dispute.dispute_id, put_right)
    assert done.fact is not None
    assert (done.fact.recorded.fact.kind, done.fact.recorded.state) == (FactKind.RENTAL_STARTED, FactState.COUNTED)
    assert (await desk.score(renter), done.dispute.score_after) == (640, 640)
    assert await told(desk, renter) == {"deposits": 2, "people": 2}
    assert (await desk.disputes.decide("o1", first.dispute.dispute_id, upheld)).dispute.state is DisputeState.UPHELD
    with pytest.raises(Refusal, match="STATE_NOT_ALLOWED"):
        await desk.disputes.decide("o3", first.dispute.dispute_id, upheld)
    with pytest.raises(Refusal, match="INVALID_FIELD"):
        await desk.disputes.decide("o4", first.dispute.dispute_id, replace(put_right, corrected=None))


async def test_what_nobody_decides_in_time_is_decided_for_the_person(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 640), late(renter)])
    case = await desk.disputes.open(renter, "d1", "late", "", "not me")
    desk.hands.time = case.dispute.due_at - timedelta(seconds=1)
    await desk.disputes.let_lapse(100)
    assert await desk.score(renter) == 640, "it does not count while it is disputed"
    assert await state_of(desk, renter) is DisputeState.OPEN
    desk.hands.time = case.dispute.due_at
    assert await desk.disputes.let_lapse(100) >= 1
    (found,), _ = await desk.disputes.list_mine(renter, 10, "")
    assert found.dispute.state is DisputeState.LAPSED
    assert found.fact is not None
    assert found.fact.recorded.state is FactState.RETRACTED
    assert await desk.score(renter) == 640


async def test_three_disputes_at_a_time_and_one_a_fact_even_at_once(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([late(renter, f"late{n}") for n in range(6)])

    async def dispute(fact_id: str, request_id: str) -> str:
        try:
            await desk.disputes.open(renter, request_id, fact_id, "", "not me")
        except Refusal as refusal:
            return refusal.reason
        return "OPEN"

    same = await asyncio.gather(*(dispute("late0", f"a{n}") for n in range(4)))
    assert sorted(same) == ["DISPUTE_NOT_ALLOWED"] * 3 + ["OPEN"]
    others = await asyncio.gather(*(dispute(f"late{n}", f"b{n}") for n in range(1, 6)))
    assert sorted(others) == ["OPEN"] * 2 + ["TOO_MANY_DISPUTES"] * 3
    mine, _ = await desk.disputes.list_mine(renter, 10, "")
    await desk.disputes.withdraw(renter, "w1", mine[0].dispute.dispute_id)
    assert await dispute("late5", "c1") == "OPEN"


async def test_a_dispute_is_its_persons_own(desk: Desk, renter: str) -> None:
    other = new_renter_id("rnt")
    await desk.scoring.deliver([late(renter)])
    with pytest.raises(Refusal, match="FACT_NOT_FOUND"):
        await desk.disputes.open(other, "d1", "late", "", "not me")
    case = await desk.disputes.open(renter, "d1", "late", "", "not me")
    with pytest.raises(Refusal, match="DISPUTE_NOT_FOUND"):
        await desk.disputes.withdraw(other, "w1", case.dispute.dispute_id)
    due, _ = await desk.disputes.list_open(200, "")
    assert case.dispute.dispute_id in [one.dispute.dispute_id for one in due]
    assert [one.dispute.due_at for one in due] == sorted(one.dispute.due_at for one in due)


async def test_a_decision_can_be_disputed_and_is_made_again(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver(history(renter, 640))
    use = Use("dep_1", renter, new_id("ptn"), "BIKE", "DECISION", 650, "NOT_ADMITTED", ("SHORT_HISTORY",), "m", 1, NOON)
    await desk.uses.told([use, use])
    with pytest.raises(Refusal, match="USE_NOT_FOUND"):
        await desk.disputes.open(renter, "d0", "", "dep_2", "wrong")
    case = await desk.disputes.open(renter, "d1", "", "dep_1", "I had paid by then")
    assert case.use == use
    await desk.disputes.decide("o1", case.dispute.dispute_id, Ruling(DisputeState.UPHELD, desk.ann, REASON))
    query = "SELECT payload FROM outbox WHERE renter_id = $1 AND destination = 'deposits'"
    assert await desk.db.fetchval(query, renter) == {"since": NOON.isoformat()}


async def test_uses_tell_which_records_counted_then_and_how_far_thresholds_are(desk: Desk, renter: str) -> None:
    await desk.scoring.deliver([*history(renter, 650), court(renter, NOON - DAY)])
    partner, score = new_id("ptn"), await desk.score(renter)
    assert score is not None
    asked = [(NOON, 700, "1"), (NOON + DAY, 640, "2"), (NOON + 2 * DAY, 350, "3")]
    kinds = ("BIKE", "BIKE", "E_BIKE")
    uses = [
        Use(use_id, renter, partner, kind, "DECISION", line, "NOT_ADMITTED", (), MODEL.version, 1, at)
        for (at, line, use_id), kind in zip(asked, kinds, strict=True)
    ]
    await desk.uses.told(uses)
    await desk.uses.told([replace(uses[0], renter_id=new_renter_id("rnt"))])
    desk.hands.time = NOON + 1.5 * DAY
    await desk.facts.retract(desk.ann, "r1", renter, "court", REASON)
    found, _ = await desk.uses.list_mine(renter, 10, "")
    assert [(use.use_id, use.negative_record_ids) for use in found] == [("3", ()), ("2", ("court",)), ("1", ("court",))]
    gaps = (await desk.scoring.explain(renter)).gaps
    assert [(gap.asked.asset_kind, gap.asked.threshold, gap.points_short) for gap in gaps] == []
    await desk.uses.told([replace(uses[0], use_id="4", used_at=NOON + 3 * DAY, threshold=650)])
    (gap,) = (await desk.scoring.explain(renter)).gaps
    assert (gap.asked.threshold, gap.points_short) == (650, 1), "strictly above"
