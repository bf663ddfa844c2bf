"""Who we are at WeChat Pay, and the keys of both sides, which lie in a folder: never in the environment or a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

PRIVATE_KEY, API_V3_KEY, PLATFORM_KEYS = "apiclient_key.pem", "apiv3_key", "PUB_KEY_ID_*.pem"
_API_V3_KEY_BYTES = 32


class KeysError(ValueError):
    """The folder does not hold the keys that are needed; the message names the file, never what is in it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Our private key, the APIv3 key (AES-256-GCM) and WeChat's public keys by their ids, all as text."""

    private_key: str = field(repr=False)
    api_v3_key: str = field(repr=False)
    platform: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Merchant:
    """One merchant with one Pay Score service.

    Attributes:
        certificate_serial: the serial number of our API certificate, by which WeChat finds our public key.
        platform_key_id: the public key with which WeChat's answers are to be signed. Notices may come signed with any
            key of the folder, so that a change of keys loses none.
        notice_url: where WeChat sends notices: the public address of `/processors/wechat/notices`.
        introduction: what renters read on the order, at most 20 characters.
    """

    merchant_id: str
    app_id: str
    service_id: str
    certificate_serial: str
    platform_key_id: str
    notice_url: str
    introduction: str
    url: str
    keys: Keys


def read_keys(folder: Path, platform_key_id: str) -> Keys:
    """The keys of a folder: `apiclient_key.pem`, `apiv3_key`, and `PUB_KEY_ID_….pem` for each key of WeChat's.

    Raises:
        KeysError: naming the file that is missing or does not hold what its name says.
    """
    private_key, api_v3_key = _read(folder / PRIVATE_KEY), _read(folder / API_V3_KEY).strip()
    platform = {path.stem: _read(path) for path in sorted(folder.glob(PLATFORM_KEYS))}
    if platform_key_id not in platform:
        raise KeysError(f"no {platform_key_id}.pem in the folder of keys")
    if len(api_v3_key.encode()) != _API_V3_KEY_BYTES:
        raise KeysError(f"{API_V3_KEY} does not hold {_API_V3_KEY_BYTES} bytes")
    try:
        load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):
        raise KeysError(f"{PRIVATE_KEY} does not hold a private key") from None
    for key_id, text in platform.items():
        try:
            load_pem_public_key(text.encode())
        except ValueError:
            raise KeysError(f"{key_id}.pem does not hold a public key") from None
    return Keys(private_key, api_v3_key, platform)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise KeysError(f"cannot read {path.name} in the folder of keys") from None
