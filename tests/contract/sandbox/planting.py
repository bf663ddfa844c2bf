"""A desk whose processor is a process of its own, and everything that can go wrong between the two, planted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from deposits_desk import DEPOSIT_MINOR, Desk
from stand_ins import SECRET, StandIn, start

from services.deposits.domain import Deposit, Operation, OperationState, Result
from services.deposits.domain.reconciling import TWO_OPERATORS, Difference, DifferenceKind, DifferenceState, Repair
from services.deposits.operations.settling import CancelItem, SettleItem
from services.deposits.processors.sandbox import HttpProcessor
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.ids import new_id
from services.values.money import Money

Found = set[tuple[DifferenceKind, Repair, str]]


class Flaky(HttpProcessor):
    """Dies while it is asked for its so-many-th report."""

    dies_at = 0
    reports = 0

    async def report(self, since: datetime, until: datetime) -> Any:
        self.reports += 1
        if self.reports == self.dies_at:
            raise RuntimeError("the process has died")
        return await super().report(since, until)


@dataclass
class World:
    """A desk whose processor is a process of its own, and whoever does things there by hand."""

    desk: Desk
    process: StandIn
    processor: Flaky
    began: datetime
    planted: Found = field(default_factory=set)

    def plant(self, kind: DifferenceKind, repair: Repair, deposit_id: str = "") -> None:
        self.planted.add((kind, repair, deposit_id))

    async def by_hand(self, path: str, **body: Any) -> dict[str, Any]:
        """What somebody does on the processor's dashboard."""
        status, answer = await self.process.post(path, body, key=new_id("hand"))
        assert status == 200, answer
        return dict(answer)

    async def pay_by_hand(self, kind: str, amount: int, named: str) -> dict[str, Any]:
        _, method = await self.process.post("/v1/payment_methods", {"token": "tok_visa"})
        body = {"amount_minor": amount, "currency": "CNY", "payment_method": method["id"], "merchant_reference": named}
        return await self.by_hand(f"/v1/{kind}", **body)

    async def begun(self, score: int | None = 500, card: str = "tok_visa") -> Deposit:
        """A deposit whose first operation is not carried out yet."""
        renter = await self.desk.person(score, card=False)
        await self.desk.add_card(renter, card)
        outcome = await self.desk.secure(self.desk.item(renter))
        assert isinstance(outcome, Deposit)
        return outcome

    async def held(self) -> Deposit:
        return await self.done(await self.begun())

    async def done(self, deposit: Deposit) -> Deposit:
        await self.desk.carry_out()
        return await self.desk.deposit(deposit.deposit_id)

    async def settle(self, deposit: Deposit, fare: int) -> None:
        await self.desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", fare))])

    async def settled(self, fare: int, score: int = 500) -> Deposit:
        deposit = await self.held() if score <= 600 else await self.begun(score)
        await self.settle(deposit, fare)
        return await self.done(deposit)

    async def refund(self, deposit: Deposit, amount: int) -> None:
        partner = Caller(Role.PARTNER, self.desk.partner_id, self.desk.partner_id)
        money = Money("CNY", amount)
        await self.desk.claiming.refund(partner, new_id("req"), deposit.deposit_id, money, "a test")

    def taken(self) -> Operation:
        """The operation that was launched last, which is not going to be carried out."""
        return self.desk.launched.pop().operation

    async def believe(self, operation: Operation, state: OperationState, reference: str = "") -> None:
        """Writes an outcome down without the processor having had a word in it."""
        result = Result(operation.operation_id, state, reference)
        await self.desk.processing.finish_all([(operation.deposit_id, result)])
        self.desk.launched.clear()

    async def reconcile(self) -> str:
        """A run over everything, an hour after the last movement."""
        for clock in (self.desk.clock, self.desk.real):
            clock.turn(hours=1.1)
        run = await self.desk.deciding.run("ann", new_id("req"), "sandbox", self.began, None)
        await self.work()
        return run.run_id

    async def work(self) -> None:
        while await self.desk.running.sweep():
            pass

    async def open(self) -> list[Difference]:
        found, more = await self.desk.deciding.list("", None, DifferenceState.OPEN, 200, "")
        assert not more
        return found

    async def classes(self) -> Found:
        return {(d.finding.kind, d.finding.repair, d.finding.deposit_id) for d in await self.open()}

    async def repair_all(self) -> None:
        """Two operators confirm all that can be repaired, each twice, and it is carried out."""
        for difference in await self.open():
            if difference.finding.repair is Repair.BY_HAND:
                continue
            for operator in ("ann", "bob") if difference.finding.repair in TWO_OPERATORS else ("ann",):
                for _ in range(2):
                    await self.desk.deciding.confirm(operator, difference.difference_id[-20:], difference.difference_id)
        while await self.desk.repairing.sweep():
            pass
        await self.desk.carry_out()
        for _ in range(3):
            await self.desk.sweep()


