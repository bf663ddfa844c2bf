"""Verifying: the whole ledger is recomputed from its rows, as of one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date

from services.deposits.domain.ledger.auditing import Audit, Finding, What
from services.deposits.operations.ledger.ports import Books


class Verifying:
    """One audit of the books; `audit` has counted what was looked at when it is over.

    Args:
        kept: roots that were kept outside of the database, by day; what is here has to agree.
    """

    def __init__(self, books: Books, kept: Mapping[date, bytes]) -> None:
        self._books = books
        self._kept = kept
        self.audit = Audit(frozenset(), frozenset())
        self.newest: tuple[date, bytes] | None = None

    async def findings(self) -> AsyncIterator[Finding]:
        """What does not fit, as it is found."""
        roots, periods = await self._books.roots(), await self._books.periods()
        self.audit = Audit(frozenset(root.day for root in roots), frozenset(period.month for period in periods))
        async for pages in self._books.buckets():
            for finding in self.audit.bucket(pages):
                yield finding
        for finding in self.audit.end(roots, await self._books.partner_days(), periods):
            yield finding
        sealed = {root.day: root.root for root in roots if root.root}
        self.newest = max(sealed.items(), default=None)
        for day, root in sorted(self._kept.items()):
            if sealed.get(day) != root:
                yield Finding(What.ROOT_CHANGED, day.isoformat(), f"the root of {day} is not the one that was kept")
