"""API keys as the other three services know them: asked once, remembered while revocations are heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import grpc
import pytest
import pytest_asyncio

from freehold.errors.v1 import item_status_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1 import identity_internal_service_pb2_grpc as identity_rpc
from services.runtime.authenticators import RemoteCredentials
from services.values.callers import Role
from services.values.errors import Refusal

KEY = "fhk_right"


@dataclass
class Identity(identity_rpc.IdentityInternalServiceServicer):
    """Knows one key, until it is revoked; beats unless it is silent."""

    revoked: list[str] = field(default_factory=list)
    asked: int = 0
    silent: bool = False

    async def Authenticate(self, request: Any, context: Any) -> Any:
        self.asked += len(request.items)
        unknown = item_status_pb2.ItemStatus(code=16, reason="CREDENTIALS_INVALID")
        right = sha256(KEY.encode()).digest()
        return identity.AuthenticateResponse(
            results=[
                identity.AuthenticateResult(api_key_id="key_1", partner_id="ptn_1")
                if item.key_digest == right and not self.revoked
                else identity.AuthenticateResult(status=unknown)
                for item in request.items
            ]
        )

    async def WatchCredentials(self, request: Any, context: Any) -> AsyncIterator[Any]:
        while True:
            if not self.silent:
                yield identity.WatchCredentialsResponse(revoked_api_key_ids=self.revoked)
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[Identity, RemoteCredentials]]:
    """Identity, and somebody who listens to it."""
    servicer, server = Identity(), grpc.aio.server()
    identity_rpc.add_IdentityInternalServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        credentials = RemoteCredentials(identity_rpc.IdentityInternalServiceStub(channel))
        watch = asyncio.create_task(credentials.watch())
        await asyncio.sleep(0.3)
        yield servicer, credentials
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    await server.stop(0)


async def reason(credentials: RemoteCredentials, bearer: str = KEY) -> str:
    """Why the credential is refused."""
    with pytest.raises(Refusal) as caught:
        await credentials.authenticate(bearer)
    return caught.value.reason


async def test_a_key_is_asked_about_once(pair: tuple[Identity, RemoteCredentials]) -> None:
    servicer, credentials = pair
    callers = await asyncio.gather(*(credentials.authenticate(KEY) for _ in range(50)))
    assert {(caller.role, caller.partner_id) for caller in callers} == {(Role.PARTNER, "ptn_1")}
    first = servicer.asked
    assert (await credentials.authenticate(KEY)).partner_id == "ptn_1"
    assert servicer.asked == first, "remembered"


async def test_a_wrong_key_is_asked_about_every_time(pair: tuple[Identity, RemoteCredentials]) -> None:
    servicer, credentials = pair
    assert [await reason(credentials, "fhk_wrong") for _ in range(2)] == ["CREDENTIALS_INVALID"] * 2
    assert servicer.asked == 2


async def test_a_revoked_key_ends_within_a_second(pair: tuple[Identity, RemoteCredentials]) -> None:
    servicer, credentials = pair
    await credentials.authenticate(KEY)
    servicer.revoked = ["key_1"]
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        try:
            await credentials.authenticate(KEY)
        except Refusal:
            break
        await asyncio.sleep(0.02)
    assert await reason(credentials) == "CREDENTIALS_INVALID"


async def test_while_nothing_is_heard_nothing_remembered_is_used(pair: tuple[Identity, RemoteCredentials]) -> None:
    servicer, credentials = pair
    await credentials.authenticate(KEY)
    servicer.silent = True
    await asyncio.sleep(1.0)
    before = servicer.asked
    await credentials.authenticate(KEY)
    assert servicer.asked == before + 1
    servicer.revoked = ["key_1"]
    assert await reason(credentials) == "CREDENTIALS_INVALID", "the revocation that was not heard counts all the same"
