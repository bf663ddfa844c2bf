"""Authorizations lapse: an end that comes near is announced, and the hold of a running rental is made anew in time."""

from __future__ import annotations

from collections.abc import Sequence

from services.deposits.domain.changes.change import Change, HoldEvent, Moment
from services.deposits.domain.changes.collecting import authorize, collect, usable_holds, wanted_of
from services.deposits.domain.changes.standing import standing
from services.deposits.domain.deposits import Deposit, DepositState, Operation, OperationKind
from services.deposits.domain.ledger import TransferKind, transfer
from services.deposits.domain.processors import Seen


def announce(deposit: Deposit, operations: Sequence[Operation], hold_id: str, moment: Moment) -> Change:
    """`hold.expiring`, once; for a running rental the same amount is authorized anew, and the old hold goes back."""
    hold = deposit.hold(hold_id)
    if hold.announced or not hold.open_minor:
        return Change(deposit)
    told = deposit.with_hold(hold.but(announced=True))
    running = deposit.state is DepositState.HELD and deposit.settled_at is None
    busy = any(o.kind is OperationKind.AUTHORIZE for o in wanted_of(operations))
    anew = running and not busy and deposit.payment_ref and usable_holds(deposit, operations)[-1:] == [hold]
    wanted = (authorize(deposit, hold.open_minor, moment),) if anew else ()
    return Change(told, wanted=wanted, announced=True, hold_event=HoldEvent.EXPIRING)


def observe(deposit: Deposit, operations: Sequence[Operation], hold_id: str, seen: Seen, moment: Moment) -> Change:
    """Takes over that a hold has lapsed at its processor: `hold.expired`. Anything else is for reconciliation.

    Nothing while an operation on the hold is under way: its own result tells.
    """
    hold = deposit.hold(hold_id)
    busy = any(o.hold_id == hold_id for o in wanted_of(operations))
    lapsed = hold.open_minor and not seen.open_minor and seen.captured_minor == hold.captured_minor
    if busy or not lapsed:
        return Change(deposit)
    ended = deposit.with_hold(hold.but(expired_minor=hold.expired_minor + hold.open_minor, open_minor=0))
    wanted = collect(ended, operations, moment)
    after = standing(ended, [*operations, *wanted], moment)
    moved = (transfer(TransferKind.EXPIRED, deposit.money(hold.open_minor)),)
    return Change(after, wanted=wanted, transfers=moved, announced=True, hold_event=HoldEvent.EXPIRED)
