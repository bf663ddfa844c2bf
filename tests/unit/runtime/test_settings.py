"""Settings are validated whole, told by their full names, and never by their values; the clocks they ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic_settings import SettingsConfigDict

from services.runtime.clock import ScaledClock, clock_of, real_of
from services.runtime.settings import ServiceSettings, SettingsError, load

GOOD = {
    "DSN": "postgresql://u:canary@/db",
    "PUBLIC_PORT": "7000",
    "INTERNAL_PORT": "7001",
    "HEALTH_PORT": "7002",
    "METRICS_PORT": "7003",
    "TLS_DIR": "/srv/tls",
}


class Settings(ServiceSettings):
    """A service's own class."""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_BARN_")

    hay: int = 1


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in {**GOOD, **variables}.items():
        monkeypatch.setenv(f"FREEHOLD_BARN_{name}", value)


def test_a_service_reads_its_own_variables_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, HAY="3")
    monkeypatch.setenv("FREEHOLD_STABLE_HAY", "9")
    settings = load(Settings)
    assert (settings.hay, settings.public_port) == (3, 7000)
    assert settings.dsn.get_secret_value() == GOOD["DSN"]
    assert "canary" not in repr(settings)


def test_every_bad_variable_is_named_at_once_and_no_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PUBLIC_PORT="canary", METRICS_PORT="70000", LOG_LEVEL="canary", HAY="canary")
    monkeypatch.delenv("FREEHOLD_BARN_DSN")
    with pytest.raises(SettingsError) as told:
        load(Settings)
    named = {line.split(":")[0] for line in str(told.value).splitlines()}
    assert named == {f"FREEHOLD_BARN_{name}" for name in ("DSN", "PUBLIC_PORT", "METRICS_PORT", "LOG_LEVEL", "HAY")}
    assert "canary" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize("proxies", ["10.0.0.0/33", "the proxy", "10.0.0.1/8"])
def test_proxies_that_are_no_networks_are_named(monkeypatch: pytest.MonkeyPatch, proxies: str) -> None:
    given(monkeypatch, TRUSTED_PROXIES=proxies)
    with pytest.raises(SettingsError, match="FREEHOLD_BARN_TRUSTED_PROXIES: must be"):
        load(Settings)
    given(monkeypatch, TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.7,2001:db8::/32")
    load(Settings)


@pytest.mark.parametrize(
    "epochs",
    [
        {},
        {"CLOCK_EPOCH_REAL": "2026-01-01T00:00:00Z"},
        {"CLOCK_EPOCH_REAL": "2026-01-01T00:00:00", "CLOCK_EPOCH_VIRTUAL": "2026-01-01T00:00:00Z"},
    ],
    ids=["no epoch", "half a clock", "no time zone"],
)
def test_a_faster_clock_needs_both_of_its_epochs(monkeypatch: pytest.MonkeyPatch, epochs: dict[str, str]) -> None:
    given(monkeypatch, CLOCK_SCALE="60", **epochs)
    with pytest.raises(SettingsError, match="FREEHOLD_BARN_CLOCK_EPOCH"):
        load(Settings)


def test_processes_with_the_same_settings_share_one_faster_time() -> None:
    real = datetime.now(UTC) - timedelta(seconds=10)
    virtual = datetime(2030, 1, 1, tzinfo=UTC)
    one, other = clock_of(60.0, real, virtual), ScaledClock(real, virtual, 60.0)
    shown = one.now()
    assert timedelta(0) <= other.now() - shown < timedelta(seconds=60)
    assert timedelta(seconds=600) <= shown - virtual < timedelta(seconds=660)
    assert real_of(one, virtual + timedelta(minutes=2)) == real + timedelta(seconds=2)
    assert real_of(clock_of(1.0, None, None), virtual) == virtual


def test_without_a_scale_the_clock_is_the_machines() -> None:
    assert abs(clock_of(1.0, None, None).now() - datetime.now(UTC)) < timedelta(seconds=1)
