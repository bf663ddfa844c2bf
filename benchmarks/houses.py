"""Who is measured: Freehold by `freehold up`, and the plain build as four processes on the same server."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import aiohttp
import asyncpg
import psutil

from benchmarks.load import Target
from benchmarks.population import ASSETS, MOST_OPEN, Names, populate
from benchmarks.scratch import scratch
from services.cli.children import Child
from services.cli.home import SERVICES, Home, Ports, free_port_base
from services.cli.processes import service_spec
from services.cli.ready import Ready
from services.cli.running import running_house
from services.identity.keys import load_keys
from services.identity.vault import Vault
from services.runtime.key_ring import FileKeyRing
from services.runtime.postgres import EmbeddedPostgres

MEASURED = (*SERVICES, "postgres", "processor")


@dataclass(frozen=True, slots=True)
class House:
    """Something that starts rentals: where, in which databases, by which processes."""

    target: Target
    dsns: Mapping[str, str]
    pids: Mapping[str, int]
    names: Names


@asynccontextmanager
async def freehold(folder: Path, assets: int = ASSETS) -> AsyncIterator[tuple[House, Ready]]:
    """Freehold itself, populated; what one key may call is not what is measured."""
    for service in ("IDENTITY", "RENTAL"):
        for whose in ("API_KEY", "PARTNER"):
            os.environ.setdefault(f"FREEHOLD_{service}_{whose}_RATE", "1000000/second")
    async with running_house(Home(folder), free_port_base(), clock_scale=1.0, demo=True) as ready:
        assert ready.city is not None
        server = EmbeddedPostgres(ready.home.path)
        dsns = {service: server.dsn(service) for service in SERVICES}
        names = Names(ready.city.partner_id, ready.city.price_plan_id, await _card(ready), assets)
        await _raise_cap(dsns["deposits"])
        await populate(dsns, names)
        target = Target(ready.public["rental"], ready.city.partner_key)
        pids = {name: ready.pids[name] for name in MEASURED}
        yield House(target, dsns, pids, names), ready


@asynccontextmanager
async def plain_build(folder: Path, ready: Ready, names: Names) -> AsyncIterator[House]:
    """The plain build, in a database of its own on the server of `ready`."""
    home, ports = Home(folder), Ports(free_port_base())
    home.prepare()
    secret = f"fhk_{secrets.token_urlsafe(32)}"
    key_hash = Vault(load_keys(home.keys), FileKeyRing(home.keys)).key_hash(sha256(secret.encode()).digest())
    dsns = await scratch(ready.home.path, "plain", names, key_hash)
    children = []
    for service in SERVICES:
        spec = service_spec(service, home, ports, ready.clock, dsns[service])
        spec = dataclasses.replace(spec, arguments=("-m", "benchmarks.peers", service))
        children.append(Child(spec, print))
    try:
        await asyncio.gather(*(child.start() for child in children))
        await asyncio.gather(*(child.wait_until_ready() for child in children))
        pids = {child.spec.name: child.pid for child in children if child.pid}
        target = Target(ports.doors("rental").addresses()["public"], secret)
        yield House(target, dsns, {**pids, "postgres": ready.pids["postgres"]}, names)
    finally:
        await asyncio.gather(*(child.stop() for child in children))


def resident(house: House) -> dict[str, float]:
    """Resident memory of each service, MiB."""
    return {service: round(psutil.Process(house.pids[service]).memory_info().rss / 2**20, 1) for service in SERVICES}


async def _card(ready: Ready) -> str:
    """A payment method at the processor's stand-in, shared by everybody."""
    secret = ready.home.sandbox_secret.read_text().strip()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
        url = f"{ready.sandbox['processor']}/v1/payment_methods"
        async with session.post(url, json={"token": "tok_visa"}) as response:
            response.raise_for_status()
            return str((await response.json())["id"])


async def _raise_cap(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE policies SET max_open_waived = $1", MOST_OPEN)
    finally:
        await connection.close()
