"""Identity under load: CheckRenters as the other services ask it, and registration; beside pgbench with the same rows.

CheckRenters travels in frames over mutual TLS, as from rental. Registrations come one by one, 64 in flight, and by
BatchRegisterRenters; both are timed to their answers, so a single one waits for the registry's stand-in too.
"""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import grpc

from benchmarks.houses import House
from benchmarks.loops import Load, closed_loop, raw_database
from benchmarks.population import SCORED, renter_id
from benchmarks.yardstick import CHECK_RENTERS, REGISTER_RENTER
from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as internal
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from freehold.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from services.cli.ready import Ready
from services.runtime.channels import open_channel
from services.runtime.frames import FrameClient
from services.sandbox.people import person
from services.values.errors import Refusal

FRAME, FRAMES_IN_FLIGHT, REGISTRATIONS_IN_FLIGHT = 64, 8, 64
BATCH, BATCHES_IN_FLIGHT = 100, 4
ANSWER_SECONDS = 10.0
FIRST_NEWCOMER = 30_000


class WrongPerson(AssertionError):
    """An answer that does not fit its person."""


async def check_renters(house: House, ready: Ready, seconds: float) -> dict[str, Any]:
    """Frames of 64, eight in flight; a lone item; and pgbench reading one person a statement."""
    channel = open_channel(ready.services["identity"]["internal"], "identity", ready.home.tls, "rental")
    frames: FrameClient[internal.CheckRenterItem, internal.CheckRenterResult] = FrameClient(
        IdentityInternalServiceStub(channel).CheckRenters,
        lambda items: internal.CheckRentersRequest(items=items),
        lambda response: response.results,
    )
    numbers, item_ids = itertools.cycle(range(SCORED)), itertools.count()

    async def ask(count: int) -> int:
        items = [
            internal.CheckRenterItem(
                item_id=str(next(item_ids)),
                renter_id=renter_id(next(numbers)),
                partner_id=house.names.partner_id,
                asset_kind=asset_kind_pb2.ASSET_KIND_BIKE,
            )
            for _ in range(count)
        ]
        for result in await frames.ask(items, ANSWER_SECONDS):
            if isinstance(result, Refusal) or not (result.verified and result.linked and result.scoring_consent):
                raise WrongPerson(str(result))
        return count

    try:
        await closed_loop(lambda: ask(FRAME), FRAMES_IN_FLIGHT, 1.0)
        framed = await closed_loop(lambda: ask(FRAME), FRAMES_IN_FLIGHT, seconds)
        lone = await closed_loop(lambda: ask(1), 1, seconds)
    finally:
        await frames.close()
        await channel.close()
    batched = await _batch_check(house, ready, seconds)
    raw = await raw_database(ready, house, CHECK_RENTERS, seconds)
    return {
        "batch_check_renters": batched.figure(),
        "batch_vs_pgbench": round(batched.figure()["per_second"] / raw.per_second, 2),
        "vs_pgbench": round(framed.figure()["per_second"] / raw.per_second, 2),
        f"frames_of_{FRAME}": framed.figure(),
        "lone": lone.figure(),
        "pgbench": {"clients": raw.clients, "per_second": round(raw.per_second, 1)},
    }


async def _batch_check(house: House, ready: Ready, seconds: float) -> Load:
    """The public BatchCheckRenters: as many people in a call as in a frame, as many calls as frames."""
    numbers = itertools.cycle(range(SCORED))
    async with grpc.aio.insecure_channel(ready.public["identity"]) as channel:
        stub: Any = IdentityServiceStub(channel)

        async def ask() -> int:
            bike = asset_kind_pb2.ASSET_KIND_BIKE
            questions = [
                identity.RenterQuestion(renter_id=renter_id(next(numbers)), asset_kind=bike) for _ in range(FRAME)
            ]
            request = identity.BatchCheckRentersRequest(questions=questions)
            answer = await stub.BatchCheckRenters(request, metadata=house.target.metadata, timeout=ANSWER_SECONDS)
            if not all(one.may_rent for one in answer.answers):
                raise WrongPerson(str(answer))
            return FRAME

        return await closed_loop(ask, FRAMES_IN_FLIGHT, seconds)


async def register_renters(house: House, ready: Ready, seconds: float) -> dict[str, Any]:
    """One by one, in batches, and pgbench with one statement a row."""
    people = itertools.count(FIRST_NEWCOMER)
    async with grpc.aio.insecure_channel(ready.public["identity"]) as channel:
        stub: Any = IdentityServiceStub(channel)
        metadata = house.target.metadata

        async def one() -> int:
            answer = await stub.RegisterRenter(_newcomer(next(people)), metadata=metadata, timeout=ANSWER_SECONDS)
            if not answer.renter.renter_id:
                raise WrongPerson(str(answer))
            return 1

        async def batch() -> int:
            request = identity.BatchRegisterRentersRequest(requests=[_newcomer(next(people)) for _ in range(BATCH)])
            answer = await stub.BatchRegisterRenters(request, metadata=metadata, timeout=ANSWER_SECONDS)
            if any(result.status.code for result in answer.results):
                raise WrongPerson(str([result.status.reason for result in answer.results]))
            return BATCH

        unary = await closed_loop(one, REGISTRATIONS_IN_FLIGHT, seconds)
        batched = await closed_loop(batch, BATCHES_IN_FLIGHT, seconds)
    raw = await raw_database(ready, house, REGISTER_RENTER, seconds)
    return {
        "unary_vs_pgbench": round(unary.figure()["per_second"] / raw.per_second, 2),
        "batch_vs_pgbench": round(batched.figure()["per_second"] / raw.per_second, 2),
        "unary": unary.figure(),
        f"batches_of_{BATCH}": batched.figure(),
        "pgbench": {"clients": raw.clients, "per_second": round(raw.per_second, 1)},
    }


def _newcomer(index: int) -> identity.RegisterRenterRequest:
    who = person(index)
    return identity.RegisterRenterRequest(
        request_id=uuid.uuid4().hex,
        document_type=identity.DOCUMENT_TYPE_RESIDENT_ID_CARD,
        document_number=who.resident_id_number,
        full_name=who.name,
        phone=who.phone,
    )
