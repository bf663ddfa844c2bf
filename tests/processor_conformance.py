"""What deposits relies on of every processor, as checks that an adapter's tests run against its stand-in.

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_port(bench: Bench, check: Check) -> None:
    await check(bench)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.deposits.domain import Hold, LineKind, Operation, OperationKind, OperationState, ReportLine, Result, Seen
from services.deposits.operations.ports import NOT_DONE, Processor
from services.values.ids import new_id_of, new_renter_id
from services.values.money import Money

HELD_MINOR = 9900


class StandIn(Protocol):
    """What a check does to the other side. Each fault is for the next call that changes something."""

    async def lose_request(self) -> None: ...
    async def lose_answer(self) -> None: ...


@dataclass
class Bench:
    """An adapter and its stand-in, with references of means of payment that pay, and that decline what is asked."""

    processor: Processor
    stand_in: StandIn
    good: str
    declining: str
    currency: str = "CNY"
    renter_id: str = field(default_factory=lambda: new_renter_id("rnt"))

    def asked(self, kind: OperationKind, reference: str, amount: int = HELD_MINOR, *, final: bool = True) -> Operation:
        """A fresh operation."""
        names = (new_id_of("opn", self.renter_id), new_id_of("dep", self.renter_id))
        processor = self.processor.capabilities.name
        money = Money(self.currency, amount)
        return Operation(*names, kind, money, reference, processor=processor, final=final)

    async def done(self, operation: Operation) -> Result:
        """It is done, and the processor says the same when it is asked later."""
        result = await self.processor.perform(operation)
        assert result is not None
        assert result.state is OperationState.DONE, result.decline_code
        assert await self.processor.query(operation) == result
        return result

    async def held(self) -> tuple[Operation, str]:
        """An authorization and its reference."""
        operation = self.asked(OperationKind.AUTHORIZE, self.good)
        return operation, (await self.done(operation)).result_ref

    async def seen(self, reference: str) -> Seen:
        """The authorization at the processor; its parts add up."""
        seen = await self.processor.inspect(Hold("opn_1", "dep_1", self.processor.capabilities.name, reference))
        assert seen is not None
        parts = (seen.captured_minor, seen.released_minor, seen.expired_minor, seen.open_minor)
        assert seen.authorized_minor == sum(parts)
        return seen


Check = Callable[[Bench], Awaitable[None]]


async def a_hold_is_captured_once_and_the_rest_goes_back(bench: Bench) -> None:
    _, reference = await bench.held()
    seen = await bench.seen(reference)
    assert (seen.authorized_minor, seen.open_minor) == (HELD_MINOR, HELD_MINOR)
    await bench.done(bench.asked(OperationKind.CAPTURE, reference, 3000))
    seen = await bench.seen(reference)
    assert (seen.captured_minor, seen.released_minor, seen.open_minor) == (3000, HELD_MINOR - 3000, 0)


async def a_void_gives_all_of_it_back(bench: Bench) -> None:
    _, reference = await bench.held()
    await bench.done(bench.asked(OperationKind.VOID, reference))
    seen = await bench.seen(reference)
    assert (seen.captured_minor, seen.released_minor, seen.open_minor) == (0, HELD_MINOR, 0)


async def a_charge_is_paid_back_in_parts_and_no_further(bench: Bench) -> None:
    charged = await bench.done(bench.asked(OperationKind.CHARGE, bench.good, 5000))
    for _ in range(2):
        await bench.done(bench.asked(OperationKind.REFUND, charged.result_ref, 2500))
    too_much = await bench.processor.perform(bench.asked(OperationKind.REFUND, charged.result_ref, 1))
    assert too_much is not None
    assert too_much.state is OperationState.DECLINED


async def a_decline_is_an_answer_with_a_code_and_leaves_nothing(bench: Bench) -> None:
    for kind in (OperationKind.AUTHORIZE, OperationKind.CHARGE):
        operation = bench.asked(kind, bench.declining)
        result = await bench.processor.perform(operation)
        assert result is not None
        assert result.state is OperationState.DECLINED
        assert result.decline_code
        assert await bench.processor.query(operation) == result


async def a_key_acts_once_however_often_it_comes(bench: Bench) -> None:
    operation, reference = await bench.held()
    assert (await bench.done(operation)).result_ref == reference
    capture = bench.asked(OperationKind.CAPTURE, reference, 3000)
    assert await bench.done(capture) == await bench.done(capture)
    refund = bench.asked(OperationKind.REFUND, reference, 1000)
    assert await bench.done(refund) == await bench.done(refund)
    lines = await _lines(bench, operation, refund)
    assert [(line.kind, line.captured_minor) for line in lines] == [
        (LineKind.AUTHORIZATION, 3000),
        (LineKind.REFUND, 1000),
    ]


async def a_lost_request_is_not_done_and_done_when_it_is_repeated(bench: Bench) -> None:
    for make in _each_kind(bench):
        operation = await make()
        await bench.stand_in.lose_request()
        assert await bench.processor.perform(operation) is None
        nothing = await bench.processor.query(operation)
        assert nothing is not None
        assert (nothing.state, nothing.result_ref) == (OperationState.CANCELLED, NOT_DONE)
        await bench.done(operation)


async def a_lost_answer_is_found_by_asking(bench: Bench) -> None:
    for make in _each_kind(bench):
        operation = await make()
        await bench.stand_in.lose_answer()
        assert await bench.processor.perform(operation) is None
        found = await bench.processor.query(operation)
        assert found is not None
        assert found.state is OperationState.DONE
        assert await bench.done(operation) == found


async def the_report_names_our_operations_within_its_window(bench: Bench) -> None:
    authorize, reference = await bench.held()
    charge = bench.asked(OperationKind.CHARGE, bench.good, 700)
    await bench.done(charge)
    lines = await _lines(bench, authorize, charge)
    assert [(line.reference, line.kind, line.amount_minor, line.open_minor) for line in lines] == [
        (reference, LineKind.AUTHORIZATION, HELD_MINOR, HELD_MINOR),
        (lines[1].reference, LineKind.CHARGE, 700, 0),
    ]
    assert [(line.deposit_id, line.currency) for line in lines] == [
        (authorize.deposit_id, bench.currency),
        (charge.deposit_id, bench.currency),
    ]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await bench.processor.report(later, later + timedelta(hours=1)) == []


async def _lines(bench: Bench, *operations: Operation) -> list[ReportLine]:
    now = datetime.now(UTC)
    report = await bench.processor.report(now - timedelta(minutes=5), now + timedelta(minutes=5))
    by_id = {line.operation_id: line for line in report}
    return [by_id[operation.operation_id] for operation in operations]


def _each_kind(bench: Bench) -> list[Callable[[], Awaitable[Operation]]]:
    async def authorize() -> Operation:
        return bench.asked(OperationKind.AUTHORIZE, bench.good)

    async def charge() -> Operation:
        return bench.asked(OperationKind.CHARGE, bench.good, 700)

    async def capture() -> Operation:
        return bench.asked(OperationKind.CAPTURE, (await bench.held())[1], 3000)

    async def void() -> Operation:
        return bench.asked(OperationKind.VOID, (await bench.held())[1])

    async def refund() -> Operation:
        charged = await bench.done(await charge())
        return bench.asked(OperationKind.REFUND, charged.result_ref, 300)

    return [authorize, charge, capture, void, refund]


CHECKS: tuple[Check, ...] = (
    a_hold_is_captured_once_and_the_rest_goes_back,
    a_void_gives_all_of_it_back,
    a_charge_is_paid_back_in_parts_and_no_further,
    a_decline_is_an_answer_with_a_code_and_leaves_nothing,
    a_key_acts_once_however_often_it_comes,
    a_lost_request_is_not_done_and_done_when_it_is_repeated,
    a_lost_answer_is_found_by_asking,
    the_report_names_our_operations_within_its_window,
)
