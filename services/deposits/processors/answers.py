"""What every adapter says in the same words: outcomes of operations, and refusals of what is asked beside them."""

from __future__ import annotations

from services.deposits.domain import Operation, OperationState, Result
from services.deposits.operations.ports import NOT_DONE
from services.values.errors import Category, Refusal


def declined(operation: Operation, code: str) -> Result:
    """It will not happen."""
    return Result(operation.operation_id, OperationState.DECLINED, decline_code=code)


def not_done(operation: Operation) -> Result:
    """There is no trace of it so far. Only `query` may say so."""
    return Result(operation.operation_id, OperationState.CANCELLED, result_ref=NOT_DONE)


def unavailable(text: str = "the processor did not answer; retry later") -> Refusal:
    """The refusal while a processor does not answer, or has no report yet."""
    return Refusal(Category.UNAVAILABLE, "PROCESSOR_UNAVAILABLE", text)


def rejected() -> Refusal:
    """The refusal of a token that a processor does not accept."""
    text = "the processor does not accept this token"
    return Refusal(Category.FAILED_PRECONDITION, "PAYMENT_METHOD_REJECTED", text)
