"""What every part of the store shares: the database, the statements, and rows as domain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from services.deposits.domain import (
    AdmittanceOutcome,
    AssuranceLevel,
    Deposit,
    DepositState,
    Hold,
    Operation,
    OperationKind,
    OperationState,
    PaymentStatus,
    Policy,
    PolicyDraft,
    PolicyState,
)
from services.deposits.domain.policies import ApprovalReason, Tier
from services.runtime.database import Database
from services.runtime.queries import Queries
from services.values.ids import bucket_of
from services.values.money import Money


class Part:
    """A part of the store."""

    def __init__(
        self, db: Database, sql: Queries, real_now: Callable[[], datetime], published: Callable[[], None]
    ) -> None:
        self._db = db
        self._sql = sql
        self._real_now = real_now
        self._published = published


def buckets(ids: Iterable[str]) -> list[int]:
    """The buckets of routed ids."""
    return [bucket_of(one) for one in ids]


Standing = tuple[Deposit, list[Operation]]
"""A deposit with its holds, and all that was ever asked of processors for it."""

_STATES = {state.value: state for state in DepositState}
_OUTCOMES = {outcome.value: outcome for outcome in AdmittanceOutcome}
_PAYMENTS = {status.value: status for status in PaymentStatus}
_KINDS = {kind.value: kind for kind in OperationKind}
_ENDS = {state.value: state for state in OperationState}
_DEPOSIT = (
    "deposit_id", "rental_id", "renter_id", "partner_id", "state", "outcome", "reason_codes", "policy_id",
    "model_version", "score", "currency", "amount_minor", "payment_ref", "decided_at", "decline_code",
    "authorized_minor", "captured_minor", "released_minor", "expired_minor", "open_minor", "charged_minor",
    "paid_minor",
    "payment_status", "settled_at", "closed_at", "facts_version", "processor", "compensation_limit_minor",
    "compensated_minor", "refunded_minor", "written_off_minor", "purchase_minor", "version", "disputed",
)  # fmt: skip
_OPERATION = (
    "operation_id", "deposit_id", "kind", "amount_minor", "currency", "reference", "state", "attempts", "processor",
    "hold_id", "final", "renter_action", "result_ref", "source_id", "given_up",
)  # fmt: skip
_HOLD = (
    "hold_id", "deposit_id", "processor", "reference", "authorized_minor", "captured_minor", "released_minor",
    "expired_minor", "open_minor", "credit_minor", "expires_at", "announced",
)  # fmt: skip
_AT_OPERATION = len(_DEPOSIT)
_AT_HOLD = _AT_OPERATION + len(_OPERATION)


def deposit_of(row: Any) -> Deposit:
    """A deposit from a row with all its columns."""
    return _deposit(dict(row))


def _deposit(fields: dict[str, Any]) -> Deposit:
    fields["state"] = _STATES[fields["state"]]
    fields["outcome"] = _OUTCOMES[fields["outcome"]]
    fields["payment_status"] = _PAYMENTS[fields["payment_status"]]
    fields["reason_codes"] = tuple(fields["reason_codes"])
    return Deposit.of(fields)


def standings_of(rows: Sequence[Any]) -> dict[str, Standing]:
    """Deposits by their ids, from the rows of `read_changing`."""
    found: dict[str, Standing] = {}
    for deposit_id, of_one in groupby(rows, itemgetter(0)):
        each = list(of_one)
        operations = [operation_of(row[_AT_OPERATION:_AT_HOLD]) for row in each if row[_AT_OPERATION] is not None]
        holds = tuple(
            Hold.of(dict(zip(_HOLD, row[_AT_HOLD:], strict=True))) for row in each if row[_AT_HOLD] is not None
        )
        fields = dict(zip(_DEPOSIT, each[0][:_AT_OPERATION], strict=True), holds=holds)
        found[deposit_id] = _deposit(fields), operations
    return found


def operation_of(columns: Sequence[Any]) -> Operation:
    """An operation from its columns."""
    fields = dict(zip(_OPERATION, columns, strict=True))
    fields["kind"] = _KINDS[fields["kind"]]
    fields["state"] = _ENDS[fields["state"]]
    fields["amount"] = Money(fields.pop("currency"), fields.pop("amount_minor"))
    return Operation.of(fields)


def draft_of(row: Any) -> PolicyDraft:
    """What a policy says, from a row with its terms."""
    return PolicyDraft(
        row["partner_id"],
        row["asset_kind"],
        row["threshold"],
        Money(row["currency"], row["deposit_minor"]),
        row["max_open_waived"],
        row["reason"],
        row["city"],
        row["asset_class"],
        row["rent_multiple_tenths"],
        tuple(Tier(*tier) for tier in row["tiers"]),
        row["max_waived_minor"],
        row["clean_record_years"],
        AssuranceLevel[row["required_assurance"]],
    )


def policy_of(row: Any) -> Policy:
    """A version as it stands, from its row."""
    return Policy(
        row["policy_id"],
        row["version"],
        row["author"],
        row["effective_at"],
        draft_of(row),
        PolicyState(row["standing"]),
        row["created_at"],
        tuple(ApprovalReason(reason) for reason in row["approval_reasons"]),
        row["ruled_by"],
        row["ruling_reason"],
    )
