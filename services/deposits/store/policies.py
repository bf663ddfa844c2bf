"""Versions of policies: set, ruled on, read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.deposits.domain import Policy, PolicyDraft, PolicyState, policy_not_found
from services.deposits.domain.policies import CHANGES_WINDOW, Book, Tier, admit_change
from services.deposits.operations.ports.policies import PolicyPage, Rule
from services.deposits.store.rows import Part, policy_of
from services.runtime.requests import claim, find
from services.values.requests import Request

_RULED_OUT = (PolicyState.REJECTED, PolicyState.CANCELLED)


class Policies(Part):
    """Versions of partners' rules."""

    async def set_policy(
        self, request: Request, draft: PolicyDraft, author: str, policy_id: str, now: datetime
    ) -> Policy:
        """The next version, or the one that this request made. Raises what `admit_change` does, REQUEST_ID_REUSED."""
        key = (draft.partner_id, draft.asset_kind)

        async def work(connection: Any) -> Policy:
            newest = await connection.fetchval(self._sql.latest_policy_version, *key)
            first = await claim(connection, request, str(newest + 1), now)
            if first is None:
                reasons = admit_change(draft, await self._book(connection, draft, now), now)
                state, since = "PROPOSED" if reasons else "ACCEPTED", draft.effective_at or now
                made = (newest + 1, policy_id, *_terms(draft), author, since, state, list(reasons), now)
                await connection.execute(self._sql.insert_policy, *key, *made)
            return await self._version(connection, draft, int(first or newest + 1), now)

        while True:
            try:
                return await self._db.transaction(work)
            except asyncpg.UniqueViolationError:
                continue  # somebody else made this version; ours is the next

    async def rule_policy(self, request: Request, partner_id: str, policy_id: str, rule: Rule, now: datetime) -> Policy:
        """The version after the ruling; a repeat gives it as it stands. Raises POLICY_NOT_FOUND, REQUEST_ID_REUSED."""

        async def work(connection: Any) -> Policy:
            if await connection.fetchval(self._sql.lock_policy, partner_id, policy_id) is None:
                raise policy_not_found()
            (policy,) = await self._versions(connection, partner_id, now, policy_id=policy_id)
            if await find(connection, request) is not None:
                return policy
            ruling = rule(policy)
            await claim(connection, request, policy_id, now)
            state = ruling.state if ruling.state in _RULED_OUT else "ACCEPTED"
            values = (state, ruling.effective_at, ruling.by, ruling.reason)
            await connection.execute(self._sql.save_ruling, partner_id, policy_id, *values)
            (ruled,) = await self._versions(connection, partner_id, now, policy_id=policy_id)
            return ruled

        return await self._db.transaction(work)

    async def read_policy(self, partner_id: str, asset_kind: str, version: int, now: datetime) -> Policy | None:
        found = await self._versions(self._db, partner_id, now, kind=asset_kind, version=version)
        return found[0] if found else None

    async def policy_in_force(
        self, partner_id: str, asset_kind: str, asset_class: str, city: str, now: datetime
    ) -> Policy | None:
        """The version that decides for an asset of this class and city."""
        scope = (partner_id, asset_kind, asset_class, city)
        version = await self._db.fetchval(self._sql.version_in_force, *scope, now)
        return None if version is None else await self.read_policy(partner_id, asset_kind, version, now)

    async def list_policies(self, page: PolicyPage, now: datetime) -> list[Policy]:
        state = page.state or ""
        where = (page.partner_id, now, page.asset_kind, 0, "", state, page.before, page.size)
        return [policy_of(row) for row in await self._db.fetch(self._sql.read_policies, *where)]

    async def _versions(
        self, connection: Any, partner_id: str, now: datetime, *, kind: str = "", version: int = 0, policy_id: str = ""
    ) -> list[Policy]:
        """The one version of that number or id, if there is one."""
        rows = await connection.fetch(self._sql.read_policies, partner_id, now, kind, version, policy_id, "", "", 1)
        return [policy_of(row) for row in rows]

    async def _version(self, connection: Any, draft: PolicyDraft, version: int, now: datetime) -> Policy:
        """One of the versions of the draft's kind."""
        kind = draft.asset_kind
        (policy,) = await self._versions(connection, draft.partner_id, now, kind=kind, version=version)
        return policy

    async def _book(self, connection: Any, draft: PolicyDraft, now: datetime) -> Book:
        """What has to be known of the kind's policies before one changes."""
        key, scope = (draft.partner_id, draft.asset_kind), (draft.asset_class, draft.city)
        changes = await connection.fetchval(self._sql.count_policy_changes, *key, now - CHANGES_WINDOW)
        compared: dict[int, PolicyDraft] = {}
        for moment in (now, now - CHANGES_WINDOW):
            version = await connection.fetchval(self._sql.version_in_force, *key, *scope, moment)
            if version is not None and version not in compared:
                compared[version] = (await self._version(connection, draft, version, now)).draft
        rows = await connection.fetch(self._sql.lines_in_use, *key, *scope, now)
        return Book(changes, tuple(compared.values()), frozenset(line for row in rows for line in _lines(row)))


def _lines(row: Any) -> Sequence[int]:
    return (row["threshold"], *(above for above, *_ in row["tiers"]))


def _terms(draft: PolicyDraft) -> tuple[Any, ...]:
    """What a policy says, in the order of `insert_policy`."""
    return (
        draft.threshold,
        draft.deposit.currency,
        draft.deposit.amount_minor,
        draft.max_open_waived,
        draft.reason,
        draft.city,
        draft.asset_class,
        draft.rent_multiple_tenths,
        [_tier_row(tier) for tier in draft.tiers],
        draft.max_waived_minor,
        draft.clean_record_years,
        draft.required_assurance.name,
    )


def _tier_row(tier: Tier) -> list[int]:
    return [tier.above, tier.percent, tier.amount_minor]
