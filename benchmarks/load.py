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
    began: float
    seconds: float
    latencies: Sequence[float]
    rental_ids: Sequence[str]

    def percentile_ms(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """One renter standing at one asset."""

    renter_id: str
    asset_code: str


class WrongAnswer(AssertionError):
    """An answer that does not fit its request."""


async def start_rentals(target: Target, scans: Iterator[Scan], in_flight: int, seconds: float) -> Run:
    """Starts rentals with `in_flight` at a time until `seconds` are over or the scans are.

    Raises:
        WrongAnswer, grpc.aio.AioRpcError: the first answer that is not right.
    """
    channels = [grpc.aio.insecure_channel(target.address, options=(("x.channel", i),)) for i in range(CHANNELS)]
    stubs = [rental_grpc.RentalServiceStub(channel) for channel in channels]
    latencies: list[float] = []
    made: list[str] = []
    try:
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        began = time.perf_counter()
        waiting = _until(began + seconds, scans)
        async with asyncio.TaskGroup() as callers:
            for number in range(in_flight):
                stub = stubs[number % len(stubs)]
                callers.create_task(_caller(stub, target.metadata, waiting, latencies, made))
        took = time.perf_counter() - began
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))
    if len(set(made)) != len(latencies):
        raise WrongAnswer(f"{len(latencies)} answers named {len(set(made))} rentals")
    return Run(in_flight, began, took, sorted(latencies), made)


def _until(moment: float, scans: Iterator[Scan]) -> Iterator[Scan]:
    """Scans until a moment of `perf_counter`."""
    for scan in scans:
        if time.perf_counter() > moment:
            return
        yield scan


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
