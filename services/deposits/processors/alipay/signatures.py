"""RSA2, which is SHA256withRSA: what is signed, with which key. Keys are PEM files, read when the process starts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

APP_PRIVATE_KEY, ALIPAY_PUBLIC_KEY = "app_private_key.pem", "alipay_public_key.pem"
"""The two files of the keys' folder."""
_FEWEST_BITS = 2048


class KeysUnusable(Exception):
    """A key file is missing or is no RSA key of 2048 bits; the message names the file and nothing of its content."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """Our app's private key, and the public key that Alipay shows for our app."""

    app: RSAPrivateKey
    alipay: RSAPublicKey

    def sign(self, content: bytes) -> str:
        """Our signature, in base 64."""
        return base64.b64encode(self.app.sign(content, PKCS1v15(), SHA256())).decode()

    def verifies(self, content: bytes, signature: str) -> bool:
        """Whether the signature (base 64) over the content is Alipay's."""
        try:
            self.alipay.verify(base64.b64decode(signature, validate=True), content, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def signed_content(parameters: Mapping[str, str], without: Collection[str]) -> bytes:
    """What a signature over parameters covers: all but some, sorted by name, as they are before any URL encoding."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name not in without).encode()


def load_keys(folder: Path) -> Keys:
    """The keys of a folder; raises KeysUnusable."""
    own, theirs = _read(folder / APP_PRIVATE_KEY), _read(folder / ALIPAY_PUBLIC_KEY)
    try:
        private = load_pem_private_key(own, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysUnusable(f"{APP_PRIVATE_KEY} is no private key in PEM without a password") from None
    try:
        public = load_pem_public_key(theirs)
    except (ValueError, UnsupportedAlgorithm):
        raise KeysUnusable(f"{ALIPAY_PUBLIC_KEY} is no public key in PEM") from None
    if not isinstance(private, RSAPrivateKey) or private.key_size < _FEWEST_BITS:
        raise KeysUnusable(f"{APP_PRIVATE_KEY} is no RSA key of {_FEWEST_BITS} bits or more")
    if not isinstance(public, RSAPublicKey) or public.key_size < _FEWEST_BITS:
        raise KeysUnusable(f"{ALIPAY_PUBLIC_KEY} is no RSA key of {_FEWEST_BITS} bits or more")
    return Keys(private, public)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysUnusable(f"{path.name} cannot be read: {error.strerror}") from None
