"""API keys: scopes, an end of their own, rotation with an overlap, and when they were used last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio
from test_identity_store import Desk, reason, vault_of

from services.identity.domain import ApiKey, ApiKeyScope
from services.identity.keys import create_keys
from services.identity.store.partners import USE_NOTED_EVERY
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.ids import new_id

ANN = Caller(Role.OPERATOR, "ann")

READS = (ApiKeyScope.RENTALS, ApiKeyScope.DEPOSITS)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for the file."""
    return fresh_database("identity_keys", "identity")


@pytest_asyncio.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with fresh keys."""
    create_keys(tmp_path / "keys")
    db = await Database.connect(dsn, pool_size=4)
    yield Desk(db, vault_of(tmp_path / "keys"))
    await db.close()


async def resolved(desk: Desk, secret: str) -> ApiKey | None:
    """What the secret stands for."""
    (found,) = await desk.partners.resolve([sha256(secret.encode()).digest()])
    return found


async def test_a_key_knows_what_it_is_for(desk: Desk) -> None:
    partner = await desk.partner()
    key, secret = await desk.partners.create_key(ANN, new_id("req"), partner, "app", READS)
    found = await resolved(desk, secret)
    assert found is not None
    assert set(found.scopes) == set(key.scopes) == set(READS)
    everything, other = await desk.partners.create_key(ANN, new_id("req"), partner, "all")
    assert everything.scopes == ()
    assert await resolved(desk, other) == everything


async def test_a_key_ends_by_itself(desk: Desk) -> None:
    partner = await desk.partner()
    ends = desk.clock.time + timedelta(hours=1)
    _, secret = await desk.partners.create_key(ANN, new_id("req"), partner, "app", expires_at=ends)
    desk.clock.time = ends - timedelta(seconds=1)
    assert await resolved(desk, secret) is not None
    desk.clock.time = ends
    assert await resolved(desk, secret) is None


async def test_rotation_lets_both_work_for_a_while(desk: Desk) -> None:
    partner = await desk.partner()
    old, secret = await desk.partners.create_key(ANN, new_id("req"), partner, "app", READS)
    new, successor = await desk.partners.rotate_key(ANN, "rotate", old.api_key_id, timedelta(hours=1))
    assert (new.partner_id, new.display_name, set(new.scopes)) == (partner, "app", set(READS))
    for text in (secret, successor):
        assert await resolved(desk, text) is not None
    desk.clock.time += timedelta(hours=1)
    assert await resolved(desk, secret) is None
    assert await resolved(desk, successor) is not None
    again = desk.partners.rotate_key(ANN, "rotate", old.api_key_id, timedelta(hours=1))
    assert await reason(again) == "SECRET_ALREADY_SHOWN"
    other = desk.partners.rotate_key(ANN, "rotate", old.api_key_id, timedelta(hours=2))
    assert await reason(other) == "REQUEST_ID_REUSED"


async def test_rotation_never_lengthens_a_life_and_needs_a_key(desk: Desk) -> None:
    partner = await desk.partner()
    ends = desk.clock.time + timedelta(minutes=5)
    key, secret = await desk.partners.create_key(ANN, new_id("req"), partner, "app", expires_at=ends)
    await desk.partners.rotate_key(ANN, new_id("req"), key.api_key_id, timedelta(days=7))
    desk.clock.time = ends
    assert await resolved(desk, secret) is None
    unknown = desk.partners.rotate_key(ANN, new_id("req"), new_id("key"), timedelta(0))
    assert await reason(unknown) == "API_KEY_NOT_FOUND"
    await desk.partners.revoke_key(ANN, new_id("req"), key.api_key_id)
    revoked = desk.partners.rotate_key(ANN, new_id("req"), key.api_key_id, timedelta(0))
    assert await reason(revoked) == "API_KEY_NOT_FOUND"


async def test_use_is_noted_once_a_minute(desk: Desk) -> None:
    partner = await desk.partner()
    key, secret = await desk.partners.create_key(ANN, new_id("req"), partner, "app")
    first = desk.clock.time
    await resolved(desk, secret)
    desk.clock.time += USE_NOTED_EVERY
    await resolved(desk, secret)
    assert (await desk.partners.list_keys(ANN, partner, 0, ""))[0][0].last_used_at == first
    desk.clock.time += timedelta(seconds=1)
    await resolved(desk, secret)
    assert (await desk.partners.list_keys(ANN, partner, 0, ""))[0][0].last_used_at == desk.clock.time
    assert key.last_used_at is None


async def test_a_partners_keys_are_listed_newest_first(desk: Desk) -> None:
    partner, other = await desk.partner(), await desk.partner()
    made = [(await desk.partners.create_key(ANN, new_id("req"), partner, f"app {n}"))[0] for n in range(5)]
    await desk.partners.create_key(ANN, new_id("req"), other, "not mine")
    page, more = await desk.partners.list_keys(ANN, partner, 3, "")
    rest, end = await desk.partners.list_keys(ANN, partner, 3, more)
    assert [key.api_key_id for key in (*page, *rest)] == [key.api_key_id for key in reversed(made)]
    assert end == ""
    assert await reason(desk.partners.list_keys(ANN, other, 3, more)) == "PAGE_TOKEN_INVALID"
