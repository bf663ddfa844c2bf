"""A rental ends, does not come about, is waived after all, or its debt is paid another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.deposits.domain.changes.change import Change, Moment
from services.deposits.domain.changes.collecting import collect, surplus, wanted_of
from services.deposits.domain.changes.standing import news, standing
from services.deposits.domain.deposits import AdmittanceOutcome, Deposit, DepositState, Operation
from services.deposits.domain.ledger import TransferKind, transfer
from services.deposits.domain.policies import deposit_not_found
from services.values.errors import Category, Refusal
from services.values.money import Money


def settle(
    deposit: Deposit, operations: Sequence[Operation], charge: Money, moment: Moment, purchase_minor: int = 0
) -> Change | Refusal:
    """Charges for an ended rental: captures from the hold and releases the rest, or bills a waived renter.

    `purchase_minor` is the price of a thing that did not come back: compensation, so as much of it is charged as the
    deposit's limit leaves.
    """
    if deposit.settled_at is not None:
        return Change(deposit)
    if deposit.state not in (DepositState.HELD, DepositState.WAIVED):
        return deposit_not_found()
    if charge.currency != deposit.currency:
        return currency_mismatch()
    bought = min(purchase_minor, deposit.compensation_limit_minor - deposit.compensated_minor)
    total = deposit.money(charge.amount_minor + bought)
    settled = deposit.but(
        charged_minor=deposit.charged_minor + total.amount_minor,
        compensated_minor=deposit.compensated_minor + bought,
        purchase_minor=bought,
        settled_at=moment.now,
    )
    transfers = (transfer(TransferKind.CHARGED, total),) if total.amount_minor else ()
    wanted = collect(settled, operations, moment)
    after = standing(settled, [*operations, *wanted], moment)
    waived = deposit.state is DepositState.WAIVED
    return Change(after, wanted=wanted, transfers=transfers, exposure_ends=waived)


def cancel(deposit: Deposit, operations: Sequence[Operation], moment: Moment) -> Change:
    """Ends a waiver, voids a hold, or gives a pending one up; a late success of the processor is voided then."""
    cancellable = (DepositState.PENDING, DepositState.WAIVED, DepositState.HELD)
    if deposit.settled_at is not None or deposit.state not in cancellable or deposit.charged_minor:
        return Change(deposit)
    cancelled = deposit.but(state=DepositState.CANCELLED, closed_at=moment.now)
    if deposit.state is DepositState.WAIVED:
        return Change(cancelled, exposure_ends=True)
    return Change(cancelled, wanted=surplus(cancelled, operations, moment))


@dataclass(frozen=True, slots=True)
class Again:
    """What scoring answers now: the person lies above the threshold under which the deposit was decided."""

    score: int | None
    model_version: str
    facts_version: int


def waive(deposit: Deposit, operations: Sequence[Operation], again: Again, moment: Moment) -> Change:
    """Waives a deposit that is held, because what it was decided on was wrong; its hold goes back.

    Nothing happens to one that is not held (any more), or that is being collected.
    """
    over = deposit.state is not DepositState.HELD or deposit.settled_at is not None or deposit.charged_minor
    if over or wanted_of(operations):
        return Change(deposit)
    waived = deposit.but(
        state=DepositState.WAIVED,
        outcome=AdmittanceOutcome.ADMITTED,
        reason_codes=(),
        score=again.score,
        model_version=again.model_version,
        facts_version=again.facts_version,
    )
    return Change(waived, wanted=surplus(waived, operations, moment), announced=True)


def retry_bill(
    deposit: Deposit, operations: Sequence[Operation], processor: str, payment_ref: str, moment: Moment
) -> Change:
    """Bills what is owed to another means of payment; paying cures the record. Nothing while a payment is under way."""
    owed = deposit.charged_minor - deposit.paid_minor
    if not owed or deposit.settled_at is None or wanted_of(operations):
        return Change(deposit)
    billed = deposit.but(processor=processor, payment_ref=payment_ref)
    wanted = collect(billed, operations, moment)
    after = standing(billed, [*operations, *wanted], moment)
    return Change(after, wanted=wanted, announced=news(deposit, after))


def currency_mismatch() -> Refusal:
    """The refusal of an amount in another currency than the deposit's."""
    return Refusal(Category.FAILED_PRECONDITION, "CURRENCY_MISMATCH", "the deposit is in another currency")
