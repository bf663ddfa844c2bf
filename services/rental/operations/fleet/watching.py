"""Assets are seen, or are not: reports by the partner's backend, and what is made of silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.rental.domain import PartnerId
from services.rental.domain.fleet import Sighting, Verdict, Watched, seen, silent
from services.rental.domain.refusals import asset_not_found
from services.rental.operations.fleet.ports import WatchStore
from services.values.clock import Clock
from services.values.errors import Refusal

BATCH = 500


class Watching:
    """Keeps when and where assets were last seen."""

    def __init__(self, store: WatchStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def report(self, partner_id: PartnerId, sightings: Sequence[Sighting]) -> list[Refusal | None]:
        """None per report that is known now, whether it was news or not; ASSET_NOT_FOUND for the others.

        A clock that runs ahead is put right: nothing was seen later than now.
        """
        now = self._clock.now()
        assets = await self._store.watched(partner_id, [sighting.code for sighting in sightings])
        latest: dict[str, tuple[Watched, Sighting, Verdict]] = {}
        for asset, told in zip(assets, sightings, strict=True):
            sighting = replace(told, seen_at=min(told.seen_at, now))
            verdict = None if asset is None else seen(asset, sighting.seen_at, now)
            if asset is None or verdict is None:
                continue
            known = latest.get(asset.asset_id)
            if known is None or known[1].seen_at < sighting.seen_at:
                latest[asset.asset_id] = (asset, sighting, verdict)
        if latest:
            await self._store.save_sightings(list(latest.values()))
        return [asset_not_found() if asset is None else None for asset in assets]

    async def sweep(self) -> int:
        """Looks at those whose silence is due; answers how many."""
        now = self._clock.now()
        due = await self._store.take_silent(now, BATCH)
        if due:
            await self._store.save_silent([(asset, silent(asset, now)) for asset in due])
        return len(due)
