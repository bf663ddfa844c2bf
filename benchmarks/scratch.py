"""Databases beside those of the house, on its server: one database, a schema per service, the same migrations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from benchmarks.population import Names, populate
from services.cli.home import SERVICES
from services.runtime.migrations import migrate
from services.runtime.postgres import EmbeddedPostgres

API_KEY_ID = "key_" + "0" * 26


async def scratch(home: Path, name: str, names: Names, key_hash: bytes) -> Mapping[str, str]:
    """Makes the database, with its population and its partner; gives a DSN per service."""
    server = EmbeddedPostgres(home)
    await _create(server.dsn("postgres"), f'CREATE DATABASE "{name}" TEMPLATE template0')
    dsns = {service: f"{server.dsn(name)}&search_path={service}" for service in SERVICES}
    for service, dsn in dsns.items():
        await _create(server.dsn(name), f"CREATE SCHEMA {service}")
        await migrate(dsn, f"services.{service}")
    await _open_business(dsns, names, key_hash)
    await populate(dsns, names)
    return dsns


async def _create(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _open_business(dsns: Mapping[str, str], names: Names, key_hash: bytes) -> None:
    partner, plan = names.partner_id, names.price_plan_id
    rows: dict[str, list[tuple[str, tuple[object, ...]]]] = {
        "identity": [
            ("INSERT INTO partners VALUES ($1, 'bench', now())", (partner,)),
            (
                "INSERT INTO api_keys (api_key_id, partner_id, key_hash, display_name, created_at)"
                " VALUES ($1, $2, $3, 'bench', now())",
                (API_KEY_ID, partner, key_hash),
            ),
        ],
        "deposits": [
            (
                "INSERT INTO policies (partner_id, asset_kind, version, policy_id, threshold, currency, deposit_minor,"
                " max_open_waived, reason, author, effective_at, created_at)"
                " VALUES ($1, 'BIKE', 1, 'pol_1', 600, 'CNY', 9900, 100, 'bench', 'bench', now(), now())",
                (partner,),
            )
        ],
        "rental": [("INSERT INTO price_plans VALUES ($1, $2, 'CNY', 150, '[]', 2000, now())", (partner, plan))],
    }
    for service, statements in rows.items():
        connection = await asyncpg.connect(dsns[service])
        try:
            for statement, values in statements:
                await connection.execute(statement, *values)
        finally:
            await connection.close()
