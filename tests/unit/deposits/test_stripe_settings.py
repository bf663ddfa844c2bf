"""Stripe's settings: none, whole, or an error that names the variable."""

from __future__ import annotations

import pytest

from services.deposits.app import Settings
from services.runtime.settings import SettingsError, load

GOOD = {
    "DSN": "postgresql://u@/db", "PUBLIC_PORT": "7000", "INTERNAL_PORT": "7001", "HEALTH_PORT": "7002",
    "METRICS_PORT": "7003", "TLS_DIR": "/srv/tls", "PROCESSOR_URL": "http://localhost", "PROCESSOR_SECRET": "s",
    "IDENTITY_ADDRESS": "i:1", "SCORING_ADDRESS": "s:1", "RENTAL_ADDRESS": "r:1",
}  # fmt: skip


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in {**GOOD, **variables}.items():
        monkeypatch.setenv(f"FREEHOLD_DEPOSITS_{name}", value)
    return load(Settings)


def test_there_is_no_stripe_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch).stripe_secrets is None
    assert given(monkeypatch, STRIPE_SECRET_KEY="", STRIPE_WEBHOOK_SECRET="").stripe_secrets is None


def test_a_whole_one_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch,
        STRIPE_SECRET_KEY="sk_canary",
        STRIPE_WEBHOOK_SECRET="whsec_canary",
        STRIPE_MULTICAPTURE="true",
        STRIPE_OVERCAPTURE_PERCENT="15",
    )
    assert settings.stripe_secrets == ("sk_canary", "whsec_canary")
    features = settings.stripe_features
    assert (features.multicapture, features.incremental, features.overcapture_percent) == (True, False, 15)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("half", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_half_of_it_ends_the_start(monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    with pytest.raises(SettingsError) as told:
        given(monkeypatch, **{half: "canary"})
    assert str(told.value) == (
        "FREEHOLD_DEPOSITS_STRIPE_WEBHOOK_SECRET: stripe_secret_key and stripe_webhook_secret come together"
    )
