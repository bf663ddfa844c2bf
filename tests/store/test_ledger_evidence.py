"""Tampering is found and named: each way to change the ledger behind its back, beside a ledger that nobody touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import astuple, dataclass
from datetime import date

import pytest
from deposits_desk import Desk

from services.deposits.domain import Deposit
from services.deposits.domain.ledger.books import BookedTransfer
from services.deposits.domain.ledger.chain import digest_of, entry_text, link_hash, moment_text, transfer_text
from services.deposits.operations.ledger import Correcting, RollingUp, Sealing, Verifying
from services.deposits.operations.settling import SettleItem
from services.deposits.store.ledger.snapshot import Snapshot
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.money import Money


@dataclass
class Town:
    """A desk whose ledger spans two days, one of them sealed."""

    desk: Desk
    dsn: str
    renter_id: str

    async def verify(self, kept: Mapping[date, bytes] | None = None) -> list[tuple[str, str, str]]:
        async with Snapshot.open(self.dsn) as books:
            found = Verifying(books, kept or {}).findings()
            return [(finding.what, finding.subject, finding.text) async for finding in found]


async def rent(desk: Desk, renter_id: str, fare: int) -> None:
    deposit = await desk.secure(desk.item(renter_id))
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", fare))])
    await desk.carry_out()


async def keep(desk: Desk) -> None:
    """What the sweepers do, until there is nothing more to do."""
    rolling, sealing = RollingUp(desk.store), Sealing(desk.store, desk.clock, desk.real)
    while await rolling.roll_up(2):
        pass
    await sealing.sweep()
    desk.real.turn(seconds=31)
    while await sealing.sweep():
        pass


@pytest.fixture
async def town(fresh_database: Callable[..., str]) -> AsyncIterator[Town]:
    dsn = await asyncio.to_thread(fresh_database, "evidence", "deposits")
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db)
    await desk.open()
    renters = [await desk.person(500) for _ in range(3)]
    for renter_id in renters:
        await rent(desk, renter_id, 350)
    desk.clock.turn(days=1)
    for renter_id in renters:
        await rent(desk, renter_id, 12_000)
    await keep(desk)
    desk.clock.turn(days=31)
    await keep(desk)
    await Correcting(desk.store, desk.clock).close_period(Caller(Role.OPERATOR, "ops"), "close", "2026-11")
    yield Town(desk, dsn, renters[1])
    await db.close()


async def test_a_ledger_that_nobody_touched_verifies(town: Town) -> None:
    assert await town.verify() == []


OF = "bucket = (SELECT bucket FROM ledger_heads WHERE renter_id = $1) AND renter_id = $1"
FIRST = "(SELECT min(transfer_id) FROM ledger_transfers WHERE renter_id = $1)"
END = "(SELECT link FROM ledger_heads WHERE renter_id = $1)"
LAST = "(SELECT max(transfer_id) FROM ledger_transfers WHERE renter_id = $1 AND transfer_id <> 'tfr_planted')"
PLANTED = {
    "altered amount": (
        [
            "UPDATE ledger_transfers SET amounts_minor = ARRAY(SELECT 2 * a FROM unnest(amounts_minor) AS a)"
            f" WHERE transfer_id = {FIRST} AND renter_id = $1"
        ],
        {"LINK_CHANGED", "BALANCE_CHANGED", "ROLL_UP_CHANGED", "PERIOD_CHANGED"},
        "link 1 of {renter}",
    ),
    "deleted entry": (
        [
            "UPDATE ledger_transfers SET accounts = accounts[:1], amounts_minor = amounts_minor[:1]"
            f" WHERE transfer_id = {FIRST} AND renter_id = $1"
        ],
        {"TRANSFER_WRONG", "LINK_CHANGED", "BALANCE_CHANGED", "ROLL_UP_CHANGED", "PERIOD_CHANGED"},
        "{first} does not sum to zero",
    ),
    "deleted transfer": (
        [f"DELETE FROM ledger_transfers WHERE transfer_id = {FIRST} AND renter_id = $1"],
        {"LINK_MISSING", "BALANCE_CHANGED", "ROLL_UP_CHANGED", "PERIOD_CHANGED"},
        "links 1 to 1 of {renter} are gone",
    ),
    "deleted last transfers": (
        [f"DELETE FROM ledger_transfers WHERE {OF} AND link = {END}"],
        {"LINK_MISSING", "BALANCE_CHANGED", "ROLL_UP_CHANGED", "PERIOD_CHANGED", "ROOT_CHANGED"},
        "links {end} to {end} of {renter} are gone",
    ),
    "inserted transfer": (
        [
            "INSERT INTO ledger_transfers SELECT bucket, 'tfr_planted', deposit_id, renter_id, partner_id, kind,"
            " occurred_at, corrects, booked_on, link, link_hash, currency, accounts, amounts_minor"
            f" FROM ledger_transfers WHERE transfer_id = {LAST} AND renter_id = $1",
        ],
        {"LINK_CHANGED", "BALANCE_CHANGED", "ROLL_UP_CHANGED", "PERIOD_CHANGED"},
        "tfr_planted",
    ),
    "changed date": (
        [f"UPDATE ledger_transfers SET occurred_at = occurred_at - interval '1 s' WHERE {OF} AND link = 2"],
        {"LINK_CHANGED"},
        "link 2 of {renter}",
    ),
    "changed booking date": (
        [f"UPDATE ledger_transfers SET booked_on = booked_on + 2 WHERE {OF} AND link = 2"],
        {"LINK_CHANGED", "ROLL_UP_CHANGED"},
        "link 2 of {renter}",
    ),
    "swapped order": (
        [f"UPDATE ledger_transfers SET link = 3 - link WHERE {OF} AND link IN (1, 2)"],
        {"LINK_CHANGED"},
        "link 1 of {renter}",
    ),
    "swapped entries": (
        [
            "UPDATE ledger_transfers SET accounts = ARRAY[accounts[2], accounts[1]],"
            " amounts_minor = ARRAY[amounts_minor[2], amounts_minor[1]]"
            f" WHERE transfer_id = {FIRST} AND renter_id = $1",
        ],
        {"LINK_CHANGED", "TRANSFER_WRONG"},
        "link 1 of {renter}",
    ),
    "changed partner": (
        [f"UPDATE ledger_transfers SET partner_id = 'ptn_other' WHERE {OF} AND link = 4"],
        {"LINK_CHANGED", "ROLL_UP_CHANGED"},
        "link 4 of {renter}",
    ),
    "held money moved to the partner": (
        [
            "UPDATE ledger_transfers SET accounts = array_replace(accounts, 'deposits_held', 'partner_payable')"
            f" WHERE {OF} AND transfer_id = {FIRST}"
        ],
        {"LINK_CHANGED", "TRANSFER_WRONG", "BALANCE_CHANGED", "ROLL_UP_CHANGED", "PERIOD_CHANGED"},
        "{first} moves held money to what is owed",
    ),
    "altered hash": (
        [f"UPDATE ledger_transfers SET link_hash = sha256('') WHERE {OF} AND link = 2"],
        {"LINK_CHANGED"},
        "link 2 of {renter}",
    ),
    "altered balance": (
        [f"UPDATE ledger_balances SET balance_minor = 1 WHERE account = 'deposits_held' AND {OF}"],
        {"BALANCE_CHANGED"},
        "deposits_held CNY of {renter} is 1, the sum of its entries 0",
    ),
    "altered head": (
        [f"UPDATE ledger_heads SET hash = sha256('') WHERE {OF}"],
        {"HEAD_CHANGED"},
        "the head of {renter} is not its last link, {end}",
    ),
    "deleted head": ([f"DELETE FROM ledger_heads WHERE {OF}"], {"HEAD_CHANGED"}, "the head of {renter} is gone"),
    "altered root": (
        ["UPDATE ledger_roots SET root = sha256('') WHERE day = '2026-11-23' AND $1 <> ''"],
        {"ROOT_CHANGED"},
        "the root of 2026-11-23",
    ),
    "deleted root": (
        ["DELETE FROM ledger_roots WHERE day = '2026-11-25' AND $1 <> ''"],
        {"ROOT_MISSING"},
        "no root from 2026-11-25 to before 2026-11-26",
    ),
    "altered roll-up": (
        [
            "UPDATE ledger_partner_days SET debits_minor = debits_minor + 1"
            " WHERE day = '2026-11-24' AND account = 'deposits_held' AND $1 <> ''"
        ],
        {"ROLL_UP_CHANGED"},
        "2026-11-24 deposits_held CNY",
    ),
    "altered period": (
        ["UPDATE ledger_periods SET totals = '[]' WHERE $1 <> ''"],
        {"PERIOD_CHANGED"},
        "deposits_held CNY of the closed period 2026-11",
    ),
}


@pytest.mark.parametrize("change", PLANTED)
async def test_a_planted_change_is_found_and_named(town: Town, change: str) -> None:
    statements, kinds, named = PLANTED[change]
    names = {"renter": town.renter_id}
    for name, sql in {"first": FIRST, "end": END}.items():
        names[name] = await town.desk.db.fetchval(f"SELECT {sql}", town.renter_id)
    for statement in statements:
        assert not (await town.desk.db.execute(statement, town.renter_id)).endswith(" 0"), "nothing was planted"
    found = await town.verify()
    assert {what for what, _, _ in found} == kinds
    assert any(named.format(**names) in text for _, _, text in found), found


async def forge(town: Town) -> None:
    """Moves a renter's first transfer to another deposit, and makes every hash after it fit."""
    move = f"UPDATE ledger_transfers SET deposit_id = 'dep_forged' WHERE transfer_id = {FIRST} AND renter_id = $1"
    await town.desk.db.execute(move, town.renter_id)
    async with Snapshot.open(town.dsn) as books:
        chains = [pages.transfers[town.renter_id] async for pages in books.buckets() if town.renter_id in pages.heads]
    links: dict[int, list[BookedTransfer]] = {}
    for one in chains[0]:
        links.setdefault(one.link, []).append(one)
    previous = b""
    for number in sorted(links):
        digest = digest_of(_text(one) for one in links[number])
        previous = link_hash(previous, digest, links[number][0].booked_on)
        await town.desk.db.execute(
            f"UPDATE ledger_transfers SET link_hash = $3 WHERE {OF} AND link = $2", town.renter_id, number, previous
        )
    await town.desk.db.execute(f"UPDATE ledger_heads SET hash = $2 WHERE {OF}", town.renter_id, previous)


def _text(one: BookedTransfer) -> str:
    fields = (one.transfer_id, one.deposit_id, one.renter_id, one.partner_id, one.kind, moment_text(one.occurred_at))
    entries = (entry_text(position, *rest) for position, _, *rest in map(astuple, one.entries))
    return transfer_text((*fields, one.corrects), entries)


async def test_whoever_rewrites_a_whole_chain_is_found_by_the_roots_and_whoever_rewrites_those_by_one_that_was_kept(
    town: Town,
) -> None:
    async with Snapshot.open(town.dsn) as books:
        kept = {root.day: root.root for root in await books.roots() if root.root}
    newest = max(kept)
    assert await town.verify({newest: kept[newest]}) == []
    await forge(town)
    assert [(what, subject) for what, subject, _ in await town.verify()] == [
        ("ROOT_CHANGED", "2026-11-23"),
        ("ROOT_CHANGED", "2026-11-24"),
    ]
    await town.desk.db.execute("UPDATE ledger_roots SET root = NULL")
    await keep(town.desk)
    assert await town.verify() == [], "everything fits again"
    assert [subject for _, subject, _ in await town.verify({newest: kept[newest]})] == [newest.isoformat()]
