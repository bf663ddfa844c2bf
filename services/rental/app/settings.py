"""What rental is told by its environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import ServiceSettings

SERVICE = "rental"


class Settings(ServiceSettings):
    """What rental needs besides what every service needs. Seconds are real time."""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_RENTAL_", frozen=True, extra="ignore")

    identity_address: str = Field(min_length=1)
    deposits_address: str = Field(min_length=1)
    scoring_address: str = Field(min_length=1)

    activation_seconds: float = Field(default=60.0, gt=0, le=600)
    recheck_seconds: float = Field(default=1.0, gt=0, le=60)
    lease_seconds: float = Field(default=5.0, gt=0, le=60)
    sweep_seconds: float = Field(default=1.0, gt=0, le=60)
    upstream_seconds: float = Field(default=3.0, gt=0, le=10)
