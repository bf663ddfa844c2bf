"""ImportAssets: good lines land, bad ones are named, and the same request tells the same again."""

from __future__ import annotations

import asyncio

from services.rental.domain import AssetId, fingerprint
from services.rental.domain.fleet.importing import ImportAssets, ImportReport, read_lines
from services.rental.operations.fleet.ports import ImportStore
from services.values.clock import Clock
from services.values.ids import new_id


class Importing:
    """Makes assets of files."""

    def __init__(self, store: ImportStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def import_assets(self, command: ImportAssets) -> ImportReport:
        """One transaction. Raises INVALID_FIELD when the whole is no such file, REQUEST_ID_REUSED.

        A large file is read beside the loop, so that rentals are not kept waiting.
        """
        good, faults = await asyncio.to_thread(read_lines, command.content)
        lines = [(AssetId(new_id("ast")), line) for line in good]
        draft = ImportReport(new_id("imp"), 0, tuple(faults))
        return await self._store.import_assets(command, fingerprint(command), lines, draft, self._clock.now())
