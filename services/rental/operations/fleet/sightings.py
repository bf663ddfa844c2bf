"""Assets are seen, or are not: reports by the partner's backend, and what is made of silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.rental.domain import PartnerId, StationId
from services.rental.domain.fleet import Sighting, Station, Verdict, Watched, seen, silent
from services.rental.domain.refusals import asset_not_found, station_not_found
from services.rental.operations.fleet.ports import WatchStore
from services.values.clock import Clock
from services.values.errors import Refusal

BATCH = 500


class Sightings:
    """Keeps when and where assets were last seen."""

    def __init__(self, store: WatchStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def report(self, partner_id: PartnerId, sightings: Sequence[Sighting]) -> list[Refusal | None]:
        """None per report that is known now, whether it was news or not; ASSET_NOT_FOUND, STATION_NOT_FOUND.

        A clock that runs ahead is put right: nothing was seen later than now.
        """
        now = self._clock.now()
        assets = await self._store.watched(partner_id, [told.code for told in sightings])
        named = sorted({told.station_code for told in sightings if told.station_code})
        stations = await self._store.stations(partner_id, named) if named else {}
        refusals = [_refusal(asset, told, stations) for asset, told in zip(assets, sightings, strict=True)]
        latest: dict[str, _Seen] = {}
        for asset, told, refusal in zip(assets, sightings, refusals, strict=True):
            news = _news(asset, told, stations, now) if asset and not refusal else None
            if news and _later(news, latest.get(news[0].asset_id)):
                latest[news[0].asset_id] = news
        if latest:
            await self._store.save_sightings(list(latest.values()))
        return refusals

    async def sweep(self) -> int:
        """Looks at those whose silence is due; answers how many."""
        now = self._clock.now()
        due = await self._store.take_silent(now, BATCH)
        if due:
            await self._store.save_silent([(asset, silent(asset, now)) for asset in due])
        return len(due)


_Seen = tuple[Watched, Sighting, Verdict, StationId | None]


def _refusal(asset: Watched | None, told: Sighting, stations: Mapping[str, Station]) -> Refusal | None:
    if asset is None:
        return asset_not_found()
    return station_not_found() if told.station_code and told.station_code not in stations else None


def _news(asset: Watched, told: Sighting, stations: Mapping[str, Station], now: datetime) -> _Seen | None:
    """The sighting as it is written; None when a later one is known."""
    sighting = replace(told, seen_at=min(told.seen_at, now))
    verdict = seen(asset, sighting.seen_at, now)
    station = stations.get(told.station_code)
    if verdict is None:
        return None
    if station is None:
        return asset, sighting, verdict, None
    return asset, replace(sighting, point=station.point), verdict, station.station_id


def _later(news: _Seen, known: _Seen | None) -> bool:
    return known is None or known[1].seen_at < news[1].seen_at
