"""A fleet through the public doors: imported, seen, found by a renter, rented by its public code, and on the map."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from town import Town, new_id, refused

from freehold.rental.v1 import asset_service_pb2 as assets
from freehold.rental.v1 import feed_service_pb2 as feeds
from freehold.rental.v1 import place_service_pb2 as places
from freehold.rental.v1 import rental_service_pb2 as rental

ROOT = Path(__file__).parents[2]
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
BY_THE_SEA = assets.Point(latitude_microdegrees=36_060_000, longitude_microdegrees=120_380_000)


async def landed(town: Town, *codes: str) -> dict[str, assets.FleetAsset]:
    """Bikes of a city of their own, by code."""
    city = f"sea-{new_id()[:8]}"
    rows = [f"{code},BIKE,{town.city.price_plan_id},{city},36.06,120.38" for code in codes]
    csv = "\n".join(["code,asset_kind,price_plan_id,city,latitude,longitude", *rows])
    request = assets.ImportAssetsRequest(request_id=new_id(), csv=csv.encode())
    report = await town.api.call(town.api.assets.ImportAssets, request, town.key)
    assert (report.made, list(report.faults)) == (len(codes), [])
    listed = await town.api.call(town.api.assets.ListAssets, assets.ListAssetsRequest(city=city), town.key)
    return {one.asset.code: one for one in listed.assets}


async def found(town: Town, credential: str, **more: Any) -> list[assets.FoundAsset]:
    """SearchAssets by the sea."""
    request = assets.SearchAssetsRequest(center=BY_THE_SEA, radius_meters=300, **more)
    return list((await town.api.call(town.api.assets.SearchAssets, request, credential)).assets)


async def test_a_renter_finds_a_bike_and_rents_it_by_its_public_code(town: Town) -> None:
    code = f"SEA-{new_id()[:8]}"
    bike = (await landed(town, code))[code]
    renter = await town.new_person(score=650)
    (seen,) = await found(town, renter.token)
    (mine,) = await found(town, town.key)
    assert (seen.asset_id, mine.asset_id) == ("", bike.asset.asset_id), "to renters it has no name of its own"
    assert seen.public_code == mine.public_code != code
    assert await found(town, await town.other_partner()) == []
    ride = await town.start(renter.renter_id, seen.public_code)
    assert ride.state == rental.RENTAL_STATE_ACTIVE
    assert await found(town, renter.token) == [], "nothing is told of what is out"
    removed = assets.SetAssetStateRequest(
        request_id=new_id(), asset_id=bike.asset.asset_id, state="ASSET_STATE_REMOVED"
    )
    refusal = await refused(town.api.call(town.api.assets.SetAssetState, removed, town.key))
    assert (refusal.reason, refusal.metadata["state"]) == ("ASSET_STATE_NOT_ALLOWED", "RENTED")
    await town.end(ride.rental_id)
    assert (await refused(town.start(renter.renter_id, seen.public_code))).reason == "ASSET_NOT_FOUND"
    (again,) = await found(town, renter.token, partner_id=town.city.partner_id)
    assert again.public_code != seen.public_code
    gone = (await town.api.call(town.api.assets.SetAssetState, removed, town.key)).asset
    assert gone.asset.state == rental.ASSET_STATE_REMOVED
    assert await found(town, renter.token) == []


async def test_a_station_and_a_zone_are_told_to_renters(town: Town) -> None:
    code = f"SEA-{new_id()[:8]}"
    await landed(town, code)
    station = places.SetStationRequest(
        request_id=new_id(), code=f"PIER-{code}", name="Pier", asset_kinds=["ASSET_KIND_BIKE"], slots=3, is_open=True
    )
    station.point.CopyFrom(BY_THE_SEA)
    kept = (await town.api.call(town.api.places.SetStation, station, town.key)).station
    report = assets.AssetReport(code=code, station_code=kept.code)
    report.seen_at.FromDatetime(town.ready.clock.now())
    lost = assets.AssetReport(code="nobody-has-this")
    lost.seen_at.FromDatetime(town.ready.clock.now())
    told = assets.ReportAssetSeenRequest(request_id=new_id(), reports=[report, lost])
    answer = await town.api.call(town.api.assets.ReportAssetSeen, told, town.key)
    assert [status.reason for status in answer.statuses] == ["", "ASSET_NOT_FOUND"]
    token = town.renter("above").token
    look = places.SearchStationsRequest(center=BY_THE_SEA, radius_meters=300, asset_kind="ASSET_KIND_BIKE")
    stocks = (await town.api.call(town.api.places.SearchStations, look, token)).stations
    (here,) = [stock for stock in stocks if stock.station.station_id == kept.station_id]
    assert (here.available, here.free_slots, here.distance_meters) == (1, 2, 0)
    ask = places.GetReturnZoneRequest(point=BY_THE_SEA)
    assert (await refused(town.api.call(town.api.places.GetReturnZone, ask, token))).reason == "INVALID_FIELD"
    ask.partner_id = town.city.partner_id
    assert (await town.api.call(town.api.places.GetReturnZone, ask, token)).allowed


@pytest.mark.parametrize(("drawing", "begins"), [("PNG", b"\x89PNG"), ("SVG", b"<?xml")])
async def test_a_label_is_drawn(town: Town, drawing: str, begins: bytes) -> None:
    code = f"SEA-{new_id()[:8]}"
    bike = (await landed(town, code))[code]
    request = assets.GetAssetCodeRequest(asset_id=bike.asset.asset_id, format=f"LABEL_FORMAT_{drawing}")
    label = await town.api.call(town.api.assets.GetAssetCode, request, town.key)
    assert label.code == code
    assert label.link.endswith(code)
    assert label.image.startswith(begins)


async def test_the_commands_of_the_page_work_and_the_map_shows_the_bike(town: Town, tmp_path: Path) -> None:
    (tmp_path / ".freehold").symlink_to(town.ready.home.path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (commands,) = [b for b in _SHELL.findall((ROOT / "docs" / "partners.md").read_text()) if "ImportAssets" in b]
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-euc", commands), cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    answered, complained = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, complained.decode()
    assert '"field": "asset_kind"' in answered.decode(), "the unicycle is named"
    assert (tmp_path / "label.png").read_bytes().startswith(b"\x89PNG")
    feed = json.loads(answered.decode()[answered.decode().rindex('{"last_updated"') :])
    assert 30.24895 in [vehicle["lat"] for vehicle in feed["data"]["vehicles"]]
    request = feeds.GetGbfsFeedRequest(partner_id=town.city.partner_id, feed="GBFS_FEED_SYSTEM_INFORMATION")
    metadata = (("authorization", f"Bearer {town.renter('above').token}"),)
    (part,) = [part async for part in town.api.feeds.GetGbfsFeed(request, metadata=metadata, timeout=10)]
    assert (part.version, part.ttl_seconds) == ("3.0", 60)
    assert json.loads(part.data)["data"]["name"] == [{"text": "Lake Bikes", "language": "en"}]
