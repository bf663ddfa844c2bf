"""Settings: one frozen class per service, from the environment, validated whole before any port opens."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TypeVar

from limits import parse_many
from pydantic import AwareDatetime, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.addresses import parse_networks


class SettingsError(Exception):
    """The environment does not describe a service; the message names every bad variable."""


class ServiceSettings(BaseSettings):
    """What every service needs; a service's own class adds its fields and its environment prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    dsn: SecretStr
    pool_size: int = Field(default=8, ge=1, le=64)

    host: str = "127.0.0.1"
    public_port: int = Field(ge=0, le=65535)
    internal_port: int = Field(ge=0, le=65535)
    health_port: int = Field(ge=0, le=65535)
    metrics_port: int = Field(ge=0, le=65535)
    tls_dir: Path
    public_plaintext: bool = False
    public_tls_dir: Path | None = Field(default=None, validate_default=True)

    trusted_proxies: str = ""
    api_key_rate: str = "3000/second"
    partner_rate: str = "6000/second"
    renter_rate: str = "20/second;300/minute"
    staff_rate: str = "20/second;300/minute"
    operator_rate: str = "200/second"
    anonymous_rate: str = "5/second;60/minute"
    authentication_failures: int = Field(default=100, ge=1)

    identity_address: str = ""
    scoring_address: str = ""
    deposits_address: str = ""
    rental_address: str = ""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    otlp_endpoint: str = ""
    trace_sample_ratio: float = Field(default=0.01, ge=0, le=1)

    drain_seconds: float = Field(default=10.0, ge=0, le=300)
    pre_stop_seconds: float = Field(default=0.0, ge=0, le=300)
    max_connection_age_seconds: int = Field(default=600, ge=1)

    clock_scale: float = Field(default=1.0, gt=0, le=100_000)
    clock_epoch_real: AwareDatetime | None = None
    clock_epoch_virtual: AwareDatetime | None = Field(default=None, validate_default=True)

    @field_validator("public_tls_dir")
    @classmethod
    def _public_is_not_in_the_clear(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """Credentials and personal data cross the public door."""
        clear = value is None and not info.data.get("public_plaintext")
        if clear and not _is_loopback(str(info.data.get("host", ""))):
            raise ValueError("needed on a host that others reach (or public_plaintext=true, behind what ends TLS)")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: str) -> str:
        try:
            parse_networks(value)
        except ValueError:
            raise ValueError('must be addresses or networks, like "10.0.0.7,192.168.0.0/16"') from None
        return value

    @field_validator("api_key_rate", "partner_rate", "renter_rate", "staff_rate", "operator_rate", "anonymous_rate")
    @classmethod
    def _rate_is_one(cls, value: str) -> str:
        try:
            parse_many(value)
        except ValueError:
            raise ValueError('must be like "20/second" or "20/second;300/minute"') from None
        return value

    @field_validator("clock_epoch_virtual")
    @classmethod
    def _clock_is_whole(cls, value: AwareDatetime | None, info: ValidationInfo) -> AwareDatetime | None:
        """Without both epochs each process would start a faster clock of its own."""
        if info.data.get("clock_scale", 1.0) != 1.0 and None in (value, info.data.get("clock_epoch_real")):
            raise ValueError("a clock_scale needs clock_epoch_real and clock_epoch_virtual")
        return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


S = TypeVar("S", bound=ServiceSettings)


def load(settings_class: type[S]) -> S:
    """The settings from the environment.

    Raises:
        SettingsError: naming every missing or bad variable at once, never their values.
    """
    try:
        return settings_class()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        prefix = str(settings_class.model_config.get("env_prefix", ""))
        lines = [f"{prefix}{_name(e['loc'])}: {e['msg']}".replace("Value error, ", "") for e in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _name(location: tuple[int | str, ...]) -> str:
    return "__".join(str(part) for part in location).upper()
