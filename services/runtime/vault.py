"""Envelope encryption: AES-256-GCM under a data key of its own, wrapped by the key-encryption key."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.runtime.key_ring import KeyRing
from services.values.sealed import Sealed

_NONCE = 12


class TextVault:
    """Seals and opens texts; what is sealed is bound to the id of whom it is about."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal_texts(self, owner_id: str, texts: Sequence[str]) -> Sealed:
        """Encrypts texts about somebody under a fresh key of their own."""
        key, name = AESGCM.generate_key(256), owner_id.encode()
        version, wrapped = self._ring.wrap(name, key)
        return Sealed(wrapped, encrypt(AESGCM(key), json.dumps(list(texts)).encode(), name), version)

    def open_texts(self, owner_id: str, sealed: Sealed) -> list[str]:
        """Decrypts what `seal_texts` made; raises InvalidTag when it was tampered with."""
        name = owner_id.encode()
        key = self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)
        texts: list[str] = json.loads(decrypt(AESGCM(key), sealed.data, name))
        return texts

    def rewrap(self, renter_id: str, sealed: Sealed) -> Sealed:
        """The same data under the active key-encryption key; the data itself is not opened."""
        name = renter_id.encode()
        key = self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)
        version, wrapped = self._ring.wrap(name, key)
        return replace(sealed, wrapped_key=wrapped, key_version=version)

    def active_key(self) -> int:
        """The version that wraps what is new; keys that were added since are noticed."""
        self._ring.refresh()
        return self._ring.active


def encrypt(cipher: AESGCM, clear: bytes, name: bytes) -> bytes:
    """What `decrypt` opens, under the same name only."""
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, clear, name)


def decrypt(cipher: AESGCM, sealed: bytes, name: bytes) -> bytes:
    """What `encrypt` was given; raises InvalidTag when it was tampered with, or is somebody else's."""
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name)
