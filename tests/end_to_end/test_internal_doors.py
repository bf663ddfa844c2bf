"""Who may call which internal RPC, cell by cell: to every other service, and to strangers, it does not exist."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from town import STRANGER, Town

from freehold.deposits.v1 import deposits_internal_service_pb2 as deposits
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1 import privacy_internal_service_pb2 as privacy
from freehold.privacy.v1 import data_holder_internal_service_pb2 as data_holder
from freehold.rental.v1 import rental_internal_service_pb2 as rental
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from services.cli.home import SERVICES
from services.deposits.app import INTERNAL_CALLERS as DEPOSITS
from services.identity.app import INTERNAL_CALLERS as IDENTITY
from services.identity.app import PRIVACY_CALLERS as PRIVACY
from services.rental.app import INTERNAL_CALLERS as RENTAL
from services.runtime.channels import open_channel
from services.runtime.tls import create_certificates
from services.scoring.app import INTERNAL_CALLERS as SCORING

HOLDER = {"Deliver": frozenset({"identity"})}
DOORS = [
    ("identity", identity.DESCRIPTOR.services_by_name["IdentityInternalService"], IDENTITY),
    ("identity", privacy.DESCRIPTOR.services_by_name["PrivacyInternalService"], PRIVACY),
    ("scoring", scoring.DESCRIPTOR.services_by_name["ScoringInternalService"], SCORING),
    ("deposits", deposits.DESCRIPTOR.services_by_name["DepositsInternalService"], DEPOSITS),
    ("rental", rental.DESCRIPTOR.services_by_name["RentalInternalService"], RENTAL),
]
DOORS += [
    (service, data_holder.DESCRIPTOR.services_by_name["DataHolderInternalService"], HOLDER)
    for service in ("scoring", "deposits", "rental")
]
CELLS = [
    (service, method, caller, caller in callers[method.name])
    for service, descriptor, callers in DOORS
    for method in descriptor.methods
    for caller in (*SERVICES, STRANGER)
]


async def outcome(channel: grpc.aio.Channel, method: Any) -> str:
    """The code that an empty call ends with; a stream that nothing is sent on ends OK, and one that beats is alive."""
    request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    path = f"/{method.containing_service.full_name}/{method.name}"
    codecs = (lambda message: message.SerializeToString(), answer.FromString)
    try:
        if method.client_streaming:
            stream: Any = channel.stream_stream(path, *codecs)(_nothing(), timeout=10)
            return str((await stream.code()).name)
        if method.server_streaming:
            beats: Any = channel.unary_stream(path, *codecs)(request(), timeout=10)
            await beats.read()
            beats.cancel()
            return "OK"
        await channel.unary_unary(path, *codecs)(request(), timeout=10)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def _nothing() -> AsyncIterator[Any]:
    for never in ():
        yield never


def generated() -> set[str]:
    """Every internal service of the contract, by its full name."""
    root = Path(identity.__file__).parents[2]
    files = [file.relative_to(root.parent).with_suffix("") for file in root.rglob("*_internal_service_pb2.py")]
    modules = [importlib.import_module(".".join(file.parts)) for file in files]
    return {service.full_name for module in modules for service in module.DESCRIPTOR.services_by_name.values()}


def test_every_internal_service_of_the_contract_is_a_door_with_a_cell_for_each_rpc() -> None:
    assert {descriptor.full_name for _, descriptor, _ in DOORS} == generated()
    for _, descriptor, callers in DOORS:
        assert set(callers) == {method.name for method in descriptor.methods}
        assert all(callers.values()), "an RPC that nobody may call"
        assert STRANGER not in frozenset().union(*callers.values())


@pytest.mark.parametrize(
    ("service", "method", "caller", "may"), CELLS, ids=[f"{s}.{m.name}-{c}" for s, m, c, _ in CELLS]
)
async def test_every_cell(town: Town, service: str, method: Any, caller: str, may: bool) -> None:
    async with open_channel(town.ready.services[service]["internal"], service, town.ready.home.tls, caller) as channel:
        code = await outcome(channel, method)
    assert (code == "UNIMPLEMENTED") is not may, code
    assert code in ("OK", "INVALID_ARGUMENT", "UNIMPLEMENTED"), code


async def test_a_certificate_of_somebody_else_opens_nothing(town: Town, tmp_path: Any) -> None:
    create_certificates(tmp_path, list(SERVICES))
    (tmp_path / "ca.pem").write_bytes((town.ready.home.tls / "ca.pem").read_bytes())
    for service, descriptor, _ in DOORS:
        async with open_channel(town.ready.services[service]["internal"], service, tmp_path, "rental") as channel:
            assert await outcome(channel, descriptor.methods[0]) == "UNAVAILABLE"


async def test_the_public_doors_know_no_internal_rpc(town: Town) -> None:
    for service, descriptor, _ in DOORS:
        async with grpc.aio.insecure_channel(town.ready.public[service]) as channel:
            assert await outcome(channel, descriptor.methods[0]) == "UNIMPLEMENTED"
