"""Securing: one read for n items, one write for n decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import asyncpg

from services.deposits.domain import Deposit, DepositState
from services.deposits.operations.ports import Decision, Known, SecureItem
from services.deposits.operations.ports.policies import Circumstances
from services.deposits.store.rows import Part, buckets, deposit_of, draft_of
from services.deposits.store.uses import uses_payload
from services.values.ids import bucket_of, new_id

ANY_AMOUNT = 2**63 - 1
"""The cap of a policy that has none by amount."""
_DECIDED = attrgetter(
    "deposit_id", "rental_id", "renter_id", "partner_id", "outcome", "reason_codes", "policy_id", "model_version",
    "score", "currency", "amount_minor", "payment_ref",
)  # fmt: skip


class Securing(Part):
    """Reads what a decision needs and writes decisions."""

    async def known(self, items: Sequence[SecureItem], now: datetime) -> list[Known]:
        rows = await self._db.fetch(
            self._sql.known,
            buckets(item.renter_id for item in items),
            [item.rental_id for item in items],
            [item.renter_id for item in items],
            [item.partner_id for item in items],
            [item.asset_kind for item in items],
            [item.payment_method_id for item in items],
            now,
            [item.circumstances.asset_class for item in items],
            [item.circumstances.city for item in items],
        )
        decided = await self._deposits([row["known_deposit_id"] for row in rows if row["known_deposit_id"]])
        return [_known(row, decided) for row in rows]

    async def secure(self, decisions: Sequence[Decision], lease_until: datetime) -> list[Deposit | None]:
        """The deposits as written, None for an item that needs a payment method and has none.

        A rental that somebody secured meanwhile gives the deposit that is there.
        """
        rows = [_decision_row(decision) for decision in decisions]
        decided_at = decisions[0].deposit.decided_at
        payload = uses_payload([decision.use for decision in decisions if decision.use is not None])
        told = (bucket_of(decisions[0].deposit.deposit_id), new_id("evt"), payload)
        try:
            written = await self._db.fetch(self._sql.secure, rows, decided_at, self._real_now(), lease_until, *told)
        except asyncpg.UniqueViolationError:
            return await self._secure_again(decisions, lease_until)
        if payload is not None:
            self._published()
        found = {row["deposit_id"]: row for row in written}
        return [_decided(decision.deposit, found.get(decision.deposit.deposit_id)) for decision in decisions]

    async def _secure_again(self, decisions: Sequence[Decision], lease_until: datetime) -> list[Deposit | None]:
        if len(decisions) > 1:
            middle = len(decisions) // 2
            return [
                *await self.secure(decisions[:middle], lease_until),
                *await self.secure(decisions[middle:], lease_until),
            ]
        ids = await self.find_by_rental([decisions[0].deposit.rental_id])
        return [(await self._deposits(list(ids.values())))[deposit_id] for deposit_id in ids.values()]

    async def bury(self, deposit: Deposit) -> bool:
        """Writes a tombstone unless the rental has a deposit."""
        key = (bucket_of(deposit.deposit_id), deposit.deposit_id, deposit.rental_id)
        values = (deposit.renter_id, deposit.partner_id, deposit.currency, deposit.decided_at)
        return (await self._db.execute(self._sql.bury, *key, *values)).endswith(" 1")

    async def find_by_rental(self, rental_ids: Sequence[str]) -> dict[str, str]:
        """Deposit ids by rental id."""
        rows = await self._db.fetch(self._sql.find_by_rental, buckets(rental_ids), list(rental_ids))
        return {row["rental_id"]: row["deposit_id"] for row in rows}

    async def _deposits(self, deposit_ids: Sequence[str]) -> dict[str, Deposit]:
        if not deposit_ids:
            return {}
        rows = await self._db.fetch(self._sql.read_deposits, buckets(deposit_ids), list(deposit_ids))
        return {row["deposit_id"]: deposit_of(row) for row in rows}


def _known(row: Any, decided: dict[str, Deposit]) -> Known:
    policy_id = row["policy_id"]
    draft = draft_of(row) if policy_id is not None else None
    return Known(decided.get(row["known_deposit_id"]), policy_id or "", draft, row["payment_ref"], row["processor"])


def _decided(deposit: Deposit, row: Any) -> Deposit | None:
    if row is None:
        return None
    return deposit.but(state=DepositState(row["state"]), reason_codes=tuple(row["reason_codes"]))


def _decision_row(decision: Decision) -> tuple[Any, ...]:
    deposit, authorize, cap = decision.deposit, decision.authorize, decision.cap
    return (
        bucket_of(deposit.deposit_id),
        *_DECIDED(deposit),
        decision.wants_waiver,
        cap.open_waived,
        ANY_AMOUNT if cap.waived_minor is None else cap.waived_minor,
        authorize.operation_id if authorize else None,
        deposit.facts_version,
        deposit.processor,
        deposit.compensation_limit_minor,
        *_circumstances_row(decision.circumstances, deposit.currency),
    )


def _circumstances_row(circumstances: Circumstances, currency: str) -> tuple[Any, ...]:
    """A rent in another currency than the deposit's decided nothing."""
    rent = circumstances.monthly_rent
    rent_minor = rent.amount_minor if rent is not None and rent.currency == currency else 0
    return circumstances.city, circumstances.asset_class, rent_minor, circumstances.assurance.name
