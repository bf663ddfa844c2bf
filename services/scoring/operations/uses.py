"""Uses of scores: deposits tells them, people read them."""

from __future__ import annotations

from collections.abc import Sequence

from services.scoring.domain import Use
from services.scoring.operations.paging import start_of, token_after
from services.scoring.operations.ports import UseStore
from services.values import pages


class Uses:
    """Who asked for a score, what for, and what was answered."""

    def __init__(self, store: UseStore) -> None:
        self._store = store

    async def told(self, uses: Sequence[Use]) -> None:
        """Keeps uses; repeated ones change nothing."""
        if uses:
            await self._store.add_uses(uses)

    async def list_mine(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[Use], str]:
        """A page of the uses of a person's score, newest first, and the next page's token; PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        found = await self._store.list_uses(renter_id, start_of(page_token, "uses", renter_id), size + 1)
        if len(found) <= size:
            return found, ""
        last = found[size - 1]
        return found[:size], token_after(last.used_at, last.use_id, "uses", renter_id)
