"""Collecting what is owed and giving back the rest: what is to be asked of processors next."""

from __future__ import annotations

from collections.abc import Sequence

from services.deposits.domain.changes.change import Moment
from services.deposits.domain.deposits import Deposit, DepositState, Operation, OperationKind, OperationState
from services.deposits.domain.processors import Hold


def collect(deposit: Deposit, operations: Sequence[Operation], moment: Moment) -> tuple[Operation, ...]:
    """The operations that bring in what is owed and not under way yet: from holds first, the rest by bill.

    Once the rental is settled, what is not needed goes back: by the final capture, or by a void. Before that only a
    processor that captures in parts is asked; with others the claim waits for the settlement. A hold that is on its way
    back is left alone. Nothing is brought in while the bill is disputed.
    """
    owed = deposit.charged_minor - deposit.paid_minor - deposit.written_off_minor - under_way(operations)
    owed = 0 if deposit.disputed else owed
    wanted: list[Operation] = []
    for hold in reversed(usable_holds(deposit, operations)):
        captured = _take(deposit, hold, owed, operations, moment)
        owed -= captured.amount.amount_minor if captured and captured.kind is OperationKind.CAPTURE else 0
        wanted += [captured] if captured else []
    if owed > 0 and deposit.settled_at is not None and _can_bill(deposit, moment):
        wanted.append(charge(deposit, owed, moment))
    return tuple(wanted)


def _take(deposit: Deposit, hold: Hold, owed: int, operations: Sequence[Operation], moment: Moment) -> Operation | None:
    """The capture of one hold, or with nothing owed its way back; None while there is nothing to ask of it."""
    busy = [o for o in wanted_of(operations) if o.hold_id == hold.hold_id]
    settled = deposit.settled_at is not None
    can = moment.capabilities[hold.processor]
    if not settled and not can.partial_captures:
        return None
    free = hold.open_minor - sum(o.amount.amount_minor for o in busy if o.kind is OperationKind.CAPTURE)
    final = settled and not busy
    limit = _over_capture(deposit, hold, can.over_capture_percent) if final else 0
    amount = min(owed, free + limit)
    if amount > 0:
        return on_hold(deposit, hold, OperationKind.CAPTURE, amount, moment, final=final)
    return on_hold(deposit, hold, OperationKind.VOID, hold.open_minor, moment) if final else None


def _over_capture(deposit: Deposit, hold: Hold, percent: int) -> int:
    """What a final capture may take beyond the hold: as the processor allows, never above the deposit's limit."""
    room = max(0, deposit.compensation_limit_minor - deposit.captured_minor - hold.open_minor)
    return min(hold.open_minor * percent // 100, room)


def surplus(deposit: Deposit, operations: Sequence[Operation], moment: Moment) -> tuple[Operation, ...]:
    """The voids of holds that nobody needs: all of a rental that did not come about or is waived, else all but the
    newest while it runs.

    One on which something is under way is left alone until that has ended: a void takes all that the processor has,
    and what that is we only know then.
    """
    holds = usable_holds(deposit, operations)
    running = deposit.state is DepositState.HELD and deposit.settled_at is None
    if not running and deposit.state not in (DepositState.CANCELLED, DepositState.WAIVED):
        return ()
    busy = {o.hold_id for o in wanted_of(operations)}
    return tuple(
        on_hold(deposit, hold, OperationKind.VOID, hold.open_minor, moment)
        for hold in (holds[:-1] if running else holds)
        if hold.hold_id not in busy
    )


def under_way(operations: Sequence[Operation]) -> int:
    """What captures and charges that are wanted will bring in, minor units."""
    kinds = (OperationKind.CAPTURE, OperationKind.CHARGE)
    return sum(o.amount.amount_minor for o in wanted_of(operations) if o.kind in kinds)


def _can_bill(deposit: Deposit, moment: Moment) -> bool:
    return bool(deposit.payment_ref) and moment.capabilities[deposit.processor].charges


def charge(deposit: Deposit, amount_minor: int, moment: Moment) -> Operation:
    """The charge of an amount on the deposit's means of payment."""
    return Operation(
        moment.new_id("opn", deposit.deposit_id),
        deposit.deposit_id,
        OperationKind.CHARGE,
        deposit.money(amount_minor),
        deposit.payment_ref,
        processor=deposit.processor,
    )


def authorize(deposit: Deposit, amount_minor: int, moment: Moment) -> Operation:
    """The authorization of an amount on the deposit's means of payment; its id becomes the hold's."""
    operation_id = moment.new_id("opn", deposit.deposit_id)
    return Operation(
        operation_id,
        deposit.deposit_id,
        OperationKind.AUTHORIZE,
        deposit.money(amount_minor),
        deposit.payment_ref,
        processor=deposit.processor,
        hold_id=operation_id,
    )


def on_hold(
    deposit: Deposit, hold: Hold, kind: OperationKind, amount_minor: int, moment: Moment, *, final: bool = True
) -> Operation:
    """An operation on a hold."""
    return Operation(
        moment.new_id("opn", deposit.deposit_id),
        deposit.deposit_id,
        kind,
        deposit.money(amount_minor),
        hold.reference,
        processor=hold.processor,
        hold_id=hold.hold_id,
        final=final,
    )


def wanted_of(operations: Sequence[Operation]) -> list[Operation]:
    """Operations whose outcome is not known yet, less those that were given up."""
    return [o for o in operations if o.state is OperationState.WANTED and not o.given_up]


def usable_holds(deposit: Deposit, operations: Sequence[Operation]) -> list[Hold]:
    """Holds with something open that is neither on its way back nor being captured for the last time, oldest first."""
    ending = {
        o.hold_id
        for o in wanted_of(operations)
        if o.kind is OperationKind.VOID or (o.kind is OperationKind.CAPTURE and o.final)
    }
    return [hold for hold in deposit.holds if hold.open_minor and hold.hold_id not in ending]
