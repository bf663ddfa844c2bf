"""Rows per table, what waits in the outbox, and the invariants that must hold after a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import asyncpg

TABLES = {
    "identity": ["renters", "partner_links", "consents", "outbox"],
    "scoring": ["facts", "scores", "score_history"],
    "deposits": ["deposits", "exposures", "processor_operations", "ledger_transfers", "outbox"],
    "rental": ["assets", "rentals", "outbox"],
}
DRAIN_SECONDS = 120.0


class Books:
    """Connections to the four databases (or schemas) that a run writes to."""

    def __init__(self, connections: Mapping[str, asyncpg.Connection]) -> None:
        self._connections = connections

    @classmethod
    async def open(cls, dsns: Mapping[str, str]) -> Books:
        return cls({service: await asyncpg.connect(dsn) for service, dsn in dsns.items()})

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    async def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {
            f"{service}.{table}": await self._value(service, f"SELECT count(*) FROM {table}")
            for service, tables in TABLES.items()
            for table in tables
        }

    async def until_delivered(self) -> None:
        """Returns when every outbox is empty and no hold is pending; raises TimeoutError."""
        ends = time.monotonic() + DRAIN_SECONDS
        while await self._waiting():
            if time.monotonic() > ends:
                raise TimeoutError("the outbox did not empty")
            await asyncio.sleep(0.01)

    async def _waiting(self) -> bool:
        if await self._value("rental", "SELECT EXISTS (SELECT 1 FROM outbox)"):
            return True
        if await self._value("deposits", "SELECT EXISTS (SELECT 1 FROM outbox)"):
            return True
        return bool(await self._value("rental", "SELECT EXISTS (SELECT 1 FROM rentals WHERE follow_up = 'SECURE')"))

    async def findings(self, acknowledged: int) -> list[str]:
        """What is not as it must be after `acknowledged` rentals were started."""
        wanted = {
            "rentals that are ACTIVE": (
                await self._value("rental", "SELECT count(*) FROM rentals WHERE state = 'ACTIVE'"),
                acknowledged,
            ),
            "assets that are RENTED": (
                await self._value("rental", "SELECT count(*) FROM assets WHERE state = 'RENTED'"),
                acknowledged,
            ),
            "deposits that are WAIVED or HELD": (
                await self._value("deposits", "SELECT count(*) FROM deposits WHERE state IN ('WAIVED', 'HELD')"),
                acknowledged,
            ),
            "open waivers by exposure": (
                await self._value("deposits", "SELECT coalesce(sum(open_count), 0) FROM exposures"),
                await self._value("deposits", "SELECT count(*) FROM deposits WHERE state = 'WAIVED'"),
            ),
            "facts told to scoring": (
                await self._value("scoring", "SELECT count(*) FROM facts WHERE kind = 'RENTAL_STARTED'"),
                acknowledged,
            ),
            "sum of the ledger": (
                await self._value("deposits", "SELECT coalesce(sum(amount_minor), 0) FROM ledger_entries"),
                0,
            ),
            "open at the processor, by the ledger and by deposits": (
                await self._value(
                    "deposits",
                    "SELECT coalesce(abs(sum(amount_minor)), 0) FROM ledger_entries WHERE account = 'deposits_held'",
                ),
                await self._value("deposits", "SELECT coalesce(sum(open_minor), 0) FROM deposits"),
            ),
        }
        return [f"{what}: {found}, not {must}" for what, (found, must) in wanted.items() if found != must]

    async def _value(self, service: str, query: str) -> int:
        return int(await self._connections[service].fetchval(query))
