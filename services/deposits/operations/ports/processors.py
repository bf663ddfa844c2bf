"""The one port of every payment processor, and what goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deposits.domain import (
    Capabilities,
    Hold,
    Notice,
    Operation,
    ReportLine,
    Result,
    Seen,
)

NOT_DONE = "not_done"
"""`Result.result_ref` of a query that found nothing under the key (state CANCELLED): nothing has happened so far."""


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A processor's reference, described for people."""

    payment_method_id: str
    renter_id: str
    processor: str
    processor_ref: str
    brand: str
    last4: str
    is_default: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Attached:
    """What the processor says of a token."""

    processor_ref: str
    brand: str
    last4: str


@dataclass(frozen=True, slots=True)
class Leased:
    """An operation that is ours until `until` (real time), wanted since `since`; `abandoned` when its deposit was
    cancelled meanwhile, or another processor was asked instead."""

    operation: Operation
    abandoned: bool
    since: datetime
    until: datetime


class Processor(Protocol):
    """A payment processor: the one port of every adapter. None is an unclear answer: `query` before anything else."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        """A lasting reference for a token; raises PAYMENT_METHOD_REJECTED or PROCESSOR_UNAVAILABLE."""
        ...

    async def perform(self, operation: Operation) -> Result | None:
        """Asks for the operation under its id as idempotency key; None when it is unclear what became of it."""
        ...

    async def query(self, operation: Operation) -> Result | None:
        """What became of the operation; `NOT_DONE` when there is no trace of it, None when it is unclear.

        One that is `given_up` and still waits for the renter is called off, so that they cannot confirm it any more.
        """
        ...

    async def inspect(self, hold: Hold) -> Seen | None:
        """The authorization as the processor has it now; None when it does not answer."""
        ...

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        """Every payment made from `since` to before `until`; raises PROCESSOR_UNAVAILABLE."""
        ...

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """What a webhook says, its signature checked; header names in lower case. Raises NoticeRejected."""
        ...


class Breaker(Protocol):
    """Whether a processor may be asked at all, by how it answered of late."""

    def allows(self) -> bool: ...
    def heard(self, answered: bool) -> None: ...
