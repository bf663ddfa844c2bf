"""Reading deposits and the ledger's health."""

from __future__ import annotations

from services.deposits.domain import Deposit, DepositState
from services.deposits.domain.policies import deposit_not_found
from services.deposits.operations.ports import Store, TrialBalance
from services.values import pages
from services.values.callers import Caller, Role

_OF_A_PARTNER = (Role.PARTNER, Role.STAFF)
_CONFIRMING = (Role.PARTNER, Role.RENTER)
"""The renter's app and the renter. What confirms a payment is a secret: nobody at a desk has a use for it."""


class Reading:
    """What callers may see of deposits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, caller: Caller, deposit_id: str) -> Deposit:
        """One deposit, for its partner, its renter and operators. Raises DEPOSIT_NOT_FOUND."""
        deposit = await self._store.read_deposit(deposit_id)
        if deposit is None or not may_see(caller, deposit):
            raise deposit_not_found()
        return deposit if caller.role in _CONFIRMING else deposit.but(renter_action="")

    async def list(
        self, caller: Caller, renter_id: str, state: DepositState | None, page_size: int, page_token: str
    ) -> tuple[list[Deposit], str]:
        """A page, newest first, and the next page's token. A renter sees their own. Raises PAGE_TOKEN_INVALID."""
        partner_id = (caller.partner_id or "") if caller.role in _OF_A_PARTNER else ""
        renter_id = caller.id if caller.role is Role.RENTER else renter_id
        filters = ("deposits", partner_id, renter_id, state)
        size = pages.page_size(page_size)
        before = pages.decode(page_token, *filters)
        found = await self._store.list_deposits(partner_id, renter_id, state, before, size + 1)
        more = pages.encode(found[size - 1].deposit_id, *filters) if len(found) > size else ""
        return found[:size], more

    async def trial_balance(self) -> TrialBalance:
        """The ledger's health, recomputed from its entries."""
        return await self._store.trial_balance()


def may_see(caller: Caller, deposit: Deposit) -> bool:
    """Whether the deposit exists for the caller: its partner's, its renter, or an operator."""
    if caller.role in _OF_A_PARTNER:
        return caller.partner_id == deposit.partner_id
    return caller.role is Role.OPERATOR or (caller.role is Role.RENTER and caller.id == deposit.renter_id)
