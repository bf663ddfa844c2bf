"""What every part of the store shares: the database, the statements, and rows as domain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from services.deposits.domain import (
    AdmittanceOutcome,
    AssuranceLevel,
    Deposit,
    DepositState,
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


def deposit_of(row: Any) -> Deposit:
    """A deposit from a row with all its columns."""
    fields = dict(row)
    fields["state"] = DepositState(fields["state"])
    fields["outcome"] = AdmittanceOutcome(fields["outcome"])
    fields["payment_status"] = PaymentStatus(fields["payment_status"])
    fields["reason_codes"] = tuple(fields["reason_codes"])
    return Deposit(**fields)


def operation_of(row: Any) -> Operation:
    """An operation from its row."""
    return Operation(
        row["operation_id"],
        row["deposit_id"],
        OperationKind(row["kind"]),
        Money(row["currency"], row["amount_minor"]),
        row["reference"],
        OperationState(row["state"]),
        row["attempts"],
        row["processor"],
        row["hold_id"],
        row["final"],
        row["renter_action"],
        row["result_ref"],
        row["source_id"],
        row["given_up"],
    )


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
