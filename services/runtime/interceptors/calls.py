"""The call being served: who, until when, under which trace. Set by the interceptor, read wherever it is needed."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from services.values.callers import Caller

if TYPE_CHECKING:
    import grpc


Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
"""What grpc gives a handler about its call."""


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC on its way. `deadline` is in the seconds of `time.monotonic()`; None for streams."""

    method: str
    caller: Caller
    deadline: float | None
    traceparent: str = ""

    def remaining(self) -> float:
        """Seconds left; a stream has no end and says an hour."""
        return 3600.0 if self.deadline is None else self.deadline - time.monotonic()


CALL: ContextVar[Call] = ContextVar("freehold_call")


def current_call() -> Call:
    """The call that this task serves; raises LookupError outside of one."""
    return CALL.get()


def call_or_none() -> Call | None:
    """The call that this task serves, if any."""
    return CALL.get(None)
