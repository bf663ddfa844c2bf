"""A partner's command and what it makes, in one transaction: the same request_id finds what it made before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from services.rental.domain import CatalogueCommand
from services.rental.domain.refusals import request_id_reused
from services.runtime.database import CommitUnknown, Database
from services.runtime.queries import load_queries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """What a command is about to make, and when."""

    command: CatalogueCommand
    fingerprint: bytes
    subject_id: str
    at: datetime


async def once(
    db: Database, made: Made, make: Callable[[Any], Awaitable[T]], look: Callable[[Any, str], Awaitable[T]]
) -> T:
    """What the command makes, or made before; a commit that nobody confirmed is looked for by the same request.

    Raises REQUEST_ID_REUSED, and what `make` raises: then nothing is kept of the command.
    """

    async def work(c: Any) -> T:
        name, command = type(made.command).__name__, made.command
        request = (command.by, name, command.request_id)
        if await c.fetchval(_SQL.record_request, *request, made.fingerprint, made.subject_id, made.at) is not None:
            return await make(c)
        row = await c.fetchrow(_SQL.find_request, *request)
        if row["fingerprint"] != made.fingerprint:
            raise request_id_reused()
        return await look(c, row["subject_id"])

    try:
        return await db.transaction(work)
    except CommitUnknown:
        return await db.transaction(work)


_SQL = load_queries("services.rental")
