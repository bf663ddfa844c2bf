"""The outcome of what was asked of a processor is applied, once; a success after it was given up is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.deposits.domain.changes.change import Change, HoldEvent, Moment
from services.deposits.domain.changes.collecting import (
    acting_on,
    authorize,
    collect,
    on_hold,
    surplus,
    under_way,
    wanted_of,
)
from services.deposits.domain.changes.standing import news, standing
from services.deposits.domain.deposits import (
    Deposit,
    DepositState,
    Operation,
    OperationKind,
    OperationState,
    Result,
)
from services.deposits.domain.ledger import Transfer, TransferKind, transfer
from services.deposits.domain.processors import Hold

_MORE_TO_COLLECT = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.INCREMENT)
"""After these there may be something to capture or to give back; a declined charge is not repeated at once."""


def finish(deposit: Deposit, operations: Sequence[Operation], result: Result, moment: Moment) -> Change:
    """Applies the processor's outcome of one operation, and asks for what follows from it."""
    operation = next(o for o in operations if o.operation_id == result.operation_id)
    late = operation.state is OperationState.CANCELLED and result.state is OperationState.DONE
    if operation.state is not OperationState.WANTED and not late:
        return Change(deposit)
    ended = operation.but(state=result.state, result_ref=result.result_ref)
    others = [o for o in operations if o is not operation]
    outcome = _OUTCOMES[operation.kind](deposit, operation, result, others, moment)
    wanted = outcome.wanted
    if operation.kind in _MORE_TO_COLLECT:
        failed = operation.kind is OperationKind.CAPTURE and result.state is not OperationState.DONE
        billable = operation.amount.amount_minor if failed else 0
        wanted += collect(outcome.deposit, [*others, ended, *wanted], moment, billable=billable)
        wanted += surplus(outcome.deposit, [*others, ended, *wanted], moment)
    after = standing(outcome.deposit, [*others, ended, *wanted], moment)
    told = news(deposit, after) or outcome.hold_event is not None
    return Change(after, (result,), wanted, (), outcome.transfers, announced=told, hold_event=outcome.hold_event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation's result makes of a deposit."""

    deposit: Deposit
    wanted: tuple[Operation, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    hold_event: HoldEvent | None = None


def _authorized(
    deposit: Deposit, operation: Operation, result: Result, others: Sequence[Operation], moment: Moment
) -> Outcome:
    if result.state is not OperationState.DONE:
        return _not_authorized(deposit, operation, result, others)
    amount = operation.amount
    expires_at = result.expires_at or moment.now + moment.can(operation.processor).authorization_valid
    hold = Hold(
        operation.operation_id,
        deposit.deposit_id,
        operation.processor,
        result.result_ref,
        amount.amount_minor,
        open_minor=amount.amount_minor,
        credit_minor=result.credit_minor,
        expires_at=expires_at,
    )
    held = deposit.with_hold(hold)
    transfers = (transfer(TransferKind.AUTHORIZED, amount),)
    given_up = operation.given_up or operation.state is OperationState.CANCELLED
    if deposit.state is DepositState.PENDING and not given_up:
        return Outcome(held.but(state=DepositState.HELD), (), transfers)
    if deposit.state is DepositState.HELD and deposit.settled_at is None and not given_up:
        return Outcome(held, (), transfers, HoldEvent.RENEWED)
    back = on_hold(held, hold, OperationKind.VOID, hold.open_minor, moment)
    return Outcome(held, (back,), transfers)


def _not_authorized(deposit: Deposit, operation: Operation, result: Result, others: Sequence[Operation]) -> Outcome:
    """Declined: so is the deposit, unless another attempt is under way."""
    other = any(o.kind is OperationKind.AUTHORIZE for o in wanted_of(others))
    if deposit.state is DepositState.PENDING and not operation.given_up and not other:
        return Outcome(deposit.but(state=DepositState.DECLINED, decline_code=result.decline_code))
    return Outcome(deposit)


def _captured(
    deposit: Deposit, operation: Operation, result: Result, others: Sequence[Operation], _moment: Moment
) -> Outcome:
    hold = deposit.hold(operation.hold_id)
    if result.state is not OperationState.DONE:
        return _lapsed(deposit, hold, others)
    taken = operation.amount.amount_minor
    beyond = max(0, taken - hold.open_minor)
    rest = hold.open_minor + beyond - taken if operation.final else 0
    changed = deposit.with_hold(
        hold.but(
            authorized_minor=hold.authorized_minor + beyond,
            captured_minor=hold.captured_minor + taken,
            released_minor=hold.released_minor + rest,
            open_minor=hold.open_minor + beyond - taken - rest,
        )
    ).but(paid_minor=deposit.paid_minor + taken)
    moved = [(TransferKind.INCREMENTED, beyond), (TransferKind.CAPTURED, taken), (TransferKind.RELEASED, rest)]
    return Outcome(changed, (), _transfers(deposit, moved))


def _voided(
    deposit: Deposit, operation: Operation, result: Result, others: Sequence[Operation], _moment: Moment
) -> Outcome:
    hold = deposit.hold(operation.hold_id)
    if result.state is not OperationState.DONE:
        return _lapsed(deposit, hold, others)
    changed = deposit.with_hold(hold.but(released_minor=hold.released_minor + hold.open_minor, open_minor=0))
    return Outcome(changed, (), _transfers(deposit, [(TransferKind.RELEASED, hold.open_minor)]))


def _lapsed(deposit: Deposit, hold: Hold, others: Sequence[Operation]) -> Outcome:
    """The processor does not hold the rest any more: its authorization has expired.

    The rest is what no other capture has taken: one that is not answered yet may have been in time.
    """
    rest = hold.open_minor - min(hold.open_minor, under_way(acting_on(hold.hold_id, others)))
    changed = deposit.with_hold(hold.but(expired_minor=hold.expired_minor + rest, open_minor=hold.open_minor - rest))
    event = HoldEvent.EXPIRED if rest else None
    return Outcome(changed, (), _transfers(deposit, [(TransferKind.EXPIRED, rest)]), event)


def _charged(
    deposit: Deposit, operation: Operation, result: Result, _others: Sequence[Operation], _moment: Moment
) -> Outcome:
    if result.state is not OperationState.DONE:
        return Outcome(deposit.but(decline_code=result.decline_code))
    paid = operation.amount.amount_minor
    cured = min(paid, deposit.written_off_minor)
    changed = deposit.but(paid_minor=deposit.paid_minor + paid, written_off_minor=deposit.written_off_minor - cured)
    return Outcome(changed, (), _transfers(deposit, [(TransferKind.CURED, cured), (TransferKind.PAID, paid)]))


def _incremented(
    deposit: Deposit, operation: Operation, result: Result, _others: Sequence[Operation], _moment: Moment
) -> Outcome:
    if result.state is not OperationState.DONE:
        return Outcome(deposit.but(decline_code=result.decline_code))
    hold, more = deposit.hold(operation.hold_id), operation.amount.amount_minor
    raised = hold.but(authorized_minor=hold.authorized_minor + more, open_minor=hold.open_minor + more)
    return Outcome(deposit.with_hold(raised), (), _transfers(deposit, [(TransferKind.INCREMENTED, more)]))


def _refunded(
    deposit: Deposit, operation: Operation, result: Result, _others: Sequence[Operation], _moment: Moment
) -> Outcome:
    if result.state is not OperationState.DONE:
        return Outcome(deposit.but(decline_code=result.decline_code))
    back = operation.amount.amount_minor
    changed = deposit.but(refunded_minor=deposit.refunded_minor + back)
    return Outcome(changed, (), _transfers(deposit, [(TransferKind.REFUNDED, back)]))


def _transfers(deposit: Deposit, moved: Sequence[tuple[TransferKind, int]]) -> tuple[Transfer, ...]:
    return tuple(transfer(kind, deposit.money(amount)) for kind, amount in moved if amount)


_OUTCOMES: dict[OperationKind, Callable[[Deposit, Operation, Result, Sequence[Operation], Moment], Outcome]] = {
    OperationKind.AUTHORIZE: _authorized,
    OperationKind.CAPTURE: _captured,
    OperationKind.VOID: _voided,
    OperationKind.CHARGE: _charged,
    OperationKind.INCREMENT: _incremented,
    OperationKind.REFUND: _refunded,
}


def wait_for_renter(deposit: Deposit, operations: Sequence[Operation], result: Result) -> Change:
    """Keeps what the renter's app needs to have an authorization confirmed; it stays wanted."""
    waiting = next((o for o in operations if o.operation_id == result.operation_id), None)
    if waiting is None or waiting.state is not OperationState.WANTED or waiting.renter_action == result.renter_action:
        return Change(deposit)
    return Change(deposit, (result,))


def fall_back(
    deposit: Deposit,
    operations: Sequence[Operation],
    operation_id: str,
    processor: str,
    payment_ref: str,
    moment: Moment,
) -> Change:
    """Gives up an authorization that a processor does not answer, and asks another for it.

    The one that is given up is asked about until its end is known: should it have succeeded after all, it is voided.
    """
    silent = next(o for o in operations if o.operation_id == operation_id)
    if deposit.state is not DepositState.PENDING or silent.state is not OperationState.WANTED or silent.given_up:
        return Change(deposit)
    elsewhere = deposit.but(processor=processor, payment_ref=payment_ref)
    another = authorize(elsewhere, silent.amount.amount_minor, moment)
    return Change(elsewhere, wanted=(another,), given_up=(operation_id,))
