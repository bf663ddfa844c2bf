"""Which merchant we are at WeChat Pay: flat fields of deposits' settings. Without a merchant there is no processor."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from services.deposits.processors.wechat.merchant import Merchant, read_keys

_NEEDED = (
    "wechat_app_id", "wechat_service_id", "wechat_certificate_serial", "wechat_platform_key_id", "wechat_notice_url",
)  # fmt: skip


class WeChatSettings(BaseSettings):
    """All of them or none; what is missing is named, and no key is ever a setting."""

    wechat_merchant_id: str = Field(default="", pattern="^[0-9]{0,32}$")
    wechat_app_id: str = Field(default="", validate_default=True)
    wechat_service_id: str = Field(default="", validate_default=True)
    wechat_certificate_serial: str = Field(default="", validate_default=True)
    wechat_platform_key_id: str = Field(default="", validate_default=True)
    wechat_notice_url: str = Field(default="", validate_default=True)
    wechat_keys_dir: Path | None = Field(default=None, validate_default=True)
    wechat_introduction: str = Field(default="免押租赁服务", min_length=1, max_length=20)
    wechat_url: str = "https://api.mch.weixin.qq.com"

    @field_validator(*_NEEDED)
    @classmethod
    def _is_whole(cls, value: str, info: ValidationInfo) -> str:
        _check(bool(value), info)
        return value

    @field_validator("wechat_keys_dir")
    @classmethod
    def _has_keys(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """Looks into the folder now: a key that is missing is found before a port opens, not by the first renter."""
        _check(value is not None, info)
        if value is not None and info.data.get("wechat_platform_key_id"):
            read_keys(value, info.data["wechat_platform_key_id"])
        return value

    def wechat_merchant(self) -> Merchant | None:
        """The merchant and its keys; None when none is set up."""
        if not self.wechat_merchant_id or self.wechat_keys_dir is None:
            return None
        return Merchant(
            self.wechat_merchant_id,
            self.wechat_app_id,
            self.wechat_service_id,
            self.wechat_certificate_serial,
            self.wechat_platform_key_id,
            self.wechat_notice_url,
            self.wechat_introduction,
            self.wechat_url,
            read_keys(self.wechat_keys_dir, self.wechat_platform_key_id),
        )


def _check(is_set: bool, info: ValidationInfo) -> None:
    merchant = info.data.get("wechat_merchant_id")
    if merchant and not is_set:
        raise ValueError("needed with wechat_merchant_id")
    if is_set and merchant == "":
        raise ValueError("set without wechat_merchant_id")
