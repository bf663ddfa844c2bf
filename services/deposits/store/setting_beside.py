"""Our side of reconciliation: deposits with their holds, operations and ledger sums, all as of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain import Account, Deposit, Hold, TransferKind
from services.deposits.domain.reconciling import Asked, Books, LedgerSums
from services.deposits.store.rows import Part, buckets, deposit_of, operation_of
from services.values.ids import bucket_of

_AS_OF_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MOVED = {
    TransferKind.CAPTURED: "captured_minor",
    TransferKind.PAID: "paid_minor",
    TransferKind.REFUNDED: "refunded_minor",
}


class SettingBeside(Part):
    """Reads books."""

    async def books_of(self, deposit_ids: Sequence[str]) -> list[Books]:
        """The books of deposits, in any order; those that do not exist have none."""
        where = (buckets(deposit_ids), list(deposit_ids))

        async def work(connection: Any) -> list[Books]:
            await connection.execute(_AS_OF_ONE_MOMENT)
            deposits = [deposit_of(row) for row in await connection.fetch(self._sql.read_deposits, *where)]
            asked = await connection.fetch(self._sql.asked_of, *where)
            holds = await connection.fetch(self._sql.holds_of, *where)
            sums = await connection.fetch(self._sql.ledger_of, *_owners(deposits))
            return _books(deposits, asked, holds, sums)

        return await self._db.transaction(work, timeout=60)


def _owners(deposits: Sequence[Deposit]) -> tuple[list[int], list[str], list[str]]:
    renters = [deposit.renter_id for deposit in deposits]
    return [bucket_of(one) for one in renters], renters, [deposit.deposit_id for deposit in deposits]


def _books(deposits: Sequence[Deposit], asked: Sequence[Any], holds: Sequence[Any], sums: Sequence[Any]) -> list[Books]:
    of = {deposit.deposit_id: ([], [], []) for deposit in deposits}  # type: dict[str, tuple[list[Asked], list[Hold], list[Any]]]
    for row in asked:
        of[row["deposit_id"]][0].append(Asked(operation_of(row[:15]), row["created_at"]))
    for row in holds:
        of[row["deposit_id"]][1].append(Hold(**row))
    for row in sums:
        of[row["deposit_id"]][2].append(row)
    return [_book(deposit, *of[deposit.deposit_id]) for deposit in deposits]


def _book(deposit: Deposit, asked: list[Asked], holds: list[Hold], sums: list[Any]) -> Books:
    moved: datetime | None = max((row["moved_at"] for row in sums), default=None)
    return Books(deposit.but(holds=tuple(holds)), tuple(asked), _ledger(sums), moved)


def _ledger(rows: Sequence[Any]) -> Mapping[str, LedgerSums]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        sums = found.setdefault(row["currency"], {})
        amount = row["amount_minor"]
        if row["account"] == Account.DEPOSITS_HELD:
            sums["held_minor"] = sums.get("held_minor", 0) - amount
            continue
        sums["received_minor"] = sums.get("received_minor", 0) + amount
        part = _MOVED.get(row["kind"])
        if part is not None:
            sums[part] = abs(amount)
    return {currency: LedgerSums(**sums) for currency, sums in found.items()}
