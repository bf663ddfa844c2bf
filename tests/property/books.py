"""The books that a state machine of deposits looks at: ours in the database, and those of the scripted processors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from deposits_desk import Desk, ScriptedProcessor

from services.deposits.domain.reconciling import Difference, Run, RunState
from services.values.ids import new_id

PARTS = ("authorized", "captured", "released", "expired", "open")
_TABLES = (
    "bills, holds, processor_operations, ledger_corrections, ledger_transfers, ledger_balances,"
    " ledger_heads, ledger_partner_days, exposures, outbox, requests, redecisions, previews, payment_methods, policies,"
    " reconciliation_runs, reconciliation_differences, deposits"
)
EMPTY = f"TRUNCATE {_TABLES}"
CLEAR = ";".join(f"DELETE FROM {table}" for table in _TABLES.split(", "))

_FINDINGS = """
SELECT 'captured more than was held: ' || deposit_id AS finding FROM deposits WHERE captured_minor > authorized_minor
UNION ALL SELECT 'captured more than was held: ' || hold_id FROM holds WHERE captured_minor > authorized_minor
UNION ALL SELECT 'parts of a hold do not add up: ' || hold_id FROM holds
WHERE authorized_minor <> captured_minor + released_minor + expired_minor + open_minor
UNION ALL SELECT 'compensated beyond the limit: ' || deposit_id FROM deposits
WHERE compensated_minor > compensation_limit_minor
UNION ALL SELECT 'paid or given up more than was charged: ' || deposit_id FROM deposits
WHERE paid_minor + written_off_minor > charged_minor
UNION ALL SELECT 'paid back more than was paid: ' || deposit_id FROM deposits WHERE refunded_minor > paid_minor
UNION ALL SELECT o.operation_id FROM processor_operations o
JOIN bills b ON b.bucket = o.bucket AND b.deposit_id = o.deposit_id
WHERE b.state = 'DISPUTED' AND o.kind IN ('CHARGE', 'CAPTURE')"""

_FORGOTTEN = """
SELECT d.deposit_id FROM deposits d JOIN holds h ON h.bucket = d.bucket AND h.deposit_id = d.deposit_id
WHERE h.open_minor > 0 GROUP BY d.deposit_id, d.state, d.settled_at
HAVING count(*) > CASE WHEN d.state = 'HELD' AND d.settled_at IS NULL THEN 1 ELSE 0 END"""

_SNAPSHOT = """
SELECT (SELECT count(*) FROM ledger_entries) AS entries, (SELECT count(*) FROM processor_operations) AS operations,
       (SELECT md5(string_agg(d::text, ',' ORDER BY d.deposit_id)) FROM deposits d) AS deposits,
       (SELECT md5(string_agg(b::text, ',' ORDER BY b.deposit_id)) FROM bills b) AS bills,
       (SELECT count(*) FROM policies) AS policies"""

_OURS = """
SELECT coalesce(sum(open_minor), 0)::bigint AS open, coalesce(sum(captured_minor), 0)::bigint AS captured,
       coalesce(sum(released_minor), 0)::bigint AS released, coalesce(sum(expired_minor), 0)::bigint AS expired,
       coalesce(sum(authorized_minor), 0)::bigint AS authorized, coalesce(sum(refunded_minor), 0)::bigint AS refunded,
       coalesce(sum(paid_minor - captured_minor), 0)::bigint AS charged
FROM deposits"""

_REACHED = """
SELECT 'deposit ' || state || ' ' || payment_status AS what, count(*) AS times FROM deposits GROUP BY 1
UNION ALL SELECT 'operation ' || kind || ' ' || state, count(*) FROM processor_operations GROUP BY 1
UNION ALL SELECT 'transfer ' || kind, count(*) FROM ledger_transfers GROUP BY 1
UNION ALL SELECT 'bill ' || state, count(*) FROM bills GROUP BY 1
UNION ALL SELECT 'told ' || (payload ->> 'hold_event'), count(*) FROM outbox
WHERE payload ->> 'hold_event' <> '' GROUP BY 1
UNION ALL SELECT 'given up ' || state, count(*) FROM processor_operations WHERE given_up GROUP BY 1"""


class Books:
    """What has to hold at every moment, and once nothing is under way."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._db = desk, desk.db

    async def findings(self) -> tuple[list[str], set[str]]:
        """What is wrong right now, and what was asked for on bills that are disputed."""
        rows = [row["finding"] for row in await self._db.fetch(_FINDINGS)]
        collected = {row for row in rows if row.startswith("opn_")}
        return [*await self._desk.findings(), *(row for row in rows if row not in collected)], collected

    async def bills(self) -> list[str]:
        """The deposits that have a bill, oldest first."""
        return [row["deposit_id"] for row in await self._db.fetch("SELECT deposit_id FROM bills ORDER BY deposit_id")]

    async def snapshot(self) -> tuple[object, ...]:
        """Changes whenever anything has an effect."""
        row = await self._db.fetchrow(_SNAPSHOT)
        assert row is not None
        return tuple(row)

    async def quiet(self) -> bool:
        """Whether nothing is asked of a processor any more."""
        return not await self._db.fetchval("SELECT count(*) FROM processor_operations WHERE state = 'WANTED'")

    async def forgotten(self) -> list[str]:
        """Deposits with holds that nobody needs; while nothing is under way, there is nobody to give them back."""
        return [row["deposit_id"] for row in await self._db.fetch(_FORGOTTEN)]

    async def compare(self, processors: Sequence[ScriptedProcessor]) -> tuple[dict[str, int], dict[str, int]]:
        """Our sums and the processors'."""
        ours = await self._db.fetchrow(_OURS)
        assert ours is not None
        authorizations = [one for processor in processors for one in processor.authorizations.values()]
        theirs = {part: sum(getattr(one, f"{part}_minor") for one in authorizations) for part in PARTS}
        theirs["charged"] = sum(processor.charged_minor for processor in processors)
        theirs["refunded"] = sum(processor.refunded_minor for processor in processors)
        return {part: ours[part] for part in theirs}, theirs

    async def open_waived(self, renter_id: str) -> tuple[int, int]:
        """How many waived rentals of a person run, and what they waive together."""
        row = await self._db.fetchrow(
            "SELECT count(*) AS rentals, coalesce(sum(compensation_limit_minor), 0)::bigint AS minor FROM deposits"
            " WHERE renter_id = $1 AND state = 'WAIVED' AND settled_at IS NULL",
            renter_id,
        )
        assert row is not None
        return row["rentals"], row["minor"]

    async def differences(self, processors: Sequence[ScriptedProcessor]) -> list[Difference]:
        """What reconciliation finds, once nothing is under way."""
        desk, wall = self._desk, datetime.now(UTC)
        desk.real.turn(hours=2)
        window = (wall - timedelta(hours=1), wall + timedelta(hours=1))
        for processor in processors:
            named = (new_id("rcn"), processor.name)
            run = Run(*named, *window, False, "a test", RunState.RUNNING, window[0], desk.clock.now())
            await desk.store.plan_runs([run], desk.real.now())
            assert await desk.running.sweep() == 1
            counts = (await desk.deciding.get(run.run_id)).counts
            assert (counts.in_flight, counts.unsettled) == (0, 0)
            assert counts.payments >= len(processor.authorizations)
        return (await desk.deciding.list("", None, None, 50, ""))[0]

    async def reached(self) -> Counter[str]:
        """How often each state, outcome and movement came about."""
        return Counter({row["what"]: row["times"] for row in await self._db.fetch(_REACHED)})
