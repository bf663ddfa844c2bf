"""The payment processors that are set up: which adapters there are stands here and in the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from services.deposits.app.settings import Settings
from services.deposits.operations.ports import Processor
from services.deposits.processors.alipay import alipay_processor
from services.deposits.processors.sandbox import HttpProcessor
from services.deposits.processors.stripe import StripeProcessor
from services.deposits.processors.wechat import Gateway, WeChatProcessor
from services.runtime.clock import SystemClock, clock_of


@asynccontextmanager
async def open_processors(settings: Settings) -> AsyncIterator[dict[str, Processor]]:
    """The payment processors that are set up, by name; their connections are closed at the end."""
    async with AsyncExitStack() as opened:
        session = await opened.enter_async_context(aiohttp.ClientSession())
        secret = settings.processor_secret.get_secret_value()
        processors: dict[str, Processor] = {"sandbox": HttpProcessor(session, settings.processor_url, secret)}
        if settings.stripe_secrets is not None:
            secrets, features = settings.stripe_secrets, settings.stripe_features
            processors["stripe"] = StripeProcessor(session, settings.stripe_url, secrets, features, SystemClock())
        merchant = settings.wechat_merchant()
        if merchant is not None:
            gateway = await opened.enter_async_context(Gateway(merchant, SystemClock()))
            processors["wechat"] = WeChatProcessor(gateway, merchant)
        clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
        alipay = alipay_processor(settings, session, clock, SystemClock())
        yield processors | ({"alipay": alipay} if alipay is not None else {})
