"""What a service order of WeChat's means for us: pure readings of the order as WeChat tells it.

CREATED → DOING, confirmed → DOING, completed (WeChat is collecting) → DONE;   CREATED → EXPIRED after 30 days;
CREATED, DOING → REVOKED
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from services.deposits.domain import Operation, OperationState, Result, Seen
from services.deposits.processors.answers import declined, not_done

Order = Mapping[str, Any]


class Stage(StrEnum):
    """How far an order is."""

    UNCONFIRMED = "unconfirmed"
    RUNNING = "running"
    COLLECTING = "collecting"
    DONE = "done"
    REVOKED = "revoked"
    EXPIRED = "expired"


_STAGES = {"CREATED": Stage.UNCONFIRMED, "DONE": Stage.DONE, "REVOKED": Stage.REVOKED, "EXPIRED": Stage.EXPIRED}


def stage_of(order: Order) -> Stage:
    """The stage of an order; in DOING the description tells a running one from one that is being collected."""
    completed = order.get("state_description") == "MCH_COMPLETE"
    return _STAGES.get(order["state"], Stage.COLLECTING if completed else Stage.RUNNING)


def authorized(operation: Operation, order: Order) -> Result:
    """What became of an AUTHORIZE: WANTED until the renter has confirmed the order in WeChat."""
    stage = stage_of(order)
    if stage is Stage.UNCONFIRMED:
        action = f"confirm:{order['package']}" if order.get("package") else operation.renter_action
        return Result(operation.operation_id, OperationState.WANTED, renter_action=action)
    if stage in (Stage.REVOKED, Stage.EXPIRED):
        return declined(operation, f"order_{stage}")
    amount = operation.amount.amount_minor
    return Result(operation.operation_id, OperationState.DONE, order["out_order_no"], credit_minor=amount)


def captured(operation: Operation, order: Order) -> Result:
    """What became of a CAPTURE: WANTED until WeChat has collected it, for days if the renter's account is empty."""
    stage = stage_of(order)
    if stage in (Stage.UNCONFIRMED, Stage.RUNNING):
        return not_done(operation)
    if stage is Stage.COLLECTING:
        return Result(operation.operation_id, OperationState.WANTED, renter_action=f"pay:{order['out_order_no']}")
    if stage is Stage.DONE and _collected(order):
        return Result(operation.operation_id, OperationState.DONE, order["out_order_no"])
    return declined(operation, f"order_{stage}")


def voided(operation: Operation, order: Order) -> Result:
    """What became of a VOID."""
    stage = stage_of(order)
    if stage is Stage.REVOKED:
        return Result(operation.operation_id, OperationState.DONE, order["out_order_no"])
    return not_done(operation) if stage in (Stage.UNCONFIRMED, Stage.RUNNING) else declined(operation, f"order_{stage}")


def refunded(operation: Operation, refund: Mapping[str, Any]) -> Result:
    """What became of a REFUND; an ABNORMAL one (the bank account is gone) waits for someone at the merchant desk."""
    status = refund["status"]
    if status == "SUCCESS":
        return Result(operation.operation_id, OperationState.DONE, refund["refund_id"])
    return declined(operation, "refund_closed") if status == "CLOSED" else waiting(operation)


def seen(order: Order) -> Seen:
    """The order as an authorization: what is still to be collected is open, what was not asked for is released."""
    fund, stage = int(order["risk_fund"]["amount"]), stage_of(order)
    if stage in (Stage.UNCONFIRMED, Stage.RUNNING):
        return Seen(fund, 0, 0, 0, fund)
    if stage is Stage.EXPIRED:
        return Seen(fund, 0, 0, fund, 0)
    taken = _collected(order) if stage is not Stage.REVOKED else 0
    due = int(order["total_amount"]) - taken if stage is Stage.COLLECTING else 0
    return Seen(max(fund, taken + due), taken, max(0, fund - taken - due), 0, due)


def payment_of(order: Order) -> tuple[str, int] | None:
    """WeChat's transaction that paid an order, and its amount; None when it was not paid through WeChat."""
    for detail in order.get("collection", {}).get("details", ()):
        if detail.get("transaction_id"):
            return detail["transaction_id"], int(detail["amount"])
    return None


def waiting(operation: Operation) -> Result:
    """It is asked about, or for, again later."""
    return Result(operation.operation_id, OperationState.WANTED, renter_action=operation.renter_action)


def _collected(order: Order) -> int:
    return int(order.get("collection", {}).get("paid_amount", 0))
