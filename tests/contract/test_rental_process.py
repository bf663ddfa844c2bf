"""Rental as a process: it starts alone, says when it cannot, rides out its neighbours' absence, and drains."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rental_world import refusal_of, rental_world

from freehold.rental.v1.rental_service_pb2 import RentalState
from services.runtime import tls
from services.values.ids import new_renter_id

RUN = "import sys; from services.rental.app import main; sys.exit(main())"


def free_ports(many: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(many)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def environment(dsn: str, folder: Path) -> dict[str, str]:
    """Settings of a rental whose neighbours do not exist."""
    tls.create_certificates(folder / "tls", ["rental"])
    doors = dict(zip(("PUBLIC", "INTERNAL", "HEALTH", "METRICS"), free_ports(4), strict=True))
    ours = {f"{door}_PORT": str(port) for door, port in doors.items()}
    peers = {f"{peer}_ADDRESS": "127.0.0.1:9" for peer in ("IDENTITY", "DEPOSITS", "SCORING")}
    values = {"DSN": dsn, "TLS_DIR": str(folder / "tls"), **ours, **peers}
    return {f"FREEHOLD_RENTAL_{name}": value for name, value in values.items()}


async def run(env: dict[str, str]) -> asyncio.subprocess.Process:
    inherited = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, env=inherited | env, stderr=asyncio.subprocess.PIPE
    )


async def until_serving(port: str, name: str) -> None:
    """Watches the health of a service until it serves."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service=name)
        async for answer in health_pb2_grpc.HealthStub(channel).Watch(request, timeout=20, wait_for_ready=True):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


async def once_it_answers(call: Callable[[], Awaitable[Any]]) -> Any:
    """The answer of a call that is repeated while a neighbour is away."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if refusal_of(error)[1] != "UPSTREAM_UNAVAILABLE":
                    raise


async def test_it_serves_without_its_neighbours_and_drains_on_sigterm(
    fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    env = environment(await asyncio.to_thread(fresh_database, "rental_process", "rental"), tmp_path)
    process = await run(env)
    try:
        port = env["FREEHOLD_RENTAL_HEALTH_PORT"]
        await until_serving(port, "freehold.rental.v1.RentalService")
        await until_serving(port, "readiness")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_it_says_what_is_missing_and_does_not_start() -> None:
    process = await run({"FREEHOLD_RENTAL_DSN": "postgresql://nowhere"})
    _, errors = await process.communicate()
    assert process.returncode == 2
    for name in ("PUBLIC_PORT", "TLS_DIR", "IDENTITY_ADDRESS", "DEPOSITS_ADDRESS", "SCORING_ADDRESS"):
        assert f"FREEHOLD_RENTAL_{name}" in errors.decode()
    assert "nowhere" not in errors.decode()


async def test_it_does_not_start_on_a_database_without_its_schema(
    fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    process = await run(environment(fresh_database("rental_bare"), tmp_path))
    _, errors = await process.communicate()
    assert process.returncode == 3
    assert "freehold migrate" in errors.decode()


async def test_it_does_not_start_in_the_clear_where_others_reach_it(tmp_path: Path) -> None:
    process = await run(environment("postgresql://nowhere", tmp_path) | {"FREEHOLD_RENTAL_HOST": "0.0.0.0"})  # noqa: S104
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "FREEHOLD_RENTAL_PUBLIC_TLS_DIR: needed on a host that others reach" in errors.decode()


async def test_it_does_not_start_without_the_certificate_that_it_should_show(
    fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    dsn = await asyncio.to_thread(fresh_database, "rental_unproven", "rental")
    process = await run(environment(dsn, tmp_path) | {"FREEHOLD_RENTAL_PUBLIC_TLS_DIR": str(tmp_path)})
    _, errors = await process.communicate()
    assert process.returncode == 3
    assert f"{tmp_path}/tls.key: No such file" in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("who", ["identity", "deposits"])
async def test_a_neighbour_that_is_away_is_told_and_the_same_request_goes_on(
    fresh_database: Callable[..., str], tmp_path: Path, who: str
) -> None:
    dsn = await asyncio.to_thread(fresh_database, "rental_alone", "rental")
    async with rental_world(dsn, tmp_path, upstream_seconds=0.5, sweep_seconds=60) as world:
        await world.bikes("b1", "b2")
        await world.start("b2")
        neighbour, renter = getattr(world, who), new_renter_id("rnt")
        await neighbour.down()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.start("b1", renter)
        assert refusal_of(raised.value)[:2] == ("UNAVAILABLE", "UPSTREAM_UNAVAILABLE")
        await neighbour.up()
        rental = await once_it_answers(lambda: world.start("b1", renter))
        assert rental.state == RentalState.Value("RENTAL_STATE_ACTIVE")
