"""The relay's promises, on a real server: at least once, in order per renter, one lease and one delete a batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Record

from services.runtime import outbox
from services.runtime.database import Database
from services.runtime.outbox import OutboxRow, Relay

PAST = datetime(2020, 1, 1, tzinfo=UTC)
_DDL = "\n".join(line.split("--")[0] for line in (outbox.__doc__ or "").splitlines() if line.startswith("    "))


class Counted(Database):
    """Counts the statements that the relay needs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool)
        self.statements: list[str] = []

    async def fetch(self, sql: str, *args: object, timeout: float = 8.0) -> list[Record]:
        self.statements.append("lease")
        return await super().fetch(sql, *args, timeout=timeout)

    async def execute(self, sql: str, *args: object, timeout: float = 8.0) -> str:
        self.statements.append(sql.split()[0].lower())
        return await super().execute(sql, *args, timeout=timeout)


class Receiver:
    """Takes what it is given, except what it is told to refuse."""

    def __init__(self, *refuses: str) -> None:
        self.taken: list[str] = []
        self.calls = 0
        self.refuses = set(refuses)

    async def __call__(self, rows: Sequence[OutboxRow]) -> Sequence[bool]:
        self.calls += 1
        answers = [row.event_id not in self.refuses for row in rows]
        self.taken += [row.event_id for row, ok in zip(rows, answers, strict=True) if ok]
        return answers


async def never(_rows: Sequence[OutboxRow]) -> Sequence[bool]:
    """A receiver that hangs."""
    await asyncio.Event().wait()
    return []


@asynccontextmanager
async def published(dsn: str, *events: tuple[str, str]) -> AsyncIterator[Database]:
    """A database whose outbox holds these (event, renter) for the destination `there`."""
    database = await Database.connect(dsn, pool_size=4)
    try:
        for statement in filter(str.strip, _DDL.split(";")):
            await database.execute(statement)
        await put(database, *events)
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    """The relays, at work; the block must come to its end within ten seconds."""
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def until_empty(database: Database) -> None:
    while await database.fetchval("SELECT count(*) FROM outbox"):
        await asyncio.sleep(0.02)


async def put(database: Database, *events: tuple[str, str]) -> None:
    await database.execute(
        "INSERT INTO outbox"
        " (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)"
        " SELECT 1, event, 'there', 'Happened', renter, '{\"n\": 1}', $3, $4, 0"
        " FROM unnest($1::text[], $2::text[]) AS e (event, renter)",
        [event for event, _ in events],
        [renter for _, renter in events],
        datetime.now(UTC),
        PAST,
    )


async def left(database: Database) -> int:
    return int(await database.fetchval("SELECT count(*) FROM outbox"))


async def test_a_batch_costs_one_lease_one_delivery_and_one_delete(fresh_database: Callable[[str], str]) -> None:
    events = [(f"evt_{n:03}", f"rnt_{n}") for n in range(50)]
    async with published(fresh_database("outbox"), *events) as database:
        counted, receiver = Counted(database), Receiver()
        assert await Relay(counted, "there", receiver).deliver_batch() == 50
        assert receiver.taken == [event for event, _ in events]
        assert (receiver.calls, counted.statements) == (1, ["lease", "delete"])
        assert await left(database) == 0


async def test_events_of_another_destination_stay(fresh_database: Callable[[str], str]) -> None:
    async with published(fresh_database("outbox"), ("evt_1", "rnt_1")) as database:
        assert await Relay(database, "elsewhere", Receiver()).deliver_batch() == 0
        assert await left(database) == 1


async def test_after_a_crash_in_mid_delivery_the_events_are_delivered_again(
    fresh_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 0.5)
    async with published(fresh_database("outbox"), ("evt_1", "rnt_1"), ("evt_2", "rnt_2")) as database:
        crashed = asyncio.create_task(Relay(database, "there", never).deliver_batch())
        await asyncio.sleep(0.1)
        crashed.cancel()
        receiver = Receiver()
        async with running(Relay(database, "there", receiver, poll_seconds=0.05)):
            await until(lambda: len(receiver.taken) == 2)
        assert receiver.taken == ["evt_1", "evt_2"]


async def test_a_refused_event_holds_back_the_later_ones_of_its_renter_only(
    fresh_database: Callable[[str], str],
) -> None:
    events = (("evt_1", "rnt_a"), ("evt_2", "rnt_b"), ("evt_3", "rnt_a"), ("evt_4", "rnt_b"))
    async with published(fresh_database("outbox"), *events) as database:
        receiver = Receiver("evt_1")
        relay = Relay(database, "there", receiver, poll_seconds=0.02)
        async with running(relay):
            await until(lambda: len(receiver.taken) == 2)
            assert receiver.taken == ["evt_2", "evt_4"]
            receiver.refuses.clear()
            await until(lambda: len(receiver.taken) == 4)
        assert receiver.taken == ["evt_2", "evt_4", "evt_1", "evt_3"]


