"""A closed-loop load of StartRental: `in_flight` callers, each starting its next rental when the last is answered.

Every request has its own request_id, renter and asset; every answer is checked. A wrong answer ends the run: a
benchmark of errors measures nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.rental.v1 import rental_service_pb2_grpc as rental_grpc

CHANNELS = 4
CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where StartRental answers, and with which key."""

    address: str
    partner_key: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.partner_key}"),)


@dataclass(frozen=True, slots=True)
class Run:
    """One measured load: what was asked, how long each took (seconds, sorted), and the rentals it made."""

    in_flight: int
    seconds: float
    latencies: Sequence[float]
    rental_ids: Sequence[str]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """One renter standing at one asset."""

    renter_id: str
    asset_code: str


class WrongAnswer(AssertionError):
    """An answer that does not fit its request."""


async def start_rentals(target: Target, scans: Sequence[Scan], in_flight: int) -> Run:
    """Starts one rental per scan with `in_flight` at a time; raises WrongAnswer or grpc.aio.AioRpcError."""
    channels = [grpc.aio.insecure_channel(target.address, options=(("x.channel", i),)) for i in range(CHANNELS)]
    stubs = [rental_grpc.RentalServiceStub(channel) for channel in channels]
    latencies: list[float] = []
    made: list[str] = []
    waiting = iter(scans)
    try:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as callers:
            for number in range(in_flight):
                stub = stubs[number % len(stubs)]
                callers.create_task(_caller(stub, target.metadata, waiting, latencies, made))
        seconds = time.perf_counter() - began
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))
    if len(set(made)) != len(scans):
        raise WrongAnswer(f"{len(scans)} scans made {len(set(made))} rentals")
    return Run(in_flight, seconds, sorted(latencies), made)


async def _caller(
    stub: Any,
    metadata: tuple[tuple[str, str], ...],
    waiting: Iterator[Scan],
    latencies: list[float],
    made: list[str],
) -> None:
    for scan in waiting:
        request = rental.StartRentalRequest(
            request_id=uuid.uuid4().hex, renter_id=scan.renter_id, asset_code=scan.asset_code
        )
        began = time.perf_counter()
        answer = (await stub.StartRental(request, metadata=metadata, timeout=CALL_SECONDS)).rental
        latencies.append(time.perf_counter() - began)
        _check(answer, scan)
        made.append(answer.rental_id)


def _check(answer: rental.Rental, scan: Scan) -> None:
    fits = (
        answer.state == rental.RENTAL_STATE_ACTIVE
        and answer.renter_id == scan.renter_id
        and answer.asset_code == scan.asset_code
        and answer.rental_id.startswith("rtl_")
    )
    if not fits:
        raise WrongAnswer(f"{scan} was answered with {rental.RentalState.Name(answer.state)} {answer.rental_id}")
