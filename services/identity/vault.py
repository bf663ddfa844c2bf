"""Personal data at rest: AES-256-GCM under a data key per person, wrapped by the key-encryption key.

Destroying a person's wrapped key erases the person. A keyed blind index finds a document without storing it in clear.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import date

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.identity.domain import DocumentType, Person
from services.identity.keys import Keys
from services.runtime.key_ring import KeyRing
from services.runtime.vault import TextVault, decrypt, encrypt
from services.values.sealed import Sealed


class Vault(TextVault):
    """Seals and opens people, and hashes what is looked up."""

    def __init__(self, keys: Keys, ring: KeyRing) -> None:
        super().__init__(ring)
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
        return Sealed(wrapped, encrypt(AESGCM(key), clear, name), version)

    def open(self, renter_id: str, sealed: Sealed) -> Person:
        """Decrypts; raises cryptography's InvalidTag when either part was tampered with."""
        name = renter_id.encode()
        key = self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)
        document_type, number, full_name, phone, born, *more = json.loads(decrypt(AESGCM(key), sealed.data, name))
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

    def seal_part(self, renter_id: str, sealed: Sealed, data: bytes) -> bytes:
        """Encrypts something else about a person under the key that seals them."""
        name = renter_id.encode()
        return encrypt(AESGCM(self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)), data, b"part|" + name)

    def open_part(self, renter_id: str, sealed: Sealed, part: bytes) -> bytes:
        """Decrypts what `seal_part` made; raises InvalidTag when it was tampered with."""
        name = renter_id.encode()
        return decrypt(AESGCM(self._ring.unwrap(sealed.key_version, name, sealed.wrapped_key)), part, b"part|" + name)

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
