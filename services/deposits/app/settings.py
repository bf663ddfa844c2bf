"""What deposits is told by its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.deposits.processors.alipay import AlipaySettings
from services.deposits.processors.stripe import StripeSettings
from services.deposits.processors.wechat.settings import WeChatSettings

SERVICE = "deposits"


class Settings(StripeSettings, WeChatSettings, AlipaySettings):
    """Deposits' settings, from FREEHOLD_DEPOSITS_…"""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_DEPOSITS_", frozen=True, extra="ignore")

    identity_address: str
    scoring_address: str
    rental_address: str
    processor_url: str
    processor_secret: SecretStr
    notices_port: int = Field(default=0, ge=0, le=65535)
