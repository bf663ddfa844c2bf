"""Sessions: each refresh token works once, a copy ends them all, and opting out altogether is one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from test_identity_store import OPERATOR, Desk, reason, vault_of

from services.identity.domain import SCORING
from services.identity.domain.sessions import REFRESH_LIFE
from services.identity.keys import create_keys
from services.runtime.database import Database
from services.values.errors import Refusal
from services.values.ids import new_id, new_renter_id


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for the file."""
    return fresh_database("identity_sessions", "identity")


@pytest_asyncio.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with fresh keys."""
    create_keys(tmp_path / "keys")
    db = await Database.connect(dsn, pool_size=8)
    await db.execute("DELETE FROM outbox")
    yield Desk(db, vault_of(tmp_path / "keys"))
    await db.close()


async def begun(desk: Desk) -> tuple[str, str, str]:
    """A partner, a renter, and the refresh token of their first session."""
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    return partner, renter_id, await session(desk, partner, renter_id)


async def session(desk: Desk, partner: str, renter_id: str) -> str:
    """Another session of the renter."""
    code = await desk.code(partner, renter_id)
    return (await desk.access.issue_token(partner, new_id("req"), renter_id, code)).refresh


async def refresh(desk: Desk, partner: str, token: str) -> str:
    """The next refresh token."""
    return (await desk.access.refresh(partner, new_id("req"), token)).refresh


async def test_each_refresh_token_gives_the_next(desk: Desk) -> None:
    partner, renter_id, token = await begun(desk)
    seen = {token}
    for _ in range(5):
        issued = await desk.access.refresh(partner, new_id("req"), token)
        assert renter_id in issued.token
        assert issued.refresh not in repr(issued)
        token = issued.refresh
        seen.add(token)
    assert len(seen) == 6
    rows = await desk.db.fetch("SELECT DISTINCT session_id FROM refresh_tokens WHERE renter_id = $1", renter_id)
    assert len(rows) == 1, "one session"


async def test_a_token_that_is_shown_again_ends_its_session_and_no_other(desk: Desk) -> None:
    partner, renter_id, first = await begun(desk)
    other = await session(desk, partner, renter_id)
    second = await refresh(desk, partner, first)
    assert await reason(refresh(desk, partner, first)) == "REFRESH_TOKEN_INVALID"
    assert await reason(refresh(desk, partner, second)) == "REFRESH_TOKEN_INVALID", "whoever has it is out too"
    await refresh(desk, partner, other)


async def test_a_repeat_of_one_request_gives_nothing_and_ends_nothing(desk: Desk) -> None:
    partner, _, token = await begun(desk)
    following = (await desk.access.refresh(partner, "same", token)).refresh
    assert await reason(desk.access.refresh(partner, "same", token)) == "SECRET_ALREADY_SHOWN"
    await refresh(desk, partner, following)


async def test_of_two_that_show_one_token_at_once_one_gets_something_and_the_session_ends(desk: Desk) -> None:
    partner, _, token = await begun(desk)
    outcomes = await asyncio.gather(*(refresh(desk, partner, token) for _ in range(4)), return_exceptions=True)
    given = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(given) == 1
    assert {o.reason for o in outcomes if isinstance(o, Refusal)} == {"REFRESH_TOKEN_INVALID"}
    assert await reason(refresh(desk, partner, given[0])) == "REFRESH_TOKEN_INVALID"


async def test_a_token_is_for_one_partner_one_person_and_thirty_days(desk: Desk) -> None:
    partner, _, token = await begun(desk)
    stranger = await desk.partner()
    assert await reason(refresh(desk, stranger, token)) == "REFRESH_TOKEN_INVALID"
    other = f"fhr_{new_renter_id('rnt')[4:]}_{token.rpartition('_')[2]}"
    assert await reason(refresh(desk, partner, other)) == "REFRESH_TOKEN_INVALID"
    desk.clock.time += REFRESH_LIFE - timedelta(seconds=1)
    token = await refresh(desk, partner, token)
    desk.clock.time += REFRESH_LIFE
    assert await reason(refresh(desk, partner, token)) == "REFRESH_TOKEN_INVALID"


async def test_a_frozen_person_gets_no_fresh_token(desk: Desk) -> None:
    partner, renter_id, token = await begun(desk)
    await desk.accounts.freeze(OPERATOR, "f", renter_id, "stolen")
    assert await reason(refresh(desk, partner, token)) == "REFRESH_TOKEN_INVALID"
    await desk.accounts.unfreeze(OPERATOR, "u", renter_id, "found")
    await refresh(desk, partner, token)


async def test_all_sessions_end_in_one_call(desk: Desk) -> None:
    partner, renter_id, one = await begun(desk)
    two = await refresh(desk, partner, await session(desk, partner, renter_id))
    assert await desk.access.end_sessions(renter_id, "end") == 2
    assert await desk.access.end_sessions(renter_id, "end") == 0, "a repeat"
    for token in (one, two):
        assert await reason(refresh(desk, partner, token)) == "REFRESH_TOKEN_INVALID"


async def test_opting_out_altogether_is_one_call(desk: Desk) -> None:
    one, two = await desk.partner(), await desk.partner()
    renter_id = await desk.register(one)
    await desk.renters.link(renter_id, "l", two)
    for number, partner in enumerate((one, two)):
        await desk.consents.grant(renter_id, f"g{number}", partner, SCORING, "v1")
    assert await desk.consents.withdraw_all(renter_id, "w") == 2
    assert await desk.consents.withdraw_all(renter_id, "w") == 0, "a repeat"
    kinds = [kind for _, kind in await desk.events()]
    assert kinds.count("CONSENT_WITHDRAWN") == 1
    assert kinds[-1] == "CONSENT_WITHDRAWN"
    assert all(consent.withdrawn_at for consent in (await desk.consents.list(renter_id, 0, ""))[0])
    assert await desk.consents.withdraw_all(renter_id, "w2") == 0
    assert (await desk.events())[-1][1] == "CONSENT_WITHDRAWN"
