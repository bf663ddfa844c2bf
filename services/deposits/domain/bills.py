"""Bills: what a renter owes after a rental is collected by attempts on a visible schedule, in instalments, or never.

How much is owed is the deposit's matter (charged less paid); a bill says how it is being collected. Nothing is
collected while it is disputed, and never more than was charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.deposits.domain.changes import Change, Moment
from services.deposits.domain.changes.collecting import charge, under_way, wanted_of
from services.deposits.domain.changes.ending import currency_mismatch
from services.deposits.domain.changes.standing import news, standing
from services.deposits.domain.deposits import Deposit, Operation, PaymentStatus
from services.deposits.domain.ledger import TransferKind, transfer
from services.deposits.domain.policies import payment_method_required
from services.values.errors import Category, Refusal, invalid
from services.values.money import Money

SCHEDULE_DAYS = (1, 3, 7, 14, 28)
"""Days after which an attempt is made; after the last one the attempts stop."""
OWED = (PaymentStatus.DUE, PaymentStatus.FAILED)
"""What has a payment status like this after the rental gets a bill."""
MOST_MISSES = 2
"""So many instalments in a row that fail end the agreement."""


class BillState(StrEnum):
    """How a bill is being collected; names as in `freehold.deposits.v1.BillState`."""

    OPEN = "OPEN"
    INSTALMENTS = "INSTALMENTS"
    STOPPED = "STOPPED"
    DISPUTED = "DISPUTED"
    WRITTEN_OFF = "WRITTEN_OFF"
    PAID = "PAID"


_COLLECTED = (BillState.OPEN, BillState.INSTALMENTS)
_RESUMABLE = (BillState.OPEN, BillState.INSTALMENTS, BillState.STOPPED)


@dataclass(frozen=True, slots=True)
class Instalment:
    """An attempt to come; an amount of zero is all that is owed then."""

    due_at: datetime
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class Bill:
    """How one deposit's debt is being collected.

    `expected_minor` is what will have been paid in all once the last attempt succeeds, `misses` how many in a row did
    not; `proposed_by` is who proposed to give it up.
    """

    deposit_id: str
    renter_id: str
    partner_id: str
    state: BillState
    opened_at: datetime
    schedule: tuple[Instalment, ...]
    attempts: int = 0
    misses: int = 0
    expected_minor: int = 0
    dispute_reason: str = ""
    proposed_by: str = ""

    @property
    def next_attempt_at(self) -> datetime | None:
        """When the next attempt is made."""
        return self.schedule[0].due_at if self.state in _COLLECTED and self.schedule else None


@dataclass(frozen=True, slots=True)
class Means:
    """Where and on what a renter can be asked for money; empty when there is nothing."""

    processor: str
    payment_ref: str


@dataclass(frozen=True, slots=True)
class BillChange:
    """The bill as it is now, and what changes about its deposit."""

    bill: Bill
    change: Change


def schedule_from(now: datetime) -> tuple[Instalment, ...]:
    """The attempts to come of a bill that is opened, or resumed, now."""
    return tuple(Instalment(now + timedelta(days=days)) for days in SCHEDULE_DAYS)


def owed(deposit: Deposit) -> int:
    """What may still be paid, minor units; also what was given up."""
    return deposit.charged_minor - deposit.paid_minor


def attempt(bill: Bill, deposit: Deposit, operations: Sequence[Operation], means: Means, moment: Moment) -> BillChange:
    """Makes the attempt that is due, if one is: asks for the instalment, or for all that is owed."""
    due = bill.next_attempt_at
    if due is None or due > moment.now:
        return BillChange(bill, Change(deposit))
    missed = bill.attempts > 0 and deposit.paid_minor < bill.expected_minor
    misses = bill.misses + 1 if missed else 0
    if bill.state is BillState.INSTALMENTS and misses >= MOST_MISSES:
        again = replace(bill, state=BillState.OPEN, misses=0, schedule=schedule_from(moment.now))
        return BillChange(again, Change(deposit))
    left = bill.schedule[1:]
    amount = min(owed(deposit), bill.schedule[0].amount_minor if left else 0) or owed(deposit)
    tried = replace(
        bill,
        state=bill.state if left else BillState.STOPPED,
        schedule=left,
        attempts=bill.attempts + 1,
        misses=misses,
        expected_minor=deposit.paid_minor + amount,
    )
    return BillChange(tried, _ask(deposit, operations, amount, means, moment))


def pay(
    bill: Bill, deposit: Deposit, operations: Sequence[Operation], amount: Money | None, means: Means, moment: Moment
) -> BillChange | Refusal:
    """Pays a part, or all that is owed, now. What is under way already is not asked for twice."""
    if bill.state is BillState.DISPUTED:
        return disputed()
    if amount is not None and amount.currency != deposit.currency:
        return currency_mismatch()
    asked = amount.amount_minor if amount is not None and amount.amount_minor else owed(deposit)
    if not owed(deposit):
        return not_open(bill)
    if asked > owed(deposit):
        return invalid("amount", "is more than what is owed")
    if not _chargeable(means, moment):
        return payment_method_required()
    return BillChange(bill, _ask(deposit, operations, asked, means, moment))


def _ask(deposit: Deposit, operations: Sequence[Operation], amount_minor: int, means: Means, moment: Moment) -> Change:
    if not _chargeable(means, moment) or not amount_minor or under_way(operations):
        return Change(deposit)
    billed = deposit.but(processor=means.processor, payment_ref=means.payment_ref)
    wanted = (charge(billed, amount_minor, moment),)
    after = standing(billed, [*operations, *wanted], moment)
    return Change(after, wanted=wanted, announced=news(deposit, after))


def _chargeable(means: Means, moment: Moment) -> bool:
    return bool(means.payment_ref) and moment.can(means.processor).charges


def agree_instalments(
    bill: Bill, deposit: Deposit, parts: int, interval: timedelta, moment: Moment
) -> BillChange | Refusal:
    """Equal parts, rounded down; the last one takes what is left over."""
    if bill.state is BillState.DISPUTED:
        return disputed()
    if bill.state not in _RESUMABLE or owed(deposit) < parts:
        return not_open(bill)
    part = owed(deposit) // parts
    rest = owed(deposit) - part * (parts - 1)
    amounts = [part] * (parts - 1) + [rest]
    schedule = tuple(Instalment(moment.now + interval * (n + 1), amount) for n, amount in enumerate(amounts))
    agreed = replace(bill, state=BillState.INSTALMENTS, schedule=schedule, misses=0, expected_minor=0, proposed_by="")
    return BillChange(agreed, Change(deposit))


def stop(bill: Bill, deposit: Deposit) -> BillChange | Refusal:
    """Ends the attempts."""
    if bill.state not in _RESUMABLE or not owed(deposit):
        return not_open(bill)
    return BillChange(replace(bill, state=BillState.STOPPED, schedule=()), Change(deposit))


def resume(bill: Bill, deposit: Deposit, moment: Moment) -> BillChange | Refusal:
    """Starts the schedule anew; a proposal to give it up is void."""
    if bill.state is BillState.DISPUTED:
        return disputed()
    if bill.state not in _RESUMABLE or not owed(deposit):
        return not_open(bill)
    again = replace(bill, state=BillState.OPEN, schedule=schedule_from(moment.now), misses=0, proposed_by="")
    return BillChange(again, Change(deposit))


def dispute(bill: Bill, deposit: Deposit, reason: str) -> BillChange | Refusal:
    """Nothing is collected from now on; an attempt that is under way already may still end."""
    if bill.state not in _RESUMABLE or not owed(deposit):
        return not_open(bill)
    open_dispute = replace(bill, state=BillState.DISPUTED, schedule=(), dispute_reason=reason, proposed_by="")
    return BillChange(open_dispute, Change(deposit))


def resolve(
    bill: Bill, deposit: Deposit, operations: Sequence[Operation], credit: Money, moment: Moment
) -> BillChange | Refusal:
    """What is credited is not owed any more; the schedule starts anew for the rest."""
    if bill.state is not BillState.DISPUTED:
        return not_open(bill)
    if credit.currency != deposit.currency:
        return currency_mismatch()
    if credit.amount_minor > owed(deposit) or wanted_of(operations):
        return Refusal(Category.FAILED_PRECONDITION, "CREDIT_TOO_LARGE", "more than what is owed and not being paid")
    credited = deposit.but(charged_minor=deposit.charged_minor - credit.amount_minor)
    after = standing(credited, operations, moment)
    moved = (transfer(TransferKind.CREDITED, credit),) if credit.amount_minor else ()
    answered = replace(bill, state=BillState.OPEN, schedule=schedule_from(moment.now), dispute_reason="")
    return BillChange(answered, Change(after, transfers=moved, announced=news(deposit, after)))


def propose_write_off(bill: Bill, deposit: Deposit, proposer: str) -> BillChange | Refusal:
    """The attempts end until somebody else has approved, or the bill is resumed."""
    if bill.state is BillState.DISPUTED:
        return disputed()
    if bill.state not in _RESUMABLE or not owed(deposit):
        return not_open(bill)
    return BillChange(replace(bill, state=BillState.STOPPED, schedule=(), proposed_by=proposer), Change(deposit))


def approve_write_off(
    bill: Bill, deposit: Deposit, operations: Sequence[Operation], approver: str
) -> BillChange | Refusal:
    """Gives up what is owed. Never by whoever proposed it."""
    if bill.state is not BillState.STOPPED or not bill.proposed_by or not owed(deposit) or wanted_of(operations):
        return not_open(bill)
    if approver == bill.proposed_by:
        return Refusal(Category.PERMISSION_DENIED, "APPROVAL_BY_ANOTHER", "somebody else has to approve it")
    lost = owed(deposit) - deposit.written_off_minor
    given_up = deposit.but(written_off_minor=deposit.written_off_minor + lost, payment_status=PaymentStatus.WRITTEN_OFF)
    moved = (transfer(TransferKind.WRITTEN_OFF, deposit.money(lost)),)
    after = replace(bill, state=BillState.WRITTEN_OFF, proposed_by="")
    return BillChange(after, Change(given_up, transfers=moved, announced=True))


def bill_not_found() -> Refusal:
    """The refusal of an unknown bill, or one of somebody else: the two look alike."""
    return Refusal(Category.NOT_FOUND, "BILL_NOT_FOUND", "no such bill")


def not_open(bill: Bill) -> Refusal:
    """The refusal of what the bill's state does not allow."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "BILL_NOT_OPEN",
        "the bill's state does not allow it",
        metadata={"state": bill.state},
    )


def disputed() -> Refusal:
    """The refusal to collect what is disputed."""
    return Refusal(Category.FAILED_PRECONDITION, "BILL_DISPUTED", "nothing is collected while it is disputed")
