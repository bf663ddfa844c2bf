"""Accounts on a real PostgreSQL: retry, review, face, freeze, recovery, merging; and who saw what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from test_identity_store import OPERATOR, Desk, reason, registration, vault_of

from services.identity.domain import (
    SCORING,
    AssuranceLevel,
    RenterState,
    ReviewDecision,
    Standing,
    Verdict,
)
from services.identity.domain.accounts import VERIFICATION_LASTS
from services.identity.keys import create_keys
from services.identity.operations import Rewrapping
from services.identity.operations.checks import Check
from services.identity.store import WrapStore
from services.runtime.database import Database
from services.runtime.key_ring import create_next_key
from services.sandbox.people import aged, person
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id, new_renter_id


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for the file."""
    return fresh_database("identity_accounts", "identity")


@pytest_asyncio.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with fresh keys."""
    create_keys(tmp_path / "keys")
    db = await Database.connect(dsn, pool_size=8)
    await db.execute("DELETE FROM outbox")
    yield Desk(db, vault_of(tmp_path / "keys"))
    await db.close()


async def may_rent(desk: Desk, renter_id: str, partner: str) -> bool:
    """Whether the hot question is answered with yes."""
    (standing,) = await desk.checks.check([Check(renter_id, partner, "BIKE")])
    assert isinstance(standing, Standing)
    return standing.verified


async def test_a_rejected_person_is_asked_about_again_in_a_new_round(desk: Desk) -> None:
    desk.verdict = Verdict.MISMATCH
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    caller = Caller(Role.PARTNER, partner, partner)
    desk.verdict = Verdict.MATCH
    again = await desk.accounts.retry(caller, "r1", renter_id)
    assert again.state is RenterState.PENDING
    assert (await desk.accounts.retry(caller, "r1", renter_id)).state is RenterState.PENDING, "a repeat changes nothing"
    assert await desk.renters.verify_due() == 1
    assert (await desk.renters.get(OPERATOR, renter_id)).state is RenterState.VERIFIED
    assert await reason(desk.accounts.retry(caller, "r2", renter_id)) == "STATE_NOT_ALLOWED"
    stranger = await desk.partner()
    unknown = desk.accounts.retry(Caller(Role.PARTNER, stranger, stranger), "r3", renter_id)
    assert await reason(unknown) == "RENTER_NOT_FOUND"


async def test_a_verification_runs_out_and_is_renewed(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    assert await may_rent(desk, renter_id, partner)
    desk.clock.time += VERIFICATION_LASTS
    assert not await may_rent(desk, renter_id, partner)
    assert (await desk.renters.get(OPERATOR, renter_id)).state is RenterState.EXPIRED
    await desk.accounts.retry(Caller(Role.RENTER, renter_id, partner), "r1", renter_id)
    await desk.renters.verify_due()
    assert await may_rent(desk, renter_id, partner)


@pytest.mark.parametrize(
    ("decision", "state"),
    [(ReviewDecision.APPROVE, RenterState.VERIFIED), (ReviewDecision.REJECT, RenterState.REJECTED)],
)
async def test_an_operator_decides_what_the_registry_could_not(
    desk: Desk, decision: ReviewDecision, state: RenterState
) -> None:
    desk.verdict = Verdict.UNCLEAR
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    await desk.consents.grant(renter_id, "g", partner, SCORING, "v1")
    decided = await desk.accounts.review(OPERATOR, "v1", renter_id, decision, "saw the card")
    assert decided.state is state
    told = [kind for _, kind in await desk.events()]
    assert ("DOCUMENT_VERIFIED" in told) is (state is RenterState.VERIFIED)
    assert await reason(desk.accounts.review(OPERATOR, "v2", renter_id, decision, "again")) == "STATE_NOT_ALLOWED"
    note = await desk.db.fetchrow("SELECT kind, actor, reason FROM account_changes WHERE renter_id = $1", renter_id)
    assert tuple(note or ()) == ("ReviewRenter", "ann", "saw the card")


async def test_two_operators_at_once_decide_once(desk: Desk) -> None:
    desk.verdict = Verdict.UNCLEAR
    renter_id = await desk.register(await desk.partner())
    decisions = (ReviewDecision.APPROVE, ReviewDecision.REJECT)
    outcomes = await asyncio.gather(
        *(desk.accounts.review(OPERATOR, f"v{d}", renter_id, d, "why") for d in decisions), return_exceptions=True
    )
    assert sum(isinstance(outcome, Refusal) for outcome in outcomes) == 1


async def test_a_face_raises_the_level(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    caller = Caller(Role.PARTNER, partner, partner)
    assert await reason(desk.accounts.check_face(caller, "f1", renter_id, "somebody")) == "FACE_MISMATCH"
    assert await reason(desk.accounts.check_face(caller, "f2", renter_id, "face_unclear")) == "UPSTREAM_UNAVAILABLE"
    seen = await desk.accounts.check_face(caller, "f2", renter_id, "face_match")
    assert seen.assurance_level is AssuranceLevel.FACE_CHECKED


async def test_a_frozen_account_rents_nothing_until_an_operator_lets_it(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    await desk.accounts.freeze(Caller(Role.RENTER, renter_id, partner), "f", renter_id, "my card was stolen")
    assert not await may_rent(desk, renter_id, partner)
    other = Caller(Role.RENTER, new_renter_id("rnt"), partner)
    assert await reason(desk.accounts.freeze(other, "f", renter_id, "spite")) == "RENTER_NOT_FOUND"
    await desk.accounts.unfreeze(OPERATOR, "u", renter_id, "has a new card")
    assert await may_rent(desk, renter_id, partner)


async def test_recovery_moves_the_codes_to_the_new_phone(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    await desk.accounts.recover(OPERATOR, "p", renter_id, "+8613900139000", "came with the card")
    await desk.code(partner, renter_id)
    assert desk.phones[-1][0] == "+8613900139000"
    assert await reason(desk.accounts.recover(OPERATOR, "q", renter_id, "nonsense", "why")) == "PHONE_INVALID"
    assert not (await desk.renters.get(OPERATOR, renter_id)).phone_verified
    reused = desk.accounts.recover(OPERATOR, "p", renter_id, "+8613900139001", "came with the card")
    assert await reason(reused) == "REQUEST_ID_REUSED"


async def test_two_accounts_of_one_person_become_one(desk: Desk) -> None:
    partner = await desk.partner()
    one, two = await desk.register(partner, 1), await desk.register(partner, 2)
    closed = await desk.accounts.merge(OPERATOR, "m", one, two, "one person, two documents")
    assert (closed.state, closed.merged_into) == (RenterState.MERGED, two)
    assert (await desk.accounts.merge(OPERATOR, "m", one, two, "one person, two documents")) == closed
    assert not await may_rent(desk, one, partner)
    assert await may_rent(desk, two, partner)
    assert await reason(desk.accounts.merge(OPERATOR, "n", two, one, "back")) == "STATE_NOT_ALLOWED"
    assert await reason(desk.accounts.merge(OPERATOR, "o", two, two, "self")) == "STATE_NOT_ALLOWED"


async def test_merging_both_ways_at_once_closes_one(desk: Desk) -> None:
    partner = await desk.partner()
    one, two = await desk.register(partner, 1), await desk.register(partner, 2)
    outcomes = await asyncio.gather(
        desk.accounts.merge(OPERATOR, "m", one, two, "why"),
        desk.accounts.merge(OPERATOR, "n", two, one, "why"),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Refusal) for outcome in outcomes) == 1


async def test_a_person_reads_who_saw_their_data_what_why_and_when(desk: Desk) -> None:
    partner = await desk.partner()
    renter_id = await desk.register(partner)
    await desk.code(partner, renter_id)
    desk.clock.time += timedelta(hours=1)
    shown = await desk.accounts.show(OPERATOR, renter_id, "asked for help with the registration")
    assert shown.full_name == person(1).name
    found, more = await desk.accounts.accesses(renter_id, 2, "")
    rest, _ = await desk.accounts.accesses(renter_id, 2, more)
    seen = [(access.actor, access.reason) for access in (*found, *rest)]
    assert seen == [
        ("ann", "asked for help with the registration"),
        ("carrier", "one-time code"),
        ("registry", "verification"),
    ]
    assert found[0].fields == ("document_type", "document_number", "full_name", "phone")
    assert found[0].accessed_at == desk.clock.time
    assert await desk.accounts.accesses(new_renter_id("rnt"), 0, "") == ([], "")


async def test_an_age_that_has_to_be_looked_up_is_on_record(desk: Desk) -> None:
    partner = await desk.partner()
    child = aged(13, desk.clock.time.date())
    young = registration(0, new_id("req"), document_number=child.resident_id_number, full_name=child.name)
    minor = (await desk.renters.register(partner, young)).renter_id
    adult = await desk.register(partner)
    for who in (minor, adult):
        await desk.checks.check([Check(who, partner, "BIKE"), Check(who, partner, "E_BIKE")])
    reasons = [access.reason for access in (await desk.accounts.accesses(minor, 0, ""))[0]]
    assert reasons.count("age check") == 2
    assert "age check" not in [access.reason for access in (await desk.accounts.accesses(adult, 0, ""))[0]]


async def test_keys_rotate_while_people_come_and_go(desk: Desk, tmp_path: Path) -> None:
    partner = await desk.partner()
    people = [await desk.register(partner, index) for index in range(10, 22)]
    rewrapping = Rewrapping(WrapStore(desk.db), desk.vault)
    await desk.db.execute("DELETE FROM renters WHERE NOT renter_id = ANY($1)", people)
    assert await rewrapping.run() == 0
    create_next_key(tmp_path / "keys")
    changes = (desk.accounts.recover(OPERATOR, "p", who, "+8613900139000", "new phone") for who in people[:4])
    await asyncio.gather(rewrapping.run(), rewrapping.run(), *changes)
    while await rewrapping.run():
        pass
    versions = await desk.db.fetch("SELECT DISTINCT key_version FROM renters")
    assert [row["key_version"] for row in versions] == [2]
    (tmp_path / "keys" / "kek.key").unlink()
    desk.accounts._vault = vault_of(tmp_path / "keys")
    shown = [await desk.accounts.show(OPERATOR, who, "after rotation") for who in people]
    assert [one.full_name for one in shown] == [person(index).name for index in range(10, 22)]
    assert [one.phone for one in shown[:4]] == ["+8613900139000"] * 4
