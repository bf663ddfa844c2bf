"""Carrying out what operators have confirmed: each repair once, after asking the processor whether it is still so.

A confirmed repair is leased like an operation: when the process dies, another does it again under the same keys. What
changes a deposit goes through `Changing`, once per attempt; what is asked of a processor has the operation's own key,
or one of the difference's where there is no operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from services.deposits.domain import LineKind, Notice, Operation, OperationKind, OperationState, Result
from services.deposits.domain.reconciling import (
    OF_LINE,
    Amounts,
    Books,
    Difference,
    DifferenceKind,
    DifferenceState,
    Outcome,
    Repair,
    book_transfers,
    changed,
    end_operation,
    refer_anew,
    take_over_hold,
    take_over_payment,
)
from services.deposits.operations.changing import Changing
from services.deposits.operations.ports import NOT_DONE, Processor, Transition
from services.deposits.operations.reconciling.ports import ReconciliationStore
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.money import Money
from services.values.requests import Request, fingerprint

LEASE = timedelta(minutes=1)
BATCH = 16
_MOMENT = timedelta(seconds=1)
_REPAIRED = Outcome(DifferenceState.REPAIRED)
_OF_LINES = (
    DifferenceKind.UNKNOWN_PAYMENT,
    DifferenceKind.UNKNOWN_REFUND,
    DifferenceKind.DUPLICATE,
    DifferenceKind.UNRECORDED,
)
"""Classes that are about a payment of theirs which is in no book of ours."""


def _open(reason: str) -> Outcome:
    return Outcome(DifferenceState.OPEN, reason)


class Repairing:
    """Repairs what was confirmed."""

    def __init__(self, store: ReconciliationStore, changing: Changing, processors: Mapping[str, Processor]) -> None:
        self._store = store
        self._changing = changing
        self._processors = processors

    async def sweep(self) -> int:
        """Carries out the repairs that are due; answers how many came to an end."""
        now = self._changing.real.now()
        ended = 0
        for difference in await self._store.lease_repairs(now, now + LEASE, BATCH):
            outcome = await self._carry_out(difference)
            if outcome is not None:
                await self._store.end_repair(difference, outcome, self._changing.real.now())
                ended += 1
        return ended

    async def _carry_out(self, difference: Difference) -> Outcome | None:
        """What became of it; None while the processor's answer is unclear: it is tried again."""
        finding = difference.finding
        processor = self._processors.get(finding.processor)
        if processor is None:
            return _open("PROCESSOR_NOT_FOUND")
        books = await self._books(finding.deposit_id)
        if finding.kind in _OF_LINES:
            return await self._about_line(difference, processor, books)
        if books is None:
            return _open("DEPOSIT_NOT_FOUND")
        if finding.repair is Repair.BOOK_TRANSFERS:
            moment = self._changing.moment()
            return await self._change(difference, lambda d, o: book_transfers(d, o, finding, books, moment))
        operation = next((o for o in books.operations if o.operation_id == finding.operation_id), None)
        if operation is None:
            return _open("DIFFERENCE_CHANGED")
        return await self._about_operation(difference, processor, books, operation)

    async def _books(self, deposit_id: str) -> Books | None:
        return next(iter(await self._store.books_of([deposit_id])), None) if deposit_id else None

    async def _about_line(self, difference: Difference, processor: Processor, books: Books | None) -> Outcome | None:
        """A payment of theirs that no operation of ours has made: undone there, or booked here."""
        finding = difference.finding
        try:
            lines = await processor.report(finding.at, finding.at + _MOMENT)
        except Refusal:
            return None
        line = next((one for one in lines if one.reference == finding.reference), None)
        same = line is not None and Amounts.of_line(line) == finding.theirs
        if finding.repair is not Repair.TAKE_OVER:
            return await self._undo(difference, processor, same=same)
        if line is None or not same:
            return _open("DIFFERENCE_CHANGED")
        operations = books.operations if books is not None else []
        operation = next((o for o in operations if o.operation_id == finding.operation_id), None)
        if operation is not None and operation.state is OperationState.CANCELLED:
            late = Result(operation.operation_id, OperationState.DONE, result_ref=line.reference)
            return await self._end(difference, late, OperationState.CANCELLED)
        kind, moment = OF_LINE[LineKind(line.kind)], self._changing.moment()
        return await self._change(difference, lambda d, o: take_over_payment(d, o, finding, kind, moment))

    async def _undo(self, difference: Difference, processor: Processor, *, same: bool) -> Outcome | None:
        """Asks under a key of the difference's own; what is undone already answers as it did the first time."""
        finding, void = difference.finding, difference.finding.repair is Repair.VOID
        asked = Operation(
            f"{difference.difference_id}-{difference.attempt}",
            finding.deposit_id,
            OperationKind.VOID if void else OperationKind.REFUND,
            Money(finding.currency, finding.theirs.open_minor if void else finding.theirs.captured_minor),
            finding.reference,
            processor=finding.processor,
        )
        done = await processor.query(asked)
        if done is not None and done.result_ref == NOT_DONE:
            if not same:
                return _open("DIFFERENCE_CHANGED")
            done = await processor.perform(asked)
        if done is None or done.state is OperationState.WANTED:
            return None
        if done.state is not OperationState.DONE:
            return _open(done.decline_code)
        return Outcome(DifferenceState.REPAIRED, repair_ref="" if void else done.result_ref)

    async def _about_operation(
        self, difference: Difference, processor: Processor, books: Books, operation: Operation
    ) -> Outcome | None:
        """An operation of ours: ended, asked about or asked for again, or its hold becomes what the processor says."""
        finding, changing = difference.finding, self._changing
        if finding.repair is Repair.HASTEN:
            notice = Notice("", operation_id=finding.operation_id)
            await changing.store.hasten(finding.processor, notice, changing.real.now(), changing.clock.now())
            return _REPAIRED
        if finding.repair is Repair.GIVE_UP:
            result = Result(finding.operation_id, OperationState.CANCELLED)
            return await self._end(difference, result, OperationState.WANTED)
        if finding.repair is Repair.ASK_AGAIN:
            return await self._ask_again(difference, processor, books, operation)
        theirs = await _as_it_is(processor, books, operation, finding.kind)
        if theirs is None:
            return None
        same, moment = theirs == finding.theirs, changing.moment()
        return await self._change(difference, lambda d, o: take_over_hold(d, o, finding, moment) if same else changed())

    async def _ask_again(
        self, difference: Difference, processor: Processor, books: Books, operation: Operation
    ) -> Outcome | None:
        """What the processor has no trace of is asked for under its own key, which acts once however often."""
        asked = [operation]
        if operation.kind is OperationKind.AUTHORIZE:
            captures = (o for o in books.operations if o.kind is OperationKind.CAPTURE and o.reference)
            asked = [o for o in captures if o.hold_id == operation.operation_id and o.state is OperationState.DONE]
        for one in asked:
            result = await processor.query(one)
            if result is not None and result.result_ref == NOT_DONE:
                result = await processor.perform(one)
            if result is None or result.state is OperationState.WANTED:
                return None
            if result.state is not OperationState.DONE:
                return _open(result.decline_code)
            if result.result_ref != one.result_ref and one.kind is not OperationKind.CAPTURE:
                return await self._change(difference, _referring(result))
        return _REPAIRED if asked else _open("NOTHING_TO_ASK_FOR")

    async def _end(self, difference: Difference, result: Result, state: OperationState) -> Outcome:
        moment = self._changing.moment()
        return await self._change(difference, lambda d, o: end_operation(d, o, result, state, moment))

    async def _change(self, difference: Difference, transition: Transition) -> Outcome:
        """Once per attempt: when it was done before the process died, the transition's refusal does not count."""
        deposit_id = difference.finding.deposit_id
        once = f"{difference.difference_id}-{difference.attempt}"
        request = Request(bucket_of(deposit_id), "reconciliation", "Repair", once, fingerprint(once))
        outcome = await self._changing.change_once(request, deposit_id, transition, self._changing.moment())
        return _open(outcome.reason) if isinstance(outcome, Refusal) else _REPAIRED


def _referring(result: Result) -> Transition:
    return lambda deposit, _: refer_anew(deposit, result)


async def _as_it_is(processor: Processor, books: Books, operation: Operation, kind: DifferenceKind) -> Amounts | None:
    """An authorization at the processor now, nothing when it has no trace of it; None when it does not answer."""
    if kind is DifferenceKind.MISSING_AT_PROCESSOR:
        result = await processor.query(operation)
        if result is None:
            return None
        if result.state is not OperationState.DONE:
            return Amounts()
    hold = books.hold_of(operation)
    seen = await processor.inspect(hold) if hold is not None else None
    return Amounts.of(seen) if seen is not None else None
