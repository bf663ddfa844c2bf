"""What identity is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import ServiceSettings

SERVICE = "identity"


class Settings(ServiceSettings):
    """Identity's settings, from FREEHOLD_IDENTITY_…"""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_IDENTITY_", frozen=True, extra="ignore")

    keys_dir: Path
    scoring_address: str
    deposits_address: str
    rental_address: str
    registry_url: str
    registry_secret: SecretStr
    carrier_url: str
    carrier_secret: SecretStr
