"""What changes write, as rows: `write_changes` takes an array of each kind; a row is a tuple in its type's order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from services.deposits.domain import Change, Deposit, Hold, Instalment, Operation
from services.deposits.domain.bills import OWED, schedule_from
from services.deposits.store.links import link_rows
from services.values.ids import bucket_of, new_id, new_id_of

Row = tuple[Any, ...]

_DEPOSIT = attrgetter(
    "deposit_id", "version", "state", "processor", "payment_ref", "decline_code", "authorized_minor", "captured_minor",
    "released_minor", "expired_minor", "open_minor", "charged_minor", "paid_minor", "payment_status",
    "compensated_minor", "refunded_minor", "written_off_minor", "purchase_minor", "settled_at", "closed_at",
)  # fmt: skip
_HOLD = attrgetter(
    "processor", "reference", "authorized_minor", "captured_minor", "released_minor", "expired_minor", "open_minor",
    "credit_minor", "expires_at", "announced",
)  # fmt: skip
_RESULT = attrgetter("operation_id", "state", "result_ref", "decline_code", "renter_action")


def rows_of(changes: Sequence[Change], before: Mapping[str, Deposit], now: datetime) -> tuple[list[Row], ...]:
    """Deposits, holds, three kinds of operations, links, transfers, entries, balances, bills, exposures, events.

    Deposits come in the order in which they are locked.
    """
    ledger = _Ledger(changes, now)
    return (
        sorted((bucket_of(c.deposit.deposit_id), *_DEPOSIT(c.deposit)) for c in changes),
        [_hold_row(c.deposit, hold) for c in changes for hold in _changed_holds(before, c.deposit)],
        [(bucket_of(result.operation_id), *_RESULT(result)) for c in changes for result in c.results],
        [(bucket_of(operation_id), operation_id) for c in changes for operation_id in c.given_up],
        [_operation_row(operation) for c in changes for operation in (*c.wanted, *c.recorded)],
        ledger.links,
        ledger.transfers,
        ledger.entries,
        ledger.balances,
        [_bill_row(c.deposit, now) for c in changes if _becomes_owed(before, c.deposit)],
        _exposure_rows(changes),
        [_event_row(c, now) for c in changes if c.announced],
    )


class _Ledger:
    """The rows of what moved: transfers, their entries, one link a renter, one sum a balance."""

    def __init__(self, changes: Sequence[Change], now: datetime) -> None:
        self.transfers: list[Row] = []
        self.entries: list[Row] = []
        sums: defaultdict[Row, int] = defaultdict(int)
        for change in changes:
            deposit = change.deposit
            bucket, renter_id = bucket_of(deposit.deposit_id), deposit.renter_id
            for moved in change.transfers:
                transfer_id = new_id_of("tfr", renter_id)
                owner = (deposit.deposit_id, renter_id, deposit.partner_id)
                self.transfers.append((bucket, transfer_id, *owner, moved.kind, moved.corrects))
                for position, entry in enumerate(moved.entries):
                    what = (renter_id, entry.account, moved.currency)
                    self.entries.append((bucket, transfer_id, position, *what, entry.amount_minor))
                    sums[bucket, *what] += entry.amount_minor
        self.balances: list[Row] = [(*balance, amount_minor) for balance, amount_minor in sums.items()]
        self.links = link_rows(self.transfers, self.entries, now)


def _changed_holds(before: Mapping[str, Deposit], after: Deposit) -> list[Hold]:
    known = before[after.deposit_id].holds
    return [hold for hold in after.holds if hold not in known]


def _hold_row(deposit: Deposit, hold: Hold) -> Row:
    return (bucket_of(deposit.deposit_id), hold.hold_id, hold.deposit_id, deposit.renter_id, *_HOLD(hold))


def _operation_row(operation: Operation) -> Row:
    return (
        bucket_of(operation.operation_id),
        operation.operation_id,
        operation.deposit_id,
        operation.kind,
        operation.amount.amount_minor,
        operation.amount.currency,
        operation.reference,
        operation.state,
        operation.result_ref,
        operation.processor,
        operation.hold_id,
        operation.final,
        operation.source_id,
    )


def _becomes_owed(before: Mapping[str, Deposit], after: Deposit) -> bool:
    owed = after.settled_at is not None and after.payment_status in OWED
    return owed and before[after.deposit_id].payment_status not in OWED


def _bill_row(deposit: Deposit, now: datetime) -> Row:
    schedule = schedule_from(now)
    key = (bucket_of(deposit.deposit_id), deposit.deposit_id, deposit.renter_id, deposit.partner_id)
    return (*key, json.dumps([instalment_row(one) for one in schedule]), schedule[0].due_at)


def instalment_row(one: Instalment) -> dict[str, Any]:
    """An attempt to come, as it is stored."""
    return {"due_at": one.due_at.isoformat(), "amount_minor": one.amount_minor}


def _exposure_rows(changes: Sequence[Change]) -> list[Row]:
    """What waivers that end take off each person's exposure, summed by currency."""
    ended: defaultdict[str, list[Deposit]] = defaultdict(list)
    for change in changes:
        if change.exposure_ends:
            ended[change.deposit.renter_id].append(change.deposit)
    return [(bucket_of(renter_id), renter_id, len(ones), _waived_of(ones)) for renter_id, ones in ended.items()]


def _waived_of(deposits: Sequence[Deposit]) -> str:
    waived: defaultdict[str, int] = defaultdict(int)
    for deposit in deposits:
        waived[deposit.currency] += deposit.compensation_limit_minor
    return json.dumps(waived)


def _event_row(change: Change, now: datetime) -> Row:
    deposit = change.deposit
    payload = {
        "rental_id": deposit.rental_id,
        "deposit_state": deposit.state,
        "payment_status": deposit.payment_status,
        "hold_event": change.hold_event,
        "occurred_at": now.isoformat(),
    }
    return (bucket_of(deposit.deposit_id), new_id("evt"), deposit.renter_id, json.dumps(payload))
