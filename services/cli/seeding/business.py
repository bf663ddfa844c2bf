"""The demo partner: a bike company that waives the deposit above 600 and takes ¥99 otherwise.

Every request_id is fixed, so that a seeding that was broken off is simply done again; only a key is new each time,
because its secret is shown once.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from freehold.assets.v1 import asset_kind_pb2
from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.api import Api
from services.cli.seeding.cast import THRESHOLD
from services.values.errors import Refusal

NAME = "Riverside Bikes"
CURRENCY = "CNY"
DEPOSIT_MINOR = 9900
BIKE = asset_kind_pb2.ASSET_KIND_BIKE


@dataclass(frozen=True, slots=True)
class Business:
    """The partner and what it rents out; `bikes` are the codes that people scan."""

    partner_id: str
    key: str = field(repr=False)
    price_plan_id: str
    bikes: tuple[str, ...]


async def open_business(api: Api, operator_token: str, bikes: int) -> Business:
    """Registers the partner, its key, its policy, its price plan and its bikes."""
    register = identity.RegisterPartnerRequest(request_id="demo-partner", display_name=NAME)
    partner_id = (await api.call(api.identity.RegisterPartner, register, operator_token)).partner.partner_id
    create_key = identity.CreateApiKeyRequest(
        request_id=uuid.uuid4().hex, partner_id=partner_id, display_name="the demo's app"
    )
    key = (await api.call(api.identity.CreateApiKey, create_key, operator_token)).secret
    _, price_plan_id = await asyncio.gather(_set_policy(api, key), _create_price_plan(api, key))
    codes = tuple(f"BIKE-{number:04}" for number in range(1, bikes + 1))
    await asyncio.gather(*(create_bike(api, key, code, price_plan_id) for code in codes))
    return Business(partner_id, key, price_plan_id, codes)


async def _set_policy(api: Api, key: str) -> None:
    request = deposits.SetPolicyRequest(
        request_id="demo-policy",
        asset_kind=BIKE,
        threshold=THRESHOLD,
        deposit=money_pb2.Money(currency_code=CURRENCY, amount_minor=DEPOSIT_MINOR),
        reason="public bikes: waive above 600",
    )
    await api.call(api.deposits.SetPolicy, request, key)


async def _create_price_plan(api: Api, key: str) -> str:
    """¥1.50 for the first half hour, ¥1.00 for each half hour after it, at most ¥20 a day."""
    request = rental.CreatePricePlanRequest(
        request_id="demo-plan",
        currency_code=CURRENCY,
        base_minor=150,
        segments=[rental.PriceSegment(start_minute=30, rate_minor=100, interval_minutes=30)],
        cap_per_day_minor=2000,
    )
    return (await api.call(api.rental.CreatePricePlan, request, key)).price_plan.price_plan_id


async def create_bike(api: Api, key: str, code: str, price_plan_id: str) -> None:
    """One bike; one that is there already stays as it is."""
    request = rental.CreateAssetRequest(
        request_id=f"demo-{code}", asset_kind=BIKE, code=code, price_plan_id=price_plan_id
    )
    try:
        await api.call(api.rental.CreateAsset, request, key)
    except Refusal as refusal:
        if refusal.reason != "ASSET_CODE_TAKEN":
            raise
