"""Alipay's settings, all or none: the processor exists when its app id is set."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from services.deposits.processors.alipay.adapter import AlipayProcessor
from services.deposits.processors.alipay.client import Client
from services.deposits.processors.alipay.requests import Terms
from services.deposits.processors.alipay.signatures import KeysUnusable, load_keys
from services.values.clock import Clock


class AlipaySettings(BaseSettings):
    """What deposits' settings hold for Alipay. Keys are files, so that no key is ever in the environment."""

    alipay_app_id: str = Field(default="", pattern="^[0-9]{0,32}$")
    alipay_gateway: str = Field(default="https://openapi.alipay.com/gateway.do", pattern="^https?://")
    alipay_keys_dir: Path | None = Field(default=None, validate_default=True)
    alipay_notice_url: str = Field(default="", validate_default=True)
    alipay_seller_id: str = Field(default="", pattern="^(2088[0-9]{12})?$")
    alipay_authorization_days: int = Field(default=30, ge=1, le=365)
    alipay_confirm_minutes: int = Field(default=2, ge=1, le=60)
    alipay_credit_category: str = Field(default="", pattern="^[A-Z_]{0,40}$")
    alipay_credit_service_id: str = Field(default="", pattern="^[0-9]{0,64}$", validate_default=True)

    @field_validator("alipay_keys_dir")
    @classmethod
    def _keys_are_there(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if _whole(value is not None, info) and value is not None:
            try:
                load_keys(value)
            except KeysUnusable as reason:
                raise ValueError(str(reason)) from None
        return value

    @field_validator("alipay_notice_url")
    @classmethod
    def _notices_have_an_address(cls, value: str, info: ValidationInfo) -> str:
        if _whole(bool(value), info) and not value.startswith(("https://", "http://")):
            raise ValueError("must be a URL that Alipay reaches, ending in /processors/alipay/notices")
        return value

    @field_validator("alipay_credit_service_id")
    @classmethod
    def _credit_is_whole(cls, value: str, info: ValidationInfo) -> str:
        if bool(value) != bool(info.data.get("alipay_credit_category")):
            raise ValueError("comes together with alipay_credit_category")
        return value


def _whole(given: bool, info: ValidationInfo) -> bool:
    """Whether Alipay is set up; raises ValueError when it is by half."""
    wanted = bool(info.data.get("alipay_app_id"))
    if wanted and not given:
        raise ValueError("needed with alipay_app_id")
    if given and not wanted:
        raise ValueError("needs alipay_app_id")
    return wanted


def alipay_processor(
    settings: AlipaySettings, session: aiohttp.ClientSession, clock: Clock, real: Clock
) -> AlipayProcessor | None:
    """The processor as it is set up; None when it is not. Raises KeysUnusable."""
    if not settings.alipay_app_id or settings.alipay_keys_dir is None:
        return None
    keys = load_keys(settings.alipay_keys_dir)
    client = Client(session, settings.alipay_gateway, settings.alipay_app_id, keys, settings.alipay_notice_url)
    terms = Terms(
        settings.alipay_authorization_days,
        settings.alipay_confirm_minutes,
        settings.alipay_seller_id,
        settings.alipay_credit_category,
        settings.alipay_credit_service_id,
    )
    return AlipayProcessor(client, terms, clock, real)
