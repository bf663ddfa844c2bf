"""One error family on the wire: Refusal ⇄ google.rpc.Status ⇄ ItemStatus. Here alone categories meet codes."""

from __future__ import annotations

import grpc
from google.protobuf import duration_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from freehold.errors.v1 import item_status_pb2
from services.values.errors import Category, Refusal, Violation

DOMAIN = "freehold"
DETAILS_KEY = "grpc-status-details-bin"
RETRY_AFTER = "retry_after_seconds"

_CODES: dict[Category, grpc.StatusCode] = {category: getattr(grpc.StatusCode, category.value) for category in Category}
_CATEGORIES = {code.value[0]: category for category, code in _CODES.items()}


def code_of(category: Category) -> grpc.StatusCode:
    """The gRPC status code of a category."""
    return _CODES[category]


def to_status(refusal: Refusal) -> status_pb2.Status:
    """The rich status: ErrorInfo always, RetryInfo when a pause is told, BadRequest when fields are to blame."""
    info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=dict(refusal.metadata))
    status = status_pb2.Status(code=_CODES[refusal.category].value[0], message=refusal.message)
    status.details.append(_packed(info))
    if RETRY_AFTER in refusal.metadata:
        pause = duration_pb2.Duration(seconds=int(refusal.metadata[RETRY_AFTER]))
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=pause)))
    if refusal.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in refusal.violations
        ]
        status.details.append(_packed(error_details_pb2.BadRequest(field_violations=fields)))
    return status


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


OK = item_status_pb2.ItemStatus()


def to_item_status(refusal: Refusal | None) -> item_status_pb2.ItemStatus:
    """The outcome of one item; None is OK."""
    if refusal is None:
        return OK
    return item_status_pb2.ItemStatus(
        code=_CODES[refusal.category].value[0],
        reason=refusal.reason,
        message=refusal.message,
        metadata=dict(refusal.metadata),
        violations=[
            item_status_pb2.FieldViolation(field=v.field, description=v.description) for v in refusal.violations
        ],
    )


def of_item_status(status: item_status_pb2.ItemStatus) -> Refusal | None:
    """The refusal that an item's status carries; None when it is OK."""
    if status.code == code_pb2.OK:
        return None
    return Refusal(
        _CATEGORIES.get(status.code, Category.INTERNAL),
        status.reason,
        status.message,
        tuple(Violation(v.field, v.description) for v in status.violations),
        dict(status.metadata),
    )


def of_rpc_error(error: grpc.aio.AioRpcError) -> Refusal:
    """The refusal behind a failed internal call: its own reason, or UPSTREAM_UNAVAILABLE."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return _of_status(status_pb2.Status.FromString(value))
    return upstream_unavailable()


def _of_status(status: status_pb2.Status) -> Refusal:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    violations = tuple(Violation(v.field, v.description) for v in bad.field_violations)
    category = _CATEGORIES.get(status.code, Category.INTERNAL)
    return Refusal(category, info.reason, status.message, violations, dict(info.metadata))


def upstream_unavailable() -> Refusal:
    """The refusal of a call that needs a service which does not answer."""
    return Refusal(
        Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "a service did not answer; retry with the same request_id"
    )