async def a_world(dsn: str, home: Path, *arguments: str) -> AsyncIterator[World]:
    process = await start("processor", home / "home", *arguments)
    db = await Database.connect(dsn, pool_size=4)
    async with aiohttp.ClientSession() as session:
        processor = Flaky(session, process.address, SECRET)
        desk = Desk(db, sandbox=processor)
        now = datetime.now(UTC)
        desk.clock.time = desk.real.time = now
        await desk.open()
        yield World(desk, process, processor, now - timedelta(minutes=1))
    await db.close()
    if process.process.returncode is None:
        await process.kill()


async def healthy(world: World) -> None:
    """Everything that can happen to a deposit, without anything being wrong."""
    await world.held()
    await world.settled(300)
    await world.settled(11_000)
    await world.settled(200, score=700)
    await world.done(await world.begun(card="tok_declined"))
    refunded = await world.settled(900)
    await world.refund(refunded, 400)
    cancelled = await world.held()
    await world.desk.settling.cancel([CancelItem(cancelled.rental_id, cancelled.renter_id, cancelled.partner_id)])
    await world.desk.carry_out()


async def plant_payments(world: World) -> None:
    """Payments that one side does not know."""
    held = await world.begun()
    await world.believe(world.taken(), OperationState.DONE, "auth_never")
    world.plant(DifferenceKind.MISSING_AT_PROCESSOR, Repair.TAKE_OVER, held.deposit_id)
    charged = await world.begun(score=700)
    await world.settle(charged, 500)
    await world.believe(world.taken(), OperationState.DONE, "chg_never")
    world.plant(DifferenceKind.MISSING_AT_PROCESSOR, Repair.ASK_AGAIN, charged.deposit_id)
    refunded = await world.settled(700)
    await world.refund(refunded, 200)
    await world.believe(world.taken(), OperationState.DONE, "ref_never")
    world.plant(DifferenceKind.REFUND_MISSING, Repair.ASK_AGAIN, refunded.deposit_id)
    await world.pay_by_hand("authorizations", 1000, "counter-17")
    world.plant(DifferenceKind.UNKNOWN_PAYMENT, Repair.VOID)
    await world.pay_by_hand("charges", 1500, "counter-18")
    world.plant(DifferenceKind.UNKNOWN_PAYMENT, Repair.REFUND)
    owing = await world.begun(score=700, card="tok_charge_declined")
    await world.settle(owing, 600)
    await world.done(owing)
    await world.pay_by_hand("charges", 600, owing.deposit_id)
    world.plant(DifferenceKind.UNKNOWN_PAYMENT, Repair.TAKE_OVER, owing.deposit_id)
    twice = await world.held()
    await world.pay_by_hand("authorizations", DEPOSIT_MINOR, twice.deposit_id)
    world.plant(DifferenceKind.DUPLICATE, Repair.VOID, twice.deposit_id)
    given_back = await world.settled(800)
    await world.by_hand("/v1/refunds", payment=given_back.holds[0].reference, amount_minor=150)
    world.plant(DifferenceKind.UNKNOWN_REFUND, Repair.TAKE_OVER, given_back.deposit_id)


