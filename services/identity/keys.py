"""Identity's keys: files in one folder, readable by their owner only. In a cluster the folder is a mounted secret."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from services.runtime.authenticators import ALGORITHM, AUDIENCE, ISSUER
from services.runtime.key_ring import FIRST_KEY, KeysError, create_key, read_secret, write_secret

_SECRETS = ("blind_index.key", "api_key_pepper.key")
_SIGNING = "token_signing.pem"
OPERATOR_HOURS_LIMIT = 24 * 30


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys, in memory."""

    blind_index: bytes
    api_key_pepper: bytes
    signing: OKPKey

    def __repr__(self) -> str:
        return "Keys(…)"


def create_keys(folder: Path) -> None:
    """Makes the keys that are missing in `folder`; those that exist are left alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (FIRST_KEY, *_SECRETS):
        create_key(folder / name)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(folder / _SIGNING, pem)


def load_keys(folder: Path) -> Keys:
    """The keys in `folder`; raises KeysError."""
    try:
        index, pepper = (read_secret(folder / name) for name in _SECRETS)
        signing = OKPKey.import_key((folder / _SIGNING).read_bytes())
    except (OSError, ValueError) as error:
        raise KeysError(f"{folder}: {type(error).__name__}: a key is missing or malformed") from None
    signing.ensure_kid()
    return Keys(index, pepper, signing)


def verification_keys(keys: Keys) -> KeySet:
    """The public half, which verifies tokens."""
    return KeySet([OKPKey.import_key(keys.signing.as_dict(private=False))])


def sign_token(
    keys: Keys, role: str, subject: str, now: datetime, life: timedelta, **claims: Any
) -> tuple[str, datetime]:
    """A token for `subject`, and when it ends: `life` after `now` (real time), cut to whole seconds."""
    begins = int(now.timestamp())
    ends = begins + int(life.total_seconds())
    body = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "role": role,
        "iat": begins,
        "nbf": begins,
        "exp": ends,
        "jti": uuid.uuid4().hex,
        **claims,
    }
    header = {"alg": ALGORITHM, "kid": keys.signing.kid, "typ": "JWT"}
    token = jwt.encode(header, body, keys.signing, algorithms=[ALGORITHM])
    return token, datetime.fromtimestamp(ends, UTC)


def sign_statement(keys: Keys, audience: str, content: dict[str, Any]) -> str:
    """A statement that the public keys verify and that is no credential: its audience is another one."""
    header = {"alg": ALGORITHM, "kid": keys.signing.kid, "typ": "JWT"}
    body = {"iss": ISSUER, "aud": audience, **content}
    return jwt.encode(header, body, keys.signing, algorithms=[ALGORITHM])


def mint_operator_token(folder: Path, name: str, hours: int, now: datetime) -> str:
    """A token for the operator `name`; whoever can read the keys is trusted to say who operates."""
    if not 0 < hours <= OPERATOR_HOURS_LIMIT:
        raise KeysError(f"hours must lie between 1 and {OPERATOR_HOURS_LIMIT}")
    token, _ = sign_token(load_keys(folder), "operator", name, now, timedelta(hours=hours))
    return token
