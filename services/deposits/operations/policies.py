"""Setting policies, ruling on them, and reading them."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

from services.deposits.domain import Policy, PolicyDraft, PolicyState, policy_not_found
from services.deposits.domain.policies import DEFAULT_MAX_OPEN_WAIVED, approve, cancel, fault_of, reject
from services.deposits.operations.ports.policies import PolicyPage, PolicyStore, Rule
from services.values import pages
from services.values.callers import Caller, Role
from services.values.clock import Clock
from services.values.ids import new_id
from services.values.requests import Request, fingerprint


class Policies:
    """Versions of a partner's rule for one scope of one kind."""

    def __init__(self, store: PolicyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def set(self, request_id: str, draft: PolicyDraft, author: str) -> Policy:
        """The next version by `author`: in force, scheduled, or proposed when it is a large change.

        Raises POLICY_OUT_OF_BOUNDS, INVALID_FIELD, POLICY_CHANGED_TOO_OFTEN, TOO_MANY_POLICY_LINES, REQUEST_ID_REUSED.
        """
        draft = replace(draft, max_open_waived=draft.max_open_waived or DEFAULT_MAX_OPEN_WAIVED)
        fault = fault_of(draft)
        if fault is not None:
            raise fault
        request = Request(0, author, "SetPolicy", request_id, _content(draft))
        return await self._store.set_policy(request, draft, author, new_id("pol"), self._clock.now())

    async def get(
        self, caller: Caller, named: str, asset_kind: str, version: int, city: str = "", asset_class: str = ""
    ) -> Policy:
        """The version, or with 0 the one in force for an asset of that city and class. Raises POLICY_NOT_FOUND.

        Args:
            named: the partner that an operator names; for staff there is none but their own.
        """
        if caller.role is Role.STAFF and named not in ("", caller.partner_id):
            raise policy_not_found()
        partner_id, now = caller.partner_id or named, self._clock.now()
        if version:
            policy = await self._store.read_policy(partner_id, asset_kind, version, now)
        else:
            policy = await self._store.policy_in_force(partner_id, asset_kind, asset_class, city, now)
        if policy is None:
            raise policy_not_found()
        return policy

    async def list(
        self, caller: Caller, named: str, asset_kind: str, state: PolicyState | None, page_size: int, page_token: str
    ) -> tuple[list[Policy], str]:
        """A page of versions, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        partner_id = caller.partner_id or named
        filters = ("policies", partner_id, asset_kind, state)
        size = pages.page_size(page_size)
        before = pages.decode(page_token, *filters)
        page = PolicyPage(partner_id, asset_kind, state, before, size + 1)
        found = await self._store.list_policies(page, self._clock.now())
        more = pages.encode(found[size - 1].policy_id, *filters) if len(found) > size else ""
        return found[:size], more

    async def approve(self, caller: Caller, request_id: str, policy_id: str, reason: str) -> Policy:
        """Accepts what somebody else proposed.

        Raises POLICY_NOT_FOUND, POLICY_STATE_NOT_ALLOWED, APPROVAL_BY_ANOTHER, REQUEST_ID_REUSED.
        """
        rule = partial(approve, by=caller.id, reason=reason, now=self._clock.now())
        return await self._rule(caller, "ApprovePolicy", request_id, policy_id, reason, rule)

    async def reject(self, caller: Caller, request_id: str, policy_id: str, reason: str) -> Policy:
        """Turns down what somebody else proposed. Raises as `approve` does."""
        rule = partial(reject, by=caller.id, reason=reason)
        return await self._rule(caller, "RejectPolicy", request_id, policy_id, reason, rule)

    async def cancel(self, caller: Caller, request_id: str, policy_id: str, reason: str) -> Policy:
        """Takes back what does not decide yet. Raises POLICY_NOT_FOUND, POLICY_STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""
        rule = partial(cancel, by=caller.id, reason=reason)
        return await self._rule(caller, "CancelPolicy", request_id, policy_id, reason, rule)

    async def _rule(
        self, caller: Caller, method: str, request_id: str, policy_id: str, reason: str, rule: Rule
    ) -> Policy:
        request = Request(0, caller.id, method, request_id, fingerprint(policy_id, reason))
        return await self._store.rule_policy(request, caller.partner_id or "", policy_id, rule, self._clock.now())


def _content(draft: PolicyDraft) -> bytes:
    """The command's fingerprint. Terms that are not used are left out: what was sent before they existed stays the same
    command."""
    base = (draft.asset_kind, draft.threshold, draft.deposit.currency, draft.deposit.amount_minor)
    known = {"partner_id", "asset_kind", "threshold", "deposit", "max_open_waived", "reason"}
    terms = {name: value for name, value in asdict(draft).items() if name not in known and value}
    return fingerprint(*base, draft.max_open_waived, draft.reason, *([terms] if terms else []))