async def plant_outcomes(world: World) -> None:
    """Operations whose outcome is another than we think, or that have none."""
    for state, repair in ((OperationState.CANCELLED, Repair.TAKE_OVER), (OperationState.DECLINED, Repair.VOID)):
        deposit = await world.begun()
        operation = world.taken()
        await world.processor.perform(operation)
        await world.believe(operation, state)
        world.plant(DifferenceKind.UNRECORDED, repair, deposit.deposit_id)
    unclear = await world.begun()
    world.desk.crash()
    world.plant(DifferenceKind.STATE_UNCLEAR, Repair.HASTEN, unclear.deposit_id)
    given_up = await world.begun()
    key = world.taken().operation_id
    await world.desk.db.execute("UPDATE processor_operations SET given_up = true WHERE operation_id = $1", key)
    world.plant(DifferenceKind.GIVEN_UP_UNENDED, Repair.GIVE_UP, given_up.deposit_id)
    named = await world.held()
    statement = "UPDATE processor_operations SET {} WHERE deposit_id = $1"
    await world.desk.db.execute(statement.format("result_ref = 'auth_other'"), named.deposit_id)
    world.plant(DifferenceKind.REFERENCE_DIFFERS, Repair.BY_HAND, named.deposit_id)
    foreign = await world.held()
    await world.desk.db.execute(statement.format("currency = 'EUR'"), foreign.deposit_id)
    world.plant(DifferenceKind.CURRENCY_DIFFERS, Repair.BY_HAND, foreign.deposit_id)


async def plant_parts(world: World) -> None:
    """Holds whose parts are others there than here."""
    more, raised, voided = await world.held(), await world.held(), await world.held()
    path = "/v1/authorizations/{}/{}"
    await world.by_hand(path.format(more.holds[0].reference, "captures"), amount_minor=300, final=False)
    world.plant(DifferenceKind.CAPTURED_MORE, Repair.TAKE_OVER_AND_REFUND, more.deposit_id)
    await world.by_hand(path.format(raised.holds[0].reference, "increments"), amount_minor=100)
    world.plant(DifferenceKind.AMOUNT_DIFFERS, Repair.TAKE_OVER, raised.deposit_id)
    await world.by_hand(path.format(voided.holds[0].reference, "void"))
    world.plant(DifferenceKind.RELEASED_DIFFERS, Repair.TAKE_OVER, voided.deposit_id)
    less = await world.held()
    await world.settle(less, 400)
    await world.believe(world.taken(), OperationState.DONE, less.holds[0].reference)
    world.plant(DifferenceKind.CAPTURED_LESS, Repair.ASK_AGAIN, less.deposit_id)
    stuck = await world.held()
    await world.settle(stuck, 0)
    await world.believe(world.taken(), OperationState.DONE, stuck.holds[0].reference)
    world.plant(DifferenceKind.STILL_OPEN, Repair.VOID, stuck.deposit_id)


async def plant_ledger(world: World) -> None:
    """A transfer that was lost with its effect on the balances, and entries that were changed."""
    lost, changed = await world.settled(350), await world.held()
    where = "WHERE transfer_id = (SELECT transfer_id FROM ledger_transfers WHERE deposit_id = $1 AND kind = $2)"
    await world.desk.db.execute(
        "UPDATE ledger_balances b SET balance_minor = b.balance_minor - e.amount_minor FROM (SELECT bucket, renter_id,"
        f" account, currency, amount_minor FROM ledger_entries {where}) e WHERE b.bucket = e.bucket"
        " AND b.renter_id = e.renter_id AND b.account = e.account AND b.currency = e.currency",
        *(lost.deposit_id, "CAPTURED"),
    )
    emptied = f"UPDATE ledger_transfers SET accounts = '{{}}', amounts_minor = '{{}}' {where}"
    await world.desk.db.execute(emptied, lost.deposit_id, "CAPTURED")
    world.plant(DifferenceKind.LEDGER_DIFFERS, Repair.BOOK_TRANSFERS, lost.deposit_id)
    raised = "ARRAY(SELECT a + sign(a)::bigint FROM unnest(amounts_minor) AS a)"
    entries = f"UPDATE ledger_transfers SET amounts_minor = {raised} {where}"
    await world.desk.db.execute(entries, changed.deposit_id, "AUTHORIZED")
    world.plant(DifferenceKind.LEDGER_DIFFERS, Repair.BOOK_TRANSFERS, changed.deposit_id)
