"""Logs: one JSON object a line on standard error, with an allow-list of keys and no text of anybody's exception.

A key that is not listed here is dropped: personal data and secrets cannot leave by a forgotten field. Exceptions are
logged by type and place, never by message, because messages quote values (a duplicate key, a bad token).
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

from services.runtime.interceptors.calls import call_or_none

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "service", "trace_id", "caller", "rpc_method", "error_id",
        "error_type", "stack", "task", "sweeper", "destination", "batch", "count", "state", "reason",
        "category", "attempt", "seconds", "address", "port", "version", "pid", "exit_code", "operation_id",
        "operation_kind", "rental_id", "deposit_id", "renter_id", "partner_id", "api_key_id", "status", "peer",
        "purpose",
    }
)  # fmt: skip

Event = MutableMapping[str, Any]


def configure(service: str, level: str) -> None:
    """Sets up structlog and the standard library's logging for this process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_call(service),
            _place_of_exception,
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)


def _with_call(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _name: str, event: Event) -> Event:
        event["service"] = service
        call = call_or_none()
        if call is not None:
            event.setdefault("rpc_method", call.method)
            event.setdefault("caller", call.caller.id)
            if call.traceparent:
                event["trace_id"] = call.traceparent[3:35]
        return event

    return add


def _place_of_exception(_logger: Any, _name: str, event: Event) -> Event:
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["error_type"] = type(error).__name__
        event["stack"] = places(error.__traceback__)
    return event


def places(trace: TracebackType | None) -> list[str]:
    """Where an exception passed: file, line and function of the last twelve frames."""
    frames = traceback.extract_tb(trace)[-12:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def _only_allowed(_logger: Any, _name: str, event: Event) -> Event:
    return {key: value for key, value in event.items() if key in ALLOWED}


class _LibraryHandler(logging.Handler):
    """A library's warning becomes its logger's name and its exception's type: its text may quote anything."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().warning("library_log", logger=record.name, exc_info=error)
