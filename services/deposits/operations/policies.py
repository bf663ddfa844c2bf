"""Setting and reading policies."""

from __future__ import annotations

from dataclasses import replace

from services.deposits.domain import Policy, PolicyDraft, policy_not_found
from services.deposits.domain.policies import DEFAULT_MAX_OPEN_WAIVED
from services.deposits.operations.ports import Store
from services.values.callers import Caller, Role
from services.values.clock import Clock
from services.values.ids import new_id
from services.values.requests import Request, fingerprint


class Policies:
    """Versions of a partner's rule for one kind."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def set(self, request_id: str, draft: PolicyDraft, author: str) -> Policy:
        """The next version by `author`, in force at once. Raises POLICY_CHANGED_TOO_OFTEN, REQUEST_ID_REUSED."""
        draft = replace(draft, max_open_waived=draft.max_open_waived or DEFAULT_MAX_OPEN_WAIVED)
        content = fingerprint(
            draft.asset_kind,
            draft.threshold,
            draft.deposit.currency,
            draft.deposit.amount_minor,
            draft.max_open_waived,
            draft.reason,
        )
        request = Request(0, author, "SetPolicy", request_id, content)
        return await self._store.set_policy(request, draft, author, new_id("pol"), self._clock.now())

    async def get(self, caller: Caller, named: str, asset_kind: str, version: int) -> Policy:
        """The version, or with 0 the one in force, of the caller's partner. Raises POLICY_NOT_FOUND.

        Args:
            named: the partner that an operator names; for staff there is none but their own.
        """
        if caller.role is Role.STAFF and named not in ("", caller.partner_id):
            raise policy_not_found()
        policy = await self._store.read_policy(caller.partner_id or named, asset_kind, version)
        if policy is None:
            raise policy_not_found()
        return policy
