"""Many assets at once in PostgreSQL: one transaction, a statement per table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from services.rental.domain import AssetId, PartnerId
from services.rental.domain.fleet.importing import Fault, ImportAssets, ImportedLine, ImportReport
from services.rental.store.once import Made, once
from services.runtime.database import Database
from services.runtime.queries import load_queries

_Lines = Sequence[tuple[AssetId, ImportedLine]]


@dataclass(frozen=True, slots=True)
class PostgresImports:
    """The `ImportStore` of the operations."""

    db: Database

    async def import_assets(
        self, command: ImportAssets, fingerprint: bytes, lines: _Lines, draft: ImportReport, at: datetime
    ) -> ImportReport:
        """One transaction. Codes that exist are left as they are."""
        partner_id = command.caller

        async def make(c: Any) -> ImportReport:
            fitting, no_plan = await _with_plans(c, partner_id, lines)
            landed, taken = await _insert(c, partner_id, fitting, at)
            faults = sorted((*draft.faults, *no_plan, *taken), key=lambda fault: fault.line)
            report = ImportReport(draft.import_id, len(landed), tuple(faults))
            told = [asdict(fault) for fault in faults]
            await c.execute(_SQL.keep_import, partner_id, report.import_id, report.made, told, at)
            return report

        async def look(c: Any, import_id: str) -> ImportReport:
            row = await c.fetchrow(_SQL.read_import, partner_id, import_id)
            return ImportReport(import_id, row["made"], tuple(Fault(**fault) for fault in row["faults"]))

        return await once(self.db, Made(command, fingerprint, draft.import_id, at), make, look)


_SQL = load_queries("services.rental")
_JUST_BEFORE = timedelta(seconds=1)
"""Devices tell whole seconds: a report of the second in which an asset was imported is news."""


async def _with_plans(c: Any, partner_id: PartnerId, lines: _Lines) -> tuple[_Lines, list[Fault]]:
    ids = sorted({line.price_plan_id for _, line in lines})
    names = sorted({line.price_plan_name for _, line in lines})
    there = {row["plan"] for row in await c.fetch(_SQL.plans_to_import, partner_id, ids, names)}
    missing = [
        Fault(line.line, _plan_of(line)[0], "PRICE_PLAN_NOT_FOUND", "no such price plan of this partner")
        for _, line in lines
        if _plan_of(line)[1] not in there
    ]
    return [(asset_id, line) for asset_id, line in lines if _plan_of(line)[1] in there], missing


def _plan_of(line: ImportedLine) -> tuple[str, str]:
    """The column that says what it costs, and what it says."""
    by_id = ("price_plan_id", line.price_plan_id)
    return by_id if line.price_plan_id else ("price_plan_name", line.price_plan_name)


async def _insert(c: Any, partner_id: PartnerId, lines: _Lines, at: datetime) -> tuple[_Lines, list[Fault]]:
    """Those that landed, and those whose code was taken."""
    assets = [
        (a, x.asset_kind, x.code, x.price_plan_id, x.price_plan_name, x.city, x.asset_class, x.monthly_rent_minor)
        for a, x in lines
    ]
    rows = await c.fetch(_SQL.import_assets, partner_id, at, *_columns(assets, 8))
    made = {row["asset_id"] for row in rows}
    landed = [each for each in lines if each[0] in made]
    await c.execute(
        _SQL.import_details, partner_id, *_columns([(a, x.condition, x.rotates_code) for a, x in landed], 3)
    )
    placed = [
        (a, x.asset_kind, x.point.lat_microdegrees, x.point.lon_microdegrees, x.point.cell)
        for a, x in landed
        if x.point
    ]
    await c.execute(_SQL.import_places, partner_id, at - _JUST_BEFORE, *_columns(placed, 5))
    taken = [
        Fault(x.line, "code", "ASSET_CODE_TAKEN", "an asset of this partner has that code")
        for a, x in lines
        if a not in made
    ]
    return landed, taken


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
