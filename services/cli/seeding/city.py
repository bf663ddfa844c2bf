"""A city: one partner with a policy, a price plan and bikes, and its people. Kept in the home: it is made once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from services.cli.api import Api
from services.cli.clocks import HouseClock
from services.cli.home import Home, write_private
from services.cli.seeding.business import open_business
from services.cli.seeding.cast import Expected, Part
from services.cli.seeding.inbox import Inbox
from services.cli.seeding.people import People
from services.identity.keys import mint_operator_token
from services.runtime.clock import SystemClock

OPERATOR_HOURS = 24
FRESH_SECONDS = 1800
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Renter:
    """One person: `case` says what is special, `token` is their own (empty for those who cannot get one)."""

    renter_id: str
    case: str
    expected: Expected
    token: str = field(repr=False)
    token_expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class City:
    """What the demo has to work with."""

    partner_id: str
    partner_key: str = field(repr=False)
    operator_token: str = field(repr=False)
    price_plan_id: str
    bikes: tuple[str, ...]
    renters: tuple[Renter, ...]

    def credentials(self) -> dict[str, Any]:
        """As the ready file shows it."""
        return asdict(self)

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> City:
        """What `credentials` showed."""
        renters = tuple(Renter(**{**renter, "expected": Expected(renter["expected"])}) for renter in shown["renters"])
        return cls(**{**shown, "bikes": tuple(shown["bikes"]), "renters": renters})


async def open_city(api: Api, inbox: Inbox, home: Home, clock: HouseClock, cast: Sequence[Part], bikes: int) -> City:
    """The city of this home: made now, or as it was with fresh tokens for its people and its operator."""
    operator_token = mint_operator_token(home.keys, "demo", OPERATOR_HOURS, SystemClock().now())
    before = _remembered(home)
    if before is not None:
        city = await _refreshed(api, inbox, replace(before, operator_token=operator_token), cast)
    else:
        city = await _made(api, inbox, clock, operator_token, cast, bikes)
    write_private(home.demo_file, json.dumps(city.credentials()))
    return city


async def _made(
    api: Api, inbox: Inbox, clock: HouseClock, operator_token: str, cast: Sequence[Part], bikes: int
) -> City:
    business = await open_business(api, operator_token, bikes)
    people = People(api, inbox, clock, operator_token, business.partner_id, business.key)
    limit = asyncio.Semaphore(AT_ONCE)

    async def settle_in(part: Part) -> Renter:
        async with limit:
            renter_id, token, expires_at = await people.settle_in(part)
            return Renter(renter_id, part.case, part.expected, token, expires_at)

    renters = await asyncio.gather(*(settle_in(part) for part in cast))
    return City(
        business.partner_id, business.key, operator_token, business.price_plan_id, business.bikes, tuple(renters)
    )


async def _refreshed(api: Api, inbox: Inbox, city: City, cast: Sequence[Part]) -> City:
    """The same people, with new tokens for those whose tokens end soon."""
    people = People(api, inbox, None, city.operator_token, city.partner_id, city.partner_key)
    parts = {part.case: part for part in cast}

    async def refresh(renter: Renter) -> Renter:
        if not renter.token or renter.case not in parts or renter.token_expires_at - time.time() > FRESH_SECONDS:
            return renter
        token, expires_at = await people.token(renter.renter_id, parts[renter.case].who().phone)
        return replace(renter, token=token, token_expires_at=expires_at)

    return replace(city, renters=tuple(await asyncio.gather(*(refresh(renter) for renter in city.renters))))


def _remembered(home: Home) -> City | None:
    if not home.demo_file.exists():
        return None
    return City.of(json.loads(home.demo_file.read_text(encoding="utf-8")))
