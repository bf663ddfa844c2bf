"""GBFS feeds: a document is made once in its time to live, in pieces, so that rentals are not kept waiting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.rental.domain import PartnerId, fingerprint
from services.rental.domain.fleet import Profile, SetFleetProfile, Stock, check_profile, gbfs
from services.rental.domain.fleet.gbfs import Feed, MapVehicle
from services.rental.domain.fleet.tariffs import Document
from services.rental.domain.kinds import KINDS
from services.rental.domain.refusals import fleet_profile_not_set
from services.rental.operations.fleet.assets import Fleet
from services.rental.operations.fleet.places import Places
from services.rental.operations.fleet.ports import FeedStore, SeenVehicle
from services.values.clock import Clock

PAGE = 500
_MOST_KEPT = 64
_NO_VEHICLES = b'"vehicles": []'

_Key = tuple[PartnerId, Feed, str]


@dataclass(frozen=True, slots=True)
class Made:
    """A document, when it was made, and until when it serves."""

    content: bytes
    at: datetime

    @property
    def until(self) -> datetime:
        """When the next one is due."""
        return self.at + timedelta(seconds=gbfs.TTL_SECONDS)


class Feeds:
    """Tells maps what a partner's vehicles and stations are."""

    def __init__(self, store: FeedStore, fleet: Fleet, places: Places, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._places = places
        self._clock = clock
        self._made: dict[_Key, Made] = {}
        self._making: dict[_Key, asyncio.Lock] = {}

    async def set_profile(self, command: SetFleetProfile) -> Profile:
        """Says what feeds and labels say. Raises INVALID_FIELD, REQUEST_ID_REUSED."""
        check_profile(command.profile)
        return await self._store.set_profile(command, fingerprint(command), self._clock.now())

    async def profile(self, partner_id: PartnerId) -> Profile | None:
        """What feeds and labels say; None when the partner has said nothing."""
        return await self._store.profile(partner_id)

    async def get(self, partner_id: PartnerId, feed: Feed, base_url: str) -> Made:
        """The document; whoever asks for one that is being made waits for it. Raises FLEET_PROFILE_NOT_SET."""
        key = (partner_id, feed, base_url if feed is Feed.GBFS else "")
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                known = self._made.get(key)
                if known is not None and known.at <= self._clock.now() < known.until:
                    return known
                made = await self._make(partner_id, feed, base_url)
                self._keep(key, made)
                return made
        finally:
            if not lock.locked():
                self._making.pop(key, None)

    def _keep(self, key: _Key, made: Made) -> None:
        self._made.pop(key, None)
        self._made[key] = made
        for old in list(self._made)[:-_MOST_KEPT]:
            del self._made[old]

    async def _make(self, partner_id: PartnerId, feed: Feed, base_url: str) -> Made:
        at = self._clock.now()
        profile = await self.profile(partner_id)
        if profile is None:
            raise fleet_profile_not_set()
        if feed is Feed.VEHICLE_STATUS:
            frame = json.dumps(gbfs.document(gbfs.vehicle_status([]), at)).encode()
            before, _, after = frame.partition(_NO_VEHICLES)
            pages = b", ".join(await self._vehicles(partner_id, profile))
            return Made(b"".join((before, _NO_VEHICLES[:-1], pages, b"]", after)), at)
        data = await self._data(partner_id, feed, base_url, profile)
        return Made(json.dumps(gbfs.document(data, at), ensure_ascii=False).encode(), at)

    async def _data(self, partner_id: PartnerId, feed: Feed, base_url: str, profile: Profile) -> Document:
        match feed:
            case Feed.GBFS:
                return gbfs.discovery(base_url)
            case Feed.SYSTEM_INFORMATION:
                return gbfs.system_information(partner_id, profile)
            case Feed.VEHICLE_TYPES:
                return gbfs.vehicle_types(await self._store.types(partner_id))
            case Feed.STATION_INFORMATION:
                return gbfs.station_information(profile, await self._stations(partner_id))
            case Feed.STATION_STATUS:
                return gbfs.station_status(await self._stations(partner_id))
            case Feed.SYSTEM_PRICING_PLANS:
                types = await self._store.types(partner_id)
                plan_ids = sorted({plan_id for plans in types.values() for plan_id in plans})
                return gbfs.system_pricing_plans(profile, await self._store.plans(partner_id, plan_ids))
            case _:
                return gbfs.geofencing_zones(profile, await self._places.zones(partner_id))

    async def _stations(self, partner_id: PartnerId) -> list[Stock]:
        """Stations of vehicles."""
        found: list[Stock] = []
        after = ""
        while page := await self._places.list_stations(partner_id, after, PAGE):
            found += page
            after = page[-1].station.station_id
        return [stock for stock in found if any(KINDS[kind].vehicle for kind in stock.station.asset_kinds)]

    async def _vehicles(self, partner_id: PartnerId, profile: Profile) -> list[bytes]:
        """The entries of all vehicles as JSON, a piece a page, so that nobody waits for the whole of a large fleet."""
        pieces: list[bytes] = []
        after = ""
        while page := await self._store.vehicles_after(partner_id, after, PAGE):
            entries = await self._entries(partner_id, profile, page)
            pieces += [json.dumps(entries)[1:-1].encode()] if entries else []
            after = page[-1].asset_id
        return pieces

    async def _entries(self, partner_id: PartnerId, profile: Profile, page: Sequence[SeenVehicle]) -> list[Document]:
        codes = await self._fleet.public_codes([(partner_id, seen.asset_id) for seen in page])
        known = ((seen, codes.get((partner_id, seen.asset_id))) for seen in page)
        entries = (
            gbfs.vehicle(_on_the_map(seen, code.code), profile)
            for seen, code in known
            if code and code.uses == seen.uses
        )
        return [entry for entry in entries if entry is not None]


def _on_the_map(seen: SeenVehicle, code: str) -> MapVehicle:
    whose = (seen.asset_kind, seen.asset_class, seen.price_plan_id)
    return MapVehicle(code, *whose, seen.state, seen.whereabouts)
