"""Stripe's variables: the processor exists when its key is set, and a half-set one ends the start."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from services.runtime.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Features:
    """What the Stripe account may do beyond one capture of what is held.

    A card that cannot keep what is declared here by `multicapture` or `overcapture_percent` is declined: deposits would
    ask its hold for what it cannot give. Raising a hold may be declined at any time, so `incremental` asks nothing.
    """

    multicapture: bool = False
    incremental: bool = False
    overcapture_percent: int = 0


class StripeSettings(ServiceSettings):
    """The part of deposits' settings that is Stripe's."""

    stripe_url: str = "https://api.stripe.com"
    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = Field(default=None, validate_default=True)
    stripe_multicapture: bool = False
    stripe_incremental: bool = False
    stripe_overcapture_percent: int = Field(default=0, ge=0, le=100)

    @field_validator("stripe_webhook_secret")
    @classmethod
    def _key_and_webhook_secret_come_together(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Without the secret every webhook would be refused, and nobody would notice but by slowness."""
        if _is_set(value) != _is_set(info.data.get("stripe_secret_key")):
            raise ValueError("stripe_secret_key and stripe_webhook_secret come together")
        return value

    @property
    def stripe_features(self) -> Features:
        """What the account may do."""
        return Features(self.stripe_multicapture, self.stripe_incremental, self.stripe_overcapture_percent)

    @property
    def stripe_secrets(self) -> tuple[str, str] | None:
        """The secret key and the webhook endpoint's secret; None when Stripe is not set up."""
        key, webhook = self.stripe_secret_key, self.stripe_webhook_secret
        if key is None or webhook is None or not _is_set(key):
            return None
        return key.get_secret_value(), webhook.get_secret_value()


def _is_set(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value())
