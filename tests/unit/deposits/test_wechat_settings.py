"""A merchant of WeChat's is set up whole or not at all; what is missing is named, and no key is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.deposits.app import Settings
from services.deposits.app.processors import open_processors as processors_of
from services.runtime.settings import SettingsError, load

PREFIX = "FREEHOLD_DEPOSITS_"
KEY_ID = "PUB_KEY_ID_0116"
API_V3_KEY = "canary-canary-canary-canary-3232"
WHOLE = {
    "WECHAT_MERCHANT_ID": "1900000109",
    "WECHAT_APP_ID": "wx1",
    "WECHAT_SERVICE_ID": "500001",
    "WECHAT_CERTIFICATE_SERIAL": "444F",
    "WECHAT_PLATFORM_KEY_ID": KEY_ID,
    "WECHAT_NOTICE_URL": "https://deposits.example/processors/wechat/notices",
}
REST = {
    **dict.fromkeys(("PUBLIC_PORT", "INTERNAL_PORT", "HEALTH_PORT", "METRICS_PORT"), "7000"),
    **dict.fromkeys(("IDENTITY_ADDRESS", "SCORING_ADDRESS", "RENTAL_ADDRESS"), "127.0.0.1:1"),
    "DSN": "postgresql://u@/db",
    "TLS_DIR": "/srv/tls",
    "PROCESSOR_URL": "http://127.0.0.1:1",
    "PROCESSOR_SECRET": "s",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    key = generate_private_key(65537, 2048)
    (folder / "apiclient_key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{KEY_ID}.pem").write_bytes(public)
    (folder / "apiv3_key").write_text(API_V3_KEY)
    return folder


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in {**REST, **variables}.items():
        monkeypatch.setenv(PREFIX + name, value)


def test_without_a_merchant_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch)
    assert load(Settings).wechat_merchant() is None


def test_a_whole_merchant_has_its_keys_and_shows_none(monkeypatch: pytest.MonkeyPatch, keys: Path) -> None:
    given(monkeypatch, **WHOLE, WECHAT_KEYS_DIR=str(keys))
    settings = load(Settings)
    merchant = settings.wechat_merchant()
    assert merchant is not None
    assert (merchant.merchant_id, merchant.service_id, merchant.keys.api_v3_key) == ("1900000109", "500001", API_V3_KEY)
    assert list(merchant.keys.platform) == [KEY_ID]
    shown = f"{settings!r} {merchant!r}"
    assert "canary" not in shown
    assert "KEY-----" not in shown


@pytest.mark.parametrize("missing", [*WHOLE, "WECHAT_KEYS_DIR"])
def test_half_a_merchant_is_an_error_that_names_the_other_half(
    monkeypatch: pytest.MonkeyPatch, keys: Path, missing: str
) -> None:
    variables = {**WHOLE, "WECHAT_KEYS_DIR": str(keys)}
    del variables[missing]
    given(monkeypatch, **variables)
    with pytest.raises(SettingsError) as told:
        load(Settings)
    lines = str(told.value).splitlines()
    named = {line.split(":")[0].removeprefix(PREFIX) for line in lines}
    if missing == "WECHAT_MERCHANT_ID":
        assert named == variables.keys()
        assert all(line.endswith("set without wechat_merchant_id") for line in lines)
    else:
        assert named == {missing}
        assert lines[0].endswith("needed with wechat_merchant_id")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("apiclient_key.pem", None, "cannot read apiclient_key.pem"),
        ("apiclient_key.pem", "canary", "apiclient_key.pem does not hold a private key"),
        ("apiv3_key", "canary", "apiv3_key does not hold 32 bytes"),
        (f"{KEY_ID}.pem", None, f"no {KEY_ID}.pem"),
        (f"{KEY_ID}.pem", "canary", f"{KEY_ID}.pem does not hold a public key"),
    ],
)
def test_a_folder_without_the_right_keys_is_found_before_a_port_opens(
    monkeypatch: pytest.MonkeyPatch, keys: Path, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    for path in keys.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    given(monkeypatch, **WHOLE, WECHAT_KEYS_DIR=str(tmp_path))
    with pytest.raises(SettingsError) as told:
        load(Settings)
    assert str(told.value).startswith(f"{PREFIX}WECHAT_KEYS_DIR: ")
    assert said in str(told.value)
    assert "canary" not in str(told.value)


def test_the_document_names_every_variable() -> None:
    document = Path(__file__).parents[3] / "docs" / "processors" / "wechat.md"
    named = set(re.findall(r"`(WECHAT_[A-Z_]+)`", document.read_text()))
    assert named == {name.upper() for name in Settings.model_fields if name.startswith("wechat_")}


async def test_the_processor_is_there_when_its_merchant_is(monkeypatch: pytest.MonkeyPatch, keys: Path) -> None:
    given(monkeypatch)
    async with processors_of(load(Settings)) as without:
        assert set(without) == {"sandbox"}
    given(monkeypatch, **WHOLE, WECHAT_KEYS_DIR=str(keys))
    async with processors_of(load(Settings)) as processors:
        assert processors["wechat"].capabilities.name == "wechat"
