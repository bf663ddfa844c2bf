"""What leaves when something fails: a typed status for a Refusal, an error id and nothing else for a defect."""

from __future__ import annotations

import secrets
from typing import NoReturn

import asyncpg
import grpc
import structlog

from services.runtime import database, statuses
from services.runtime.interceptors.calls import Context
from services.values.errors import Category, Refusal

log = structlog.get_logger(__name__)


def refusal_of(error: BaseException, method: str) -> Refusal:
    """The refusal that tells a caller of `error`; a defect is logged under an id, and only the id is told."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, grpc.aio.AioRpcError):
        return statuses.of_rpc_error(error)
    if isinstance(error, database.CommitUnknown | asyncpg.CannotConnectNowError):
        return database.unavailable()
    error_id = secrets.token_hex(8)
    log.error("defect", rpc_method=method, error_id=error_id, error_type=type(error).__name__, exc_info=error)
    return Refusal(Category.INTERNAL, "INTERNAL_ERROR", "a defect of ours", metadata={"error_id": error_id})


async def abort(context: Context, refusal: Refusal) -> NoReturn:
    """Ends the call with the refusal's rich status."""
    status = statuses.to_status(refusal)
    details = ((statuses.DETAILS_KEY, status.SerializeToString()),)
    await context.abort(statuses.code_of(refusal.category), refusal.message, details)


def unknown_method() -> Refusal:
    """The refusal of a method that does not exist, or does not exist for this caller: the two look alike."""
    return Refusal(Category.UNIMPLEMENTED, "METHOD_UNKNOWN", "no such method")