async def test_events_that_belong_to_no_renter_do_not_wait_for_each_other(fresh_database: Callable[[str], str]) -> None:
    async with published(fresh_database("outbox"), ("evt_1", ""), ("evt_2", ""), ("evt_3", "")) as database:
        receiver = Receiver("evt_1")
        await Relay(database, "there", receiver).deliver_batch()
        assert receiver.taken == ["evt_2", "evt_3"]


async def test_a_renter_whose_event_is_refused_does_not_starve_the_others(fresh_database: Callable[[str], str]) -> None:
    events = [(f"evt_a{n}", "rnt_stuck") for n in range(6)] + [("evt_b", "rnt_fine")]
    async with published(fresh_database("outbox"), *events) as database:
        receiver = Receiver("evt_a0")
        relay = Relay(database, "there", receiver, batch=3)
        for _ in range(3):
            await relay.deliver_batch()
        assert receiver.taken == ["evt_b"]


async def test_two_relays_keep_the_order_of_a_renter_and_deliver_once(fresh_database: Callable[[str], str]) -> None:
    events = [(f"evt_{n:03}", f"rnt_{n % 5}") for n in range(60)]
    async with published(fresh_database("outbox"), *events) as database:
        receiver = Receiver()

        async def deliver(rows: Sequence[OutboxRow]) -> Sequence[bool]:
            await asyncio.sleep(0.002)
            return await receiver(rows)

        async with running(*(Relay(database, "there", deliver, batch=7, poll_seconds=0.02) for _ in range(2))):
            await until_empty(database)
        assert sorted(receiver.taken) == [event for event, _ in events]
        for renter in range(5):
            own = [event for event in receiver.taken if int(event[4:]) % 5 == renter]
            assert own == sorted(own)


async def test_a_failing_delivery_is_retried_later_and_does_not_end_the_relay(
    fresh_database: Callable[[str], str],
) -> None:
    async with published(fresh_database("outbox"), ("evt_1", "rnt_1")) as database:
        calls = 0

        async def deliver(rows: Sequence[OutboxRow]) -> Sequence[bool]:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ConnectionResetError
            return [True for _ in rows]

        async with running(Relay(database, "there", deliver, poll_seconds=0.05)):
            await until_empty(database)
        assert calls == 2


async def test_a_wake_saves_the_wait_for_the_next_poll(fresh_database: Callable[[str], str]) -> None:
    async with published(fresh_database("outbox"), ("evt_1", "rnt_1")) as database:
        receiver = Receiver()
        relay = Relay(database, "there", receiver, poll_seconds=60)
        async with running(relay):
            await until(lambda: receiver.taken == ["evt_1"])
            await put(database, ("evt_2", "rnt_1"))
            relay.wake()
            await until(lambda: receiver.taken == ["evt_1", "evt_2"])


async def test_a_renters_events_follow_each_other_without_a_pause(fresh_database: Callable[[str], str]) -> None:
    async with published(fresh_database("outbox"), *[(f"evt_{n}", "rnt_1") for n in range(5)]) as database:
        receiver = Receiver()
        async with running(Relay(database, "there", receiver, poll_seconds=60)):
            await until(lambda: len(receiver.taken) == 5)
        assert receiver.taken == [f"evt_{n}" for n in range(5)]


async def test_drain_delivers_what_is_left_and_says_when_it_could_not(fresh_database: Callable[[str], str]) -> None:
    async with published(fresh_database("outbox"), ("evt_1", "rnt_1"), ("evt_2", "rnt_1")) as database:
        receiver = Receiver("evt_3")
        relay = Relay(database, "there", receiver, poll_seconds=0.05)
        assert await relay.drain(5)
        assert receiver.taken == ["evt_1", "evt_2"]
        await put(database, ("evt_3", "rnt_1"))
        assert not await relay.drain(0.3)


async def test_a_hanging_delivery_is_given_up_before_its_lease_ends(
    fresh_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise another relay leases and delivers the same rows while this one still holds them."""
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 0.5)
    async with published(fresh_database("outbox"), ("evt_1", "rnt_1")) as database:
        began = datetime.now(UTC)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Relay(database, "there", never).deliver_batch(), 5)
        assert datetime.now(UTC) - began < timedelta(seconds=0.5)
