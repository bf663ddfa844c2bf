"""Personal data at rest: AES-256-GCM under a data key per person, wrapped by the key-encryption key.

Destroying a person's wrapped key erases the person. A keyed blind index finds a document without storing it in clear.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.identity.domain import DocumentType, Person, Sealed
from services.identity.key_ring import KeyRing
from services.identity.keys import Keys

_NONCE = 12


class Vault:
    """Seals and opens people, and hashes what is looked up."""

    def __init__(self, keys: Keys, ring: KeyRing) -> None:
        self._ring = ring
        self._index_key = keys.blind_index
        self._pepper = keys.api_key_pepper

    def seal(self, renter_id: str, person: Person) -> Sealed:
        """Encrypts under a fresh key; the ciphertext is bound to the renter's id."""
        key = AESGCM.generate_key(256)
        fields = [person.document_type, person.document_number, person.full_name, person.phone]
        dates = [person.birth_date.isoformat(), person.expires_on and person.expires_on.isoformat()]
        clear = json.dumps([*fields, *dates, person.document_key]).encode()
        name = renter_id.encode()
        version, wrapped = self._ring.wrap(name, key)
        return Sealed(wrapped, _encrypt(AESGCM(key), clear, name), version)

    def open(self, renter_id: str, sealed: Sealed) -> Person:
        """Decrypts; raises cryptography's InvalidTag when either part was tampered with."""
        name = renter_id.encode()
        key = self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)
        document_type, number, full_name, phone, born, *more = json.loads(_decrypt(AESGCM(key), sealed.data, name))
        expires, document_key = more or (None, number)
        return Person(
            DocumentType(document_type),
            number,
            full_name,
            phone,
            date.fromisoformat(born),
            document_key,
            date.fromisoformat(expires) if expires else None,
        )

    def seal_texts(self, owner_id: str, texts: Sequence[str]) -> Sealed:
        """Encrypts texts about somebody under a fresh key of their own."""
        key, name = AESGCM.generate_key(256), owner_id.encode()
        version, wrapped = self._ring.wrap(name, key)
        return Sealed(wrapped, _encrypt(AESGCM(key), json.dumps(list(texts)).encode(), name), version)

    def open_texts(self, owner_id: str, sealed: Sealed) -> list[str]:
        """Decrypts what `seal_texts` made; raises InvalidTag when it was tampered with."""
        name = owner_id.encode()
        key = self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)
        texts: list[str] = json.loads(_decrypt(AESGCM(key), sealed.data, name))
        return texts

    def seal_part(self, renter_id: str, sealed: Sealed, data: bytes) -> bytes:
        """Encrypts something else about a person under the key that seals them."""
        name = renter_id.encode()
        return _encrypt(AESGCM(self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)), data, b"part|" + name)

    def open_part(self, renter_id: str, sealed: Sealed, part: bytes) -> bytes:
        """Decrypts what `seal_part` made; raises InvalidTag when it was tampered with."""
        name = renter_id.encode()
        return _decrypt(AESGCM(self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)), part, b"part|" + name)

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

    def document_index(self, document_type: DocumentType, key: str) -> bytes:
        """The blind index of a document: equal documents have equal indexes, and nobody without the key can try."""
        return self._index(f"document|{document_type}|{key}")

    def fingerprint(self, person: Person) -> str:
        """A keyed fingerprint of a person's data, for idempotency."""
        fields = [person.document_type, person.document_number, person.full_name, person.phone]
        return self._index("person|" + json.dumps(fields)).hex()

    def login_index(self, partner_id: str, login: str) -> bytes:
        """The blind index of a login at a partner."""
        return self._index(f"login|{partner_id}|{login}")

    def secret_hash(self, secret: str) -> bytes:
        """What is stored of an invitation."""
        return hmac.digest(self._pepper, b"invitation|" + secret.encode(), hashlib.sha256)

    def key_hash(self, key_digest: bytes) -> bytes:
        """What is stored of an API key: HMAC-SHA-256 over its digest."""
        return hmac.digest(self._pepper, b"api-key|" + key_digest, hashlib.sha256)

    def code_hash(self, renter_id: str, code: str) -> bytes:
        """What is stored of a one-time code."""
        return hmac.digest(self._pepper, f"code|{renter_id}|{code}".encode(), hashlib.sha256)

    def refresh_hash(self, token: str) -> bytes:
        """What is stored of a refresh token."""
        return hmac.digest(self._pepper, b"refresh|" + token.encode(), hashlib.sha256)

    def _index(self, text: str) -> bytes:
        return hmac.digest(self._index_key, text.encode(), hashlib.sha256)


def _encrypt(cipher: AESGCM, clear: bytes, name: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, clear, name)


def _decrypt(cipher: AESGCM, sealed: bytes, name: bytes) -> bytes:
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name)
