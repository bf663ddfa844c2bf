"""The ledger kept: rolled up exactly once, sealed, closed in order, corrected by new entries, read and exported."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from beancount import loader
from beancount.core.data import Transaction
from deposits_desk import Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ledger_evidence import keep, rent

from services.deposits.domain.ledger import Account, Correction, CorrectionState, Entry, Leaf, Transfer, TransferKind
from services.deposits.domain.ledger.auditing import Finding
from services.deposits.domain.ledger.sealing import Tree
from services.deposits.operations.ledger import (
    Correcting,
    Exporting,
    Format,
    LedgerReading,
    RollingUp,
    Sealing,
    Verifying,
)
from services.deposits.operations.ledger.ports import Listed, Owned, Selection
from services.deposits.store.ledger.snapshot import Snapshot
from services.runtime.database import Database
from services.runtime.migrations import migrations_of
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id
from services.values.money import Money

MINE = Owned("", "")
FIRST, AFTER = date(2026, 11, 1), date(2026, 12, 1)
OPS, OTHER_OPS = Caller(Role.OPERATOR, "ops-1"), Caller(Role.OPERATOR, "ops-2")


@pytest.fixture
async def desk(fresh_database: Callable[..., str]) -> AsyncIterator[Desk]:
    dsn = await asyncio.to_thread(fresh_database, "books", "deposits")
    db = await Database.connect(dsn, pool_size=16)
    desk = Desk(db)
    desk.dsn = dsn  # type: ignore[attr-defined]
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    assert await audited(dsn) == []
    await db.close()


async def audited(dsn: str) -> list[Finding]:
    async with Snapshot.open(dsn) as books:
        return [finding async for finding in Verifying(books, {}).findings()]


def partner(desk: Desk) -> Caller:
    return Caller(Role.PARTNER, desk.partner_id, desk.partner_id)


async def listed(desk: Desk, caller: Caller, kind: str = "", size: int = 200) -> list[Listed]:
    reading, found, token = LedgerReading(desk.store), list[Listed](), ""
    while True:
        page, token = await reading.transfers(caller, MINE, Selection(FIRST, AFTER, kind=kind), size, token)
        found += page
        if not token:
            return found


async def refused(call: object) -> str:
    with pytest.raises(Refusal) as caught:
        await call  # type: ignore[misc]
    return caught.value.reason


async def test_roll_ups_at_once_beside_bookings_count_every_entry_once(desk: Desk) -> None:
    renters = [await desk.person(500) for _ in range(12)]
    sweeping = True

    async def sweep(limit: int) -> int:
        rolling, rolled = RollingUp(desk.store), 0
        while sweeping:
            rolled += await rolling.roll_up(limit)
        return rolled

    sweepers = [asyncio.create_task(sweep(limit)) for limit in (1, 3, 100)]
    for _ in range(3):
        for renter_id in renters:
            await rent(desk, renter_id, random.choice([0, 350, 9900]))
        for _ in range(2):
            assert await audited(desk.dsn) == [], "at any moment"  # type: ignore[attr-defined]
    sweeping = False
    assert sum(await asyncio.gather(*sweepers)) > len(renters)
    while await RollingUp(desk.store).roll_up(5):
        pass
    sums = "SELECT account, sum({}) AS s FROM {} GROUP BY account ORDER BY account"
    rolled = await desk.db.fetch(sums.format("debits_minor - credits_minor", "ledger_partner_days"))
    assert rolled == await desk.db.fetch(sums.format("amount_minor", "ledger_entries"))


async def test_a_statement_is_the_same_before_and_after_its_entries_are_rolled_up(desk: Desk) -> None:
    renters = [await desk.person(500) for _ in range(3)]
    for renter_id in renters:
        await rent(desk, renter_id, 350)
    while await RollingUp(desk.store).roll_up(1):
        pass
    desk.clock.turn(days=1)
    await rent(desk, renters[0], 1000)
    reading = LedgerReading(desk.store)
    second = date(2026, 11, 24)
    before = await reading.statement(partner(desk), MINE, second, AFTER)
    while await RollingUp(desk.store).roll_up(1):
        pass
    assert await reading.statement(partner(desk), MINE, second, AFTER) == before
    assert before.opening["partner_payable", "CNY"] == -3 * 350
    assert before.closing["partner_payable", "CNY"] == -3 * 350 - 1000
    assert {moved.day for moved in before.days} == {second}
    mine = await reading.statement(Caller(Role.RENTER, renters[0]), MINE, second, AFTER)
    assert (mine.opening["processor_receivable", "CNY"], mine.closing["processor_receivable", "CNY"]) == (350, 1350)
    other = await reading.statement(Caller(Role.PARTNER, "x", new_id("ptn")), MINE, second, AFTER)
    assert (other.opening, other.days, other.closing) == ({}, (), {})
    for caller, asked in (
        (partner(desk), Owned(new_id("ptn"), "")),
        (Caller(Role.RENTER, renters[0]), Owned("", renters[1])),
    ):
        assert await refused(reading.statement(caller, asked, second, AFTER)) == "CALLER_NOT_ALLOWED"
    for asked in (MINE, Owned(desk.partner_id, renters[0])):
        assert await refused(reading.statement(OPS, asked, second, AFTER)) == "INVALID_FIELD"
    assert await refused(reading.statement(OPS, Owned("", renters[0]), AFTER, AFTER)) == "INVALID_FIELD"


async def test_entries_page_in_the_order_booked(desk: Desk) -> None:
    renters = [await desk.person(500) for _ in range(2)]
    for renter_id in (*renters, *renters):
        await rent(desk, renter_id, 350)
    everything = await listed(desk, partner(desk))
    assert everything == await listed(desk, partner(desk), size=3)
    kinds = Counter(one.kind for one in everything)
    assert kinds == {"AUTHORIZED": 4, "CHARGED": 4, "CAPTURED": 4, "RELEASED": 4}
    assert [one for one in everything if one.kind == "CAPTURED"] == await listed(desk, partner(desk), "CAPTURED", 1)
    assert [one for one in everything if one.renter_id == renters[0]] == await listed(
        desk, Caller(Role.RENTER, renters[0]), size=3
    )


async def test_days_are_sealed_once_whoever_does_it_and_late_bookings_count_for_the_next_open_day(desk: Desk) -> None:
    renter_id = await desk.person(500)
    await rent(desk, renter_id, 350)
    late = desk.clock.now()
    desk.clock.turn(days=2)
    replicas = [Sealing(desk.store, desk.clock, desk.real) for _ in range(4)]
    assert sum(await asyncio.gather(*(one.sweep() for one in replicas))) == 0, "somebody may still be writing"
    desk.real.turn(seconds=31)
    for _ in range(3):
        await asyncio.gather(*(one.sweep() for one in replicas))
    roots, more = await Correcting(desk.store, desk.clock).roots(0, "")
    assert [(root.day.day, root.renters) for root in roots] == [(24, 0), (23, 1)]
    assert not more
    desk.clock.time = late  # a replica whose clock is behind
    await rent(desk, renter_id, 350)
    days = Counter(one.booked_on.day for one in await listed(desk, partner(desk)))
    assert days == {23: 4, 25: 4}
    desk.clock.turn(days=9)
    await keep(desk)
    roots, _ = await Correcting(desk.store, desk.clock).roots(0, "")
    assert [(root.day.day, root.renters) for root in roots if root.renters] == [(25, 1), (23, 1)]


async def test_a_chain_whose_days_go_back_and_forth_is_sealed_as_it_is_audited(desk: Desk) -> None:
    """Replicas whose clocks differ around midnight, and one that is far behind."""
    renter_id, noon = await desk.person(500), desk.clock.now()
    for hours in (0, 24, 1, 25, 48, 2, 26):
        desk.clock.time = noon + timedelta(hours=hours)
        await rent(desk, renter_id, 350)
    desk.clock.time = noon + timedelta(days=9)
    await keep(desk)
    roots, _ = await Correcting(desk.store, desk.clock).roots(0, "")
    assert {root.day.day: root.renters for root in roots if root.renters} == {23: 1, 24: 1}, "26 h is the end"


async def test_months_close_in_order_when_all_their_days_are_sealed(desk: Desk) -> None:
    await rent(desk, await desk.person(500), 350)
    operating, reading = Correcting(desk.store, desk.clock), LedgerReading(desk.store)
    assert await refused(operating.close_period(OPS, "1", "2026-11")) == "LEDGER_PERIOD_NOT_SEALED"
    desk.clock.turn(days=40)
    await keep(desk)
    desk.clock.turn(days=40)
    await keep(desk)
    assert await refused(operating.close_period(OPS, "2", "2026-12")) == "LEDGER_PERIOD_OUT_OF_ORDER"
    assert not (await reading.statement(partner(desk), MINE, FIRST, AFTER)).closed
    closed = await operating.close_period(OPS, "3", "2026-11")
    assert {(t.account, t.debits_minor, t.credits_minor) for t in closed.totals} == {
        ("deposits_held", 9900, 9900),
        ("partner_payable", 0, 350),
        ("processor_authorized", 9900, 9900),
        ("processor_receivable", 350, 0),
        ("renter_receivable", 350, 350),
    }
    assert await operating.close_period(OTHER_OPS, "4", "2026-11") == closed, "once, whoever does it"
    assert (await reading.statement(partner(desk), MINE, FIRST, AFTER)).closed
    assert (await operating.close_period(OPS, "5", "2026-12")).totals == ()
    assert await refused(operating.close_period(OPS, "5", "2026-11")) == "REQUEST_ID_REUSED"


async def test_a_correction_names_what_it_corrects_and_waits_for_another_operator(desk: Desk) -> None:
    await rent(desk, await desk.person(500), 350)
    operating = Correcting(desk.store, desk.clock)
    held, charged, captured, _ = [one.transfer_id for one in await listed(desk, partner(desk))]

    async def correct(transfer_id: str, account: Account, minor: int, request_id: str = "") -> Correction:
        amount = Money("CNY", minor)
        return await operating.correct(OPS, request_id or new_id("req"), transfer_id, account, amount, "a test")

    payable, receivable = Account.PARTNER_PAYABLE, Account.PROCESSOR_RECEIVABLE
    assert await refused(correct(held, payable, 1)) == "CORRECTION_NOT_ALLOWED"
    assert await refused(correct(charged, receivable, 1)) == "CORRECTION_NOT_ALLOWED"
    assert await refused(correct(charged, payable, -351)) == "CORRECTION_TOO_LARGE"
    unknown = held[:4] + held[4:-2][::-1] + held[-2:]
    assert await refused(correct(unknown, payable, 1)) == "LEDGER_TRANSFER_NOT_FOUND"

    proposed = await correct(charged, payable, -100, "same")
    assert (proposed.state, await correct(charged, payable, -100, "same")) == (CorrectionState.PROPOSED, proposed)
    assert await refused(correct(charged, payable, -251)) == "CORRECTION_TOO_LARGE", "also beside a proposal"
    assert await refused(operating.approve(OPS, "1", proposed.correction_id)) == "APPROVAL_BY_ANOTHER"
    approvals = [operating.approve(OTHER_OPS, f"a-{n}", proposed.correction_id) for n in range(8)]
    assert {one.state for one in await asyncio.gather(*approvals)} == {CorrectionState.BOOKED}
    more = await correct(captured, receivable, 20)
    assert (more.state, more.approver) == (CorrectionState.BOOKED, ""), "between the processor and us"
    booked = await listed(desk, partner(desk), "CORRECTED")
    assert [(one.corrects, one.entries) for one in booked] == [
        (charged, (Entry(payable, 100), Entry(Account.PLATFORM_CORRECTIONS, -100))),
        (captured, (Entry(receivable, 20), Entry(Account.PLATFORM_CORRECTIONS, -20))),
    ]
    assert await refused(correct(booked[0].transfer_id, payable, 1)) == "CORRECTION_NOT_ALLOWED"
    found, token = await operating.corrections(None, 1, "")
    assert found == [more]
    assert [c.correction_id for c in (await operating.corrections(None, 1, token))[0]] == [proposed.correction_id]
    assert (await operating.corrections(CorrectionState.PROPOSED, 0, ""))[0] == []


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        (TransferKind.PAID, [(Account.PARTNER_PAYABLE, 5), (Account.DEPOSITS_HELD, -5)]),
        (TransferKind.RELEASED, [(Account.DEPOSITS_HELD, 5), (Account.PARTNER_PAYABLE, -5)]),
        (TransferKind.CORRECTED, [(Account.DEPOSITS_HELD, 5), (Account.PROCESSOR_AUTHORIZED, -5)]),
        (TransferKind.CORRECTED, [(Account.RENTER_RECEIVABLE, 5), (Account.PLATFORM_CORRECTIONS, -5)]),
        (TransferKind.CHARGED, [(Account.PARTNER_PAYABLE, 5), (Account.RENTER_RECEIVABLE, -5)]),
        (TransferKind.CHARGED, [(Account.RENTER_RECEIVABLE, 5), (Account.PARTNER_PAYABLE, -4)]),
    ],
)
def test_a_transfer_between_accounts_that_it_may_not_join_cannot_be_made(
    kind: TransferKind, entries: list[tuple[Account, int]]
) -> None:
    with pytest.raises(ValueError, match=kind):
        Transfer(kind, "CNY", tuple(Entry(account, amount) for account, amount in entries))


async def test_the_exports_are_what_the_statement_says(desk: Desk, tmp_path: Path) -> None:
    renters = [await desk.person(500) for _ in range(3)]
    for renter_id in renters:
        await rent(desk, renter_id, 350)
    desk.clock.turn(days=1)
    await rent(desk, renters[0], 12_001)
    first = date(2026, 11, 24)
    reading = LedgerReading(desk.store)
    statement = await reading.statement(partner(desk), MINE, first, AFTER)

    async def export(written_in: Format) -> str:
        parts = Exporting(reading).export(partner(desk), MINE, first, AFTER, written_in)
        return b"".join([part async for part in parts]).decode()

    rows = list(csv.DictReader(io.StringIO(await export(Format.CSV))))
    entries = [one for one in await listed(desk, partner(desk)) if one.booked_on >= first]
    assert [(row["transfer_id"], row["account"], int(row["amount_minor"])) for row in rows] == [
        (one.transfer_id, entry.account, entry.amount_minor) for one in entries for entry in one.entries
    ]
    assert {datetime.fromisoformat(row["occurred_at"]) for row in rows} == {one.occurred_at for one in entries}

    path = tmp_path / "books.beancount"
    path.write_text(await export(Format.BEANCOUNT))
    loaded, errors, _ = loader.load_file(str(path))
    assert errors == []
    sums: Counter[str] = Counter()
    for one in loaded:
        for posting in one.postings if isinstance(one, Transaction) else ():
            sums[posting.account] += posting.units.number * 100
    names = {
        "Assets:Processor:Receivable": "processor_receivable",
        "Liabilities:Partner:Payable": "partner_payable",
        "Assets:Renters:Receivable": "renter_receivable",
        "Liabilities:Renters:DepositsHeld": "deposits_held",
    }
    assert {names[k]: int(v) for k, v in sums.items() if v} == {k: v for (k, _), v in statement.closing.items() if v}
    wrong = path.read_text().replace("120.01", "120.02", 1)
    path.write_text(wrong)
    assert loader.load_file(str(path))[1], "an altered file does not load"


@given(st.integers(0, 40))
@settings(max_examples=41, deadline=None)
def test_the_tree_is_the_one_of_rfc_6962(count: int) -> None:
    from hashlib import sha256

    leaves = [Leaf(f"rnt_{n}", n, bytes([n])) for n in range(count)]
    nodes = [sha256(b"\0" + f"{one.renter_id}|{one.link}|".encode() + one.hash).digest() for one in leaves]

    def top(part: list[bytes]) -> bytes:
        if len(part) < 2:
            return part[0] if part else sha256(b"").digest()
        middle = 1 << (len(part) - 1).bit_length() - 1
        return sha256(b"\1" + top(part[:middle]) + top(part[middle:])).digest()

    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    assert tree.top() == top(nodes)


async def test_what_was_there_before_the_chain_is_its_first_links(fresh_database: Callable[..., str]) -> None:
    dsn = await asyncio.to_thread(fresh_database, "before")
    migrations = migrations_of("services.deposits")
    chain = next(n for n, one in enumerate(migrations) if "CREATE TABLE ledger_heads" in one.sql)
    old = await asyncpg.connect(dsn)
    for migration in migrations[:chain]:
        await old.execute(migration.sql)
    renters = [f"rnt_{n:026}{'0' * 2}" for n in range(2)]
    for number, (renter_id, day) in enumerate((r, d) for r in renters for d in (1, 1, 3)):
        key = (bucket_of(renter_id), f"tfr_{number:026}00")
        at = datetime(2026, 10, day, 23, 59, 59, 123456, tzinfo=UTC)
        values = (f"dep_{number:026}00", renter_id, f"ptn_{'0' * 26}", "CHARGED", at)
        await old.execute("INSERT INTO ledger_transfers VALUES ($1, $2, $3, $4, $5, $6, $7)", *key, *values)
        for position, (account, amount) in enumerate((("renter_receivable", 7), ("partner_payable", -7))):
            entry = (*key, position, renter_id, account, "CNY", amount)
            await old.execute("INSERT INTO ledger_entries VALUES ($1, $2, $3, $4, $5, $6, $7)", *entry)
    await old.execute(
        "INSERT INTO ledger_balances SELECT bucket, renter_id, account, currency, sum(amount_minor) FROM ledger_entries"
        " GROUP BY bucket, renter_id, account, currency"
    )
    for migration in migrations[chain:]:
        await old.execute(migration.sql)
    assert await audited(dsn) == []
    heads = await old.fetch("SELECT link, booked_on FROM ledger_heads")
    assert {tuple(head) for head in heads} == {(2, date(2026, 10, 3))}
    await old.execute(
        "UPDATE ledger_transfers SET amounts_minor = ARRAY(SELECT 2 * a FROM unnest(amounts_minor) AS a)"
        " WHERE transfer_id LIKE '%400'"
    )
    await old.close()
    assert {finding.subject for finding in await audited(dsn)} >= {renters[1]}
